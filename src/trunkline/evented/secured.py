"""TLS with callbacks: connecting and serving, as without it.

What the two functions make of their arguments is a `trunkline.TLS`, or a context of Python's; all
else is the transport's work.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict, Unpack, cast, overload

from .._core.buffers import Buffer
from .._core.option_names import check_names_for, split_options
from .._sys.late_import import late_import
from ..addresses import AddressLike
from .async_socket import AsyncSocket, BytesCallback, ReadCallback, SocketOptions, StreamCallback
from .events import EventCallback
from .loop import EventLoop
from .server import ListenOptions, TcpServer, TcpServerOptions, passive_tcp_socket
from .stream import SocketStream
from .tcp import ConnectOptions, TcpOptions, start_to_connect

if TYPE_CHECKING:
    from ..tls.description import Password, Path, TLSLike

__all__ = ("SSLSocket", "tcp_ssl_connect", "tcp_ssl_server")


class SSLSocket(AsyncSocket):
    """A socket that speaks TLS; `tcp_ssl_connect` and `tcp_ssl_server` make it."""

    _kind: ClassVar[str] = "tls"

    @property
    def remote_certificate(self) -> bytes | None:
        """The peer's certificate (DER), once it is connected; None if it has shown none."""
        return None if self._transport is None else self._transport.remote_certificate

    @property
    def tls_version(self) -> str | None:
        """The version of TLS, like ``"TLSv1.3"``, once it is connected."""
        return None if self._transport is None else self._transport.tls_version

    @property
    def cipher(self) -> str | None:
        """The name of the cipher, once it is connected."""
        return None if self._transport is None else self._transport.cipher

    @property
    def alpn_protocol(self) -> str | None:
        """What both ends have agreed to speak inside of TLS, once it is connected; or None."""
        return None if self._transport is None else self._transport.alpn_protocol


class _OutgoingSSLSocket(SSLSocket):
    _kind: ClassVar[str] = "outgoing tls"


class _IncomingSSLSocket(SSLSocket):
    _kind: ClassVar[str] = "incoming tls"


class _SSLServer(TcpServer):
    _kind: ClassVar[str] = "tls server"
    _socket_class: ClassVar[type[AsyncSocket]] = _IncomingSSLSocket


class _SSLOptions(TypedDict, total=False):
    ssl_ctx: "TLSLike"
    ssl_options: int
    ciphers: str
    handshake_timeout: float | None


class _ConnectOptions(TcpOptions, _SSLOptions, total=False):
    pass


class _ServerOptions(TcpServerOptions, _SSLOptions, total=False):
    certificate: "Path"
    key: "Path"
    password: "Password"


@overload
def tcp_ssl_connect(
    host: AddressLike,
    port: int | str,
    read_cb: BytesCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    data: Buffer | str | None = ...,
    stream: Literal[False] = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[_ConnectOptions],
) -> SSLSocket: ...
@overload
def tcp_ssl_connect(
    host: AddressLike,
    port: int | str,
    read_cb: StreamCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    data: Buffer | str | None = ...,
    stream: Literal[True],
    loop: EventLoop | None = ...,
    **options: Unpack[_ConnectOptions],
) -> SocketStream: ...
def tcp_ssl_connect(
    host: AddressLike,
    port: int | str,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    data: Buffer | str | None = None,
    stream: bool = False,
    loop: EventLoop | None = None,
    **options: Unpack[_ConnectOptions],
) -> SSLSocket | SocketStream:
    """Connect to a host and speak TLS with it, and have callbacks called for what happens.

    The server has to prove that it is the host. Where it cannot, or TLS fails otherwise, `event_cb`
    is told the `trunkline.TLSError`. The connection is there when the handshake is over: what is
    written before is sent then.

    Args:
        host, port, read_cb, event_cb, data, stream, loop: As for `tcp_connect`.
        ssl_ctx: How to speak: a `trunkline.TLS`, a context of Python's, or True for safe defaults,
            which is the default.
        ssl_options: Options of OpenSSL's to be added, like `ssl.OP_NO_TICKET`; for the defaults
            only.
        ciphers: OpenSSL's text for the ciphers that may be used up to TLS 1.2; for the defaults
            only.
        handshake_timeout: Seconds for the handshake: 60 by default, None for no limit.
        **options: `connect_cb`, `write_cb`, `read_timeout`, `write_timeout`, `drain`,
            `external_format`, `address_family`, `local_host`, `local_port`, `keepalive`, `nodelay`,
            `interface`, `resolver` and `attempt_delay`, as for `tcp_connect`.

    Returns:
        The socket; or its stream, if `stream` is True.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TLSError: There are no such ciphers.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_names_for(tcp_ssl_connect, options, _ConnectOptions.__annotations__)
    for_socket, others = split_options(options, SocketOptions.__annotations__)
    connecting, for_tls = split_options(others, ConnectOptions.__annotations__)
    tls, limit = _take_tls(for_tls, server_side=False)
    socket = _OutgoingSSLSocket(
        read_cb,
        event_cb,
        loop,
        data=data,
        stream=stream,
        **cast("SocketOptions", for_socket),
    )
    start_to_connect(socket, host, port, None, cast("ConnectOptions", connecting), tls=tls, **limit)
    return cast("SSLSocket | SocketStream", socket._for_application())


@overload
def tcp_ssl_server(
    bind_address: AddressLike | None,
    port: int | str | None,
    read_cb: BytesCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    stream: Literal[False] = ...,
    backlog: int | None = ...,
    fd: int | None = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[_ServerOptions],
) -> TcpServer: ...
@overload
def tcp_ssl_server(
    bind_address: AddressLike | None,
    port: int | str | None,
    read_cb: StreamCallback | None,
    event_cb: EventCallback | None = ...,
    *,
    stream: Literal[True],
    backlog: int | None = ...,
    fd: int | None = ...,
    loop: EventLoop | None = ...,
    **options: Unpack[_ServerOptions],
) -> TcpServer: ...
def tcp_ssl_server(
    bind_address: AddressLike | None,
    port: int | str | None,
    read_cb: ReadCallback | None,
    event_cb: EventCallback | None = None,
    *,
    stream: bool = False,
    backlog: int | None = None,
    fd: int | None = None,
    loop: EventLoop | None = None,
    **options: Unpack[_ServerOptions],
) -> TcpServer:
    """Listen at an address and port for connections that speak TLS.

    A client whose handshake fails is told to `event_cb`, as a `trunkline.TLSError`, and so is one
    that does not finish it in time; `connect_cb` is called when it is over.

    Args:
        bind_address, port, read_cb, event_cb, stream, backlog, fd, loop: As for `tcp_server`.
        certificate: The file (PEM) with the server's certificate, and those that lead to who has
            signed it.
        key: The file with its key (PEM). Default: it is in the same file.
        password: What the key is encrypted with, or a function that returns it.
        ssl_ctx: How to speak, in place of these: a `trunkline.TLS`, or a context of Python's.
        ssl_options: Options of OpenSSL's to be added, like `ssl.OP_NO_TICKET`; not for an
            `ssl_ctx`.
        ciphers: OpenSSL's text for the ciphers that may be used up to TLS 1.2; not for an
            `ssl_ctx`.
        handshake_timeout: Seconds for a handshake: 60 by default, None for no limit.
        **options: `connect_cb`, `write_cb`, `read_timeout`, `write_timeout`, `drain`,
            `external_format`, `reuse_address`, `reuse_port`, `v6_only`, `keepalive`, `nodelay` and
            `interface`, as for `tcp_server`.

    Returns:
        The server, as that of `tcp_server`.

    Raises:
        TLSError, SocketError: A file is not as it should be; or there are no such ciphers.
        Everything that `tcp_server` raises.
    """
    check_names_for(tcp_ssl_server, options, _ServerOptions.__annotations__)
    for_socket, others = split_options(options, SocketOptions.__annotations__)
    listening, for_tls = split_options(others, ListenOptions.__annotations__)
    tls, limit = _take_tls(for_tls, server_side=True)
    return _SSLServer(
        lambda: passive_tcp_socket(bind_address, port, backlog, fd, listening),
        read_cb,
        event_cb,
        loop,
        stream=stream,
        tls=tls,
        **limit,
        **cast("SocketOptions", for_socket),
    )


_OF_A_CERTIFICATE = ("certificate", "key", "password")
_OF_A_CONTEXT = ("ssl_options", "ciphers")


def _take_tls(options: dict[str, Any], *, server_side: bool) -> "tuple[TLSLike, dict[str, Any]]":
    """Return how to speak, and the limit of time for the handshake if there is one given."""
    limit = {name: options[name] for name in ("handshake_timeout",) if name in options}
    given = [name for name in (*_OF_A_CERTIFICATE, *_OF_A_CONTEXT) if options.get(name) is not None]
    tls = options.get("ssl_ctx")
    if tls is not None and tls is not True:
        if given:
            raise TypeError(f"there is an ssl_ctx, which says itself what {given[0]} would say")
        return tls, limit
    if server_side and options.get("certificate") is None:
        raise TypeError("a server that speaks TLS needs a certificate, or an ssl_ctx")
    with late_import("tls"):
        from ..tls.description import TLS, context_with

    description = TLS(**{name: options[name] for name in _OF_A_CERTIFICATE if name in given})
    if not any(name in given for name in _OF_A_CONTEXT):
        return description, limit
    context = context_with(
        description,
        server_side=server_side,
        options=options.get("ssl_options") or 0,
        ciphers=options.get("ciphers"),
    )
    return context, limit
