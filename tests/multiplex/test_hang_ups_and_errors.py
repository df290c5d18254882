"""Hang-ups, resets and refusals: whom they are told to, and that nobody spins over them."""

import errno
import os
import socket
from collections.abc import Callable, Iterator

import pytest
from multiplex.helpers import Channel, Noting, dispatch_quietly, one_round, open_channel, quiet
from support.peers import LOOPBACK, refusing_port, reset, socket_pair
from support.timing import MS, PATIENCE

from trunkline import Cause, EventBase

BOTH_WAYS = ("socket pair", "tcp", "terminal", "other side of a terminal")


@pytest.fixture
def reports_errors(backend: str) -> bool:
    """Whether the backend tells an error from readiness, see the guide."""
    return backend != "select"


@pytest.fixture
def was_reset() -> Iterator[socket.socket]:
    """A TCP socket whose peer has reset the connection."""
    with socket_pair(socket.AF_INET) as (mine, peer):
        reset(peer)
        yield mine


@pytest.fixture
def was_refused() -> Iterator[socket.socket]:
    """A TCP socket whose attempt to connect has been refused."""
    with refusing_port() as port, socket.socket() as mine:
        mine.setblocking(False)
        code = mine.connect_ex((LOOPBACK[socket.AF_INET], port))
        assert code in (errno.EINPROGRESS, errno.ECONNREFUSED)
        yield mine


# -- hang-ups --------------------------------------------------------------------------------------


def test_the_end_of_file_is_readable(base: EventBase, channel: Channel) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(channel.reader, "read", handler)
    channel.close_writer()
    base.dispatch(timeout=PATIENCE)
    assert [(number, event) for number, event, _ in handler.calls] == [(channel.reader, "read")]
    if channel.kind != "other side of a terminal":  # To which Linux adds that it is an error.
        assert handler.causes == [None]
    if channel.kind != "terminal":  # Whose master is told of an error of I/O instead.
        assert channel.receive() == b""


def test_what_was_sent_before_a_hang_up_is_read_before_it(
    base: EventBase, channel: Channel
) -> None:
    channel.send(b"last words")
    channel.close_writer()
    if channel.kind == "other side of a terminal":
        pytest.skip("the system throws away what a master sent before it hung up")
    received = bytearray()
    base.set_io_handler(channel.reader, "read", lambda *_: received.extend(channel.receive()))
    for _ in b"last words":  # At most so many short reads.
        if len(received) < 10:
            one_round(base)
    assert received == b"last words"


@pytest.mark.parametrize("kind", BOTH_WAYS)
def test_a_hang_up_is_readable_and_writable(base: EventBase, kind: str) -> None:
    with open_channel(kind) as channel:
        reading, writing = Noting(), Noting()
        channel.close_writer()
        base.set_io_handler(channel.reader, "read", reading)
        base.set_io_handler(channel.reader, "write", writing)
        one_round(base)
        assert len(reading.calls) == 1
        assert len(writing.calls) == 1


@pytest.mark.parametrize("kind", ["socket pair", "tcp", "pipe", "terminal"])
def test_a_hang_up_reaches_a_writer_that_waits_for_room(base: EventBase, kind: str) -> None:
    """There is none, and there never will be."""
    with open_channel(kind) as channel:
        channel.fill()
        handler = Noting(base.exit)
        base.set_io_handler(channel.writer, "write", handler)
        channel.close_reader()
        base.dispatch(timeout=PATIENCE)
        assert [(fd, event) for fd, event, _ in handler.calls] == [(channel.writer, "write")]
        with pytest.raises(OSError, match=r"Broken|Input|reset"):
            os.write(channel.writer, b"x")


def test_a_half_close_is_readable_and_no_more(base: EventBase) -> None:
    with socket_pair(socket.AF_INET) as (mine, peer):
        peer.shutdown(socket.SHUT_WR)
        reading, failing = Noting(), Noting()
        base.set_io_handler(mine, "read", reading)
        base.set_io_handler(mine, "error", failing)
        one_round(base)
        assert reading.causes == [None]
        assert not failing.calls


@pytest.mark.parametrize("kind", ["socket pair", "pipe", "terminal"])
def test_a_hang_up_that_nobody_wants_to_hear_of_is_silenced(base: EventBase, kind: str) -> None:
    """With nothing but an error handler, which a hang-up does not concern."""
    with open_channel(kind) as channel:
        handler = Noting()
        base.set_io_handler(channel.reader, "error", handler)
        channel.close_writer()
        dispatch_quietly(base)
        assert not handler.calls
        assert base.fd_monitored(channel.reader, "error") is not None


def test_a_connection_that_has_ended_both_ways_is_silenced(base: EventBase) -> None:
    with socket_pair(socket.AF_INET) as (mine, peer):
        handler = Noting()
        base.set_io_handler(mine, "error", handler)
        peer.close()
        mine.shutdown(socket.SHUT_WR)
        dispatch_quietly(base)
        assert not handler.calls


def test_what_was_silenced_is_heard_again_when_a_handler_is_added(base: EventBase) -> None:
    with open_channel() as channel:
        base.set_io_handler(channel.reader, "error", Noting())
        channel.close_writer()
        dispatch_quietly(base)
        handler = Noting()
        base.set_io_handler(channel.reader, "read", handler)
        one_round(base)
        assert handler.calls == [(channel.reader, "read", None)]
        base.remove_fd_handlers(channel.reader, read=True)
        dispatch_quietly(base)
        assert base.remove_fd_handlers(channel.reader, error=True)
        assert base.is_empty


def test_a_hang_up_does_not_keep_a_removed_writer_busy(base: EventBase, channel: Channel) -> None:
    """The reader of a hung-up descriptor is removed, and nothing else is there."""
    handler = Noting(lambda: base.remove_fd_handlers(channel.reader, read=True))
    base.set_io_handler(channel.reader, "read", handler)
    channel.close_writer()
    one_round(base)
    dispatch_quietly(base)
    assert len(handler.calls) == 1


# -- errors ----------------------------------------------------------------------------------------


def test_an_error_goes_to_the_error_handler(
    base: EventBase, was_reset: socket.socket, reports_errors: bool
) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(was_reset, "error", handler)
    base.dispatch(timeout=PATIENCE if reports_errors else 20 * MS)
    expected = [(was_reset.fileno(), "error", Cause.ERROR)] if reports_errors else []
    assert handler.calls == expected


def test_without_an_error_handler_an_error_goes_to_the_others(
    base: EventBase, was_reset: socket.socket, reports_errors: bool
) -> None:
    handler = Noting()
    base.set_io_handler(was_reset, "write", handler)
    base.set_io_handler(was_reset, "read", handler)
    base.dispatch(one_shot=True, timeout=PATIENCE)
    cause = Cause.ERROR if reports_errors else None
    number = was_reset.fileno()
    assert handler.calls == [(number, "read", cause), (number, "write", cause)]
    with pytest.raises(ConnectionResetError):
        was_reset.recv(1)


@pytest.mark.parametrize("event", ["read", "write"])
def test_an_error_goes_to_whichever_handler_there_is(
    base: EventBase, was_reset: socket.socket, reports_errors: bool, event: str
) -> None:
    handler = Noting()
    if event == "read":
        base.set_io_handler(was_reset, "read", handler, one_shot=True)
    else:
        base.set_io_handler(was_reset, "write", handler, one_shot=True)
    base.dispatch(one_shot=True, timeout=PATIENCE)
    assert handler.causes == [Cause.ERROR if reports_errors else None]
    assert base.is_empty


def test_with_an_error_handler_the_others_are_told_of_readiness_alone(
    base: EventBase, was_reset: socket.socket, reports_errors: bool
) -> None:
    handler = Noting()
    base.set_io_handler(was_reset, "error", handler)
    base.set_io_handler(was_reset, "read", handler)
    base.set_io_handler(was_reset, "write", handler)
    base.dispatch(one_shot=True, timeout=PATIENCE)
    number = was_reset.fileno()
    expected = [(number, "read", None), (number, "write", None), (number, "error", Cause.ERROR)]
    assert handler.calls == expected[: None if reports_errors else 2]


def test_a_refused_connection_is_told_to_who_waits_for_it(
    base: EventBase, was_refused: socket.socket, reports_errors: bool
) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(was_refused, "write", handler)
    base.dispatch(timeout=PATIENCE)
    cause = Cause.ERROR if reports_errors else None
    assert handler.calls == [(was_refused.fileno(), "write", cause)]
    code = was_refused.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    assert code == errno.ECONNREFUSED


def test_an_error_handler_stays_until_the_error_is_fetched(
    base: EventBase, was_refused: socket.socket, reports_errors: bool
) -> None:
    if not reports_errors:
        pytest.skip("the backend does not tell errors")
    handler = Noting()
    base.set_io_handler(was_refused, "error", handler)
    for count in (1, 2):
        base.dispatch(one_shot=True, timeout=PATIENCE)
        assert len(handler.calls) == count
    was_refused.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    dispatch_quietly(base)
    assert len(handler.calls) == 2


def test_a_one_shot_error_handler_is_called_once(
    base: EventBase, was_reset: socket.socket, reports_errors: bool
) -> None:
    if not reports_errors:
        pytest.skip("the backend does not tell errors")
    handler = Noting()
    base.set_io_handler(was_reset, "error", handler, one_shot=True)
    base.dispatch(one_shot=True, timeout=PATIENCE)
    dispatch_quietly(base)
    assert handler.causes == [Cause.ERROR]
    assert base.is_empty


def test_the_writer_of_a_broken_pipe_is_told(base: EventBase, reports_errors: bool) -> None:
    with open_channel("pipe") as channel:
        channel.close_reader()
        handler = Noting(base.exit)
        base.set_io_handler(channel.writer, "write", handler)
        base.dispatch(timeout=PATIENCE)
        assert handler.causes == [Cause.ERROR if reports_errors else None]


@pytest.mark.parametrize("removed", ["by the read handler", "by the write handler"])
def test_an_error_is_not_told_to_handlers_removed_meanwhile(
    base: EventBase, was_reset: socket.socket, removed: str
) -> None:
    def remove_all() -> None:
        base.remove_fd_handlers(was_reset)

    first, other = Noting(remove_all), Noting()
    if removed == "by the read handler":
        base.set_io_handler(was_reset, "read", first)
        base.set_io_handler(was_reset, "write", other)
    else:
        base.set_io_handler(was_reset, "write", first)
    base.set_io_handler(was_reset, "error", other)
    base.dispatch(one_shot=True, timeout=PATIENCE)
    assert len(first.calls) == 1
    assert not other.calls
    assert base.is_empty


# -- descriptors that are never quiet --------------------------------------------------------------

Watched = Callable[[EventBase, int], object]


def test_a_listening_socket_is_quiet_until_somebody_connects(base: EventBase) -> None:
    with socket.create_server((LOOPBACK[socket.AF_INET], 0)) as listener:
        handler = Noting(lambda: listener.accept()[0].close())
        base.set_io_handler(listener, "read", handler)
        dispatch_quietly(base)
        with socket.create_connection(listener.getsockname()):
            base.dispatch(one_shot=True, timeout=PATIENCE)
        dispatch_quietly(base)
        assert handler.calls == [(listener.fileno(), "read", None)]


def test_a_socket_that_was_never_connected_does_not_spin(base: EventBase) -> None:
    """Some systems say that it has hung up."""
    with socket.socket() as unconnected:
        handler = Noting()
        base.set_io_handler(unconnected, "error", handler)
        dispatch_quietly(base)


def test_a_descriptor_without_handlers_does_not_wake_anybody(
    base: EventBase, channel: Channel
) -> None:
    base.set_io_handler(channel.reader, "read", Noting())
    base.remove_fd_handlers(channel.reader)
    channel.send()
    with quiet(base, 1):
        base.dispatch(timeout=20 * MS)
    channel.close_writer()
    with quiet(base, 1):
        base.dispatch(timeout=20 * MS)
