"""Connecting by TCP, with callbacks."""

from functools import partial
from typing import ClassVar, Literal, TypedDict, Unpack, cast, overload

from .._core.buffers import Buffer
from .._core.option_names import check_names_for, split_options
from ..addresses import AddressLike
from ..multiplex import connect
from ..multiplex.transport_options import BeginningOptions
from ..sockets.families import InternetFamily
from ..sockets.resolving import Resolver
from .async_socket import (
    AsyncSocket,
    BytesCallback,
    ReadCallback,
    SocketOptions,
    StreamCallback,
)
from .events import EventCallback
from .loop import EventLoop
from .stream import SocketStream

__all__ = (
    "ConnectOptions",
    "TcpOptions",
    "close_socket",
    "connect_tcp_socket",
    "init_tcp_socket",
    "start_to_connect",
    "tcp_connect",
)


class ConnectOptions(TypedDict, total=False):
    """The keyword arguments that concern connecting."""

    address_family: InternetFamily
    local_host: AddressLike
    local_port: int | str
    keepalive: bool
    nodelay: bool
    interface: str
    resolver: Resolver | None
    attempt_delay: float | None


class TcpOptions(ConnectOptions, SocketOptions, total=False):
    """The keyword arguments of `tcp_connect`, but for those that decide what it returns."""


class _OutgoingTcpSocket(AsyncSocket):
    _kind: ClassVar[str] = "outgoing tcp"


@overload
def init_tcp_socket(
    read_cb: BytesCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    data: Buffer | str | None = ...,
    stream: Literal[False] = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[SocketOptions],
) -> AsyncSocket: ...
@overload
def init_tcp_socket(
    read_cb: StreamCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    data: Buffer | str | None = ...,
    stream: Literal[True],
    loop: EventLoop | None = ...,
    **options: Unpack[SocketOptions],
) -> SocketStream: ...
def init_tcp_socket(
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    data: Buffer | str | None = None,
    stream: bool = False,
    loop: EventLoop | None = None,
    **options: Unpack[SocketOptions],
) -> AsyncSocket | SocketStream:
    """Make a socket that is not connected; `connect_tcp_socket` connects it.

    You would want it to decide later where to connect to, or to have the socket in a table before
    anything can happen to it. It does not keep the loop alive before it is being connected.

    Args:
        read_cb, event_cb, data, stream, loop: As for `tcp_connect`.
        **options: `connect_cb`, `write_cb`, `read_timeout`, `write_timeout`, `drain` and
            `external_format`, as for
            `tcp_connect`.

    Returns:
        The socket; or its stream, if `stream` is True.

    Raises:
        RuntimeError, TypeError, ValueError: As for `tcp_connect`.
    """
    check_names_for(init_tcp_socket, options, SocketOptions.__annotations__)
    socket = _OutgoingTcpSocket(read_cb, event_cb, loop, data=data, stream=stream, **options)
    return socket._for_application()


@overload
def connect_tcp_socket(
    socket: AsyncSocket,
    host: AddressLike,
    port: int | str,
    *,
    event_cb: EventCallback | None = ...,
    **options: Unpack[ConnectOptions],
) -> AsyncSocket: ...
@overload
def connect_tcp_socket(
    socket: SocketStream,
    host: AddressLike,
    port: int | str,
    *,
    event_cb: EventCallback | None = ...,
    **options: Unpack[ConnectOptions],
) -> SocketStream: ...
def connect_tcp_socket(
    socket: AsyncSocket | SocketStream,
    host: AddressLike,
    port: int | str,
    *,
    event_cb: EventCallback | None = None,
    **options: Unpack[ConnectOptions],
) -> AsyncSocket | SocketStream:
    """Connect what `init_tcp_socket` has made.

    Args:
        socket: The socket, or its stream.
        host, port: As for `tcp_connect`.
        event_cb: In place of the socket's.
        **options: `address_family`, `local_host`, `local_port`, `keepalive`, `nodelay`,
            `interface`, `resolver` and `attempt_delay`, as for `tcp_connect`.

    Returns:
        What it was given.

    Raises:
        SocketClosed: It is closed.
        ConnectionInProgress, AlreadyConnected: It has been connected before.
        RuntimeError: Its loop is another thread's, or has ended.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_names_for(connect_tcp_socket, options, ConnectOptions.__annotations__)
    plain = socket.socket if isinstance(socket, SocketStream) else socket
    start_to_connect(plain, host, port, event_cb, options)
    return socket


def start_to_connect(
    socket: AsyncSocket,
    host: AddressLike,
    port: int | str,
    event_cb: EventCallback | None,
    options: ConnectOptions,
    **secure: Unpack[BeginningOptions],
) -> None:
    """Have a socket connect, and perhaps speak TLS; see `connect_tcp_socket`."""
    options.setdefault("resolver", socket.loop.resolver)
    connector = partial(
        connect, remote_host=host, remote_port=port, high_water=0, **options, **secure
    )
    socket._connect_by(connector, f"{host!s}:{port}", event_cb)


@overload
def tcp_connect(
    host: AddressLike,
    port: int | str,
    read_cb: BytesCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    data: Buffer | str | None = ...,
    stream: Literal[False] = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[TcpOptions],
) -> AsyncSocket: ...
@overload
def tcp_connect(
    host: AddressLike,
    port: int | str,
    read_cb: StreamCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    data: Buffer | str | None = ...,
    stream: Literal[True],
    loop: EventLoop | None = ...,
    **options: Unpack[TcpOptions],
) -> SocketStream: ...
def tcp_connect(
    host: AddressLike,
    port: int | str,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    data: Buffer | str | None = None,
    stream: bool = False,
    loop: EventLoop | None = None,
    **options: Unpack[TcpOptions],
) -> AsyncSocket | SocketStream:
    """Connect to a host by TCP, and have callbacks called for what happens.

    It returns at once. A name is looked up without blocking, and all of its addresses are tried.
    What is written before the connection is there is sent then.

    Args:
        host: A name or an address.
        port: A port, or the name of a service.
        read_cb: Called with the socket and the bytes, whenever some have arrived; in undrained
            mode with the socket and its stream. None throws away what arrives.
        event_cb: Called, once, with the `Event` that ends the socket: end of file, or an error,
            that of connecting too. The loop's `default_event_handler` by default.
        data: Text or bytes to be sent first.
        stream: Return a `SocketStream`, and give it to `read_cb` in place of bytes.
        loop: The loop; the current one by default.
        connect_cb: Called with the socket when the connection is there.
        write_cb: Called with the socket whenever all that was written has been handed to the
            system.
        read_timeout: Seconds without anything having arrived, after which that is the end, while
            reading is enabled; None for no limit.
        write_timeout: The same for nothing of what is queued having been sent. Both limit
            connecting, too.
        drain: False is undrained mode: what arrives stays in the stream until it is read from
            there. That is the default in stream mode; True gives `read_cb` bytes all the same.
        external_format: The encoding and the newlines of text that is written, and of the stream.
            Default: UTF-8 with LF.
        address_family: ``"internet"``, or only ``"ipv4"`` or ``"ipv6"``.
        local_host, local_port, keepalive, nodelay, interface, attempt_delay: As for `make_socket`.
        resolver: Who looks names up; the loop's resolver by default.

    Returns:
        The socket; or its stream, if `stream` is True.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_names_for(tcp_connect, options, TcpOptions.__annotations__)
    connecting, others = split_options(options, ConnectOptions.__annotations__)
    socket = _OutgoingTcpSocket(
        read_cb, event_cb, loop, data=data, stream=stream, **cast("SocketOptions", others)
    )
    start_to_connect(socket, host, port, None, cast("ConnectOptions", connecting))
    return socket._for_application()


def close_socket(socket: AsyncSocket | SocketStream) -> None:
    """Close a socket as cl-async does: what was written and not sent is lost.

    `AsyncSocket.close` sends it, and may be repeated.

    Args:
        socket: The socket, or its stream.

    Raises:
        SocketClosed: It has been closed before.
    """
    plain = socket.socket if isinstance(socket, SocketStream) else socket
    plain._check_open("close")
    plain.abort()
