"""What an event base tells about itself."""

from typing import NamedTuple

__all__ = ("Statistics",)


class Statistics(NamedTuple):
    """A look at an event base, as it was when it was asked.

    Attributes:
        backend: The name of the multiplexer.
        handlers: How many handlers of descriptors there are.
        timers: How many timers are pending.
        deferred: How many deferred calls are queued.
        iterations: How many iterations have been made.
        callbacks: How many handlers, timers and deferred calls have been called.
        longest_callback: Seconds that the longest of them took; None without `collect_timing`.
        time_waiting: Seconds spent waiting in all; None without `collect_timing`.
    """

    backend: str
    handlers: int
    timers: int
    deferred: int
    iterations: int
    callbacks: int
    longest_callback: float | None
    time_waiting: float | None
