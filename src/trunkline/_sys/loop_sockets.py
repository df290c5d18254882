"""What an asyncio loop has to do with sockets of Python's, which its users give and get."""

import os
import socket
import stat
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from ..errors import NotConnected, SocketError
from .borrowed_socket import BorrowedSocket
from .datagram_descriptor import DatagramDescriptor
from .python_socket import PythonSocket
from .sockaddr import AF_INET6, AF_UNIX, KNOWN_FAMILIES, AnyName, Name, sockaddr_from_name
from .socket_descriptor import DATAGRAM, STREAM, SocketDescriptor
from .socket_files import SocketFile

__all__ = (
    "ADDRESS_FAMILIES",
    "ANY_FAMILY",
    "DATAGRAM_KIND",
    "IGNORED_FLAGS",
    "LOCAL_FAMILY",
    "NAME_REQUIRED",
    "NUMERIC_HOST",
    "PASSIVE",
    "STREAM_KIND",
    "AddressInfo",
    "bind_to",
    "connect_error",
    "datagram_descriptor_of",
    "descriptor_of",
    "is_local",
    "is_stream",
    "let_broadcast",
    "look_up",
    "look_up_name",
    "names_of_socket",
    "numeric_info",
    "numeric_sockaddr",
    "open_local_socket",
    "open_python_socket",
    "own_file",
    "peer_of_socket",
    "prepare_server",
    "python_socket_of",
    "remove_stale_file",
    "send_soon",
    "share_port",
    "system_name",
    "take_error",
)

AddressInfo: TypeAlias = tuple[int, int, int, str, Any]
"""What `socket.getaddrinfo` returns a list of: family, type, protocol, name and address."""

STREAM_KIND = STREAM
DATAGRAM_KIND = DATAGRAM
LOCAL_FAMILY = AF_UNIX
ANY_FAMILY = int(socket.AF_UNSPEC)
PASSIVE = int(socket.AI_PASSIVE)
NUMERIC_HOST = int(socket.NI_NUMERICHOST)
NAME_REQUIRED = int(socket.NI_NAMEREQD)

IGNORED_FLAGS = PASSIVE | int(getattr(socket, "AI_ADDRCONFIG", 0))
"""What can be asked of the system's name service and makes no difference to a resolver of ours."""

ADDRESS_FAMILIES: dict[int, Literal["internet", "ipv4", "ipv6"]] = {
    ANY_FAMILY: "internet",
    int(socket.AF_INET): "ipv4",
    AF_INET6: "ipv6",
}
"""The system's numbers for families of internet addresses, and what they are called here."""

_INTERNET = (int(socket.AF_INET), AF_INET6)
_TCP = int(socket.IPPROTO_TCP)
_PROTOCOLS = {int(socket.SOCK_STREAM): _TCP, int(socket.SOCK_DGRAM): int(socket.IPPROTO_UDP)}


# -- names -----------------------------------------------------------------------------------------


def look_up(
    host: Any, port: Any, family: int, kind: int, protocol: int, flags: int
) -> list[AddressInfo]:
    """See getaddrinfo(3)."""
    return socket.getaddrinfo(host, port, family, kind, protocol, flags)  # type: ignore[return-value]


def look_up_name(sockaddr: Any, flags: int) -> tuple[str, str]:
    """See getnameinfo(3)."""
    return socket.getnameinfo(sockaddr, flags)


def numeric_info(
    host: Any, port: Any, family: int, kind: int, protocol: int, rest: Iterable[int] = ()
) -> AddressInfo | None:
    """Return what looking up an address yields, if it is one and needs no looking up.

    Args:
        host, port: As for `socket.getaddrinfo`.
        family, kind, protocol: Which sockets it is for.
        rest: What an address of IPv6 may have behind host and port.
    """
    known = _PROTOCOLS.get(kind)
    if known is None or protocol not in (0, known) or host is None:
        return None
    try:
        number = int(port or 0)
        text = host.decode("ascii") if isinstance(host, bytes) else host
    except (TypeError, ValueError):  # a service, or no address
        return None
    for each in (int(socket.AF_INET), AF_INET6):
        if family not in (0, each):
            continue
        try:
            socket.inet_pton(each, text)
        except (OSError, TypeError, ValueError):
            continue
        is_ipv6 = each == AF_INET6
        sockaddr = (text, number, *(*rest, 0, 0)[:2]) if is_ipv6 else (text, number)
        return each, kind, known, "", sockaddr
    return None


def system_name(name: AnyName, family: int) -> Any:
    """Return a socket's name as Python's own sockets say it: a tuple, a path, or bytes."""
    if name is None:
        return None
    sockaddr = sockaddr_from_name(name, family, "getsockname")
    if family == AF_UNIX:
        return sockaddr or ""
    zone = getattr(name.host, "scope_id", None)  # only an address of IPv6 has one
    if zone is None:
        return sockaddr
    host, *rest = sockaddr
    return f"{host}%{zone}", *rest


# -- sockets that somebody has given ---------------------------------------------------------------


def is_stream(python_socket: PythonSocket) -> bool:
    """Return whether it is a stream socket."""
    return python_socket.type == STREAM


def is_local(python_socket: PythonSocket) -> bool:
    """Return whether it is a local socket."""
    return python_socket.family == AF_UNIX


def descriptor_of(python_socket: PythonSocket) -> SocketDescriptor:
    """Return an object that owns the same socket, and closes it by closing Python's object."""
    return SocketDescriptor(python_socket)


def peer_of_socket(descriptor: SocketDescriptor) -> Name | None:
    """Return the name of whoever a socket is connected to, if there is one that we can say."""
    if descriptor.family not in KNOWN_FAMILIES:
        return None
    try:
        return descriptor.remote_name()
    except NotConnected:
        return None


class _Shown(BorrowedSocket, socket.socket):
    """One of Python's sockets that shows what another object owns."""

    __slots__ = ()

    def dup(self) -> PythonSocket:  # type: ignore[override]  # one that owns, which this does not
        """Return a duplicate, which owns its descriptor."""
        made = socket.socket(self.family, self.type, self.proto, socket.dup(self.fileno()))
        made.setblocking(False)
        return made

    def let_go(self, number: int) -> None:
        """Have no number any more."""
        self.detach()


def python_socket_of(descriptor: SocketDescriptor) -> PythonSocket:
    """Return one of Python's sockets that is the same socket, and does not own it.

    Once the descriptor is closed, it has the number -1.
    """
    if isinstance(descriptor._socket, socket.socket):
        return descriptor._socket
    shown = _Shown(descriptor.family, descriptor.kind, 0, descriptor.number)
    descriptor.watch_closing(shown.let_go)
    return shown


# -- sockets for connections -----------------------------------------------------------------------


def open_python_socket(family: int, kind: int, protocol: int) -> PythonSocket:
    """Make one of Python's sockets that never blocks.

    Raises:
        SocketError: The system says no.
    """
    try:
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation="socket") from None
    made.setblocking(False)
    return made


def connect_error(error: OSError, sockaddr: Any) -> SocketError:
    """Return our error for what connecting to an address has raised."""
    return SocketError.from_errno(error.errno or 0, operation="connect", address=sockaddr)


def take_error(python_socket: PythonSocket) -> int:
    """Return, and clear, the error that connecting has ended with (SO_ERROR), or 0."""
    return python_socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def bind_to(python_socket: PythonSocket, sockaddr: Any) -> None:
    """See bind(2).

    Raises:
        SocketError: The system says no; its text names the address.
    """
    try:
        python_socket.bind(sockaddr)
    except OSError as error:
        reason = f"cannot bind to {sockaddr!r}: {(error.strerror or str(error)).lower()}"
        typed = SocketError.from_errno(error.errno or 0, operation="bind")
        raise type(typed)(error.errno, reason, operation="bind", address=sockaddr) from None


def send_soon(python_socket: PythonSocket) -> None:
    """Have small pieces sent at once; on a socket that listens, by those that it accepts."""
    if python_socket.family in _INTERNET:
        python_socket.setsockopt(_TCP, socket.TCP_NODELAY, 1)


# -- datagrams -------------------------------------------------------------------------------------


def datagram_descriptor_of(python_socket: PythonSocket) -> DatagramDescriptor:
    """Return an object that owns the same datagram socket; see `descriptor_of`."""
    return DatagramDescriptor(python_socket)


def let_broadcast(python_socket: PythonSocket) -> None:
    """Let it send to all of a network."""
    python_socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)


def names_of_socket(python_socket: PythonSocket) -> tuple[Any, Any]:
    """Return the names of both ends, as Python says them; None where there is none."""
    names: list[Any] = []
    for ask in (python_socket.getsockname, python_socket.getpeername):
        try:
            names.append(ask())
        except OSError:
            names.append(None)
    return names[0], names[1]


def numeric_sockaddr(sockaddr: Any, family: int) -> Any:
    """Return a receiver as the system takes it, for one that Python's sockets take.

    A host that is a name is looked up, which may block, as it does in those.

    Raises:
        OSError: It was not found.
    """
    if family not in _INTERNET or not isinstance(sockaddr, tuple):
        return sockaddr
    host, port, *rest = sockaddr
    if host == "<broadcast>":
        host = "255.255.255.255"
    known = numeric_info(host, port, family, DATAGRAM, 0, rest)
    return known[4] if known else look_up(host, port, family, DATAGRAM, 0, 0)[0][4]


# -- sockets that listen ---------------------------------------------------------------------------


def prepare_server(
    python_socket: PythonSocket, *, reuse_address: bool, reuse_port: bool, keep_alive: bool
) -> None:
    """Set the options of an internet socket that is to listen.

    Raises:
        ValueError: The platform has no `reuse_port`.
    """
    level = socket.SOL_SOCKET
    if reuse_address:
        python_socket.setsockopt(level, socket.SO_REUSEADDR, 1)
    if reuse_port:
        share_port(python_socket)
    if keep_alive:
        python_socket.setsockopt(level, socket.SO_KEEPALIVE, 1)
    if python_socket.family == AF_INET6:  # IPv4 has a socket of its own
        python_socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    send_soon(python_socket)


def share_port(python_socket: PythonSocket) -> None:
    """Let other sockets of this user be bound to the same port.

    Raises:
        ValueError: The platform does not know that.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError("this platform has no reuse_port")
    python_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def open_local_socket() -> PythonSocket:
    """Make a local stream socket; see `open_python_socket`."""
    assert AF_UNIX is not None
    return open_python_socket(AF_UNIX, STREAM, 0)


def remove_stale_file(path: str | bytes) -> None:
    """Remove the file of a local socket, if there is one, so that another can be bound there.

    Raises:
        OSError: It cannot be.
    """
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.remove(path)
    except FileNotFoundError:
        pass


def own_file(descriptor: SocketDescriptor) -> None:
    """Have the file of a local socket removed when it is closed, if it has one."""
    path = descriptor._socket.getsockname()
    if isinstance(path, str) and path:
        descriptor._file = SocketFile(path)
