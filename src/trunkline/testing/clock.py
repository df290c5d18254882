"""A clock that stands still until it is told to go on.

What depends on time is tested without waiting for it, and without hoping that the machine is fast:
give an `EventBase` such a clock, move it, and dispatch with ``timeout=0``. Only what is due by this
clock is called. A real wait is still one of real time, which such a clock does not notice.
"""

__all__ = ("ManualClock",)


class ManualClock:
    """A clock of the kind that Trunkline takes, moved by hand.

    Args:
        time: The seconds that it shows at first.
    """

    def __init__(self, time: float = 0.0) -> None:
        self._time = time

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._time

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: How much.

        Raises:
            ValueError: It is negative or not a number: no clock of Trunkline's goes backwards.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock does not go backwards: {seconds}")
        self._time += seconds

    def __repr__(self) -> str:
        return f"<ManualClock at {self._time}>"
