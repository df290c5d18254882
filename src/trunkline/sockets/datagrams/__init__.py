"""Datagram sockets, and those of whole messages: a package of its own, as few programs need it."""

from .datagram_socket import DatagramSocket
from .message_socket import LARGEST_DATAGRAM
from .packet_socket import PacketSocket, PassivePacketSocket
from .received import Received, Sender

__all__ = (
    "LARGEST_DATAGRAM",
    "DatagramSocket",
    "PacketSocket",
    "PassivePacketSocket",
    "Received",
    "Sender",
)
