"""The transport: a connected stream on an event base, which calls a protocol for what happens.

The contract, which the callbacks of whatever shell stands on it can rely on:

* `write`, `close` and `abort` raise no error of the connection's and call no callback, but for
  `pause_writing`. What was given to `write` may be changed as soon as it returns.
* A write is tried at once when nothing is queued. Inside a callback for something received, writes
  are gathered, and leave in one piece when it returns.
* A file is sent between what was written before and after it, and counts as if it had been written.
* `pause_writing` is called by the very `write` that takes the queue above the high-water mark, and
  `resume_writing` once it is down to the low-water mark.
* Input is delivered as bytes, as text, line by line, in blocks or frames, or into a buffer of the
  protocol's. Nothing is delivered while reading is paused, which may be done at any time, also
  inside a callback.
* End of file is one callback; what it returns says whether the writing half stays open.
* When the peer takes no more, what it has sent until then is delivered, unless reading is paused.
* `connection_lost` is called exactly once, never from inside another call, and nothing is called
  after it. Its argument is None or the error that ended the connection.
* With TLS, all of this holds for what is written and delivered, not for what it is encrypted as.
  The connection is there when the handshake is over.
* An exception raised by a callback goes to the event base's `exception_handler`, and ends the
  connection, and that connection only.
"""

from contextvars import Context
from typing import Any

from .._core.counts import check_count
from .._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from .._core.output_queue import OutputQueue
from .._sys.sockaddr import AnyName
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import NotConnected, SocketClosed
from ..sockets.active_socket import ActiveSocket
from ..sockets.options.with_options import ConnectionWithOptions
from ..streams.stream import DEFAULT_LIMIT
from .argument_check import check_water_marks
from .delivery import Delivery, make_delivery
from .event_base import EventBase
from .protocol import ProtocolLike
from .protocol_caller import ProtocolCaller
from .protocol_check import check_methods
from .python_names import PythonTransportNames
from .time_limits import TimeLimits
from .transport_core import CLOSED, CLOSING, CONNECTING, OPEN, STATES
from .transport_securing import SecuringTransport

__all__ = ("DEFAULT_HIGH_WATER", "Transport")

DEFAULT_HIGH_WATER = 65_536
"""How many bytes may be queued before the protocol is asked to pause writing."""


class Transport(SecuringTransport, ConnectionWithOptions, PythonTransportNames):
    """A connection, and the queue of what is to be written to it.

    `connect` and `listen` make transports. A transport belongs to its event base's thread, and owns
    its descriptor.

    Args:
        event_base: Who calls it.
        protocol: Whom it calls, see `TransportProtocol`.
        delivery: How input is delivered, see `Delivery`.
        external_format: The format of text that is delivered, and written.
        line_limit: The most bytes that a line may have.
        high_water: The queue's size in bytes above which the protocol is asked to pause writing.
        low_water: The size at which it is told to resume. Default: a quarter of `high_water`.
        idle_timeout: Seconds without anything received or sent, after which the connection is
            aborted; None for no limit. This one, and `read_timeout`, count while connecting, too.
        read_timeout: The same for anything received, while reading is not paused.
        write_timeout: The same for anything sent, while something is queued.
        context: The context that the protocol is called in. Default: none in particular.

    Attributes:
        event_base: Who calls the transport.
        remote_name: The name of the peer, an `Endpoint` or a `LocalAddress`; None before it is
            connected.
        descriptor: The connection's descriptor; None if there is none. That of a pipe has no
            options.
        bytes_received: How many bytes have come from the system; with TLS, how many there were in
            what has come.
        bytes_sent: How many the system has taken, and likewise.
    """

    __slots__ = ()

    # Once more, for type checkers that want it in each class.
    event_base: EventBase
    descriptor: SocketDescriptor | None
    remote_name: AnyName
    _interrupted: bool
    bytes_received: int
    bytes_sent: int

    def __init__(
        self,
        event_base: EventBase,
        protocol: ProtocolLike,
        *,
        delivery: Delivery = "bytes",
        external_format: ExternalFormatLike = "utf-8",
        line_limit: int = DEFAULT_LIMIT,
        high_water: int = DEFAULT_HIGH_WATER,
        low_water: int | None = None,
        idle_timeout: float | None = None,
        read_timeout: float | None = None,
        write_timeout: float | None = None,
        context: Context | None = None,
    ) -> None:
        self._check_protocol(protocol, delivery)
        super().__init__(-1)
        self.event_base = event_base
        self._caller = ProtocolCaller(protocol, context)
        self._delivery = delivery
        self._state = CONNECTING
        self.descriptor = None
        self._pipe = None
        self._cancel_connecting = None
        self.remote_name = None
        self._where = None
        self._local_name = None
        self._host = None
        self._layer = None
        self._began_at = self._ended_at = None
        self._owner = None
        # Reading.
        self.bytes_received = 0
        self._interrupted = False
        self._is_paused = False
        self._is_reading = False
        self._is_delivering = False
        self._eof_seen = False
        self._eof_told = False
        self._unread = b""
        self._has_more = False
        self._is_delivery_due = False
        # Writing.
        self.bytes_sent = 0
        self._queue = OutputQueue()
        self._files = None
        self._is_waiting_to_write = False
        self._is_held = False
        self._writing_is_paused = False
        self._eof_wanted = self._is_refusing = False
        self._error = None
        self.set_water_marks(high_water, low_water)
        self._set_protocol(protocol)
        self._external_format = ensure_external_format(external_format)
        self._writes_plainly = self._external_format._is_plain
        self._writer = None
        self._line_limit = check_count("line_limit", line_limit)
        self._form = make_delivery(delivery, self, self._external_format, line_limit)
        self._choose_intake()
        self._received_at = self._sent_at = 0.0
        self._limits = None
        self.set_timeouts(idle=idle_timeout, read=read_timeout, write=write_timeout)

    # -- settings --------------------------------------------------------------------------------

    def set_protocol(self, protocol: ProtocolLike) -> None:
        """Call another protocol from now on; it may be done at any time, also inside a callback.

        Where it takes input in another form, call `set_delivery` next.

        Raises:
            TypeError: A method of its class cannot be called with what it will get, or is async or
                a generator.
        """
        check_methods(protocol)
        self._set_protocol(protocol)

    def _set_protocol(self, protocol: ProtocolLike) -> None:
        self._caller = ProtocolCaller(protocol, self._caller.context)
        self._interrupted = True
        self._take_in = self._check_and_take_in

    def _check_and_take_in(self, data: bytes) -> Any:
        """Take in something for the first time since there is another protocol."""
        self._check_protocol(self.protocol, self._delivery)
        self._choose_intake()
        return self._take_in(data)

    def _choose_intake(self) -> None:
        """Find out what is called with what is received, so that not each read has to."""
        self._take_in = self._callback("data_received") if self._form is None else self._deliver

    def set_delivery(
        self,
        delivery: Delivery,
        *,
        external_format: ExternalFormatLike | None = None,
        line_limit: int | None = None,
    ) -> None:
        """Deliver input in another form from now on.

        What has been received and not been delivered comes in the new form: a protocol may read a
        header line by line and, from the callback for its last line, go on with bytes.

        Args:
            delivery: See `Delivery`.
            external_format: The format of text, for writing too. Default: as before.
            line_limit: The most bytes that a line may have. Default: as before.

        Raises:
            TypeError: The protocol has no method for it: set the protocol first.
            ValueError: There is no such form; or a part of what was received has been decoded, in a
                format that does not mix with bytes.
        """
        new_format = self._external_format
        if external_format is not None:
            new_format = ensure_external_format(external_format)
        limit = self._line_limit
        if line_limit is not None:
            limit = check_count("line_limit", line_limit)
        self._check_protocol(self.protocol, delivery)
        form = make_delivery(delivery, self, new_format, limit)
        self._unread = self._take_back()
        if external_format is not None:
            self._end_text()
            self._writer = None
            self._writes_plainly = new_format._is_plain
        self._form = form
        self._has_more = False
        self._delivery, self._external_format, self._line_limit = delivery, new_format, limit
        self._choose_intake()
        self._deliver_soon()

    @property
    def external_format(self) -> ExternalFormat:
        """The format of text that is delivered and written; see `set_delivery`."""
        return self._external_format

    def set_water_marks(self, high: int, low: int | None = None) -> None:
        """Set the sizes of the queue, in bytes, at which the protocol is to pause and to resume.

        Raises:
            TypeError, ValueError: They are no integers, or not ``0 <= low <= high``.
        """
        self._high_water, self._low_water = check_water_marks(high, low)

    def set_timeouts(
        self,
        *,
        idle: float | None = None,
        read: float | None = None,
        write: float | None = None,
    ) -> None:
        """Set all three time limits anew, in seconds from now; None is no limit.

        Raises:
            TypeError, ValueError: One of them is not a positive number.
        """
        if self._state != CLOSED:
            limits = self._limits
            if limits is None and (idle, read, write) != (None, None, None):
                limits = TimeLimits(self.event_base, self._active_since, self._time_is_up)
            if limits is not None:
                limits.set(idle=idle, read=read, write=write)
                self._limits = limits or None
            self._received_at = self._sent_at = self.event_base.now()

    # -- looking at it ---------------------------------------------------------------------------

    def fileno(self) -> int:
        """Return the number of the descriptor, or -1 if there is none."""
        return -1 if self.descriptor is None else self.descriptor.number

    @property
    def local_name(self) -> AnyName:
        """The name of this end; None before it is connected.

        It is remembered when the connection is over.
        """
        self._remember_local_name()
        return self._local_name

    @property
    def is_connected(self) -> bool:
        """Whether the connection is there, and is not being closed."""
        return self._state == OPEN

    @property
    def is_closing(self) -> bool:
        """Whether the connection is closed, or is being closed."""
        return self._state >= CLOSING

    @property
    def duration(self) -> float:
        """How many seconds the connection has lasted, or did last; 0 before there is one."""
        if self._began_at is None:
            return 0.0
        end = self.event_base.now() if self._ended_at is None else self._ended_at
        return end - self._began_at

    @property
    def buffered_output(self) -> int:
        """How many bytes are queued, those of files included."""
        return self._queue.size

    def _take_names(self, remote_name: AnyName, local_name: AnyName) -> None:
        """Be for somebody else, for whom a proxy has connected; None is for who is there."""
        self.remote_name = remote_name or self.remote_name
        self._local_name = local_name or self._local_name

    def _descriptor_with_options(self, operation: str) -> SocketDescriptor:
        descriptor = self.descriptor
        if descriptor is None:
            kind = SocketClosed if self._state == CLOSED else NotConnected
            raise kind(operation=operation, address=self._where)
        return descriptor

    _descriptor_of_connection = _descriptor_with_options

    # -- leaving it ------------------------------------------------------------------------------

    def detach(self) -> ActiveSocket:
        """Take the connection out of the transport, which is closed then, as a blocking socket.

        What was received and not delivered, and what is queued, goes along. Nothing more is called,
        `connection_lost` neither.

        Raises:
            NotConnected: There is no connection, or it is being closed.
            ValueError: The writing half has been ended; a file waits to be sent; text has been
                decoded and not been delivered, in a format that does not mix with bytes; or the
                connection speaks TLS.
            TypeError: It is a pipe or a terminal, and no connection.
        """
        if self._layer is not None:
            raise ValueError(
                "detach: a connection that speaks TLS cannot be handed on, for its keys stay"
            )
        if self._state != OPEN or self.descriptor is None or self.descriptor.is_closed:
            raise NotConnected(operation="detach", address=self._where)
        if self._pipe is not None:
            raise TypeError(f"only connections can be detached, and {self._where} is none")
        if self._eof_wanted:
            raise ValueError("the writing half of the connection has been ended by write_eof()")
        if self._files:
            raise ValueError("a file is being sent: wait until it is done")
        unread = self._take_back()
        unsent = self._queue.take_all() + self._take_text_end()
        descriptor = self._release_descriptor()
        assert descriptor is not None
        with descriptor.reading, descriptor.writing:
            heir = descriptor.transfer()
        self._lose(None, tell=False)
        socket = ActiveSocket(
            heir, remote_name=self.remote_name, external_format=self._external_format
        )
        socket._attach(unread, unsent)
        return socket

    def __repr__(self) -> str:
        name = "" if self.remote_name is None else f" {self.remote_name}"
        return f"<{type(self).__name__}{name}, {STATES[self._state]}>"
