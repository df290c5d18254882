"""Servers with callbacks: each connection that is accepted becomes an `AsyncSocket`."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, Unpack, cast, overload

from .._core.option_names import check_names_for, split_options
from .._sys.sockaddr import AnyName
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import IPV4_UNSPECIFIED, AddressLike, Endpoint, ensure_address
from ..errors import SocketClosed, SocketError
from ..multiplex import TransportProtocol, listen
from ..multiplex.transport_securing import DEFAULT_HANDSHAKE_TIMEOUT
from ..sockets import PassiveSocket, make_socket
from ..sockets.families import family_label
from ..sockets.from_descriptor import check_fd, make_socket_from_fd
from .async_socket import AsyncSocket, BytesCallback, ReadCallback, SocketOptions, StreamCallback
from .events import Event, EventCallback, EventKind
from .handle import Handle
from .loop import EventLoop
from .python_names import PythonTcpServerNames

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = (
    "ListenOptions",
    "SocketServer",
    "TcpServer",
    "TcpServerOptions",
    "inherited_socket",
    "passive_tcp_socket",
    "tcp_server",
)


class SocketServer(Handle):
    """Accepts connections until it is closed. Closing it leaves its connections as they are.

    Running out of descriptors ends no server: it accepts again when there are some. Any other error
    of accepting is told to `event_cb`, as `EventKind.ACCEPT_ERROR`, and then the server is closed.
    """

    _kind: ClassVar[str] = "server"
    _socket_class: ClassVar[type[AsyncSocket]] = AsyncSocket

    def __init__(
        self,
        make_passive_socket: Callable[[], PassiveSocket],
        read_cb: ReadCallback | None,
        event_cb: EventCallback | None,
        loop: EventLoop | None,
        stream: bool,
        tls: "TLSLike | None" = None,
        handshake_timeout: float | None = DEFAULT_HANDSHAKE_TIMEOUT,
        **options: Unpack[SocketOptions],
    ) -> None:
        super().__init__(event_cb, loop)
        self._make_socket = partial(
            self._socket_class, read_cb, event_cb, self._loop, stream=stream, **options
        )
        self._make_socket()  # a mistake in the arguments is to be found now
        passive = make_passive_socket()
        try:
            self._listener = listen(
                self._loop.event_base,
                passive,
                self._protocol_of_a_connection,
                error_callback=self._accept_failed,
                high_water=0,
                tls=tls,
                handshake_timeout=handshake_timeout,
            )
            self._loop._adopt(self)
        except BaseException:
            passive.close()
            raise

    def _protocol_of_a_connection(self) -> TransportProtocol:
        return self._make_socket()._protocol()

    def _accept_failed(self, error: SocketError) -> None:
        try:
            self._loop._report(Event(EventKind.ACCEPT_ERROR, self, error), self._event_cb)
        finally:
            self.close()

    @property
    def local_name(self) -> AnyName:
        """Where it listens, an `Endpoint` or a `LocalAddress`."""
        return self._listener.local_name

    def fileno(self) -> int:
        """Return the number of the descriptor, or -1 if it is closed."""
        return self._listener.socket.fileno()

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._listener.closed

    def close(self) -> None:
        """Accept nobody any more; connections that were accepted live on. May be repeated."""
        if not self.closed:
            self._close_handle()
            self._loop._release(self)

    def _close_handle(self) -> None:
        """See `Handle._close_handle`."""
        self._listener.close()

    def _check_open(self, operation: str) -> None:
        if self.closed:
            raise SocketClosed(operation=operation, address=self.local_name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.local_name}{', closed' if self.closed else ''}>"


class _IncomingTcpSocket(AsyncSocket):
    _kind: ClassVar[str] = "incoming tcp"


class TcpServer(SocketServer, PythonTcpServerNames):
    """Accepts TCP connections; `tcp_server` makes it."""

    _kind: ClassVar[str] = "tcp server"
    _socket_class: ClassVar[type[AsyncSocket]] = _IncomingTcpSocket

    @property
    def local_name(self) -> Endpoint:
        """Where it listens."""
        return cast("Endpoint", super().local_name)


class ListenOptions(TypedDict, total=False):
    """The keyword arguments that concern listening."""

    reuse_address: bool
    reuse_port: bool
    v6_only: bool
    keepalive: bool
    nodelay: bool
    interface: str


class TcpServerOptions(ListenOptions, SocketOptions, total=False):
    """The keyword arguments of `tcp_server`, but for those of its own."""


@overload
def tcp_server(
    bind_address: AddressLike | None,
    port: int | str | None,
    read_cb: BytesCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    stream: Literal[False] = ...,
    backlog: int | None = ...,
    fd: int | None = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[TcpServerOptions],
) -> TcpServer: ...
@overload
def tcp_server(
    bind_address: AddressLike | None,
    port: int | str | None,
    read_cb: StreamCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    stream: Literal[True],
    backlog: int | None = ...,
    fd: int | None = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[TcpServerOptions],
) -> TcpServer: ...
def tcp_server(
    bind_address: AddressLike | None,
    port: int | str | None,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    stream: bool = False,
    backlog: int | None = None,
    fd: int | None = None,
    loop: EventLoop | None = None,
    **options: Unpack[TcpServerOptions],
) -> TcpServer:
    """Listen at an address and port, and have callbacks called for the connections.

    All connections begin with the same callbacks; each may get others by `AsyncSocket.write`.

    Args:
        bind_address: An address of this machine, not a name; None is all IPv4 addresses.
        port: A port, or the name of a service; 0 lets the system choose, see `local_name`.
        read_cb: As for `tcp_connect`, for each connection.
        event_cb: As for `tcp_connect`, for each connection, and for the server itself: the event's
            `source` tells which.
        stream: Give `read_cb` a `SocketStream` in place of bytes.
        backlog: How many connections may wait to be accepted; None is the usual number.
        fd: The descriptor of a TCP socket that something else has bound, a service manager for
            instance; `bind_address` and `port` are None then. The server owns it from now on.
        loop: The loop; the current one by default.
        connect_cb: Called with the socket of each new connection, before anything is read.
        write_cb, read_timeout, write_timeout, drain, external_format: As for `tcp_connect`, for
            each connection.
        reuse_address, reuse_port, v6_only, keepalive, nodelay, interface: As for `make_socket`.

    Returns:
        The server, which can be closed. It keeps the loop alive; if it should not, call its
        `unref`.

    Raises:
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: It cannot listen there.
        NotASocket, SocketClosed: The descriptor is something else, or there is none.
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_names_for(tcp_server, options, TcpServerOptions.__annotations__)
    listening, others = split_options(options, ListenOptions.__annotations__)

    def make_passive_socket() -> PassiveSocket:
        return passive_tcp_socket(bind_address, port, backlog, fd, listening)

    return TcpServer(make_passive_socket, read_cb, event_cb, loop, stream=stream, **others)


def passive_tcp_socket(
    bind_address: AddressLike | None,
    port: int | str | None,
    backlog: int | None,
    fd: int | None,
    options: dict[str, Any],
) -> PassiveSocket:
    """Return the socket that a server listens with; see `tcp_server`.

    Raises:
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: It cannot listen there.
        NotASocket, SocketClosed: The descriptor is something else, or there is none.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    if fd is not None:
        if bind_address is not None or port is not None or options:
            raise TypeError("a server has either an fd, or an address and a port")
        return inherited_socket(fd, backlog, is_local=False)
    if port is None:
        raise TypeError("a server needs a port, or an fd")
    host = IPV4_UNSPECIFIED if bind_address is None else ensure_address(bind_address)
    if backlog is not None:
        options = {**options, "backlog": backlog}
    return make_socket(
        connect="passive", type="stream", local_host=host, local_port=port, **options
    )


def inherited_socket(fd: int, backlog: int | None, *, is_local: bool) -> PassiveSocket:
    """Return a listening socket on a descriptor that something else has opened, and own it.

    Raises:
        ValueError: It is no stream socket, or not of that kind. It stays the caller's, as it was.
        NotASocket, SocketClosed: The same, where it is no socket, or is not open.
        TypeError: `fd` is not a number.
    """
    check_fd(fd)
    _check_kind(fd, is_local)
    passive = make_socket_from_fd(fd, dup=False, connect="passive")
    if not passive.is_listening:
        try:
            passive.listen(backlog)
        except BaseException:
            passive.close()
            raise
    return passive


def _check_kind(fd: int, is_local: bool) -> None:
    descriptor = SocketDescriptor.borrow(fd)
    descriptor.check_kind()
    family = family_label(descriptor.family)
    if (family == "local") is not is_local:
        wanted = "a local" if is_local else "a TCP"
        raise ValueError(f"{wanted} server cannot listen on a socket of family {family}: {fd}")
