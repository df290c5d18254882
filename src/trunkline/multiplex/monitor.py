"""Which descriptors are monitored, for whom, and what the backend knows of it.

Everything that waits for a descriptor is a `Registration`: a transport, a listener, the event
base's waker, and the handlers that a user has set for a descriptor. `_watch` and `_unwatch` tell
the backend of them.

Sockets may be closed by any thread, and the backend must have let go of a number before it is given
back, for it may be another file's a moment later. So what concerns the backend and the handlers is
changed under a lock, by whichever thread; all else that belongs to a closed socket is left to the
thread that dispatches.
"""

import contextlib
from collections.abc import Callable
from threading import RLock, get_ident

from .._core.callbacks import call_plainly, check_callback
from .._core.deadline import check_timeout
from .._core.timer_queue import Timer, TimerQueue
from .._sys.backends import make_backend
from .._sys.clock import Clock
from .._sys.readiness import READABLE
from .._sys.registration import Registration
from ..errors import SocketClosed
from .calls import Calls
from .descriptor_like import DescriptorLike, number_of
from .handler_registration import HandlerRegistration
from .handlers import EVENTS, Cause, Event, HandlerCallback, IOHandler

__all__ = ("Monitor",)


class Monitor(Calls):
    """The part of an event base that monitors descriptors; see `EventBase`."""

    def __init__(self, backend: str | None, clock: Clock, collect_timing: bool) -> None:
        self._backend = make_backend(backend)
        with contextlib.ExitStack() as undoing:
            undoing.callback(self._backend.close)
            super().__init__(clock, collect_timing)
            undoing.callback(self._waker.close)
            self._backend.register(self._waker, READABLE)
            undoing.pop_all()
        self._lock = RLock()  # a signal handler may close a socket in the middle of it
        self._registrations: dict[int, HandlerRegistration] = {}  # all with handlers, by number
        self._buffered: dict[HandlerRegistration, None] = {}  # streams whose handlers may take more
        self._handler_timeouts = TimerQueue()
        self._last_thread = get_ident()  # the thread in which `dispatch` has last been
        self._fired = False  # whether the iteration has called a handler or a timer
        self._callbacks = 0
        self._iteration_time: float = 0.0
        """When the backend last returned; it is only of use inside of what the base calls."""

    # -- handlers --------------------------------------------------------------------------------

    def set_io_handler(
        self,
        descriptor: DescriptorLike,
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
            event: ``"read"``, ``"write"`` or ``"error"``; or ``"urgent"``, for urgent data (see
                `ActiveSocket.receive_from`), which counts as nothing else.
            callback: What is called.
            timeout: Seconds without the event after which it is called with `Cause.TIMEOUT`, and
                then after as long again.
            one_shot: Remove the handler when the event happens.

        Returns:
            The handler.

        Raises:
            ValueError: The descriptor has a handler for this event already, or is a transport's; or
                it is a regular file or a directory, which is always ready; or there is no such
                event; or the timeout is not positive.
            SocketClosed: There is no such descriptor, or the event base is closed.
            TooManyOpenFiles: The backend is select, and the descriptor's number too large for it.
            OperationNotSupported: The backend is kqueue, which does not tell what is urgent.
            TypeError: An argument is of the wrong type.
        """
        self._check_open("set_io_handler")
        number = number_of(descriptor)
        if number < 0:
            raise SocketClosed(operation="set_io_handler", address=repr(descriptor))
        _check_event(event)
        timeout = check_timeout(timeout)
        if timeout == 0:
            raise ValueError("the timeout of a handler cannot be 0")
        check_callback(callback, "number", "event", "cause")
        handler = IOHandler(number, event, callback, timeout, one_shot)
        with self._lock:
            registration = self._add_handler(descriptor, handler)
        if handler.timeout is not None:
            self._start_timeout(handler, self._clock())
        if event == "read":
            registration.note_read_handler()
        return handler

    def _add_handler(self, source: DescriptorLike, handler: IOHandler) -> HandlerRegistration:
        registration = self._registration_for(handler.number, source)
        if registration.handler_of(handler.event) is not None:
            raise ValueError(
                f"descriptor {handler.number} is already monitored for {handler.event}"
            )
        setattr(registration, handler.event, handler)
        try:
            self._update(registration)
        except BaseException:
            setattr(registration, handler.event, None)
            if registration.wanted is None:
                self._forget_registration(registration)
            raise
        return registration

    def _registration_for(self, number: int, source: DescriptorLike) -> HandlerRegistration:
        registration = self._registrations.get(number)
        if registration is not None:
            if registration.is_current():
                registration.take_note_of(source)
                return registration
            self._remove_handlers(registration)
        watched = self._backend.registered.get(number)
        if watched is not None:
            raise ValueError(f"descriptor {number} is monitored already, by {watched!r}")
        registration = HandlerRegistration(self, number, source)  # type: ignore[arg-type]
        self._registrations[number] = registration
        return registration

    def remove_fd_handlers(
        self,
        descriptor: DescriptorLike,
        *,
        read: bool = False,
        write: bool = False,
        error: bool = False,
        urgent: bool = False,
    ) -> bool:
        """Remove handlers of a descriptor: those that are named, or all of them if none is.

        Returns:
            Whether there was any.

        Raises:
            TypeError: It is neither a descriptor nor has one.
        """
        registration = self._registrations.get(number_of(descriptor))
        if registration is None:
            return False
        if not (read or write or error or urgent):
            self._remove_handlers(registration)
            return True
        removed = False
        for event, is_named in zip(EVENTS, (urgent, read, write, error), strict=True):
            if is_named:
                removed |= self._remove_handler(registration, event)
        return removed

    def fd_monitored(self, descriptor: DescriptorLike, event: Event) -> IOHandler | None:
        """Return the handler of a descriptor for an event, or None."""
        _check_event(event)
        registration = self._registrations.get(number_of(descriptor))
        return None if registration is None else registration.handler_of(event)

    def _start_timeout(self, handler: IOHandler, now: float) -> None:
        assert handler.timeout is not None
        handler._active_at = now
        handler._timer = Timer(lambda: self._timeout_passed(handler), now + handler.timeout, None)
        self._handler_timeouts.add(handler._timer)

    def _timeout_passed(self, handler: IOHandler) -> None:
        """Call a handler whose timeout has passed, unless the event has been seen meanwhile.

        The event only notes the time; that keeps the heap out of every read and write.
        """
        registration = self._registrations.get(handler.number)
        if registration is None or registration.handler_of(handler.event) is not handler:
            return  # another thread is closing the socket
        timer, timeout = handler._timer, handler.timeout
        assert timer is not None and timeout is not None  # noqa: PT018
        now = self._iteration_time
        is_idle = handler._active_at + timeout <= now
        if is_idle:
            handler._active_at = now
        timer.deadline = handler._active_at + timeout
        self._handler_timeouts.add(timer)
        if is_idle:
            self._note_call()
            callback: Callable[..., object] = self._timed(handler.callback)
            try:
                call_plainly(callback, handler.number, handler.event, Cause.TIMEOUT)
            finally:
                if handler.event == "read" and registration.buffer is not None:
                    registration.note_progress(handler)

    # -- taking handlers out ---------------------------------------------------------------------

    def _remove_handler(self, registration: HandlerRegistration, event: Event) -> bool:
        """Take a handler out; return whether there was one."""
        with self._lock:
            handler = registration.handler_of(event)
            if handler is None:
                return False
            setattr(registration, event, None)
            try:
                self._update(registration)
            except SocketClosed:  # behind our back: nothing will happen to it for the others
                self._remove_handlers(registration)
        self._forget_handler(registration, handler)
        return True

    def _remove_handlers(self, registration: HandlerRegistration) -> None:
        """Take all handlers of a descriptor out."""
        with self._lock:
            handlers = [registration.handler_of(event) for event in EVENTS]
            for event in EVENTS:
                setattr(registration, event, None)
            self._update(registration)
        for handler in filter(None, handlers):
            self._forget_handler(registration, handler)

    def _update(self, registration: HandlerRegistration) -> None:
        """Tell the backend what is wanted now."""
        wanted = registration.wanted
        if registration.is_abandoned:
            return
        if wanted is None:
            self._unwatch(registration)
            self._forget_registration(registration)
        else:
            self._watch(registration, wanted)

    def _forget_registration(self, registration: HandlerRegistration) -> None:
        """Let go of one that has no handlers any more."""
        if self._registrations.get(registration._number) is registration:
            del self._registrations[registration._number]
        registration.forget_source()

    def _forget_handler(self, registration: HandlerRegistration, handler: IOHandler) -> None:
        """Let go of what belongs to a handler that has been taken out."""
        if handler._timer is not None:
            self._handler_timeouts.remove(handler._timer)
            handler._timer = None
        if handler.event == "read":
            self._buffered.pop(registration, None)

    def _registration_closing(self, registration: HandlerRegistration) -> None:
        """Drop the handlers of a socket that is being closed, in whatever thread.

        The number may be another file's in a moment, so the backend is told here and now. All else
        is left to the thread that dispatches.
        """
        with self._lock:
            if self._is_closed or registration.is_abandoned:
                return
            if get_ident() == self._last_thread:
                self._remove_handlers(registration)
                return
            self._unwatch(registration)
            self._forget_registration(registration)
            registration.is_abandoned = True
            self.call_soon_threadsafe(self._remove_handlers, registration)

    # -- for registrations -----------------------------------------------------------------------

    def _watch(self, registration: Registration, interest: int) -> None:
        """Have the backend watch a registration's descriptor, and call it when that is ready.

        Args:
            registration: Which one.
            interest: `READABLE`, `WRITABLE`, `URGENT` or several added; 0 for nothing but errors.

        Raises:
            SocketClosed: The event base is closed, or the descriptor.
            TooManyOpenFiles: The backend does not take a number that large.
        """
        with self._lock:
            self._check_open("watch")
            if registration._number < 0:
                raise SocketClosed(operation="watch", address=registration)
            if registration._interest is None:
                self._backend.register(registration, interest)
            elif registration._interest != interest:
                self._backend.modify(registration, interest)

    def _unwatch(self, registration: Registration) -> None:
        """Let the backend be silent about a registration. May be repeated."""
        with self._lock:
            if registration._interest is not None:
                self._backend.unregister(registration)

    def _pass_on(self, registration: Registration, heir: Registration) -> None:
        """Have another registration called for a descriptor, and for what the one was called for.

        The system is not told, for which nothing changes.
        """
        with self._lock:
            if registration._interest is not None:
                self._backend.registered[registration._number] = heir
                heir._number, heir._interest = registration._number, registration._interest
                registration._interest = None

    def _unwatch_for_good(self, registration: Registration) -> None:
        """Watch a registration never again, in whatever thread: its number is about to be free."""
        with self._lock:
            self._unwatch(registration)
            registration._number = -1

    def _note_call(self) -> None:
        """Take note that a handler is about to be called."""
        self._fired = True
        self._callbacks += 1

    # -- what streams have buffered --------------------------------------------------------------

    def _set_buffered(self, registration: HandlerRegistration, is_wanted: bool) -> None:
        """Have a read handler called in the next iteration for what is buffered, or not."""
        if is_wanted:
            self._buffered[registration] = None
        else:
            self._buffered.pop(registration, None)

    def _with_buffered(self, ready: list[Registration]) -> list[Registration]:
        found = dict.fromkeys(ready)
        for registration in self._buffered:
            if registration not in found:
                found[registration] = None
                registration._events = 0
            registration._events |= READABLE
        return list(found)

    # -- the end ---------------------------------------------------------------------------------

    def _close_monitor(self) -> None:
        """Drop all handlers, let go of everything that is watched, and close the backend."""
        with self._lock:
            for registration in list(self._registrations.values()):
                self._remove_handlers(registration)
            self._is_closed = True
            for watched in list(self._backend.registered.values()):
                self._backend.unregister(watched)
            self._backend.close()


def _check_event(event: object) -> None:
    if event not in EVENTS:
        raise ValueError(f"the event is one of {', '.join(EVENTS)}, not {event!r}")
