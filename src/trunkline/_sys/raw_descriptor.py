"""The system calls that only raw sockets have, see raw(7), icmp(7) and RFC 3542."""

import socket
import sys

from ..addresses import Endpoint
from ..errors import OptionNotSupported
from .datagram_descriptor import DatagramDescriptor
from .option_constants import constant
from .sockaddr import AF_INET6, Name

__all__ = ("ICMP", "ICMPV6", "RawDescriptor")

ICMP = int(socket.IPPROTO_ICMP)
ICMPV6 = int(getattr(socket, "IPPROTO_ICMPV6", 58))

# Levels, options and sizes.
_ICMP_FILTER = (constant("SOL_RAW"), constant("ICMP_FILTER"), 4)
_ICMPV6_FILTER = (ICMPV6, constant("ICMP6_FILTER"), 32)
_IP_HEADERS = (int(socket.IPPROTO_IP), int(getattr(socket, "IP_HDRINCL", 3)))
_IPV6_HDRINCL = constant("IPV6_HDRINCL")

_IS_LINUX = sys.platform == "linux"


class RawDescriptor(DatagramDescriptor):
    """A socket of an internet protocol, or of all of them."""

    __slots__ = ()

    def local_name(self) -> Name:
        """See getsockname(2). Linux has the protocol's number where others have a port."""
        name = super().local_name()
        return Endpoint(name.host, 0) if isinstance(name, Endpoint) else name

    def include_headers(self) -> None:
        """Have what is sent begin with the header of IP.

        Raises:
            OptionNotSupported: The system makes all headers of IPv6 itself.
        """
        if self.family != AF_INET6:
            self.set_option(*_IP_HEADERS, 1)
        elif _IPV6_HDRINCL is not None:
            self.set_option(int(socket.IPPROTO_IPV6), _IPV6_HDRINCL, 1)
        else:  # pragma: no cover - all but Linux
            raise OptionNotSupported(operation="setsockopt include_headers", address=self.where)

    @property
    def blocked_icmp_types(self) -> int:
        """The types of ICMP messages that are not received: a set of bits. It can be set."""
        level, option, size = self._filter()
        return int.from_bytes(self.get_option_bytes(level, option, size), sys.byteorder)

    @blocked_icmp_types.setter
    def blocked_icmp_types(self, types: int) -> None:
        level, option, size = self._filter()
        self.set_option(level, option, types.to_bytes(size, sys.byteorder))

    @property
    def icmp_types_that_can_be_blocked(self) -> int:
        """How many types there are in the filter, beginning with 0."""
        return 8 * self._filter()[2]

    def _filter(self) -> tuple[int, int, int]:
        level, option, size = _ICMPV6_FILTER if self.family == AF_INET6 else _ICMP_FILTER
        # BSDs have one for IPv6, the other way round.
        if not _IS_LINUX or level is None or option is None:  # pragma: no cover - all but Linux
            raise OptionNotSupported(operation="setsockopt icmp_types", address=self.where)
        return level, option, size
