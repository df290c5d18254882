"""Active stream sockets: those that are, or will be, connected to a peer."""

import errno
from collections.abc import Callable
from functools import partial
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, overload

from .._core.buffers import Buffer, bytes_of, part_of, space_in
from .._core.deadline import Deadline, check_seconds, check_timeout
from .._core.external_format import ExternalFormat, ExternalFormatLike
from .._sys.clock import monotonic
from .._sys.lingering import linger
from .._sys.python_socket import PythonSocket
from .._sys.sockaddr import AnyName, Name
from .._sys.socket_descriptor import DONT_ROUTE, MORE, OUT_OF_BAND, PEEK, SocketDescriptor
from ..addresses import AddressLike, LocalAddress
from ..errors import (
    AlreadyConnected,
    Busy,
    ConnectionAborted,
    ConnectionInProgress,
    NotConnected,
    SocketClosed,
    SocketError,
    TimedOut,
    WouldBlock,
)
from ..streams.channel import Channel
from ..streams.stream import (
    DEFAULT_BUFFER_SIZE,
    DEFAULT_TIMEOUT,
    Stream,
    Timeout,
    check_buffer_size,
    check_size,
)
from .connecting import start_in_turn
from .ended import Ended
from .families import family_label
from .local_stream import LocalStream
from .names import NameLike, ensure_name
from .options.with_options import ConnectionWithOptions
from .peer import Peer
from .python_names import PythonConnectionNames
from .socket import Socket, name_text
from .urgent import UrgentData

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = ("CLOSE_TIMEOUT", "LINGER_TIMEOUT", "ActiveSocket", "Detached")

LINGER_TIMEOUT = 2.0
"""Seconds for which a lingering close goes on taking in what the peer is still sending."""

CLOSE_TIMEOUT = 10.0
"""Seconds for which closing goes on sending what is queued, where no other limit is given."""


class SocketChannel(Channel, Protocol):
    """What an active socket needs of the channel that its stream goes through: flags, too."""

    def receive_into(self, buffer: Any, flags: int = 0, /) -> int | None:
        """See `Channel`, and recv(2) for the flags."""

    def receive(self, size: int, flags: int = 0, /) -> bytes | None:
        """Receive up to so many bytes; see `receive_into`."""

    def send(self, data: Any, flags: int = 0, /) -> int | None:
        """See `Channel`, and send(2) for the flags."""

    def wait_urgent(self, deadline: Deadline, operation: str) -> bool:
        """Wait, with the right to read, for urgent data; return whether there will be none."""


class Detached(NamedTuple):
    """What `ActiveSocket.detach` returns: a connection, and all that belongs to it.

    Attributes:
        descriptor: The connection's descriptor.
        remote_name: The peer's name.
        external_format: That of the socket.
        unread: Bytes that were received, and that no read has returned.
        unsent: Bytes that were written, and are to be sent.
    """

    descriptor: SocketDescriptor
    remote_name: Name
    external_format: ExternalFormat
    unread: bytes
    unsent: bytes


class ActiveSocket(
    LocalStream, UrgentData, Peer, Socket, ConnectionWithOptions, PythonConnectionNames
):
    """A stream socket with a peer, which is a `Stream` to and from that peer.

    `make_socket` and `PassiveSocket.accept` make active sockets.
    """

    _descriptor: SocketDescriptor
    _channel: SocketChannel

    def __init__(
        self,
        descriptor: SocketDescriptor,
        *,
        remote_name: Name | None = None,
        external_format: ExternalFormatLike = "utf-8",
        input_buffer_size: int = DEFAULT_BUFFER_SIZE,
        output_buffer_size: int = DEFAULT_BUFFER_SIZE,
        timeout: float | None = None,
    ) -> None:
        Stream.__init__(
            self,
            descriptor,
            external_format=external_format,
            input_buffer_size=input_buffer_size,
            output_buffer_size=output_buffer_size,
            timeout=timeout,
        )
        Socket.__init__(self, descriptor)
        self._is_bound = False
        self._connecting_to: Name | None = None
        self._has_failed = False  # to connect, and the system has not forgotten it
        self._has_obstacle = True
        self._tls_to_begin: TLSLike | None = None  # when it is connected
        if remote_name is not None:
            self._set_connected(remote_name)

    # -- connecting ------------------------------------------------------------------------------

    def bind(self, address: NameLike, port: int | str = 0) -> None:
        """Bind this end before connecting, to choose the address and port that the peer will see.

        Args:
            address: An address of this machine; for a local socket a path or a `LocalAddress`.
            port: A port, or the name of a service; 0 lets the system choose.

        Raises:
            AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: The system says no.
            SocketClosed: The socket is closed.
            TypeError, ValueError: The address or the port is none, or the socket is bound already.
        """
        name = ensure_name(self._descriptor, address, port)
        if self._is_bound or self._connecting_to is not None or self._remote_name is not None:
            raise ValueError(f"{self!r} is bound already")  # connecting has done it
        self._descriptor.bind(name)
        self._is_bound = True
        self._descriptor.where = self._descriptor.local_name()

    @overload
    def connect(
        self, address: LocalAddress | PathLike[str], *, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None: ...
    @overload
    def connect(
        self, address: AddressLike, port: int | str = 0, *, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None: ...
    def connect(
        self, address: NameLike, port: int | str = 0, *, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        """Connect to one address. To connect to a host by name, see `make_socket`.

        An IPv4 address on an IPv6 socket becomes an IPv4-mapped one.

        Args:
            address: An address in any form that `ensure_address` takes; for a local socket a path
                or a `LocalAddress`.
            port: A port, or the name of a service.
            timeout: Seconds to wait for the connection. 0 starts to connect and returns:
                `wait_connected` waits for the rest.

        Raises:
            ConnectionRefused: Nobody listens there.
            TimedOut: The time is up. The system goes on trying; `wait_connected` may be called, or
                `close`.
            NetworkUnreachable, HostUnreachable, SocketError: The system cannot reach it.
            AlreadyConnected: The socket is connected.
            ConnectionInProgress: It is connecting, from an earlier call that has not finished.
            Busy: Another thread is using the socket.
            SocketClosed: The socket is closed, or is being closed by another thread.
            TypeError, ValueError: The address or the port is none.
        """
        name = ensure_name(self._descriptor, address, port)
        deadline = self._deadline(timeout)
        self._descriptor.check_open("connect")
        with self._descriptor.writing:
            # The system does not tell: asked again, it reports how connecting to the first address
            # goes, and success if that has been reached meanwhile.
            if self._connecting_to is not None:
                raise ConnectionInProgress(errno.EALREADY, operation="connect", address=name)
            if self._remote_name is not None:
                raise AlreadyConnected(operation="connect", address=name)
            if self._start(name, deadline):
                self._set_connected(name)
                return
            self._connecting_to = self._descriptor.where = name
            if deadline.remaining() != 0:
                self._finish_connecting(deadline)

    def _start(self, name: Name, deadline: Deadline) -> bool:
        while True:
            try:
                return start_in_turn(self._descriptor, name, deadline)
            except ConnectionAborted:
                # Linux ends the attempt that comes after one that has failed with this.
                if not self._has_failed:
                    raise
                self._has_failed = False

    def wait_connected(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
        """Wait until a connection that was started is there.

        Args:
            timeout: Seconds to wait; 0 only looks.

        Raises:
            NotConnected: No connection was started.
            Everything that `connect` raises.
        """
        deadline = self._deadline(timeout)
        with self._descriptor.writing:
            if self._connecting_to is not None:
                self._finish_connecting(deadline)
            elif self._remote_name is None:
                raise NotConnected(operation="connect", address=self._descriptor.where)

    def _finish_connecting(self, deadline: Deadline) -> None:
        name = self._connecting_to
        assert name is not None
        if deadline.remaining() != 0 or not self._descriptor.is_writable():
            self._descriptor.wait_writable(deadline, "connect")
        error = self._descriptor.connect_error(name)
        self._connecting_to = None
        if error is not None:
            self._has_failed = True
            raise error
        self._set_connected(name)

    def _set_connected(self, name: Name) -> None:
        self._remote_name = self._descriptor.where = name
        self._has_obstacle = False
        self._remember_local_name()
        tls, self._tls_to_begin = self._tls_to_begin, None
        if tls is not None:
            self._begin_tls(tls, server_side=False)

    def _begin_tls_when_connected(self, tls: "TLSLike") -> None:
        """Be a client of TLS, now or later; see `SecuredStream.start_tls`."""
        if self._remote_name is None:
            self._tls_to_begin = tls
        else:
            self._begin_tls(tls, server_side=False)

    @property
    def is_connected(self) -> bool:
        """Whether the socket is open and has a peer: one that is gone counts until it is noticed.

        A connection that was started with ``timeout=0`` is connected once the peer has answered,
        and not if it has refused.
        """
        if self.closed:
            return False
        try:
            self._descriptor.remote_name()
        except SocketError:
            return False
        return True

    @property
    def _is_useless(self) -> bool:
        """Whether every operation will raise: it was never connected, or the connection is over."""
        if not self._has_obstacle:
            return False
        is_unconnected = self._remote_name is None and self._connecting_to is None
        return is_unconnected or self._fatal_error is not None

    def _check_alive(self, operation: str) -> None:
        # The system says of a socket that was never connected that its peer reads no more.
        if self._remote_name is None and self._connecting_to is None and not self.closed:
            raise NotConnected(operation=operation, address=self._descriptor.where)
        super()._check_alive(operation)

    # -- names -----------------------------------------------------------------------------------

    @property
    def remote_name(self) -> AnyName:
        """The name of the peer: an `Endpoint` (address, port), or a `LocalAddress`.

        It is remembered, so that it can be asked for after the connection is lost, and the socket
        closed.

        Raises:
            NotConnected: There is no peer yet.
            SocketClosed: The socket was closed before it was connected.
        """
        if self._remote_name is not None:
            return self._remote_name
        self._descriptor.check_open("getpeername")
        return self._descriptor.remote_name()

    def _descriptor_of_connection(self, operation: str) -> SocketDescriptor:
        if self._remote_name is None:
            raise NotConnected(operation=operation, address=self._descriptor.where)
        return self._descriptor

    def _take_names(self, remote_name: Name, local_name: Name) -> None:
        """Have both ends called what somebody says who knows it better than the system."""
        self._remote_name = self._descriptor.where = remote_name
        self._local_name = local_name

    # -- below the stream ------------------------------------------------------------------------

    def send_to(
        self,
        data: Buffer,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = 0,
        out_of_band: bool = False,
        dont_route: bool = False,
        more: bool = False,
    ) -> int:
        """Send bytes past the stream's buffer, as far as they fit; see send(2).

        It does not wait unless it is told to. Success means that the system has the bytes; that the
        peer is gone is often found out only by the next `receive_from`.

        Args:
            data: Any object that has bytes.
            start: Where to begin in `data`.
            end: Where to end; None is its end.
            timeout: Seconds to wait until something can be sent.
            out_of_band: Send the last byte as urgent data.
            dont_route: Send only to networks that this machine is on.
            more: More is about to be sent: the system may hold this back for it.

        Returns:
            How many bytes were sent.

        Raises:
            WouldBlock: Nothing can be sent at once, and `timeout` is 0.
            TimedOut: Nothing could be sent in time.
            BrokenPipe: The peer reads no more.
            ConnectionReset: The peer has thrown the connection away.
            EndpointShutdown: This end has ended its writing, see `shutdown`.
            NotConnected, SocketClosed, Busy: As the names say.
            ValueError: The stream has output that is not sent, or speaks TLS; or `start` and `end`
                are out of bounds.
        """
        channel = self._channel
        if self._machine is not None:
            self._check_below()
        if self._has_obstacle:
            self._check_alive("send")
        is_plain = timeout == 0 and not (out_of_band or dont_route or more)
        if is_plain and start == 0 and end is None and not self._output:
            with self._writing:  # what a server does for each message
                sent = channel.send(data if isinstance(data, bytes) else bytes_of(data))
            if sent is None:
                raise self._would_block("send")
            return sent
        flags = OUT_OF_BAND * out_of_band | DONT_ROUTE * dont_route | MORE * more
        deadline = Deadline(timeout, monotonic)
        with self._writing, part_of(bytes_of(data), start, end) as view:
            if self._output:
                raise ValueError("the stream has output that is not sent: finish_output() first")
            while True:
                sent = channel.send(view, flags)
                if sent is not None:
                    return sent
                if deadline.is_immediate:
                    raise self._would_block("send")
                channel.wait_writable(deadline, "send")

    @overload
    def receive_from(
        self,
        size_or_buffer: int,
        *,
        timeout: float | None = ...,
        out_of_band: bool = ...,
        peek: bool = ...,
    ) -> tuple[bytes, AnyName]: ...
    @overload
    def receive_from(
        self,
        size_or_buffer: Buffer,
        *,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
        out_of_band: bool = ...,
        peek: bool = ...,
    ) -> tuple[int, AnyName]: ...
    def receive_from(
        self,
        size_or_buffer: int | Buffer,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = 0,
        out_of_band: bool = False,
        peek: bool = False,
    ) -> tuple[Any, AnyName]:
        """Receive bytes past the stream's buffer, as many as are there; see recv(2).

        It does not wait unless it is told to.

        Args:
            size_or_buffer: The most bytes to receive; or a writable buffer to receive into.
            start: Where in the buffer to begin.
            end: Where in the buffer to end; None is its end.
            timeout: Seconds to wait until something is there.
            out_of_band: Receive the urgent byte, which overtakes what the stream has not read yet.
            peek: Leave what is received to be received again.

        Returns:
            The bytes, or how many there were in the buffer; and the sender's name. No bytes mean
            that the peer has finished.

        Raises:
            WouldBlock: Nothing is there, and `timeout` is 0.
            TimedOut: Nothing came in time.
            ConnectionReset: The peer has thrown the connection away.
            EndpointShutdown: This end has ended its reading, see `shutdown`.
            NotConnected, SocketClosed, Busy: As the names say.
            ValueError: The size is negative or too large, the stream has input that was not read,
                or speaks TLS, `start` and `end` are out of bounds, or urgent bytes come inline (see
                the option `oob_inline`).
            TypeError: It is neither a size nor a buffer; or a size, and there are bounds.
        """
        channel = self._channel
        if self._machine is not None:
            self._check_below()
        is_plain = timeout == 0 and not (out_of_band or peek) and start == 0 and end is None
        if is_plain and not (self._input or isinstance(size_or_buffer, int)):
            with self._reading:
                try:
                    count = channel.receive_into(size_or_buffer)
                except (TypeError, BufferError):
                    space_in(size_or_buffer)  # says what is wrong with it
                    raise
            if count is None:
                raise self._would_block("receive")
            return count, self._remote_name
        flags = OUT_OF_BAND * out_of_band | PEEK * peek
        deadline = Deadline(timeout, monotonic)
        if not isinstance(size_or_buffer, int):
            with part_of(space_in(size_or_buffer), start, end) as target:
                into = partial(channel.receive_into, target, flags)
                if out_of_band:
                    return self._receive_urgent(into, 0, deadline)
                return self._receive_past(into, deadline)
        if start != 0 or end is not None:
            raise TypeError("start and end are bounds in a buffer, and a size has none")
        check_size(size_or_buffer)
        if size_or_buffer:
            check_buffer_size(size_or_buffer)
        receive = partial(channel.receive, size_or_buffer, flags)
        if out_of_band:
            return self._receive_urgent(receive, b"", deadline)
        return self._receive_past(receive, deadline)

    def _receive_past(self, receive: Callable[[], Any], deadline: Deadline) -> tuple[Any, Any]:
        with self._reading:
            if self._input:
                raise ValueError("the stream has input that was not read: read it first")
            while (received := receive()) is None:
                if deadline.is_immediate:
                    raise self._would_block("receive")
                self._channel.wait_readable(deadline, "receive")
            return received, self._remote_name

    def _receive_urgent(
        self, receive: Callable[[], Any], nothing: bytes | int, deadline: Deadline
    ) -> tuple[Any, Any]:
        will_come = True
        with self._reading:
            if self.get_option("oob_inline"):
                raise ValueError("urgent bytes come inline here: read them as all others")
            while True:
                try:
                    received = receive()
                except SocketError as error:
                    # The system says this whether an urgent byte may come yet or never will.
                    if error.errno != errno.EINVAL:
                        raise
                    received = None if will_come else nothing
                if received is not None:
                    return received, self._remote_name
                if deadline.is_immediate:
                    raise self._would_block("receive")
                will_come = not self._channel.wait_urgent(deadline, "receive")

    def _would_block(self, operation: str) -> WouldBlock:
        return WouldBlock(errno.EAGAIN, operation=operation, address=self._descriptor.where)

    # -- the end ---------------------------------------------------------------------------------

    def shutdown(
        self, *, read: bool = False, write: bool = False, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        """End one direction of the connection, or both, and keep the socket.

        Ending the writing sends what is queued first; the peer then reads end of file, and may go
        on sending. Whatever is done in an ended direction raises `EndpointShutdown` at once, and
        `is_input_open` and `is_output_open` tell which is. Ending a direction once more does
        nothing. `close` is still needed afterwards.

        Args:
            read: End the reading. What has arrived and was not read is lost. Who is reading in
                another thread gets the end of file.
            write: End the writing.
            timeout: Seconds to wait for the queue to be sent.

        Raises:
            ValueError: Neither direction was named.
            Everything that `finish_output` raises, if `write` is True.
            NotConnected: There is no peer, or none yet.
            SocketClosed: The socket is closed.
        """
        if not (read or write):
            raise ValueError("shutdown ends reading, writing or both: name one")
        if not write:
            self._end_directions(read=True)
            return
        deadline = self._deadline(timeout)
        with self._descriptor.writing:
            self._output += self._writer.finish()
            self._flush("shutdown", deadline)
            try:
                self._end_records("shutdown", deadline)
            except BaseException:
                if self._machine is not None and self._machine.output_ended:
                    self._writing = ended = Ended(self._descriptor, "write")
                    ended.is_told = False
                raise
            self._end_directions(read=read, write=True)

    def _end_directions(self, *, read: bool = False, write: bool = False) -> None:
        # The system would end a socket that is being connected, and say nothing.
        if self._connecting_to is not None and not (self.closed or self.is_connected):
            raise NotConnected(operation="shutdown", address=self._descriptor.where)
        self._descriptor.check_open("shutdown")
        # Asked once more, the system would say, after both ends have finished, that there is none.
        read = read and not isinstance(self._reading, Ended)
        write = write and not getattr(self._writing, "is_told", False)
        if not (read or write):
            return
        before = self._reading, self._writing, self._has_obstacle
        # First, for those whom the system wakes look at it.
        if read:
            self._reading = Ended(self._descriptor, "read")
        if write:
            self._writing = Ended(self._descriptor, "write")
        self._has_obstacle = True
        try:
            self._descriptor.shutdown(read=read, write=write)
        except BaseException:
            self._reading, self._writing, self._has_obstacle = before
            raise
        if read:
            self._input.stop_looking_ahead()

    @property
    def is_input_open(self) -> bool:
        """Whether this end may read: it is open, and `shutdown` has not ended its reading."""
        return not (self.closed or isinstance(self._reading, Ended))

    @property
    def is_output_open(self) -> bool:
        """Whether this end may write: it is open, and `shutdown` has not ended its writing."""
        return not (self.closed or isinstance(self._writing, Ended))

    def close(
        self,
        *,
        abort: bool = False,
        reset: bool = False,
        linger: float = LINGER_TIMEOUT,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> None:
        """Close the socket. May be repeated, and called from any thread.

        What is queued is sent first. If the peer has sent something that was not read, a plain
        close would make the system reset the connection, and destroy what was just sent: the
        writing is ended instead, and the rest of the peer's data is taken in for a while, in the
        background.

        Whoever waits in another thread for this socket gets `SocketClosed`. The socket is closed
        even if this raises.

        Args:
            abort: Drop what is queued, and close now. It leaves the connection itself alone where
                another process, or another descriptor, has it too: a server that forks a child for
                a client closes its own copy like this.
            reset: The same, and reset the connection, so that the peer notices at once.
            linger: Seconds for taking in the peer's data; 0 is not to.
            timeout: Seconds for sending what is queued. Default: the stream's `timeout`, or
                `CLOSE_TIMEOUT` if it has none.

        Raises:
            TimedOut: What was queued could not be sent in time; `unsent` is how much of it.
            Hangup, ConnectionReset: The peer does not read it.
            TypeError, ValueError: One of the times is not a number, or negative. Nothing is done.
        """
        grace = check_linger(linger)
        if timeout is not DEFAULT_TIMEOUT:
            check_timeout(timeout)
        if self.closed:
            self._descriptor.close()
            return
        try:
            if not (abort or reset):
                self._end_orderly(grace, timeout)
            elif reset:
                self._descriptor.reset_on_close()
        finally:
            self._descriptor.close()
            self._input.stop_looking_ahead()

    def _end_orderly(self, linger: float, timeout: Timeout) -> None:
        """Send what is queued; then linger, if a close would destroy it on the way."""
        if timeout is DEFAULT_TIMEOUT and self.timeout is None:
            timeout = CLOSE_TIMEOUT
        try:
            with self._descriptor.writing:
                is_connected = self._remote_name is not None or self._connecting_to is not None
                if not (is_connected or self._output):
                    return
                if self._fatal_error is None:
                    self._output += self._writer.finish()
                    if self._output or self._has_records_to_end:
                        self._flush_to_close(timeout)
                else:
                    deadline = self._deadline(timeout)
                    self._send_alert_to_close(deadline.within(linger))
            if linger > 0:
                self._linger(linger)
        except (Busy, SocketClosed):
            # Another thread is in the middle of using it, and is about to be woken, or has closed.
            return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Of an error of TLS the peer is told, and nothing else is left to be sent.
        is_orderly = kind is None or (issubclass(kind, Exception) and self._has_failed_tls)
        self.close(abort=not is_orderly)

    def _flush_to_close(self, timeout: Timeout) -> None:
        deadline = self._deadline(timeout)
        try:
            self._flush("close", deadline)
            self._end_records_to_close(deadline)
        except TimedOut as error:
            if not error.deadline:
                raise
            unsent = len(self._output) + (0 if self._records is None else self._records.unsent)
            raise TimedOut.expired(
                "close", error.address, unsent=unsent, limit=str(error.strerror)
            ) from None

    def _linger(self, seconds: float) -> None:
        with self._descriptor.reading, self._descriptor.writing:
            # A peer of TLS sends what nobody asks for, like tickets, until it says that it ends.
            is_open = self._records is not None and not self._records.has_ended
            if not (is_open or self._input or self._has_more_to_come):
                return  # All has been read, and it may well have been all.
            heir = self._descriptor.transfer()
        linger(heir, seconds)

    @property
    def _has_more_to_come(self) -> bool:
        """Whether the system has something that was not received, an end of file included."""
        if self._input.at_end and self._records is None and not isinstance(self._reading, Ended):
            return False  # the peer has said itself that there is no more
        return self._descriptor.is_readable()

    def _detach(self, operation: str = "detach") -> "Detached":
        """Take the connection out of this socket, which is closed then; see `adopt`.

        You would want it to write a shell of your own.

        Raises:
            NotConnected: There is no peer.
            ConnectionReset, SocketError: The connection is over.
            Busy: Another thread is using the socket.
            SocketClosed: The socket is closed.
            ValueError: Text has been decoded and not been read, in a format that does not mix with
                bytes; it speaks TLS; or file descriptors have come that were not taken.
        """
        with self._descriptor.reading, self._descriptor.writing:
            self._check_handed_on(operation)
            if self._remote_name is None:
                raise NotConnected(operation=operation, address=self._descriptor.where)
            self._check_alive(operation)
            self._check_descriptors_taken()
            unread = self._input.take_rest()
            unsent = bytes(self._output + self._writer.finish())
            self._output.clear()
            return Detached(
                self._descriptor.transfer(), self._remote_name, self.external_format, unread, unsent
            )

    def to_socket(self) -> PythonSocket:
        """See `Socket.to_socket`."""
        made = super().to_socket()
        made.settimeout(self._timeout)
        return made

    def _check_nothing_queued(self) -> None:
        self._check_handed_on("to_socket")
        if self._input:
            raise ValueError("the stream has input that was not read: read it first")
        if self._output:
            raise ValueError("the stream has output that is not sent: finish_output() first")
        self._check_descriptors_taken()

    def _attach(self, unread: bytes, unsent: bytes) -> None:
        """Begin with bytes that were received, and others that are to be sent, by another shell."""
        self._input.feed(unread)
        self._output += unsent

    # -- for people ------------------------------------------------------------------------------

    def _kind_text(self) -> str:
        return f"active {family_label(self._descriptor.family)} stream socket"

    def _state_text(self) -> str:
        if self._remote_name is not None:
            return f" connected to {name_text(self._remote_name)}"
        return ", unconnected"


def check_linger(linger: float) -> float:
    """Return `linger` if it is a number of seconds.

    Raises:
        TypeError, ValueError: It is none; see `check_seconds`.
    """
    seconds = check_seconds(linger, "linger")
    if seconds is None:
        raise TypeError("linger is a number of seconds, not None")
    return seconds
