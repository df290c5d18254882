"""Asynchronous states: connections on an event base, from which is read by asking.

A transport delivers whatever arrives. A state, which stands on one, delivers what was asked for,
when it was asked for: the callback of a request is called once, with what was read or with what has
gone wrong. As long as nothing is asked for, nothing is received, so that the peer has to wait.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from .._core.buffers import Buffer, bytes_of
from .._core.callbacks import call_plainly, check_callback, check_callback_or_none
from .._core.deadline import check_timeout
from .._core.external_format import ExternalFormatLike, ensure_external_format
from .._core.input_buffer import InputBuffer
from .._core.text_writer import make_text_writer
from .._core.timer_queue import Timer
from .._core.uncopied import Uncopied
from .._sys.sockaddr import AnyName
from ..addresses import AddressLike
from ..errors import Busy, EndOfFile, SocketClosed, StreamError, TimedOut
from ..multiplex.adoption import adopt
from ..multiplex.argument_check import check_event_base, check_socket
from ..multiplex.event_base import EventBase
from ..multiplex.listener import Listener, listen
from ..multiplex.protocol import TransportProtocol
from ..multiplex.transport import Transport
from ..sockets.active_socket import ActiveSocket
from ..streams.stream import (
    DEFAULT_LIMIT,
    DEFAULT_TIMEOUT,
    Timeout,
    check_limit,
    check_size,
)
from .listening import IPv6Choice, ListeningPlace

__all__ = (
    "AsyncIOState",
    "accept_tcp_connections_creating_async_io_states",
    "create_async_io_state",
)

BytesCallback: TypeAlias = Callable[["AsyncIOState", bytes, Exception | None], object]
"""What is called with a state, the bytes that were read, and None or the error."""

LineCallback: TypeAlias = Callable[["AsyncIOState", str, Exception | None], object]
"""What is called with a state, the line that was read, and None or the error."""

CountCallback: TypeAlias = Callable[["AsyncIOState", int, Exception | None], object]
"""What is called with a state, how many bytes were dropped, and None or the error."""

WriteCallback: TypeAlias = Callable[["AsyncIOState", Exception | None], object]
"""What is called with a state, and None or the error."""


def accept_tcp_connections_creating_async_io_states(
    event_base: EventBase,
    service: int | str | None,
    connection_function: Callable[[Listener, "AsyncIOState"], object],
    *,
    address: AddressLike | None = None,
    backlog: int = 5,
    nodelay: bool = True,
    keepalive: bool = False,
    ipv6: IPv6Choice = "any",
    reuseport: bool = False,
    name: str | None = None,
    user_info: Any = None,
    external_format: ExternalFormatLike = "utf-8",
    read_timeout: float | None = None,
    write_timeout: float | None = None,
) -> Listener:
    """Accept connections on an event base, and make an asynchronous state of each.

    You would want it where there are many connections, and not a thread for each::

        def welcome(listener, state):
            state.read_line(answer)

        def answer(state, line, error):
            if error is not None:
                state.close()
                return
            state.write(f"You sent: '{line}'\\n")
            state.read_line(answer)

        accept_tcp_connections_creating_async_io_states(event_base, 10244, welcome)

    Args:
        event_base: Who accepts, and who calls back.
        service: The port, or the name of a service; None lets the system choose.
        connection_function: Called with the listener, and each state that it has made.
        address: The address, or name, of this machine to listen at; None is all of its addresses.
        backlog: How many connections may wait to be accepted.
        nodelay: Send small pieces at once rather than gather them (TCP_NODELAY).
        keepalive: Let the system find out whether a peer still exists (SO_KEEPALIVE).
        ipv6: The family of the address, if it is text or None. False or None is IPv4; True is IPv6
            only; ``"any"`` is the first of the two that this machine has; ``"both"`` is IPv6, and
            takes connections in IPv4 as well.
        reuseport: Let other sockets of this user listen at the same port (SO_REUSEPORT).
        name: The states' name.
        user_info: The states' `user_info`.
        external_format: The format of text.
        read_timeout: The states' `read_timeout`.
        write_timeout: The states' `write_timeout`.

    Returns:
        What accepts. Its `local_name` has the port, and closing it ends the accepting.

    Raises:
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: It cannot listen there.
        NoName, ResolverError: The address is a name, and cannot be looked up.
        SocketClosed: The event base is closed.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_callback(connection_function, "listener", "state", what="connection_function")

    def make_state() -> AsyncIOState:
        return AsyncIOState(
            external_format=external_format,
            read_timeout=read_timeout,
            write_timeout=write_timeout,
            name=name,
            user_info=user_info,
        )

    make_state()  # a mistake must not cost a connection
    place = ListeningPlace(
        service,
        address,
        ipv6,
        backlog=backlog,
        nodelay=bool(nodelay),
        keepalive=bool(keepalive),
        reuse_port=bool(reuseport),
    )
    socket = place.open()
    try:
        listener = listen(
            event_base,
            socket,
            lambda: _Events(make_state(), lambda state: connection_function(listener, state)),
        )
    except BaseException:
        socket.close()
        raise
    return listener


def create_async_io_state(
    event_base: EventBase,
    socket: ActiveSocket,
    *,
    name: str | None = None,
    user_info: Any = None,
    read_timeout: float | None = None,
    write_timeout: float | None = None,
) -> "AsyncIOState":
    """Make an asynchronous state of a connected socket, which is closed then; see `adopt`.

    What the socket has received and not returned is read first.

    Args:
        event_base: Who calls back.
        socket: The connection. The state has its external format.
        name: The state's name.
        user_info: The state's `user_info`.
        read_timeout: The state's `read_timeout`.
        write_timeout: The state's `write_timeout`.

    Raises:
        NotConnected: The socket has no peer.
        ConnectionReset, SocketError: The connection is over.
        Busy: Another thread is using the socket.
        SocketClosed: The socket, or the event base, is closed.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_event_base(event_base)
    check_socket("create_async_io_state", socket, ActiveSocket)
    state = AsyncIOState(
        external_format=socket.external_format,
        read_timeout=read_timeout,
        write_timeout=write_timeout,
        name=name,
        user_info=user_info,
    )
    adopt(event_base, _Events(state, None), socket)
    return state


class _Read:
    """A request to read."""

    def __init__(
        self,
        operation: str,
        take: Callable[[], Any],
        callback: Callable[..., object],
        nothing: bytes | str | int,
    ) -> None:
        self.operation = operation
        self.take = take
        self.callback = callback
        self.nothing = nothing  # what is given to the callback beside an error
        self.timer: Timer | None = None


class _Write:
    """A request to write."""

    def __init__(self, data: bytes, callback: WriteCallback | None, timeout: float | None) -> None:
        self.data = data
        self.callback = callback
        self.timeout = timeout
        self.timer: Timer | None = None


class AsyncIOState(Uncopied):
    """A connection on an event base, with requests to read and to write, and their callbacks.

    `accept_tcp_connections_creating_async_io_states` and `create_async_io_state` make states. A
    state belongs to its event base's thread.

    One request to read may be made at a time, the next one also from inside the callback of the
    last. Any number of requests to write may be made, and are carried out in order. Each callback
    is called exactly once, and never from inside the call that makes the request; only closing the
    event base leaves requests without an answer. An exception that a callback raises goes to the
    event base's `exception_handler`, and ends this connection.

    A request to read fails with `EndOfFile` when the peer has finished, with `TimedOut` when its
    time is up, which takes nothing away and lets the state be used further, with `SocketClosed`
    when the state is closed, and with whatever ends the connection, like `ConnectionReset`.

    Attributes:
        name: A name for people.
        user_info: Whatever its user wants to find here.
    """

    def __init__(
        self,
        *,
        external_format: ExternalFormatLike,
        read_timeout: float | None,
        write_timeout: float | None,
        name: str | None,
        user_info: Any,
    ) -> None:
        self.name = name
        self.user_info = user_info
        self.read_timeout = read_timeout
        self.write_timeout = write_timeout
        checked_format = ensure_external_format(external_format)
        self._input = InputBuffer(checked_format)
        self._writer = make_text_writer(checked_format)
        self._transport: Transport
        self._request: _Read | None = None
        self._writes: deque[_Write] = deque()
        self._is_closing = False
        self._reason: Exception | None = None  # for aborting
        self._lost: Exception | None = None  # why nothing more will come, or go

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def read_timeout(self) -> float | None:
        """Seconds for a request to read that is given no limit of its own; None is for ever."""
        return self._read_timeout

    @read_timeout.setter
    def read_timeout(self, seconds: float | None) -> None:
        self._read_timeout = check_timeout(seconds)

    @property
    def write_timeout(self) -> float | None:
        """The same for requests to write, which count from when those before are done."""
        return self._write_timeout

    @write_timeout.setter
    def write_timeout(self, seconds: float | None) -> None:
        self._write_timeout = check_timeout(seconds)

    @property
    def event_base(self) -> EventBase:
        """Who calls back."""
        return self._transport.event_base

    @property
    def remote_name(self) -> AnyName:
        """The peer's name."""
        return self._transport.remote_name

    @property
    def local_name(self) -> AnyName:
        """The name of this end."""
        return self._transport.local_name

    @property
    def closed(self) -> bool:
        """Whether it is closed, or being closed, by whichever end."""
        return self._transport.is_closing

    # -- reading ---------------------------------------------------------------------------------

    def read_some(
        self,
        callback: BytesCallback,
        *,
        size: int = DEFAULT_LIMIT,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> None:
        """Read what comes next, as soon as there is any.

        Args:
            callback: Called with the state, the bytes, and None or the error.
            size: The most bytes to read.
            timeout: Seconds to wait. Default: `read_timeout`.

        Raises:
            Busy: There is a request to read already.
            TypeError, ValueError: An argument is none; or the format of text does not mix with
                bytes.
        """
        check_size(size)
        self._input.check_bytes()

        def take() -> bytes | None:
            data = self._input.take_bytes(size)
            if not data and size and self._input.at_end:
                raise EndOfFile
            return data if data or not size else None

        self._read(_Read("read_some", take, callback, b""), timeout)

    def read_exactly(
        self, size: int, callback: BytesCallback, *, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        """Read so many bytes; where the peer has finished before, `EndOfFile` has those there were.

        Args:
            size: How many bytes.
            callback: Called with the state, the bytes, and None or the error.
            timeout: Seconds for all of them. Default: `read_timeout`.

        Raises:
            Busy, TypeError, ValueError: As for `read_some`.
        """
        check_size(size)
        self._input.check_bytes()
        take = partial(self._input.take_exactly, size)
        self._read(_Read("read_exactly", take, callback, b""), timeout)

    def read_line(
        self,
        callback: LineCallback,
        *,
        limit: int | None = DEFAULT_LIMIT,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> None:
        """Read a line. The last one may come without its newline.

        A line that is too long, or is no text, fails with `LineTooLong` or `DecodingError`, and is
        still there to be read in another way.

        Args:
            callback: Called with the state, the line without its newline, and None or the error.
            limit: The most bytes that the line may have; None for any.
            timeout: Seconds for the whole line. Default: `read_timeout`.

        Raises:
            Busy, TypeError, ValueError: As for `read_some`.
        """
        check_limit(limit)
        take = partial(self._input.take_line, limit)
        self._read(_Read("read_line", take, callback, ""), timeout)

    def skip_line(self, callback: CountCallback, *, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
        """Drop everything up to the next newline, and the newline.

        You would want it after `LineTooLong` or `DecodingError`, to go on with the next line. When
        the time is up, what there was of the line is gone; another request goes on in it.

        Args:
            callback: Called with the state, how many bytes the line had, its newline included, and
                None or the error.
            timeout: Seconds for the whole line. Default: `read_timeout`.

        Raises:
            Busy, TypeError, ValueError: As for `read_some`.
        """
        self._read(_Read("skip_line", self._input.skip_line, callback, 0), timeout)

    def _read(self, request: _Read, timeout: Timeout) -> None:
        check_callback(request.callback, "state", "taken", "error", what="callback")
        seconds = self._read_timeout if timeout is DEFAULT_TIMEOUT else check_timeout(timeout)
        if self._request is not None:
            raise Busy(
                strerror=f"{self._request.operation} has not been answered yet",
                operation=request.operation,
                address=self.remote_name,
            )
        self._request = request
        if seconds is not None:
            timed_out = partial(self._read_timed_out, request)
            request.timer = self.event_base.add_timer(timed_out, seconds, one_shot=True)
        self.event_base.call_soon(self._answer, request)

    def _answer(self, request: _Read | None) -> None:
        """Answer a request if that can be done now; receive as long as it cannot."""
        if request is None or request is not self._request:
            return
        taken: Any = None
        error: Exception | None = None
        try:
            taken = request.take()
        except StreamError as failure:
            failure.operation, failure.address = request.operation, self.remote_name
            error = failure
        if taken is None and error is None:
            if self._lost is None:
                self._transport.resume_reading()
                return
            error = self._lost
        self._finish_read(request, taken, error)
        if self._request is None or self._input:  # what is there comes first
            self._transport.pause_reading()

    def _read_timed_out(self, request: _Read) -> None:
        if request is self._request:
            self._transport.pause_reading()
            error = TimedOut.expired(request.operation, self.remote_name)
            self._finish_read(request, None, error)

    def _finish_read(self, request: _Read, taken: Any, error: Exception | None) -> None:
        self._request = None
        self._stop_timer(request)
        if error is not None:
            taken = getattr(error, "partial", None) or request.nothing
        self._call(request.callback, taken, error)

    # -- writing ---------------------------------------------------------------------------------

    def write(
        self,
        data: Buffer | str,
        callback: WriteCallback | None = None,
        *,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> None:
        r"""Write bytes, or text, after all that was written before.

        Args:
            data: Any object with bytes; or text, in which each ``"\n"`` becomes a newline of the
                external format. It may be changed afterwards.
            callback: Called with the state and None when the system has it all, or with the error.
            timeout: Seconds for that, from when the requests before are done. When they are over,
                the connection is, too: nobody knows how much has arrived. Default: `write_timeout`.

        Raises:
            UnicodeEncodeError: The text cannot be written in the external format.
            TypeError, ValueError: An argument is none of those that it can be.
        """
        check_callback_or_none(callback, "state", "error", what="callback")
        seconds = self._write_timeout if timeout is DEFAULT_TIMEOUT else check_timeout(timeout)
        if isinstance(data, str):
            data = self._writer.encode(data)
        write = _Write(bytes(bytes_of(data, "what is written is text or")), callback, seconds)
        if self._is_closing or self._lost is not None:
            error = self._lost or self._closed_error("write")
            self.event_base.call_soon(self._finish_write, write, error)
            return
        self._writes.append(write)
        if len(self._writes) == 1:
            self._send_next()

    def _send_next(self) -> None:
        write = self._writes[0]
        if write.timeout is not None:
            timed_out = partial(self._write_timed_out, write)
            write.timer = self.event_base.add_timer(timed_out, write.timeout, one_shot=True)
        self._transport.write(write.data)
        if not self._transport.buffered_output:
            self.event_base.call_soon(self._written, write)

    def _written(self, write: _Write) -> None:
        """Go on with the next request, now that the system has all of one."""
        if not self._writes or self._writes[0] is not write or self._lost is not None:
            return
        try:
            self._finish_write(write, None)
        finally:
            self._writes.popleft()  # not before: what the callback writes has to wait
            if self._writes and not self._is_closing:
                self._send_next()

    def _on_everything_sent(self) -> None:
        if self._writes:
            self._written(self._writes[0])

    def _write_timed_out(self, write: _Write) -> None:
        self._abort(TimedOut.expired("write", self.remote_name))

    def _finish_write(self, write: _Write, error: Exception | None) -> None:
        self._stop_timer(write)
        if write.callback is not None:
            self._call(write.callback, error)

    # -- the end ---------------------------------------------------------------------------------

    def close(self, *, abort: bool = False) -> None:
        """Carry the requests to write out, and close. May be repeated.

        Args:
            abort: Do not carry them out: close at once.
        """
        if abort:
            self._abort(self._closed_error("close"))
        elif not self._is_closing:
            self._is_closing = True
            for write in list(self._writes)[1:]:  # the first one has been given to the transport
                self._transport.write(write.data)
            if rest := self._writer.finish():
                self._transport.write(rest)
            self._transport.close()

    def _abort(self, reason: Exception) -> None:
        self._is_closing = True
        if self._reason is None:
            self._reason = reason
        self._transport.abort()

    def _closed_error(self, operation: str) -> SocketClosed:
        return SocketClosed(operation=operation, address=self.remote_name)

    def _stop_timer(self, request: _Read | _Write) -> None:
        if request.timer is not None:
            self.event_base.remove_timer(request.timer)
            request.timer = None

    def _call(self, callback: Callable[..., object], *args: Any) -> None:
        try:
            call_plainly(callback, self, *args)
        except Exception as error:
            self._abort(error)
            self.event_base._tell_exception(error, self)

    # -- what the transport says -----------------------------------------------------------------

    def _begin(self, transport: Transport) -> None:
        transport.pause_reading()
        # So that the transport tells of each request when it has nothing more to send.
        transport.set_water_marks(0)
        self._transport = transport

    def _received(self, data: bytes) -> None:
        self._input.feed(data)
        self._answer(self._request)

    def _eof(self) -> None:
        self._input.feed_eof()
        self._answer(self._request)

    def _connection_lost(self, error: Exception | None) -> None:
        """Answer all that has not been answered."""
        failure = error or self._reason
        self._lost = failure or self._closed_error("read")
        writes = list(self._writes)
        self._writes.clear()
        for write in writes:
            self._finish_write(write, failure)
        self._answer(self._request)

    def __repr__(self) -> str:
        name = "" if self.name is None else f" {self.name!r}"
        return f"<AsyncIOState{name} on {self._transport!r}>"


class _Events(TransportProtocol):
    """Tells a state what its transport says."""

    def __init__(
        self, state: AsyncIOState, welcome: Callable[[AsyncIOState], object] | None
    ) -> None:
        self._state = state
        self._welcome = welcome

    def connection_made(self, transport: Transport) -> None:
        self._state._begin(transport)
        if self._welcome is not None:
            self._welcome(self._state)

    def data_received(self, data: bytes) -> None:
        self._state._received(data)

    def eof_received(self) -> bool:
        self._state._eof()
        return True

    def resume_writing(self) -> None:
        self._state._on_everything_sent()

    def connection_lost(self, error: Exception | None) -> None:
        self._state._connection_lost(error)
