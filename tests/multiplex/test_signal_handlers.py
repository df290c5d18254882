"""Signals on an event base: called in their turn, and gone without a trace."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from multiplex.helpers import Failure
from sockets.helpers import Call

from trunkline import EventBase, SocketClosed

SIGNAL = signal.SIGUSR1


def former(number: int, frame: object) -> None:
    """Be the handler that was there before."""
    raise AssertionError("the former handler was called")


def fail(number: int) -> None:
    """Be a callback that fails."""
    raise Failure


def strike() -> None:
    """Send the signal to this process, as anybody might."""
    os.kill(os.getpid(), SIGNAL)


@pytest.fixture(autouse=True)
def handler_before() -> Iterator[None]:
    """Have a handler there, and see that it is there again when the test is over."""
    previous = signal.signal(SIGNAL, former)
    try:
        yield
        assert signal.getsignal(SIGNAL) is former
    finally:
        signal.signal(SIGNAL, previous)


@pytest.fixture
def closing_base(base: EventBase) -> Iterator[EventBase]:
    """Yield an event base that is closed before the handler that was there is looked for."""
    with base:
        yield base


def test_it_is_called_by_dispatch_with_the_number(closing_base: EventBase) -> None:
    base = closing_base
    seen: list[int] = []
    base.set_signal_handler(SIGNAL, seen.append)
    strike()
    strike()
    assert seen == []
    base.dispatch(timeout=0)
    assert seen == [SIGNAL, SIGNAL]


def test_it_ends_a_wait_that_has_begun(closing_base: EventBase) -> None:
    base = closing_base
    base.set_signal_handler(SIGNAL, lambda number: base.exit())
    main_thread = threading.get_ident()
    base.call_soon(lambda: calls.append(Call(signal.pthread_kill, main_thread, SIGNAL)))
    calls: list[Call[None]] = []
    base.call_soon(lambda: calls[0].__enter__())
    base.dispatch()
    calls[0].__exit__(None, None, None)


def test_without_anything_else_dispatch_ends(backend: str) -> None:
    with EventBase(exit_when_empty=True, backend=backend) as base:
        base.set_signal_handler(SIGNAL, fail)
        base.dispatch()


def test_it_can_be_removed_and_replaced(closing_base: EventBase) -> None:
    base = closing_base
    seen: list[int] = []
    assert not base.remove_signal_handler(SIGNAL)
    base.set_signal_handler(SIGNAL, fail)
    base.set_signal_handler(SIGNAL, seen.append)
    strike()
    base.dispatch(timeout=0)
    assert seen == [SIGNAL]
    strike()
    assert base.remove_signal_handler(SIGNAL)
    assert signal.getsignal(SIGNAL) is former
    assert not base.remove_signal_handler(SIGNAL)
    base.dispatch(timeout=0)  # what has come for it is not its any more
    assert seen == [SIGNAL]


def test_another_event_base_replaces_it(closing_base: EventBase, backend: str) -> None:
    seen: list[int] = []
    closing_base.set_signal_handler(SIGNAL, fail)
    with EventBase(backend=backend) as other:
        other.set_signal_handler(SIGNAL, seen.append)
        assert not closing_base.remove_signal_handler(SIGNAL)
        strike()
        closing_base.dispatch(timeout=0)
        other.dispatch(timeout=0)
        assert seen == [SIGNAL]
    assert signal.getsignal(SIGNAL) is former


def test_what_the_application_has_installed_meanwhile_is_left_to_it(base: EventBase) -> None:
    def later(number: int, frame: object) -> None:
        """Be what the application has installed."""

    base.set_signal_handler(SIGNAL, fail)
    signal.signal(SIGNAL, later)
    base.close()
    assert signal.getsignal(SIGNAL) is later
    signal.signal(SIGNAL, former)


def test_a_callback_that_fails_leaves_dispatch(closing_base: EventBase) -> None:
    closing_base.set_signal_handler(SIGNAL, fail)
    strike()
    with pytest.raises(Failure):
        closing_base.dispatch(timeout=0)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("USR1", fail), TypeError),
        ((SIGNAL, None), TypeError),
        ((-1, fail), ValueError),
        ((10_000, fail), ValueError),
        ((signal.SIGKILL, fail), ValueError),
    ],
)
def test_wrong_arguments_are_refused(
    base: EventBase, arguments: tuple[Any, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        base.set_signal_handler(*arguments)


def test_only_the_main_thread_handles_signals(base: EventBase) -> None:
    with (
        Call(base.set_signal_handler, SIGNAL, fail) as call,
        pytest.raises(ValueError, match="main thread"),
    ):
        call.result()


def test_a_closed_event_base_takes_none(base: EventBase) -> None:
    base.close()
    with pytest.raises(SocketClosed):
        base.set_signal_handler(SIGNAL, fail)
