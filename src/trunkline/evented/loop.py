"""The loop: an event base, what is open on it, and who hears of what goes wrong.

A loop runs once. It goes on as long as there is a handle that keeps it alive: a timer, a notifier,
a socket, …; and for a short time more if a connection was closed whose peer is still sending, see
`multiplex.lingering`. Then, or when it is told to exit, or when an application's error leaves it,
the exit callbacks are called, the last one first; all handles are closed; and `run` returns, or
raises the error.

There is one loop in a thread at a time; several threads may have one each. All that is done with a
loop, while it runs, is done in its thread. Only `EventLoop.exit` and a notifier's `trigger` may be
called from anywhere.
"""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Never, NoReturn, Protocol, Self, TypedDict, Unpack

from .._core.callbacks import (
    call_plainly,
    check_callback,
    check_callback_or_none,
    check_result,
)
from .._core.counts import check_count
from .._core.option_names import check_names_for
from .._core.uncopied import Uncopied
from .._sys.clock import Clock, monotonic
from ..multiplex import EventBase
from ..sockets.resolving import Resolver, check_resolver
from .app_errors import AppErrors, log_app_error
from .events import Event, EventCallback, default_event_handler
from .python_names import PythonEventLoopNames
from .statistics import LoopStatistics

__all__ = (
    "EventLoop",
    "LoopHandle",
    "LoopOptions",
    "current_event_loop",
    "exit_event_loop",
    "start_event_loop",
)


class LoopHandle(Protocol):
    """What a loop wants of the things that are open on it."""

    @property
    def _kind(self) -> str:
        """What it is, for the statistics: ``"delay"``, ``"incoming tcp"``, …"""

    @property
    def is_referenced(self) -> bool:
        """Whether it keeps the loop alive."""

    def _close_handle(self) -> None:
        """Give up everything at once, and call nobody: the loop has ended."""


class LoopOptions(TypedDict, total=False):
    """The keyword arguments of `EventLoop`."""

    catch_app_errors: bool | Callable[[Exception], object]
    send_errors_to_eventcb: bool
    resolver: Resolver | None
    max_lookups: int
    backend: str | None
    clock: Clock


class _PerThread(threading.local):
    """The loop that each thread has, if it has one."""

    loop: "EventLoop | None" = None


_current = _PerThread()


class EventLoop(Uncopied, PythonEventLoopNames):
    """A loop, which calls back what has been set up on it.

    In a ``with`` block it is the thread's current loop, so that things can be set up before `run`;
    leaving the block closes it. A loop runs once.

    Args:
        catch_app_errors: What becomes of an exception that a callback of yours raises. False: it
            ends the loop, and `run` raises it. True: it is logged, and the loop goes on. A
            function: it is called with the exception, and the loop goes on.
        send_errors_to_eventcb: Where errors are caught, give them to the operation's `event_cb`
            first, if it has one: only what that raises goes further.
        resolver: Who looks names up; the system's resolver by default.
        max_lookups: How many names are looked up at the same time, each in a thread, be it to
            connect or by `dns_lookup`; more wait.
        backend, clock: See `EventBase`.

    Raises:
        ValueError: There is no such backend; or `max_lookups` is not positive.
        TooManyOpenFiles: No descriptors are left for it.
    """

    def __init__(
        self,
        *,
        catch_app_errors: bool | Callable[[Exception], object] = False,
        send_errors_to_eventcb: bool = True,
        resolver: Resolver | None = None,
        max_lookups: int = 8,
        backend: str | None = None,
        clock: Clock = monotonic,
        **misspelt: Never,
    ) -> None:
        if misspelt:
            check_names_for(EventLoop, misspelt)
        check_count("max_lookups", max_lookups)
        if not isinstance(catch_app_errors, bool):
            check_callback(catch_app_errors, "error", what="catch_app_errors")
        self._app_errors = AppErrors(catch_app_errors, send_errors_to_eventcb)
        self.resolver: Resolver = check_resolver(resolver)
        """Who looks names up."""
        self._default_event_handler: EventCallback = default_event_handler
        self.event_base: EventBase = EventBase(backend=backend, clock=clock)
        """What the loop stands on. What is set up there directly does not keep the loop alive."""
        self.event_base.exception_handler = self._transport_failed
        self.event_base._worker_threads.limit = max_lookups
        self._handles: dict[LoopHandle, None] = {}  # a set that keeps its order
        self._references = 0
        # All that is done at the end, and is done whatever becomes of the rest of it.
        self._ending = ExitStack()
        self._ending.callback(self._leave_thread)
        self._ending.callback(self.event_base.close)
        self._ending.callback(self._close_handles)
        self._thread: int | None = None  # the one that it is current in
        self._has_started = False
        self._is_exiting = False
        self._has_ended = False
        self._failure: Exception | None = None  # what is to leave `run`

    @property
    def default_event_handler(self) -> EventCallback:
        """Called with the events of what has no `event_cb`; by default they are logged."""
        return self._default_event_handler

    @default_event_handler.setter
    def default_event_handler(self, handler: EventCallback) -> None:
        check_callback(handler, "event", what="default_event_handler")
        self._default_event_handler = handler

    # -- running ---------------------------------------------------------------------------------

    def run(self, main: Callable[[], object] | None = None) -> None:
        """Run until nothing is left that keeps the loop alive, or until it is told to exit.

        Args:
            main: Called first, without arguments.

        Raises:
            RuntimeError: The loop has run before; or this thread has a loop already.
            Whatever a callback raises, unless errors are caught.
        """
        check_callback_or_none(main, what="main")
        if self._has_started:
            raise RuntimeError("an event loop runs once, and this one has been started before")
        self._check_may_be_current()
        self._has_started = True
        self._to_the_end(partial(self._run, main))

    def _run(self, main: Callable[[], object] | None) -> None:
        self._make_current()
        if main is not None:
            self._gain_reference()
            self.event_base.call_soon(self._begin, main)
        # It asks again, for something may have been opened after the exit was asked for.
        while not self._is_exiting and (self._references or self.event_base._lingering):
            # Nothing says when a connection has stopped lingering: look after each thing called.
            self.event_base.dispatch(one_shot=not self._references)

    def _begin(self, main: Callable[[], object]) -> None:
        self._call(main)
        self._lose_reference()

    def exit(self) -> None:
        """Let `run` end after what is being called now, and what is ready with it.

        What is pending is dropped: no timer fires any more. It may be called from any thread, from
        signal handlers, and more than once.
        """
        self._is_exiting = True
        self.event_base.exit()

    def add_exit_callback(self, callback: Callable[[], object]) -> None:
        """Have `callback` called without arguments when the loop ends, in whatever way.

        Those that were added last are called first. Handles are still open then, but nothing that
        takes time can be done any more.

        Raises:
            RuntimeError: The loop has ended.
        """
        check_callback(callback)
        self._check_usable()
        self._ending.callback(self._call_at_exit, callback)

    def close(self) -> None:
        """End a loop that is not running: call the exit callbacks, and close all handles.

        A loop that has run has done so. It may be repeated.

        Raises:
            RuntimeError: The loop is running: use `exit`.
            Whatever an exit callback raises, unless errors are caught.
        """
        if self._has_ended:
            return
        if self._has_started:
            raise RuntimeError("the event loop is running: exit it instead")
        self._has_started = True
        self._to_the_end(lambda: None)

    def _to_the_end(self, run: Callable[[], None]) -> None:
        """Run, do what is to be done at the end in any case, and raise what has failed."""
        try:
            try:
                run()
            finally:
                self._end()
        except BaseException:
            if self._failure is not None:  # an interrupt comes first
                log_app_error(self._failure, self)
                self._failure = None  # it is told once
            raise
        if self._failure is not None:
            raise self._failure

    def _end(self) -> None:
        try:
            self._ending.close()
        except BaseException:  # an interrupt: what it has left is still to be done
            self._ending.close()
            raise

    def _call_at_exit(self, callback: Callable[[], object]) -> None:
        try:
            call_plainly(callback)
        except Exception as error:
            self._app_failed(error)

    def _close_handles(self) -> None:
        self._has_ended = True
        try:
            self._close_those_left()
        except BaseException:  # an interrupt: it is no reason to leave the others open
            self._close_those_left()
            raise

    def _close_those_left(self) -> None:
        while self._handles:
            handle, _ = self._handles.popitem()
            try:
                handle._close_handle()
            except Exception as error:
                self._fail(error)

    def _leave_thread(self) -> None:
        if _current.loop is self:
            _current.loop = None

    def __enter__(self) -> Self:
        try:
            self._check_may_be_current()
            self._make_current()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, Exception):
            self.close()
        else:  # an interrupt may have struck when the loop had only begun to run, or to end
            self._to_the_end(partial(_raise, error))

    def _check_may_be_current(self) -> None:
        self._check_usable()
        if _current.loop not in (None, self):
            raise RuntimeError("this thread has an event loop already")

    def _make_current(self) -> None:
        self._thread = threading.get_ident()
        _current.loop = self

    # -- what an application's callbacks raise ---------------------------------------------------

    def _call(
        self,
        callback: Callable[..., object],
        *args: Any,
        event_cb: EventCallback | None = None,
        source: Any = None,
    ) -> bool:
        """Call an application's callback, and deal with what it raises as the loop was told to.

        Nothing is called once an error is about to leave the loop.

        Args:
            callback: What is called, with `args`.
            event_cb: The callback for events of the operation that this is a part of.
            source: The socket, timer, … that the operation belongs to, for the event.

        Returns:
            Whether the callback was called and has returned.
        """
        if self._failure is not None:
            return False
        try:
            result = callback(*args)
            if result is not None:
                check_result(result, callback)
        except Exception as error:
            self._app_failed(error, event_cb, source)
            return False
        return True

    def _report(self, event: Event, event_cb: EventCallback | None = None) -> None:
        """Give an event to `event_cb`, or to the default event handler if that is None."""
        self._call(self.default_event_handler if event_cb is None else event_cb, event)

    def _app_failed(
        self, error: Exception, event_cb: EventCallback | None = None, source: Any = None
    ) -> None:
        """Deal with an exception that an application's callback has raised, see `call`."""
        try:
            self._app_errors.deal_with(error, event_cb, source)
        except Exception as uncaught:
            self._fail(uncaught)

    def _transport_failed(self, error: Exception, where: Any) -> None:
        self._app_failed(error, None, where)

    def _fail(self, error: Exception) -> None:
        """Let an exception leave the loop; there is room for one."""
        if self._failure is None:
            self._failure = error
            self.exit()
        else:
            log_app_error(error, self)

    # -- what keeps it alive ---------------------------------------------------------------------

    def _adopt(self, handle: LoopHandle) -> None:
        """Take note of something that is open on the loop, so that it is closed at the end.

        Raises:
            RuntimeError: The loop has ended; or it runs in another thread.
        """
        self._check_usable()
        self._handles[handle] = None
        if handle.is_referenced:
            self._gain_reference()

    def _release(self, handle: LoopHandle) -> None:
        """Forget a handle that is closed; nothing happens if it is not known."""
        if handle in self._handles:
            del self._handles[handle]
            if handle.is_referenced:
                self._lose_reference()

    def _owns(self, handle: LoopHandle) -> bool:
        """Return whether a handle was adopted, and has not been released."""
        return handle in self._handles

    def _gain_reference(self) -> None:
        """Note that one thing more keeps the loop alive; `Handle.ref` and `_adopt` do this."""
        self._references += 1

    def _lose_reference(self) -> None:
        """Note that one thing less keeps the loop alive; if it was the last one, look again soon.

        Not at once: the callback that has freed the last handle may go on and open another one.
        """
        self._references -= 1
        if not self._references:
            self.event_base.call_soon(self._exit_if_idle)

    def _exit_if_idle(self) -> None:
        if not self._references:
            self.event_base.exit()

    def _check_usable(self) -> None:
        """Raise `RuntimeError` if nothing can be opened on the loop, or not by this thread."""
        if self._has_ended:
            raise RuntimeError("the event loop has ended")
        if self._thread not in (None, threading.get_ident()):
            raise RuntimeError("the event loop is another thread's: trigger a notifier instead")

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the loop has ended, so that nothing can be done with it any more."""
        return self._has_ended

    def statistics(self) -> LoopStatistics:
        """Return numbers about the loop as it is now."""
        handles = Counter(handle._kind for handle in self._handles)
        return LoopStatistics(
            open_lookups=handles["lookup"],
            incoming_tcp_connections=handles["incoming tcp"],
            outgoing_tcp_connections=handles["outgoing tcp"],
            handles=dict(handles),
        )

    def __repr__(self) -> str:
        if self._has_ended:
            return "<EventLoop, ended>"
        state = "running" if self._has_started else "not started"
        return f"<EventLoop, {state}: {len(self._handles)} handles>"


def current_event_loop() -> EventLoop:
    """Return the loop of this thread: the one that is running, or whose ``with`` block this is.

    Raises:
        RuntimeError: There is none.
    """
    if _current.loop is None:
        raise RuntimeError("no event loop is running in this thread")
    return _current.loop


def loop_or_current(loop: EventLoop | None) -> EventLoop:
    """Return a loop, or the current one for None.

    Raises:
        TypeError: It is none.
        RuntimeError: No loop is running.
    """
    if loop is None:
        return current_event_loop()
    if not isinstance(loop, EventLoop):
        raise TypeError(f"loop is an EventLoop, not {type(loop).__name__}")
    return loop


def start_event_loop(main: Callable[[], object], **options: Unpack[LoopOptions]) -> None:
    """Make a loop, call `main` in it, and run it until nothing is left that keeps it alive.

    Args:
        main: Called first, without arguments; it sets up the rest.
        **options: The keyword arguments of `EventLoop`: `catch_app_errors`,
            `send_errors_to_eventcb`, `resolver`, `max_lookups`, `backend`, `clock`.

    Raises:
        RuntimeError: This thread has a loop already.
        TypeError: `main` is not callable, or there is no such option.
        Whatever a callback raises, unless errors are caught.
    """
    check_names_for(start_event_loop, options, LoopOptions.__annotations__)
    with EventLoop(**options) as loop:
        loop.run(main)


def exit_event_loop(*, loop: EventLoop | None = None) -> None:
    """Exit the current loop, see `EventLoop.exit`.

    Args:
        loop: Another loop than the current one.

    Raises:
        RuntimeError: There is none.
    """
    loop_or_current(loop).exit()


def _raise(error: BaseException) -> NoReturn:
    raise error
