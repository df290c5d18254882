"""What a stream has received and nobody has read counts as readable, though no backend sees it."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from multiplex.helpers import (
    Channel,
    Failure,
    Noting,
    at_once,
    dispatch_quietly,
    looks_once,
    one_round,
)
from sockets.helpers import stream_and_peer
from support.timing import MS, PATIENCE

from trunkline import ActiveSocket, Cause, EventBase
from trunkline.testing.clock import ManualClock

Pair = tuple[ActiveSocket, socket.socket]


@pytest.fixture(params=[socket.AF_UNIX, socket.AF_INET], ids=["socket pair", "tcp"])
def connection(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A stream, and the other end of its connection."""
    with stream_and_peer(request.param) as pair:
        yield pair


class Lines:
    """A read handler that takes one line, if a whole one is there.

    Attributes:
        lines: What it has taken.
        calls: How often it was called.
    """

    def __init__(self, stream: ActiveSocket, then: Callable[[], object] = lambda: None) -> None:
        self.lines: list[str] = []
        self.calls = 0
        self._stream = stream
        self._then = then

    def __call__(self, number: int, event: str, cause: Cause | None) -> None:
        self.calls += 1
        with contextlib.suppress(TimeoutError):
            self.lines.append(self._stream.read_line(timeout=0))
        self._then()


def until(base: EventBase, reached: Callable[[], bool]) -> None:
    """Dispatch until something has come about."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "it has not come about"
        base.dispatch(one_shot=True, timeout=PATIENCE / 50)


def receive_into_buffer(stream: ActiveSocket, size: int) -> None:
    """Let a stream receive so many bytes, and take nothing."""
    stream.peek_char()
    while len(stream._input_buffer) < size:
        with pytest.raises(TimeoutError):
            stream.read_until(b"\0never\0", timeout=0)


# -- two lines in one segment ----------------------------------------------------------------------


def test_two_lines_in_one_segment_are_two_calls(base: EventBase, connection: Pair) -> None:
    stream, peer = connection
    handler = Lines(stream)
    base.set_io_handler(stream, "read", handler)
    peer.sendall(b"one\ntwo\n")
    with at_once():
        until(base, lambda: len(handler.lines) == 2)
    assert handler.lines == ["one", "two"]
    dispatch_quietly(base)


def test_a_thousand_lines_are_served_without_waiting(base: EventBase, connection: Pair) -> None:
    stream, peer = connection
    handler = Lines(stream)
    base.set_io_handler(stream, "read", handler)
    peer.sendall(b"".join(b"%d\n" % number for number in range(1000)))
    with at_once():
        until(base, lambda: len(handler.lines) == 1000)
    assert handler.lines == [str(number) for number in range(1000)]


@looks_once
def test_others_have_their_turn_between_two_lines(base: EventBase, pair: Channel) -> None:
    """One call an iteration, like everybody else."""
    order: list[str] = []
    with stream_and_peer() as (stream, peer):
        lines = Lines(stream, lambda: order.append("stream"))
        base.set_io_handler(stream, "read", lines)
        base.set_io_handler(pair.reader, "read", Noting(lambda: order.append("other")))
        peer.sendall(b"1\n2\n3\n4\n")
        pair.send()
        until(base, lambda: len(lines.lines) == 4)
    assert order.count("other") >= 4 - 1
    assert "other" in order[1:3]


def test_the_last_lines_are_served_though_the_peer_has_gone(
    base: EventBase, connection: Pair
) -> None:
    stream, peer = connection
    handler = Lines(stream)
    base.set_io_handler(stream, "read", handler)
    peer.sendall(b"one\ntwo\nthe rest")
    peer.close()
    until(base, lambda: len(handler.lines) == 3)
    assert handler.lines == ["one", "two", "the rest"]


# -- half a line -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"half a line", b"whole\nhalf", b"\xe2\x82", b"whole\n\r"])
def test_what_cannot_be_taken_yet_does_not_spin(
    base: EventBase, connection: Pair, sent: bytes
) -> None:
    stream, peer = connection
    handler = Lines(stream)
    base.set_io_handler(stream, "read", handler)
    peer.sendall(sent)
    whole = sent.count(b"\n")
    until(base, lambda: len(handler.lines) == whole and handler.calls > 0)
    dispatch_quietly(base, 6)
    assert stream.has_buffered_input
    assert len(handler.lines) == whole


def test_half_a_character_does_not_spin(base: EventBase) -> None:
    with stream_and_peer(external_format="utf-16-le") as (stream, peer):
        chars: list[str | None] = []
        base.set_io_handler(stream, "read", lambda *_: chars.append(stream.read_char_no_hang()))
        peer.sendall("a".encode("utf-16-le") + b"b")
        until(base, lambda: "a" in chars)
        dispatch_quietly(base, 6)
        peer.sendall(b"\0")
        until(base, lambda: "b" in chars)


def test_the_rest_of_a_line_is_waited_for(base: EventBase, connection: Pair) -> None:
    stream, peer = connection
    handler = Lines(stream)
    base.set_io_handler(stream, "read", handler)
    peer.sendall(b"first\nsec")
    until(base, lambda: handler.lines == ["first"] and stream.has_buffered_input)
    dispatch_quietly(base, 6)
    peer.sendall(b"ond\nthird\n")
    until(base, lambda: len(handler.lines) == 3)
    assert handler.lines == ["first", "second", "third"]


@pytest.mark.parametrize("one_shot", [False, True])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_handler_that_sets_itself_anew_does_not_spin_over_half_a_line(
    base: EventBase, connection: Pair, one_shot: bool, wrapped: bool
) -> None:
    """The very same callback, or a new function each time."""
    stream, peer = connection

    def again() -> None:
        base.remove_fd_handlers(stream)
        callback: Callable[..., object] = handler
        if wrapped:
            callback = lambda *arguments: handler(*arguments)  # noqa: E731
        base.set_io_handler(stream, "read", callback, one_shot=one_shot)

    handler = Lines(stream, again)
    again()
    peer.sendall(b"one\ntwo\nhalf")
    until(base, lambda: len(handler.lines) == 2 and stream.has_buffered_input)
    dispatch_quietly(base, 8)
    peer.sendall(b" a line\nfour\n")
    until(base, lambda: len(handler.lines) == 4)
    assert handler.lines == ["one", "two", "half a line", "four"]


# -- registering with input already there ----------------------------------------------------------


@pytest.mark.parametrize("one_shot", [False, True])
def test_a_stream_may_be_registered_with_input_already_buffered(
    base: EventBase, connection: Pair, one_shot: bool
) -> None:
    stream, peer = connection
    peer.sendall(b"one\ntwo\n")
    assert stream.read_line() == "one"
    receive_into_buffer(stream, len(b"two\n"))
    handler = Lines(stream)
    base.set_io_handler(stream, "read", handler, one_shot=one_shot)
    base.add_timer(lambda: None, 600)
    with at_once():
        one_round(base)
    assert handler.lines == ["two"]


def test_a_handler_that_pauses_sees_buffered_input_when_it_resumes(
    base: EventBase, connection: Pair
) -> None:
    stream, peer = connection

    def pause() -> None:
        if len(handler.lines) == count:
            base.remove_fd_handlers(stream)

    handler = Lines(stream, pause)
    peer.sendall(b"one\ntwo\nthree\n")
    for count in (1, 2, 3):
        base.set_io_handler(stream, "read", handler)
        with at_once():
            until(base, lambda count=count: len(handler.lines) == count)  # type: ignore[misc]
        dispatch_quietly(base)
        assert len(handler.lines) == count
    assert handler.lines == ["one", "two", "three"]


def test_a_handler_set_in_place_of_another_sees_what_that_left(
    base: EventBase, connection: Pair
) -> None:
    stream, peer = connection
    second = Lines(stream)

    def replace() -> None:
        if first.lines:
            base.remove_fd_handlers(stream)
            base.set_io_handler(stream, "read", second)

    first = Lines(stream, replace)
    base.set_io_handler(stream, "read", first)
    peer.sendall(b"one\ntwo\n")
    until(base, lambda: len(second.lines) == 1)
    assert (first.lines, second.lines) == (["one"], ["two"])


def test_a_handler_set_by_one_that_has_taken_nothing_sees_it_all(
    base: EventBase, connection: Pair
) -> None:
    """As of a protocol that looks at a line, and hands it to somebody else."""
    stream, peer = connection
    peer.sendall(b"one\n")
    receive_into_buffer(stream, len(b"one\n"))
    second = Lines(stream)

    def hand_over(*_: object) -> None:
        base.remove_fd_handlers(stream)
        base.set_io_handler(stream, "read", second)

    base.set_io_handler(stream, "read", hand_over)
    until(base, lambda: len(second.lines) == 1)
    assert second.lines == ["one"]


def test_a_stream_known_by_its_number_at_first_is_still_a_stream(
    base: EventBase, connection: Pair
) -> None:
    stream, peer = connection
    base.set_io_handler(stream.fileno(), "error", Noting())
    handler = Lines(stream)
    base.set_io_handler(stream, "read", handler)
    peer.sendall(b"one\ntwo\n")
    with at_once():
        until(base, lambda: len(handler.lines) == 2)


# -- exceptions ------------------------------------------------------------------------------------


def test_an_exception_between_two_lines_loses_nothing(base: EventBase, connection: Pair) -> None:
    stream, peer = connection

    def complain() -> None:
        if len(handler.lines) == count:
            raise Failure

    handler = Lines(stream, complain)
    base.set_io_handler(stream, "read", handler)
    peer.sendall(b"one\ntwo\nthree\n")
    for count in (1, 2, 3):
        with at_once(), pytest.raises(Failure):
            base.dispatch(timeout=PATIENCE)
        assert len(handler.lines) == count
    assert handler.lines == ["one", "two", "three"]
    dispatch_quietly(base)


# -- and the other handlers ------------------------------------------------------------------------


def test_buffered_input_is_not_room_to_write(base: EventBase) -> None:
    """The write handler is not called for it, nor the error handler."""
    with stream_and_peer() as (stream, peer):
        Channel("socket pair", peer.fileno(), stream.fileno()).fill()
        peer.sendall(b"1\n2\n3\n4\n")
        lines, other = Lines(stream), Noting()
        base.set_io_handler(stream, "read", lines)
        base.set_io_handler(stream, "write", other)
        base.set_io_handler(stream, "error", other)
        until(base, lambda: len(lines.lines) == 4)
        assert not other.calls


def test_input_is_served_that_was_buffered_while_the_write_handler_was_called(
    base: EventBase, connection: Pair
) -> None:
    stream, peer = connection
    lines = Lines(stream)
    base.set_io_handler(stream, "read", lines)
    base.set_io_handler(stream, "write", Noting())
    peer.sendall(b"1\n2\n3\n")
    until(base, lambda: len(lines.lines) == 3)


def test_what_a_timeout_leaves_behind_is_served_at_once(
    timed_base: EventBase, clock: ManualClock
) -> None:
    """A handler that waits for two lines at a time, and for a while only."""
    with stream_and_peer() as (stream, peer):
        lines: list[str] = []

        def take(number: int, event: str, cause: Cause | None) -> None:
            if cause is Cause.TIMEOUT or lines:
                lines.append(stream.read_line(timeout=0))

        peer.sendall(b"one\ntwo\n")
        receive_into_buffer(stream, len(b"one\ntwo\n"))
        timed_base.set_io_handler(stream, "read", take, timeout=5)
        timed_base.dispatch(one_shot=True)
        assert not lines
        clock.advance(5)
        timed_base.dispatch(timeout=0)
        assert lines == ["one"]
        timed_base.dispatch(timeout=0)
        assert lines == ["one", "two"]


def test_a_timeout_is_pushed_back_by_buffered_input(
    timed_base: EventBase, clock: ManualClock
) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\ntwo\n")
        receive_into_buffer(stream, len(b"one\ntwo\n"))
        causes: list[Cause | None] = []

        def take(number: int, event: str, cause: Cause | None) -> None:
            causes.append(cause)
            if cause is None:
                stream.read_line(timeout=0)

        timed_base.set_io_handler(stream, "read", take, timeout=5)
        for _ in range(2):
            clock.advance(4)
            timed_base.dispatch(timeout=0)
        clock.advance(4)
        timed_base.dispatch(timeout=0)
        assert causes == [None, None]


def test_a_closed_stream_has_nothing_to_be_served(backend: str) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base:
        with stream_and_peer() as (stream, peer):

            def close() -> None:
                if handler.lines:
                    stream.close(abort=True)

            handler = Lines(stream, close)
            base.set_io_handler(stream, "read", handler)
            peer.sendall(b"one\ntwo\n")
            base.dispatch(timeout=PATIENCE)
        assert base.is_empty
        assert handler.lines == ["one"]


def test_a_buffered_stream_keeps_an_idle_event_base_going(base: EventBase) -> None:
    """Serving it is input and output like any other."""
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"line\n" * 50)
        receive_into_buffer(stream, 250)
        handler = Lines(stream)
        base.set_io_handler(stream, "read", handler)
        base.dispatch(idle_timeout=20 * MS)
        assert len(handler.lines) == 50
