"""An exception comes out of `dispatch`, which can be called again, and nothing is lost."""

import gc
import signal
from collections.abc import Callable

import pytest
from multiplex.helpers import (
    Channel,
    Failure,
    Noting,
    dispatch_quietly,
    fail,
    looks_once,
    one_round,
    open_channel,
)
from support.timing import PATIENCE

from trunkline import Cause, EventBase
from trunkline.testing.clock import ManualClock


def fail_once() -> Callable[[], None]:
    """Return a function that fails the first time."""
    failures = [Failure()]

    def call() -> None:
        if failures:
            raise failures.pop()

    return call


@pytest.mark.parametrize("error", [Failure, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_is_raised_comes_out(
    base: EventBase, pair: Channel, error: type[BaseException]
) -> None:
    def give_up() -> None:
        raise error

    base.set_io_handler(pair.reader, "read", Noting(give_up))
    pair.send()
    with pytest.raises(error):
        base.dispatch(timeout=PATIENCE)
    with pytest.raises(error):
        base.dispatch(timeout=PATIENCE)


def test_a_failed_handler_is_called_again_as_long_as_there_is_reason_to(
    base: EventBase, channel: Channel
) -> None:
    handler = Noting(fail_once())
    base.set_io_handler(channel.reader, "read", handler)
    channel.send()
    with pytest.raises(Failure):
        base.dispatch(timeout=PATIENCE)
    one_round(base)
    assert len(handler.calls) == 2


def test_those_that_were_to_be_called_after_it_are_called_in_the_next_dispatch(
    base: EventBase,
) -> None:
    with open_channel() as one, open_channel() as two:
        handler = Noting(fail_once())
        for channel in (one, two):
            base.set_io_handler(channel.reader, "read", handler, one_shot=True)
            channel.send()
        with pytest.raises(Failure):
            base.dispatch(timeout=PATIENCE)
        assert len(handler.calls) == 1
        one_round(base)
        assert {number for number, *_ in handler.calls} == {one.reader, two.reader}


def test_the_write_handler_is_called_though_the_read_handler_has_failed(
    base: EventBase, pair: Channel
) -> None:
    writing = Noting()
    base.set_io_handler(pair.reader, "read", Noting(fail_once()))
    base.set_io_handler(pair.reader, "write", writing)
    pair.send()
    with pytest.raises(Failure):
        base.dispatch(timeout=PATIENCE)
    one_round(base)
    assert writing.calls


def test_a_failed_one_shot_handler_has_had_its_shot(base: EventBase, pair: Channel) -> None:
    handler = Noting(fail)
    base.set_io_handler(pair.reader, "read", handler, one_shot=True)
    pair.send()
    with pytest.raises(Failure):
        base.dispatch(timeout=PATIENCE)
    assert base.is_empty
    dispatch_quietly(base)
    assert len(handler.calls) == 1


def test_a_failed_timeout_starts_anew(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    handler = Noting(fail_once())
    timed_base.set_io_handler(pair.reader, "read", handler, timeout=5)
    clock.advance(5)
    with pytest.raises(Failure):
        timed_base.dispatch(timeout=0)
    timed_base.dispatch(timeout=0)
    assert len(handler.calls) == 1
    clock.advance(5)
    timed_base.dispatch(timeout=0)
    assert handler.causes == [Cause.TIMEOUT] * 2


def test_a_failed_periodic_timer_goes_on(timed_base: EventBase, clock: ManualClock) -> None:
    calls: list[float] = []

    def call() -> None:
        calls.append(clock())
        raise Failure

    timer = timed_base.add_timer(call, 5)
    for count in (1, 2):
        clock.advance(5)
        with pytest.raises(Failure):
            timed_base.dispatch(timeout=0)
        assert len(calls) == count
        assert timer.is_pending


def test_a_failed_one_shot_timer_is_gone(timed_base: EventBase, clock: ManualClock) -> None:
    timed_base.add_timer(fail, 5, one_shot=True)
    clock.advance(5)
    with pytest.raises(Failure):
        timed_base.dispatch(timeout=0)
    assert timed_base.is_empty


@looks_once
@pytest.mark.parametrize("where", ["handler", "timeout", "timer", "deferred"])
def test_everything_after_a_failure_is_still_done(
    timed_base: EventBase, clock: ManualClock, pair: Channel, where: str
) -> None:
    """Timeouts that have passed, timers that are due, and deferred calls keep their order."""
    order: list[str] = []

    def step(name: str) -> Callable[[], None]:
        once = fail_once()

        def call() -> None:
            order.append(name)
            if name == where:
                once()

        return call

    with open_channel() as quiet_one:
        timed_base.call_soon(step("deferred"))
        timed_base.call_soon(order.append, "last")
        timed_base.add_timer(step("timer"), 1, one_shot=True)
        timed_base.set_io_handler(quiet_one.reader, "read", Noting(step("timeout")), timeout=2)
        timed_base.set_io_handler(pair.reader, "read", Noting(step("handler")), one_shot=True)
        pair.send()
        clock.advance(3)
        with pytest.raises(Failure):
            timed_base.dispatch(one_shot=True)
        timed_base.dispatch(timeout=0)
    assert order == ["handler", "timeout", "timer", "deferred", "last"]


def test_an_exit_survives_a_failure(base: EventBase) -> None:
    """It was asked for, and has not been obeyed yet."""

    def leave_and_fail() -> None:
        base.exit()
        raise Failure

    base.call_soon(leave_and_fail)
    with pytest.raises(Failure):
        base.dispatch()
    before = base.statistics().iterations
    base.dispatch()
    assert base.statistics().iterations == before


def test_a_failure_may_close_the_event_base(base: EventBase, pair: Channel) -> None:
    def close_and_fail() -> None:
        base.close()
        raise Failure

    base.set_io_handler(pair.reader, "read", Noting(close_and_fail))
    pair.send()
    with pytest.raises(Failure):
        base.dispatch(timeout=PATIENCE)
    assert base.closed


STRIKES = 1000
"""How often a signal strikes: enough to meet the instruction between two iterations."""


@pytest.mark.slow
def test_a_signal_handler_that_raises_loses_no_event(base: EventBase, pair: Channel) -> None:
    """Wherever in the iteration it strikes."""
    strikes = 0
    received = 0

    def strike(number: int, frame: object) -> None:
        nonlocal strikes
        strikes += 1
        raise Failure

    def feed() -> None:
        nonlocal received
        received += 1

    base.set_io_handler(pair.reader, "read", Noting(feed))
    pair.send()
    before = signal.signal(signal.SIGALRM, strike)
    gc.disable()  # What strikes in a callback of the collector's would have nowhere to go.
    try:
        for count in range(1, STRIKES + 1):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.00003 * (1 + count % 50))
                while strikes < count:  # It may strike where an exception has nowhere to go.
                    base.dispatch(timeout=PATIENCE)
            except Failure:
                pass
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        gc.enable()
        signal.signal(signal.SIGALRM, before)
    assert strikes == STRIKES
    served = received
    one_round(base)
    assert received == served + 1


def test_a_signal_that_comes_just_before_the_wait_is_not_slept_through(base: EventBase) -> None:
    """The system interrupts a wait that has begun; for one that is about to begin, nobody does."""
    strikes = 0

    def strike(number: int, frame: object) -> None:
        nonlocal strikes
        strikes += 1
        base.exit()

    before = signal.signal(signal.SIGALRM, strike)
    try:
        for count in range(1, STRIKES + 1):
            signal.setitimer(signal.ITIMER_REAL, 0.000_002 * (1 + count % 50))
            base.dispatch(timeout=PATIENCE)
            assert strikes == count
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
