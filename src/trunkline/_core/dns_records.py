"""What the domain name system knows of a name: typed records, each with the time that it lives.

A name is text as it stands in the system, without the dot at its end: labels in ASCII, those of
other alphabets as their A-labels (``"xn--..."``), and whatever is no printable ASCII, and a dot or
a backslash within a label, as ``\\DDD`` (RFC 1035, section 5.1). The root is ``"."``.
"""

from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

__all__ = (
    "AAAARecord",
    "ARecord",
    "CAARecord",
    "CNAMERecord",
    "DNSRecord",
    "HTTPSRecord",
    "MXRecord",
    "NAPTRRecord",
    "NSRecord",
    "PTRRecord",
    "RecordType",
    "SOARecord",
    "SRVRecord",
    "SVCBRecord",
    "TLSARecord",
    "TXTRecord",
    "UnknownRecord",
)


class RecordType(IntEnum):
    """The types of records that Trunkline knows, and ANY, which asks for all of a name's."""

    A = 1
    NS = 2
    CNAME = 5
    SOA = 6
    PTR = 12
    MX = 15
    TXT = 16
    AAAA = 28
    SRV = 33
    NAPTR = 35
    TLSA = 52
    SVCB = 64
    HTTPS = 65
    ANY = 255
    CAA = 257


@dataclass(frozen=True, slots=True)
class DNSRecord:
    """What all records have.

    Attributes:
        name: Whose record it is.
        ttl: For how many seconds it may be remembered.
        type: The number of its type, see `RecordType`.
    """

    type: ClassVar[int]

    name: str
    ttl: int


@dataclass(frozen=True, slots=True)
class ARecord(DNSRecord):
    """An IPv4 address of a host (RFC 1035).

    Attributes:
        address: The address.
    """

    type: ClassVar[int] = RecordType.A

    address: IPv4Address


@dataclass(frozen=True, slots=True)
class AAAARecord(DNSRecord):
    """An IPv6 address of a host (RFC 3596).

    Attributes:
        address: The address.
    """

    type: ClassVar[int] = RecordType.AAAA

    address: IPv6Address


@dataclass(frozen=True, slots=True)
class _HostRecord(DNSRecord):
    """A record that is another name.

    Attributes:
        host: The other name.
    """

    host: str


@dataclass(frozen=True, slots=True)
class NSRecord(_HostRecord):
    """A name server of a zone (RFC 1035).

    Attributes:
        host: The server's name.
    """

    type: ClassVar[int] = RecordType.NS


@dataclass(frozen=True, slots=True)
class CNAMERecord(_HostRecord):
    """Says that a name is an alias (RFC 1035).

    Attributes:
        host: The canonical name, which has all other records.
    """

    type: ClassVar[int] = RecordType.CNAME


@dataclass(frozen=True, slots=True)
class PTRRecord(_HostRecord):
    """What an address, or a service, is called (RFC 1035).

    Attributes:
        host: The name.
    """

    type: ClassVar[int] = RecordType.PTR


@dataclass(frozen=True, slots=True)
class SOARecord(DNSRecord):
    """The start of a zone of authority (RFC 1035).

    Attributes:
        server: The zone's first name server.
        mailbox: Who is responsible, an address of mail with a dot for its ``@``.
        serial: The number of the zone's version.
        refresh: Seconds until other servers look for a new version.
        retry: Seconds until they try again where that has failed.
        expire: Seconds after which they believe what they have no more.
        minimum: For how many seconds at most it may be remembered that there is no such name, or no
            such record (RFC 2308).
    """

    type: ClassVar[int] = RecordType.SOA

    server: str
    mailbox: str
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int


@dataclass(frozen=True, slots=True)
class MXRecord(DNSRecord):
    """A host that takes mail (RFC 1035).

    Attributes:
        preference: Which of several is tried first: the one with the lowest.
        host: The host's name; ``"."`` is that no mail is taken (RFC 7505).
    """

    type: ClassVar[int] = RecordType.MX

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class TXTRecord(DNSRecord):
    """Text, for whoever knows what it is good for (RFC 1035).

    Attributes:
        strings: Its pieces, each of at most 255 bytes.
    """

    type: ClassVar[int] = RecordType.TXT

    strings: tuple[bytes, ...]

    @property
    def data(self) -> bytes:
        """All pieces in one, which is what most uses of such records mean."""
        return b"".join(self.strings)


@dataclass(frozen=True, slots=True)
class SRVRecord(DNSRecord):
    """Where a service is (RFC 2782).

    Attributes:
        priority: Which of several are tried first: those with the lowest.
        weight: How much of the load a host of that priority takes.
        port: The service's port there.
        target: The host's name; ``"."`` is that there is no such service.
    """

    type: ClassVar[int] = RecordType.SRV

    priority: int
    weight: int
    port: int
    target: str


@dataclass(frozen=True, slots=True)
class NAPTRRecord(DNSRecord):
    """A rule that makes another name, or an address of the web, of something (RFC 3403).

    Attributes:
        order: Rules are looked at in this order.
        preference: The order of those that have the same `order`.
        flags: What the rule leads to, like ``b"s"`` for SRV records.
        service: Which services there are.
        regexp: A substitution, or nothing.
        replacement: The next name, or ``"."``.
    """

    type: ClassVar[int] = RecordType.NAPTR

    order: int
    preference: int
    flags: bytes
    service: bytes
    regexp: bytes
    replacement: str


@dataclass(frozen=True, slots=True)
class TLSARecord(DNSRecord):
    """Which certificates or keys a server's TLS may have (RFC 6698).

    Attributes:
        usage: What is meant by it.
        selector: Whether it is of the certificate, 0, or of its public key, 1.
        matching: Whether that is here as it is, 0, as its SHA-256, 1, or as its SHA-512, 2.
        data: What it has to match.
    """

    type: ClassVar[int] = RecordType.TLSA

    usage: int
    selector: int
    matching: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SVCBRecord(DNSRecord):
    """Where and how a service can be reached (RFC 9460).

    Attributes:
        priority: The order; 0 makes it an alias.
        target: The name of who offers the service; ``"."`` is the record's own.
        params: Keys and values, in ascending order of the keys.
    """

    type: ClassVar[int] = RecordType.SVCB

    priority: int
    target: str
    params: tuple[tuple[int, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class HTTPSRecord(SVCBRecord):
    """The same for the web (RFC 9460)."""

    type: ClassVar[int] = RecordType.HTTPS


@dataclass(frozen=True, slots=True)
class CAARecord(DNSRecord):
    """Who may issue certificates for a name (RFC 8659).

    Attributes:
        flags: 128 is that whoever does not understand the tag issues none.
        tag: Like ``"issue"``.
        value: What the tag says of it.
    """

    type: ClassVar[int] = RecordType.CAA

    flags: int
    tag: str
    value: bytes


@dataclass(frozen=True, slots=True)
class UnknownRecord(DNSRecord):
    """A record of a type that has no class here (RFC 3597).

    Attributes:
        number: The type's number.
        data: What the record says, as it is on the wire.
    """

    number: int
    data: bytes

    @property
    def type(self) -> int:  # type: ignore[override]  # here it is not the class's
        """The type's number."""
        return self.number
