"""What a supervisor takes, and what to say of what it does not take."""

from collections.abc import Iterable

from .._core.option_names import check_names
from .binding import SupervisorSocketOptions

__all__ = ("check_supervisor_names",)


def check_supervisor_names(options: Iterable[str], own: Iterable[str] | None) -> None:
    """Raise `TypeError` for an option that a supervisor does not take; see `check_names`."""
    taken = SupervisorSocketOptions.__annotations__
    check_names("a supervisor", options, taken, own)
