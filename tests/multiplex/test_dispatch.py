"""Dispatching: how long it waits, in which order it calls, and when it leaves."""

import contextlib
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from multiplex.helpers import (
    UNDER_FAULTS,
    Channel,
    Failure,
    Noting,
    at_once,
    fail,
    looks_once,
    one_round,
    open_channel,
    quiet,
)
from sockets.helpers import Call
from support.timing import MS, PATIENCE

from trunkline import EventBase, SocketClosed
from trunkline.testing.clock import ManualClock

AGES = 600  # seconds: whoever really waits for them fails the test


@contextlib.contextmanager
def signals(action: Callable[[], object], *, once: bool = False) -> Iterator[list[int]]:
    """Send this process signals, whose handler calls `action`; yield the list of them.

    With `once` it calls it for the first one only. If that raises, whoever expects it has to stand
    outside of this block: on a busy machine the signal may strike before the block is entered.
    """
    received: list[int] = []

    def handle(number: int, frame: object) -> None:
        received.append(number)
        if len(received) == 1 or not once:
            action()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 5 * MS, 5 * MS)
        yield received
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def interrupt() -> None:
    """Do what Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)


# -- step 1: leaving at the start ------------------------------------------------------------------


def test_an_exit_lets_dispatch_return(base: EventBase, pair: Channel) -> None:
    base.set_io_handler(pair.reader, "read", Noting(base.exit))
    pair.send()
    with at_once():
        base.dispatch(timeout=AGES)


def test_an_exit_before_dispatch_lets_it_return_at_once(base: EventBase, pair: Channel) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler)
    base.call_soon(handler.then)
    pair.send()
    base.exit()
    before = base.statistics().iterations
    base.dispatch()
    assert base.statistics().iterations == before
    assert not handler.calls


def test_an_exit_counts_for_one_dispatch(base: EventBase, pair: Channel) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(pair.reader, "read", handler)
    pair.send()
    base.exit()
    for expected in (0, 1, 2):
        base.dispatch(timeout=PATIENCE)
        assert len(handler.calls) == expected


@looks_once
def test_an_exit_lets_the_iteration_be_completed(base: EventBase, pair: Channel) -> None:
    """What is due in the same iteration is still called; the next one is not begun."""
    called: list[str] = []

    def leave() -> None:
        called.append("io")
        base.exit()

    def defer() -> None:
        called.append("deferred")
        base.call_soon(called.append, "late")

    base.set_io_handler(pair.reader, "read", Noting(leave))
    base.add_timer(lambda: called.append("timer"), 0)
    base.call_soon(defer)
    pair.send()
    base.dispatch(timeout=PATIENCE)
    assert called == ["io", "timer", "deferred"]


def test_an_exit_from_another_thread_ends_a_wait(base: EventBase) -> None:
    for _ in range(20):  # Whether it comes before the wait or in it is a matter of luck.
        with at_once(), Call(base.exit):
            base.dispatch(timeout=AGES)


def test_an_exit_from_a_signal_handler_ends_a_wait(base: EventBase) -> None:
    with at_once(), signals(base.exit):
        base.dispatch(timeout=AGES)


def test_an_exit_with_a_delay_waits_for_that_long(base: EventBase) -> None:
    start = time.monotonic()
    base.exit(delay=30 * MS)
    base.dispatch(timeout=AGES)
    assert 30 * MS <= time.monotonic() - start < PATIENCE


def test_an_exit_with_a_delay_goes_on_serving_until_then(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    handler = Noting()
    timed_base.set_io_handler(pair.reader, "read", handler, one_shot=True)
    timed_base.exit(delay=5)
    timed_base.dispatch(timeout=0)
    clock.advance(4)
    pair.send()
    one_round_of(timed_base)
    assert handler.calls
    clock.advance(1)
    timed_base.dispatch()  # would wait for ever


def one_round_of(base: EventBase) -> None:
    """Serve what is ready, by a clock that stands still."""
    base.dispatch(one_shot=True)


def test_an_exit_with_a_delay_from_another_thread_ends_a_wait(base: EventBase) -> None:
    with at_once(), Call(base.exit, delay=5 * MS):
        base.dispatch(timeout=AGES)


def test_an_exit_with_a_delay_from_a_signal_handler_ends_a_wait(base: EventBase) -> None:
    with at_once(), signals(lambda: base.exit(delay=5 * MS)):
        base.dispatch(timeout=AGES)
    base.close()  # with the timers of further signals


@pytest.mark.parametrize("delay", [-1, math.nan, math.inf, None])
def test_the_delay_of_an_exit_is_a_time(base: EventBase, delay: Any) -> None:
    with pytest.raises(ValueError, match=r"negative|seconds"):
        base.exit(delay)
    assert_not_leaving(base)


@pytest.mark.parametrize("delay", ["1", True])
def test_the_delay_of_an_exit_is_a_number(base: EventBase, delay: Any) -> None:
    with pytest.raises(TypeError):
        base.exit(delay)
    assert_not_leaving(base)


def assert_not_leaving(base: EventBase) -> None:
    before = base.statistics().iterations
    base.dispatch(timeout=0)
    assert base.statistics().iterations == before + 1


def test_an_empty_event_base_leaves_if_it_is_told_to(backend: str) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base:
        base.dispatch()
        assert base.statistics().iterations == 0


def test_an_empty_event_base_waits_otherwise(base: EventBase) -> None:
    start = time.monotonic()
    base.dispatch(timeout=20 * MS)
    assert time.monotonic() - start >= 20 * MS


@pytest.mark.parametrize("what", ["handler", "timer", "deferred call", "error handler"])
def test_an_event_base_with_something_to_do_does_not_leave(
    backend: str, pair: Channel, what: str
) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base:
        done = Noting(lambda: base.remove_fd_handlers(pair.reader))
        if what == "handler":
            base.set_io_handler(pair.reader, "read", done)
            pair.send()
        elif what == "error handler":
            base.set_io_handler(pair.reader, "error", done, timeout=5 * MS)
        elif what == "timer":
            base.add_timer(lambda: done(0, "read", None), 5 * MS, one_shot=True)
        else:
            base.call_soon(done, 0, "read", None)
        assert not base.is_empty
        base.dispatch()
        assert len(done.calls) == 1
        assert base.is_empty


# -- step 2: how long to wait ----------------------------------------------------------------------


def test_deferred_calls_are_not_kept_waiting(base: EventBase) -> None:
    base.add_timer(lambda: None, AGES)
    base.call_soon(lambda: base.call_soon(lambda: base.call_soon(base.exit)))
    with at_once():
        base.dispatch(timeout=AGES, min_step=AGES)


def test_the_first_of_several_limits_counts(base: EventBase, pair: Channel) -> None:
    base.add_timer(lambda: None, AGES)
    handler = Noting(base.exit)
    base.set_io_handler(pair.reader, "read", handler, timeout=10 * MS)
    with at_once(), quiet(base):
        base.dispatch(timeout=AGES, idle_timeout=AGES)
    assert handler.calls


def test_a_step_may_be_made_longer(base: EventBase) -> None:
    calls: list[int] = []
    base.add_timer(lambda: calls.append(1), 1 * MS)
    with quiet(base, 5):
        base.dispatch(timeout=80 * MS, min_step=20 * MS)
    assert 1 <= len(calls) <= 5


def test_a_longer_step_is_ended_by_a_descriptor(base: EventBase, pair: Channel) -> None:
    base.set_io_handler(pair.reader, "read", Noting(base.exit))
    base.add_timer(lambda: None, 1 * MS)
    pair.send()
    with at_once():
        base.dispatch(min_step=AGES)


def test_a_step_may_be_made_shorter(backend: str) -> None:
    def clock() -> float:
        if base.statistics().iterations == 5:
            base.exit()
        return time.monotonic()

    step, start = 5 * MS, time.monotonic()
    with EventBase(backend=backend, clock=clock) as base:
        with at_once():
            base.dispatch(timeout=AGES, max_step=step)
        # No more than there was time for.
        assert base.statistics().iterations <= (time.monotonic() - start) / step + 1


def test_the_shorter_limit_of_a_step_wins(base: EventBase) -> None:
    with at_once():
        base.dispatch(timeout=10 * MS, min_step=AGES, max_step=10 * MS)


# -- step 3: asking once ---------------------------------------------------------------------------


def test_a_signal_does_not_shorten_a_wait(base: EventBase) -> None:
    """Each may cost an iteration, but the base does not leave."""
    start = time.monotonic()
    before = base.statistics().iterations
    with signals(lambda: None) as received:
        base.dispatch(timeout=60 * MS)
        assert time.monotonic() - start >= 60 * MS
    assert received
    assert base.statistics().iterations - before <= (4 if UNDER_FAULTS else 1) * len(received) + 2


def test_a_signal_handler_that_raises_ends_dispatch_and_nothing_is_lost(
    base: EventBase, pair: Channel
) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler)
    with pytest.raises(Failure), signals(fail, once=True):
        base.dispatch(timeout=AGES)
    pair.send()
    one_round(base)
    assert handler.calls


def test_ctrl_c_ends_dispatch_which_may_be_called_again(base: EventBase, pair: Channel) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler)
    with pytest.raises(KeyboardInterrupt), signals(interrupt, once=True):
        base.dispatch(timeout=AGES)
    pair.send()
    one_round(base)
    assert handler.calls


def test_ctrl_c_ends_dispatch_though_it_never_waits_and_only_calls_what_is_c(
    base: EventBase, pair: Channel
) -> None:
    base.set_io_handler(pair.writer, "write", slice)  # which takes as many things as a handler gets
    with at_once(), pytest.raises(KeyboardInterrupt), signals(interrupt, once=True):
        base.dispatch(timeout=AGES)


def test_a_signal_handler_may_defer_a_call(base: EventBase) -> None:
    with at_once(), signals(lambda: base.call_soon_threadsafe(base.exit)):
        base.dispatch(timeout=AGES)


@looks_once
def test_the_clock_is_read_once_after_the_wait(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    """A handler that takes its time does not make timers due in the same iteration."""
    late: list[int] = []
    timed_base.set_io_handler(pair.reader, "read", Noting(lambda: clock.advance(10)))
    timed_base.add_timer(lambda: late.append(1), 5)
    pair.send()
    timed_base.dispatch(one_shot=True)
    assert not late
    timed_base.remove_fd_handlers(pair.reader)
    timed_base.dispatch(timeout=0)
    assert late


# -- steps 4 to 7: the order -----------------------------------------------------------------------


@looks_once
def test_descriptors_come_first_then_timeouts_then_timers_then_deferred_calls(
    timed_base: EventBase, clock: ManualClock
) -> None:
    order: list[str] = []

    def note(name: str) -> Noting:
        return Noting(lambda: order.append(name))

    with open_channel() as one, open_channel() as two:
        timed_base.call_soon(order.append, "deferred")
        timed_base.add_timer(lambda: order.append("timer"), 1)
        timed_base.set_io_handler(two.reader, "read", note("timeout"), timeout=9)
        timed_base.set_io_handler(one.reader, "write", note("write"), timeout=1)
        timed_base.set_io_handler(one.reader, "read", note("read"), timeout=1)
        one.send()
        clock.advance(10)
        one_round_of(timed_base)
    assert order == ["read", "write", "timeout", "timer", "deferred"]


# -- step 8: leaving at the end --------------------------------------------------------------------


@pytest.mark.parametrize("what", ["handler", "timeout", "timer"])
def test_one_shot_leaves_when_something_was_called(
    base: EventBase, pair: Channel, what: str
) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler, timeout=5 * MS if what == "timeout" else None)
    if what == "timer":
        base.add_timer(lambda: handler.calls.append((0, "read", None)), 5 * MS)
    elif what == "handler":
        pair.send()
    with at_once():
        base.dispatch(one_shot=True)
    assert len(handler.calls) == 1


@looks_once
def test_one_shot_makes_the_whole_iteration(base: EventBase) -> None:
    with open_channel() as one, open_channel() as two:
        handler = Noting()
        for channel in (one, two):
            base.set_io_handler(channel.reader, "read", handler)
            channel.send()
        base.add_timer(lambda: handler.calls.append((0, "read", None)), 0)
        base.dispatch(one_shot=True)
        assert len(handler.calls) == 3


def test_deferred_calls_are_not_what_one_shot_waits_for(base: EventBase) -> None:
    called: list[int] = []
    base.call_soon(called.append, 1)
    base.call_soon(lambda: base.call_soon(lambda: base.call_soon(base.exit)))
    base.dispatch(one_shot=True)
    assert called == [1]

    def go_on() -> None:
        called.append(2)
        base.add_timer(lambda: called.append(3), 5 * MS, one_shot=True)

    base.call_soon(go_on)
    base.dispatch(one_shot=True)
    assert called == [1, 2, 3]


def test_a_timeout_that_was_not_told_is_not_what_one_shot_waits_for(
    base: EventBase, pair: Channel
) -> None:
    """An event has pushed the timeout back; that the old one passes calls nobody."""
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler, timeout=30 * MS)
    pair.send()
    base.dispatch(one_shot=True)
    pair.receive()
    base.dispatch(one_shot=True)
    assert len(handler.calls) == 2


@looks_once
def test_a_timeout_of_0_makes_one_iteration_without_waiting(base: EventBase, pair: Channel) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler)
    base.add_timer(lambda: None, AGES)
    before = base.statistics().iterations
    with at_once():
        base.dispatch(timeout=0)
    assert not handler.calls
    pair.send()
    base.dispatch(timeout=0)
    assert len(handler.calls) == 1
    assert base.statistics().iterations == before + 2


def test_dispatch_leaves_when_its_time_is_up(base: EventBase, pair: Channel) -> None:
    """However much there is to do."""
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler)
    base.add_timer(lambda: None, 0)
    pair.send()
    start = time.monotonic()
    base.dispatch(timeout=30 * MS)
    assert 30 * MS <= time.monotonic() - start < PATIENCE
    assert len(handler.calls) > 1


def test_dispatch_leaves_when_nothing_is_ready_for_so_long(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    """Each event starts the time anew."""

    def serve() -> None:
        pair.receive()
        if len(handler.calls) < 5:
            pair.send()
            clock.advance(4)
        else:
            clock.advance(5)

    handler = Noting(serve)
    timed_base.set_io_handler(pair.reader, "read", handler)
    pair.send()
    with at_once():
        timed_base.dispatch(timeout=AGES, idle_timeout=5)
    assert len(handler.calls) == 5


def test_timers_do_not_keep_an_idle_event_base_going(base: EventBase) -> None:
    calls: list[int] = []
    base.add_timer(lambda: calls.append(1), 5 * MS)
    with at_once():
        base.dispatch(idle_timeout=40 * MS)
    assert calls


def test_handlers_timeouts_do_not_keep_an_idle_event_base_going(
    base: EventBase, pair: Channel
) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler, timeout=5 * MS)
    with at_once():
        base.dispatch(idle_timeout=40 * MS)
    assert handler.calls


def test_deferred_calls_do_not_keep_an_idle_event_base_going(base: EventBase) -> None:
    def again() -> None:
        base.call_soon(again)

    again()
    with at_once():
        base.dispatch(idle_timeout=20 * MS)


def test_being_woken_does_not_keep_an_idle_event_base_going(base: EventBase) -> None:
    stopped = threading.Event()

    def wake() -> None:
        while not stopped.wait(2 * MS):
            base.call_soon_threadsafe(lambda: None)

    with Call(wake), at_once():
        base.dispatch(idle_timeout=40 * MS)
        stopped.set()


@pytest.mark.parametrize("name", ["timeout", "idle_timeout", "min_step", "max_step"])
@pytest.mark.parametrize(
    ("value", "error"),
    [(-1, ValueError), (math.nan, ValueError), ("1", TypeError), (True, TypeError)],
)
def test_the_times_of_dispatch_are_times(
    base: EventBase, name: str, value: Any, error: type[Exception]
) -> None:
    times: dict[str, Any] = {name: value}
    with pytest.raises(error):
        base.dispatch(**times)
    assert base.statistics().iterations == 0
    base.dispatch(timeout=0)


# -- who may dispatch ------------------------------------------------------------------------------


def test_dispatch_does_not_nest(base: EventBase) -> None:
    def nest() -> None:
        with pytest.raises(RuntimeError, match="running already"):
            base.dispatch(timeout=0)
        base.exit()

    base.call_soon(nest)
    base.dispatch(timeout=PATIENCE)
    base.dispatch(timeout=0)


def test_two_threads_do_not_dispatch_at_once(base: EventBase) -> None:
    started = threading.Event()
    base.call_soon(started.set)
    with Call(base.dispatch, timeout=AGES):
        started.wait(PATIENCE)
        with pytest.raises(RuntimeError, match="running already"):
            base.dispatch(timeout=0)
        base.exit()


def test_another_event_base_may_be_dispatched_by_a_handler(base: EventBase, backend: str) -> None:
    called: list[str] = []
    with EventBase(backend=backend, exit_when_empty=True) as inner:
        inner.call_soon(called.append, "inner")
        base.call_soon(inner.dispatch)
        base.call_soon(called.append, "outer")
        base.dispatch(timeout=0)
    assert called == ["inner", "outer"]


def test_any_thread_may_dispatch_after_the_other(base: EventBase, pair: Channel) -> None:
    handler = Noting(base.exit)
    base.set_io_handler(pair.reader, "read", handler)
    pair.send()
    base.dispatch(timeout=PATIENCE)
    with Call(base.dispatch, timeout=PATIENCE) as call:
        call.result()
    assert len(handler.calls) == 2


def test_a_closed_event_base_does_not_dispatch(base: EventBase) -> None:
    base.close()
    with pytest.raises(SocketClosed, match="the event base is closed"):
        base.dispatch()
