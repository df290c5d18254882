"""What a supervisor takes, and what to say of what it does not take."""

from collections.abc import Iterable

from .._core.option_names import check_names
from .binding import SupervisorSocketOptions

__all__ = ("check_count", "check_supervisor_names")


def check_supervisor_names(options: Iterable[str], own: Iterable[str] | None) -> None:
    """Raise `TypeError` for an option that a supervisor does not take; see `check_names`."""
    taken = SupervisorSocketOptions.__annotations__
    check_names("a supervisor", options, taken, own)


def check_count(workers: int) -> int:
    """Return a number of workers, if it is one."""
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"workers is a number, not {type(workers).__name__}")
    if workers < 1:
        raise ValueError(f"there is at least one worker, not {workers}")
    return workers
