"""What raw sockets have of their own, see raw(7)."""

import socket

from ..addresses import Endpoint
from .datagram_descriptor import DatagramDescriptor
from .sockaddr import Name

__all__ = ("ICMP", "ICMPV6", "RawDescriptor")

ICMP = int(socket.IPPROTO_ICMP)
ICMPV6 = int(getattr(socket, "IPPROTO_ICMPV6", 58))


class RawDescriptor(DatagramDescriptor):
    """A socket of an internet protocol, or of all of them."""

    __slots__ = ()

    def local_name(self) -> Name:
        """See getsockname(2). Linux has the protocol's number where others have a port."""
        name = super().local_name()
        return Endpoint(name.host, 0) if isinstance(name, Endpoint) else name
