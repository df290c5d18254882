"""Messages of ICMP, for IPv4 (RFC 792) and for IPv6 (RFC 4443)."""

import struct
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

from .checksum import internet_checksum
from .counts import check_count
from .ip_header import IPv4Header

__all__ = ("ICMPMessage", "IPVersion")

IPVersion: TypeAlias = Literal[4, 6]

_HEADER = struct.Struct("!BBH4s")
_ECHO = struct.Struct("!HH")
_IPV6_HEADER_BYTES, _IPV6_NEXT = 40, 6
_PROTOCOLS = {4: 1, 6: 58}

_REQUESTS, _REPLIES = {4: 8, 6: 128}, {4: 0, 6: 129}

# What is said of an error, and of its codes.
_ERRORS: dict[tuple[int, int], tuple[str, tuple[str, ...]]] = {
    (4, 3): (
        "destination unreachable",
        (
            "network unreachable",
            "host unreachable",
            "protocol unreachable",
            "port unreachable",
            "fragmentation needed",
            "source route failed",
            "network unknown",
            "host unknown",
            "source host isolated",
            "network prohibited",
            "host prohibited",
            "network unreachable for this service",
            "host unreachable for this service",
            "communication prohibited",
        ),
    ),
    (4, 11): ("time exceeded", ("on its way", "before all fragments came")),
    (4, 12): ("parameter problem", ()),
    (6, 1): (
        "destination unreachable",
        (
            "no route",
            "communication prohibited",
            "beyond the scope of the source",
            "address unreachable",
            "port unreachable",
            "source prohibited",
            "route rejected",
        ),
    ),
    (6, 2): ("packet too big", ()),
    (6, 3): ("time exceeded", ("on its way", "before all fragments came")),
    (6, 4): ("parameter problem", ()),
}


@dataclass(frozen=True, slots=True)
class ICMPMessage:
    """A message of ICMP, by which hosts and routers tell each other what becomes of datagrams.

    You would want it with a raw socket, or with ``make_socket(type="datagram", protocol="icmp")``.

    Attributes:
        type: The number of its type, which is another one for each version.
        code: The number that says more.
        rest: The four bytes behind that and the checksum, which depend on the type.
        payload: What comes behind those.
        version: 4 or 6, for which version of IP it is.
    """

    type: int
    code: int = 0
    rest: bytes = bytes(4)
    payload: bytes = b""
    version: IPVersion = 4

    @classmethod
    def echo_request(
        cls, identifier: int, sequence: int, payload: bytes = b"", *, version: IPVersion = 4
    ) -> Self:
        """Return a message that asks for an echo: its receiver sends back the same as a reply.

        Args:
            identifier: A number of 16 bits that tells one who asks from others on the same host. On
                a datagram socket the system puts its own.
            sequence: A number of 16 bits that tells one request from the next.
            payload: What is to come back.
            version: For which version of IP, 4 or 6.

        Raises:
            TypeError, ValueError: A number is none of 16 bits, or there is no such version.
        """
        check_count("an identifier", identifier, least=0, most=0xFFFF)
        check_count("a sequence number", sequence, least=0, most=0xFFFF)
        if version not in _REQUESTS:
            raise ValueError(f"the version is 4 or 6, not {version!r}")
        return cls(_REQUESTS[version], 0, _ECHO.pack(identifier, sequence), payload, version)

    @classmethod
    def decode(cls, data: bytes, *, version: IPVersion = 4) -> Self | None:
        """Return the message that bytes are; None if they are none, or their checksum is wrong.

        That of IPv6 is of more than the message, and left to the system, which checks it.

        Args:
            data: What is behind the header of IP, see `IPv4Header.split`.
            version: For which version of IP, 4 or 6.
        """
        if version == 4 and internet_checksum(data):
            return None
        return cls._take_apart(data, version)

    @classmethod
    def _take_apart(cls, data: bytes, version: IPVersion) -> Self | None:
        if len(data) < _HEADER.size:
            return None
        kind, code, _, rest = _HEADER.unpack_from(data)
        return cls(kind, code, rest, bytes(data[_HEADER.size :]), version)

    def encode(self) -> bytes:
        """Return the bytes to send, with the checksum, which for IPv6 is left to the system."""
        data = _HEADER.pack(self.type, self.code, 0, self.rest) + self.payload
        if self.version == 6:
            return data
        return data[:2] + internet_checksum(data).to_bytes(2) + data[4:]

    @property
    def identifier(self) -> int:
        """The identifier of a request for an echo, or of a reply; of others it means nothing."""
        number: int = _ECHO.unpack(self.rest)[0]
        return number

    @property
    def sequence(self) -> int:
        """The sequence number of a request for an echo, or of a reply; see `identifier`."""
        number: int = _ECHO.unpack(self.rest)[1]
        return number

    @property
    def is_echo_request(self) -> bool:
        """Whether it asks for an echo."""
        return self.type == _REQUESTS[self.version]

    @property
    def is_echo_reply(self) -> bool:
        """Whether it is the echo that was asked for."""
        return self.type == _REPLIES[self.version]

    @property
    def meaning(self) -> str:
        """What it says, in words, like ``"destination unreachable: host unreachable"``."""
        if self.is_echo_request:
            return "echo request"
        if self.is_echo_reply:
            return "echo reply"
        text, details = _ERRORS.get((self.version, self.type), (f"type {self.type}", ()))
        if self.code < len(details):
            return f"{text}: {details[self.code]}"
        return f"{text}, code {self.code}" if self.code else text

    @property
    def quoted(self) -> Self | None:
        """Of an error: the beginning of the message of ICMP that it is about, if it is about one.

        Who has sent that one, knows it by its identifier and its sequence number.
        """
        if (self.version, self.type) not in _ERRORS:
            return None
        if self.version == 6:
            if self.payload[_IPV6_NEXT : _IPV6_NEXT + 1] != bytes([_PROTOCOLS[6]]):
                return None
            return self._take_apart(self.payload[_IPV6_HEADER_BYTES:], 6)
        parts = IPv4Header.split(self.payload)
        if parts is None or parts[0].protocol != _PROTOCOLS[4]:
            return None
        return self._take_apart(parts[1], 4)
