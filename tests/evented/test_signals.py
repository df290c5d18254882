"""Signal handlers: called by the loop, at once, and gone without a trace."""

import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from evented.helpers import Failure, Start, fail, in_turn, unwanted
from support.timing import PATIENCE

from trunkline.evented import (
    EventLoop,
    SignalHandler,
    current_event_loop,
    delay,
    exit_event_loop,
    idle,
    interval,
    signal_handler,
)

SIGNAL = signal.SIGUSR1


def raise_signal() -> None:
    """Send the signal to this process, as anybody might."""
    os.kill(os.getpid(), SIGNAL)


def former(number: int, frame: FrameType | None) -> None:
    """Be the handler that was there before."""
    raise AssertionError("the former handler was called")


@pytest.fixture(autouse=True)
def handler_before() -> Iterator[None]:
    """Have a handler there, and see that it is there again when the test is over."""
    previous = signal.signal(SIGNAL, former)
    try:
        yield
        assert signal.getsignal(SIGNAL) is former
    finally:
        signal.signal(SIGNAL, previous)


def test_a_signal_calls_the_handler_with_its_number(start: Start) -> None:
    seen: list[int] = []

    def main() -> None:
        handler = signal_handler(SIGNAL, in_turn(seen.append, lambda number: handler.free()))
        delay(raise_signal)

    start(main)
    assert seen == [SIGNAL]


def test_the_handler_is_called_by_the_loop_and_not_in_the_middle_of_anything(start: Start) -> None:
    seen: list[str] = []

    def main() -> None:
        handler = signal_handler(
            SIGNAL, in_turn(lambda number: seen.append("signal"), lambda number: handler.free())
        )
        raise_signal()
        seen.append("main goes on")

    start(main)
    assert seen == ["main goes on", "signal"]


def test_a_handler_is_called_for_each_signal(start: Start) -> None:
    seen: list[int] = []

    def main() -> None:
        def called(number: int) -> None:
            seen.append(number)
            if len(seen) == 3:
                handler.free()
            else:
                raise_signal()

        handler = signal_handler(SIGNAL, called)
        raise_signal()

    start(main)
    assert len(seen) == 3


def test_a_handler_keeps_the_loop_alive_until_it_is_freed(start_simulated: Start) -> None:
    calls: list[str] = []

    def main() -> None:
        handler = signal_handler(signal.SIGINT, unwanted)
        delay(in_turn(lambda: calls.append("freed"), lambda: handler.free()), 1).unref()
        interval(lambda: calls.append("too late"), 1.02 + 3 / 64).unref()

    start_simulated(main)
    assert calls == ["freed"]


def test_without_a_reference_it_does_not(start: Start) -> None:
    start(lambda: signal_handler(SIGNAL, unwanted).unref())


def test_when_it_is_freed_what_was_there_is_put_back(start: Start) -> None:
    def main() -> None:
        handler = signal_handler(SIGNAL, unwanted)
        assert signal.getsignal(SIGNAL) is not former
        handler.free()
        assert signal.getsignal(SIGNAL) is former

    start(main)


@pytest.mark.parametrize("ending", ["exit", "error", "interrupt"])
def test_at_the_end_of_the_loop_what_was_there_is_put_back(start: Start, ending: str) -> None:
    """The fixture looks."""

    def main() -> None:
        signal_handler(SIGNAL, unwanted)
        if ending == "exit":
            exit_event_loop()
        else:
            raise Failure if ending == "error" else KeyboardInterrupt

    if ending == "exit":
        start(main)
    else:
        with pytest.raises((Failure, KeyboardInterrupt)):
            start(main)


@pytest.mark.parametrize("there", [signal.SIG_IGN, signal.SIG_DFL])
def test_dispositions_are_put_back_too(start: Start, there: signal.Handlers) -> None:
    signal.signal(SIGNAL, there)
    try:
        start(lambda: signal_handler(SIGNAL, unwanted).free())
        assert signal.getsignal(SIGNAL) is there
    finally:
        signal.signal(SIGNAL, former)


def test_another_handler_for_the_signal_replaces_it(start: Start) -> None:
    seen: list[int] = []

    def main() -> None:
        first = signal_handler(SIGNAL, unwanted)
        second = signal_handler(SIGNAL, in_turn(seen.append, lambda number: second.free()))
        assert first.freed
        assert current_event_loop().statistics().handles == {"signal handler": 1}
        first.free()
        raise_signal()

    start(main)
    assert len(seen) == 1


def test_a_signal_that_has_come_for_a_replaced_handler_is_not_its_any_more(start: Start) -> None:
    def main() -> None:
        first = signal_handler(SIGNAL, unwanted)
        raise_signal()
        first.free()

    start(main)


def test_handlers_of_several_signals_do_not_concern_each_other(start: Start) -> None:
    seen: list[int] = []

    def main() -> None:
        def called(number: int) -> None:
            seen.append(number)
            handlers.pop(number).free()

        handlers: dict[int, SignalHandler] = {
            number: signal_handler(number, called) for number in (SIGNAL, signal.SIGUSR2)
        }
        os.kill(os.getpid(), signal.SIGUSR2)
        raise_signal()

    start(main)
    assert sorted(seen) == sorted([SIGNAL, signal.SIGUSR2])


def test_what_the_application_has_installed_meanwhile_is_left_to_it(start: Start) -> None:
    def other(number: int, frame: FrameType | None) -> None:
        pass

    def main() -> None:
        handler = signal_handler(SIGNAL, unwanted)
        signal.signal(SIGNAL, other)
        handler.free()
        assert signal.getsignal(SIGNAL) is other

    start(main)
    signal.signal(SIGNAL, former)


def test_a_handler_that_cannot_be_put_back_is_not_replaced(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a program in C into which Python is built, say."""

    def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(signal, "getsignal", lambda number: None)
            with pytest.raises(ValueError, match="could not be put back"):
                signal_handler(SIGNAL, unwanted)
        assert current_event_loop().statistics().handles == {}

    start(main)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((12345, unwanted), ValueError),
        ((0, unwanted), ValueError),
        ((signal.SIGKILL, unwanted), ValueError),
        (("SIGINT", unwanted), TypeError),
        ((SIGNAL, 3), TypeError),
    ],
)
def test_wrong_arguments_are_refused_and_leave_nothing(
    start: Start, arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    def main() -> None:
        with pytest.raises(kind):
            signal_handler(*arguments)
        assert current_event_loop().statistics().handles == {}

    start(main)


def test_only_the_main_thread_handles_signals(backend: str) -> None:
    errors: list[Exception] = []

    def run() -> None:
        with EventLoop(backend=backend) as loop:
            try:
                signal_handler(SIGNAL, unwanted)
            except ValueError as error:
                errors.append(error)
            assert loop.statistics().handles == {}

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(PATIENCE)
    assert "main thread" in str(errors[0])


# -- waking ----------------------------------------------------------------------------------------


def test_a_signal_wakes_a_loop_that_waits(start: Start) -> None:
    """There is nothing else that would."""
    seen: list[int] = []

    def main() -> None:
        handler = signal_handler(SIGNAL, in_turn(seen.append, lambda number: handler.free()))
        raised = threading.Thread(target=signal.pthread_kill, args=[main_thread, SIGNAL])
        delay(raised.start)
        current_event_loop().add_exit_callback(raised.join)

    main_thread = threading.get_ident()
    start(main)
    assert len(seen) == 1


def test_a_signal_that_comes_just_before_the_wait_is_not_slept_through(backend: str) -> None:
    """The clock is asked last before the wait."""
    seen: list[int] = []
    is_armed: list[bool] = []

    def clock() -> float:
        if is_armed:
            is_armed.pop()
            raise_signal()
        return 0.0

    with EventLoop(backend=backend, clock=clock) as loop:
        handler = signal_handler(SIGNAL, in_turn(seen.append, lambda number: handler.free()))
        interval(unwanted, 1000).unref()  # so that there is a time to wait for
        delay(lambda: is_armed.append(True))
        loop.run()
    assert len(seen) == 1


def test_no_signal_of_many_is_slept_through(start: Start) -> None:
    """Each is sent from another thread, when the one before was handled, at whatever moment."""
    wanted = 500
    seen: list[int] = []
    go_on = threading.Semaphore(0)
    main_thread = threading.get_ident()

    def send() -> None:
        while go_on.acquire(timeout=PATIENCE) and len(seen) < wanted:
            signal.pthread_kill(main_thread, SIGNAL)

    def main() -> None:
        def called(number: int) -> None:
            seen.append(number)
            if len(seen) == wanted:
                handler.free()
            go_on.release()

        handler = signal_handler(SIGNAL, called)
        interval(fail, PATIENCE).unref()  # in place of waiting for ever
        sender = threading.Thread(target=send)
        sender.start()
        go_on.release()
        current_event_loop().add_exit_callback(sender.join)

    start(main)
    assert len(seen) == wanted


def test_a_signal_after_the_end_of_the_loop_is_not_the_loops(start: Start) -> None:
    handlers: list[SignalHandler] = []
    installed: list[Any] = []

    def main() -> None:
        handlers.append(signal_handler(SIGNAL, unwanted))
        installed.append(signal.getsignal(SIGNAL))
        exit_event_loop()

    start(main)
    assert handlers[0].freed
    installed[0](SIGNAL, None)  # as if it had come in between


# -- callbacks that do what they like --------------------------------------------------------------


def test_a_callback_that_fails_leaves_the_loop_and_no_handler(start: Start) -> None:
    with pytest.raises(Failure):
        start(in_turn(lambda: signal_handler(SIGNAL, fail), raise_signal))


def test_a_callback_may_replace_itself(start: Start) -> None:
    seen: list[str] = []

    def main() -> None:
        def second(number: int) -> None:
            seen.append("second")
            exit_event_loop()

        def first(number: int) -> None:
            seen.append("first")
            signal_handler(SIGNAL, second)
            raise_signal()

        signal_handler(SIGNAL, first)
        raise_signal()

    start(main)
    assert seen == ["first", "second"]


def test_an_interrupt_may_be_a_signal_like_others(start: Start) -> None:
    """As in a server that ends its loop on Ctrl-C."""
    seen: list[int] = []

    def main() -> None:
        signal_handler(
            signal.SIGINT,
            in_turn(seen.append, lambda number: exit_event_loop()),
        )
        delay(lambda: os.kill(os.getpid(), signal.SIGINT))
        idle(lambda: None)

    start(main)
    assert seen == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
