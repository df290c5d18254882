"""Making the name to bind or connect to, of what a caller has given."""

import reprlib
from os import PathLike
from typing import Literal, TypeAlias, cast

from .._core.counts import decimal_value, shown_number
from .._sys.late_import import late_import
from .._sys.sockaddr import AF_INET, AF_INET6, AF_UNIX, Name
from .._sys.socket_descriptor import DATAGRAM, SocketDescriptor
from ..addresses import AddressLike, Endpoint, LocalAddress, ensure_address

__all__ = (
    "NameLike",
    "check_port",
    "endpoint_of",
    "ensure_name",
    "kind_of_family",
    "kind_of_name",
    "local_address_of",
)

Protocol: TypeAlias = Literal["tcp", "udp"]

NameLike: TypeAlias = AddressLike | PathLike[str]
"""An address in any form, or for local sockets a path in any form."""


def ensure_name(descriptor: SocketDescriptor, address: NameLike, port: int | str) -> Name:
    """Return the name to bind to, or to connect to.

    Raises:
        TypeError, ValueError: The address or the port is none, or not for this kind of socket.
    """
    address = cast("AddressLike", address)  # whichever it is, is checked here
    if descriptor.family != AF_UNIX:
        protocol: Protocol = "udp" if descriptor.kind == DATAGRAM else "tcp"
        return Endpoint(ensure_address(address), check_port(port, protocol))
    if port != 0:
        raise ValueError("a local address has no port")
    return ensure_address(address, "local")


def check_port(port: int | str, protocol: Protocol = "tcp") -> int:
    """Return the number of a port given as a number, or as text: a number or a service's name.

    Raises:
        TypeError: It is neither an integer nor a string.
        ValueError: It is out of range, or there is no such service.
    """
    if isinstance(port, str):
        number = decimal_value(port)
        port = _port_of(port, protocol) if number is None else number
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"a port is an integer or a service's name, not {type(port).__name__}")
    if not 0 <= port <= 65_535:
        raise ValueError(f"a port is a number from 0 to 65535, not {shown_number(port)}")
    return port


def _port_of(service: str, protocol: Protocol) -> int:
    with late_import("lookup_service"):
        from .._sys.netdb import find_service  # most ports are given as numbers
    found = find_service(service, protocol)
    if found is None:
        hint = "; the host comes before the port" if _is_like_a_host(service) else ""
        raise ValueError(
            f"there is no {protocol.upper()} service of the name {reprlib.repr(service)}{hint}"
        )
    return found.port


def _is_like_a_host(text: str) -> bool:
    return any(char in text for char in ".:")


def kind_of_name(name: Name) -> Literal["internet", "local", "netlink"]:
    """Return of what kind of socket a name is one."""
    if isinstance(name, Endpoint):
        return "internet"
    return "local" if isinstance(name, LocalAddress) else "netlink"


def kind_of_family(family: int) -> Literal["internet", "local", "netlink"]:
    """Return what kind of names the sockets of a family have."""
    if family in (AF_INET, AF_INET6):
        return "internet"
    return "local" if family == AF_UNIX else "netlink"


_HAS_NO_HOSTS = {
    "local": "a local socket has neither hosts nor ports, but file names",
    "netlink": "a netlink socket has no hosts, but ports and groups",
}
_HAS_NO_FILE_NAMES = {
    "internet": "an internet socket has no file names, but hosts and ports",
    "netlink": "a netlink socket has no file names, but ports and groups",
}


def endpoint_of(name: Name) -> Endpoint:
    """Return the name of an internet socket.

    Raises:
        TypeError: It is another one's.
    """
    if not isinstance(name, Endpoint):
        raise TypeError(_HAS_NO_HOSTS[kind_of_name(name)])
    return name


def local_address_of(name: Name) -> LocalAddress:
    """Return the name of a local socket.

    Raises:
        TypeError: It is another one's.
    """
    if not isinstance(name, LocalAddress):
        raise TypeError(_HAS_NO_FILE_NAMES[kind_of_name(name)])
    return name
