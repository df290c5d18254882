"""Calling back later, again and again, or because another thread says so."""

from collections.abc import Callable
from typing import ClassVar

from .._core.callbacks import check_callback
from .._core.timer_queue import Timer
from ..errors import SocketClosed
from .events import EventCallback, HandleFreed
from .handle import FreeableHandle
from .loop import EventLoop

__all__ = (
    "Delay",
    "Idler",
    "Interval",
    "Notifier",
    "delay",
    "idle",
    "interval",
    "notifier",
)


class _PlainHandle(FreeableHandle):
    """A handle with a callback that takes no arguments."""

    def __init__(
        self,
        callback: Callable[[], object],
        event_cb: EventCallback | None,
        loop: EventLoop | None,
    ) -> None:
        super().__init__(event_cb, loop)
        check_callback(callback)
        self._callback = callback


# -- timers ----------------------------------------------------------------------------------------


class Delay(_PlainHandle):
    """A callback that is called once; `delay` makes it. It is freed just before it is called."""

    _kind: ClassVar[str] = "delay"
    _timer: Timer | None = None

    def _start(self, seconds: float | None) -> None:
        base = self._loop.event_base
        if seconds is None:
            base.call_soon(self._fire)
        else:
            self._timer = base.add_timer(self._fire, seconds, one_shot=True)
        self._loop._adopt(self)

    def _fire(self) -> None:
        if not self._is_freed:
            self.free()
            self._call(self._callback)

    def _stop(self) -> None:
        if self._timer is not None:
            self._loop.event_base.remove_timer(self._timer)


def delay(
    callback: Callable[[], object],
    seconds: float | None = None,
    *,
    event_cb: EventCallback | None = None,
    loop: EventLoop | None = None,
) -> Delay:
    """Have `callback` called once, after some time or as soon as what is being called is done.

    Args:
        callback: Called without arguments.
        seconds: How long to wait; None is for the next iteration of the loop. Those of one
            iteration are called in the order in which they were made.
        event_cb: Called with what the callback raises, if the loop catches errors.
        loop: The loop; the current one by default.

    Returns:
        The delay, which can be freed.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError, ValueError: `seconds` is not a number, or negative; or `callback` is not
            callable.
    """
    handle = Delay(callback, event_cb, loop)
    handle._start(seconds)
    return handle


class Interval(_PlainHandle):
    """A callback that is called again and again; `interval` makes it."""

    _kind: ClassVar[str] = "interval"
    _timer: Timer

    def _start(self, seconds: float) -> None:
        self._timer = self._loop.event_base.add_timer(self._fire, seconds)
        self._loop._adopt(self)

    def _fire(self) -> None:
        self._call(self._callback)

    def _stop(self) -> None:
        self._loop.event_base.remove_timer(self._timer)


def interval(
    callback: Callable[[], object],
    seconds: float,
    *,
    event_cb: EventCallback | None = None,
    loop: EventLoop | None = None,
) -> Interval:
    """Have `callback` called after some time, and again each time that passes, until it is freed.

    It keeps its phase: how long the callback takes does not matter. What a stall has made it miss
    is skipped.

    Args:
        callback: Called without arguments.
        seconds: The time until it is called, and between two calls.
        event_cb: Called with what the callback raises, if the loop catches errors.
        loop: The loop; the current one by default.

    Returns:
        The interval, which can be freed.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError, ValueError: `seconds` is not a number, or negative; or `callback` is not
            callable.
    """
    handle = Interval(callback, event_cb, loop)
    handle._start(seconds)
    return handle


class Idler(_PlainHandle):
    """A callback that is called in each iteration of the loop; `idle` makes it."""

    _kind: ClassVar[str] = "idler"

    def _start(self) -> None:
        self._loop.event_base.call_soon(self._fire)
        self._loop._adopt(self)

    def _fire(self) -> None:
        if not self._is_freed:
            self._loop.event_base.call_soon(self._fire)
            self._call(self._callback)


def idle(
    callback: Callable[[], object],
    *,
    event_cb: EventCallback | None = None,
    loop: EventLoop | None = None,
) -> Idler:
    """Have `callback` called once in each iteration of the loop, which then never waits.

    You would want it for work that can be cut into small pieces, and is done while nothing else is
    to be done. Free it when there is nothing left: until then the loop takes all the time there is.

    Args:
        callback: Called without arguments.
        event_cb: Called with what the callback raises, if the loop catches errors.
        loop: The loop; the current one by default.

    Returns:
        The idler, which can be freed.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError: `callback` is not callable.
    """
    handle = Idler(callback, event_cb, loop)
    handle._start()
    return handle


# -- other threads ---------------------------------------------------------------------------------


class Notifier(_PlainHandle):
    """A callback that any thread may have called; `notifier` makes it."""

    _kind: ClassVar[str] = "notifier"
    _is_triggered = False
    _one_shot: bool

    def _start(self, one_shot: bool) -> None:
        self._one_shot = one_shot
        self._loop._adopt(self)

    def trigger(self) -> None:
        """Have the callback called in the loop's thread, soon.

        It may be called from any thread, and from signal handlers. Several calls before the
        callback has begun are one.

        Raises:
            HandleFreed: The notifier has been freed; it was triggered before, if it is one-shot, or
                its loop has ended.
        """
        self._check_open("trigger")
        if self._is_triggered:
            return
        self._is_triggered = True
        try:
            self._loop.event_base.call_soon_threadsafe(self._fire)
        except SocketClosed:  # the loop has just ended
            raise HandleFreed("trigger: the notifier has been freed") from None

    def _fire(self) -> None:
        # Two threads at once may each have queued a call.
        if self._is_freed or not self._is_triggered:
            return
        self._is_triggered = False
        if self._one_shot:
            self.free()
        self._call(self._callback)


def notifier(
    callback: Callable[[], object],
    *,
    one_shot: bool = True,
    event_cb: EventCallback | None = None,
    loop: EventLoop | None = None,
) -> Notifier:
    """Make something by which other threads can have `callback` called in the loop's thread.

    It is how the result of a long computation in a thread comes back: put it where the callback
    will find it, then call `trigger`.

    Args:
        callback: Called without arguments, once for one or more calls of `trigger`.
        one_shot: Free the notifier when it has been triggered.
        event_cb: Called with what the callback raises, if the loop catches errors.
        loop: The loop; the current one by default.

    Returns:
        The notifier. It keeps the loop alive; if it should not, call its `unref`.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError: `callback` is not callable.
    """
    handle = Notifier(callback, event_cb, loop)
    handle._start(one_shot)
    return handle
