"""The event base: one multiplexer, which calls handlers for descriptors, timers and deferred calls.

An `EventBase` belongs to one thread. Only `call_soon_threadsafe` and `exit` may be called from
others, and from signal handlers.

One iteration of `dispatch`:

1.  Leave if `exit` was called; or, with `exit_when_empty`, if there is no handler, no timer and no
    deferred call.
2.  Decide how long to wait: not at all if deferred calls are ready, or if a registered stream has
    buffered input of which its handler may take more; else until the first timer, handler timeout
    or limit of `dispatch`, but at least `min_step` and at most `max_step`.
3.  Ask the backend, once. A signal runs its Python handler, wherever it strikes, and the wait goes
    on for what is left of it, perhaps in another iteration. Then read the clock, once.
4.  Call each registration that is ready, a transport or a listener for example, unless an earlier
    one has let go of it, or its number has been given to another file since. For a descriptor with
    handlers, look these up now, and call the handler for what is urgent, then the read handler,
    then the write handler. A hang-up is readable, so that end of file is seen, and writable. An
    error goes to the error handler if there is one, and else to all others with the cause
    `Cause.ERROR`. What no handler wants is taken out of the backend, so that nothing spins.
5.  A one-shot handler is removed before it is called for readiness; a timeout does not consume it.
6.  Call the handlers whose timeouts have passed, with the cause `Cause.TIMEOUT`, and start their
    timeouts anew; then the timers that are due, in the order of their deadlines. A periodic timer
    keeps its phase and, after a stall, fires once and skips what it has missed. A timer may be
    removed inside its own callback.
7.  Make the deferred calls that were queued before this iteration. What they queue waits for the
    next one.
8.  Leave if `one_shot` was asked for and something was called in step 4 or 6, if the time of
    `dispatch` is up, or if no descriptor was ready for `idle_timeout`.

An exception raised by anything that is called comes out of `dispatch`, which can be called again:
nothing is lost, and whatever is still ready will be reported again.
"""

import contextlib
import logging
import os
import sys
import warnings
import weakref
from collections.abc import Callable
from functools import cached_property
from threading import RLock, get_ident
from types import TracebackType
from typing import Any, Never, Self

from .._core.callbacks import call_plainly, check_callback, check_result
from .._core.deadline import check_timeout
from .._core.log_record import about
from .._core.option_names import check_names
from .._core.origin import origin
from .._core.timer_queue import TimerQueue
from .._sys.clock import Clock, monotonic
from .._sys.readiness import READABLE
from .._sys.registration import Registration
from .._sys.waker import Waker
from .monitor import Monitor
from .python_names import PythonLoopNames
from .signal_handlers import InstalledSignal
from .statistics import Statistics
from .worker_threads import WorkerThreads

__all__ = ("RECEIVE_BYTES", "EventBase")

RECEIVE_BYTES = 65_536
"""How much is received at a time, at most.

Larger objects the C library takes from the system one by one, and each costs page faults.
"""

# What an event base can be told when it is made: a compiled class does not know.
_OPTIONS = ("exit_when_empty", "backend", "clock", "collect_timing")

MOST_WORKER_THREADS = 16
"""How many names are looked up at a time; more than that wait for their turn."""


class EventBase(Monitor, PythonLoopNames):
    """Calls handlers when descriptors are ready, timers when they are due, and deferred calls.

    You would want one for a program that talks to many peers in one thread. It is a context
    manager, which closes it; the descriptors that it monitors are not closed. One that is forgotten
    closes itself, with a `ResourceWarning`.

    Args:
        exit_when_empty: Let `dispatch` return when there is nothing left to wait for.
        backend: The name of a multiplexer, see `available_backends`; by default the one that the
            environment variable ``TRUNKLINE_BACKEND`` names, or else the best that there is.
        clock: The clock that timers go by.
        collect_timing: Measure the callbacks and the waiting, see `Statistics`.

    Raises:
        ValueError: There is no such backend.
        TooManyOpenFiles: No descriptors are left for it.
    """

    _iteration_time: float  # once more, for type checkers that want it in each class
    _origin: str | None

    def __init__(
        self,
        *,
        exit_when_empty: bool = False,
        backend: str | None = None,
        clock: Clock = monotonic,
        collect_timing: bool = False,
        **misspelt: Never,
    ) -> None:
        if misspelt:
            check_names("EventBase()", misspelt, (), _OPTIONS)
        super().__init__(backend, clock, collect_timing)
        self._exit_when_empty = exit_when_empty
        self._ask_backend = self._wait_timed if collect_timing else self._backend.wait
        self._thread: int | None = None  # the one in which `dispatch` is running
        self._signals: dict[int, InstalledSignal] = {}
        self._exception_handler: Callable[[Exception, Any], object] = log_exception
        self._lingering: set[object] = set()
        """Connections that are being closed while their peers still send, each for a short time."""
        self._called_at_close: dict[Callable[[], object], None] = {}
        self._iterations = 0
        self._time_waiting: float | None = 0.0 if collect_timing else None
        self._origin = origin()
        _bases.add(self)

    # -- the loop --------------------------------------------------------------------------------

    def dispatch(
        self,
        *,
        one_shot: bool = False,
        timeout: float | None = None,
        idle_timeout: float | None = None,
        min_step: float | None = None,
        max_step: float | None = None,
    ) -> None:
        """Wait for events and call what is to be called, until there is a reason to leave.

        The steps of an iteration are in the text of this module.

        Args:
            one_shot: Leave after the first iteration in which a handler or a timer was called.
            timeout: Seconds after which to leave; 0 makes one iteration without waiting.
            idle_timeout: Leave when no descriptor has been ready for so many seconds.
            min_step: Wait at least so many seconds in an iteration for something to be ready,
                unless deferred calls or buffered input are.
            max_step: Wait at most so many seconds in an iteration.

        Raises:
            RuntimeError: `dispatch` is running already.
            SocketClosed: The event base is closed.
            TypeError, ValueError: One of the times is not a number, or negative.
            Whatever a handler, a timer or a deferred call raises.
        """
        self._check_open("dispatch")
        if self._thread is not None:
            raise RuntimeError("dispatch() is running already: it cannot be called by a handler")
        steps = check_timeout(min_step), check_timeout(max_step)
        timeout, idle_timeout = check_timeout(timeout), check_timeout(idle_timeout)
        self._thread = self._last_thread = get_ident()
        try:
            self._waker.wake_on_signals()
            self._iterate_until(one_shot, timeout, idle_timeout, *steps)
        finally:
            self._thread = None
            self._waker.ignore_signals()

    def _iterate_until(
        self,
        one_shot: bool,
        timeout: float | None,
        idle_timeout: float | None,
        min_step: float | None,
        max_step: float | None,
    ) -> None:
        """Iterate as long as there is no reason to leave.

        The loop is not in the block that is cleaned up after: CPython 3.13 does not count the jump
        back to its beginning among what the block protects, and a signal may strike there.
        """
        self._iteration_time = self._clock()
        end = _add(self._iteration_time, timeout)
        idle_end = _add(self._iteration_time, idle_timeout)
        is_endless = not one_shot and end is None and idle_end is None
        while not (self._exit_requested or self._is_closed):
            if self._exit_when_empty and self.is_empty:
                return
            self._fired = False
            if is_endless:
                self._iterate(None, min_step, max_step)
                continue
            had_io = self._iterate(_earlier(end, idle_end), min_step, max_step)
            if had_io:
                idle_end = _add(self._iteration_time, idle_timeout)
            if (one_shot and self._fired) or _has_come(
                _earlier(end, idle_end), self._iteration_time
            ):
                return
        self._exit_requested = False

    def _iterate(self, limit: float | None, min_step: float | None, max_step: float | None) -> bool:
        """Make one iteration; return whether a handler was called because a descriptor is ready."""
        self._iterations += 1
        deferred_count = len(self._deferred)
        if deferred_count or self._buffered:
            wait: float | None = 0.0
        elif self._timers.entries or self._handler_timeouts.entries or limit is not None:
            wait = self._time_to_wait(limit, min_step, max_step)
        else:
            wait = max_step
        ready = self._ask_backend(wait)
        self._iteration_time = self._clock()
        if self._buffered:
            ready = self._with_buffered(ready)
        if ready:
            if deferred_count and self._deferred_come_first:
                self._call_deferred(deferred_count)
            self._call_ready(ready)
        had_io = self._fired
        if self._handler_timeouts.entries:
            self._call_due(self._handler_timeouts)
        if self._timers.entries:
            self._call_due(self._timers)
        if self._deferred:
            self._call_deferred(deferred_count)
        return had_io

    def _call_deferred(self, count: int) -> None:
        """Make the deferred calls, of which so many were there before the iteration."""
        deferred = self._deferred
        for _ in range(count):
            if not deferred:
                break  # the event base has been closed
            callback, args = deferred.popleft()
            self._callbacks += 1
            result = callback(*args)
            if result is not None:
                check_result(result, callback)

    def _time_to_wait(
        self, limit: float | None, min_step: float | None, max_step: float | None
    ) -> float | None:
        for queue in (self._timers, self._handler_timeouts):
            if queue.entries:
                limit = _earlier(limit, queue.next_deadline())
        if limit is None:
            return max_step
        wait = max(0.0, limit - self._clock())
        if min_step is not None:
            wait = max(wait, min_step)
        return wait if max_step is None else min(wait, max_step)

    def _wait_timed(self, wait: float | None) -> Any:
        """Ask the backend, and measure that."""
        before = self._clock()
        try:
            return self._backend.wait(wait)
        finally:
            self._time_waiting = (self._time_waiting or 0.0) + self._clock() - before

    def _call_ready(self, ready: list[Registration]) -> None:
        """Call what is ready, unless it was let go of meanwhile, and the number is another's."""
        if self._longest_callback is None:
            for registration in ready:
                if registration._interest is not None:
                    registration._handle_ready()
            return
        for registration in ready:
            if registration._interest is not None:
                self._timed(registration._handle_ready)()

    def _call_due(self, queue: TimerQueue) -> None:
        mark = queue.begin_round()
        is_general = queue is self._timers
        while (timer := queue.take_due(self._iteration_time, mark)) is not None:
            if is_general:
                self._fired = True
                self._callbacks += 1
            result = timer.callback()
            if result is not None:
                check_result(result, timer.callback)

    @property
    def exception_handler(self) -> Callable[[Exception, Any], object]:
        """Called with an exception that a callback of a transport has raised, and the transport.

        By default it is logged, with the peer's name. It can be set.
        """
        return self._exception_handler

    @exception_handler.setter
    def exception_handler(self, handler: Callable[[Exception, Any], object]) -> None:
        check_callback(handler, "error", "source", what="exception_handler")
        self._exception_handler = handler

    def _tell_exception(self, error: Exception, source: Any) -> None:
        """Give the handler an exception; what it raises itself leaves `dispatch`."""
        call_plainly(self._exception_handler, error, source)

    # -- signals ---------------------------------------------------------------------------------

    def set_signal_handler(self, number: int, callback: Callable[[int], object]) -> None:
        """Have `callback` called by `dispatch`, like a deferred call, when a signal comes.

        Whoever had the signal before, another event base too, is not called meanwhile. When the
        handler is removed, or the event base is closed, what was there before is put back: for
        `signal.SIGINT`, usually the `KeyboardInterrupt`. A handler does not keep `dispatch` from
        ending where nothing else is left.

        Args:
            number: The signal, of those in the `signal` module.
            callback: Called with the number.

        Raises:
            SocketClosed: The event base is closed.
            ValueError: There is no such signal, or it cannot be handled; this is not the main
                thread; or the signal has a handler that could not be put back.
            TypeError: An argument is of the wrong type.
        """
        self._check_open("set_signal_handler")
        check_callback(callback, "number")

        def replaced() -> None:
            if self._signals.get(number) is installed:
                del self._signals[number]
            installed.remove()

        installed = InstalledSignal(self, number, callback, replaced)
        self._signals[number] = installed

    def remove_signal_handler(self, number: int) -> bool:
        """Undo `set_signal_handler`; return whether there was a handler."""
        installed = self._signals.pop(number, None)
        if installed is None:
            return False
        installed.remove()
        return True

    def close(self) -> None:
        """Drop all handlers, timers and deferred calls, and close the multiplexer. May be repeated.

        The descriptors that were monitored stay open. Called by a handler, it lets `dispatch`
        return.
        """
        if self._is_closed:
            return
        with contextlib.ExitStack() as others:  # who are told also if Ctrl-C interrupts this
            for callback in self._called_at_close:
                others.callback(callback)
            self._called_at_close = {}
            self._close_monitor()
            for number in [*self._signals]:
                self.remove_signal_handler(number)
            self._timers.clear()
            self._handler_timeouts.clear()
            self._deferred.clear()
            self._waker.close()
            _bases.discard(self)

    def __del__(self) -> None:
        made = getattr(self, "_origin", None)  # it has none before it is complete
        if made is None or self._is_closed or sys.is_finalizing():
            return
        text = f"unclosed {self!r}{made}"
        warnings.warn(text, ResourceWarning, source=self, stacklevel=2)
        self.close()

    @property
    def closed(self) -> bool:
        """Whether the event base has been closed."""
        return self._is_closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- for what is built on it -----------------------------------------------------------------

    def now(self) -> float:
        """Return the time on the event base's clock.

        While it dispatches, that is when the iteration began to call.
        """
        return self._clock() if self._thread is None else self._iteration_time

    def _call_at_close(self, callback: Callable[[], object]) -> None:
        """Have something called when the event base has been closed, for what goes with it."""
        self._called_at_close[callback] = None

    def _do_not_call_at_close(self, callback: Callable[[], object]) -> None:
        """Undo `_call_at_close`, if that was done."""
        self._called_at_close.pop(callback, None)

    @cached_property
    def _scratch(self) -> memoryview:
        """A buffer to receive into what nobody wants, while a connection is being closed."""
        return memoryview(bytearray(RECEIVE_BYTES))

    @cached_property
    def _worker_threads(self) -> WorkerThreads:
        """Threads for what blocks, as looking up a name does."""
        return WorkerThreads(MOST_WORKER_THREADS, self.call_soon)

    def _sources(self) -> list[tuple[int, int]]:
        """Return the descriptors that it waits for, and for what, for who waits for others, too."""
        watched = list(self._backend.registered.values())
        return [(each._number, each._interest or 0) for each in watched]

    def _time_left(self) -> float | None:
        """Return the seconds after which it has something to do, if no descriptor is ready."""
        is_busy = self._deferred or self._buffered
        return 0.0 if is_busy else self._time_to_wait(None, None, None)

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether there is no handler, no timer and no deferred call."""
        is_monitoring = self._registrations or len(self._backend.registered) > 1  # the waker is one
        return not (is_monitoring or len(self._timers) or self._deferred)

    def statistics(self) -> Statistics:
        """Return numbers about the event base as it is now."""
        return Statistics(
            backend=self._backend.name,
            handlers=self._count_handlers(),
            timers=len(self._timers),
            deferred=len(self._deferred),
            iterations=self._iterations,
            callbacks=self._callbacks,
            longest_callback=self._longest_callback,
            time_waiting=self._time_waiting,
        )

    def _count_handlers(self) -> int:
        registrations = {*self._backend.registered.values(), *self._registrations.values()}
        return sum(registration._handler_count for registration in registrations)

    def __repr__(self) -> str:
        if self._is_closed:
            return "<EventBase, closed>"
        return (
            f"<EventBase on {self._backend.name}: {self._count_handlers()} handlers, "
            f"{len(self._timers)} timers>"
        )

    # -- forks -----------------------------------------------------------------------------------

    def _after_fork(self) -> None:
        """In the child: let go of what is shared with the parent.

        The set first: whatever is done to the inherited one is done to the parent's.
        """
        # Of all threads, only the one that has forked is still there.
        self._last_thread = get_ident()
        self._lock = RLock()  # whoever had it is not
        if self._thread != self._last_thread:
            self._thread = None
        self._backend.rebuild()
        self._backend.unregister(self._waker)
        self._waker.close()
        self._waker = Waker()
        self._backend.register(self._waker, READABLE)
        if self._thread is not None:
            self._waker.wake_on_signals()


_bases: "weakref.WeakSet[EventBase]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for base in list(_bases):
        base._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def log_exception(error: Exception, where: object) -> None:
    """Log an exception that has no caller to go to."""
    logging.getLogger("trunkline.multiplex").error(
        "a callback of %r has failed",
        where,
        exc_info=error,
        extra=about(peer=getattr(where, "remote_name", None), error=error),
    )


def _add(moment: float, seconds: float | None) -> float | None:
    return None if seconds is None else moment + seconds


def _earlier(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _has_come(moment: float | None, now: float) -> bool:
    return moment is not None and moment <= now
