"""recv(2) and send(2) without anything around them, which a build may call in its own way."""

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.peers import socket_pair
from support.under_faults import run_under

from trunkline import implementation
from trunkline._sys.bare_calls import make_receive, make_send
from trunkline._sys.socket_descriptor import NO_SIGNAL, SocketDescriptor
from trunkline.testing import faults
from trunkline.testing.faults import Faults

Pair = tuple[SocketDescriptor, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with socket_pair() as (mine, peer):
        descriptor = SocketDescriptor(mine)
        yield descriptor, peer
        descriptor.close()


def test_what_came_is_received_and_no_more_than_was_asked_for(pair: Pair) -> None:
    descriptor, peer = pair
    receive = make_receive(descriptor)
    peer.sendall(b"one and two")
    assert receive(3) == b"one"
    assert receive(65_536) == b" and two"
    with pytest.raises(BlockingIOError):
        receive(1)
    peer.shutdown(socket.SHUT_WR)
    assert receive(10) == b""


@pytest.mark.parametrize("size", [1, 65_535, 65_536, 65_537, 1_000_000])
def test_however_much_comes_it_is_what_was_sent(pair: Pair, size: int) -> None:
    descriptor, peer = pair
    receive = make_receive(descriptor)
    sent = os.urandom(size)
    sender = threading.Thread(target=peer.sendall, args=(sent,))
    sender.start()
    got = bytearray()
    while len(got) < size:
        if descriptor.is_readable():
            got += receive(size)
    sender.join()
    assert got == sent


@pytest.mark.parametrize(
    "data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes"), memoryview(b"..bytes")[2:]]
)
def test_bytes_of_every_kind_are_sent(pair: Pair, data: Any) -> None:
    descriptor, peer = pair
    assert make_send(descriptor)(data, NO_SIGNAL) == 5
    assert peer.recv(10) == b"bytes"


def test_as_much_as_fits_is_sent(pair: Pair) -> None:
    descriptor, peer = pair
    send = make_send(descriptor)
    data = os.urandom(10_000_000)
    sent = send(data, NO_SIGNAL)
    assert 0 < sent < len(data)
    with contextlib.suppress(BlockingIOError):
        while sent < len(data):
            sent += send(memoryview(data)[sent:], NO_SIGNAL)
    assert sent < len(data)
    got = bytearray()
    while len(got) < sent:
        got += peer.recv(sent - len(got))
    assert got == data[:sent]


def test_nothing_is_sent_by_it(pair: Pair) -> None:
    descriptor, peer = pair
    assert make_send(descriptor)(b"", NO_SIGNAL) == 0
    peer.close()


def test_who_is_gone_is_an_error_and_no_signal(pair: Pair) -> None:
    descriptor, peer = pair
    peer.close()
    send = make_send(descriptor)
    with contextlib.suppress(OSError):  # the first one is the one that finds out, on some systems
        send(b"more", NO_SIGNAL)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        send(b"more", NO_SIGNAL)


def test_a_socket_that_is_closed_is_not_taken_for_what_has_its_number_then(pair: Pair) -> None:
    descriptor, _peer = pair
    receive, send = make_receive(descriptor), make_send(descriptor)
    number = descriptor.number
    descriptor.close()
    one, other = socket.socketpair()
    with one, other:
        if number not in (one.fileno(), other.fileno()):
            pytest.skip("the system has given the number to nobody")
        other.sendall(b"for somebody else")
        one.sendall(b"for somebody else")
        for call in (lambda: receive(10), lambda: send(b"wrong", NO_SIGNAL)):
            with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
                call()


def test_it_does_not_wait_for_a_socket_that_others_have_made_wait(pair: Pair) -> None:
    descriptor, _peer = pair
    os.set_blocking(descriptor.number, True)  # as another process can that has it, too
    if implementation().name == "pure":
        pytest.skip("Python's own sockets would wait, and let other threads run meanwhile")
    with pytest.raises(BlockingIOError):
        make_receive(descriptor)(10)


@pytest.mark.parametrize("wrong", [None, "text", 1.5, object(), [], 2**70])
def test_what_is_no_size_and_no_bytes_is_told(pair: Pair, wrong: Any) -> None:
    descriptor, _peer = pair
    with pytest.raises((TypeError, OverflowError)):
        make_receive(descriptor)(wrong)
    with pytest.raises(TypeError):
        make_send(descriptor)(wrong, 0)
    with pytest.raises((TypeError, AttributeError)):
        make_receive(wrong)(1)
    with pytest.raises((TypeError, AttributeError)):
        make_send(wrong)(b"", 0)
    with pytest.raises(ValueError, match="negative"):
        make_receive(descriptor)(-1)


@pytest.mark.slow
@pytest.mark.skipif(not faults.available(), reason="faults cannot be injected here")
def test_what_a_signal_interrupts_is_called_again(tmp_path: Path) -> None:
    code = """
import socket
from trunkline._sys.socket_descriptor import SocketDescriptor, NO_SIGNAL
one, other = socket.socketpair()
ours, theirs = SocketDescriptor(one), SocketDescriptor(other)
for _ in range(100):
    assert ours.bare_send(b"some", NO_SIGNAL) == 4
    assert theirs.bare_receive(10) == b"some"
ours.close()
theirs.close()
"""
    plan = Faults(interrupted=500)
    _, counts = run_under(plan, tmp_path, "best", "-c", code)
    assert counts["recv EINTR"] > 0
    assert counts["send EINTR"] > 0
