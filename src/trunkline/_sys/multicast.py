"""The membership of sockets in groups, and what they send to groups; see ip(7) and ipv6(7).

Groups are joined by the calls of RFC 3678, which are the same for both families. Python does not
know their names.
"""

import socket
import struct
import sys
from ipaddress import IPv6Address

from ..addresses import IPAddress
from ..errors import AddressFamilyNotSupported, OptionNotSupported, SocketError
from .option_constants import constant
from .sockaddr import AF_INET, AF_INET6
from .socket_descriptor import SocketDescriptor

__all__ = ("join", "leave", "send_by")

_LEVELS = {AF_INET: int(socket.IPPROTO_IP), AF_INET6: int(socket.IPPROTO_IPV6)}

# MCAST_JOIN_GROUP and its like, for groups with any sources, and for those with one.
if sys.platform == "linux":
    _JOIN, _LEAVE, _JOIN_SOURCE, _LEAVE_SOURCE = 42, 45, 46, 47
else:
    _JOIN, _LEAVE, _JOIN_SOURCE, _LEAVE_SOURCE = 80, 81, 82, 83

_FROM_GROUPS_OF_OTHERS = {  # which only Linux has
    AF_INET: constant("IP_MULTICAST_ALL"),
    AF_INET6: constant("IPV6_MULTICAST_ALL"),
}

_INTERFACE = {AF_INET: int(socket.IP_MULTICAST_IF), AF_INET6: int(socket.IPV6_MULTICAST_IF)}

_STORAGE_SIZE = 128  # of a struct sockaddr_storage
_LINK = struct.Struct("@I0L")  # an interface, and the gap before that
_IPV4_INTERFACE = struct.Struct("@4s4si")  # struct ip_mreqn


def join(
    descriptor: SocketDescriptor, group: IPAddress, source: IPAddress | None, interface: int
) -> None:
    """Have what is sent to a group come to a socket; 0 is whatever interface the system chooses.

    From then on nothing comes to it of groups that only other sockets of the machine are in, which
    Linux would deliver, too.
    """
    family = _family_of(descriptor, group, "join")
    request = _request(group, source, interface)
    option = _JOIN if source is None else _JOIN_SOURCE
    _set(descriptor, _LEVELS[family], option, request, "join", group)
    others = _FROM_GROUPS_OF_OTHERS[family]
    if others is not None:
        try:
            descriptor.set_option(_LEVELS[family], others, 0)
        except OptionNotSupported:
            return  # for IPv6 it is of Linux 4.20


def leave(
    descriptor: SocketDescriptor, group: IPAddress, source: IPAddress | None, interface: int
) -> None:
    """Undo `join`, which had the same arguments."""
    family = _family_of(descriptor, group, "leave")
    request = _request(group, source, interface)
    option = _LEAVE if source is None else _LEAVE_SOURCE
    _set(descriptor, _LEVELS[family], option, request, "leave", group)


def _family_of(descriptor: SocketDescriptor, group: IPAddress, operation: str) -> int:
    family = AF_INET6 if isinstance(group, IPv6Address) else AF_INET
    # An IPv6 socket can be in groups of IPv4.
    if family == AF_INET6 and descriptor.family == AF_INET:
        raise AddressFamilyNotSupported(operation=operation, address=group)
    return family


def _set(
    descriptor: SocketDescriptor,
    level: int,
    option: int,
    value: int | bytes,
    operation: str,
    address: object,
) -> None:
    try:
        descriptor.set_option(level, option, value)
    except SocketError as error:
        error.operation, error.address = operation, address
        raise


def _request(group: IPAddress, source: IPAddress | None, interface: int) -> bytes:
    addresses = [_storage(address) for address in (group, source) if address is not None]
    return _LINK.pack(interface) + b"".join(addresses)


def _storage(address: IPAddress) -> bytes:
    """Return a struct sockaddr_storage, which on BSDs begins with its length."""
    is_ipv6 = isinstance(address, IPv6Address)
    family, size = (AF_INET6, 28) if is_ipv6 else (AF_INET, 16)
    head = struct.pack("@H", family) if sys.platform == "linux" else bytes([size, family])
    gap = bytes(6 if is_ipv6 else 2)  # the port, and what IPv6 calls a flow
    return (head + gap + address.packed).ljust(_STORAGE_SIZE, b"\0")


def send_by(descriptor: SocketDescriptor, interface: int, operation: str) -> None:
    """Send to groups by an interface, from an IPv6 socket to its IPv6 groups and IPv4 ones."""
    for family in (AF_INET, AF_INET6):
        if family == AF_INET6 != descriptor.family:
            continue
        data: int | bytes = interface
        if family == AF_INET:
            data = _IPV4_INTERFACE.pack(bytes(4), bytes(4), interface)
        try:
            descriptor.set_option(_LEVELS[family], _INTERFACE[family], data)
        except SocketError as error:
            if family != descriptor.family:
                continue  # not every system lets an IPv6 socket do that, nor has it to
            error.operation = operation
            raise
