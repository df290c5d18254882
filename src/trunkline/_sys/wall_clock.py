"""What clocks on walls show, for people and for other machines.

Nothing is measured by it, since it may be set.
"""

from time import localtime, strftime, time_ns

__all__ = ("day_and_time", "time_of_day", "unix_time_ns")


def time_of_day() -> str:
    """Return day and time where this machine is: ``"Monday, June 01, 2026 12:00:00-CEST"``."""
    return strftime("%A, %B %d, %Y %H:%M:%S-%Z", localtime())


def unix_time_ns() -> int:
    """Return the nanoseconds since 1970 began in Greenwich, without leap seconds."""
    return time_ns()


def day_and_time(seconds: float) -> str:
    """Return a moment where this machine is, given in seconds since 1970: ``2026-06-01 12:00``.

    One that is so far away that no calendar has it is shown as a number.
    """
    try:
        return strftime("%Y-%m-%d %H:%M", localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f}"
