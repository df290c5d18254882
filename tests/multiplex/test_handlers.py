"""Handlers of descriptors: when they are called, with what, and how they are removed."""

import contextlib
import io
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from multiplex.helpers import (
    Called,
    Channel,
    Noting,
    dispatch_quietly,
    looks_once,
    one_round,
    open_channel,
)
from support.peers import socket_pair
from support.timing import PATIENCE

from trunkline import Cause, EventBase, SocketClosed
from trunkline.multiplex.handlers import Event
from trunkline.testing.clock import ManualClock

TWO_WAYS = ("socket pair", "tcp", "terminal", "other side of a terminal")

# -- being called ----------------------------------------------------------------------------------


def test_a_read_handler_is_called_when_there_is_input(base: EventBase, channel: Channel) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(channel.reader, "read", handler)
    channel.send()
    base.dispatch(timeout=PATIENCE)
    assert handler.calls == [(channel.reader, "read", None)]


def test_a_read_handler_is_called_when_input_comes(base: EventBase, channel: Channel) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(channel.reader, "read", handler)
    base.add_timer(channel.send, 0, one_shot=True)
    base.dispatch(timeout=PATIENCE)
    assert handler.calls == [(channel.reader, "read", None)]


def test_a_write_handler_is_called_when_there_is_room(base: EventBase, channel: Channel) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(channel.writer, "write", handler)
    base.dispatch(timeout=PATIENCE)
    assert handler.calls == [(channel.writer, "write", None)]


@pytest.mark.slow
def test_nothing_is_called_without_a_reason(base: EventBase, channel: Channel) -> None:
    channel.fill()
    channel.drain()
    channel.fill()
    handler = Noting()
    base.set_io_handler(channel.writer, "write", handler)
    base.set_io_handler(channel.writer, "error", handler)
    dispatch_quietly(base)
    assert not handler.calls
    channel.drain()
    one_round(base)
    assert handler.calls == [(channel.writer, "write", None)]


def test_without_input_no_read_handler_is_called(base: EventBase, channel: Channel) -> None:
    handler = Noting()
    base.set_io_handler(channel.reader, "read", handler)
    base.set_io_handler(channel.reader, "error", handler)
    dispatch_quietly(base)
    assert not handler.calls


def test_a_handler_stays_and_is_called_while_the_descriptor_is_ready(
    base: EventBase, channel: Channel
) -> None:
    handler = Noting()
    base.set_io_handler(channel.reader, "read", handler)
    channel.send(b"abc")
    for _ in range(3):
        one_round(base)
    assert len(handler.calls) == 3
    channel.receive_exactly(3)
    dispatch_quietly(base)
    assert len(handler.calls) == 3
    channel.send(b"d")
    one_round(base)
    assert len(handler.calls) == 4


def test_many_descriptors_are_served_in_one_iteration(base: EventBase) -> None:
    handler = Noting()
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(open_channel("pipe")) for _ in range(50)]
        for channel in channels:
            base.set_io_handler(channel.reader, "read", handler)
        for channel in channels[::2]:
            channel.send()
        before = base.statistics().iterations
        base.dispatch(one_shot=True, timeout=PATIENCE)
        assert base.statistics().iterations == before + 1
        assert sorted(number for number, *_ in handler.calls) == sorted(
            channel.reader for channel in channels[::2]
        )


@pytest.mark.parametrize("kind", TWO_WAYS)
def test_the_read_handler_is_called_before_the_write_handler(base: EventBase, kind: str) -> None:
    with open_channel(kind) as channel:
        handler = Noting()
        base.set_io_handler(channel.reader, "write", handler)
        base.set_io_handler(channel.reader, "read", handler)
        channel.send()
        one_round(base)
        assert [event for _, event, _ in handler.calls] == ["read", "write"]


@pytest.mark.parametrize("kind", TWO_WAYS)
@pytest.mark.parametrize("event", ["read", "write"])
def test_what_the_other_handler_waits_for_is_not_its_business(
    base: EventBase, kind: str, event: Event
) -> None:
    """Only readable, or only writable: then only one of the two is called."""
    with open_channel(kind) as channel:
        reading, writing = Noting(), Noting()
        base.set_io_handler(channel.writer, "read", reading)
        base.set_io_handler(channel.writer, "write", writing)
        if event == "read":
            os.write(channel.reader, b"x")
            channel.fill()
        one_round(base)
        assert bool(reading.calls) is (event == "read")
        assert bool(writing.calls) is (event == "write")


# -- what a descriptor may be ----------------------------------------------------------------------


def test_anything_with_fileno_stands_for_its_descriptor(base: EventBase) -> None:
    with socket_pair() as (left, right):
        handler = Noting()
        made = base.set_io_handler(left, "read", handler)
        assert made.number == left.fileno()
        assert base.fd_monitored(left.fileno(), "read") is made
        right.send(b"x")
        one_round(base)
        assert handler.calls == [(left.fileno(), "read", None)]
        assert base.remove_fd_handlers(left)


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_what_is_always_ready_is_refused_alike_by_all(
    base: EventBase, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").touch()
    number = os.open(tmp_path / "file" if kind == "file" else tmp_path, os.O_RDONLY)
    try:
        message = rf"descriptor {number} is a (regular file|directory), which is always ready"
        with pytest.raises(ValueError, match=message):
            base.set_io_handler(number, "read", Noting())
    finally:
        os.close(number)
    assert base.is_empty


def test_a_closed_descriptor_is_refused(base: EventBase) -> None:
    with open_channel() as channel:
        number = channel.reader
    with pytest.raises(SocketClosed):
        base.set_io_handler(number, "read", Noting())
    assert base.is_empty


def test_a_closed_socket_is_refused(base: EventBase) -> None:
    with socket_pair() as (left, _):
        pass
    with pytest.raises(SocketClosed):
        base.set_io_handler(left, "read", Noting())
    assert base.is_empty


@pytest.mark.parametrize("thing", ["0", 1.0, True, None, b"0", object(), [0]])
def test_what_has_no_descriptor_is_a_mistake(base: EventBase, thing: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: base.set_io_handler(thing, "read", Noting()),
        lambda: base.remove_fd_handlers(thing),
        lambda: base.fd_monitored(thing, "read"),
    ]
    for call in calls:
        with pytest.raises(TypeError, match="descriptor"):
            call()


def test_a_fileno_that_is_no_number_is_a_mistake(base: EventBase) -> None:
    class Odd:
        def fileno(self) -> str:
            return "3"

    with pytest.raises(TypeError, match="integer"):
        base.set_io_handler(Odd(), "read", Noting())  # type: ignore[arg-type]


def test_a_file_without_a_descriptor_is_refused(base: EventBase) -> None:
    with pytest.raises(OSError, match="fileno"):
        base.set_io_handler(io.StringIO(), "read", Noting())


# -- registering -----------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["read", "write", "error"])
def test_a_second_handler_for_the_same_is_an_error(
    base: EventBase, pair: Channel, event: Event
) -> None:
    first, second = Noting(), Noting()
    handler = base.set_io_handler(pair.reader, event, first)
    with pytest.raises(ValueError, match=f"descriptor {pair.reader} is already monitored"):
        base.set_io_handler(pair.reader, event, second)
    assert base.fd_monitored(pair.reader, event) is handler
    assert base.statistics().handlers == 1
    assert base.remove_fd_handlers(pair.reader)
    assert base.is_empty


def test_a_refused_handler_takes_no_place(base: EventBase, pair: Channel) -> None:
    base.set_io_handler(pair.reader, "read", first := Noting())
    with pytest.raises(ValueError, match="already"):
        base.set_io_handler(pair.reader, "read", second := Noting(), timeout=0.001)
    pair.send()
    one_round(base)
    assert (len(first.calls), len(second.calls)) == (1, 0)
    pair.receive()
    dispatch_quietly(base)
    assert not second.calls


def test_a_handler_knows_what_it_was_made_with(base: EventBase, pair: Channel) -> None:
    callback = Noting()
    handler = base.set_io_handler(pair.reader, "read", callback, timeout=5, one_shot=True)
    assert (handler.number, handler.event, handler.callback) == (pair.reader, "read", callback)
    assert (handler.timeout, handler.one_shot) == (5, True)
    assert repr(handler).startswith(f"<IOHandler for read on descriptor {pair.reader}, <multiplex")


def test_the_event_must_be_one(base: EventBase, pair: Channel) -> None:
    for call in (base.fd_monitored, lambda fd, event: base.set_io_handler(fd, event, Noting())):
        with pytest.raises(ValueError, match="read, write, error, not 'input'"):
            call(pair.reader, "input")  # type: ignore[arg-type]
    assert base.is_empty


@pytest.mark.parametrize("callback", [None, "call me", 1])
def test_a_callback_must_be_callable(base: EventBase, pair: Channel, callback: Any) -> None:
    with pytest.raises(TypeError, match="callable"):
        base.set_io_handler(pair.reader, "read", callback)
    assert base.is_empty


@pytest.mark.parametrize("timeout", [0, 0.0, -1, math.nan])
def test_a_handlers_timeout_is_positive(base: EventBase, pair: Channel, timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        base.set_io_handler(pair.reader, "read", Noting(), timeout=timeout)
    assert base.is_empty


@pytest.mark.parametrize("timeout", ["1", True, [1]])
def test_a_handlers_timeout_is_a_number(base: EventBase, pair: Channel, timeout: Any) -> None:
    with pytest.raises(TypeError):
        base.set_io_handler(pair.reader, "read", Noting(), timeout=timeout)
    assert base.is_empty


# -- removing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked_for", "left"),
    [
        ({}, set()),
        ({"read": True}, {"write", "error"}),
        ({"write": True}, {"read", "error"}),
        ({"error": True}, {"read", "write"}),
        ({"read": True, "write": True}, {"error"}),
        ({"read": True, "write": True, "error": True}, set()),
    ],
)
def test_handlers_are_removed_by_name_or_all_together(
    base: EventBase, pair: Channel, asked_for: dict[str, bool], left: set[str]
) -> None:
    events: tuple[Event, ...] = ("read", "write", "error")
    for event in events:
        base.set_io_handler(pair.reader, event, Noting())
    assert base.remove_fd_handlers(pair.reader, **asked_for) is True
    assert {event for event in events if base.fd_monitored(pair.reader, event)} == left
    assert base.statistics().handlers == len(left)
    assert base.remove_fd_handlers(pair.reader, **asked_for) is (not asked_for and bool(left))


def test_there_is_nothing_to_remove_from_a_descriptor_without_handlers(
    base: EventBase, pair: Channel
) -> None:
    assert base.remove_fd_handlers(pair.reader) is False
    assert base.fd_monitored(pair.reader, "read") is None
    base.set_io_handler(pair.reader, "read", Noting())
    assert base.remove_fd_handlers(pair.reader, write=True) is False
    assert base.fd_monitored(pair.reader, "read") is not None


def test_a_removed_handler_is_not_called(base: EventBase, channel: Channel) -> None:
    handler = Noting()
    base.set_io_handler(channel.reader, "read", handler, timeout=0.001)
    channel.send()
    base.remove_fd_handlers(channel.reader)
    dispatch_quietly(base)
    assert not handler.calls


def test_removing_one_handler_leaves_the_other(base: EventBase, pair: Channel) -> None:
    reading, writing = Noting(), Noting()
    base.set_io_handler(pair.reader, "read", reading)
    base.set_io_handler(pair.reader, "write", writing)
    pair.send()
    base.remove_fd_handlers(pair.reader, write=True)
    one_round(base)
    assert (len(reading.calls), len(writing.calls)) == (1, 0)


def test_a_handler_may_be_set_again_after_it_was_removed(base: EventBase, channel: Channel) -> None:
    first, second = Noting(), Noting()
    base.set_io_handler(channel.reader, "read", first)
    base.remove_fd_handlers(channel.reader)
    base.set_io_handler(channel.reader, "read", second)
    channel.send()
    one_round(base)
    assert (len(first.calls), len(second.calls)) == (0, 1)


# -- one-shot handlers -----------------------------------------------------------------------------


def test_a_one_shot_handler_is_removed_before_it_is_called(
    base: EventBase, channel: Channel
) -> None:
    seen: list[object] = []
    handler = Noting(lambda: seen.append(base.fd_monitored(channel.reader, "read")))
    base.set_io_handler(channel.reader, "read", handler, one_shot=True)
    channel.send()
    one_round(base)
    assert seen == [None]
    assert base.is_empty
    dispatch_quietly(base)
    assert handler.calls == [(channel.reader, "read", None)]


def test_a_one_shot_handler_may_be_set_again_by_itself(base: EventBase, pair: Channel) -> None:
    def again() -> None:
        base.set_io_handler(pair.reader, "read", handler, one_shot=True)

    handler = Noting(again)
    again()
    pair.send()
    for count in (1, 2, 3):
        one_round(base)
        assert len(handler.calls) == count


def test_a_one_shot_handler_leaves_the_other_one_alone(base: EventBase, pair: Channel) -> None:
    reading, writing = Noting(), Noting()
    base.set_io_handler(pair.reader, "read", reading, one_shot=True)
    base.set_io_handler(pair.reader, "write", writing)
    pair.send()
    one_round(base)
    one_round(base)
    assert (len(reading.calls), len(writing.calls)) == (1, 2)


def test_a_timeout_does_not_consume_a_one_shot_handler(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    handler = Noting()
    timed_base.set_io_handler(pair.reader, "read", handler, timeout=5, one_shot=True)
    for _ in range(2):
        clock.advance(5)
        timed_base.dispatch(timeout=0)
    assert handler.causes == [Cause.TIMEOUT, Cause.TIMEOUT]
    pair.send()
    timed_base.dispatch(one_shot=True)
    assert handler.causes == [Cause.TIMEOUT, Cause.TIMEOUT, None]
    clock.advance(5)
    timed_base.dispatch(timeout=0)
    assert len(handler.calls) == 3
    assert timed_base.is_empty


# -- timeouts of handlers --------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["read", "write", "error"])
def test_a_handler_is_told_when_nothing_has_happened(
    timed_base: EventBase, clock: ManualClock, pair: Channel, event: Event
) -> None:
    handler = Noting()
    pair.fill()
    timed_base.set_io_handler(pair.writer, event, handler, timeout=5)
    clock.advance(4.75)
    timed_base.dispatch(timeout=0)
    assert not handler.calls
    clock.advance(0.25)
    timed_base.dispatch(timeout=0)
    assert handler.calls == [(pair.writer, event, Cause.TIMEOUT)]


def test_a_timeout_starts_anew_when_it_has_passed(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    handler = Noting()
    timed_base.set_io_handler(pair.reader, "read", handler, timeout=5)
    for seconds, calls in [(7, 1), (4, 1), (1, 2), (0, 2), (100, 3), (4, 3), (1, 4)]:
        clock.advance(seconds)
        timed_base.dispatch(timeout=0)
        assert len(handler.calls) == calls


@looks_once
def test_an_event_starts_the_timeout_anew(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    handler = Noting()
    timed_base.set_io_handler(pair.reader, "read", handler, timeout=5)
    for _ in range(3):
        clock.advance(4)
        pair.send()
        timed_base.dispatch(one_shot=True)
        pair.receive()
    assert handler.causes == [None] * 3
    clock.advance(4)
    timed_base.dispatch(timeout=0)
    assert len(handler.calls) == 3
    clock.advance(1)
    timed_base.dispatch(timeout=0)
    assert handler.causes == [None] * 3 + [Cause.TIMEOUT]


@looks_once
def test_an_event_comes_before_a_timeout_that_has_passed_as_well(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    handler = Noting()
    timed_base.set_io_handler(pair.reader, "read", handler, timeout=5)
    clock.advance(5)
    pair.send()
    timed_base.dispatch(one_shot=True)
    assert handler.causes == [None]


@looks_once
def test_an_event_does_not_feed_the_timeout_of_the_other_handler(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    reading, writing = Noting(), Noting()
    timed_base.set_io_handler(pair.reader, "read", reading, timeout=5)
    timed_base.set_io_handler(pair.reader, "write", writing, timeout=5)
    clock.advance(5)
    timed_base.dispatch(one_shot=True)
    assert (reading.causes, writing.causes) == ([Cause.TIMEOUT], [None])


def test_timeouts_are_told_in_the_order_in_which_they_pass(
    timed_base: EventBase, clock: ManualClock
) -> None:
    handler = Noting()
    timeouts = (3, 1, 2, 1)
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(open_channel("pipe")) for _ in timeouts]
        for channel, timeout in zip(channels, timeouts, strict=True):
            timed_base.set_io_handler(channel.reader, "read", handler, timeout=timeout)
        clock.advance(10)
        timed_base.dispatch(timeout=0)
        readers = [channel.reader for channel in channels]
        expected = [readers[1], readers[3], readers[2], readers[0]]
        assert [number for number, *_ in handler.calls] == expected


def test_a_handler_may_be_removed_by_itself_when_its_timeout_has_passed(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    handler = Noting(lambda: timed_base.remove_fd_handlers(pair.reader))
    timed_base.set_io_handler(pair.reader, "read", handler, timeout=5)
    for _ in range(2):
        clock.advance(5)
        timed_base.dispatch(timeout=0)
    assert handler.causes == [Cause.TIMEOUT]
    assert timed_base.is_empty


def test_a_timeout_that_has_passed_is_not_told_to_a_handler_just_removed(
    timed_base: EventBase, clock: ManualClock
) -> None:
    with open_channel() as one, open_channel() as other:

        def remove_both() -> None:
            timed_base.remove_fd_handlers(one.reader)
            timed_base.remove_fd_handlers(other.reader)

        handler = Noting(remove_both)
        timed_base.set_io_handler(one.reader, "read", handler, timeout=5)
        timed_base.set_io_handler(other.reader, "read", handler, timeout=5)
        clock.advance(5)
        timed_base.dispatch(timeout=0)
        assert handler.calls == [(one.reader, "read", Cause.TIMEOUT)]


def test_an_infinite_timeout_never_passes(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    handler = Noting()
    timed_base.set_io_handler(pair.reader, "read", handler, timeout=math.inf)
    clock.advance(1e9)
    timed_base.dispatch(timeout=0)
    assert not handler.calls


def test_a_real_timeout_passes_in_real_time(base: EventBase, channel: Channel) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(channel.reader, "read", handler, timeout=0.02)
    with contextlib.suppress(TimeoutError):
        base.dispatch(timeout=PATIENCE)
    assert handler.calls == [(channel.reader, "read", Cause.TIMEOUT)]


# -- handlers that change what is monitored --------------------------------------------------------

Victim = tuple[Channel, Noting]


def first_called_does(
    base: EventBase, kind: str, action: Callable[[Channel, Channel], object]
) -> list[Called]:
    """Make two channels ready, let the first that is called act on both, and return the calls.

    Args:
        base: The event base.
        kind: The kind of the channels.
        action: Called once, with the first channel that is served and with the other one.
    """
    with open_channel(kind) as one, open_channel(kind) as two:

        def act() -> None:
            if len(handler.calls) == 1:
                first_is_one = handler.calls[0][0] == one.reader
                action(*((one, two) if first_is_one else (two, one)))

        handler = Noting(act)
        for channel in (one, two):
            base.set_io_handler(channel.reader, "read", handler)
            channel.send()
        one_round(base)
        base.remove_fd_handlers(one.reader)
        base.remove_fd_handlers(two.reader)
        return handler.calls


@pytest.mark.parametrize("kind", ["socket pair", "tcp", "pipe", "terminal"])
def test_what_an_earlier_handler_has_removed_is_not_called(base: EventBase, kind: str) -> None:
    calls = first_called_does(base, kind, lambda one, two: base.remove_fd_handlers(two.reader))
    assert len(calls) == 1


@pytest.mark.parametrize("kind", ["socket pair", "tcp", "pipe", "terminal"])
def test_what_an_earlier_handler_has_closed_is_not_called(base: EventBase, kind: str) -> None:
    calls = first_called_does(base, kind, lambda one, two: two.close_reader())
    assert len(calls) == 1


def test_what_does_not_change_is_called_in_the_same_iteration(base: EventBase) -> None:
    calls = first_called_does(base, "socket pair", lambda one, two: None)
    assert len(calls) == 2


def test_a_read_handler_may_remove_the_write_handler(base: EventBase, pair: Channel) -> None:
    reading = Noting(lambda: base.remove_fd_handlers(pair.reader, write=True))
    writing = Noting()
    base.set_io_handler(pair.reader, "read", reading)
    base.set_io_handler(pair.reader, "write", writing)
    pair.send()
    one_round(base)
    assert (len(reading.calls), len(writing.calls)) == (1, 0)


def test_a_read_handler_may_close_its_descriptor(base: EventBase, channel: Channel) -> None:
    def close() -> None:
        base.remove_fd_handlers(channel.reader)
        channel.close_reader()

    handler = Noting(close)
    number = channel.reader
    base.set_io_handler(channel.reader, "read", handler)
    channel.send()
    one_round(base)
    dispatch_quietly(base)
    assert handler.calls == [(number, "read", None)]
    assert base.is_empty


def test_a_handler_set_in_place_of_another_is_called_from_then_on(
    base: EventBase, channel: Channel
) -> None:
    second = Noting()

    def replace() -> None:
        base.remove_fd_handlers(channel.reader)
        base.set_io_handler(channel.reader, "read", second)

    first = Noting(replace)
    base.set_io_handler(channel.reader, "read", first)
    channel.send()
    one_round(base)
    assert (len(first.calls), len(second.calls)) == (1, 0)
    one_round(base)
    assert (len(first.calls), len(second.calls)) == (1, 1)


@pytest.mark.parametrize("event", ["read", "write"])
def test_removing_one_of_two_handlers_of_another_descriptor_leaves_the_other_alive(
    base: EventBase, event: Event
) -> None:
    """The stale report that is then wanted by nobody must not silence the descriptor."""
    with open_channel() as one, open_channel() as two:
        late = Noting()

        def act() -> None:
            first = handler.calls[0][0]
            other = two if first in (one.reader, one.writer) else one
            if len(handler.calls) == 1:
                base.remove_fd_handlers(watched(other), **{event: True})

        def watched(channel: Channel) -> int:
            return channel.reader if event == "read" else channel.writer

        handler = Noting(act)
        for channel in (one, two):
            if event == "read":  # Ready to be read, and full.
                channel.send()
                fill_backwards(channel)
            base.set_io_handler(watched(channel), event, handler)
            base.set_io_handler(watched(channel), "write" if event == "read" else "read", late)
        one_round(base)
        assert len(handler.calls) == 1
        first = handler.calls[0][0]
        other = two if first in (one.reader, one.writer) else one
        base.remove_fd_handlers(first)
        assert not late.calls
        if event == "read":
            drain_backwards(other)
        else:
            os.write(other.reader, b"x")
        one_round(base)
        assert [number for number, *_ in late.calls] == [watched(other)]


def fill_backwards(channel: Channel) -> None:
    """Write to the reader of a pair of sockets until no more fits."""
    backwards(channel).fill()


def drain_backwards(channel: Channel) -> None:
    """Read what `fill_backwards` wrote."""
    backwards(channel).drain()


def backwards(channel: Channel) -> Channel:
    """Return a channel in the other direction, on the same descriptors."""
    return Channel(channel.kind, channel.writer, channel.reader)
