"""Notifiers: callbacks that any thread may have called."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from evented.helpers import Start, in_turn, unwanted
from support.timing import PATIENCE

from trunkline.evented import (
    HandleFreed,
    Notifier,
    current_event_loop,
    delay,
    exit_event_loop,
    notifier,
)


@pytest.fixture
def in_thread() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Runs functions in threads of their own, which have ended when the test does."""
    threads: list[threading.Thread] = []

    def run(function: Callable[[], object]) -> None:
        threads.append(threading.Thread(target=function))
        threads[-1].start()

    yield run
    for thread in threads:
        thread.join(PATIENCE)


InThread = Callable[[Callable[[], object]], None]


def test_a_thread_has_the_callback_called_in_the_loops_thread(
    start: Start, in_thread: InThread
) -> None:
    calls: list[int] = []

    def main() -> None:
        trigger = notifier(lambda: calls.append(threading.get_ident())).trigger
        in_thread(trigger)

    start(main)
    assert calls == [threading.get_ident()]


def test_a_notifier_wakes_a_loop_that_waits(start: Start, in_thread: InThread) -> None:
    """There is nothing else that would."""
    calls: list[int] = []
    go_on = threading.Semaphore(0)

    def main() -> None:
        def called() -> None:
            calls.append(1)
            if len(calls) == 50:
                handle.free()
            go_on.release()

        def trigger() -> None:
            while go_on.acquire(timeout=PATIENCE) and not handle.freed:
                handle.trigger()

        handle = notifier(called, one_shot=False)
        go_on.release()
        in_thread(trigger)

    start(main)
    assert len(calls) == 50


def test_results_of_threads_and_of_timers_come_together(start: Start, in_thread: InThread) -> None:
    result: list[int] = [1]

    def main() -> None:
        waiting = threading.Event()
        delay(waiting.set)
        handle = notifier(lambda: result.append(100))
        in_thread(in_turn(lambda: waiting.wait(PATIENCE), lambda: handle.trigger()))
        delay(lambda: result.append(10), 0.01)

    start(main)
    assert sum(result) == 111


def test_a_one_shot_notifier_is_freed_when_it_is_triggered(start: Start) -> None:
    handles: list[Notifier] = []

    def main() -> None:
        handles.append(notifier(lambda: None))
        handles[0].trigger()
        assert not handles[0].freed

    start(main)
    assert handles[0].freed
    with pytest.raises(HandleFreed, match="the notifier has been freed"):
        handles[0].trigger()


def test_another_can_be_triggered_again_and_again(start: Start) -> None:
    calls: list[int] = []

    def main() -> None:
        def called() -> None:
            calls.append(1)
            if len(calls) == 3:
                handle.free()
            else:
                handle.trigger()

        handle = notifier(called, one_shot=False)
        handle.trigger()

    start(main)
    assert calls == [1, 1, 1]


def test_triggering_twice_before_it_is_called_is_triggering_once(start: Start) -> None:
    calls: list[int] = []

    def main() -> None:
        handle = notifier(lambda: calls.append(1), one_shot=False)
        handle.trigger()
        handle.trigger()
        delay(lambda: delay(handle.free))

    start(main)
    assert calls == [1]


def test_triggering_often_takes_no_more_room_than_triggering_once(start: Start) -> None:
    def main() -> None:
        base = current_event_loop().event_base
        handle = notifier(lambda: None)
        before = base.statistics().deferred
        for _ in range(100):
            handle.trigger()
        assert base.statistics().deferred == before + 1

    start(main)


def test_two_threads_that_trigger_at_the_same_time_have_it_called_once(start: Start) -> None:
    """Each has queued a call, because neither has seen the other."""
    calls: list[int] = []

    def main() -> None:
        handle = notifier(lambda: calls.append(1), one_shot=False)
        handle.trigger()
        handle._is_triggered = False
        handle.trigger()
        delay(lambda: delay(handle.free))

    start(main)
    assert calls == [1]


def test_triggering_while_it_is_called_is_not_lost(start: Start, in_thread: InThread) -> None:
    """What a thread puts down before it triggers is always found."""
    found: list[int] = []
    results: list[int] = []

    def main() -> None:
        def produce() -> None:
            for number in range(2000):
                results.append(number)
                handle.trigger()

        def called() -> None:
            while results:
                found.append(results.pop(0))
            if len(found) == 2000:
                handle.free()

        handle = notifier(called, one_shot=False)
        in_thread(produce)

    start(main)
    assert found == list(range(2000))


def test_many_threads_trigger_many_notifiers(start: Start, in_thread: InThread) -> None:
    calls: list[int] = []

    def main() -> None:
        handles = [notifier(lambda: calls.append(1)) for _ in range(50)]
        for _ in range(4):
            in_thread(lambda: trigger(handles))

    def trigger(handles: list[Notifier]) -> None:
        for handle in handles:
            with contextlib.suppress(HandleFreed):  # another thread was first
                handle.trigger()

    start(main)
    assert len(calls) == 50


def test_a_notifier_that_is_freed_after_being_triggered_is_not_called(start: Start) -> None:
    def main() -> None:
        handle = notifier(unwanted)
        handle.trigger()
        handle.free()
        with pytest.raises(HandleFreed):
            handle.trigger()

    start(main)


def test_a_notifier_keeps_the_loop_alive_and_without_a_reference_does_not(
    start_simulated: Start,
) -> None:
    calls: list[str] = []

    def main() -> None:
        handle = notifier(unwanted)
        delay(in_turn(lambda: calls.append("there"), lambda: handle.unref()), 3).unref()

    start_simulated(main)
    assert calls == ["there"]


def test_a_watchdog_without_a_reference_may_end_the_loop(start: Start, in_thread: InThread) -> None:
    def main() -> None:
        delay(unwanted, 1000)
        watchdog = notifier(exit_event_loop)
        watchdog.unref()
        in_thread(watchdog.trigger)

    start(main)


def test_after_the_end_of_the_loop_triggering_is_an_error(start: Start) -> None:
    handles: list[Notifier] = []
    seen: list[str] = []

    def trigger() -> None:
        try:
            handles[0].trigger()
        except HandleFreed as error:
            seen.append(str(error))

    start(in_turn(lambda: handles.append(notifier(unwanted)), exit_event_loop))
    thread = threading.Thread(target=trigger)
    thread.start()
    thread.join(PATIENCE)
    assert seen == ["trigger: the notifier has been freed"]


def test_triggering_in_the_moment_in_which_the_loop_ends_is_the_same_error(start: Start) -> None:
    """The event base is closed, and the notifier does not know yet."""
    handles: list[Notifier] = []

    def main() -> None:
        handles.append(notifier(unwanted))
        current_event_loop().event_base.close()
        with pytest.raises(HandleFreed, match="the notifier has been freed"):
            handles[0].trigger()
        exit_event_loop()

    start(main)


def test_a_signal_handler_may_trigger_it(start: Start) -> None:
    calls: list[int] = []

    def main() -> None:
        handle = notifier(lambda: calls.append(1))
        signal.signal(signal.SIGUSR1, lambda number, frame: handle.trigger())
        delay(lambda: os.kill(os.getpid(), signal.SIGUSR1))

    previous = signal.getsignal(signal.SIGUSR1)
    try:
        start(main)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert calls == [1]
