"""Signals: whoever handles one does not notice that a call was interrupted; Ctrl-C gets through."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from sockets.helpers import Call, full_listener, listening, raising, signals, stream_and_peer
from support.peers import connect, receive_exactly
from support.processes import Program
from support.signal_points import FEWEST, interrupted_at
from support.timing import MS, PATIENCE

from trunkline import ActiveSocket, TimedOut, lookup_hostname, make_socket

MUCH = 3_000_000  # bytes, more than any buffer of the system's


class Storm:
    """A signal every millisecond, and a way to wait for the next ones."""

    def __init__(self) -> None:
        self.count = 0
        self._news: SimpleQueue[None] = SimpleQueue()  # which a handler may put something into

    def strike(self) -> None:
        self.count += 1
        self._news.put(None)

    def wait_for_some(self) -> None:
        """Wait, in another thread than the main one, until two signals have been handled."""
        while not self._news.empty():
            self._news.get()
        for _ in range(2):
            self._news.get(timeout=PATIENCE)


@pytest.fixture
def storm() -> Iterator[Storm]:
    storm = Storm()
    with signals(1 * MS, storm.strike):
        yield storm


def test_reading_goes_on(storm: Storm) -> None:
    def send() -> None:
        for _ in range(20):
            storm.wait_for_some()
            peer.sendall(b"0123456789")

    with stream_and_peer() as (stream, peer), Call(send):
        assert stream.read_exactly(200, timeout=PATIENCE) == b"0123456789" * 20
    assert storm.count >= 20


def test_writing_goes_on(storm: Storm) -> None:
    def receive() -> bytes:
        storm.wait_for_some()
        return receive_exactly(peer, MUCH)

    data = bytes(range(250)) * (MUCH // 250)
    with stream_and_peer() as (stream, peer), Call(receive) as receiving:
        stream.write(data, timeout=PATIENCE)
        stream.finish_output(timeout=PATIENCE)
        assert receiving.result() == data


def test_accepting_goes_on(storm: Storm) -> None:
    def come() -> None:
        storm.wait_for_some()
        connect(("127.0.0.1", listener.local_port)).close()

    with listening() as listener, Call(come):
        listener.accept().close()


def test_connecting_goes_on(storm: Storm, tmp_path: Path) -> None:
    def make_room() -> None:
        storm.wait_for_some()
        listener.accept().close()

    with (
        make_socket(
            connect="passive", address_family="local", local_filename=tmp_path / "x", backlog=0
        ) as listener,
        make_socket(address_family="local", remote_filename=tmp_path / "x"),
        make_socket(address_family="local") as sock,
        Call(make_room),
    ):
        sock.connect(tmp_path / "x", timeout=PATIENCE)
        listener.accept().close()


@pytest.mark.slow
def test_connecting_over_the_internet_goes_on(storm: Storm) -> None:
    def make_room() -> None:
        storm.wait_for_some()
        listener.accept()[0].close()

    with full_listener() as listener, make_socket() as sock, Call(make_room):
        sock.connect("127.0.0.1", listener.getsockname()[1], timeout=PATIENCE)
        assert sock.is_connected


def test_looking_up_goes_on(storm: Storm, monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*arguments: object) -> list[Any]:
        storm.wait_for_some()
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert str(lookup_hostname("host.example", timeout=PATIENCE).address) == "192.0.2.1"


@pytest.mark.parametrize("what", ["read", "accept", "connect"])
def test_a_time_limit_neither_shrinks_nor_grows(storm: Storm, what: str) -> None:
    start = time.monotonic()
    if what == "read":
        with stream_and_peer() as (stream, _), pytest.raises(TimedOut):
            stream.read(timeout=60 * MS)
    elif what == "accept":
        with listening() as listener:
            assert listener.accept(timeout=60 * MS) is None
    else:
        with full_listener() as full, make_socket() as sock, pytest.raises(TimedOut):
            sock.connect("127.0.0.1", full.getsockname()[1], timeout=60 * MS)
    assert 60 * MS <= time.monotonic() - start < PATIENCE
    assert storm.count > 2


# -- signals whose handlers raise -----------------------------------------------------------------


class Given(Exception):
    """Raised by a handler, as KeyboardInterrupt is."""


def test_an_interrupted_read_loses_nothing() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"the beginning and ")
        buffer = bytearray(29)
        with pytest.raises(Given), raising(20 * MS, Given):
            stream.read_line()
        with pytest.raises(Given), raising(20 * MS, Given):
            stream.read_exactly(100)
        with pytest.raises(Given), raising(20 * MS, Given):
            stream.read_into(buffer)
        peer.sendall(b"the end\n")
        assert stream.read_line(timeout=PATIENCE) == "the beginning and the end"


def test_an_interrupted_write_goes_on_where_it_was() -> None:
    data = bytes(range(250)) * (MUCH // 250)
    with stream_and_peer() as (stream, peer):
        with pytest.raises(Given), raising(50 * MS, Given):
            stream.write(data)
        assert stream.has_buffered_output
        with Call(receive_exactly, peer, MUCH) as receiving:
            stream.finish_output(timeout=PATIENCE)
            assert receiving.result() == data


def test_after_an_interrupted_accept_the_next_one_works() -> None:
    with listening() as listener:
        with pytest.raises(Given), raising(10 * MS, Given):
            listener.accept()
        with connect(("127.0.0.1", listener.local_port)):
            listener.accept().close()


def test_an_interrupted_connect_can_be_waited_for_or_closed() -> None:
    with full_listener() as listener, make_socket() as sock:
        with pytest.raises(Given), raising(10 * MS, Given):
            sock.connect("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(TimedOut):
            sock.wait_connected(timeout=0)


@pytest.mark.parametrize(
    "use",
    [
        lambda stream: stream.read_line(),
        lambda stream: stream.read_char(),
        lambda stream: stream.read_exactly(3),
        lambda stream: stream.write_line("more"),
        lambda stream: stream.write("more", flush=True),
        lambda stream: stream.send_to(b"more"),
        lambda stream: stream.wait_connected(),
    ],
)
def test_an_exception_of_a_handler_leaves_no_right_taken_wherever_it_strikes(
    use: Callable[[ActiveSocket], object],
) -> None:
    for point in range(1000):
        with stream_and_peer() as (stream, peer):
            peer.sendall(b"one\ntwo\n")
            was_interrupted = interrupted_at(point, partial(use, stream))
            stream.clear_output()
            stream.clear_input()  # would be told Busy
            number = stream.fileno()
            stream.close(abort=True)
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(number)
        if not was_interrupted:
            break
    assert FEWEST <= point < 999


CONTROL_C = """
from trunkline import make_socket

with make_socket(connect="passive", local_host="127.0.0.1") as listener:
    print("port", listener.local_port, flush=True)
    with listener.accept() as client:
        for call in (client.read_line, lambda: client.read_exactly(100), listener.accept):
            try:
                print("waiting", flush=True)
                call()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
        print("line", client.read_line(), flush=True)
"""


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.slow
def test_control_c_gets_through_and_spoils_nothing() -> None:
    with Program([sys.executable, "-c", CONTROL_C]) as program:
        port = int(program.wait_for_line(r"^port (\d+)$")[1])
        with connect(("127.0.0.1", port)) as client:
            client.sendall(b"spoilt? ")
            for _ in range(3):
                program.wait_for_line("^waiting$")
                program.interrupt()
                program.wait_for_line("^interrupted$")
            client.sendall(b"no\n")
            program.wait_for_line(r"^line spoilt\? no$")
        assert program.wait() == 0
