"""Network interfaces, and the addresses that they have."""

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

from ..addresses import IPAddress, IPv4Address

__all__ = ("Interface", "InterfaceAddress")


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface.

    Attributes:
        name: What it is called, like ``"eth0"``.
        index: The system's number for it, from 1.
    """

    name: str
    index: int


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """An address of this machine's, and the interface that has it.

    Attributes:
        interface: The interface.
        address: The address. A link-local one of IPv6 has the interface's name as its zone, as in
            ``fe80::1%eth0``, without which nobody could connect to it.
        prefix_length: How many bits of it, or of `peer`, are the network's.
        broadcast: Where all hosts of its network are reached, if that was set up; IPv4 only.
        peer: The address at the other end, if the interface leads to one host only.
        is_up: Whether the interface is up. It may have no carrier even so.
        is_loopback: Whether it leads back to this machine.
        is_multicast: Whether it does multicast.
    """

    interface: Interface
    address: IPAddress
    prefix_length: int
    broadcast: IPv4Address | None = None
    peer: IPAddress | None = None
    is_up: bool = True
    is_loopback: bool = False
    is_multicast: bool = False

    @property
    def netmask(self) -> IPAddress:
        """The same as `prefix_length`, as an address: ``255.255.255.0`` is 24 bits."""
        kind = IPv4Interface if isinstance(self.address, IPv4Address) else IPv6Interface
        return kind((0, self.prefix_length)).netmask
