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
4.  For each descriptor that is ready, look its handlers up now: what an earlier handler has
    removed is not called, and a number that has been given to another file since is passed over.
    Call the read handler, then the write handler. A hang-up is readable, so that end of file is
    seen, and writable. An error goes to the error handler if there is one, and else to the read and
    write handlers with the cause `Cause.ERROR`. What no handler wants is taken out of the backend,
    so that nothing spins.
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
import math
import os
import weakref
from collections import deque
from collections.abc import Callable
from threading import get_ident
from types import TracebackType
from typing import Any, Self

from .._core.deadline import check_seconds, check_timeout
from .._core.log_record import about
from .._core.timer_queue import Timer, TimerQueue
from .._core.uncopied import Uncopied
from .._sys.backends import make_backend
from .._sys.clock import Clock, monotonic
from .._sys.readiness import READABLE
from .._sys.waker import Waker
from ..errors import SocketClosed
from .handlers import Cause, Event, HandlerCallback, IOHandler
from .registry import Registration, Registry, number_of
from .statistics import Statistics
from .worker_threads import WorkerThreads

__all__ = ("EventBase",)

_EVENTS = ("read", "write", "error")

RECEIVE_BYTES = 65_536
"""How much is received at a time, at most.

Larger objects the C library takes from the system one by one, and each costs page faults.
"""

MOST_WORKER_THREADS = 16
"""How many names are looked up at a time; more than that wait for their turn."""


class EventBase(Uncopied):
    """Calls handlers when descriptors are ready, timers when they are due, and deferred calls.

    You would want one for a program that talks to many peers in one thread. It is a context
    manager, which closes it; the descriptors that it monitors are not closed.

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

    def __init__(
        self,
        *,
        exit_when_empty: bool = False,
        backend: str | None = None,
        clock: Clock = monotonic,
        collect_timing: bool = False,
    ) -> None:
        self._exit_when_empty = exit_when_empty
        self._clock = clock
        self._backend = make_backend(backend)
        with contextlib.ExitStack() as undoing:
            undoing.callback(self._backend.close)
            self._waker = Waker()
            undoing.callback(self._waker.close)
            self._backend.register(self._waker.fileno(), READABLE)
            undoing.pop_all()
        self._ask_backend = self._wait_timed if collect_timing else self._backend.wait
        self._registry = Registry(self._backend, self._forget_handler, self._socket_closing)
        self._buffered: dict[int, Registration] = {}  # streams whose handlers may take more
        self._timers = TimerQueue()
        self._handler_timeouts = TimerQueue()
        self._deferred: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._is_closed = False
        self._exit_requested = False
        self._thread: int | None = None  # the one in which `dispatch` is running
        self._owner = get_ident()  # the one in which it has last been
        self.iteration_time = 0.0
        """When the backend last returned; it is only of use inside of what the base calls."""
        self._fired = False  # whether the iteration has called a handler or a timer
        self._scratch: memoryview | None = None
        self._worker_threads: WorkerThreads | None = None
        self.exception_handler: Callable[[Exception, Any], object] = log_exception
        """Called with an exception that a callback of a transport has raised, and the transport.

        By default it is logged, with the peer's name.
        """
        self.lingering: weakref.WeakSet[object] = weakref.WeakSet()
        """Connections that are being closed while their peers still send, each for a short time.

        Their handlers keep them, so that they are not in it any more once those are removed.
        """
        self._iterations = 0
        self._callbacks = 0
        self._longest_callback: float | None = 0.0 if collect_timing else None
        self._time_waiting: float | None = 0.0 if collect_timing else None
        _bases.add(self)

    # -- handlers --------------------------------------------------------------------------------

    def set_io_handler(
        self,
        descriptor: Any,
        event: Event,
        callback: HandlerCallback,
        *,
        timeout: float | None = None,
        one_shot: bool = False,
    ) -> IOHandler:
        """Have `callback` called whenever a descriptor is ready for something.

        It is called with the descriptor's number, the event, and the cause: None if it is ready,
        or a `Cause`. It is called again while the descriptor is still ready.

        Args:
            descriptor: A number, or any object with `fileno`. Given a stream, its buffered input
                counts as readable too, and given a socket of Trunkline's, closing it removes its
                handlers.
            event: ``"read"``, ``"write"`` or ``"error"``.
            callback: What is called.
            timeout: Seconds without the event after which it is called with `Cause.TIMEOUT`, and
                then after as long again.
            one_shot: Remove the handler when the event happens.

        Returns:
            The handler.

        Raises:
            ValueError: The descriptor has a handler for this event already; or it is a regular
                file or a directory, which is always ready; or there is no such event; or the
                timeout is not positive.
            SocketClosed: There is no such descriptor, or the event base is closed.
            TooManyOpenFiles: The backend is select, and the descriptor's number too large for it.
            TypeError: An argument is of the wrong type.
        """
        self._check_open("set_io_handler")
        number = number_of(descriptor)
        if number < 0:
            raise SocketClosed(operation="set_io_handler", address=repr(descriptor))
        if event not in _EVENTS:
            raise ValueError(f"the event is one of {', '.join(_EVENTS)}, not {event!r}")
        if check_timeout(timeout) == 0:
            raise ValueError("the timeout of a handler cannot be 0")
        _check_callable(callback)
        handler = IOHandler(number, event, self._timed(callback), check_timeout(timeout), one_shot)
        registration = self._registry.add(descriptor, handler)
        if handler.timeout is not None:
            self._start_timeout(handler, self._clock())
        if event == "read" and registration.buffer is not None:
            registration.taken_count = registration.buffer.taken_count
            if registration.buffer:
                self._buffered[number] = registration
        return handler

    def remove_fd_handlers(
        self, descriptor: Any, *, read: bool = False, write: bool = False, error: bool = False
    ) -> bool:
        """Remove handlers of a descriptor: those that are named, or all of them if none is.

        Returns:
            Whether there was any.

        Raises:
            TypeError: It is neither a descriptor nor has one.
        """
        registration = self._registry.by_number.get(number_of(descriptor))
        if registration is None:
            return False
        if not (read or write or error):
            self._registry.drop(registration)
            return True
        removed = False
        for event, asked_for in (("read", read), ("write", write), ("error", error)):
            if asked_for:
                removed |= self._registry.remove(registration, event)  # type: ignore[arg-type]
        return removed

    def fd_monitored(self, descriptor: Any, event: Event) -> IOHandler | None:
        """Return the handler of a descriptor for an event, or None."""
        if event not in _EVENTS:
            raise ValueError(f"the event is one of {', '.join(_EVENTS)}, not {event!r}")
        registration = self._registry.by_number.get(number_of(descriptor))
        handler: IOHandler | None = getattr(registration, event, None)
        return handler

    def _forget_handler(self, handler: IOHandler) -> None:
        if handler.timer is not None:
            self._handler_timeouts.remove(handler.timer)
            handler.timer = None
        if handler.event == "read":
            buffered = self._buffered.get(handler.number)
            if buffered is not None and buffered.read is None:  # else it is the number's next one
                del self._buffered[handler.number]

    def _start_timeout(self, handler: IOHandler, now: float) -> None:
        assert handler.timeout is not None
        handler.active_at = now
        handler.timer = Timer(lambda: self._timeout_passed(handler), now + handler.timeout, None)
        self._handler_timeouts.add(handler.timer)

    def _timeout_passed(self, handler: IOHandler) -> None:
        """Call a handler whose timeout has passed, unless the event has been seen meanwhile.

        The event only notes the time; that keeps the heap out of every read and write.
        """
        registration = self._registry.by_number.get(handler.number)
        if registration is None or getattr(registration, handler.event) is not handler:
            return  # another thread is closing the socket
        timer, timeout = handler.timer, handler.timeout
        assert timer is not None and timeout is not None  # noqa: PT018
        now = self.iteration_time
        is_idle = handler.active_at + timeout <= now
        if is_idle:
            handler.active_at = now
        timer.deadline = handler.active_at + timeout
        self._handler_timeouts.add(timer)
        if is_idle:
            self._fired = True
            self._callbacks += 1
            try:
                handler.callback(handler.number, handler.event, Cause.TIMEOUT)
            finally:
                if handler.event == "read" and registration.buffer is not None:
                    self._note_progress(registration, handler)

    # -- timers and deferred calls ---------------------------------------------------------------

    def add_timer(
        self, callback: Callable[[], object], seconds: float, *, one_shot: bool = False
    ) -> Timer:
        """Have `callback` called after some time, and again each time that passes.

        Args:
            callback: Called without arguments.
            seconds: The time until it is called, and between two calls.
            one_shot: Call it only once.

        Returns:
            The timer, for `remove_timer`.

        Raises:
            TypeError, ValueError: `seconds` is not a number, or negative.
            SocketClosed: The event base is closed.
        """
        self._check_open("add_timer")
        interval = _check_seconds(seconds)
        _check_callable(callback)
        timer = Timer(
            self._timed(callback), self._clock() + interval, None if one_shot else interval
        )
        self._timers.add(timer)
        return timer

    def remove_timer(self, timer: Timer) -> bool:
        """Remove a timer; return whether it was pending."""
        return self._timers.remove(timer)

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        """Have `callback` called with `args` in the next iteration.

        Raises:
            SocketClosed: The event base is closed.
        """
        self._check_open("call_soon")
        _check_callable(callback)
        self._deferred.append((self._timed(callback), args))

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        """The same, from another thread or from a signal handler: it wakes the event base.

        Raises:
            SocketClosed: The event base is closed.
        """
        self.call_soon(callback, *args)
        self._waker.wake()

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
        self._thread = self._owner = get_ident()
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
        self.iteration_time = self._clock()
        end = _add(self.iteration_time, timeout)
        idle_end = _add(self.iteration_time, idle_timeout)
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
                idle_end = _add(self.iteration_time, idle_timeout)
            if (one_shot and self._fired) or _has_come(
                _earlier(end, idle_end), self.iteration_time
            ):
                return
        self._exit_requested = False

    def _iterate(self, limit: float | None, min_step: float | None, max_step: float | None) -> bool:
        """Make one iteration; return whether a descriptor was ready."""
        self._iterations += 1
        deferred_count = len(self._deferred)
        generation = self._registry.generation
        has_timers = self._timers.heap or self._handler_timeouts.heap
        if deferred_count or self._buffered:
            wait: float | None = 0.0
        elif has_timers or limit is not None:
            wait = self._time_to_wait(limit, min_step, max_step)
        else:
            wait = max_step
        ready = self._ask_backend(wait)
        self.iteration_time = self._clock()
        had_io = bool(ready or self._buffered) and self._call_handlers(ready, generation)
        if self._handler_timeouts.heap:
            self._call_due(self._handler_timeouts)
        if self._timers.heap:
            self._call_due(self._timers)
        for _ in range(deferred_count):
            if not self._deferred:
                break  # the event base has been closed
            callback, args = self._deferred.popleft()
            self._callbacks += 1
            callback(*args)
        return had_io

    def _time_to_wait(
        self, limit: float | None, min_step: float | None, max_step: float | None
    ) -> float | None:
        for queue in (self._timers, self._handler_timeouts):
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

    def _call_handlers(self, ready: Any, generation: int) -> bool:
        if self._buffered:
            ready = self._with_buffered(ready)
        by_number = self._registry.by_number
        plain_read = self._backend.plain_read
        had_io = False
        for number, events in ready:
            registration = by_number.get(number)
            if registration is None or registration.generation > generation:
                if number == self._waker.fileno():
                    self._waker.clear()
                elif registration is None and not self._is_closed:
                    self._backend.unregister(number)
                continue
            had_io = True
            handler = registration.read
            is_plain = events == plain_read and registration.is_trusted
            if is_plain and handler is not None and handler.is_plain:
                # The same as below, for what a busy server does nearly all of the time.
                self._fired = True
                self._callbacks += 1
                try:
                    handler.callback(number, "read", None)
                finally:
                    buffer = registration.buffer
                    # There is nothing to note where nobody uses what a stream could have buffered.
                    if buffer is not None and (
                        self._buffered
                        or buffer.taken_count != registration.taken_count
                        or registration.read is not handler
                    ):
                        self._note_progress(registration, handler)
            else:
                self._call_handlers_of(registration, events)
        return had_io

    def _with_buffered(self, ready: Any) -> list[tuple[int, int]]:
        events_of = dict(ready)
        for number, registration in self._buffered.items():
            if self._registry.by_number.get(number) is registration:
                events_of[number] = events_of.get(number, 0) | self._backend.plain_read
        return list(events_of.items())

    def _call_handlers_of(self, registration: Registration, events: int) -> None:
        backend = self._backend
        if events & backend.closed or _was_closed(registration):
            self._registry.drop(registration)
            return
        cause = None
        if events & backend.faulty and registration.error is None:
            cause = Cause.ERROR
            events |= backend.readable | backend.writable
        called = False
        handler = registration.read
        if events & backend.readable and handler is not None:
            try:
                self._call_handler(registration, handler, cause)
            finally:
                if registration.buffer is not None:
                    self._note_progress(registration, handler)
            called = True
        handler = registration.write
        if events & backend.writable and handler is not None:
            if called and _was_closed(registration):
                return
            self._call_handler(registration, handler, cause)
            called = True
        handler = registration.error
        if events & backend.faulty and handler is not None:
            if called and _was_closed(registration):
                return
            self._call_handler(registration, handler, Cause.ERROR)
            called = True
        if not called and events & backend.unasked and registration.wanted is not None:
            self._registry.suspend(registration)

    def _note_progress(self, registration: Registration, handler: IOHandler) -> None:
        """Have a read handler called once more in the next iteration if its stream has more for it.

        The one that was called has to have taken something: if it waits for the rest of what is
        buffered, it is called when the rest comes. If it has been replaced meanwhile, the new one
        is called all the same, but not the next one after that, or half a line would make a handler
        spin that sets itself anew each time.
        """
        buffer, number = registration.buffer, registration.number
        assert buffer is not None
        has_taken = buffer.taken_count != registration.taken_count
        current = self._registry.by_number.get(number)
        if current is None or current.buffer is not buffer or current.read is None:
            return
        current.taken_count = buffer.taken_count
        successor = current.read
        is_new = successor is not handler
        if is_new or has_taken:
            successor.declined = 0 if has_taken else handler.declined + 1
        if buffer and (has_taken or (is_new and successor.declined == 1)):
            self._buffered[number] = current
        else:
            self._buffered.pop(number, None)

    def _call_handler(
        self, registration: Registration, handler: IOHandler, cause: Cause | None
    ) -> None:
        if handler.one_shot:
            self._registry.remove(registration, handler.event)
        elif handler.timeout is not None:
            handler.active_at = self.iteration_time
        self._fired = True
        self._callbacks += 1
        handler.callback(handler.number, handler.event, cause)

    def _call_due(self, queue: TimerQueue) -> None:
        mark = queue.begin_round()
        is_general = queue is self._timers
        while (timer := queue.take_due(self.iteration_time, mark)) is not None:
            if is_general:
                self._fired = True
                self._callbacks += 1
            timer.callback()

    # -- leaving ---------------------------------------------------------------------------------

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
        if _check_seconds(delay):
            self.call_soon_threadsafe(lambda: self.add_timer(self.exit, delay, one_shot=True))
            return
        self._exit_requested = True
        self._waker.wake()

    def _socket_closing(self, registration: Registration) -> None:
        """Drop the handlers of a socket that is being closed, in whatever thread.

        The number may be another file's in a moment, so the backend is told here and now. All else
        is left to the thread that dispatches.
        """
        if get_ident() == self._owner:
            self._registry.drop(registration)
        else:
            self._registry.silence(registration)
            self._deferred.append((self._registry.drop, (registration,)))
            self._waker.wake()

    def close(self) -> None:
        """Drop all handlers, timers and deferred calls, and close the multiplexer. May be repeated.

        The descriptors that were monitored stay open. Called by a handler, it lets `dispatch`
        return.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._registry.clear()
        self._timers.clear()
        self._handler_timeouts.clear()
        self._deferred.clear()
        self._backend.close()
        self._waker.close()
        _bases.discard(self)

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

    def _check_open(self, operation: str) -> None:
        if self._is_closed:
            raise SocketClosed(strerror="the event base is closed", operation=operation)

    # -- for what is built on it -----------------------------------------------------------------

    def now(self) -> float:
        """Return the time, on the event base's clock, at which the iteration began to call."""
        return self._clock() if self._thread is None else self.iteration_time

    @property
    def scratch(self) -> memoryview:
        """A buffer to receive into what nobody wants, while a connection is being closed."""
        if self._scratch is None:
            self._scratch = memoryview(bytearray(RECEIVE_BYTES))
        return self._scratch

    @property
    def worker_threads(self) -> WorkerThreads:
        """Threads for what blocks, as looking up a name does."""
        if self._worker_threads is None:
            self._worker_threads = WorkerThreads(MOST_WORKER_THREADS, self.call_soon)
        return self._worker_threads

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether there is no handler, no timer and no deferred call."""
        return not (self._registry.handler_count or len(self._timers) or self._deferred)

    def statistics(self) -> Statistics:
        """Return numbers about the event base as it is now."""
        return Statistics(
            backend=self._backend.name,
            handlers=self._registry.handler_count,
            timers=len(self._timers),
            deferred=len(self._deferred),
            iterations=self._iterations,
            callbacks=self._callbacks,
            longest_callback=self._longest_callback,
            time_waiting=self._time_waiting,
        )

    def _timed(self, callback: Callable[..., object]) -> Callable[..., object]:
        """Return a callback that measures itself, if that was asked for."""
        if self._longest_callback is None:
            return callback

        def timed(*args: Any) -> None:
            before = self._clock()
            try:
                callback(*args)
            finally:
                self._longest_callback = max(self._longest_callback or 0.0, self._clock() - before)

        return timed

    def __repr__(self) -> str:
        if self._is_closed:
            return "<EventBase, closed>"
        return (
            f"<EventBase on {self._backend.name}: {self._registry.handler_count} handlers, "
            f"{len(self._timers)} timers>"
        )

    # -- forks -----------------------------------------------------------------------------------

    def _after_fork(self) -> None:
        """In the child: let go of what is shared with the parent.

        The set first: whatever is done to the inherited one is done to the parent's.
        """
        self._owner = get_ident()  # of all threads, only the one that has forked is still there
        if self._thread != self._owner:
            self._thread = None
        self._backend.rebuild()
        self._backend.unregister(self._waker.fileno())
        self._waker.close()
        self._waker = Waker()
        self._backend.register(self._waker.fileno(), READABLE)
        if self._thread is not None:
            self._waker.wake_on_signals()


_bases: "weakref.WeakSet[EventBase]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for base in list(_bases):
        base._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def log_exception(error: Exception, where: Any) -> None:
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


def _was_closed(registration: Registration) -> bool:
    """Return whether a descriptor was closed behind our back, and the number may be another's."""
    return not (registration.is_trusted or registration.is_current())


def _check_seconds(seconds: float) -> float:
    """Return a time for a timer, if it is one: how long it takes must be known."""
    interval = check_seconds(seconds)
    if interval is None or interval == math.inf:
        raise ValueError(f"a timer needs a number of seconds, not {seconds!r}")
    return interval


def _check_callable(callback: object) -> None:
    if not callable(callback):
        raise TypeError(f"a callback is callable, not {type(callback).__name__}")
