"""Waiting for epoll(7), and whom what it tells is for; it has a twin in `_native`."""

from typing import TYPE_CHECKING

from .registration import Registration, ready_ones

if TYPE_CHECKING:
    import select

__all__ = ("EpollEvents",)

_MOST_EVENTS = 1023


class EpollEvents:
    """What a set of epoll's has told last: numbers, and for what their descriptors are ready."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: list[tuple[int, int]] = []

    def wait(
        self, epoll: "select.epoll", timeout: float, registered: dict[int, Registration]
    ) -> int:
        """Wait until something is ready. What a signal interrupts goes on for what is left.

        Args:
            epoll: The set.
            timeout: Seconds to wait at most; -1 for no limit.
            registered: What is in the set, by numbers.

        Returns:
            How many descriptors are ready.

        Raises:
            OSError: The system says so.
            ValueError: The set is closed.
        """
        # There is room for so many events at a time; for many, making it takes longer.
        count = len(registered)
        self._told = epoll.poll(timeout, count if 0 < count < _MOST_EVENTS else _MOST_EVENTS)
        return len(self._told)

    def pairs(self) -> list[tuple[int, int]]:
        """Return what was told."""
        return self._told

    def registrations(self, registered: dict[int, Registration]) -> list[Registration]:
        """Return the registrations that are ready, of which each learns for what.

        Args:
            registered: Those that there are, by numbers; others are left out.
        """
        return ready_ones(registered, self._told)
