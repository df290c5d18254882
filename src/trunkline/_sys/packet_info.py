"""To which of the machine's addresses a datagram has come, and sending from one of them.

See IP_PKTINFO in ip(7), and IPV6_RECVPKTINFO in ipv6(7) and RFC 3542.
"""

import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from ..addresses import IPAddress
from .datagram_descriptor import ControlMessage
from .option_constants import constant

__all__ = ("ROOM_FOR_INFO", "arrived_at", "from_there")

_IP, _IPV6 = int(socket.IPPROTO_IP), int(socket.IPPROTO_IPV6)
_IP_INFO, _IPV6_INFO = constant("IP_PKTINFO"), constant("IPV6_PKTINFO")

_IPV4 = struct.Struct("@i4s4s")  # the interface, the address to answer from, that in the header
_IPV6_PAIR = struct.Struct("@16sI")

ROOM_FOR_INFO = 128
"""Bytes that are enough for what the system says of a datagram."""


def arrived_at(control: Iterable[ControlMessage]) -> tuple[IPAddress, int] | None:
    """Return the address that a datagram was sent to, and the number of the interface.

    None is that the system has not said it.
    """
    for level, kind, data in control:
        if (level, kind) == (_IP, _IP_INFO):
            number, _, header = _IPV4.unpack_from(data)
            return IPv4Address(header), number
        if (level, kind) == (_IPV6, _IPV6_INFO):
            header, number = _IPV6_PAIR.unpack_from(data)
            return IPv6Address(header), number
    return None


def from_there(control: Iterable[ControlMessage]) -> list[ControlMessage]:
    """Return what has the system send from the address that a datagram has come to.

    An answer to what was sent to a group, or to all, is sent from an address of the interface.
    """
    answer: list[ControlMessage] = []
    for level, kind, data in control:
        if (level, kind) == (_IP, _IP_INFO):
            # A socket of both families is told both, and only this is an address of ours.
            _, ours, _ = _IPV4.unpack_from(data)
            return [(level, kind, _IPV4.pack(0, ours, bytes(4)))]
        if (level, kind) == (_IPV6, _IPV6_INFO):
            header, number = _IPV6_PAIR.unpack_from(data)
            address = IPv6Address(header)
            if address.is_multicast:
                header = bytes(16)
            elif not address.is_link_local:
                number = 0  # the answer may have another way back
            answer = [(level, kind, _IPV6_PAIR.pack(header, number))]
    return answer
