"""Descriptors that are closed while they are monitored, and numbers that are given away again.

A number is not an identity, and on some systems what is monitored is not even the number but the
open file, which outlives it in a duplicate. Whatever a program does, nobody may be called for a
file that is not his, and nothing may spin.

Where a number is given to another file, terminals are left out: the masters of all of them are the
same file to fstat(2), and nothing else tells them apart.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from multiplex.helpers import Channel, Noting, at_once, dispatch_quietly, one_round, open_channel
from sockets.helpers import Call, listening, stream_and_peer
from support.peers import reset, socket_pair
from support.timing import PATIENCE

from trunkline import ActiveSocket, EventBase, SocketClosed

KINDS_OF_FILES = ("socket pair", "tcp", "pipe")


def give_number_to(number: int, channel: Channel) -> None:
    """Let the reader of a channel have a number, which must be free, instead of its own."""
    os.dup2(channel.reader, number)
    channel.close_reader()
    channel.reader = number


# -- closed behind our back ------------------------------------------------------------------------


def test_a_descriptor_that_was_closed_is_quiet(base: EventBase, channel: Channel) -> None:
    handler = Noting()
    number = channel.reader
    base.set_io_handler(number, "read", handler)
    base.set_io_handler(number, "error", handler)
    channel.send()
    channel.close_reader()
    dispatch_quietly(base)
    assert not handler.calls
    base.remove_fd_handlers(number)
    assert base.is_empty


@pytest.mark.parametrize("event", ["read", "write", "error"])
def test_of_a_descriptor_that_was_closed_handlers_can_be_removed_one_by_one(
    base: EventBase, channel: Channel, event: str
) -> None:
    handler = Noting()
    number = channel.reader
    for each in ("read", "write", "error"):
        base.set_io_handler(number, each, handler, timeout=PATIENCE)
    channel.close_reader()
    assert base.remove_fd_handlers(number, **{event: True})
    assert base.fd_monitored(number, event) is None  # type: ignore[arg-type]
    dispatch_quietly(base)
    assert not handler.calls
    base.remove_fd_handlers(number)
    assert base.is_empty


@pytest.mark.parametrize("how", ["close", "detach and close", "os.close"])
def test_a_socket_that_was_closed_is_quiet(base: EventBase, how: str) -> None:
    with socket_pair() as (mine, peer):
        handler = Noting()
        number = mine.fileno()
        base.set_io_handler(mine, "read", handler)
        peer.send(b"x")
        if how == "close":
            mine.close()
        else:
            assert mine.detach() == number
            os.close(number)
        dispatch_quietly(base)
        assert not handler.calls
        base.remove_fd_handlers(number)
        assert base.is_empty


def test_a_socket_that_was_detached_is_still_monitored(base: EventBase) -> None:
    with socket_pair() as (mine, peer):
        handler = Noting()
        base.set_io_handler(mine, "read", handler)
        number = mine.detach()
        peer.send(b"x")
        one_round(base)
        assert handler.calls == [(number, "read", None)]
        base.remove_fd_handlers(number)
        os.close(number)


def test_others_are_served_though_one_was_closed(base: EventBase) -> None:
    with open_channel() as closed, open_channel() as other:
        handler = Noting()
        base.set_io_handler(closed.reader, "read", Noting())
        base.set_io_handler(other.reader, "read", handler)
        closed.close_reader()
        other.send()
        base.dispatch(timeout=PATIENCE, one_shot=True)
        assert handler.calls == [(other.reader, "read", None)]


# -- a number that is another file's ---------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_a_handler_is_not_called_for_another_file(base: EventBase, kind: str) -> None:
    with open_channel(kind) as old, open_channel(kind) as new:
        handler = Noting()
        number = old.reader
        base.set_io_handler(number, "read", handler)
        base.set_io_handler(number, "error", handler)
        old.close_reader()
        give_number_to(number, new)
        new.send()
        dispatch_quietly(base)
        assert not handler.calls


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_a_number_can_be_registered_again(base: EventBase, kind: str) -> None:
    with open_channel(kind) as old, open_channel(kind) as new:
        first, second = Noting(), Noting()
        number = old.reader
        base.set_io_handler(number, "read", first)
        old.close_reader()
        give_number_to(number, new)
        base.set_io_handler(number, "read", second)
        new.send()
        one_round(base)
        assert (len(first.calls), len(second.calls)) == (0, 1)
        assert base.statistics().handlers == 1


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_a_number_can_be_registered_again_for_something_else(base: EventBase, kind: str) -> None:
    with open_channel(kind) as old, open_channel("socket pair") as new:
        first, second = Noting(), Noting()
        number = old.reader
        base.set_io_handler(number, "read", first)
        old.close_reader()
        give_number_to(number, new)
        base.set_io_handler(number, "write", second)
        new.send()
        one_round(base)
        assert (len(first.calls), len(second.calls)) == (0, 1)
        assert base.fd_monitored(number, "read") is None


def test_dup2_onto_a_monitored_number_ends_the_monitoring(base: EventBase) -> None:
    with open_channel() as old, open_channel() as new:
        handler = Noting()
        base.set_io_handler(old.reader, "read", handler)
        os.dup2(new.reader, old.reader)
        new.send()
        dispatch_quietly(base)
        assert not handler.calls


# -- and the old file lives on ---------------------------------------------------------------------


@contextlib.contextmanager
def duplicated(channel: Channel) -> Iterator[int]:
    """Close the reader of a channel, of which there is a duplicate; yield the number it had."""
    number = channel.reader
    channel.reader = os.dup(number)
    os.close(number)
    yield number


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
@pytest.mark.parametrize("removed", [False, True])
def test_a_closed_descriptor_with_a_duplicate_is_quiet(
    base: EventBase, kind: str, removed: bool
) -> None:
    with open_channel(kind) as channel:
        handler = Noting()
        base.set_io_handler(channel.reader, "read", handler)
        with duplicated(channel) as number:
            if removed:
                base.remove_fd_handlers(number)
            channel.send()
            dispatch_quietly(base)
            assert not handler.calls
            channel.receive()
            channel.close_writer()
            dispatch_quietly(base)
            assert not handler.calls


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
@pytest.mark.parametrize("removed", [False, True])
def test_the_events_of_a_duplicate_are_not_those_of_the_file_that_has_its_number(
    base: EventBase, kind: str, removed: bool
) -> None:
    with open_channel(kind) as old, open_channel(kind) as new:
        handler = Noting()
        base.set_io_handler(old.reader, "read", handler)
        with duplicated(old) as number:
            if removed:
                base.remove_fd_handlers(number)
            give_number_to(number, new)
            old.send()
            new.send()
            dispatch_quietly(base)
            assert not handler.calls


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
@pytest.mark.parametrize("removed", [False, True])
def test_the_file_that_has_its_number_is_served_in_spite_of_a_duplicate(
    base: EventBase, kind: str, removed: bool
) -> None:
    with open_channel(kind) as old, open_channel(kind) as new:
        first, second = Noting(), Noting()
        base.set_io_handler(old.reader, "read", first)
        with duplicated(old) as number:
            if removed:
                base.remove_fd_handlers(number)
            give_number_to(number, new)
            base.set_io_handler(number, "read", second)
            old.send()
            dispatch_quietly(base)
            assert not second.calls
            new.send()
            one_round(base)
            assert second.calls == [(number, "read", None)]
            new.receive()
            dispatch_quietly(base)
            assert len(second.calls) == 1
            assert not first.calls


def test_a_file_is_told_of_its_own_events_and_not_of_those_of_a_duplicate(base: EventBase) -> None:
    """The duplicate is readable, the file that has its number writable, both at once."""
    with open_channel() as old, open_channel() as new:
        reading, writing = Noting(), Noting()
        base.set_io_handler(old.reader, "read", Noting())
        with duplicated(old) as number:
            give_number_to(number, new)
            base.set_io_handler(number, "read", reading)
            base.set_io_handler(number, "write", writing)
            old.send()
            for count in (1, 2, 3):
                one_round(base)
                assert len(writing.calls) == count
            assert not reading.calls


def test_the_same_file_under_its_number_again_is_monitored_on(base: EventBase) -> None:
    """Closed, and brought back from a duplicate: it is the same open file."""
    with open_channel() as channel:
        handler = Noting()
        base.set_io_handler(channel.reader, "read", handler)
        with duplicated(channel) as number:
            give_number_to(number, channel)
            channel.send()
            one_round(base)
            assert handler.calls == [(number, "read", None)]
            base.remove_fd_handlers(number)
            dispatch_quietly(base)
            assert len(handler.calls) == 1


def test_many_stale_descriptors_are_left_behind_together(base: EventBase) -> None:
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(open_channel()) for _ in range(20)]
        handler, live = Noting(), Noting()
        for channel in channels:
            base.set_io_handler(channel.reader, "read", handler)
            stack.enter_context(duplicated(channel))
            channel.send()
        other = stack.enter_context(open_channel())
        base.set_io_handler(other.reader, "read", live)
        dispatch_quietly(base, iterations=2 * len(channels))
        dispatch_quietly(base)
        other.send()
        one_round(base)
        assert not handler.calls
        assert live.calls


# -- within one iteration --------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["closed", "removed and closed", "closed and duplicated"])
@pytest.mark.parametrize("registered", [False, True])
def test_a_number_that_is_reused_by_an_earlier_handler_is_passed_over(
    base: EventBase, how: str, registered: bool
) -> None:
    """Two descriptors are ready; the one that is served first gives the other's number away."""
    with contextlib.ExitStack() as stack:
        one, two = (stack.enter_context(open_channel()) for _ in range(2))
        new = stack.enter_context(open_channel())
        late = Noting()

        def give_away() -> None:
            other = two if handler.calls[0][0] == one.reader else one
            number = other.reader
            if how == "removed and closed":
                base.remove_fd_handlers(number)
            if how == "closed and duplicated":
                stack.enter_context(duplicated(other))
            else:
                other.close_reader()
            give_number_to(number, new)
            if registered:
                base.set_io_handler(number, "read", late)
            base.remove_fd_handlers(handler.calls[0][0])

        handler = Noting(give_away)
        for channel in (one, two):
            base.set_io_handler(channel.reader, "read", handler)
            channel.send()
        one_round(base)
        assert len(handler.calls) == 1
        dispatch_quietly(base)
        assert len(handler.calls) == 1
        assert not late.calls
        new.send()
        if registered:
            one_round(base)
            assert late.calls == [(new.reader, "read", None)]
        else:
            dispatch_quietly(base)


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("closing", ["read", "write"])
def test_what_a_handler_closes_itself_is_closed_for_the_others_too(
    base: EventBase, closing: str, reused: bool
) -> None:
    """The read handler closes the descriptor, and the write and error handlers are still there."""
    with socket_pair(socket.AF_INET) as (mine, peer), open_channel() as new:
        number = mine.fileno()
        late = Noting()

        def close() -> None:
            assert mine.detach() == number
            os.close(number)
            if reused:
                give_number_to(number, new)

        if closing == "read":
            base.set_io_handler(number, "read", Noting(close))
            base.set_io_handler(number, "write", late)
        else:
            base.set_io_handler(number, "write", Noting(close))
        base.set_io_handler(number, "error", late)
        reset(peer)
        one_round(base)
        dispatch_quietly(base)
        assert not late.calls


# -- sockets that say when they are closed ---------------------------------------------------------


def test_a_socket_of_ours_takes_its_handlers_along(backend: str) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base, stream_and_peer() as (stream, _):
        number = stream.fileno()
        handler = Noting()
        base.set_io_handler(stream, "read", handler, timeout=0.001)
        base.set_io_handler(stream, "write", handler)
        base.set_io_handler(stream, "error", handler)
        stream.close(abort=True)
        assert base.is_empty
        assert base.fd_monitored(number, "read") is None
        assert base.remove_fd_handlers(number) is False
        base.dispatch()
        assert not handler.calls


def test_a_socket_of_ours_may_be_closed_by_its_handler(backend: str) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base:
        with stream_and_peer() as (stream, peer):
            reading, writing = Noting(lambda: stream.close(abort=True)), Noting()
            base.set_io_handler(stream, "read", reading)
            base.set_io_handler(stream, "write", writing)
            peer.send(b"one\ntwo\n")
            base.dispatch(timeout=PATIENCE)
        assert (len(reading.calls), len(writing.calls)) == (1, 0)


def test_a_passive_socket_of_ours_takes_its_handlers_along(backend: str) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base, listening() as listener:
        base.set_io_handler(listener, "read", Noting())
        base.call_soon(listener.close)
        with at_once():
            base.dispatch(timeout=PATIENCE)
        assert base.is_empty


def test_the_next_socket_with_that_number_has_no_handlers(base: EventBase) -> None:
    with stream_and_peer() as (stream, _), open_channel() as new:
        number = stream.fileno()
        handler = Noting()
        base.set_io_handler(stream, "read", handler)
        duplicate = os.dup(number)
        stream.close()
        give_number_to(number, new)
        new.send()
        dispatch_quietly(base)
        assert not handler.calls
        assert base.fd_monitored(number, "read") is None
        os.close(duplicate)


def test_a_socket_may_be_on_several_event_bases(backend: str) -> None:
    with contextlib.ExitStack() as stack:
        bases = [stack.enter_context(EventBase(backend=backend)) for _ in range(3)]
        stream, peer = stack.enter_context(stream_and_peer())
        handlers = [Noting() for _ in bases]
        for base, handler in zip(bases, handlers, strict=True):
            base.set_io_handler(stream, "read", handler)
        peer.send(b"x")
        for base in bases:
            one_round(base)
        assert [len(handler.calls) for handler in handlers] == [1, 1, 1]
        bases[0].remove_fd_handlers(stream)
        stream.close(abort=True)
        assert all(base.is_empty for base in bases)


def test_a_socket_registered_by_its_number_at_first_still_says_when_it_is_closed(
    base: EventBase,
) -> None:
    with stream_and_peer() as (stream, _):
        base.set_io_handler(stream.fileno(), "write", Noting())
        base.set_io_handler(stream, "read", Noting())
        stream.close(abort=True)
        assert base.is_empty


def test_a_socket_that_is_not_monitored_any_more_forgets_the_event_base(base: EventBase) -> None:
    with stream_and_peer() as (stream, _):
        for _ in range(3):
            base.set_io_handler(stream, "read", Noting())
            base.remove_fd_handlers(stream)
        assert not stream._descriptor._closing_callbacks


def test_a_closed_socket_of_ours_is_refused(base: EventBase) -> None:
    with stream_and_peer() as (stream, _):
        stream.close()
        with pytest.raises(SocketClosed):
            base.set_io_handler(stream, "read", Noting())
        assert base.remove_fd_handlers(stream) is False
        assert base.fd_monitored(stream, "read") is None


# -- closed by another thread ----------------------------------------------------------------------


def test_a_socket_that_another_thread_closes_lets_an_empty_event_base_leave(backend: str) -> None:
    for _ in range(10):  # Whether it is closed before the wait or in it is a matter of luck.
        with EventBase(backend=backend, exit_when_empty=True) as base:
            with stream_and_peer() as (stream, _), at_once():
                base.set_io_handler(stream, "read", Noting())
                started = threading.Event()
                base.call_soon(started.set)

                def close(stream: ActiveSocket = stream, begun: threading.Event = started) -> None:
                    begun.wait(PATIENCE)
                    stream.close()

                with Call(close):
                    base.dispatch(timeout=2 * PATIENCE)
            assert base.is_empty


def test_a_socket_that_another_thread_closes_does_not_spin(base: EventBase) -> None:
    with stream_and_peer() as (stream, peer):
        handler = Noting()
        base.set_io_handler(stream, "read", handler, timeout=PATIENCE)
        peer.close()
        base.remove_fd_handlers(stream)
        base.set_io_handler(stream, "error", handler)
        with Call(stream.close) as call:
            call.result()
        dispatch_quietly(base)
        assert not handler.calls
        assert base.is_empty


def test_many_threads_may_close_what_is_being_served(backend: str) -> None:
    """Whatever they do to each other, all handlers go, and nobody falls over."""
    count = 40
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(EventBase(backend=backend, exit_when_empty=True))
        pairs = [stack.enter_context(stream_and_peer()) for _ in range(count)]
        for number, (stream, peer) in enumerate(pairs):
            base.set_io_handler(stream, "write", Noting(), timeout=0.001 * (1 + number % 3))
            base.set_io_handler(stream, "read", take_line(stream), timeout=0.001)
            peer.send(b"line\n" * 5 + b"and a half")
        started = threading.Event()
        base.call_soon(base.call_soon, started.set)

        def close_some(first: int) -> None:
            started.wait(PATIENCE)
            for stream, _ in pairs[first::4]:
                stream.close(abort=True)

        for first in range(4):
            stack.enter_context(Call(close_some, first))
        with at_once():
            base.dispatch(timeout=2 * PATIENCE)
        assert base.is_empty
        assert base.statistics().handlers == 0


def take_line(stream: ActiveSocket) -> Callable[..., object]:
    """Return a handler that takes what it can of a stream that may be closed at any time."""

    def handle(*_: object) -> None:
        with contextlib.suppress(TimeoutError, SocketClosed, EOFError):
            stream.read_line(timeout=0)

    return handle


def test_a_number_may_be_used_again_as_soon_as_another_thread_has_closed_it(
    backend: str,
) -> None:
    """The dispatching thread may not have noticed yet; the old handler is not called, though."""
    with EventBase(backend=backend) as base, open_channel() as new:
        with stream_and_peer() as (stream, _):
            handler, late = Noting(), Noting(base.exit)
            number = stream.fileno()
            base.set_io_handler(stream, "read", handler)

            def replace() -> None:
                stream.close()
                give_number_to(number, new)
                base.call_soon_threadsafe(base.set_io_handler, number, "read", late)
                new.send()

            with Call(replace):
                base.dispatch(timeout=PATIENCE)
        assert not handler.calls
        assert late.calls == [(number, "read", None)]


def test_sockets_of_the_standard_library_may_be_closed_by_another_thread(base: EventBase) -> None:
    with socket.socket() as unconnected:
        base.set_io_handler(unconnected, "error", Noting())
        with Call(unconnected.close):
            dispatch_quietly(base)
