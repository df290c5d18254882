"""The transport: a connected stream on an event base, which calls a protocol for what happens.

The contract, which the callbacks of whatever shell stands on it can rely on:

* `write`, `close` and `abort` raise no error of the connection's and call no callback, but for
  `pause_writing`. What was given to `write` may be changed as soon as it returns.
* A write is tried at once when nothing is queued. Inside a callback for something received, writes
  are gathered, and leave in one piece when it returns.
* `pause_writing` is called by the very `write` that takes the queue above the high-water mark, and
  `resume_writing` once it is down to the low-water mark.
* Input is delivered as bytes, as text, line by line, or into a buffer of the protocol's. Nothing is
  delivered while reading is paused, which may be done at any time, also inside a callback.
* End of file is one callback; what it returns says whether the writing half stays open.
* `connection_lost` is called exactly once, never from inside another call, and nothing is called
  after it. Its argument is None or the error that ended the connection.
* An exception raised by a callback goes to the event base's `exception_handler`, and ends the
  connection, and that connection only.
"""

import contextlib
from collections.abc import Callable
from contextvars import Context
from typing import Any

from .._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from .._core.output_queue import OutputQueue
from .._core.text_writer import TextWriter
from .._core.uncopied import Uncopied
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import NO_SIGNAL, SocketDescriptor
from ..errors import NotConnected, SocketClosed, SocketError, StreamError, TimedOut
from ..sockets.active_socket import ActiveSocket
from ..streams.stream import DEFAULT_LIMIT
from .delivery import Delivery, DeliveryForm, InputFailed, make_delivery
from .event_base import RECEIVE_BYTES, EventBase
from .handlers import Cause, Event, HandlerCallback
from .lingering import linger
from .protocol_caller import ProtocolCaller
from .time_limits import TimeLimits

__all__ = ("DEFAULT_HIGH_WATER", "Transport")

DEFAULT_HIGH_WATER = 65_536
"""How many bytes may be queued before the protocol is asked to pause writing."""


# How far a transport has come: plain integers, since those of an enumeration cost more to compare.
_CONNECTING = 0  # there is no connection yet; what is written is queued
_OPEN = 1
_CLOSING = 2  # what is queued is still being sent; nothing more is delivered
_CLOSED = 3  # the descriptor is gone, and the protocol has been told, or is about to be
_STATES = ("connecting", "open", "closing", "closed")


class Transport(Uncopied):
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
        local_name: The name of this end; None before it is connected.
        descriptor: The connection's descriptor, for socket options; None if there is none.
    """

    # An instance of so many attributes would otherwise be slow, and twice as large.
    __slots__ = """
        __weakref__ _caller _cancel_connecting _context _delivery _eof_seen _eof_told _eof_wanted
        _error _external_format _form _has_more _high_water _is_delivering _is_delivery_due _is_held
        _is_paused _is_reading _is_waiting_to_write _limits _line_limit _low_water _queue _read_at
        _receive _send _state _take_in _unread _where _writer _writing_is_paused _written_at
        descriptor event_base interrupted local_name remote_name
    """.split()  # noqa: SIM905 - one name a line would take a page

    def __init__(
        self,
        event_base: EventBase,
        protocol: Any,
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
        self.event_base = event_base
        self._context = context
        self._delivery: Delivery = delivery
        self._state = _CONNECTING
        self.descriptor: SocketDescriptor | None = None
        self._cancel_connecting: Callable[[], None] | None = None
        self.remote_name: Any = None
        self._where: object = None  # what errors call the peer
        self.local_name: Any = None
        # Reading.
        self.interrupted = False  # a callback has changed how, or whether, to go on delivering
        self._is_paused = False
        self._is_reading = False  # the read handler is registered
        self._is_delivering = False  # the protocol is being called for something received
        self._eof_seen = False
        self._eof_told = False  # the protocol knows
        self._unread = b""  # received, and not given to the form of delivery
        self._has_more = False  # the form has more to deliver, and was interrupted
        self._is_delivery_due = False  # a deferred call will go on with that
        # Writing.
        self._queue = OutputQueue()
        self._is_waiting_to_write = False  # the write handler is registered
        self._is_held = False  # nothing is to be sent
        self._writing_is_paused = False  # the protocol has been asked to pause
        self._eof_wanted = False  # the writing half is to be ended after the queue
        self._error: Exception | None = None
        self.set_water_marks(high_water, low_water)
        self.set_protocol(protocol)
        self._external_format = ensure_external_format(external_format)
        self._writer = TextWriter(self._external_format)
        self._line_limit = line_limit
        self._form: DeliveryForm = make_delivery(delivery, self, self._external_format, line_limit)
        self._read_at = self._written_at = 0.0
        self._limits: TimeLimits | None = None  # until there are any
        self.set_timeouts(idle=idle_timeout, read=read_timeout, write=write_timeout)

    # -- settings --------------------------------------------------------------------------------

    @property
    def protocol(self) -> Any:
        """Whom the transport calls."""
        return self._caller.protocol

    def set_protocol(self, protocol: Any) -> None:
        """Call another protocol from now on; it may be done at any time, also inside a callback."""
        self._caller = ProtocolCaller(protocol, self._context)
        self.interrupted = True
        self._choose_intake()

    def callback(self, name: str) -> Callable[..., Any]:
        """Return a method of the protocol's, that is called in the transport's context."""
        return self._caller.method(name)

    def _choose_intake(self) -> None:
        """Find out what is called with what is received, so that not each read has to."""
        is_bytes = self._delivery == "bytes"
        self._take_in = self.callback("data_received") if is_bytes else self._deliver

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
            ValueError: There is no such form; or a part of what was received has been decoded, in a
                format that does not mix with bytes.
        """
        new_format = ensure_external_format(external_format or self._external_format)
        limit = self._line_limit if line_limit is None else line_limit
        form = make_delivery(delivery, self, new_format, limit)
        self._unread = self._form.take_back() + self._unread
        if external_format is not None:
            self._end_text()
            self._writer = TextWriter(new_format)
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
            ValueError: They are not ``0 <= low <= high``.
        """
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(f"the water marks are 0 <= low <= high, not {low} and {high}")
        self._high_water, self._low_water = high, low

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
        if self._state != _CLOSED:
            limits = self._limits
            if limits is None and (idle, read, write) != (None, None, None):
                limits = TimeLimits(self.event_base, self._active_since, self._time_is_up)
            if limits is not None:
                limits.set(idle=idle, read=read, write=write)
                self._limits = limits or None
            self._read_at = self._written_at = self.event_base.now()

    # -- looking at it ---------------------------------------------------------------------------

    def fileno(self) -> int:
        """Return the number of the descriptor, or -1 if there is none."""
        return -1 if self.descriptor is None else self.descriptor.number

    @property
    def is_connected(self) -> bool:
        """Whether the connection is there, and is not being closed."""
        return self._state == _OPEN

    @property
    def is_closing(self) -> bool:
        """Whether the connection is closed, or is being closed."""
        return self._state >= _CLOSING

    @property
    def buffered_output(self) -> int:
        """How many bytes are queued."""
        return self._queue.size

    # -- the beginning ---------------------------------------------------------------------------

    def connecting(self, cancel: Callable[[], None], address: object) -> None:
        """Take note of how to give up connecting, should the transport be closed before.

        Args:
            cancel: Called without arguments, once at most.
            address: What errors call the peer that is not there yet.
        """
        self._cancel_connecting = cancel
        self._where = address

    def attach(
        self,
        descriptor: SocketDescriptor,
        remote_name: Name,
        *,
        unread: bytes = b"",
        unsent: bytes = b"",
    ) -> None:
        """Begin, on a connected descriptor, which the transport owns from now on.

        Args:
            descriptor: The connection.
            remote_name: The peer's name.
            unread: Bytes that were received, and are to be delivered first.
            unsent: Bytes that are to be sent, after what is queued.
        """
        if self._state != _CONNECTING:  # it has been closed meanwhile
            descriptor.close()
            return
        if unsent:
            self._queue.append(unsent)
        self._cancel_connecting = None
        self.descriptor = descriptor
        self.remote_name = self._where = descriptor.where = remote_name
        with contextlib.suppress(SocketError):
            self.local_name = descriptor.local_name()
        self._receive = descriptor.bare_receive
        self._send = _send_later if self._is_held else descriptor.bare_send
        self._state = _OPEN
        self._unread = unread
        self._read_at = self._written_at = self.event_base.now()
        try:
            self._call("connection_made", self)
        finally:
            if self._queue.size or self._eof_wanted:
                self._flush()
            self._start_reading()
            self._deliver_soon()

    def fail(self, error: Exception) -> None:
        """End a transport that could not be connected."""
        self._lose(error)

    def detach(self) -> ActiveSocket:
        """Take the connection out of the transport, which is closed then, as a blocking socket.

        What was received and not delivered, and what is queued, goes along. Nothing more is called,
        `connection_lost` neither.

        Raises:
            NotConnected: There is no connection, or it is being closed.
            ValueError: The writing half has been ended; or text has been decoded and not been
                delivered, in a format that does not mix with bytes.
        """
        if self._state != _OPEN or self.descriptor is None:
            raise NotConnected(operation="detach", address=self._where)
        if self._eof_wanted:
            raise ValueError("the writing half of the connection has been ended by write_eof()")
        unread = self._form.take_back() + self._unread
        unsent = self._queue.take_all() + self._writer.finish()
        descriptor = self.descriptor
        self._remove_handlers(descriptor)
        with descriptor.reading, descriptor.writing:
            heir = descriptor.transfer()
        self.descriptor = None
        self._lose(None, tell=False)
        socket = ActiveSocket(
            heir, remote_name=self.remote_name, external_format=self._external_format
        )
        socket.attach(unread, unsent)
        return socket

    # -- reading ---------------------------------------------------------------------------------

    def pause_reading(self) -> None:
        """Deliver nothing until `resume_reading`, not even what has been received already."""
        self._is_paused = True
        self.interrupted = True
        self._stop_reading()

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        if self._is_paused:
            self._is_paused = False
            self._start_reading()
            self._deliver_soon()

    def _start_reading(self) -> None:
        is_wanted = self._state == _OPEN and not (
            self._is_paused or self._eof_seen or self._unread or self._has_more or self._is_reading
        )
        if is_wanted and self._watch("read", self._on_readable):
            self._is_reading = True
            self._read_at = self.event_base.now()

    def _stop_reading(self) -> None:
        if self._is_reading:
            self.event_base.remove_fd_handlers(self.descriptor, read=True)
            self._is_reading = False

    def _on_readable(self, number: int, event: Event, cause: Cause | None) -> None:
        """Receive, and deliver.

        A busy server does little else. So what is usual is done here and in `_flush`, without
        calling anything of ours; `_received` and `_delivering` are the same for what is not.
        """
        if self._delivery == "buffer":
            self._receive_into_buffer()
            return
        try:
            data = self._receive(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._broken(error, "receive")
            return
        if not data:
            self._on_eof()
            return
        self._read_at = self.event_base.iteration_time
        self._is_delivering = True
        try:
            self._take_in(data)
        except Exception as error:
            self._callback_failed(error)
        finally:
            self._is_delivering = False
            if self._queue.size and not self._is_waiting_to_write:
                self._flush()

    def _receive_into_buffer(self) -> None:
        """Receive into the protocol's own buffer."""
        assert self.descriptor is not None
        try:
            buffer = self.callback("get_buffer")(RECEIVE_BYTES)
            if self._is_paused or self._state != _OPEN:
                return
            if not len(buffer):
                raise ValueError("get_buffer() has returned an empty buffer")
            count = self.descriptor.receive_into(buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self._broken(error, "receive")
            return
        except Exception as error:
            self._callback_failed(error)
            return
        if count:
            self._read_at = self.event_base.now()
            self._delivering(self.callback("buffer_updated"), count)
        else:
            self._on_eof()

    def _received(self, data: bytes) -> None:
        """Deliver what has been received."""
        self._read_at = self.event_base.iteration_time
        self._delivering(self._take_in, data)

    def _delivering(self, function: Callable[..., Any], *args: Any) -> None:
        """Call the protocol for something received, and send afterwards what it has written."""
        self._is_delivering = True
        try:
            function(*args)
        except Exception as error:
            self._callback_failed(error)
        finally:
            self._is_delivering = False
            if self._queue.size and not self._is_waiting_to_write:
                self._flush()

    def _deliver(self, data: bytes, final: bool = False) -> None:
        """Deliver in the form that was chosen; the rest, if there is one, comes a little later."""
        self.interrupted = False
        form = self._form
        self._has_more = True  # unless we get to know better: a callback may raise anything
        try:
            has_more = form.finish() if final else form.deliver(data)
            self._has_more = has_more and self._form is form
        except InputFailed as failure:
            self._input_failed(failure.error)
        finally:
            if self._has_more or self._unread:
                self._deliver_soon()

    def _input_failed(self, error: StreamError) -> None:
        error.address = self.remote_name
        self.pause_reading()
        if hasattr(self.protocol, "input_failed"):
            self.callback("input_failed")(self, error)
        else:
            self.close_with(error)

    def _deliver_soon(self) -> None:
        """Have what was received before delivered, outside of any callback, and before all else."""
        self.interrupted = True
        is_due = self._unread or self._has_more or (self._eof_seen and not self._eof_told)
        if not is_due or self._state != _OPEN or self.event_base.closed:
            return
        self._stop_reading()
        if not self._is_delivery_due:
            self._is_delivery_due = True
            self.event_base.call_soon(self._deliver_unread)

    def _deliver_unread(self) -> None:
        self._is_delivery_due = False
        if self._is_paused or self._state != _OPEN:
            return
        if self._unread or self._has_more:
            data, self._unread = self._unread, b""
            try:
                self._received(data)
            finally:
                self._start_reading()
                self._deliver_soon()
        elif self._eof_seen:
            self._deliver_eof()
        else:
            self._start_reading()

    def _on_eof(self) -> None:
        if self.descriptor is None or self.descriptor.is_closed:  # it looks the same from here
            self._lose(SocketClosed(operation="receive", address=self._where))
            return
        self._eof_seen = True
        self._stop_reading()
        self._deliver_eof()

    def _deliver_eof(self) -> None:
        """Deliver the last line, or the last of the text, and then the end."""
        self._delivering(self._deliver, b"", True)
        if self._eof_told or self._is_paused or self._unread or self._has_more:
            return
        if self._state != _OPEN:
            return
        self._eof_told = True
        stays_open = False
        try:
            stays_open = self._call("eof_received")
        finally:
            if not stays_open or self._eof_wanted:
                self.close()

    # -- writing ---------------------------------------------------------------------------------

    def write(self, data: Any) -> None:
        r"""Write bytes, or text; see the contract at the top of this module.

        What is written after the connection is lost, or closed, is dropped.

        Args:
            data: Any object with bytes; or text, in which each ``"\n"`` becomes a newline of the
                external format.

        Raises:
            TypeError: It is neither bytes nor text.
            UnicodeEncodeError: The text cannot be written in the external format.
            ValueError: The writing half has been ended by `write_eof`.
        """
        if type(data) is not bytes:
            data = self._as_bytes(data)
        if self._eof_wanted:
            raise ValueError("the writing half of the connection has been ended by write_eof()")
        if not data or self._state >= _CLOSING:
            return
        queue = self._queue
        if queue.size or self._is_delivering or self._state == _CONNECTING:
            queue.pieces.append(data)
            queue.size += len(data)
        else:
            self._write_at_once(data)
        if queue.size > self._high_water and not self._writing_is_paused:
            self._writing_is_paused = True
            try:
                self._caller.nested_method("pause_writing")()
            except Exception as error:
                self._callback_failed(error)

    def _as_bytes(self, data: Any) -> bytes:
        # A copy, not a view: the caller may change what it has given to us.
        return self._writer.encode(data) if isinstance(data, str) else bytes(memoryview(data))

    def _write_at_once(self, data: bytes) -> None:
        try:
            sent = self._send(data, NO_SIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._broken(error, "send")
            return
        self._written_at = self.event_base.now()
        if sent < len(data):
            self._queue.append(memoryview(data)[sent:])
            self._wait_to_write()

    def writelines(self, pieces: Any) -> None:
        """Write several pieces, which leave in one if they can; see `write`.

        If one of them cannot be written, those before it are.
        """
        ready: list[bytes] = []
        try:
            ready.extend(map(self._as_bytes, pieces))
        finally:
            self.write(b"".join(ready))

    def write_eof(self) -> None:
        """End the writing half after what is queued. May be repeated."""
        if self._eof_wanted or self._state >= _CLOSING:
            return
        self._end_text()
        self._eof_wanted = True
        if self._state == _OPEN and not self._queue.size:
            self._end_writing()

    def _end_text(self) -> None:
        """Bring an encoding with state back to where it began."""
        if not self._eof_wanted and (rest := self._writer.finish()):
            self.write(rest)

    def hold_output(self) -> None:
        """Send nothing until `release_output`: what is written is queued, and waits.

        The limit on writing does not count meanwhile. Closing in good order waits, too.
        """
        self._is_held = True
        self._send = _send_later
        if self._is_waiting_to_write:
            self.event_base.remove_fd_handlers(self.descriptor, write=True)
            self._is_waiting_to_write = False

    def release_output(self) -> None:
        """Undo `hold_output`. What is queued is sent a little later."""
        if not self._is_held:
            return
        self._is_held = False
        if self.descriptor is not None:
            self._send = self.descriptor.bare_send
            if self._queue.size:
                self._wait_to_write()

    def _wait_to_write(self) -> None:
        if self._is_held:
            return
        if not self._is_waiting_to_write and self._watch("write", self._on_writable):
            self._is_waiting_to_write = True
            self._written_at = self.event_base.now()  # from here the limit counts

    def _on_writable(self, number: int, event: Event, cause: Cause | None) -> None:
        self._flush()

    def _flush(self) -> None:
        """Send what is queued, as far as it goes; then do what was waiting for that."""
        if self.descriptor is None:
            return
        queue = self._queue
        while queue.size:
            pieces = queue.pieces
            batch = pieces[0] if len(pieces) == 1 else queue.batch()
            try:
                sent = self._send(batch, NO_SIGNAL)
            except BlockingIOError:
                break
            except OSError as error:
                self._broken(error, "send")
                return
            self._written_at = self.event_base.iteration_time
            if sent == queue.size:
                pieces.clear()
                queue.size = 0
                break
            queue.sent(sent)
            if sent < len(batch):
                break
        if queue.size:
            self._wait_to_write()
        elif self._is_waiting_to_write:
            self.event_base.remove_fd_handlers(self.descriptor, write=True)
            self._is_waiting_to_write = False
        try:
            if self._writing_is_paused and queue.size <= self._low_water:
                self._writing_is_paused = False
                if self._state == _OPEN:
                    self._call("resume_writing")
        finally:
            if not queue.size and (self._eof_wanted or self._state != _OPEN):
                self._on_everything_sent()

    def _on_everything_sent(self) -> None:
        if self._state == _CLOSING:
            self._finish()
        elif self._state == _OPEN and self._eof_wanted:
            self._end_writing()

    def _end_writing(self) -> None:
        assert self.descriptor is not None
        try:
            self.descriptor.shutdown(write=True)
        except SocketError as error:
            self._lose(error)
            return
        if self._eof_told:
            self.close()  # neither half is left

    # -- time limits -----------------------------------------------------------------------------

    def _active_since(self, which: str) -> float | None:
        if which == "idle":
            return max(self._read_at, self._written_at)
        if which == "write":
            return self._written_at if self._is_waiting_to_write else None
        return self._read_at if self._is_reading or self._state == _CONNECTING else None

    def _time_is_up(self, which: str) -> None:
        if not self._call("timed_out", which):
            self._lose(TimedOut.expired(which, self._where))

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what is queued, and close. Nothing more is delivered. May be repeated."""
        self.close_with(None)

    def close_with(self, error: Exception | None) -> None:
        """The same, with an error to give to `connection_lost`."""
        if self._state >= _CLOSING:
            return
        if self._state == _CONNECTING:
            self._lose(error)
            return
        if not self._eof_wanted and (rest := self._writer.finish()):
            self._queue.append(rest)
        self._error = error
        self._state = _CLOSING
        self.interrupted = True
        self._unread = b""
        self._stop_reading()
        if not self._queue.size:
            self._finish()
        elif not (self._is_waiting_to_write or self._is_delivering):
            self._flush()

    def abort(self, *, reset: bool = False) -> None:
        """Drop what is queued, and close now. May be repeated.

        Args:
            reset: Reset the connection, so that the peer notices at once.
        """
        if reset and self.descriptor is not None:
            self.descriptor.reset_on_close()
        self._lose(None)

    def _finish(self) -> None:
        """Close in good order, now that everything is sent."""
        descriptor, self.descriptor = self.descriptor, None
        assert descriptor is not None
        self._remove_handlers(descriptor)
        if self._eof_seen:
            descriptor.close()
        else:
            linger(self.event_base, descriptor)
        self._lose(self._error)

    def _broken(self, error: OSError, operation: str) -> None:
        """End a connection for which a system call has failed."""
        if self.descriptor is not None:
            error = self.descriptor.failure(error, operation)
        self._lose(error)

    def _lose(self, error: Exception | None, *, tell: bool = True) -> None:
        """Close at once, and tell the protocol a little later."""
        if self._state == _CLOSED:
            return
        self._state = _CLOSED
        self.interrupted = True
        self._unread = b""
        self._queue.clear()
        if self._limits is not None:
            self._limits.stop()
        cancel, self._cancel_connecting = self._cancel_connecting, None
        if cancel is not None:
            cancel()
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            self._remove_handlers(descriptor)
            descriptor.close()
        if tell and not self.event_base.closed:
            self.event_base.call_soon(self._call, "connection_lost", error)

    def _watch(self, event: Event, callback: HandlerCallback) -> bool:
        """Set a handler; return whether that worked.

        An event base that is closed, or that cannot take another descriptor, is this connection's
        trouble, and not that of whoever has called.
        """
        try:
            self.event_base.set_io_handler(self.descriptor, event, callback)
        except SocketError as error:
            self._lose(error)
            return False
        return True

    def _remove_handlers(self, descriptor: SocketDescriptor) -> None:
        if self._is_reading or self._is_waiting_to_write:
            self.event_base.remove_fd_handlers(descriptor)
        self._is_reading = self._is_waiting_to_write = False

    # -- calling the protocol --------------------------------------------------------------------

    def _call(self, name: str, *args: Any) -> Any:
        """Call the protocol; an exception of its ends the connection, and goes no further."""
        try:
            return self.callback(name)(*args)
        except Exception as error:
            self._callback_failed(error)
            return None

    def _callback_failed(self, error: Exception) -> None:
        try:
            self.event_base.exception_handler(error, self)
        finally:
            self._lose(error)

    def __repr__(self) -> str:
        name = "" if self.remote_name is None else f" {self.remote_name}"
        return f"<Transport{name}, {_STATES[self._state]}>"


def _send_later(data: Any, flags: int = 0) -> int:
    """Stands for the descriptor's `send` while output is held."""
    raise BlockingIOError
