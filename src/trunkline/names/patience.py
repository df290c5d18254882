"""Waiting for answers for the same time each: one timer for all who wait."""

from itertools import takewhile
from typing import Protocol

from .._core.timer_queue import Timer
from ..multiplex.event_base import EventBase

__all__ = ("Patience", "Patient")


class Patient(Protocol):
    """Who waits."""

    def _expire(self) -> object:
        """The time is up."""


class Patience:
    """Tells those who wait when their time is up, in the order in which they began.

    Nearly all have their answers long before that; so there is one timer, for the first of them.

    Args:
        event_base: Whose clock it is.
        seconds: How long each of them waits.
    """

    def __init__(self, event_base: EventBase, seconds: float) -> None:
        self._event_base = event_base
        self._seconds = seconds
        self._ends: dict[Patient, float] = {}  # in order
        self._timer: Timer | None = None

    def begin(self, who: Patient) -> None:
        """Take note that somebody waits from now on, and not since an earlier time."""
        self._ends.pop(who, None)  # the order is that of their beginnings
        self._ends[who] = self._event_base._clock() + self._seconds
        if self._timer is None:
            self._wait(self._seconds)

    def end(self, who: Patient) -> None:
        """Take note that somebody waits no more. May be repeated."""
        self._ends.pop(who, None)
        if not self._ends and self._timer is not None:
            self._event_base.remove_timer(self._timer)
            self._timer = None

    def _wait(self, seconds: float) -> None:
        self._timer = self._event_base.add_timer(self._look, seconds, one_shot=True)

    def _look(self) -> None:
        looking, now = self._timer, self._event_base.now()
        try:
            for who, end in list(takewhile(lambda each: each[1] <= now, self._ends.items())):
                if self._ends.get(who) == end:  # and nobody has ended it meanwhile
                    del self._ends[who]
                    who._expire()
        finally:
            # Also after an interruption, as by Ctrl-C.
            if self._timer is looking:
                self._timer = None
                if self._ends and not self._event_base.closed:
                    self._wait(max(0.0, next(iter(self._ends.values())) - now))
