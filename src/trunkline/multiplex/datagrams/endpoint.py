"""The datagram endpoint: a datagram socket on an event base, which calls a protocol.

The contract, which the callbacks of whatever shell stands on it can rely on:

* `send_to`, `close` and `abort` raise no error of the network's and call no callback, but for
  `pause_writing`. What was given to `send_to` may be changed as soon as it returns.
* A datagram is sent at once when nothing is queued. Where there is no room it is queued, and leaves
  when there is some. `pause_writing` is called by the very `send_to` that takes the queue above the
  high-water mark, and `resume_writing` once it is down to the low-water mark. A datagram for which
  there is no room in the queue either is dropped, as the network would do, and counted.
* Where room is the receiver's, as among local sockets, one that does not receive holds up nobody
  else.
* What comes is delivered one by one, or as many as have come; but no more than `RECEIVES_AT_ONCE`
  at a time, so that a flood keeps neither other handlers nor timers waiting. Nothing is delivered
  while reading is paused.
* What goes wrong with a datagram, and what the network says of earlier ones, is told to
  `error_received`, from outside of any other callback, and ends nothing.
* `connection_lost` is called exactly once, never from inside another call, and nothing is called
  after it. Its argument is None or the error that ended the endpoint.
* An exception raised by a callback goes to the event base's `exception_handler`, and the endpoint
  goes on: it has many peers. Only one that `connection_made` raises ends it.
"""

from collections.abc import Callable
from contextvars import Context
from typing import Any

from ..._core.back_off import BackOff
from ..._core.callbacks import call_plainly, check_result
from ..._core.counts import check_count
from ..._core.datagram_queue import DatagramQueue
from ..._sys.datagram_descriptor import DatagramDescriptor
from ..._sys.readiness import FAULTY, HUNG_UP, NUMBER_CLOSED, READABLE, WRITABLE
from ..._sys.sockaddr import AF_UNIX, AnyName
from ...errors import NotASocket, NotConnected, SocketClosed, SocketError
from ...sockets.datagrams import DatagramSocket, Received, Sender
from ...sockets.datagrams.multicast import Multicast
from ...sockets.datagrams.received import sender_of
from ...sockets.options.with_options import WithOptions
from ...streams.stream import check_buffer_size
from ..argument_check import check_water_marks
from ..event_base import RECEIVE_BYTES, EventBase
from ..protocol_caller import ProtocolCaller
from ..time_limits import TimeLimits
from .endpoint_core import CLOSED, CLOSING, OPEN, OPENING, STATES
from .endpoint_sending import SendingEndpoint
from .protocol import DatagramDelivery, DatagramProtocolLike
from .protocol_check import check_datagram_protocol
from .python_names import PythonEndpointNames

__all__ = ("DEFAULT_QUEUE_LIMIT", "RECEIVES_AT_ONCE", "DatagramEndpoint")

DEFAULT_QUEUE_LIMIT = 1_048_576
"""How many bytes may be queued before further datagrams are dropped."""

RECEIVES_AT_ONCE = 64
"""How many datagrams are received before others on the event base have their turn."""

# Whatever is wrong is found out by trying.
_TRY_TO_RECEIVE = READABLE | FAULTY | NUMBER_CLOSED
_TRY_TO_SEND = WRITABLE | FAULTY | NUMBER_CLOSED


class DatagramEndpoint(SendingEndpoint, Multicast, WithOptions, PythonEndpointNames):
    """A datagram socket on an event base, and the queue of what is to be sent from it.

    `open_datagrams` and `adopt_datagrams` make endpoints. An endpoint belongs to its event base's
    thread, and owns its socket. Groups are joined and left as with a `DatagramSocket`.

    Args:
        event_base: Who calls it.
        protocol: Whom it calls, see `DatagramProtocol`.
        delivery: How datagrams are delivered, ``"one"`` or ``"many"`` at a time.
        size: The most bytes of a datagram. Default: all fit. See
            `DatagramProtocol.truncated_received`.
        high_water: The queue's size in bytes above which the protocol is asked to pause writing. A
            datagram counts 64 bytes more than it has.
        low_water: The size at which it is told to resume. Default: a quarter of `high_water`.
        queue_limit: The size above which what is sent is dropped.
        idle_timeout: Seconds without anything received or sent, after which the endpoint is
            aborted; None for no limit.
        context: The context that the protocol is called in. Default: none in particular.

    Attributes:
        event_base: Who calls the endpoint.
        remote_name: The name of the peer, an `Endpoint` or a `LocalAddress`; None where there is
            none, or its name is still being looked up.
        received: How many datagrams have come from the system.
        sent: How many the system has taken.
        dropped: How many were dropped, since the queue was full.
        failed: How many could not be sent, which `error_received` was told.
    """

    __slots__ = ()

    # Once more, for type checkers that want it in each class.
    event_base: EventBase
    remote_name: AnyName
    received: int
    sent: int
    dropped: int
    failed: int

    def __init__(
        self,
        event_base: EventBase,
        protocol: DatagramProtocolLike,
        *,
        delivery: DatagramDelivery = "one",
        size: int | None = None,
        high_water: int = 65_536,
        low_water: int | None = None,
        queue_limit: int = DEFAULT_QUEUE_LIMIT,
        idle_timeout: float | None = None,
        context: Context | None = None,
    ) -> None:
        taker = self._check_protocol(protocol, delivery)
        super().__init__(-1)
        self.event_base = event_base
        self._context = context
        self._state = OPENING
        self._socket = None
        self._cancel_opening = None
        self.remote_name = None
        self._local_name = self._where = None
        self._has_peer = False
        self._multicast_interface = None
        self._error = None
        self._untold = []
        # Receiving.
        self.received = 0
        self._is_reading = self._is_paused = False
        self._takes_plainly = False
        self._size = None if size is None else check_buffer_size(size)
        self._family = -1
        # Sending.
        self.sent = self.dropped = self.failed = 0
        self._queue = DatagramQueue()
        self._plain_family = -1
        self._is_waiting_to_send = self._writing_is_paused = False
        self._back_off = BackOff(first=0.001, factor=2.0, last=0.05)
        self._retry = self._close_limit = None
        self._queue_limit = check_count("queue_limit", queue_limit, least=0)
        self.set_water_marks(high_water, low_water)
        self._set_protocol(protocol, delivery, taker)
        self._received_at = self._sent_at = 0.0
        self._limits = None
        self.set_timeouts(idle=idle_timeout)

    # -- settings --------------------------------------------------------------------------------

    def set_protocol(
        self, protocol: DatagramProtocolLike, delivery: DatagramDelivery | None = None
    ) -> None:
        """Call another protocol from now on; it may be done at any time, also inside a callback.

        Args:
            protocol: Whom to call.
            delivery: How to deliver to it. Default: as before.

        Raises:
            TypeError: It lacks the method that datagrams are delivered to, or has one that cannot
                be called.
            ValueError: There is no such delivery.
        """
        delivery = delivery or self._delivery
        self._set_protocol(protocol, delivery, self._check_protocol(protocol, delivery))

    def _check_protocol(self, protocol: DatagramProtocolLike, delivery: DatagramDelivery) -> str:
        """Return what datagrams are delivered to; see `check_datagram_protocol`.

        A shell whose protocols are not only ours overrides it.
        """
        return check_datagram_protocol(protocol, delivery)

    def _set_protocol(
        self, protocol: DatagramProtocolLike, delivery: DatagramDelivery, taker: str
    ) -> None:
        self._caller = ProtocolCaller(protocol, self._context)
        self._delivery = delivery
        self._take_in = self._caller.method(taker)

    def set_water_marks(self, high: int, low: int | None = None) -> None:
        """Set the sizes of the queue, in bytes, at which the protocol is to pause and to resume.

        Raises:
            TypeError, ValueError: They are no integers, or not ``0 <= low <= high``.
        """
        self._high_water, self._low_water = check_water_marks(high, low)

    def set_timeouts(self, *, idle: float | None = None) -> None:
        """Set the time limit anew, in seconds from now; None is no limit.

        Raises:
            TypeError, ValueError: It is not a positive number.
        """
        if self._state == CLOSED:
            return
        limits = self._limits
        if limits is None and idle is not None:
            limits = TimeLimits(self.event_base, self._active_since, self._time_is_up)
        if limits is not None:
            limits.set(idle=idle)
            self._limits = limits or None
            self._choose_way()
        self._received_at = self._sent_at = self.event_base.now()

    def _active_since(self, which: str) -> float:
        return max(self._received_at, self._sent_at)

    def _descriptor_with_options(self, operation: str) -> DatagramDescriptor:
        try:
            return self._descriptor
        except SocketClosed as error:
            error.operation = operation
            raise

    def _option_was_set(self, name: str, value: object) -> None:
        if self._socket is not None:
            self._socket._option_was_set(name, value)
            self._choose_ways(self._socket)

    def _choose_ways(self, socket: DatagramSocket) -> None:
        """Find out whether sending and receiving are no more than a call, as they mostly are."""
        self._takes_plainly = self._family != AF_UNIX and not socket._room and self._size is None
        self._choose_way()

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def descriptor(self) -> DatagramDescriptor | None:
        """The socket's descriptor; None if there is none."""
        return None if self._socket is None else self._socket._descriptor

    def fileno(self) -> int:
        """Return the number of the descriptor, or -1 if there is none."""
        return -1 if self._socket is None else self._socket.fileno()

    @property
    def local_name(self) -> AnyName:
        """The name that the endpoint is bound to; None before it is open.

        It is remembered when the endpoint is closed. One that was bound to nothing gets a name when
        it sends something.
        """
        if self._local_name is not None or self._socket is None:
            return self._local_name
        return self._socket.local_name

    @property
    def is_open(self) -> bool:
        """Whether the endpoint is there, and is not being closed."""
        return self._state == OPEN

    @property
    def is_closing(self) -> bool:
        """Whether the endpoint is closed, or is being closed."""
        return self._state >= CLOSING

    @property
    def buffered_output(self) -> int:
        """How many bytes are queued, and 64 for each datagram."""
        return self._queue.size

    # -- the beginning, and another one ----------------------------------------------------------

    def _begin_opening(self, cancel: Callable[[], object], address: object, has_peer: bool) -> None:
        """Take note of how to give up opening, should the endpoint be closed before."""
        self._cancel_opening = cancel
        self._where = address
        self._has_peer = has_peer

    def _attach(self, socket: DatagramSocket) -> None:
        """Begin, on a socket that nobody else has, which the endpoint owns from now on."""
        if self._state == CLOSED:  # meanwhile
            socket.close()
            return
        self._cancel_opening = None
        self._take_socket(socket)
        descriptor = socket._descriptor
        self._has_peer = socket.is_connected
        self.remote_name = socket.remote_name if self._has_peer else None
        self._local_name = socket._local_name
        self._where = descriptor.where
        self._receive, self._send = descriptor.bare_receive_from, descriptor.bare_send_to
        self._family = descriptor.family
        self._received_at = self._sent_at = self.event_base.now()
        if self._state == CLOSING:  # there is only something to be sent
            self._flush()
            return
        self._state = OPEN
        self._choose_ways(socket)
        try:
            call_plainly(self._caller.nested_method("connection_made"), self)
        except Exception as error:
            self.event_base._tell_exception(error, self)
            self._lose(error)
        finally:
            if self._socket is not None:
                self._tell_postponed()
                self._flush()
            self._start_reading()

    def detach(self) -> DatagramSocket:
        """Take the socket out of the endpoint, which is closed then, to block on it.

        Nothing more is called, `connection_lost` neither. What has not been received yet is still
        there to be received. Of the errors that were not told yet, the socket tells the first.

        Raises:
            NotConnected: The endpoint is not open.
            ValueError: Something is queued, for which a socket has no place.
        """
        if self._state != OPEN or self._socket is None or self._socket.closed:
            raise NotConnected(operation="detach", address=self._where)
        if self._queue.size:
            raise ValueError(
                f"{len(self._queue)} datagrams are queued: resume_writing() tells when they are not"
            )
        socket = self._release_socket()
        assert socket is not None
        self._lose(None, tell=False)
        socket._descriptor.postponed += self._untold[:1]
        self._untold.clear()
        return socket

    # -- receiving -------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Deliver nothing until `resume_reading`. What comes waits in the system, and then is lost.

        Errors of earlier datagrams wait, too, unless something is being sent.
        """
        self._is_paused = True
        if self._is_reading:
            self._is_reading = False
            self._update_interest()

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        self._is_paused = False
        self._start_reading()

    def _start_reading(self) -> None:
        if self._state == OPEN and not self._is_paused and not self._is_reading:
            self._is_reading = True
            self._update_interest()

    def _handle_ready(self) -> None:
        """Receive and deliver what has come, as long as it is not too much; then send what fits."""
        base = self.event_base
        base._fired = True
        base._callbacks += 1
        events = self._events
        if events & (FAULTY | HUNG_UP):
            self._tell_reports()
            if events & HUNG_UP:  # somebody else has shut the socket down
                self._lose(SocketClosed(operation="receive", address=self._where))
        if self._is_reading and events & _TRY_TO_RECEIVE:
            self._received_at = base._iteration_time
            if self._takes_plainly and self._delivery == "one":
                self._receive_each()
            else:
                self._receive_several()
        if self._is_waiting_to_send and events & _TRY_TO_SEND:
            self._flush()

    def _receive_each(self) -> None:
        """Receive datagrams and deliver each; what a busy server does all the time.

        `_receive_several` is the same for what is not as usual.
        """
        receive, family, take_in = self._receive, self._family, self._take_in
        count = 0
        try:
            for _ in range(RECEIVES_AT_ONCE):
                try:
                    data, sockaddr = receive(RECEIVE_BYTES)
                except BlockingIOError:
                    break
                except OSError as error:
                    self._receiving_failed(error)
                else:
                    count += 1
                    sender = Sender()  # what `sender_of` does, without a call
                    sender._sockaddr = sockaddr
                    sender._family = family
                    sender._control = sender._name = None
                    try:
                        result = take_in(data, sender)
                        if result is not None:
                            check_result(result, take_in)
                    except Exception as error:
                        self._delivery_failed(error, sender)
                # A callback may have changed any of it; what is left is still there.
                if not (self._is_reading and self._takes_plainly and self._take_in is take_in):
                    break
        finally:
            self.received += count

    def _receive_several(self) -> None:
        """Receive datagrams, and deliver them one by one, or all of them in one."""
        batch: list[Received[bytes]] = []
        take_in = self._take_in
        for _ in range(RECEIVES_AT_ONCE):
            received = failure = None
            try:
                received = self._receive_one()
            except OSError as error:
                failure = error
            if received is not None:
                self.received += 1
                if self._delivery == "many" and not received.truncated:
                    batch.append(received)
                    continue
            if batch:  # first what has come before
                self._deliver(batch[0].sender, batch)
                batch = []
                if self._state != OPEN:
                    return
            if failure is not None:
                self._receiving_failed(failure)
            elif received is None:
                return
            elif not received.truncated:
                self._deliver(received.sender, *received)
            else:
                self._call("truncated_received", *received)
            if not (self._is_reading and self._take_in is take_in):
                return  # a callback has changed something; what is left is still there
        if batch:
            self._deliver(batch[0].sender, batch)

    def _receive_one(self) -> Received[bytes] | None:
        assert self._socket is not None
        if not self._takes_plainly:
            return self._socket._receive_now(self._size)
        try:
            data, sockaddr = self._receive(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        return Received((data, sender_of(sockaddr, self._family)))

    def _deliver(self, sender: Sender, *what: Any) -> None:
        try:
            call_plainly(self._take_in, *what)
        except Exception as error:
            self._delivery_failed(error, sender)

    def _delivery_failed(self, error: Exception, sender: object) -> None:
        error.add_note(f"when a datagram had come from {sender}")
        self.event_base._tell_exception(error, self)

    def _receiving_failed(self, error: OSError) -> None:
        """Tell the protocol, or end the endpoint if there is nothing to receive from any more."""
        if not isinstance(error, SocketError):
            error = self._descriptor.failure_or_report(error, "receive")
        if isinstance(error, SocketClosed | NotASocket):
            self._lose(error)
        else:
            self._call("error_received", error)

    def _tell_reports(self) -> None:
        """Tell what the system has in its queue of errors, and wakes us for."""
        for _ in range(RECEIVES_AT_ONCE):
            report = None if self._socket is None else self._descriptor.take_report("send")
            if report is None:
                return
            self._call("error_received", report)

    def __repr__(self) -> str:
        name = self.local_name
        here = "" if name is None else f" {name}"
        there = "" if self.remote_name is None else f" to {self.remote_name}"
        return f"<DatagramEndpoint{here}{there}, {STATES[self._state]}>"
