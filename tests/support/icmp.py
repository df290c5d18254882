"""What routers and hosts say of datagrams, said by somebody who is no router: forged ICMP.

It takes the right to make raw sockets.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from trunkline import Endpoint

__all__ = ("Forger", "forger")

PROTOCOL_UNREACHABLE = (3, 2)
HOST_UNREACHABLE = (3, 1)
SOURCE_ROUTE_FAILED = (3, 5)
PARAMETER_PROBLEM = (12, 0)


class Forger:
    """Says of datagrams from one socket of this machine to another one what it likes."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    def say(self, what: tuple[int, int], sender: Endpoint, receiver: Endpoint) -> None:
        """Tell the sender of a datagram, which need never have been sent, what became of it."""
        udp = struct.pack("!HHHH", sender.port, receiver.port, 8, 0)
        source, target = sender.host.packed, receiver.host.packed
        head = (0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, source, target)
        quoted = struct.pack("!BBHHHBBH4s4s", *head) + udp
        message = struct.pack("!BBHI", *what, 0, 0) + quoted
        checked = struct.pack("!BBHI", *what, _checksum(message), 0) + quoted
        self._raw.sendto(checked, (str(sender.host), 0))


@contextmanager
def forger() -> Iterator[Forger]:
    """Yield one, or skip the test where nobody may be one."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        pytest.skip("this user may not make raw sockets")
    with raw:
        yield Forger(raw)


def _checksum(data: bytes) -> int:
    """Return the checksum of RFC 1071."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
