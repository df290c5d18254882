"""What has been asked of a server's end: how long the clients have, and then their handlers."""

from .._core.deadline import check_timeout
from .._sys.clock import Clock, monotonic

__all__ = ("JOIN_TIMEOUT", "Ending")

JOIN_TIMEOUT = 5.0
"""Seconds for which a server waits, in the end, for handlers whose connections it has closed."""

_FOREVER = float("inf")


class Ending:
    """The limits of a server's end. It may be asked for again and again; the first to come counts.

    Nothing here takes a lock that an interrupted thread may have, for the sake of signal handlers.
    """

    def __init__(self, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._moments: list[float] = []
        self._join_timeouts: list[float] = []

    def ask(self, seconds: float | None) -> None:
        """Let the end come in so many seconds; None is whenever the clients have finished."""
        self._moments.append(_FOREVER if seconds is None else self._clock() + seconds)

    def ask_to_join(self, timeout: float | None) -> None:
        """Let handlers have so many seconds after that; None is for ever.

        Raises:
            TypeError, ValueError: The timeout is none.
        """
        seconds = check_timeout(timeout, "join_timeout")
        self._join_timeouts.append(_FOREVER if seconds is None else seconds)

    @property
    def is_asked(self) -> bool:
        """Whether there is to be an end."""
        return bool(self._moments)

    def remaining(self) -> float:
        """Return the seconds until the clients are cut, infinity for none; it is to end."""
        return min(self._moments) - self._clock()

    def join_timeout(self) -> float:
        """Return the seconds for handlers whose connections have been closed."""
        return min(self._join_timeouts, default=JOIN_TIMEOUT)
