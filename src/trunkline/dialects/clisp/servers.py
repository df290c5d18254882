"""Socket servers: making them, waiting for a connection, accepting it."""

from ipaddress import IPv4Address, IPv6Address

from ..._core.external_format import ExternalFormatLike
from ...addresses import IPV4_UNSPECIFIED, Endpoint, IPAddress
from ...errors import TimedOut
from ...multiplex.descriptor_like import DescriptorLike
from ...sockets import PassiveSocket, Resolver, make_socket
from .arguments import Seconds, check_port, descriptor_of, host_address, time_limit
from .streams import Buffered, ElementType, SocketStream, stream_of, stream_options

__all__ = (
    "socket_accept",
    "socket_server",
    "socket_server_close",
    "socket_server_host",
    "socket_server_port",
    "socket_wait",
)


def socket_server(
    port: int = 0,
    *,
    interface: str | IPAddress | DescriptorLike | None = None,
    backlog: int = 1,
    resolver: Resolver | None = None,
) -> PassiveSocket:
    """Open a port, and let connections wait there to be accepted.

    Args:
        port: The port; 0 lets the system choose, see `socket_server_port`.
        interface: The address to listen at, or a name of it. Given a connection, it is the address
            at which its peer has reached us, so that the peer may connect once more, and nobody
            from another network. Default: all IPv4 addresses of this machine. That lets everybody
            in; ``"127.0.0.1"`` is for connections from this machine alone.
        backlog: How many connections may wait.
        resolver: Who looks a name up; the system's resolver by default.

    Raises:
        AddressInUse: Somebody listens there already.
        PermissionDenied: Ports below 1024 are for privileged users, on most systems.
        AddressNotAvailable, SocketError: The system says no. EINVAL is an interface that there is
            not.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    check_port(port)
    address = IPV4_UNSPECIFIED if interface is None else _address_of(interface, resolver)
    return make_socket(
        connect="passive",
        address_family="ipv4" if address.version == 4 else "ipv6",
        local_host=address,
        local_port=port,
        backlog=backlog,
    )


def _address_of(
    interface: str | IPAddress | DescriptorLike, resolver: Resolver | None
) -> IPAddress:
    if isinstance(interface, (str, IPv4Address, IPv6Address)):
        return host_address(interface, "bind", resolver)
    name = descriptor_of(interface).local_name()
    if not isinstance(name, Endpoint):
        raise TypeError("a local socket has no interface")
    return name.host


def socket_server_close(server: PassiveSocket) -> None:
    """Close a server's port. Connections that were accepted live on. May be repeated."""
    server.close()


def socket_server_host(server: PassiveSocket) -> str:
    """Return the address that a server listens at; it is remembered when the server is closed."""
    return str(server.local_host)


def socket_server_port(server: PassiveSocket) -> int:
    """Return the port that a server listens at; it is remembered when the server is closed."""
    return server.local_port


def socket_wait(server: PassiveSocket, seconds: Seconds = None, microseconds: int = 0) -> bool:
    """Wait for a connection, and leave it to be accepted.

    Args:
        server: What `socket_server` has returned.
        seconds: Seconds to wait, or a pair of seconds and microseconds; None is for ever, 0 only
            looks.
        microseconds: To be added to `seconds`.

    Returns:
        Whether a connection waits.

    Raises:
        SocketClosed: The server is closed, or is being closed by another thread.
        TypeError, ValueError: The time is none.
    """
    return server.wait_for_connection(timeout=time_limit(seconds, microseconds))


def socket_accept(
    server: PassiveSocket,
    *,
    element_type: ElementType = "text",
    external_format: ExternalFormatLike = "utf-8",
    buffered: Buffered = "default",
    timeout: Seconds = None,
) -> SocketStream:
    """Wait for a connection, and return its stream.

    Args:
        server: What `socket_server` has returned.
        element_type: See `socket_connect`.
        external_format: See `socket_connect`.
        buffered: See `socket_connect`.
        timeout: Seconds to wait, or a pair of seconds and microseconds; None is for ever, 0 does
            not wait.

    Raises:
        TimedOut: The time is up.
        SocketClosed: The server is closed, or is being closed by another thread.
        Busy: Another thread is accepting.
        TypeError, ValueError: An argument is none of those that it can be; the server is no local
            one, for example.
    """
    options = stream_options(element_type, external_format, buffered)
    given = socket_server_host(server), socket_server_port(server)
    accepted = server.accept(timeout=time_limit(timeout))
    if accepted is None:
        raise TimedOut.expired("accept", server.local_name)
    return stream_of(accepted, {**options, "given": given})
