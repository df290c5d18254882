"""One descriptor, and the handlers that were set for it.

A number is not an identity: when a descriptor is closed, the next file gets its number. A socket of
Trunkline's says when it is closed; of all else it is remembered which open file the handlers were
set for, and what is closed behind our back is found out when its number turns up again.
"""

from typing import TYPE_CHECKING

from .._core.callbacks import call_plainly, check_result
from .._core.input_buffer import InputBuffer
from .._sys.descriptor import Descriptor
from .._sys.identity import Identity, identify, same_file
from .._sys.readiness import FAULTY, HUNG_UP, NUMBER_CLOSED, READABLE, URGENT, WRITABLE
from .._sys.registration import Registration
from ..sockets.socket import Socket
from ..streams.pipe_stream import PipeStream
from ..streams.stream import Stream
from .descriptor_like import DescriptorLike
from .handlers import EVENTS, Cause, Event, IOHandler

if TYPE_CHECKING:
    from .event_base import EventBase

__all__ = ("HandlerRegistration",)

_FOR_READING = READABLE | HUNG_UP  # a hang-up is readable, so that end of file is seen,
_FOR_WRITING = WRITABLE | HUNG_UP  # and writable
_UNASKED = HUNG_UP | FAULTY  # what the system tells whether it was asked or not


class HandlerRegistration(Registration):
    """A monitored descriptor, with at most one handler for each event.

    Args:
        event_base: Who monitors it.
        number: The descriptor's number.
        source: What stands for it.

    Raises:
        ValueError: It is a regular file or a directory.
        SocketClosed: There is no such descriptor.
    """

    __slots__ = (
        "_event_base",
        "_identity",
        "_taken_count",
        "buffer",
        "error",
        "is_abandoned",
        "read",
        "source",
        "urgent",
        "write",
    )

    def __init__(self, event_base: "EventBase", number: int, source: DescriptorLike) -> None:
        super().__init__(number)
        self._event_base = event_base
        self._identity: Identity | None = None
        # What says when it is closed, if anything does.
        self.source: Socket | PipeStream | Descriptor | None = None
        # Whether another thread is closing it, so that the handlers are about to be removed.
        self.is_abandoned: bool = False
        self.buffer: InputBuffer | None = None
        self._taken_count = 0  # of the buffer, when it was last looked at
        self.urgent: IOHandler | None = None
        self.read: IOHandler | None = None
        self.write: IOHandler | None = None
        self.error: IOHandler | None = None
        self.take_note_of(source)
        if self.source is None:
            self._identity = identify(number)

    def take_note_of(self, source: DescriptorLike) -> None:
        """Learn what there is to know of what stands for the number, and was perhaps not known."""
        if self.buffer is None and isinstance(source, Stream):
            self.buffer = source._input_buffer
        if self.source is None and isinstance(source, (Socket, PipeStream, Descriptor)):
            self.source = source
            source.watch_closing(self._source_closing)

    def forget_source(self) -> None:
        """Undo `take_note_of`."""
        if self.source is not None:
            self.source.unwatch_closing(self._source_closing)

    def _source_closing(self, number: int) -> None:
        self._event_base._registration_closing(self)

    @property
    def wanted(self) -> int | None:
        """What the backend should watch for, or None if no handler is left."""
        interest = (READABLE if self.read else 0) | (WRITABLE if self.write else 0)
        if self.urgent is not None:
            return interest | URGENT
        return interest if interest or self.error is not None else None

    @property
    def _handler_count(self) -> int:
        """How many handlers there are."""
        return sum(getattr(self, event) is not None for event in EVENTS)

    def is_current(self) -> bool:
        """Whether the number still stands for what was registered."""
        return self._identity is None or same_file(self._number, self._identity)

    def _was_closed(self) -> bool:
        """Whether it was closed behind our back, so that the number may be another's."""
        return self.source is None and not self.is_current()

    # -- calling the handlers --------------------------------------------------------------------

    def _handle_ready(self) -> None:
        """Call the handlers for what the descriptor is ready for."""
        handler = self.read
        if (
            self._events != READABLE
            or handler is None
            or self.source is None
            or not handler._is_plain
        ):
            self._call_handlers()
            return
        # The same, for what a busy server does nearly all of the time.
        self._event_base._note_call()
        try:
            result = handler.callback(self._number, "read", None)
            if result is not None:
                check_result(result, handler.callback)
        finally:
            buffer = self.buffer
            # There is nothing to note where nobody uses what a stream could have buffered.
            if buffer is not None and (
                self._event_base._buffered
                or buffer.taken_count != self._taken_count
                or self.read is not handler
            ):
                self.note_progress(handler)

    def _call_handlers(self) -> None:
        """Call the handler for what is urgent, then that for reading, for writing, and for errors.

        What no handler wants is taken out of the backend, so that nothing spins.
        """
        events = self._events
        if events & NUMBER_CLOSED or self._was_closed():
            self._event_base._remove_handlers(self)
            return
        cause = None
        if events & FAULTY and self.error is None:
            cause = Cause.ERROR
            events |= READABLE | WRITABLE | URGENT
        called = False
        handler = self.urgent
        if events & URGENT and handler is not None:
            self._call(handler, cause)
            called = True
        handler = self.read
        if events & _FOR_READING and handler is not None:
            if called and self._was_closed():
                return
            try:
                self._call(handler, cause)
            finally:
                if self.buffer is not None:
                    self.note_progress(handler)
            called = True
        handler = self.write
        if events & _FOR_WRITING and handler is not None:
            if called and self._was_closed():
                return
            self._call(handler, cause)
            called = True
        handler = self.error
        if events & FAULTY and handler is not None:
            if called and self._was_closed():
                return
            self._call(handler, Cause.ERROR)
            called = True
        if not called and events & _UNASKED and self.wanted is not None:
            self._event_base._unwatch(self)

    def _call(self, handler: IOHandler, cause: Cause | None) -> None:
        base = self._event_base
        if handler.one_shot:
            base._remove_handler(self, handler.event)
        elif handler.timeout is not None:
            handler._active_at = base._iteration_time
        base._note_call()
        call_plainly(handler.callback, handler.number, handler.event, cause)

    # -- what a stream has buffered --------------------------------------------------------------

    def note_read_handler(self) -> None:
        """Take note that there is a read handler now; what is buffered is for it."""
        if self.buffer is not None:
            self._taken_count = self.buffer.taken_count
            if self.buffer:
                self._event_base._set_buffered(self, True)

    def note_progress(self, handler: IOHandler) -> None:
        """Have a read handler called once more in the next iteration if its stream has more for it.

        The one that was called has to have taken something: if it waits for the rest of what is
        buffered, it is called when the rest comes. If it has been replaced meanwhile, the new one
        is called all the same, but not the next one after that, or half a line would make a handler
        spin that sets itself anew each time.
        """
        buffer = self.buffer
        assert buffer is not None
        has_taken = buffer.taken_count != self._taken_count
        current = self._event_base._registrations.get(self._number)
        if current is None or current.buffer is not buffer or current.read is None:
            return
        current._taken_count = buffer.taken_count
        successor = current.read
        is_new = successor is not handler
        if is_new or has_taken:
            successor._declined = 0 if has_taken else handler._declined + 1
        is_wanted = bool(buffer) and (has_taken or (is_new and successor._declined == 1))
        self._event_base._set_buffered(current, is_wanted)

    def handler_of(self, event: Event) -> IOHandler | None:
        """Return the handler for an event, or None."""
        handler: IOHandler | None = getattr(self, event)
        return handler
