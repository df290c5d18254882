"""The part of the loop that makes calls: soon, at a time, from other threads; and their failures.

The loop is an event base, so what is deferred and what is timed has one queue and one heap, whether
asyncio's methods have put it there or the event base's own.
"""

import asyncio
import inspect
import logging
import os
import sys
import traceback
from collections import deque
from collections.abc import Callable
from contextvars import Context
from threading import get_ident
from typing import Any, TypeVarTuple

from .._core.log_record import about
from .._sys.clock import Clock, monotonic
from .._sys.registration import Registration
from ..errors import SocketClosed
from ..multiplex.event_base import EventBase, log_exception
from .handles import Call, TimerCall, WatchedCall

__all__ = ("CallingLoop", "EventLoopClosed")

Arguments = TypeVarTuple("Arguments")
Handler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]

_logger = logging.getLogger("asyncio")

_ORIGIN_DEPTH = 10  # frames of where a coroutine was made that are remembered in debug mode


class EventLoopClosed(SocketClosed, RuntimeError):
    """The loop is closed: to an event base's users that is the one, to asyncio's the other."""


class CallingLoop(EventBase, asyncio.AbstractEventLoop):
    """The part of an event loop that makes calls; see `EventLoop`."""

    _deferred_come_first = True  # a task that begins finds what comes to it, and is not late for it

    def __init__(
        self,
        *,
        backend: str | None = None,
        clock: Clock = monotonic,
        collect_timing: bool = False,
    ) -> None:
        self._debug = False
        self._make_call: type[Call] = Call
        self._current_call: Call | TimerCall | None = None
        self._is_calling = False  # deferred calls are being made
        self._at_end: deque[Callable[[], object]] = deque()  # what is called when they have been
        self._asyncio_handler: Handler | None = None
        self.slow_callback_duration: float = 0.1
        """Seconds that a callback may take before debug mode logs it."""
        super().__init__(backend=backend, clock=clock, collect_timing=collect_timing)
        self.set_debug(_is_debugging())

    def _check_open(self, operation: str) -> None:
        if self._is_closed:
            raise EventLoopClosed(strerror="Event loop is closed", operation=operation)

    # -- calls -----------------------------------------------------------------------------------

    def call_soon(  # type: ignore[override]  # it returns more than the event base's
        self,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Have `callback` called with `args` in the next iteration; the handle can cancel that.

        Args:
            callback: What is called.
            *args: What it is called with.
            context: What it is called in. Default: a copy of the current context.

        Raises:
            RuntimeError: The loop is closed; or, in debug mode, this is another thread.
            TypeError: In debug mode: it is a coroutine, or cannot be called.
        """
        if self._is_closed:
            self._check_open("call_soon")
        if self._debug:
            self._check_thread()
            self._check_callback(callback, "call_soon")
        call = self._make_call(callback, args, self, context)
        self._deferred.append(call)
        return call

    def call_soon_threadsafe(  # type: ignore[override]
        self,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """The same, from another thread or from a signal handler: it wakes the loop."""
        if self._is_closed:
            self._check_open("call_soon_threadsafe")
        if self._debug:
            self._check_callback(callback, "call_soon_threadsafe")
        call = self._make_call(callback, args, self, context)
        self._deferred.append(call)
        self._waker.wake()
        return call

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Have `callback` called after so many seconds; see `call_soon`."""
        if delay is None:
            raise TypeError("the delay is a number of seconds, not None")
        now = self._clock()
        return self._call_at("call_later", now + delay, now, callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Have `callback` called at a time of the loop's clock, see `time`; see `call_soon`."""
        if when is None:
            raise TypeError("the time is a number of seconds, not None")
        return self._call_at("call_at", when, self._clock(), callback, args, context)

    def _call_at(
        self,
        operation: str,
        when: float,
        now: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> TimerCall:
        if self._is_closed:
            self._check_open(operation)
        if self._debug:
            self._check_thread()
            self._check_callback(callback, operation)
        call = TimerCall(when, callback, args, self, context)
        if when <= now:
            self._deferred.append(call)
        else:
            call._scheduled = True
            self._timers.add(call)
        return call

    def _call_deferred(self, count: int) -> None:
        """Make the calls that are to be made: of an event loop's, all of them are handles.

        What readiness and timers have led to is among them: it need not wait for another iteration.
        What the calls themselves lead to does.
        """
        deferred = self._deferred
        count = len(deferred)
        self._callbacks += count
        self._is_calling = True
        try:
            if self._debug or self._longest_callback is not None:
                self._call_deferred_watched(count)
                return
            for _ in range(count):
                call = deferred.popleft()
                if not call._cancelled:
                    call._run()
        finally:
            self._is_calling = False
            if self._at_end:
                self._end_turn()

    def _call_at_end(self, callback: Callable[[], object]) -> None:
        """Have something called as soon as the calls that are being made now have been made.

        It is for what belongs to a turn of the loop, and is not to cost another one. It is called
        in no particular context.
        """
        if self._is_calling:
            self._at_end.append(callback)
        else:
            self.call_soon(callback)

    def _end_turn(self) -> None:
        at_end = self._at_end
        try:
            while at_end:
                callback = at_end.popleft()
                try:
                    callback()
                except Exception as error:
                    message = f"Exception in {callback!r}"
                    self.call_exception_handler({"message": message, "exception": error})
        finally:
            if at_end:  # after what is not for an exception handler, like Ctrl-C
                self.call_soon(self._end_turn)

    def _call_deferred_watched(self, count: int) -> None:
        """The same in debug mode: remember who runs, and log what takes long."""
        for _ in range(count):
            call = self._deferred.popleft()
            if call._cancelled:
                continue
            before = self._clock()
            self._current_call = call
            try:
                self._timed(call._run)()
            finally:
                self._current_call = None
                if self._debug:
                    self._note_duration(call, self._clock() - before)

    def time(self) -> float:
        """Return the time of the loop's clock, in seconds."""
        return self._clock()

    # -- debug mode ------------------------------------------------------------------------------

    def get_debug(self) -> bool:
        """Return whether the loop is in debug mode."""
        return self._debug

    def set_debug(self, enabled: bool) -> None:
        """Set debug mode: calls know where they were made, and those that take long are logged."""
        self._debug = bool(enabled)
        self._make_call = WatchedCall if enabled else Call
        if enabled:
            # In the object, so that without debug mode nothing stands before the method.
            self._call_ready = self._call_ready_watched  # type: ignore[method-assign]
        else:
            self.__dict__.pop("_call_ready", None)
        if self._thread is not None:
            self.call_soon_threadsafe(self._track_origins, self._debug)

    def _track_origins(self, enabled: bool) -> None:
        """Have coroutines remember where they were made, or not any more."""
        if enabled != (self._former_depth is not None):
            if self._former_depth is None:
                self._former_depth = sys.get_coroutine_origin_tracking_depth()
                sys.set_coroutine_origin_tracking_depth(_ORIGIN_DEPTH)
            else:
                sys.set_coroutine_origin_tracking_depth(self._former_depth)
                self._former_depth = None

    _former_depth: int | None = None  # what there was before, while it is tracked

    def _call_ready_watched(self, ready: list[Registration]) -> None:
        """Call what is ready, and log what takes long."""
        for registration in ready:
            if registration._interest is not None:
                before = self._clock()
                try:
                    super()._call_ready([registration])
                finally:
                    self._note_duration(registration, self._clock() - before)

    def _note_duration(self, what: object, seconds: float) -> None:
        """Log what has taken long."""
        if seconds >= self.slow_callback_duration:
            owner = getattr(getattr(what, "_callback", None), "__self__", None)
            shown = owner if isinstance(owner, asyncio.Task) else what
            _logger.warning("Executing %s took %.3f seconds", shown, seconds, extra=about())

    def _check_thread(self) -> None:
        """Raise `RuntimeError` if the loop runs in another thread."""
        if self._thread is not None and self._thread != get_ident():
            raise RuntimeError("the loop runs in another thread: use call_soon_threadsafe()")

    def _check_callback(self, callback: object, method: str) -> None:
        if inspect.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
            raise TypeError(f"coroutines cannot be used with {method}()")
        if not callable(callback):
            raise TypeError(f"{method}() takes what can be called, not {callback!r}")

    # -- failures --------------------------------------------------------------------------------

    def get_exception_handler(self) -> Handler | None:
        """Return what was given to `set_exception_handler`."""
        return self._asyncio_handler

    def set_exception_handler(self, handler: Handler | None) -> None:
        """Have `handler` called for exceptions that have nobody else to go to.

        Args:
            handler: Called with the loop and a dictionary, see `call_exception_handler`; None for
                `default_exception_handler`.

        Raises:
            TypeError: It cannot be called.
        """
        if handler is not None and not callable(handler):
            raise TypeError(f"an exception handler is callable or None, not {handler!r}")
        self._asyncio_handler = handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        """Log what is in the dictionary, with the exception's traceback."""
        current = self._current_call
        if "source_traceback" not in context and current is not None and current._source_traceback:
            context["handle_traceback"] = current._source_traceback
        lines = [context.get("message") or "Unhandled exception in event loop"]
        for key in sorted(context.keys() - {"message", "exception"}):
            value = context[key]
            if key in ("source_traceback", "handle_traceback"):
                what = "Object" if key == "source_traceback" else "Handle"
                trace = "".join(traceback.format_list(value)).rstrip()
                lines.append(f"{key}: {what} created at (most recent call last):\n{trace}")
            else:
                lines.append(f"{key}: {value!r}")
        error = context.get("exception")
        _logger.error("\n".join(lines), exc_info=error, extra=about(error=error))

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell the exception handler what has happened.

        Args:
            context: A dictionary with ``"message"``, and perhaps with ``"exception"``,
                ``"future"``, ``"task"``, ``"handle"``, ``"protocol"``, ``"transport"``,
                ``"socket"``, ``"asyncgen"``.
        """
        handler = self._asyncio_handler
        try:
            if handler is None:
                self.default_exception_handler(context)
                return
            thing = context.get("task") or context.get("future") or context.get("handle")
            get_context = getattr(thing, "get_context", None)
            own = None if get_context is None else get_context()
            if own is None:
                handler(self, context)
            else:
                own.run(handler, self, context)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._handler_failed(error, context, is_default=handler is None)

    def _handler_failed(
        self, error: BaseException, context: dict[str, Any], *, is_default: bool
    ) -> None:
        """Log that an exception handler has failed itself."""
        failure: dict[str, Any] = {
            "message": "Unhandled error in exception handler",
            "exception": error,
            "context": context,
        }
        try:
            if not is_default:
                self.default_exception_handler(failure)
                return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as another:  # it is a subclass's
            error = another
        _logger.error(
            "Exception in default exception handler", exc_info=error, extra=about(error=error)
        )

    def _tell_exception(self, error: Exception, source: Any) -> None:
        if self._exception_handler is not log_exception:  # somebody has set the event base's own
            super()._tell_exception(error, source)
            return
        self.call_exception_handler(
            {
                "message": f"Exception in a callback of {source!r}",
                "exception": error,
                "transport": source,
            }
        )


def _is_debugging() -> bool:
    """Return whether Python was asked for debug mode."""
    return sys.flags.dev_mode or (
        not sys.flags.ignore_environment and bool(os.environ.get("PYTHONASYNCIODEBUG"))
    )
