"""Datagram sockets, and those of whole messages: a package of its own, as few programs need it."""

from ..._core.icmp import ICMPMessage
from ..._core.ip_header import IPv4Header
from .datagram_socket import DatagramSocket
from .message_socket import LARGEST_DATAGRAM
from .netlink_socket import NetlinkSocket
from .packet_socket import PacketSocket, PassivePacketSocket
from .raw_socket import RawSocket
from .received import Received, Sender

__all__ = (
    "LARGEST_DATAGRAM",
    "DatagramSocket",
    "ICMPMessage",
    "IPv4Header",
    "NetlinkSocket",
    "PacketSocket",
    "PassivePacketSocket",
    "RawSocket",
    "Received",
    "Sender",
)
