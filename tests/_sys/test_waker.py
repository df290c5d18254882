"""Waking whoever waits."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from sockets.helpers import no_descriptors_left
from support.timing import PATIENCE

from trunkline import TooManyOpenFiles
from trunkline._sys.readiness import READABLE, wait_for_one
from trunkline._sys.waker import Waker


@pytest.fixture
def waker() -> Iterator[Waker]:
    waker = Waker()
    yield waker
    waker.close()


def is_awake(waker: Waker) -> bool:
    """Say whether it is readable; an interrupted look is made again."""
    return any(wait_for_one(waker.fileno(), READABLE, 0) for _ in range(4))


def test_it_is_readable_once_it_was_woken_until_it_is_cleared(waker: Waker) -> None:
    seen = [is_awake(waker)]
    waker.wake()
    seen.append(is_awake(waker))
    while is_awake(waker):
        waker._handle_ready()
    seen.append(is_awake(waker))
    assert seen == [False, True, False]


def test_it_may_be_woken_more_often_than_anything_can_hold(waker: Waker) -> None:
    for _ in range(5000):
        waker.wake()
    for _ in range(10):  # One is enough, if nothing is short.
        waker._handle_ready()
    assert not is_awake(waker)
    waker.wake()
    assert is_awake(waker)


def test_clearing_what_is_clear_does_not_wait(waker: Waker) -> None:
    waker._handle_ready()
    waker._handle_ready()
    assert not is_awake(waker)


def test_another_thread_wakes_who_waits(waker: Waker) -> None:
    thread = threading.Thread(target=waker.wake)
    thread.start()
    assert wait_for_one(waker.fileno(), READABLE, PATIENCE)
    thread.join(PATIENCE)


def test_waking_what_is_closed_does_nothing(waker: Waker) -> None:
    waker.close()
    waker.wake()
    waker._handle_ready()
    waker.close()
    assert waker.fileno() == -1


@pytest.mark.parametrize("spare", [0, 1])
def test_without_descriptors_there_is_none(spare: int) -> None:
    with no_descriptors_left(spare), pytest.raises(TooManyOpenFiles, match=r"^socketpair: "):
        Waker()


def test_neither_end_is_inherited_or_blocks(waker: Waker) -> None:
    for end in (waker._reader, waker._writer):
        assert not os.get_inheritable(end.fileno())
        assert not end.getblocking()


# -- signals ---------------------------------------------------------------------------------------


@pytest.fixture
def some_signal() -> Iterator[signal.Signals]:
    """Yield a signal that has a Python handler, which does nothing."""
    before = signal.signal(signal.SIGUSR1, lambda number, frame: None)
    yield signal.SIGUSR1
    signal.signal(signal.SIGUSR1, before)


def test_a_signal_wakes_it_if_that_is_asked_for(waker: Waker, some_signal: signal.Signals) -> None:
    signal.raise_signal(some_signal)
    assert not is_awake(waker)
    waker.wake_on_signals()
    signal.raise_signal(some_signal)
    assert is_awake(waker)
    while is_awake(waker):
        waker._handle_ready()
    waker.ignore_signals()
    signal.raise_signal(some_signal)
    assert not is_awake(waker)


def test_whom_signals_woke_before_is_put_back(waker: Waker) -> None:
    other = Waker()
    other.wake_on_signals()
    try:
        waker.wake_on_signals()
        waker.wake_on_signals()
        waker.close()
        waker.close()
        now = signal.set_wakeup_fd(-1)
    finally:
        other.close()
    assert now >= 0
    assert signal.set_wakeup_fd(-1) == -1


def test_whom_signals_wake_now_is_left_alone(waker: Waker) -> None:
    other = Waker()
    waker.wake_on_signals()
    other.wake_on_signals()
    waker.close()
    mine = signal.set_wakeup_fd(-1)
    other.close()
    assert mine >= 0
    assert signal.set_wakeup_fd(-1) == -1


def test_whom_signals_woke_before_may_be_gone(waker: Waker) -> None:
    other = Waker()
    other.wake_on_signals()
    waker.wake_on_signals()
    other.close()
    waker.close()
    assert signal.set_wakeup_fd(-1) == -1


def test_other_threads_get_no_signals(waker: Waker) -> None:
    def try_it() -> None:
        waker.wake_on_signals()
        waker.ignore_signals()

    thread = threading.Thread(target=try_it)
    thread.start()
    thread.join(PATIENCE)
    assert signal.set_wakeup_fd(-1) == -1
