"""The PROXY protocol, versions 1 and 2: who talks to whom, as the proxy in front says it.

A proxy that passes a connection on is all that the server behind it sees. So the proxy sends a
header first, before anything of the client's: a line of text (version 1), or a binary block
(version 2). Here the header is parsed from whatever pieces it comes in, and built. The protocol is
HAProxy's: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt

A server acts upon what the header says, so the parser is strict: it guesses nothing and repairs
nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, TypeAlias

from ..addresses import Endpoint, LocalAddress
from ..errors import BadProxyHeader

__all__ = ("MAX_HEADER_SIZE", "ProxyHeader", "ProxyHeaderParser", "ProxyTLV", "crc32c")

MAX_HEADER_SIZE = 4096
"""The most bytes that a header may have, unless told otherwise: the format allows for 65,551."""

Name: TypeAlias = Endpoint | LocalAddress
Transport: TypeAlias = Literal["stream", "datagram"]

_V1_START = b"PROXY "
_V1_STARTS = (b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN ", b"PROXY UNKNOWN\r\n")
_V1_LONGEST = 107  # bytes, with the newline: what the protocol's authors have counted
_V2_START = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED = 16  # bytes: the start, command and version, family and transport, and the length

# The low half of a byte is the transport, the high half the family, and these are all there are.
_TRANSPORTS: dict[int, Transport] = {1: "stream", 2: "datagram"}
_UNSPECIFIED = 0x00
_FAMILIES = (0x11, 0x12, 0x21, 0x22, 0x31, 0x32)
_IPV4, _IPV6, _LOCAL = 1, 2, 3
_HOST_SIZES = {_IPV4: 4, _IPV6: 16}
_LOCAL_SIZE = 108  # bytes of a `sockaddr_un`'s path
_ADDRESS_SIZES = {_IPV4: 12, _IPV6: 36, _LOCAL: 2 * _LOCAL_SIZE}

_LONGEST_UNIQUE_ID = 128


class ProxyTLV(IntEnum):
    """The types of what a header of version 2 may say besides the addresses.

    The types from 0xE0 to 0xEF belong to whoever runs the proxy; others may be met, too.
    """

    ALPN = 0x01
    AUTHORITY = 0x02
    CRC32C = 0x03
    NOOP = 0x04
    UNIQUE_ID = 0x05
    SSL = 0x20
    NETNS = 0x30


@dataclass(frozen=True)
class ProxyHeader:
    """What a header of the PROXY protocol says.

    You get one from `proxy_header`, and make one where your program is the proxy.

    Args:
        source: Who has connected to the proxy: an `Endpoint`, or a `LocalAddress`. None where the
            proxy does not say.
        destination: What the client has connected to. It is of the same family, and None if
            `source` is.
        version: 1 or 2.
        transport: ``"stream"``, or ``"datagram"`` where the client has sent those (version 2).
        local: The proxy speaks for itself, in order to see whether the server is alive, say; there
            is no client, and there are no addresses (version 2).
        tlvs: What else the proxy says: pairs of a type, see `ProxyTLV`, and of its bytes, as they
            are (version 2). The checksum is none of them.

    Raises:
        TypeError, ValueError: The arguments do not fit together, or not into a header of that
            version.
    """

    source: Name | None
    destination: Name | None
    version: int = 2
    transport: Transport = "stream"
    local: bool = False
    tlvs: tuple[tuple[int, bytes], ...] = ()

    def __post_init__(self) -> None:
        if self.version not in (1, 2):
            raise ValueError(f"the versions of the PROXY protocol are 1 and 2, not {self.version}")
        if self.transport not in _TRANSPORTS.values():
            raise ValueError(f"a transport is 'stream' or 'datagram', not {self.transport!r}")
        family = _family_of(self.source)
        if family != _family_of(self.destination):
            raise ValueError(
                f"source and destination are of one family: {self.source}, {self.destination}"
            )
        if family and self.local:
            raise ValueError("a proxy that speaks for itself names nobody")
        if self.version == 1:
            unfit = family == _LOCAL or self.transport != "stream" or self.local or self.tlvs
            if unfit:
                raise ValueError("version 1 has internet addresses of streams, and nothing else")
        elif not family and self.tlvs:
            raise ValueError("without addresses there is no place for anything else")
        for kind, value in self.tlvs:
            if not 0 <= kind <= 0xFF or kind == ProxyTLV.CRC32C:
                raise ValueError(f"that is no type of what a proxy says: {kind}")
            if len(value) > 0xFFFF:
                raise ValueError(f"what a proxy says has at most 65,535 bytes, not {len(value)}")

    def get(self, kind: int) -> bytes | None:
        """Return the first of `tlvs` that is of this type, or None.

        Args:
            kind: A number, or one of `ProxyTLV`.
        """
        return next((value for number, value in self.tlvs if number == kind), None)

    def encode(self, *, checksum: bool = False) -> bytes:
        """Return the header's bytes, which a proxy sends before anything else.

        Args:
            checksum: Add a CRC-32C over the header, which the receiver checks (version 2).

        Raises:
            ValueError: There is no place for a checksum: it is version 1, or there are no
                addresses. Or all of it together is too long.
        """
        if checksum and (self.version == 1 or self.source is None):
            raise ValueError("only a header of version 2 that has addresses can have a checksum")
        return self._encode_v1() if self.version == 1 else self._encode_v2(checksum)

    def _encode_v1(self) -> bytes:
        if not (isinstance(self.source, Endpoint) and isinstance(self.destination, Endpoint)):
            return b"PROXY UNKNOWN\r\n"
        kind = "TCP6" if isinstance(self.source.host, IPv6Address) else "TCP4"
        # A scope means nothing on another machine, and has no place in the header.
        hosts = [str(each.host).partition("%")[0] for each in (self.source, self.destination)]
        ports = [str(each.port) for each in (self.source, self.destination)]
        return " ".join(["PROXY", kind, *hosts, *ports]).encode("ascii") + b"\r\n"

    def _encode_v2(self, checksum: bool) -> bytes:
        family = _family_of(self.source)
        transport = 2 if self.transport == "datagram" else 1
        header = bytearray(_V2_START)
        header.append(0x20 if self.local else 0x21)
        header.append(family << 4 | transport if family else _UNSPECIFIED)
        block = _encode_names(self.source, self.destination)
        for kind, value in self.tlvs:
            block += _encode_tlv(kind, value)
        if checksum:
            block += _encode_tlv(ProxyTLV.CRC32C, bytes(4))
        if len(block) > 0xFFFF:
            raise ValueError(f"a header has place for 65,535 bytes, not for {len(block)}")
        header += len(block).to_bytes(2) + block
        if checksum:
            header[-4:] = crc32c(header).to_bytes(4)
        return bytes(header)


class ProxyHeaderParser:
    """Finds the header at the start of a connection, and takes not a byte more.

    Feed it until `header` is there. When it has raised, it is of no further use.

    Args:
        max_size: The most bytes that a header of version 2 may have.

    Attributes:
        header: The header, once all of it has come; until then None.
        is_header: Whether what has come is the start of a header without any doubt; None while
            nobody can tell.
    """

    __slots__ = ("_data", "_max_size", "header", "is_header")

    def __init__(self, max_size: int = MAX_HEADER_SIZE) -> None:
        self._data = bytearray()
        self._max_size = max_size
        self.header: ProxyHeader | None = None
        self.is_header: bool | None = None

    def feed(self, data: bytes) -> int:
        """Take what comes next, as far as it is the header's.

        Args:
            data: Bytes that follow those which were taken.

        Returns:
            How many bytes of `data` are the header's: all of them until it is complete.

        Raises:
            BadProxyHeader: This is no header, or a malformed one, or one that is too long.
        """
        if self.header is not None:
            return 0
        before = len(self._data)
        self._data += data
        size = self._find_size()
        if size is None or size > len(self._data):
            return len(data)
        del self._data[size:]
        parse = _parse_v1 if self._data.startswith(_V1_START) else _parse_v2
        self.header = parse(bytes(self._data))
        return size - before

    def _find_size(self) -> int | None:
        """Return the size of the whole header, or None while that cannot be told."""
        data = self._data
        if data.startswith(_V1_STARTS):
            self.is_header = True
            return self._find_v1_size()
        if data.startswith(_V2_START):
            self.is_header = True
            return self._find_v2_size()
        if any(start.startswith(data) for start in (*_V1_STARTS, _V2_START)):
            return None
        self.is_header = False
        if data.startswith(_V1_START):
            raise BadProxyHeader(
                f"no such protocol: {_shown(data[len(_V1_START) :][:_V1_LONGEST])}"
            )
        raise BadProxyHeader("it does not begin with a PROXY header")

    def _find_v1_size(self) -> int | None:
        end = self._data.find(b"\r\n", 0, _V1_LONGEST)
        if end >= 0:
            return end + 2
        if len(self._data) >= _V1_LONGEST:
            raise BadProxyHeader(f"no end of the line within {_V1_LONGEST} bytes")
        return None

    def _find_v2_size(self) -> int | None:
        data = self._data
        if len(data) > 12:
            _check_command(data[12])
        if len(data) < _V2_FIXED:
            return None
        size = _V2_FIXED + int.from_bytes(data[14:16])
        if size > self._max_size:
            raise BadProxyHeader(f"{size} bytes, where {self._max_size} are allowed")
        return size


# -- version 1 ------------------------------------------------------------------------------------


def _parse_v1(data: bytes) -> ProxyHeader:
    kind, _, rest = data[len(_V1_START) : -2].partition(b" ")
    if kind == b"UNKNOWN":
        return ProxyHeader(None, None, version=1)  # whatever follows is to be ignored
    fields = rest.split(b" ")
    if len(fields) != 4:
        raise BadProxyHeader("there must be two addresses and two ports, with single blanks")
    host = _ipv4 if kind == b"TCP4" else _ipv6
    source, destination, source_port, destination_port = fields
    return ProxyHeader(
        Endpoint(host(source), _port(source_port)),
        Endpoint(host(destination), _port(destination_port)),
        version=1,
    )


def _ipv4(field: bytes) -> IPv4Address:
    try:
        return IPv4Address(field.decode("ascii"))
    except ValueError:
        raise BadProxyHeader(f"not an IPv4 address: {_shown(field)}") from None


def _ipv6(field: bytes) -> IPv6Address:
    try:
        host = IPv6Address(field.decode("ascii"))
    except ValueError:
        host = None
    if host is None or host.scope_id is not None:  # whose interface would that be?
        raise BadProxyHeader(f"not an IPv6 address: {_shown(field)}")
    return host


def _port(field: bytes) -> int:
    # Of what `int` takes (signs, blanks, underscores, leading zeros), only plain numbers will do.
    if field.isdigit() and len(field) <= 5 and field == b"%d" % int(field):
        port = int(field)
        if port <= 0xFFFF:
            return port
    raise BadProxyHeader(f"not a port: {_shown(field)}")


def _shown(field: bytes | bytearray) -> str:
    """Return what a stranger has sent, so that it can be printed."""
    return ascii(bytes(field))[1:]


# -- version 2 ------------------------------------------------------------------------------------


def _check_command(byte: int) -> None:
    if byte not in (0x20, 0x21):
        raise BadProxyHeader(f"no such version and command: {byte:#04x}")


def _parse_v2(data: bytes) -> ProxyHeader:
    if data[12] == 0x20:
        return ProxyHeader(None, None, local=True)  # the rest is to be skipped, the family too
    if data[13] == _UNSPECIFIED:
        return ProxyHeader(None, None)  # how long addresses of no family are, nobody knows
    if data[13] not in _FAMILIES:
        raise BadProxyHeader(f"no such family and transport: {data[13]:#04x}")
    family = data[13] >> 4
    block = data[_V2_FIXED:]
    size = _ADDRESS_SIZES[family]
    if len(block) < size:
        raise BadProxyHeader(f"{len(block)} bytes of addresses, where {size} are needed")
    source, destination = _parse_names(family, block[:size])
    tlvs = tuple(_parse_tlvs(data, _V2_FIXED + size))
    return ProxyHeader(
        source,
        destination,
        transport=_TRANSPORTS[data[13] & 0x0F],
        tlvs=tlvs,
    )


def _parse_names(family: int, block: bytes) -> tuple[Name, Name]:
    if family == _LOCAL:
        return _parse_local(block[:_LOCAL_SIZE]), _parse_local(block[_LOCAL_SIZE:])
    size = _HOST_SIZES[family]
    host = IPv4Address if family == _IPV4 else IPv6Address
    return (
        Endpoint(host(block[:size]), int.from_bytes(block[-4:-2])),
        Endpoint(host(block[size : 2 * size]), int.from_bytes(block[-2:])),
    )


def _parse_local(path: bytes) -> LocalAddress:
    if path.startswith(b"\0"):
        # Padding and an abstract name that ends in NULs cannot be told apart.
        return LocalAddress(path[1:].rstrip(b"\0"), abstract=True)
    try:
        return LocalAddress(path.partition(b"\0")[0])
    except ValueError as error:
        raise BadProxyHeader(str(error)) from None


def _parse_tlvs(data: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield what is said besides the addresses, but for the checksum, which is checked."""
    has_checksum = False
    while start < len(data):
        value_start = start + 3
        end = value_start + int.from_bytes(data[start + 1 : value_start])
        if value_start > len(data) or end > len(data):
            raise BadProxyHeader("the last of what is said besides the addresses is cut off")
        kind, value = data[start], data[value_start:end]
        if kind != ProxyTLV.CRC32C:
            _check_tlv(kind, value)
            yield kind, value
        elif has_checksum or len(value) != 4:
            raise BadProxyHeader("a checksum has four bytes, and there is one")
        else:
            has_checksum = True
            if crc32c(data[:value_start] + bytes(4) + data[end:]) != int.from_bytes(value):
                raise BadProxyHeader("the checksum is wrong")
        start = end


def _check_tlv(kind: int, value: bytes) -> None:
    if kind == ProxyTLV.UNIQUE_ID and len(value) > _LONGEST_UNIQUE_ID:
        raise BadProxyHeader(f"a unique id has at most {_LONGEST_UNIQUE_ID} bytes")


def _encode_tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2) + value


def _family_of(name: Name | None) -> int:
    if name is None:
        return 0
    if isinstance(name, LocalAddress):
        return _LOCAL
    if not isinstance(name, Endpoint):
        raise TypeError(f"a name is an Endpoint or a LocalAddress, not {type(name).__name__}")
    if not 0 <= name.port <= 0xFFFF:
        raise ValueError(f"not a port: {name.port}")
    return _IPV6 if isinstance(name.host, IPv6Address) else _IPV4


def _encode_names(source: Name | None, destination: Name | None) -> bytes:
    if isinstance(source, Endpoint) and isinstance(destination, Endpoint):
        hosts = source.host.packed + destination.host.packed
        return hosts + source.port.to_bytes(2) + destination.port.to_bytes(2)
    if isinstance(source, LocalAddress) and isinstance(destination, LocalAddress):
        return _encode_local(source) + _encode_local(destination)
    return b""


def _encode_local(name: LocalAddress) -> bytes:
    path = name.path.encode("utf-8", "surrogateescape")
    return (b"\0" + path if name.abstract else path).ljust(_LOCAL_SIZE, b"\0")


# -- the checksum ---------------------------------------------------------------------------------

_CRC32C_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed; `zlib.crc32` has another one


@cache
def _crc32c_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_CRC32C_POLYNOMIAL if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


def crc32c(data: bytes | bytearray) -> int:
    """Return the CRC-32C of some bytes (RFC 3720, section 12.1)."""
    table = _crc32c_table()
    crc = 0xFFFF_FFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF_FFFF
