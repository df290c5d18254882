"""Calls that are still to be made: asyncio's handles, as the event base makes them.

The event base has its queue of deferred calls and its heap of timers. A handle is what is put into
them, with what asyncio wants besides: a context, that it can be cancelled, and that an exception
goes to the loop's exception handler.
"""

import asyncio
import os
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, cast

from .._core.timer_queue import TimerQueue

if TYPE_CHECKING:
    import traceback

    from .calling import CallingLoop

__all__ = ("Call", "TimerCall", "WatchedCall", "forget_own_frames")

_OWN_DIRECTORY = os.path.dirname(__file__)


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
        try:
            self._context.run(self._callback, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            _report(self, error)


class WatchedCall(Call):
    """The same in debug mode: it knows where it was made."""

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


class TimerCall(asyncio.TimerHandle):
    """A call to be made at a time; `EventLoop.call_at` returns it.

    It is the timer in the event base's heap, see `AnyTimer`. When it is due, it becomes one of the
    calls that are to be made soon.
    """

    __slots__ = ("_entry", "_queue")

    deadline: float = cast(float, asyncio.TimerHandle._when)  # type: ignore[attr-defined]  # a second name
    interval: None = None

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
        self._queue: TimerQueue | None = None
        self._entry = 0
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

    def callback(self) -> None:
        """Be due."""
        self._scheduled = False
        self._loop._deferred.append(self)

    def cancel(self) -> None:
        """Call it never."""
        if self._queue is not None:
            self._scheduled = False
            self._queue.remove(self)
        asyncio.Handle.cancel(self)

    _run = Call._run  # it has what that needs
