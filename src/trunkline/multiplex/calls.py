"""What an event base calls by itself: timers when they are due, and deferred calls."""

from collections.abc import Callable
from math import inf
from typing import Any, TypeVarTuple

from .._core.call_queue import CallQueue
from .._core.callbacks import call_plainly, check_callback
from .._core.deadline import check_seconds
from .._core.timer_queue import Timer, TimerQueue
from .._core.uncopied import Uncopied
from .._sys.clock import Clock
from .._sys.waker import Waker
from ..errors import SocketClosed

__all__ = ("Calls",)

Arguments = TypeVarTuple("Arguments")


class Calls(Uncopied):
    """The part of an event base that has timers and deferred calls.

    Args:
        clock: The clock that timers go by.
        collect_timing: Measure how long callbacks take.
    """

    _deferred_come_first = False
    """Whether calls deferred before an iteration are made before what is ready then."""

    def __init__(self, clock: Clock, collect_timing: bool) -> None:
        self._clock = clock
        self._timers = TimerQueue()
        # Of pairs of a callback and its arguments, but see `_call_deferred`.
        self._deferred = CallQueue()
        self._is_closed = False
        self._exit_requested = False
        self._waker = Waker()
        self._longest_callback: float | None = 0.0 if collect_timing else None

    def add_timer(
        self, callback: Callable[[], object], seconds: float, *, one_shot: bool = False
    ) -> Timer:
        """Have `callback` called after some time, and again each time that passes.

        Args:
            callback: Called without arguments. One that turns out to be async, or a generator, is a
                `TypeError` then, which comes out of `dispatch`.
            seconds: The time until it is called, and between two calls.
            one_shot: Call it only once.

        Returns:
            The timer, for `remove_timer`.

        Raises:
            TypeError, ValueError: `seconds` is not a number, or negative.
            SocketClosed: The event base is closed.
        """
        if self._is_closed:
            self._check_open("add_timer")
        interval = _check_interval(seconds)
        if not callable(callback):
            check_callback(callback)  # type: ignore[unreachable] # not everybody checks types
        timed = callback if self._longest_callback is None else self._timed(callback)
        deadline = self._clock() + interval
        return self._timers.add_new(timed, deadline, None if one_shot else interval)

    def remove_timer(self, timer: Timer) -> bool:
        """Remove a timer; return whether it was pending."""
        return self._timers.remove(timer)

    def call_soon(self, callback: Callable[[*Arguments], object], *args: *Arguments) -> None:
        """Have `callback` called with `args` in the next iteration.

        One that turns out to be async, or a generator, is a `TypeError` then, which comes out of
        `dispatch`: to look before would cost as much as the call.

        Raises:
            SocketClosed: The event base is closed.
        """
        if self._is_closed:
            self._check_open("call_soon")
        if not callable(callback):
            check_callback(callback)  # type: ignore[unreachable] # not everybody checks types
        timed = callback if self._longest_callback is None else self._timed(callback)
        self._deferred.append((timed, args))

    def call_soon_threadsafe(
        self, callback: Callable[[*Arguments], object], *args: *Arguments
    ) -> None:
        """The same, from another thread or from a signal handler: it wakes the event base.

        Raises:
            SocketClosed: The event base is closed.
        """
        # What `call_soon` does is here once more, which saves the call of it.
        if self._is_closed:
            self._check_open("call_soon_threadsafe")
        if not callable(callback):
            check_callback(callback)  # type: ignore[unreachable] # not everybody checks types
        timed = callback if self._longest_callback is None else self._timed(callback)
        self._deferred.append((timed, args))
        if not self._waker._is_woken:
            self._waker.wake()

    def exit(self, delay: float = 0) -> None:
        """Let `dispatch` return at the start of its next iteration.

        It may be called from any thread and from signal handlers. If `dispatch` is not running, its
        next call returns at once.

        Args:
            delay: Seconds to go on for before that.

        Raises:
            TypeError, ValueError: The delay is not a number, or negative.
            SocketClosed: A delay is given, and the event base is closed.
        """
        if _check_interval(delay):
            self.call_soon_threadsafe(lambda: self.add_timer(self.exit, delay, one_shot=True))
            return
        self._exit_requested = True
        self._waker.wake()

    def _check_open(self, operation: str) -> None:
        if self._is_closed:
            raise SocketClosed(strerror="the event base is closed", operation=operation)

    def _timed(self, callback: Callable[..., object]) -> Callable[..., object]:
        """Return a callback that measures itself, if that was asked for."""
        if self._longest_callback is None:
            return callback

        def timed(*args: Any) -> None:
            before = self._clock()
            try:
                call_plainly(callback, *args)
            finally:
                self._longest_callback = max(self._longest_callback or 0.0, self._clock() - before)

        return timed


def _check_interval(seconds: float) -> float:
    """Return a time for a timer, if it is one: how long it takes must be known."""
    if type(seconds) is float and 0 <= seconds < inf:
        return seconds
    interval = check_seconds(seconds)
    if interval is None or interval == inf:
        raise ValueError(f"a timer needs a number of seconds, not {interval}")
    return interval
