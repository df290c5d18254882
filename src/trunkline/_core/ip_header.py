"""The header of IPv4 (RFC 791), which raw sockets receive, and send if they are told to."""

import struct
from ipaddress import IPv4Address
from typing import NamedTuple, Self

from .checksum import internet_checksum

__all__ = ("IPv4Header",)

_FIXED = struct.Struct("!BBHHHBBH4s4s")
_DONT_FRAGMENT = 0x4000
_LONGEST = 0xFFFF


class IPv4Header(NamedTuple):
    """The header of an IPv4 datagram, but for its options.

    Attributes:
        source: Who has sent it; ``0.0.0.0`` lets the system fill it in.
        destination: Whom it is for.
        protocol: The number of the protocol that its contents are of.
        hops: How many routers it may still pass (“time to live”).
        identification: What its fragments have in common; 0 lets the system choose.
        traffic_class: How it is to be treated (DSCP and ECN).
        dont_fragment: Whether no router may cut it into fragments.
    """

    source: IPv4Address
    destination: IPv4Address
    protocol: int
    hops: int = 64
    identification: int = 0
    traffic_class: int = 0
    dont_fragment: bool = False

    @classmethod
    def split(cls, datagram: bytes) -> tuple[Self, bytes] | None:
        """Return the header of a datagram, and what is behind it; None if it has none.

        Of a datagram that was cut off, what is there is returned.
        """
        if len(datagram) < _FIXED.size:
            return None
        first, traffic_class, size, identification, fragment, hops, protocol, _, source, target = (
            _FIXED.unpack_from(datagram)
        )
        length = 4 * (first & 15)
        if first >> 4 != 4 or not _FIXED.size <= length <= len(datagram):
            return None
        header = cls(
            IPv4Address(source),
            IPv4Address(target),
            protocol,
            hops,
            identification,
            traffic_class,
            bool(fragment & _DONT_FRAGMENT),
        )
        return header, datagram[length : size if size >= length else None]

    def join(self, payload: bytes) -> bytes:
        """Return a datagram with this header.

        Raises:
            ValueError: The contents are too long, or a part of the header is out of range.
        """
        size = _FIXED.size + len(payload)
        if size > _LONGEST:
            raise ValueError(f"a datagram of IPv4 has at most {_LONGEST} bytes, not {size}")
        try:
            packed = _FIXED.pack(
                0x45,
                self.traffic_class,
                size,
                self.identification,
                _DONT_FRAGMENT if self.dont_fragment else 0,
                self.hops,
                self.protocol,
                0,
                self.source.packed,
                self.destination.packed,
            )
        except struct.error as error:
            raise ValueError(f"a part of the header is out of range: {error}") from None
        return packed[:10] + internet_checksum(packed).to_bytes(2) + packed[12:] + payload
