"""What clocks on walls show, for people. Nothing is measured by it, since it may be set."""

from time import localtime, strftime

__all__ = ("time_of_day",)


def time_of_day() -> str:
    """Return day and time where this machine is: ``"Monday, June 01, 2026 12:00:00-CEST"``."""
    return strftime("%A, %B %d, %Y %H:%M:%S-%Z", localtime())
