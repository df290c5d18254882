"""Waiting for a thread's event in the main thread, without missing a signal."""

import threading

from .._core.deadline import Deadline
from .._sys.clock import monotonic

__all__ = ("wait_for_event",)

_LONGEST_WAIT = 1.0  # seconds


def wait_for_event(event: threading.Event, timeout: float | None) -> bool:
    """Wait for an event, and return whether it has come; Ctrl-C is noticed meanwhile.

    A signal that arrives just before Python begins to wait for a lock is noticed when that wait
    ends, and not before. So none of the waits is long.
    """
    deadline = Deadline(timeout, monotonic)
    while True:
        remaining = deadline.remaining()
        wait = _LONGEST_WAIT if remaining is None else min(remaining, _LONGEST_WAIT)
        if event.wait(wait) or remaining == 0:
            return event.is_set()
