"""Addresses as the system calls take and return them, and as the rest of Trunkline does."""

import os
import socket
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeAlias

from ..addresses import Endpoint, LocalAddress, NetlinkAddress, map_ipv4_address_to_ipv6
from ..errors import AddressFamilyNotSupported
from .interfaces import interface_index

__all__ = ("AnyName", "Name", "family_of", "name_from_sockaddr", "sockaddr_from_name")

Name: TypeAlias = Endpoint | LocalAddress | NetlinkAddress
"""What a socket is bound or connected to."""

AnyName: TypeAlias = Endpoint | Any
"""The same, for programs: they know which of them it is, and need not tell the type checker.

That finds what no endpoint has; for the path of a local socket there is an attribute of its own.
"""

AF_UNIX: int | None = getattr(socket, "AF_UNIX", None)
AF_NETLINK: int | None = getattr(socket, "AF_NETLINK", None)  # only Linux has it
ANY_FAMILY = int(socket.AF_UNSPEC)
AF_INET = int(socket.AF_INET)
AF_INET6 = int(socket.AF_INET6)
KNOWN_FAMILIES = (AF_INET, AF_INET6, AF_UNIX)

# A server meets the same addresses again and again, its own with each connection, and parsing one
# takes longer than the system call that returns it.
_ipv4_address = lru_cache(1024)(IPv4Address)
_ipv6_address = lru_cache(1024)(IPv6Address)


def family_of(name: Name) -> int:
    """Return the address family, one of `socket`'s ``AF_`` constants, that a name belongs to.

    Raises:
        AddressFamilyNotSupported: The platform has no such sockets.
    """
    if isinstance(name, LocalAddress):
        if AF_UNIX is None:  # pragma: no cover - Windows
            raise AddressFamilyNotSupported(address=name)
        return AF_UNIX
    if isinstance(name, NetlinkAddress):
        if AF_NETLINK is None:  # pragma: no cover - all but Linux
            raise AddressFamilyNotSupported(address=name)
        return AF_NETLINK
    return socket.AF_INET6 if isinstance(name.host, IPv6Address) else socket.AF_INET


def sockaddr_from_name(name: Name, family: int, operation: str) -> Any:
    """Return what the system calls take for `name` on a socket of that family.

    An IPv4 address on an IPv6 socket becomes an IPv4-mapped one.

    Raises:
        AddressFamilyNotSupported: A socket of that family cannot have that address.
        NoSuchDevice: There is no network interface of the name in the address's scope.
    """
    if isinstance(name, LocalAddress) and family == AF_UNIX:
        if name.abstract:
            # A socket that is bound to no name gets one that is free (Linux).
            return b"\0" + os.fsencode(name.path) if name.path else b""
        return name.path
    if isinstance(name, NetlinkAddress) and family == AF_NETLINK:
        return tuple(name)
    if isinstance(name, Endpoint):
        # The system makes the text several times as fast as `str`.
        host: object = name.host
        if family == socket.AF_INET and isinstance(host, IPv4Address):
            return socket.inet_ntop(socket.AF_INET, host.packed), name.port
        if family == socket.AF_INET6:
            if isinstance(host, IPv4Address):
                host = map_ipv4_address_to_ipv6(host)
            if isinstance(host, IPv6Address):
                text = socket.inet_ntop(socket.AF_INET6, host.packed)
                return text, name.port, 0, _scope_number(host, operation, name)
    raise AddressFamilyNotSupported(operation=operation, address=name)


def _scope_number(host: IPv6Address, operation: str, name: Endpoint) -> int:
    scope = host.scope_id
    if scope is None:
        return 0
    if scope.isdecimal():
        return int(scope)
    return interface_index(scope, operation, name)


def name_from_sockaddr(sockaddr: Any, family: int) -> Name:
    """Return the name that a system call has returned."""
    if family == AF_UNIX:
        if isinstance(sockaddr, bytes):
            # Linux pads nothing: the name is exactly what is behind the leading NUL.
            return LocalAddress(sockaddr[1:], abstract=True)
        if not sockaddr:
            return LocalAddress("", abstract=True)  # a socket that has no name
        return _local_address_of_the_system(sockaddr)
    if family == AF_NETLINK:
        return NetlinkAddress(*sockaddr)
    if family == AF_INET6:
        host, port, _, scope = sockaddr
        return Endpoint(_scoped(host.partition("%")[0], scope), port)
    host, port = sockaddr
    return Endpoint(_ipv4_address(host), port)


def _local_address_of_the_system(path: str) -> LocalAddress:
    try:
        return LocalAddress(path)
    except ValueError:
        # Linux lets others bind to 108 bytes without a NUL, which is one more than can be asked
        # for here. A server must not fail because of what its clients are called.
        address = object.__new__(LocalAddress)
        object.__setattr__(address, "path", path)
        object.__setattr__(address, "abstract", False)
        return address


def _scoped(host: str, scope: int) -> IPv6Address:
    if not scope:
        return _ipv6_address(host)
    try:
        return IPv6Address(f"{host}%{socket.if_indextoname(scope)}")
    except OSError:  # the interface is gone by now
        return IPv6Address(f"{host}%{scope}")
