"""What all parts of a transport share: its state, its descriptor, whom it calls, and its end.

`Transport` says what a transport is. It is made of layers, each of which builds on the one before:
this one, writing (`transport_writing`), files (`transport_files`), reading (`transport_reading`),
the beginning (`transport_securing`), and the transport itself.
"""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from .._core.callbacks import check_result
from .._core.external_format import ExternalFormat
from .._core.output_queue import OutputQueue
from .._core.text_writer import TextWriter
from .._sys.pipe_descriptor import PipeDescriptor
from .._sys.readiness import READABLE, WRITABLE
from .._sys.registration import Registration
from .._sys.sockaddr import AnyName, Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import IPAddress
from ..errors import SocketClosed, SocketError, TimedOut
from .delivery import Delivery, DeliveryForm
from .event_base import EventBase
from .lingering import linger
from .protocol_caller import ProtocolCaller
from .time_limits import TimeLimits

if TYPE_CHECKING:
    from .file_transfer import FileTransfer
    from .tls_layer import TLSLayer

__all__ = ("CLOSED", "CLOSING", "CONNECTING", "OPEN", "STATES", "Owner", "TransportCore")

# How far a transport has come: plain integers, since those of an enumeration cost more to compare.
CONNECTING = 0  # there is no connection yet; what is written is queued
OPEN = 1
CLOSING = 2  # what is queued is still to be sent, once it is connected; nothing is delivered
CLOSED = 3  # the descriptor is gone, and the protocol has been told, or is about to be
STATES = ("connecting", "open", "closing", "closed")


class Owner(Protocol):
    """Who has made a transport, and counts it."""

    def _connection_ended(self, transport: Any, /) -> None:
        """The connection is over, or has left the transport."""


class TransportCore(Registration):
    """A connection on an event base, which calls it when its descriptor is ready."""

    # An instance of so many attributes would otherwise be slow, and twice as large.
    __slots__ = """
        __weakref__ _began_at _caller _cancel_connecting _delivery _ended_at _eof_seen _eof_told
        _eof_wanted _error _external_format _files _form _has_more _high_water _host _interrupted
        _is_delivering _is_delivery_due _is_held _is_paused _is_reading _is_refusing
        _is_waiting_to_write _layer _limits _line_limit _local_name _low_water _owner _pipe _queue
        _receive _received_at _send _sent_at _state _take_in _unread _where _writer _writes_plainly
        _writing_is_paused bytes_received bytes_sent descriptor event_base remote_name
    """.split()  # noqa: SIM905 - one name a line would take a page

    _lingers = True  # when it is closed and the peer still sends

    _number: int
    event_base: EventBase
    descriptor: SocketDescriptor | None
    _pipe: PipeDescriptor | None  # the same, if it is one: it has neither options nor names
    remote_name: AnyName
    _local_name: Name | None  # None until it is asked for
    _where: object  # what errors call the peer
    _host: str | IPAddress | None  # to whom it was told to connect, if that was said
    _layer: "TLSLayer | None"  # what stands before the descriptor, once it speaks TLS
    _state: int
    _error: Exception | None  # what is told in the end; before, that the peer takes no more
    _cancel_connecting: Callable[[], None] | None
    _began_at: float | None  # when the connection was made
    _ended_at: float | None
    _caller: ProtocolCaller
    _limits: TimeLimits | None  # None until there are any
    _owner: Owner | None
    # Reading.
    bytes_received: int
    _interrupted: bool  # a callback has changed how, or whether, to go on delivering
    _is_reading: bool  # the event base is to call for input
    _is_paused: bool
    _is_delivering: bool  # the protocol is being called for something received
    _eof_seen: bool
    _eof_told: bool  # the protocol knows
    _unread: bytes  # received, and not given to the form of delivery
    _has_more: bool  # the form has more to deliver, and was interrupted
    _is_delivery_due: bool  # a deferred call will go on with that
    _delivery: Delivery
    _external_format: ExternalFormat
    _line_limit: int
    _form: DeliveryForm | None  # None for bytes
    _take_in: Callable[[bytes], Any]  # what is called with what is received
    _receive: Callable[[int], bytes]
    _received_at: float  # when something was received; or when the limits began to count
    # Writing.
    bytes_sent: int
    _is_waiting_to_write: bool  # the event base is to call when there is room
    _is_held: bool  # nothing is to be sent
    _writing_is_paused: bool  # the protocol has been asked to pause
    _is_refusing: bool  # to write is a mistake, because of that or of something in a subclass
    _eof_wanted: bool  # the writing half is to be ended after the queue
    _queue: OutputQueue
    _files: "list[FileTransfer] | None"  # those that are in the queue
    _writer: TextWriter | None  # None until text is written that it takes one for
    _writes_plainly: bool
    _high_water: int
    _low_water: int
    _send: Callable[[Any, int], int]  # the system's own, see `SocketDescriptor.bare_send`
    _sent_at: float

    # -- being called ----------------------------------------------------------------------------

    def _update_interest(self) -> bool:
        """Have the event base call for what is wanted just now; return whether that worked.

        An event base that is closed, or that cannot take another descriptor, is this connection's
        trouble, and not that of whoever has called.
        """
        interest = (READABLE if self._is_reading else 0) | (
            WRITABLE if self._is_waiting_to_write else 0
        )
        if not interest:
            self.event_base._unwatch(self)
            return True
        try:
            self.event_base._watch(self, interest)
        except SocketError as error:
            self._lose(error)
            return False
        return True

    def _stop_reading(self) -> None:
        """Have the event base call for input no more."""
        if self._is_reading:
            self._is_reading = False
            self._update_interest()

    def _take_descriptor(self, descriptor: SocketDescriptor) -> None:
        self.descriptor = descriptor
        self._number = descriptor.number
        descriptor.watch_closing(self._descriptor_closing)

    def _release_descriptor(self) -> SocketDescriptor | None:
        """Let go of the descriptor, and return it."""
        self._remember_local_name()
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            self._is_reading = self._is_waiting_to_write = False
            self.event_base._unwatch(self)
            descriptor.unwatch_closing(self._descriptor_closing)
        return descriptor

    def _descriptor_closing(self, number: int) -> None:
        """Somebody else closes the descriptor, in whatever thread.

        The event base must not watch the number any longer, which may be another file's in a
        moment; all else is for its own thread.
        """
        self.event_base._unwatch_for_good(self)
        error = SocketClosed(operation="transport", address=self._where)
        with contextlib.suppress(SocketClosed):  # the event base is closed: nobody is told any more
            self.event_base.call_soon_threadsafe(self._lose, error)

    # -- calling the protocol --------------------------------------------------------------------

    @property
    def protocol(self) -> Any:
        """Whom the transport calls."""
        return self._caller.protocol

    def _callback(self, name: str) -> Callable[..., Any]:
        """Return a method of the protocol's, that is called in the transport's context."""
        return self._caller.method(name)

    def _call(self, name: str, *args: Any) -> Any:
        """Call the protocol; an exception of its ends the connection, and goes no further.

        It may be inside of a callback of another connection, which is called in the same context.
        """
        try:
            method = self._caller.nested_method(name)
            result = method(*args)
            if result is not None:
                check_result(result, method)
            return result
        except BaseException as error:
            self._callback_failed(error)
            return None

    def _callback_failed(self, error: BaseException) -> None:
        """Tell of an exception that the protocol has raised, and end the connection.

        It is called while that is handled: what is no `Exception`, like Ctrl-C, goes further.
        """
        if not isinstance(error, Exception):
            raise
        try:
            self.event_base._tell_exception(error, self)
        finally:
            self._lose(error)

    # -- time limits -----------------------------------------------------------------------------

    def _active_since(self, which: str) -> float | None:
        if which == "idle":
            return max(self._received_at, self._sent_at)
        if which == "write":
            return self._sent_at if self._is_waiting_to_write and not self._is_held else None
        return self._received_at if self._is_reading or self._state == CONNECTING else None

    def _time_is_up(self, which: str) -> None:
        if not self._call("timed_out", which):
            self._lose(TimedOut.expired(which, self._where))

    # -- the end ---------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Close in good order, now that everything is sent."""
        descriptor = self._release_descriptor()
        assert descriptor is not None
        if self._layer is not None:
            # A peer sends what nobody asks for, like tickets, until it says that it ends.
            linger(self.event_base, descriptor, is_open=not self._eof_seen)
        elif self._eof_seen or self._pipe is not None or not self._lingers:
            descriptor.close()
        else:
            linger(self.event_base, descriptor)
        self._lose(self._error)

    def _system_call_failed(self, error: OSError, operation: str) -> None:
        """End a connection for which a system call has failed."""
        self._lose(self._typed(error, operation))

    def _typed(self, error: OSError, operation: str) -> OSError:
        """Return our error for one of the system's; that of TLS is ours already."""
        if self.descriptor is None or isinstance(error, SocketError):
            return error
        return self.descriptor.failure(error, operation)

    def _lose(self, error: Exception | None, *, tell: bool = True) -> None:
        """Close at once, and tell the protocol a little later."""
        if self._state == CLOSED:
            return
        self._state = CLOSED
        self._error = error
        self._ended_at = self.event_base.now()
        self._interrupted = True
        self._unread = b""
        self._queue.clear()
        if self._files:
            self._files_lost(error)
        if self._limits is not None:
            self._limits.stop()
        cancel, self._cancel_connecting = self._cancel_connecting, None
        if cancel is not None:
            cancel()
        descriptor = self._release_descriptor()
        if descriptor is not None:
            if error is not None and self._layer is not None and self._layer.machine.has_failed:
                # Or the alert may be destroyed.
                linger(self.event_base, descriptor, flush=self._layer.flush)
            else:
                descriptor.close()
        if tell and not self.event_base.closed:
            self.event_base.call_soon(self._call, "connection_lost", error)
        owner, self._owner = self._owner, None
        if owner is not None:
            owner._connection_ended(self)

    def _files_lost(self, error: Exception | None) -> None:
        """Take note that the files in the queue will not be sent; see `transport_files`."""
        raise NotImplementedError

    def _remember_local_name(self) -> None:
        """Ask for the local name while there is one."""
        if self._local_name is None and self.descriptor is not None:
            with contextlib.suppress(SocketError):
                self._local_name = self.descriptor.local_name()
