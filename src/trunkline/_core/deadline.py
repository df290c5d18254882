"""A limit of time for a whole call, however many waits the call is made of."""

import sys
from collections.abc import Callable

from .counts import shown_number

__all__ = ("Deadline", "check_seconds", "check_timeout")

# A century, in seconds. Python's threads cannot wait three times as long, and raise OverflowError.
_FOR_EVER = 3.2e9

_NEVER = float("inf")
_LARGEST = sys.float_info.max


def check_seconds(seconds: float | None, name: str = "a timeout") -> float | None:
    """Return `seconds` if it is None, or a number that is not negative. The name is for errors.

    An integer that is too large to be reckoned with is infinity.

    Raises:
        TypeError: It is not a number.
        ValueError: It is negative, or not a number in the sense of IEEE 754.
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} is a number of seconds or None, not {type(seconds).__name__}")
    if not seconds >= 0:  # NaN is not, either
        raise ValueError(f"{name} cannot be negative: {shown_number(seconds)}")
    return seconds if seconds <= _LARGEST else _NEVER


def check_timeout(timeout: float | None, name: str = "a timeout") -> float | None:
    """Return a limit of time, in seconds, if it is one; what is longer than a century is None.

    Raises:
        TypeError, ValueError: As for `check_seconds`.
    """
    checked = check_seconds(timeout, name)
    return None if checked is None or checked > _FOR_EVER else checked


class Deadline:
    """The moment at which a call's timeout runs out.

    The clock is read when the remaining time is first asked for, so that a call which never has to
    wait never reads it.

    Args:
        timeout: Seconds for the whole call; None is for ever, 0 is at once.
        clock: Returns the time in seconds, and never goes backwards.

    Attributes:
        is_immediate: Whether the timeout is 0: the call does not wait at all.

    Raises:
        TypeError, ValueError: See `check_timeout`.
    """

    __slots__ = ("_clock", "_moment", "_timeout", "is_immediate")

    def __init__(self, timeout: float | None, clock: Callable[[], float]) -> None:
        self._timeout: float | None = None if timeout is None else check_timeout(timeout)
        self.is_immediate: bool = timeout == 0
        self._clock = clock
        self._moment: float | None = None

    def remaining(self) -> float | None:
        """Return the seconds that are left, at least 0, or None when there is no limit."""
        if self._timeout is None:
            return None
        if self._moment is None:
            self._moment = self._clock() + self._timeout
            return self._timeout
        return max(0.0, self._moment - self._clock())

    def within(self, seconds: float) -> "Deadline":
        """Return one that is no later than this one, nor than in so many seconds."""
        remaining = self.remaining()
        return Deadline(seconds if remaining is None else min(seconds, remaining), self._clock)
