"""Timers in the order in which they are due: a heap, from which what is removed goes lazily.

It has a twin in `_native`.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from math import floor
from typing import Protocol

from .uncopied import Uncopied

__all__ = ("Timer", "TimerQueue")

# Numbers the entries of all queues. Timers due at the same time come in the order of being added.
_numbers = count(1)


class Timer(Uncopied):
    """A callback that is due at a time, and again and again if it has an interval.

    Attributes:
        callback: Called without arguments.
        deadline: When it is due next, on the clock of its queue.
        interval: Seconds between two calls, or None for a single one.
    """

    __slots__ = ("_entry", "_queue", "callback", "deadline", "interval")

    def __init__(
        self, callback: Callable[[], object], deadline: float, interval: float | None
    ) -> None:
        self.callback: Callable[[], object] = callback
        self.deadline: float = deadline
        self.interval: float | None = interval
        self._queue: TimerQueue | None = None  # that it is in
        self._entry: int = 0  # its number there: entries with another number are leftovers

    @property
    def is_pending(self) -> bool:
        """Whether it will be called."""
        return self._queue is not None

    def __repr__(self) -> str:
        state = f"due at {self.deadline}" if self.is_pending else "not pending"
        return f"<Timer {state}, {self.callback!r}>"


class AnyTimer(Protocol):
    """What a queue takes for a timer: a `Timer`, or what somebody else has instead.

    The queue sets the two attributes with an underscore, and the deadline if there is an interval.
    """

    deadline: float
    _queue: "TimerQueue | None"
    _entry: int

    @property
    def interval(self) -> float | None:
        """Seconds between two calls, or None for a single one."""

    @property
    def callback(self) -> Callable[[], object]:
        """Called when it is due."""


class TimerQueue:
    """A set of timers, from which the first one due can be taken.

    Adding and removing cost O(log n): a removed timer stays in the heap until it comes to the top,
    or until half of the heap is such leftovers and all of them are swept out.

    Attributes:
        entries: False if there is nothing to look at; what else it is, is the build's affair. An
            event base looks here each time around, where calling a method would cost as much as a
            system call does.
    """

    __slots__ = ("_leftovers", "entries")

    def __init__(self) -> None:
        self.entries: list[tuple[float, int, AnyTimer]] = []
        self._leftovers = 0

    def __len__(self) -> int:
        """The number of pending timers."""
        return len(self.entries) - self._leftovers

    def add_new(
        self, callback: Callable[[], object], deadline: float, interval: float | None
    ) -> Timer:
        """Make a timer, see `Timer`, and add it."""
        timer = Timer(callback, deadline, interval)
        timer._queue = self
        timer._entry = number = next(_numbers)
        heappush(self.entries, (deadline, number, timer))
        return timer

    def add(self, timer: AnyTimer) -> None:
        """Add a timer that is in no queue."""
        timer._queue = self
        timer._entry = number = next(_numbers)
        heappush(self.entries, (timer.deadline, number, timer))

    def remove(self, timer: AnyTimer) -> bool:
        """Remove a timer; return whether it was in this queue."""
        if timer._queue is not self:
            return False
        timer._queue = None
        timer._entry = 0
        self._leftovers += 1
        if self._leftovers > 64 and self._leftovers * 2 > len(self.entries):
            self._sweep()
        return True

    def _sweep(self) -> None:
        self.entries = [entry for entry in self.entries if entry[1] == entry[2]._entry]
        heapify(self.entries)
        self._leftovers = 0

    def next_deadline(self) -> float | None:
        """Return when the first timer is due, or None if there is none."""
        heap = self.entries
        while heap:
            deadline, number, timer = heap[0]
            if number == timer._entry:
                return deadline
            heappop(heap)
            self._leftovers -= 1
        return None

    def clear(self) -> None:
        """Remove all timers."""
        for _, number, timer in self.entries:
            if number == timer._entry:
                timer._queue = None
                timer._entry = 0
        self.entries = []
        self._leftovers = 0

    def begin_round(self) -> int:
        """Return a mark for `take_due`: what is added from now on is not of this round."""
        return next(_numbers)

    def take_due(self, now: float, mark: int) -> AnyTimer | None:
        """Take the first timer that is due, of those that were there at `mark`.

        A timer with an interval is put back for its next time before it is returned, so that its
        callback may remove it, and so that nothing is lost when its callback raises. It keeps its
        phase, and skips what it has missed.
        """
        if (deadline := self.next_deadline()) is None or deadline > now:
            return None
        _, number, timer = self.entries[0]
        if number > mark:
            return None
        heappop(self.entries)
        timer._queue = None
        timer._entry = 0
        if timer.interval is not None:
            timer.deadline = _next_deadline(deadline, timer.interval, now)
            self.add(timer)
        return timer


def _next_deadline(deadline: float, interval: float, now: float) -> float:
    if now + interval <= now:
        return now  # it is nothing, or too little for the clock to show
    missed = floor((now - deadline) / interval)
    following = deadline + (missed + 1) * interval
    # The division may round such that the result is not in the future after all.
    return following if following > now else following + interval
