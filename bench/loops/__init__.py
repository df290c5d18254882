"""The event loops that compete in calling: nobody talks to them, they have callbacks to call.

Each offers its operations as a `Loop`. What is done with them is the same for all and stands here;
`calls.c` does the same.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any

from bench.tasks import perform

CHAINED = 10_000
QUEUED = 300_000
POSTED = 10_000
CANCELLED = 10_000
PENDING = 100_000
GATHERED = 10_000
FAR = 3600.0  # seconds; no timer of so many comes due meanwhile
NEAR = 0.001


class Loop:
    """What an event loop can do, by the names that it has for it.

    Attributes:
        call_soon: Called with a callback.
        call_soon_threadsafe: The same.
        call_later: Called with seconds and a callback; returns the timer.
        cancel: Called with a timer.
        run: Runs the loop until `stop` is called by a callback.
        stop: See there.
    """

    def __init__(
        self,
        *,
        call_soon: Callable[..., object],
        call_soon_threadsafe: Callable[..., object],
        call_later: Callable[[float, Callable[[], object]], Any],
        cancel: Callable[[Any], object],
        run: Callable[[], object],
        stop: Callable[[], object],
    ) -> None:
        self.call_soon = call_soon
        self.call_soon_threadsafe = call_soon_threadsafe
        self.call_later = call_later
        self.cancel = cancel
        self.run = run
        self.stop = stop


class _Turns:
    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._count = 0  # of calls, which every callback counts
        self._wanted = 0

    def soon_chained(self) -> int:
        """Let each call ask for the next one: an iteration of the loop each."""

        def call() -> None:
            self._count += 1
            if self._count < self._wanted:
                self._loop.call_soon(call)
            else:
                self._loop.stop()

        self._wanted += CHAINED
        self._loop.call_soon(call)
        return self._run(CHAINED)

    def soon_queued(self) -> int:
        """Ask for very many calls before the first is made."""
        self._wanted += QUEUED
        for _ in range(QUEUED):
            self._loop.call_soon(self._call)
        return self._run(QUEUED)

    def soon_threadsafe(self) -> int:
        """Let another thread ask for calls, while the loop does something else."""

        def post() -> None:
            for _ in range(POSTED):
                self._loop.call_soon_threadsafe(self._call)

        self._wanted += POSTED
        thread = threading.Thread(target=post)
        thread.start()
        thread.join()
        return self._run(POSTED)

    def timer_cancelled(self) -> int:
        """Set timers, and cancel each before it is due: a timeout that does not pass."""
        for _ in range(CANCELLED):
            self._loop.cancel(self._loop.call_later(FAR, self._call))
        self._wanted += 1
        self._loop.call_soon(self._call)
        self._run(1)
        return CANCELLED

    def timer_pending(self) -> int:
        """The same while very many others are pending."""
        if not self._wanted:
            self._pending = [
                self._loop.call_later(FAR + number, self._call) for number in range(PENDING)
            ]
        return self.timer_cancelled()

    def timer_fired(self) -> int:
        """Set very many timers, and let them be due."""
        self._wanted += PENDING
        for number in range(PENDING):
            self._loop.call_later(NEAR * (number % 10), self._call)
        return self._run(PENDING)

    def _call(self) -> None:
        self._count += 1
        if self._count == self._wanted:
            self._loop.stop()

    def _run(self, count: int) -> int:
        self._loop.run()
        if self._count != self._wanted:
            sys.exit(f"{self._count} calls instead of {self._wanted}")
        return count


def run(loop: Loop) -> None:
    """Do what the command line says."""
    service, warmup, duration = sys.argv[-3:]
    turn = getattr(_Turns(loop), service.replace("-", "_"))
    perform(turn, warmup=float(warmup), duration=float(duration))
