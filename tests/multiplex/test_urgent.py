"""Urgent data on an event base: an event of its own, told apart from what is readable."""

import socket
import sys
from collections.abc import Iterator

import pytest
from multiplex.helpers import Noting, dispatch_quietly, looks_once, one_round
from support.peers import reset, socket_pair
from support.timing import MS, PATIENCE

from trunkline import ActiveSocket, Cause, EventBase, SocketClosed, make_socket_from_fd

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kqueue does not tell it")


@pytest.fixture
def pair() -> Iterator[tuple[ActiveSocket, socket.socket]]:
    """A stream over TCP, and the other end."""
    with socket_pair(socket.AF_INET) as (mine, peer):
        stream = make_socket_from_fd(mine.detach(), dup=False)
        with stream:
            yield stream, peer


Pair = tuple[ActiveSocket, socket.socket]


def urge(peer: socket.socket, byte: bytes = b"!") -> None:
    peer.send(byte, socket.MSG_OOB)


def test_a_handler_is_called_for_an_urgent_byte(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    handler = Noting()
    reading = Noting()
    base.set_io_handler(stream, "urgent", handler)
    base.set_io_handler(stream, "read", reading)
    dispatch_quietly(base)
    urge(peer)
    one_round(base)
    assert handler.calls == [(stream.fileno(), "urgent", None)]
    assert not reading.calls
    assert stream.receive_from(1, out_of_band=True, timeout=PATIENCE)[0] == b"!"
    handler.calls.clear()
    dispatch_quietly(base)
    assert not handler.calls


def test_what_is_not_urgent_does_not_call_it(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    handler = Noting()
    base.set_io_handler(stream, "urgent", handler)
    peer.sendall(b"this has time")
    dispatch_quietly(base)
    assert not handler.calls


def test_it_is_called_again_until_the_byte_is_received(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    handler = Noting()
    base.set_io_handler(stream, "urgent", handler)
    urge(peer)
    one_round(base)
    one_round(base)
    assert len(handler.calls) == 2


def test_it_is_called_before_the_one_that_reads_past(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    received = []

    def receive(number: int, event: str, cause: Cause | None) -> None:
        is_urgent = event == "urgent"
        received.append(stream.receive_from(100, out_of_band=is_urgent, timeout=PATIENCE)[0])

    base.set_io_handler(stream, "read", receive)
    base.set_io_handler(stream, "urgent", receive)
    peer.sendall(b"before")
    urge(peer)
    peer.sendall(b"after")
    stream.receive_from(1, out_of_band=True, peek=True, timeout=PATIENCE)
    while sum(map(len, received)) < 12:
        one_round(base)
    assert received[0] == b"!"
    assert b"".join(received[1:]) == b"beforeafter"
    dispatch_quietly(base)


def test_inline_it_is_called_until_the_stream_is_read_past(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    stream.set_option("oob_inline", True)
    urgent, reading = Noting(), Noting()
    base.set_io_handler(stream, "urgent", urgent)
    base.set_io_handler(stream, "read", reading)
    peer.sendall(b"before")
    urge(peer)
    while not urgent.calls:
        one_round(base)
    # What is received ends at the mark, and then begins with the urgent byte.
    pieces = [(receive_exactly(stream, size), stream.at_mark) for size in (6, 1)]
    assert pieces == [(b"before", True), (b"!", False)]
    urgent.calls.clear()
    dispatch_quietly(base)
    assert not urgent.calls


def receive_exactly(stream: ActiveSocket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += stream.receive_from(size - len(data), timeout=PATIENCE)[0]
    return data


def test_one_shot_is_once(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    handler = Noting()
    base.set_io_handler(stream, "urgent", handler, one_shot=True)
    urge(peer)
    one_round(base)
    dispatch_quietly(base)
    assert len(handler.calls) == 1
    assert base.fd_monitored(stream, "urgent") is None


def test_it_can_be_removed_alone(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    handler, reading = Noting(), Noting()
    base.set_io_handler(stream, "read", reading)
    set_one = base.set_io_handler(stream, "urgent", handler)
    assert base.fd_monitored(stream, "urgent") is set_one
    with pytest.raises(ValueError, match="already monitored for urgent"):
        base.set_io_handler(stream, "urgent", handler)
    assert base.remove_fd_handlers(stream, urgent=True)
    assert not base.remove_fd_handlers(stream, urgent=True)
    urge(peer)
    dispatch_quietly(base)
    assert not handler.calls
    assert base.remove_fd_handlers(stream)


@looks_once
def test_silence_is_told(base: EventBase, pair: Pair) -> None:
    stream, _ = pair
    handler = Noting(base.exit)
    base.set_io_handler(stream, "urgent", handler, timeout=5 * MS)
    base.dispatch(timeout=PATIENCE)
    assert handler.causes == [Cause.TIMEOUT]


def test_an_error_is_told_to_who_is_alone(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    handler = Noting(lambda: base.remove_fd_handlers(stream))
    base.set_io_handler(stream, "urgent", handler)
    reset(peer)
    if base_tells_errors(base):
        one_round(base)
        assert handler.causes == [Cause.ERROR]
    else:
        dispatch_quietly(base)


def base_tells_errors(base: EventBase) -> bool:
    """Say whether the backend tells errors from readiness: select does not."""
    return base._backend.name != "select"


def test_a_hang_up_is_none_of_its_affairs(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    handler = Noting()
    base.set_io_handler(stream, "urgent", handler)
    peer.close()
    stream.shutdown(write=True)
    dispatch_quietly(base)
    assert not handler.calls


def test_who_closes_the_socket_is_the_last_one_called(base: EventBase, pair: Pair) -> None:
    stream, peer = pair
    reading = Noting()
    base.set_io_handler(stream, "read", reading)
    base.set_io_handler(stream, "urgent", lambda *_: stream.close(abort=True))
    urge(peer)
    peer.sendall(b"more")
    while not stream.closed:
        one_round(base)
        reading.calls.clear()
    dispatch_quietly(base)
    assert not reading.calls
    with pytest.raises(SocketClosed):
        base.set_io_handler(stream, "urgent", reading)
