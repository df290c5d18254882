"""The loop: it runs while something keeps it alive, and ends in one way, whatever the reason."""

import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from evented.helpers import Box, Failure, Start, fail, in_turn, unwanted
from support.timing import PATIENCE

from trunkline.evented import (
    EventLoop,
    current_event_loop,
    delay,
    exit_event_loop,
    idle,
    interval,
    notifier,
    poll,
    signal_handler,
    start_event_loop,
)

# -- beginning and ending --------------------------------------------------------------------------


def test_the_function_is_called_and_the_loop_ends_with_nothing_left(start: Start) -> None:
    calls: list[str] = []
    start(lambda: calls.append("main"))
    assert calls == ["main"]


def test_a_loop_with_nothing_to_do_ends_at_once(backend: str) -> None:
    loop = EventLoop(backend=backend)
    loop.run()
    assert loop.ended
    assert loop.event_base.closed


def test_the_loop_runs_until_nothing_is_left(start_simulated: Start) -> None:
    calls: list[str] = []
    start_simulated(
        in_turn(lambda: delay(lambda: calls.append("late"), 10), lambda: calls.append("main"))
    )
    assert calls == ["main", "late"]


def test_an_exit_prevents_what_is_pending(start_simulated: Start) -> None:
    def main() -> None:
        delay(unwanted, 1)
        delay(exit_event_loop, 0.5)

    start_simulated(main)


def test_an_exit_lets_what_is_due_at_the_same_time_be_called(start: Start) -> None:
    calls: list[str] = []

    def main() -> None:
        delay(exit_event_loop)
        delay(lambda: calls.append("too"))

    start(main)
    assert calls == ["too"]


def test_an_exit_may_be_asked_for_twice_and_after_the_end(start: Start) -> None:
    loop = start(in_turn(exit_event_loop, exit_event_loop))
    loop.exit()
    assert loop.ended


def test_an_exit_before_the_beginning_lets_nothing_be_called(backend: str) -> None:
    with EventLoop(backend=backend) as loop:
        loop.exit()
        loop.run(unwanted)


def test_any_thread_may_ask_for_the_exit(start: Start) -> None:
    threads: list[threading.Thread] = []

    def main() -> None:
        notifier(unwanted)  # keeps the loop alive
        threads.append(threading.Thread(target=current_event_loop().exit))
        threads[0].start()

    start(main)
    threads[0].join(PATIENCE)


def test_what_is_opened_in_the_iteration_that_would_be_the_last_keeps_the_loop_alive(
    start: Start,
) -> None:
    calls: list[str] = []

    def main() -> None:
        base, box = current_event_loop().event_base, Box()

        def close_and_go_on() -> None:
            box.close()  # so that the loop will look whether anything is left
            base.call_soon(open_another)  # in the same iteration, after that look

        base.call_soon(close_and_go_on)

    def open_another() -> None:
        delay(lambda: calls.append("another"))

    start(main)
    assert calls == ["another"]


def test_a_loop_is_the_current_one_while_it_runs_without_a_block_too(backend: str) -> None:
    loop = EventLoop(backend=backend)
    seen: list[EventLoop] = []
    loop.run(lambda: seen.append(current_event_loop()))
    assert seen == [loop]


def test_a_loop_runs_once(backend: str) -> None:
    loop = EventLoop(backend=backend)
    loop.run(lambda: None)
    with pytest.raises(RuntimeError, match="runs once"):
        loop.run(unwanted)


def test_what_is_run_has_to_be_callable(backend: str) -> None:
    with EventLoop(backend=backend) as loop, pytest.raises(TypeError, match="callable, not int"):
        loop.run(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"max_lookups": 0}, ValueError),
        ({"backend": "no_such"}, ValueError),
        ({"catch_app_errors": 3}, TypeError),
        ({"no_such": 3}, TypeError),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        start_event_loop(unwanted, **options)
    with pytest.raises(RuntimeError):
        current_event_loop()


# -- one loop in a thread --------------------------------------------------------------------------


def test_the_current_loop_is_the_one_that_is_running(start: Start) -> None:
    seen: list[EventLoop] = []
    loop = start(lambda: seen.append(current_event_loop()))
    assert seen == [loop]
    with pytest.raises(RuntimeError, match="no event loop is running"):
        current_event_loop()


@pytest.mark.parametrize(
    "operation",
    [
        lambda: delay(unwanted),
        lambda: interval(unwanted, 1),
        lambda: idle(unwanted),
        lambda: notifier(unwanted),
        lambda: poll(0, unwanted),
        lambda: signal_handler(signal.SIGUSR1, unwanted),
        exit_event_loop,
    ],
)
def test_outside_of_a_loop_nothing_can_be_done(operation: Callable[[], object]) -> None:
    with pytest.raises(RuntimeError, match="no event loop is running"):
        operation()


@pytest.mark.parametrize(
    "nested",
    [
        lambda: start_event_loop(unwanted),
        lambda: current_event_loop().run(unwanted),
        lambda: current_event_loop().event_base.dispatch(),
        lambda: current_event_loop().close(),
        lambda: EventLoop().__enter__(),
    ],
)
def test_a_loop_inside_of_a_loop_is_an_error_and_the_outer_one_goes_on(
    start: Start, nested: Callable[[], object]
) -> None:
    calls: list[str] = []

    def main() -> None:
        outer = current_event_loop()
        with pytest.raises(RuntimeError):
            nested()
        assert current_event_loop() is outer
        delay(lambda: calls.append("later"))

    start(main)
    assert calls == ["later"]


def test_several_threads_have_a_loop_each(backend: str) -> None:
    seen: set[EventLoop] = set()
    all_running = threading.Barrier(3)

    def main() -> None:
        seen.add(current_event_loop())
        all_running.wait(PATIENCE)

    threads = [
        threading.Thread(target=start_event_loop, args=[main], kwargs={"backend": backend})
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(seen) == 3
    assert all(loop.ended for loop in seen)


def test_another_thread_cannot_open_anything_on_a_running_loop(start: Start) -> None:
    errors: list[Exception] = []

    def intrude(loop: EventLoop) -> None:
        for operation in (partial(delay, loop=loop), loop.add_exit_callback):
            try:
                operation(unwanted)
            except RuntimeError as error:
                errors.append(error)

    def main() -> None:
        thread = threading.Thread(target=intrude, args=[current_event_loop()])
        thread.start()
        thread.join(PATIENCE)

    start(main)
    assert ["another thread's" in str(error) for error in errors] == [True, True]


def test_a_loop_may_be_made_in_one_thread_and_run_in_another(backend: str) -> None:
    calls: list[int] = []
    loop = EventLoop(backend=backend)
    delay(lambda: calls.append(threading.get_ident()), loop=loop)
    thread = threading.Thread(target=loop.run)
    thread.start()
    ident = thread.ident
    thread.join(PATIENCE)
    assert calls == [ident]


def test_a_loop_that_has_ended_takes_nothing(start: Start) -> None:
    loop = start(lambda: None)
    with pytest.raises(RuntimeError, match="the event loop has ended"):
        delay(unwanted, loop=loop)
    with pytest.raises(RuntimeError, match="the event loop has ended"):
        loop.add_exit_callback(unwanted)
    with pytest.raises(RuntimeError, match="the event loop has ended"), loop:
        unwanted()


# -- a with block ----------------------------------------------------------------------------------


def test_in_a_with_block_things_are_set_up_before_the_loop_runs(backend: str) -> None:
    calls: list[str] = []
    with EventLoop(backend=backend) as loop:
        assert current_event_loop() is loop
        delay(lambda: calls.append("first"))
        loop.run(lambda: calls.append("second"))
        assert loop.ended
    assert calls == ["first", "second"]


def test_leaving_the_block_closes_a_loop_that_has_not_run(backend: str) -> None:
    calls: list[str] = []
    with EventLoop(backend=backend) as loop:
        handle = delay(unwanted)
        loop.add_exit_callback(lambda: calls.append("exit"))
    assert calls == ["exit"]
    assert loop.ended
    assert handle.freed
    assert loop.event_base.closed
    loop.close()
    with pytest.raises(RuntimeError):
        current_event_loop()
    with pytest.raises(RuntimeError, match="runs once"):
        loop.run(unwanted)


class Striking:
    """In place of a method of an object: the first call of it is interrupted, before anything.

    The second one is the method's again.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self._owner = owner
        self._name = name
        setattr(owner, name, self)

    def __call__(self, *args: object) -> None:
        delattr(self._owner, self._name)
        raise KeyboardInterrupt


@pytest.mark.parametrize("moment", ["beginning", "running", "ending", "in the middle of ending"])
def test_wherever_an_interrupt_strikes_the_block_closes_the_loop(backend: str, moment: str) -> None:
    calls: list[str] = []
    boxes: list[Box] = []
    loop = EventLoop(backend=backend)
    struck = {
        "beginning": (loop, "_to_the_end"),
        "running": (loop, "_run"),
        "ending": (loop, "_end"),
        "in the middle of ending": (loop._ending, "close"),
    }

    def run() -> None:
        with loop:
            boxes.append(Box())
            boxes[0].unref()
            loop.add_exit_callback(lambda: calls.append("exit"))
            Striking(*struck[moment])
            loop.run()

    with pytest.raises(KeyboardInterrupt):
        run()
    assert calls == ["exit"]
    assert loop.ended
    assert not boxes[0].is_open
    assert loop.event_base.closed
    with pytest.raises(RuntimeError, match="no event loop"):
        current_event_loop()


def test_an_interrupt_of_the_block_comes_before_an_exit_callback_that_fails(
    backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt() -> None:
        with EventLoop(backend=backend) as loop:
            loop.add_exit_callback(fail)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is Failure


# -- signals and forks -----------------------------------------------------------------------------


def test_an_interrupt_leaves_the_loop_and_everything_is_closed(start: Start) -> None:
    boxes: list[Box] = []

    def main() -> None:
        boxes.append(Box())
        delay(lambda: os.kill(os.getpid(), signal.SIGINT))

    with pytest.raises(KeyboardInterrupt):
        start(main)
    assert not boxes[0].is_open
    assert boxes[0].loop.event_base.closed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_after_a_fork_both_processes_go_on_with_the_loop(start: Start) -> None:
    calls: list[str] = []
    parent = os.getpid()
    children: list[int] = []

    def main() -> None:
        delay(lambda: calls.append("timer"), 0.001)
        trigger = notifier(lambda: calls.append("notifier"))
        children.append(os.fork())
        delay(trigger.trigger)

    status = 1
    try:
        start(main)
        assert sorted(calls) == ["notifier", "timer"]
        status = 0
    finally:
        if os.getpid() != parent:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0


@pytest.mark.parametrize(
    ("most", "error"),
    [(0, ValueError), (1.5, TypeError), (float("inf"), TypeError), (True, TypeError)],
)
def test_so_many_look_ups_at_a_time_are_a_number(most: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="max_lookups"):
        start_event_loop(lambda: None, max_lookups=most)


@pytest.mark.parametrize("wrong", [1, "loop", EventLoop])
def test_a_loop_that_is_none_is_told_at_once(wrong: Any) -> None:
    with pytest.raises(TypeError, match="loop is an EventLoop, not"):
        delay(lambda: None, loop=wrong)
    with pytest.raises(TypeError, match="loop is an EventLoop, not"):
        exit_event_loop(loop=wrong)
