"""Delays, deferred calls, intervals and idlers."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from evented.helpers import STEP, Start, in_turn, unwanted
from support.timing import MS

from trunkline.evented import (
    Delay,
    EventLoop,
    FreeableHandle,
    HandleFreed,
    Interval,
    current_event_loop,
    delay,
    exit_event_loop,
    idle,
    interval,
)
from trunkline.testing.clock import ManualClock

MAKERS: dict[str, Callable[[Callable[[], object]], FreeableHandle]] = {
    "delay": lambda callback: delay(callback, 1),
    "deferred call": delay,
    "interval": lambda callback: interval(callback, 1),
    "idler": idle,
}
EACH_MAKER = pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))


# -- delays ----------------------------------------------------------------------------------------


def test_a_delay_is_called_once(start_simulated: Start) -> None:
    calls: list[int] = []
    start_simulated(lambda: delay(lambda: calls.append(1), 1))
    assert calls == [1]


def test_a_delay_is_called_when_its_time_has_come(
    start_simulated: Start, clock: ManualClock
) -> None:
    times: list[float] = []

    def main() -> None:
        begun = clock()
        delay(lambda: times.append(clock() - begun), 2)

    start_simulated(main)
    assert 2 <= times[0] <= 2 + 2 * STEP


def test_several_delays_are_called_in_the_order_of_their_times(start_simulated: Start) -> None:
    calls: list[float] = []

    def main() -> None:
        for seconds in (3, 1, 2.5):
            delay(lambda seconds=seconds: calls.append(seconds), seconds)  # type: ignore[misc]

    start_simulated(main)
    assert calls == [1, 2.5, 3]


def test_a_delay_waits_in_real_time_too(start: Start) -> None:
    calls: list[float] = []

    def main() -> None:
        clock = current_event_loop().event_base.now
        begun = clock()
        delay(lambda: calls.append(clock() - begun), 5 * MS)

    start(main)
    assert calls[0] >= 5 * MS


def test_deferred_calls_are_made_in_their_order_and_not_at_once(start: Start) -> None:
    calls: list[str] = []

    def main() -> None:
        delay(lambda: calls.append("a"))
        delay(lambda: calls.append("b"))
        calls.append("main")

    start(main)
    assert calls == ["main", "a", "b"]


def test_what_a_deferred_call_defers_waits_for_the_next_iteration(start: Start) -> None:
    """Or a call that defers itself again would let nothing else be done."""
    calls: list[str] = []

    def again() -> None:
        calls.append("again")
        if len(calls) < 5:
            delay(again)

    def main() -> None:
        delay(again)
        delay(lambda: calls.append("other"), 0)

    start(main)
    assert "other" in calls[:3]


def test_a_delay_is_freed_before_it_is_called(start: Start) -> None:
    handles: list[Delay] = []
    seen: list[bool] = []

    def called() -> None:
        seen.append(handles[0].freed)
        handles[0].free()

    start(lambda: handles.append(delay(called)))
    assert seen == [True]


# -- intervals -------------------------------------------------------------------------------------


def test_an_interval_is_called_until_it_is_freed(start_simulated: Start) -> None:
    calls: list[int] = []

    def main() -> None:
        handle = interval(lambda: calls.append(1), 0.1)
        delay(handle.free, 0.32)

    start_simulated(main)
    assert len(calls) == 3


def test_an_interval_keeps_its_phase_and_skips_what_it_has_missed(
    start_simulated: Start, clock: ManualClock
) -> None:
    times: list[float] = []

    def main() -> None:
        begun = clock()

        def called() -> None:
            times.append(clock() - begun)
            if len(times) == 4:
                handle.free()
            clock.advance(2.25 if len(times) == 2 else 0.25)  # what the callback takes

        handle = interval(called, 1)

    start_simulated(main)
    assert [math.floor(time) for time in times] == [1, 2, 4, 5]
    assert all(time % 1 <= 0.25 + 2 * STEP for time in times)


def test_an_interval_may_free_itself(start_simulated: Start) -> None:
    calls: list[int] = []
    handles: list[Interval] = []
    start_simulated(
        lambda: handles.append(
            interval(in_turn(lambda: calls.append(1), lambda: handles[0].free()), 1)
        )
    )
    assert calls == [1]


# -- idlers ----------------------------------------------------------------------------------------


def test_an_idler_is_called_in_each_iteration(start: Start) -> None:
    counts: list[int] = []

    def main() -> None:
        def called() -> None:
            counts.append(current_event_loop().event_base.statistics().iterations)
            if len(counts) == 517:
                idler.free()

        idler = idle(called)

    start(main)
    assert counts == list(range(counts[0], counts[0] + 517))


def test_an_idler_does_not_keep_others_from_being_called(start: Start) -> None:
    calls: list[str] = []

    def main() -> None:
        def called() -> None:
            calls.append("idle")
            if calls == ["idle", "idle"]:
                delay(in_turn(lambda: calls.append("timer"), lambda: idler.free()), 2 * MS)

        idler = idle(called)

    start(main)
    assert calls[-1] == "timer"


# -- all of them -----------------------------------------------------------------------------------


@EACH_MAKER
def test_what_is_freed_is_not_called_and_does_not_keep_the_loop_alive(
    start: Start, make: Callable[[Callable[[], object]], FreeableHandle]
) -> None:
    def main() -> None:
        handle = make(unwanted)
        seen.append(handle.freed)
        handle.free()
        seen.append(handle.freed)
        handle.free()

    seen: list[bool] = []
    start(main)
    assert seen == [False, True]


@EACH_MAKER
def test_what_is_freed_cannot_be_used(
    start: Start, make: Callable[[Callable[[], object]], FreeableHandle]
) -> None:
    def main() -> None:
        handle = make(unwanted)
        handle.free()
        for operation in (handle.ref, handle.unref):
            with pytest.raises(HandleFreed, match=f"the {handle._kind} has been freed"):
                operation()

    start(main)


@EACH_MAKER
def test_another_may_be_freed_before_its_turn(
    start_simulated: Start, make: Callable[[Callable[[], object]], FreeableHandle]
) -> None:
    """Both are due in the same iteration."""

    def main() -> None:
        first: list[FreeableHandle] = []
        first.append(make(in_turn(lambda: second.free(), lambda: first[0].free())))
        second = make(unwanted)

    start_simulated(main)


@EACH_MAKER
def test_at_the_end_of_the_loop_all_are_freed(
    start: Start, make: Callable[[Callable[[], object]], FreeableHandle]
) -> None:
    handles: list[FreeableHandle] = []
    start(in_turn(lambda: handles.append(make(lambda: None)), exit_event_loop))
    assert handles[0].freed
    assert repr(handles[0]).endswith(", freed>")
    handles[0].free()
    with pytest.raises(HandleFreed):
        handles[0].ref()


@EACH_MAKER
def test_without_a_reference_none_keeps_the_loop_alive(
    start: Start, make: Callable[[Callable[[], object]], FreeableHandle]
) -> None:
    calls: list[int] = []

    def called() -> None:
        calls.append(1)
        assert len(calls) < 9

    start(lambda: make(called).unref())


@EACH_MAKER
def test_another_loop_than_the_current_one_can_be_named(
    backend: str, make: Callable[..., FreeableHandle]
) -> None:
    with EventLoop(backend=backend) as loop:
        assert make(unwanted).loop is loop


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [((3, 1), TypeError), ((unwanted, "1"), TypeError), ((unwanted, -1), ValueError)],
)
@pytest.mark.parametrize("make", [delay, interval])
def test_wrong_arguments_are_refused_and_leave_nothing(
    start: Start, make: Callable[..., object], arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    def main() -> None:
        with pytest.raises(kind):
            make(*arguments)
        assert current_event_loop().statistics().handles == {}

    start(main)


def test_an_interval_needs_a_time(start: Start) -> None:
    def main() -> None:
        with pytest.raises(ValueError, match="number of seconds"):
            interval(unwanted, None)  # type: ignore[arg-type]

    start(main)
