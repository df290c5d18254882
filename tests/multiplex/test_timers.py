"""Timers: in the order of their deadlines, in phase, once after a stall, and gone when removed."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from multiplex.helpers import Channel, Noting, at_once
from support.timing import MS, PATIENCE

from trunkline import EventBase, SocketClosed, Timer
from trunkline.testing.clock import ManualClock


class Fired:
    """Notes which timers were called, and when."""

    def __init__(self, base: EventBase, clock: ManualClock) -> None:
        self.names: list[str] = []
        self.times: list[float] = []
        self._base = base
        self._clock = clock
        self._start = clock()

    def by(self, name: str) -> Callable[[], None]:
        """Return a callback that notes the name."""

        def note() -> None:
            self.names.append(name)
            self.times.append(self._clock() - self._start)

        return note

    def after(self, seconds: float) -> list[str]:
        """Let time pass, dispatch once, and return what that called."""
        del self.names[:]
        self._clock.advance(seconds)
        self._base.dispatch(timeout=0)
        return list(self.names)


@pytest.fixture
def fired(timed_base: EventBase, clock: ManualClock) -> Fired:
    return Fired(timed_base, clock)


# -- when ------------------------------------------------------------------------------------------


def test_a_timer_is_called_when_its_time_has_come_and_not_before(
    timed_base: EventBase, fired: Fired
) -> None:
    timed_base.add_timer(fired.by("a"), 5)
    assert fired.after(4.75) == []
    assert fired.after(0.25) == ["a"]
    assert fired.after(0) == []


def test_a_timer_is_called_again_and_again(timed_base: EventBase, fired: Fired) -> None:
    timed_base.add_timer(fired.by("a"), 0.5)
    assert [fired.after(0.5) for _ in range(4)] == [["a"]] * 4


def test_a_one_shot_timer_is_called_once(timed_base: EventBase, fired: Fired) -> None:
    timer = timed_base.add_timer(fired.by("a"), 5, one_shot=True)
    assert fired.after(4) == []
    assert fired.after(1) == ["a"]
    assert not timer.is_pending
    assert fired.after(5) == []
    assert timed_base.is_empty


def test_timers_are_called_in_the_order_of_their_deadlines(
    timed_base: EventBase, fired: Fired
) -> None:
    for seconds in (3, 1, 4, 2):
        timed_base.add_timer(fired.by(str(seconds)), seconds, one_shot=True)
    assert fired.after(10) == ["1", "2", "3", "4"]


def test_timers_due_at_the_same_time_are_called_in_the_order_they_were_added(
    timed_base: EventBase, fired: Fired
) -> None:
    names = [str(number) for number in range(20)]
    for name in names:
        timed_base.add_timer(fired.by(name), 5, one_shot=True)
    assert fired.after(5) == names


def test_a_timer_of_no_time_is_called_in_each_iteration(
    timed_base: EventBase, fired: Fired
) -> None:
    timed_base.add_timer(fired.by("a"), 0)
    assert [fired.after(0) for _ in range(3)] == [["a"]] * 3
    assert fired.after(7) == ["a"]


def test_a_timer_of_no_time_waits_for_nothing(base: EventBase) -> None:
    calls: list[int] = []

    def count() -> None:
        calls.append(1)
        if len(calls) == 100:
            base.exit()

    base.add_timer(count, 0)
    with at_once():
        base.dispatch(timeout=PATIENCE)
    assert len(calls) == 100


# -- phase and stalls ------------------------------------------------------------------------------


def test_a_periodic_timer_keeps_its_phase(
    timed_base: EventBase, fired: Fired, clock: ManualClock
) -> None:
    """However late it is called, its next deadline is a multiple of its interval."""
    timer = timed_base.add_timer(fired.by("a"), 1.0)
    begun = clock()
    for late in (0.125, 0.25, 0.5, 0.0):
        assert fired.after(timer.deadline - clock() + late) == ["a"]
        assert (timer.deadline - begun) % 1.0 == pytest.approx(0, abs=1e-9)
        assert 0 < timer.deadline - clock() <= 1.0


@pytest.mark.parametrize("missed", [1.0, 2.5, 100.25, 1e6])
def test_a_stalled_timer_fires_once_and_skips_what_it_has_missed(
    timed_base: EventBase, fired: Fired, clock: ManualClock, missed: float
) -> None:
    timer = timed_base.add_timer(fired.by("a"), 1.0)
    assert fired.after(1.0 + missed) == ["a"]
    assert fired.after(0) == []
    assert 0 < timer.deadline - clock() <= 1.0
    assert fired.after(timer.deadline - clock()) == ["a"]


@pytest.mark.parametrize("interval", [1e-9, 1e-300, 5e-324, 0.1, 1 / 3, 1e-3])
def test_no_interval_is_too_odd_for_a_stall(
    timed_base: EventBase, fired: Fired, interval: float
) -> None:
    timed_base.add_timer(fired.by("a"), interval)
    for seconds in (0.5, 1e6, 0.7, 3.0):
        assert fired.after(seconds) == ["a"]


def test_a_slow_callback_does_not_disturb_the_others(
    timed_base: EventBase, fired: Fired, clock: ManualClock
) -> None:
    """The clock is read once an iteration: what becomes due meanwhile waits for the next."""

    def slow() -> None:
        fired.by("slow")()
        clock.advance(10)

    timed_base.add_timer(slow, 1, one_shot=True)
    timed_base.add_timer(fired.by("b"), 5, one_shot=True)
    assert fired.after(1) == ["slow"]
    assert fired.after(0) == ["b"]


# -- removing --------------------------------------------------------------------------------------


def test_a_removed_timer_is_not_called(timed_base: EventBase, fired: Fired) -> None:
    timer = timed_base.add_timer(fired.by("a"), 5)
    assert timed_base.remove_timer(timer) is True
    assert timed_base.remove_timer(timer) is False
    assert not timer.is_pending
    assert fired.after(10) == []
    assert timed_base.is_empty


def test_a_timer_that_was_called_cannot_be_removed(timed_base: EventBase, fired: Fired) -> None:
    timer = timed_base.add_timer(fired.by("a"), 5, one_shot=True)
    fired.after(5)
    assert timed_base.remove_timer(timer) is False
    assert timed_base.statistics().timers == 0


def test_a_timer_may_be_removed_in_its_own_callback(timed_base: EventBase, fired: Fired) -> None:
    removed: list[bool] = []
    timer = timed_base.add_timer(lambda: removed.append(timed_base.remove_timer(timer)), 5)
    fired.after(5)
    assert removed == [True]
    fired.after(100)
    assert removed == [True]
    assert timed_base.is_empty


def test_a_one_shot_timer_is_not_pending_in_its_own_callback(
    timed_base: EventBase, fired: Fired
) -> None:
    removed: list[bool] = []
    timer = timed_base.add_timer(
        lambda: removed.append(timed_base.remove_timer(timer)), 5, one_shot=True
    )
    fired.after(5)
    assert removed == [False]
    assert timed_base.is_empty


def test_a_timer_that_is_due_may_be_removed_by_an_earlier_one(
    timed_base: EventBase, fired: Fired
) -> None:
    timed_base.add_timer(lambda: timed_base.remove_timer(second), 1, one_shot=True)
    second = timed_base.add_timer(fired.by("second"), 2, one_shot=True)
    timed_base.add_timer(fired.by("third"), 3, one_shot=True)
    assert fired.after(5) == ["third"]


def test_many_timers_may_be_removed_during_a_round(timed_base: EventBase, fired: Fired) -> None:
    """So many that the queue is swept while it is being worked off."""

    def remove_most() -> None:
        for timer in timers[::2]:
            timed_base.remove_timer(timer)

    timed_base.add_timer(remove_most, 1, one_shot=True)
    timers = [
        timed_base.add_timer(fired.by(str(number)), 2 + number, one_shot=True)
        for number in range(1000)
    ]
    assert fired.after(2000) == [str(number) for number in range(1, 1000, 2)]
    assert timed_base.is_empty


def test_a_timer_of_another_event_base_is_not_ours_to_remove(
    timed_base: EventBase, fired: Fired, backend: str
) -> None:
    timer = timed_base.add_timer(fired.by("a"), 5)
    with EventBase(backend=backend) as other:
        assert other.remove_timer(timer) is False
        assert other.is_empty
    assert fired.after(5) == ["a"]
    assert timed_base.statistics().timers == 1


# -- adding during the round -----------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_timer_added_by_a_timer_waits_for_the_next_iteration(
    timed_base: EventBase, fired: Fired, seconds: float
) -> None:
    def add() -> None:
        fired.by("first")()
        timed_base.add_timer(fired.by("second"), seconds, one_shot=True)

    timed_base.add_timer(add, 5, one_shot=True)
    assert fired.after(5) == ["first"]
    assert fired.after(seconds) == ["second"]


def test_timers_that_add_each_other_leave_room_for_descriptors(
    base: EventBase, pair: Channel
) -> None:
    def again() -> None:
        base.add_timer(again, 0, one_shot=True)

    handler = Noting(base.exit)
    base.set_io_handler(pair.reader, "read", handler)
    pair.send()
    again()
    base.dispatch(timeout=PATIENCE)
    assert handler.calls


def test_timers_come_after_the_timeouts_of_handlers(
    timed_base: EventBase, fired: Fired, pair: Channel
) -> None:
    timed_base.add_timer(fired.by("timer"), 1)
    timed_base.set_io_handler(pair.reader, "read", lambda *_: fired.by("handler")(), timeout=5)
    assert fired.after(5) == ["handler", "timer"]


# -- mistakes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds", [-1, -0.001, math.nan, None, math.inf, pytest.param(10**400, id="huge")]
)
def test_a_timer_needs_a_number_of_seconds(base: EventBase, seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"seconds|negative"):
        base.add_timer(lambda: None, seconds)
    assert base.is_empty


@pytest.mark.parametrize("seconds", ["1", True, [1], 1j])
def test_a_timer_needs_a_number(base: EventBase, seconds: Any) -> None:
    with pytest.raises(TypeError):
        base.add_timer(lambda: None, seconds)
    assert base.is_empty


def test_a_timers_callback_must_be_callable(base: EventBase) -> None:
    with pytest.raises(TypeError, match="callable"):
        base.add_timer(None, 1)  # type: ignore[arg-type]
    assert base.is_empty


def test_nothing_is_added_to_a_closed_event_base(base: EventBase) -> None:
    timer = base.add_timer(lambda: None, 1)
    base.close()
    with pytest.raises(SocketClosed):
        base.add_timer(lambda: None, 1)
    assert base.remove_timer(timer) is False
    assert not timer.is_pending


def test_a_timer_says_when_it_is_due(timed_base: EventBase) -> None:
    timer = timed_base.add_timer(print, 5)
    assert isinstance(timer, Timer)
    assert repr(timer) == f"<Timer due at {timer.deadline}, <built-in function print>>"
    timed_base.remove_timer(timer)
    assert repr(timer) == "<Timer not pending, <built-in function print>>"


# -- in real time ----------------------------------------------------------------------------------


def test_nothing_wakes_up_before_a_timer_is_due(base: EventBase) -> None:
    base.add_timer(base.exit, 30 * MS, one_shot=True)
    before = base.statistics().iterations
    base.dispatch(timeout=PATIENCE)
    assert base.statistics().iterations - before <= 3


@pytest.mark.parametrize("seconds", [1e7, 1e10, 1e300])
@pytest.mark.parametrize("limit", ["timer", "timeout", "idle_timeout", "max_step", "min_step"])
def test_no_time_is_too_long_to_wait_for(
    base: EventBase, pair: Channel, limit: str, seconds: float
) -> None:
    base.set_io_handler(pair.reader, "read", Noting(base.exit))
    pair.send()
    with at_once():
        if limit == "timer":
            base.add_timer(lambda: None, seconds)
        limits: dict[str, Any] = {} if limit == "timer" else {limit: seconds}
        base.dispatch(**limits)
