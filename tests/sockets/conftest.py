"""What tests of threads that share a socket have in common."""

import threading

import pytest

from trunkline._sys import descriptor
from trunkline._sys.readiness import wait_for_one


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Can be acquired once for each thread that is about to wait for a descriptor."""
    about_to_wait = threading.Semaphore(0)

    def wait(number: int, interest: int, timeout: float | None) -> int:
        about_to_wait.release()
        return wait_for_one(number, interest, timeout)

    monkeypatch.setattr(descriptor, "wait_for_one", wait)
    return about_to_wait
