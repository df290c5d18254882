"""What waits for a descriptor: the one thing that a multiplexer knows, and calls."""

from collections.abc import Iterable, Mapping

from .._core.uncopied import Uncopied
from .readiness import READABLE, WRITABLE

__all__ = ("Registration", "ready_ones")


class Registration(Uncopied):
    """Waits for a descriptor to be ready, and is called then.

    A backend returns the registrations that are ready, so that nothing has to be looked up between
    the system and what it is for. It is also what tells one file from the next one that gets the
    same number: what was taken out of a backend has no interest any more, and is not called, even
    if the backend has just returned it.

    All of it has an underscore, because what is public derives from it: it is for backends and the
    event base.

    Attributes:
        _number: The descriptor's number.
        _interest: What it is watched for: `READABLE`, `WRITABLE`, `URGENT`, several of these added,
            or 0 for nothing but errors; None while it is not watched at all. The backend sets it.
        _events: For what it was ready when the backend has last returned it.
    """

    __slots__ = ("_events", "_interest", "_number")

    def __init__(self, number: int) -> None:
        self._number: int = number
        self._interest: int | None = None
        self._events: int = 0

    def _handle_ready(self) -> None:
        """Do what there is to do for `_events`."""
        raise NotImplementedError

    @property
    def _handler_count(self) -> int:
        """For how many events something is called."""
        interest = self._interest or 0
        return bool(interest & READABLE) + bool(interest & WRITABLE)


def ready_ones(
    registered: Mapping[int, Registration], ready: Iterable[tuple[int, int]]
) -> list[Registration]:
    """Return the registrations of numbers that are ready, of which each learns for what."""
    found: list[Registration] = []
    for number, events in ready:
        try:
            registration = registered[number]
        except KeyError:  # another thread has just taken it out
            continue
        registration._events = events
        found.append(registration)
    return found
