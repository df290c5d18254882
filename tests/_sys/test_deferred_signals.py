"""Signals that come where no handler may interrupt."""

import signal
import threading
from collections.abc import Iterator

import pytest

from trunkline._sys.deferred_signals import DeferredSignals


class Interruption(BaseException):
    """What a signal handler raises, like `KeyboardInterrupt`."""


@pytest.fixture
def called() -> Iterator[list[int]]:
    """Note SIGUSR1; SIGUSR2 raises."""
    noted: list[int] = []

    def fail(number: int, frame: object) -> None:
        noted.append(number)
        raise Interruption

    before = (
        signal.signal(signal.SIGUSR1, lambda number, frame: noted.append(number)),
        signal.signal(signal.SIGUSR2, fail),
    )
    try:
        yield noted
    finally:
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGUSR2, before[1])


def test_what_comes_inside_is_handled_when_it_is_left(called: list[int]) -> None:
    handler = signal.getsignal(signal.SIGUSR1)
    with DeferredSignals():
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR1)
        assert called == []
    assert called == [signal.SIGUSR1] * 2
    assert signal.getsignal(signal.SIGUSR1) is handler


def test_what_a_handler_raises_leaves_the_block_at_its_end(called: list[int]) -> None:
    done: list[str] = []

    def work() -> None:
        with DeferredSignals():
            signal.raise_signal(signal.SIGUSR2)
            done.append("all of it")

    with pytest.raises(Interruption):
        work()
    assert (called, done) == ([signal.SIGUSR2], ["all of it"])


def test_what_the_block_raises_is_not_lost(called: list[int]) -> None:
    def work() -> None:
        with DeferredSignals():
            signal.raise_signal(signal.SIGUSR1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert called == [signal.SIGUSR1]


def test_what_is_ignored_or_left_to_the_system_stays_so() -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with DeferredSignals():
            assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            signal.raise_signal(signal.SIGUSR1)
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_another_thread_has_no_signals_to_defer(called: list[int]) -> None:
    handler = signal.getsignal(signal.SIGUSR1)
    seen: list[object] = []

    def look() -> None:
        with DeferredSignals():
            seen.append(signal.getsignal(signal.SIGUSR1))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [handler]
