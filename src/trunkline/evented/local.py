"""Local sockets with callbacks: what TCP is between machines, they are within one."""

from functools import partial
from typing import ClassVar, Literal, Unpack, cast, overload

from .._core.buffers import Buffer
from .._core.option_names import check_names_for
from ..addresses import LocalAddress
from ..multiplex import connect
from ..sockets import PassiveSocket, make_socket
from ..sockets.keywords import PassiveLocalOptions, PathLikeName
from .async_socket import (
    AsyncSocket,
    BytesCallback,
    ReadCallback,
    SocketOptions,
    StreamCallback,
)
from .events import EventCallback
from .loop import EventLoop
from .server import SocketServer, inherited_socket
from .stream import SocketStream

__all__ = ("LocalServer", "local_connect", "local_server")


class _OutgoingLocalSocket(AsyncSocket):
    _kind: ClassVar[str] = "outgoing local"


class _IncomingLocalSocket(AsyncSocket):
    _kind: ClassVar[str] = "incoming local"


class LocalServer(SocketServer):
    """Accepts connections at a local address; `local_server` makes it."""

    _kind: ClassVar[str] = "local server"
    _socket_class: ClassVar[type[AsyncSocket]] = _IncomingLocalSocket

    @property
    def local_name(self) -> LocalAddress:
        """Where it listens."""
        return cast("LocalAddress", super().local_name)


@overload
def local_connect(
    path: PathLikeName,
    read_cb: BytesCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    data: Buffer | str | None = ...,
    stream: Literal[False] = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[SocketOptions],
) -> AsyncSocket: ...
@overload
def local_connect(
    path: PathLikeName,
    read_cb: StreamCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    data: Buffer | str | None = ...,
    stream: Literal[True],
    loop: EventLoop | None = ...,
    **options: Unpack[SocketOptions],
) -> SocketStream: ...
def local_connect(
    path: PathLikeName,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    data: Buffer | str | None = None,
    stream: bool = False,
    loop: EventLoop | None = None,
    **options: Unpack[SocketOptions],
) -> AsyncSocket | SocketStream:
    """Connect to a local socket, and have callbacks called for what happens; see `tcp_connect`.

    Args:
        path: A path or a `LocalAddress`.
        read_cb, event_cb, data, stream, loop: As for `tcp_connect`.
        **options: `connect_cb`, `write_cb`, `read_timeout`, `write_timeout`, `drain` and
            `external_format`, as for
            `tcp_connect`.

    Returns:
        The socket; or its stream, if `stream` is True.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_names_for(local_connect, options, SocketOptions.__annotations__)
    socket = _OutgoingLocalSocket(read_cb, event_cb, loop, data=data, stream=stream, **options)
    connector = partial(connect, address_family="local", remote_filename=path, high_water=0)
    socket._connect_by(connector, path)
    return socket._for_application()


@overload
def local_server(
    path: PathLikeName | None,
    read_cb: BytesCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    stream: Literal[False] = ...,
    backlog: int | None = ...,
    reuse_address: bool = ...,
    fd: int | None = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[SocketOptions],
) -> LocalServer: ...
@overload
def local_server(
    path: PathLikeName | None,
    read_cb: StreamCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    stream: Literal[True],
    backlog: int | None = ...,
    reuse_address: bool = ...,
    fd: int | None = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[SocketOptions],
) -> LocalServer: ...
def local_server(
    path: PathLikeName | None,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    stream: bool = False,
    backlog: int | None = None,
    reuse_address: bool = True,
    fd: int | None = None,
    loop: EventLoop | None = None,
    **options: Unpack[SocketOptions],
) -> LocalServer:
    """Accept connections at a local address, and have callbacks called; see `tcp_server`.

    Args:
        path: A path or a `LocalAddress`. The file is removed when the server is closed.
        reuse_address: Remove a socket's file that nobody listens to.
        read_cb, event_cb, stream, backlog, fd, loop: As for `tcp_server`.
        **options: `connect_cb`, `write_cb`, `read_timeout`, `write_timeout`, `drain` and
            `external_format`, as for
            `tcp_server`.

    Raises:
        AddressInUse: Somebody listens there.
        PathNotFound, PermissionDenied, SocketError: The system says no.
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_names_for(local_server, options, SocketOptions.__annotations__)
    if (fd is None) == (path is None):
        raise TypeError("a local server has either a path or an fd")

    def make_passive_socket() -> PassiveSocket:
        if fd is not None:
            return inherited_socket(fd, backlog, is_local=True)
        assert path is not None
        settings: PassiveLocalOptions = {"local_filename": path, "reuse_address": reuse_address}
        if backlog is not None:
            settings["backlog"] = backlog
        return make_socket(connect="passive", address_family="local", **settings)

    return LocalServer(make_passive_socket, read_cb, event_cb, loop, stream=stream, **options)
