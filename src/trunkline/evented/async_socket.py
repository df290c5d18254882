"""The socket of the callback shell: a connection, its callbacks, and what the application adds.

Whatever happens to a socket ends it, be it an error or end of file. It is told once, to the
socket's `event_cb`. Inside that the socket may still be closed, and after it the socket is closed
in any case. What goes wrong later, while the rest of the output is being sent, is told to the
loop's default event handler.

A callback that raises something ends its socket, too, once the loop has dealt with the exception.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias, TypedDict

from .._core.buffers import Buffer, bytes_of
from .._core.callbacks import check_callback_or_none
from .._core.deadline import check_timeout
from .._core.external_format import ExternalFormatLike, ensure_external_format
from .._core.text_writer import TextWriter, make_text_writer
from .._printable import printable
from .._sys.sockaddr import AnyName
from ..errors import AlreadyConnected, ConnectionInProgress, SocketClosed, TimedOut
from ..multiplex import EventBase, Transport, TransportProtocol
from .events import Event, EventCallback, EventKind
from .handle import Handle
from .loop import EventLoop
from .python_names import PythonAsyncSocketNames
from .stream import SocketStream

__all__ = (
    "AsyncSocket",
    "BytesCallback",
    "ReadCallback",
    "SocketCallback",
    "SocketOptions",
    "StreamCallback",
)

BytesCallback: TypeAlias = Callable[["AsyncSocket", bytes], object]
"""Called with the socket, and the bytes that have arrived."""

StreamCallback: TypeAlias = Callable[["AsyncSocket", SocketStream], object]
"""Called with the socket, and the stream that has what has arrived."""

ReadCallback: TypeAlias = BytesCallback | StreamCallback
"""Which of the two, `stream` says."""

SocketCallback: TypeAlias = Callable[["AsyncSocket"], object]
"""Called with the socket."""


class SocketOptions(TypedDict, total=False):
    """The keyword arguments that all sockets take."""

    connect_cb: SocketCallback | None
    write_cb: SocketCallback | None
    read_timeout: float | None
    write_timeout: float | None
    drain: bool | None
    external_format: ExternalFormatLike


class AsyncSocket(Handle, PythonAsyncSocketNames):
    """A connection, or one that is being made; `tcp_connect`, `tcp_server` and their like make it.

    It keeps its loop alive until it is closed, unless told otherwise by `unref`. Once it is closed,
    all operations raise `SocketClosed`.

    Attributes:
        data: Whatever the application puts there; None at first.
    """

    _kind: ClassVar[str] = "socket"

    def __init__(
        self,
        read_cb: ReadCallback | None,
        event_cb: EventCallback | None,
        loop: EventLoop | None,
        *,
        stream: bool = False,
        connect_cb: SocketCallback | None = None,
        write_cb: SocketCallback | None = None,
        read_timeout: float | None = None,
        write_timeout: float | None = None,
        drain: bool | None = None,
        external_format: ExternalFormatLike = "utf-8",
        data: Buffer | str | None = None,
    ) -> None:
        super().__init__(event_cb, loop)
        external_format = ensure_external_format(external_format)
        self._writer = make_text_writer(external_format)
        self.data: Any = None
        self._read_cb: ReadCallback | None = None
        self._write_cb: SocketCallback | None = None
        self._connect_cb = connect_cb
        self._set_callbacks(read_cb, write_cb, event_cb, connect_cb)
        self._read_timeout = _check_limit(read_timeout)
        self._write_timeout = _check_limit(write_timeout)
        self._drains = not stream if drain is None else drain
        self._is_stream_wanted = stream
        self._stream: SocketStream | None = None
        if stream or not self._drains:
            self._stream = SocketStream(self, external_format=external_format)
        self._transport: Transport | None = None
        self._target: object = None  # what is being connected to
        self._unsent: list[bytes] = []  # what is written before there is a transport
        self._is_connected = False
        self._is_closed = False
        self._is_full = False  # the stream has so much input that reading has to wait
        self._reads = self._writes = True  # see `enable`
        self._flush_due = False  # the write callback will be called a little later
        self._closes_when_connected = False
        if data is not None:
            self.write(data)

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def stream(self) -> SocketStream | None:
        """The stream that is given to the read callback, if bytes are not."""
        return self._stream

    @property
    def closed(self) -> bool:
        """Whether the socket has been closed, by whomever."""
        return self._is_closed

    @property
    def is_connected(self) -> bool:
        """Whether the connection is there, and is not being closed."""
        return self._transport is not None and self._transport.is_connected

    @property
    def remote_name(self) -> AnyName:
        """The peer, an `Endpoint` or a `LocalAddress`; None before it is connected."""
        return None if self._transport is None else self._transport.remote_name

    @property
    def local_name(self) -> AnyName:
        """This end; None before it is connected."""
        return None if self._transport is None else self._transport.local_name

    @property
    def buffered_output(self) -> int:
        """How many bytes have been written, and not been sent."""
        if self._transport is None:
            return sum(map(len, self._unsent))
        return self._transport.buffered_output

    def fileno(self) -> int:
        """Return the number of the descriptor, or -1 if there is none."""
        return -1 if self._transport is None else self._transport.fileno()

    # -- the beginning ---------------------------------------------------------------------------

    def _for_application(self) -> "AsyncSocket | SocketStream":
        """Return what the application is to have: the socket, or its stream."""
        return self._stream if self._is_stream_wanted and self._stream is not None else self

    def _connect_by(
        self,
        connector: Callable[[EventBase, TransportProtocol], Transport],
        target: object,
        event_cb: EventCallback | None = None,
    ) -> None:
        """Begin to connect; this is for the functions that make sockets.

        Args:
            connector: Returns a transport on the event base, that calls the protocol.
            target: What errors call the peer that is not there yet.
            event_cb: In place of the one that there is.

        Raises:
            SocketClosed: The socket is closed.
            ConnectionInProgress, AlreadyConnected: It has been connected before.
            RuntimeError: The loop has ended, or it is another thread's.
            Whatever the connector raises; the socket is as it was, then.
        """
        self._check_open("connect")
        if self._transport is not None:
            kind = AlreadyConnected if self._is_connected else ConnectionInProgress
            raise kind(operation="connect", address=self._target)
        self._loop._check_usable()
        check_callback_or_none(event_cb, "event", what="event_cb")
        transport = self._transport = connector(self._loop.event_base, _Link(self))
        self._loop._adopt(self)
        self._event_cb = event_cb or self._event_cb
        self._target = target
        if not self._reads:
            transport.pause_reading()
        if not self._writes:
            transport.hold_output()
        self._set_limits()
        for data in self._unsent:
            transport.write(data)
        self._unsent.clear()

    def _protocol(self) -> TransportProtocol:
        """Return what a transport is to call that has been accepted for this socket."""
        return _Link(self)

    def _connection_made(self, transport: Transport) -> None:
        if self._transport is None:  # a server has accepted it
            self._loop._adopt(self)
            self._transport = transport
        self._is_connected = True
        self._set_limits()
        if self._closes_when_connected:
            transport.close()
        else:
            self._call(self._connect_cb, self)

    # -- reading ---------------------------------------------------------------------------------

    def _data_received(self, data: bytes) -> None:
        if self._drains:
            self._call(self._read_cb, self, data)
            return
        assert self._stream is not None
        self._stream._input_buffer.feed(data)
        self._note_input()
        self._call(self._read_cb, self, self._stream)

    def _note_input(self) -> None:
        """Read on or wait, according to how much the stream has; the stream calls this."""
        assert self._stream is not None
        self._is_full = len(self._stream._input_buffer) > self._stream.limit
        self._pause_or_resume()

    def _pause_or_resume(self) -> None:
        if self._transport is None:
            return
        if self._reads and not self._is_full:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _eof_received(self) -> None:
        if self._stream is not None:
            self._stream._input_buffer.feed_eof()
        self._tell(Event(EventKind.EOF, self))
        # The transport closes now, and sends before that what is queued.
        self._release_output()

    # -- writing ---------------------------------------------------------------------------------

    def write(
        self,
        data: Buffer | str,
        *,
        read_cb: ReadCallback | None = None,
        write_cb: SocketCallback | None = None,
        event_cb: EventCallback | None = None,
        enable: bool = True,
    ) -> None:
        r"""Write bytes, or text, and perhaps set callbacks.

        It never waits and raises no error of the connection's. What is written is sent in order; if
        the connection is not there yet, as soon as it is.

        Args:
            data: Text, in which each ``"\n"`` becomes a newline of the external format; or any
                object with bytes, which may be changed afterwards.
            read_cb, write_cb, event_cb: Callbacks from now on, in place of those that the socket
                has; None leaves the one that is there. `write_cb` is called whenever everything
                that was written has been handed to the system, which is when to close after a
                last word.
            enable: Also undo `disable`, for both directions. Say False where you limit one
                direction by the other, as a proxy does.

        Raises:
            SocketClosed: The socket is closed.
            TypeError: The data is neither bytes nor text; or a callback is not callable.
            UnicodeEncodeError: The text cannot be written in the external format.
        """
        self._check_open("write")
        if isinstance(data, str):
            data = self._text_writer().encode(data)
        else:
            data = bytes(bytes_of(data, "what is written is text or"))
        self._set_callbacks(read_cb, write_cb, event_cb)
        if enable and not (self._reads and self._writes):
            self._switch(True, True)
        transport = self._transport
        if transport is None:
            self._unsent.append(data)
            return
        transport.write(data)
        if self._write_cb is not None and transport.is_connected and not transport.buffered_output:
            self._flush_due = True
            self._loop.event_base.call_soon(self._call_if_flushed)

    def _text_writer(self) -> TextWriter:
        """Return what text is written by: the stream's if there is one, for they share the wire."""
        return self._writer if self._stream is None else self._stream._text_writer

    def _set_callbacks(
        self,
        read_cb: ReadCallback | None,
        write_cb: SocketCallback | None,
        event_cb: EventCallback | None,
        *others: SocketCallback | None,
    ) -> None:
        check_callback_or_none(read_cb, "socket", "data", what="read_cb")
        check_callback_or_none(event_cb, "event", what="event_cb")
        for callback in (write_cb, *others):
            check_callback_or_none(callback, "socket", what="a callback")
        self._read_cb = read_cb or self._read_cb
        self._write_cb = write_cb or self._write_cb
        self._event_cb = event_cb or self._event_cb

    def _call_if_flushed(self) -> None:
        """Call the write callback for what was sent at once, so that `write` calls nobody."""
        if self._flush_due and self._writes and not self.buffered_output and self.is_connected:
            self._flushed()

    def _flushed(self) -> None:
        self._flush_due = False
        self._call(self._write_cb, self)

    # -- switches and limits ---------------------------------------------------------------------

    def enable(self, *, read: bool = False, write: bool = False) -> None:
        """Undo `disable` for reading, for writing, or for both. `write` does this by itself.

        Raises:
            SocketClosed: The socket is closed.
        """
        self._check_open("enable")
        self._switch(self._reads or read, self._writes or write)

    def disable(self, *, read: bool = False, write: bool = False) -> None:
        """Stop reading or writing, until `enable`: no callback for it, and no timeout.

        What arrives waits in the system, and in the end with the peer; so does end of file. What is
        written is queued.

        Raises:
            SocketClosed: The socket is closed.
        """
        self._check_open("disable")
        self._switch(self._reads and not read, self._writes and not write)

    def _switch(self, reads: bool, writes: bool) -> None:
        has_changed_reading, has_changed_writing = reads != self._reads, writes != self._writes
        self._reads, self._writes = reads, writes
        if self._transport is None:
            return
        self._pause_or_resume()
        if not writes:
            self._transport.hold_output()
        elif has_changed_writing:
            self._transport.release_output()
            if self._flush_due:
                self._loop.event_base.call_soon(self._call_if_flushed)
        if not self._is_connected and (has_changed_reading or has_changed_writing):
            self._set_limits()

    def set_timeouts(self, read: float | None, write: float | None) -> None:
        """Set both time limits anew, in seconds from now; None is no limit.

        The one on reading is for nothing having arrived, the one on writing for nothing of what is
        queued having been sent. Both limit connecting, too.

        Raises:
            SocketClosed: The socket is closed.
            TypeError, ValueError: One of them is not a positive number.
        """
        self._check_open("set_timeouts")
        self._read_timeout, self._write_timeout = _check_limit(read), _check_limit(write)
        self._set_limits()

    def _set_limits(self) -> None:
        transport = self._transport
        if transport is None:
            return
        if self._is_connected:
            transport.set_timeouts(read=self._read_timeout, write=self._write_timeout)
            return
        # A transport's own limit on writing does not count before there is a connection.
        transport.set_timeouts(
            read=self._read_timeout if self._reads else None,
            idle=self._write_timeout if self._writes else None,
        )

    def _timed_out(self) -> bool:
        """Give the error its name if it was connecting that took too long."""
        if not self._is_connected:
            assert self._transport is not None
            self._transport._lose(TimedOut.expired("connect", self._target))
        return not self._is_connected

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what was written, and close. None of the socket's callbacks is called from now on.

        It waits for nobody: what is queued is sent while the loop runs, if need be when the
        connection is there. May be repeated.
        """
        if self._is_closed:
            return
        self._mark_closed()
        transport = self._transport
        if transport is not None and (rest := self._text_writer().finish()):
            transport.write(rest)
        if transport is None:
            self._unsent.clear()
        elif self._is_connected or not transport.buffered_output:
            self._release_output()
            transport.close()
        else:
            self._release_output()
            self._closes_when_connected = True

    def abort(self) -> None:
        """Drop what was written and not sent, and close now; see `close`. May be repeated."""
        self._mark_closed()
        self._unsent.clear()
        if self._transport is not None:
            self._transport.abort()

    def _close_handle(self) -> None:
        """See `Handle._close_handle`."""
        self._mark_closed()
        if self._transport is not None:
            self._transport.abort()

    def _release_output(self) -> None:
        self._writes = True
        if self._transport is not None:
            self._transport.release_output()

    def _connection_lost(self, error: Exception | None) -> None:
        try:
            if error is not None:
                self._tell(Event._from_error(error, self))
        finally:
            self._mark_closed()
            self._loop._release(self)

    def _tell(self, event: Event) -> None:
        """Tell an event, and close the socket: the next one goes to the default handler."""
        try:
            self._loop._report(event, self._event_cb)
        finally:
            self._mark_closed()

    def _call(self, callback: Callable[..., object] | None, *args: Any) -> None:
        """Call one of the application's callbacks; if that fails, it is the end of the socket."""
        if callback is None:
            return
        if not self._loop._call(callback, *args, event_cb=self._event_cb, source=self):
            self._close_handle()

    def _mark_closed(self) -> None:
        """Let no operation succeed any more, and none of the callbacks be called."""
        self._is_closed = True
        self._read_cb = self._connect_cb = self._write_cb = self._event_cb = None

    def _check_open(self, operation: str) -> None:
        if self._is_closed:
            address = self.remote_name or self._target
            raise SocketClosed(operation=operation, address=address)

    def __repr__(self) -> str:
        if self._is_closed:
            state = "closed"
        elif self._is_connected:
            state = "open"
        else:
            state = "unconnected" if self._transport is None else "connecting"
        where = self.remote_name or self._target
        return f"<AsyncSocket{'' if where is None else f' {printable(where)}'}, {state}>"


class _Link(TransportProtocol):
    """What the transport calls; it keeps these names out of the socket's."""

    def __init__(self, socket: AsyncSocket) -> None:
        self._socket = socket

    def connection_made(self, transport: Transport) -> None:
        self._socket._connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._socket._data_received(data)

    def eof_received(self) -> None:
        self._socket._eof_received()

    def resume_writing(self) -> None:
        """The queue is empty: with a high-water mark of 0, that is what this means."""
        self._socket._flushed()

    def timed_out(self, which: str) -> bool:
        return self._socket._timed_out()

    def connection_lost(self, error: Exception | None) -> None:
        self._socket._connection_lost(error)


def _check_limit(seconds: float | None) -> float | None:
    checked = check_timeout(seconds)
    if checked == 0:
        raise ValueError("a time limit cannot be 0; None is no limit")
    return checked
