"""Sockets as PORT has them, the portability layer of the Common Lisp Open Code Collection.

The functions have PORT's names in snake_case, and its conventions: addresses are those of IPv4, and
written as dotted text or as integers; a server listens on all interfaces; the four values that name
a connection are told at once. What they return are Trunkline's own sockets, so that everything else
about a socket (reading, writing, `force_output`, `close`) is as it is everywhere.
"""

from collections.abc import Callable
from functools import partial
from os import PathLike
from threading import Thread
from typing import Literal, NamedTuple, ParamSpec, TypeAlias, overload

from .._core.callbacks import call_plainly, check_callback
from .._core.counts import check_count
from .._core.external_format import ExternalFormatLike, ensure_external_format
from .._core.netdb_tables import Service
from .._sys.netdb import SERVICES
from ..addresses import (
    IPV4_UNSPECIFIED,
    AddressLike,
    LocalAddress,
    dotted_to_ipaddr,
    ensure_address,
    ipaddr_to_dotted,
)
from ..errors import NoName, TimedOut, TrunklineError
from ..multiplex import wait_until_fd_ready
from ..names.netdb import lookup_service
from ..sockets import ActiveSocket, PassiveSocket, Resolver, lookup_hostname, make_socket

__all__ = (
    "HostEnt",
    "Network",
    "Servent",
    "Timeout",
    "dotted_to_ipaddr",
    "ipaddr_closure",
    "ipaddr_to_dotted",
    "make_process",
    "open_socket",
    "open_socket_server",
    "open_unix_socket",
    "resolve_host_ipaddr",
    "set_socket_stream_format",
    "socket_accept",
    "socket_host_port",
    "socket_server_close",
    "socket_server_host_port",
    "socket_service_port",
    "socket_string",
    "wait_for_stream",
)

P = ParamSpec("P")

Network = TrunklineError
"""PORT's ``network``: whatever goes wrong with a connection, or with making one."""

Timeout = TimedOut
"""PORT's ``timeout``, one of them."""

_AF_INET = 2  # what PORT prints, whatever number this system has for it


# -- addresses ------------------------------------------------------------------------------------


class HostEnt(NamedTuple):
    """What `resolve_host_ipaddr` returns.

    Attributes:
        name: The host's canonical name, or ``""`` where an address has no name.
        aliases: Further names that are known: the one that was asked for, if it is not the official
            one. Resolvers here tell of no others.
        addr_list: The host's addresses as dotted text, the best first.
        addr_type: The family of the addresses: 2, which is IPv4's.
    """

    name: str = ""
    aliases: tuple[str, ...] = ()
    addr_list: tuple[str, ...] = ()
    addr_type: int = _AF_INET


def resolve_host_ipaddr(host: AddressLike, *, resolver: Resolver | None = None) -> HostEnt:
    """Look up the addresses of a host; or, given an address, the name of the host.

    Args:
        host: A name, dotted text, or an integer.
        resolver: Who looks it up; the system's resolver by default.

    Raises:
        NoName: The name does not exist, or has no IPv4 address.
        TryAgain, ServerFailure, ResolverError: The resolver could not find out.
        ValueError, TypeError: `host` is neither a name nor an address.
    """
    found = lookup_hostname(host, family="ipv4", resolver=resolver)
    name = found.canonical_name
    if name is None:
        # Either the resolver has found addresses and does not know the official name, or no name.
        name = found.names[0][0] if found.names else ""
    aliases = tuple(dict.fromkeys(each for each, _ in found.names if each != name))
    addresses = (found.address, *found.addresses)
    return HostEnt(name, aliases, tuple(str(address) for address in addresses))


def ipaddr_closure(
    host: AddressLike, *, resolver: Resolver | None = None
) -> tuple[dict[HostEnt, tuple[str, ...]], dict[str, HostEnt]]:
    """Look up all names and addresses that belong together, by way of each other.

    Names have addresses, and these have names, which may have further addresses; and so on, until
    there is nothing new.

    Args:
        host: A name, dotted text, or an integer.
        resolver: Who looks it up; the system's resolver by default.

    Returns:
        The hosts, each with what was found to lead to it; and the host that each of these leads to.

    Raises:
        NoName, TryAgain, ServerFailure, ResolverError, ValueError, TypeError: As for
            `resolve_host_ipaddr`. What only leads on from there may have no name.
    """
    start = host if isinstance(host, str) else str(ensure_address(host, "ipv4"))
    found = {start: resolve_host_ipaddr(start, resolver=resolver)}
    left = [start]
    while left:
        entry = found[left.pop()]
        for each in (entry.name, *entry.aliases, *entry.addr_list):
            if each and each not in found:
                try:
                    found[each] = resolve_host_ipaddr(each, resolver=resolver)
                except NoName:
                    found[each] = entry
                else:
                    left.append(each)
    hosts: dict[HostEnt, tuple[str, ...]] = {}
    for each, entry in found.items():
        hosts[entry] = (*hosts.get(entry, ()), each)
    return hosts, found


_Transport: TypeAlias = Literal["tcp", "udp"]


class Servent(NamedTuple):
    """What `socket_service_port` returns.

    Attributes:
        name: The service's official name.
        aliases: Its other names.
        port: Its port.
        proto: Its protocol, ``"tcp"`` or ``"udp"``.
    """

    name: str
    aliases: tuple[str, ...]
    port: int
    proto: str


@overload
def socket_service_port(service: str | int, protocol: _Transport = ...) -> Servent: ...
@overload
def socket_service_port(service: None = ..., protocol: _Transport = ...) -> list[Servent]: ...
def socket_service_port(
    service: str | int | None = None, protocol: _Transport = "tcp"
) -> Servent | list[Servent]:
    """Find a service in the system's table, services(5).

    Args:
        service: A name, one of its other names, or a port. Default: all services, of whichever
            protocol.
        protocol: ``"tcp"`` or ``"udp"``.

    Raises:
        TypeError: `service` is neither text nor an integer.
        ValueError: There is no such service.
    """
    if service is None:
        return [_servent(each) for each in SERVICES.get().services]
    return _servent(lookup_service(service, protocol))


def _servent(service: Service) -> Servent:
    return Servent(service.name, service.aliases, service.port, service.protocol)


# -- servers --------------------------------------------------------------------------------------


def open_socket_server(port: int | None = None) -> PassiveSocket:
    """Open a port, on all IPv4 interfaces, and let connections wait there to be accepted.

    Args:
        port: The port. Without one, or with 0, the system chooses: `socket_server_host_port` tells.

    Raises:
        AddressInUse: The port has been opened by somebody else.
        PermissionDenied: Ports below 1024 are for privileged users, on most systems.
        TooManyOpenFiles: No descriptor is left.
        TypeError, ValueError: It is not a port.
    """
    number = 0 if port is None else _check_port(port, lowest=0)
    return make_socket(
        connect="passive", address_family="ipv4", local_host=IPV4_UNSPECIFIED, local_port=number
    )


@overload
def socket_accept(server: PassiveSocket, *, wait: None = None) -> ActiveSocket: ...
@overload
def socket_accept(server: PassiveSocket, *, wait: float | None) -> ActiveSocket | None: ...
def socket_accept(server: PassiveSocket, *, wait: float | None = None) -> ActiveSocket | None:
    """Wait for a connection, and return its stream.

    Args:
        server: What `open_socket_server` has returned.
        wait: The most seconds to wait; 0 only looks, and None, the default, waits for ever.

    Returns:
        The stream, or None when the time is up.

    Raises:
        SocketClosed: The server is closed, or is being closed by another thread.
        Busy: Another thread is accepting.
        TypeError, ValueError: `wait` is not a number of seconds.
    """
    return server.accept(timeout=wait)


def socket_server_close(server: PassiveSocket) -> None:
    """Close a server's port. Connections that were accepted live on. May be repeated."""
    server.close()


def socket_server_host_port(server: PassiveSocket) -> tuple[str, int]:
    """Return the address that a server listens at, as dotted text, and its port.

    They are remembered when the server is closed.
    """
    return str(server.local_host), server.local_port


# -- connections ----------------------------------------------------------------------------------


def open_socket(host: AddressLike, port: int, *, resolver: Resolver | None = None) -> ActiveSocket:
    """Connect to a server, and return the stream.

    The connection is there as soon as the other system has taken it in, which may be long before
    the server accepts it.

    Args:
        host: The server's name, dotted text, or an integer. All IPv4 addresses that a name has are
            tried, see `make_socket`.
        port: The server's port.
        resolver: Who looks the name up; the system's resolver by default.

    Raises:
        ConnectionRefused: Nobody has opened that port there.
        TimedOut, NetworkUnreachable, HostUnreachable, ConnectFailed, SocketError: The system cannot
            reach it.
        NoName, TryAgain, ServerFailure, ResolverError: The name could not be resolved.
        TooManyOpenFiles: No descriptor is left.
        TypeError, ValueError: It is not a host, or not a port.
    """
    return make_socket(
        address_family="ipv4",
        remote_host=host,
        remote_port=_check_port(port, lowest=1),
        resolver=resolver,
    )


def open_unix_socket(
    path: str | PathLike[str] | LocalAddress, *, kind: Literal["stream"] = "stream"
) -> ActiveSocket:
    """Connect to a local socket, and return the stream.

    Args:
        path: The server's path, or its `LocalAddress`.
        kind: ``"stream"``, and nothing else so far.

    Raises:
        PathNotFound, PermissionDenied, ConnectionRefused, SocketError: It cannot be reached.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    return make_socket(address_family="local", remote_filename=path, type=kind)


def wait_for_stream(stream: ActiveSocket, timeout: float | None = None) -> bool:
    """Wait until there is something to read, the end of the input being that, too.

    Args:
        stream: The connection. Input that is buffered is there to be read.
        timeout: The most seconds to wait; 0 only looks, and None, the default, waits for ever.

    Returns:
        Whether there is something; False when the time is up.

    Raises:
        SocketClosed: The stream is closed.
        TypeError, ValueError: `timeout` is not a number of seconds.
    """
    return wait_until_fd_ready(stream, "read", timeout=timeout).readable


_BINARY = "latin-1"  # in which each byte is a character


def set_socket_stream_format(
    stream: ActiveSocket,
    format: ExternalFormatLike | Literal["text", "binary"],  # noqa: A002
) -> None:
    """Say how text looks on the wire from now on; bytes can be read and written in any format.

    Args:
        stream: The connection.
        format: ``"text"``, which is UTF-8; ``"binary"``, where each byte is one character; or any
            external format.

    Raises:
        TypeError, ValueError: There is no such format.
    """
    meant = {"text": "utf-8", "binary": _BINARY}.get(format) if isinstance(format, str) else None
    stream.external_format = ensure_external_format(meant or format)


def socket_host_port(stream: ActiveSocket) -> tuple[str, int, str, int]:
    """Return the four values that identify a connection: remote host and port, local host and port.

    Hosts are dotted text. Seen from the other end, the two pairs have changed places. The values
    are remembered when the connection is lost, and when the stream is closed.

    Raises:
        NotConnected: The socket has no peer yet.
        TypeError: It is a local one, whose ends have neither; or it is no stream.
    """
    _check_stream(stream)
    return str(stream.remote_host), stream.remote_port, str(stream.local_host), stream.local_port


def _check_stream(stream: object) -> None:
    if not isinstance(stream, ActiveSocket):
        hint = "; see socket_server_host_port" if isinstance(stream, PassiveSocket) else ""
        raise TypeError(f"only a stream has two ends, not a {type(stream).__name__}{hint}")


def socket_string(stream: ActiveSocket) -> str:
    """Return both ends of a connection as text: ``[local: 10.0.0.1:1025] [peer: 10.0.0.2:80]``.

    Raises:
        NotConnected, TypeError: See `socket_host_port`.
    """
    host, port, local_host, local_port = socket_host_port(stream)
    return f"[local: {local_host}:{local_port}] [peer: {host}:{port}]"


def _check_port(port: int, *, lowest: int) -> int:
    # Names of services, which sockets take elsewhere, are no ports in PORT.
    return check_count("a port", port, least=lowest, most=65_535)


# -- threads --------------------------------------------------------------------------------------


def make_process(
    name: str, function: Callable[P, object], /, *args: P.args, **kwargs: P.kwargs
) -> Thread:
    """Call a function in a thread of its own, which has already started when this returns.

    You would want it to hand an accepted connection over, and to accept the next one at once. As in
    Lisp, the thread does not keep the program running: wait for it with its `join` if it must
    finish. What the function raises goes to `threading.excepthook`.

    Args:
        name: What the thread is called.
        function: What to call.
        *args: Its arguments.
        **kwargs: Its keyword arguments.

    Raises:
        RuntimeError: The system has no room for another thread.
        TypeError: The function cannot be called, or not with these arguments; or it is async, or a
            generator, and would do nothing.
    """
    if not callable(function):
        raise TypeError(f"a process calls a function, not {type(function).__name__}")
    call = partial(function, *args, **kwargs)
    check_callback(call, what="the function")
    thread = Thread(target=call_plainly, args=(call,), name=name, daemon=True)
    thread.start()
    return thread
