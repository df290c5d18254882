"""Something that happens once, which exceptions of signal handlers do not break."""

import threading

import pytest
from sockets.helpers import Call
from support.signal_points import interrupted_at
from support.timing import MS, PATIENCE

from trunkline._sys.latch import Latch


def test_who_waits_is_told() -> None:
    latch = Latch()
    with Call(latch.wait, PATIENCE) as one, Call(latch.wait) as other:
        assert not latch.is_set()
        latch.set()
        assert one.result()
        assert other.result()
    assert latch.is_set()
    assert latch.wait(0)


def test_the_wait_is_limited() -> None:
    latch = Latch()
    assert not latch.wait(0)
    assert not latch.wait(1 * MS)
    assert not latch.is_set()


def test_no_wait_of_the_system_is_so_long_that_a_signal_is_slept_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    make_lock = threading.Lock

    class Noting:
        def __init__(self) -> None:
            lock = make_lock()
            self.release = lock.release
            self._acquire = lock.acquire

        def acquire(self, timeout: float = -1) -> bool:
            if timeout >= 0:
                waits.append(timeout)
                latch.set()
            return self._acquire(timeout=0)

    monkeypatch.setattr(threading, "Lock", Noting)
    for timeout in (None, 1e6, 0.5):
        latch = Latch()
        assert latch.wait(timeout)
    assert len(waits) == 3
    assert all(wait <= 1 for wait in waits)


def test_it_may_happen_again() -> None:
    latch = Latch()
    for _ in range(3):
        latch.set()
        assert latch.wait()


def test_an_exception_of_a_signal_handler_in_a_wait_keeps_nobody_else_waiting() -> None:
    struck = []
    for point in range(20):  # more than a wait has
        latch = Latch()
        setting = threading.Thread(target=latch.set)
        setting.start()
        struck.append(interrupted_at(point, latch.wait))
        setting.join(PATIENCE)
        assert latch.wait(PATIENCE)
    assert struck[0]
    assert not struck[-1]


def test_so_does_none_while_it_happens() -> None:
    for point in range(1000):
        latch = Latch()
        was_interrupted = interrupted_at(point, latch.set)
        latch.set()
        assert latch.wait(PATIENCE)
        if not was_interrupted:
            break
    assert 1 <= point < 999
