"""Streams of connections: those that a server has accepted, and those that a client opens."""

from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, overload

from ..._core.deadline import Deadline, check_timeout
from ..._core.external_format import ExternalFormatLike, ensure_external_format
from ..._sys.clock import monotonic
from ...addresses import IPV4_UNSPECIFIED, IPV6_UNSPECIFIED, AddressLike, Endpoint
from ...errors import ResolverError, SocketError, TimedOut
from ...servers.limits import LimitedChannel, TimeLimits
from ...servers.listening import check_ipv6, check_literal
from ...sockets import ActiveSocket, PassiveSocket, make_socket
from ...sockets.families import InternetFamily
from ...sockets.resolving import Resolver, literal_address
from ...sockets.secured import ready_tls

if TYPE_CHECKING:
    from ...tls.description import TLSLike

__all__ = (
    "OpenedStream",
    "close_socket_handle",
    "create_ssl_socket_stream",
    "get_socket_address",
    "get_socket_peer_address",
    "make_socket_stream",
    "open_tcp_stream",
)


def make_socket_stream(
    handle: ActiveSocket, *, external_format: ExternalFormatLike = "utf-8"
) -> ActiveSocket:
    """Make a stream of a handle that a server's function was called with.

    In LispWorks a handle is a number, and a stream is an object around it. Here both are the same
    socket. What a handle lacks is a format of its own: it reads and writes text as ``"latin-1"``,
    in which each byte is one character, until this function gives it another.

    Args:
        handle: The connection.
        external_format: The format of text.

    Returns:
        The same socket.

    Raises:
        TypeError, ValueError: The format is none.
    """
    handle.external_format = ensure_external_format(external_format)
    return handle


def create_ssl_socket_stream(
    handle: ActiveSocket,
    ssl_ctx: "TLSLike",
    *,
    ssl_side: Literal["server", "client"] = "server",
    tlsext_host_name: str | None = None,
    external_format: ExternalFormatLike = "utf-8",
    timeout: float | None = None,
) -> ActiveSocket:
    """Speak TLS on a handle, and make a stream of it.

    A server's function is to do so in a thread of its own: it waits for the client's handshake, and
    the server accepts nobody meanwhile. On a connection that has begun without TLS, it is what
    LispWorks calls to attach it.

    Args:
        handle: The connection.
        ssl_ctx: How to speak: a `TLS`, a context of Python's, or True for a client.
        ssl_side: ``"server"`` waits for the other end to begin; ``"client"`` begins.
        tlsext_host_name: For a client: whom to ask for, and to expect. Default: that of the `TLS`,
            or the host that the handle is connected to.
        external_format: The format of text.
        timeout: Seconds for the handshake; None is for ever.

    Returns:
        The same socket.

    Raises:
        TLSError, SocketError: The handshake has failed; see `ActiveSocket.start_tls`. The handle is
            still to be closed.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    if ssl_side not in ("server", "client"):
        raise ValueError(f"ssl_side is 'server' or 'client', not {ssl_side!r}")
    external_format = ensure_external_format(external_format)
    handle.start_tls(
        ssl_ctx, server_side=ssl_side == "server", server_name=tlsext_host_name, timeout=timeout
    )
    handle.external_format = external_format
    return handle


MaybeStream = TypeVar("MaybeStream", bound=ActiveSocket | None, covariant=True)
MaybeCondition = TypeVar("MaybeCondition", bound=SocketError | ResolverError | None, covariant=True)


class OpenedStream(NamedTuple, Generic[MaybeStream, MaybeCondition]):
    """What `open_tcp_stream` returns.

    A ``with`` statement takes the stream out of it, and closes that in the end. It raises the
    condition if there is no stream.

    Attributes:
        stream: The stream, or None if it could not be opened.
        condition: Why it could not, or None.
    """

    stream: MaybeStream
    condition: MaybeCondition

    def __enter__(self) -> ActiveSocket:
        if self.stream is None:
            assert self.condition is not None
            raise self.condition
        return self.stream.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self.stream is not None
        self.stream.__exit__(kind, error, traceback)


_FAMILIES: dict[object, InternetFamily] = {
    "any": "internet",
    True: "ipv6",
    False: "ipv4",
    None: "ipv4",
}


@overload
def open_tcp_stream(
    host: AddressLike,
    service: int | str,
    *,
    errorp: Literal[True],
    timeout: float | None = ...,
    read_timeout: float | None = ...,
    write_timeout: float | None = ...,
    local_address: AddressLike | None = ...,
    local_port: int | str | None = ...,
    nodelay: bool = ...,
    keepalive: bool = ...,
    ipv6: Literal["any"] | bool | None = ...,
    external_format: ExternalFormatLike = ...,
    resolver: Resolver | None = ...,
    ssl_ctx: "TLSLike | None" = ...,
) -> OpenedStream[ActiveSocket, None]: ...
@overload
def open_tcp_stream(
    host: AddressLike,
    service: int | str,
    *,
    errorp: Literal[False] = ...,
    timeout: float | None = ...,
    read_timeout: float | None = ...,
    write_timeout: float | None = ...,
    local_address: AddressLike | None = ...,
    local_port: int | str | None = ...,
    nodelay: bool = ...,
    keepalive: bool = ...,
    ipv6: Literal["any"] | bool | None = ...,
    external_format: ExternalFormatLike = ...,
    resolver: Resolver | None = ...,
    ssl_ctx: "TLSLike | None" = ...,
) -> OpenedStream[ActiveSocket | None, SocketError | ResolverError | None]: ...
def open_tcp_stream(
    host: AddressLike,
    service: int | str,
    *,
    errorp: bool = False,
    timeout: float | None = None,
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    local_address: AddressLike | None = None,
    local_port: int | str | None = None,
    nodelay: bool = True,
    keepalive: bool = False,
    ipv6: Literal["any"] | bool | None = "any",
    external_format: ExternalFormatLike = "utf-8",
    resolver: Resolver | None = None,
    ssl_ctx: "TLSLike | None" = None,
) -> OpenedStream[ActiveSocket | None, SocketError | ResolverError | None]:
    """Connect to a server, and return the stream; or say why that has failed.

    Args:
        host: The server's address or name. All addresses that a name has are tried, see
            `make_socket`.
        service: The server's port, or the name of a service.
        errorp: Raise the error if connecting fails. Default: False, which returns it.
        timeout: Seconds for looking the name up and connecting; None is for ever.
        read_timeout: Seconds that one reading call of the stream may take in all; None is for ever.
            The call then raises `TimedOut`. (In LispWorks it returns the end of file.)
        write_timeout: The same for writing calls.
        local_address: The address, or name, of this machine to connect from. Default: any.
        local_port: The port to connect from, or the name of a service. Default: any.
        nodelay: Send small pieces at once rather than gather them (TCP_NODELAY).
        keepalive: Let the system find out whether the peer still exists (SO_KEEPALIVE).
        ipv6: Which addresses names, and addresses given as text, may have: False or None is IPv4,
            True is IPv6, and ``"any"`` is both.
        external_format: The format of text.
        resolver: Who looks names up. Default: the system's resolver.
        ssl_ctx: Speak TLS, in this way: a `TLS`, a context of Python's, or True. The server has to
            prove who it is, unless the `TLS` says otherwise. (LispWorks does not ask it to.)
            `timeout` counts for that, too. Default: do not.

    Returns:
        The stream and None; or, if it could not be opened and `errorp` is false, None and the
        error.

    Raises:
        TypeError, ValueError: An argument is none of those that it can be.
        ConnectionRefused, TimedOut, SocketError, ResolverError: `errorp` is true, and connecting
            has failed; see `make_socket`.
    """
    limits = TimeLimits(read_timeout, write_timeout)  # a mistake must not cost a connection
    tls = ready_tls(ssl_ctx, server_side=False, operation="connect")
    deadline = Deadline(check_timeout(timeout), monotonic)
    family = _FAMILIES[check_ipv6(ipv6, ("any", True, False, None))]
    literal = literal_address(host)
    if literal is not None and isinstance(host, str):
        check_literal(literal, ipv6)
    elif literal is not None:
        family = "internet"
    if local_address is None and local_port is not None:
        is_ipv6 = literal.version == 6 if literal is not None else family == "ipv6"
        local_address = IPV6_UNSPECIFIED if is_ipv6 else IPV4_UNSPECIFIED
    local: dict[str, Any] = {} if local_address is None else {"local_host": local_address}
    try:
        stream = make_socket(
            address_family=family,
            remote_host=host,
            remote_port=service,
            local_port=local_port,
            timeout=timeout,
            nodelay=bool(nodelay),
            keepalive=bool(keepalive),
            external_format=external_format,
            resolver=resolver,
            **local,
        )
    except (SocketError, ResolverError) as condition:
        if errorp:
            raise
        return OpenedStream(None, condition)
    stream.timeout = None  # that was for connecting
    stream = _limited(stream, limits)
    try:
        if tls is not None:
            stream.start_tls(tls, timeout=deadline.remaining())
    except SocketError as condition:
        # As from a `with` block: a peer that is refused gets the alert that says why.
        stream.__exit__(type(condition), condition, condition.__traceback__)
        if errorp:
            raise
        return OpenedStream(None, condition)
    except BaseException:
        stream.close(abort=True)
        raise
    return OpenedStream(stream, None)


def _limited(stream: ActiveSocket, limits: TimeLimits) -> ActiveSocket:
    """Return the stream of a fresh connection, with limits of time."""
    if limits == TimeLimits():
        return stream
    connection = stream._detach()
    limited = ActiveSocket(
        connection.descriptor,
        remote_name=connection.remote_name,
        external_format=connection.external_format,
    )
    limited._go_through(_StreamLimits(connection.descriptor, limits))
    limited._host = stream._host
    return limited


class _StreamLimits(LimitedChannel):
    """Limits that are the caller's own, and not a server's."""

    def _passed(self, name: str, operation: str) -> TimedOut:
        return TimedOut.expired(operation, self.where)


def close_socket_handle(handle: ActiveSocket) -> None:
    """Close the handle of a connection of which no stream was made. May be repeated."""
    handle.close()


def get_socket_address(socket: ActiveSocket | PassiveSocket) -> Endpoint:
    """Return the address and the port that a socket is bound to.

    They are remembered when the socket is closed.

    Raises:
        TypeError: It is a local socket, which has neither.
        SocketClosed: It was closed before it was bound.
    """
    return Endpoint(socket.local_host, socket.local_port)


def get_socket_peer_address(socket: ActiveSocket) -> Endpoint:
    """Return the address and the port of the peer; see `get_socket_address`.

    Raises:
        NotConnected: There is no peer.
        TypeError: It is a local socket, whose peer has neither.
    """
    return Endpoint(socket.remote_host, socket.remote_port)
