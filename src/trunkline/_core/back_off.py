"""Growing delays between attempts."""

__all__ = ("BackOff",)


class BackOff:
    """Delays that grow with each attempt that fails, up to a last one, and begin anew after
    success.

    Args:
        first: The first delay, in seconds.
        factor: How much longer each delay is than the one before.
        last: The longest delay, in seconds.
    """

    __slots__ = ("_delay", "_factor", "_first", "_last")

    def __init__(self, first: float, factor: float, last: float) -> None:
        self._first = first
        self._factor = factor
        self._last = last
        self._delay: float | None = None

    def next_delay(self) -> float:
        """Return the seconds to wait after another failure."""
        delay = self._first if self._delay is None else self._delay * self._factor
        self._delay = min(delay, self._last)
        return self._delay

    def reset(self) -> None:
        """Take note of a success."""
        self._delay = None
