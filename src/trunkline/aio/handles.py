"""Calls that are still to be made: asyncio's handles, as the event base makes them.

The event base has its queue of deferred calls and its heap of timers. A handle is what is put into
them, with what asyncio wants besides: a context, that it can be cancelled, and that an exception
goes to the loop's exception handler.
"""

import asyncio
import os
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from .._core.timer_queue import Timer

if TYPE_CHECKING:
    import traceback

    from .calling import CallingLoop

__all__ = ("Call", "TimerCall", "WatchedCall", "forget_own_frames")

_OWN_DIRECTORY = os.path.dirname(__file__)


def _run(call: "Call | TimerCall") -> None:
    """Make a call, unless it was cancelled."""
    if call._cancelled:
        return
    try:
        call._context.run(call._callback, *call._args)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        _report(call, error)


def _run_watched(call: "Call | TimerCall") -> None:
    """The same in debug mode: remember who runs, and log what takes long."""
    if call._cancelled:
        return
    loop = call._loop
    before = loop.time()
    loop._current_call = call
    try:
        _run(call)
    finally:
        loop._current_call = None
        loop._note_duration(call, loop.time() - before)


def _report(call: "Call | TimerCall", error: BaseException) -> None:
    """Tell the loop's exception handler what a callback has raised."""
    handle: Any = call  # the types of asyncio's do not have all
    what = " ".join(handle._repr_info()[1:])
    context = {"message": f"Exception in callback {what}", "exception": error, "handle": call}
    if handle._source_traceback:
        context["source_traceback"] = handle._source_traceback
    call._loop.call_exception_handler(context)


def forget_own_frames(traceback: list[Any] | None) -> None:
    """Leave out the end of where something was made, as far as that is in this package."""
    while traceback and os.path.dirname(traceback[-1].filename) == _OWN_DIRECTORY:
        del traceback[-1]


class Call(asyncio.Handle):
    """A call to be made soon; `EventLoop.call_soon` returns it."""

    __slots__ = ()

    _loop: "CallingLoop"
    _source_traceback: "traceback.StackSummary | None"

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "CallingLoop",
        context: Context | None,
    ) -> None:
        # The attributes are those of `asyncio.Handle`, whose own method asks for what is known.
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None

    def _run(self) -> None:
        if self._cancelled:
            return
        try:
            self._context.run(self._callback, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            _report(self, error)


class WatchedCall(Call):
    """The same in debug mode: it knows where it was made, and is timed."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "CallingLoop",
        context: Context | None,
    ) -> None:
        asyncio.Handle.__init__(self, callback, args, loop, context)
        forget_own_frames(self._source_traceback)

    _run = _run_watched


class TimerCall(asyncio.TimerHandle):
    """A call to be made at a time; `EventLoop.call_at` returns it."""

    __slots__ = ("_timer",)

    _loop: "CallingLoop"
    _source_traceback: "traceback.StackSummary | None"

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "CallingLoop",
        context: Context | None,
    ) -> None:
        self._timer: Timer | None = None  # in the event base's heap, while it is there
        if loop._debug:
            super().__init__(when, callback, args, loop, context)
            forget_own_frames(self._source_traceback)
            return
        self._when = when
        self._scheduled = False
        self._context = copy_context() if context is None else context
        self._loop = loop
        self._callback = callback
        self._args = args
        self._cancelled = False
        self._repr = None
        self._source_traceback = None

    def _run(self) -> None:
        self._timer = None
        self._scheduled = False
        (_run_watched if self._loop._debug else _run)(self)
