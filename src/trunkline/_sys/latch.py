"""Something that happens once, and that threads wait for."""

import threading

from .._core.deadline import Deadline
from .clock import monotonic

__all__ = ("Latch",)

# A signal that arrives just before Python begins to wait for a lock is noticed when that wait ends,
# and not before. So none of the waits is long.
_LONGEST_WAIT = 1.0  # seconds


class Latch:
    """An event that happens once.

    A signal handler may raise in the midst of a wait. `threading.Event` may stay locked for ever by
    that, for everybody, since it is written in Python; here a wait is one call that is not.
    """

    __slots__ = ("_is_set", "_lock")

    def __init__(self) -> None:
        self._is_set = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def is_set(self) -> bool:
        """Return whether it has happened."""
        return self._is_set

    def set(self) -> None:
        """Let it happen. May be repeated."""
        was_set, self._is_set = self._is_set, True  # nothing is called, so that only one finds it
        if not was_set:
            self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it happens, and return whether it has.

        Args:
            timeout: Seconds to wait at most; None is for ever.
        """
        deadline = Deadline(timeout, monotonic)
        while not self._is_set:
            remaining = deadline.remaining()
            if remaining == 0:
                return False
            longest = _LONGEST_WAIT if remaining is None else min(remaining, _LONGEST_WAIT)
            if self._lock.acquire(timeout=longest):
                self._lock.release()  # for the others; if it is not, they look up from time to time
        return True
