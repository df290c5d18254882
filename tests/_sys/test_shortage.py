"""Waiting for descriptors to become free."""

import threading
import time

import pytest
from sockets.helpers import Call
from support.timing import MS, PATIENCE

from trunkline import make_socket
from trunkline._sys import shortage
from trunkline._sys.shortage import descriptor_freed, wait_for_descriptor


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when somebody waits: when the condition has been entered and is waited for."""
    event = threading.Event()

    class Watched(threading.Condition):
        def wait(self, timeout: float | None = None) -> bool:
            event.set()
            return super().wait(timeout)

    monkeypatch.setattr(shortage, "_condition", Watched())
    return event


def test_without_news_a_wait_lasts_its_time() -> None:
    start = time.monotonic()
    wait_for_descriptor(20 * MS)
    assert time.monotonic() - start >= 20 * MS


def test_closing_a_socket_ends_the_wait(waiting: threading.Event) -> None:
    with make_socket() as sock, Call(wait_for_descriptor, 10 * PATIENCE) as call:
        assert waiting.wait(PATIENCE)
        sock.close()
        call.result()


def test_all_who_wait_are_woken() -> None:
    barrier = threading.Barrier(4)

    def wait() -> None:
        barrier.wait(PATIENCE)
        wait_for_descriptor(10 * PATIENCE)

    with Call(wait) as one, Call(wait) as two, Call(wait) as three:
        barrier.wait(PATIENCE)
        while one.is_running or two.is_running or three.is_running:
            descriptor_freed()  # one of them may not have begun to wait yet


def test_closing_does_not_touch_the_lock_while_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shortage, "_condition", None)
    descriptor_freed()
