"""What Linux tells of interfaces and their addresses: messages of rtnetlink(7), taken apart.

A *dump* asks for all entries of one table. The answer comes in several messages, some to a
datagram, and the last one only says that it is the last. Numbers are in the machine's own byte
order, and whatever has a length is padded to four bytes. See netlink(7).
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from ..addresses import IPAddress
from ..errors import ProtocolError, SocketError
from .interfaces import Interface, InterfaceAddress

__all__ = ("GET_ADDRESSES", "GET_LINKS", "OPERATION", "Dump", "interface_addresses")

OPERATION = "if_addresses"
"""What all this is for, in the text of an error."""

# The tables that can be asked for: the type of the question, and of each entry in the answer.
GET_LINKS, _NEW_LINK = 18, 16  # RTM_GETLINK, RTM_NEWLINK
GET_ADDRESSES, _NEW_ADDRESS = 22, 20  # RTM_GETADDR, RTM_NEWADDR
_ENTRY_OF = {GET_LINKS: _NEW_LINK, GET_ADDRESSES: _NEW_ADDRESS}

_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_ASK_FOR_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_INTERRUPTED = 0x10  # NLM_F_DUMP_INTR

_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr: length, type, flags, sequence, port
_CODE = struct.Struct("=i")  # the beginning of struct nlmsgerr, and what is in the last message
_LINK = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, changed flags
_ADDRESS = struct.Struct("=BBBBI")  # struct ifaddrmsg: family, prefix length, flags, scope, index
_ATTRIBUTE = struct.Struct("=HH")  # struct rtattr: length, type
_TYPE_MASK = 0x3FFF  # above it are two flags

_NAME = 3  # IFLA_IFNAME
_FAR, _OWN, _BROADCAST = 1, 2, 4  # IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST
_UP, _LOOPBACK, _MULTICAST = 0x1, 0x8, 0x1000  # of IFF_UP and its like

_KINDS: dict[int, type[IPv4Address] | type[IPv6Address]] = {2: IPv4Address, 10: IPv6Address}


class Dump:
    """A question for a table, and the answer as far as it has come.

    Args:
        table: `GET_LINKS` or `GET_ADDRESSES`.
        sequence: A number of its own, which the answer repeats.

    Attributes:
        request: The question, to be sent.
        entries: What has come.
        is_done: Whether that is all.
        was_interrupted: Whether the table was changed meanwhile: then it may be wrong.
    """

    def __init__(self, table: int, sequence: int) -> None:
        size = _HEADER.size + _LINK.size
        self.request = _HEADER.pack(size, table, _ASK_FOR_DUMP, sequence, 0) + bytes(_LINK.size)
        self.entries: list[bytes] = []
        self.is_done = False
        self.was_interrupted = False
        self._sequence = sequence
        self._entry = _ENTRY_OF[table]

    def feed(self, data: bytes) -> None:
        """Take a datagram in.

        Raises:
            SocketError: The kernel says no.
            ProtocolError: It is no datagram of netlink's.
        """
        while data and not self.is_done:
            length, kind, flags, sequence, _ = _unpack(_HEADER, data)
            if not _HEADER.size <= length <= len(data):
                raise _broken()
            payload, data = data[_HEADER.size : length], data[_padded(length) :]
            if sequence != self._sequence:
                continue  # it answers somebody else's question
            self.was_interrupted |= bool(flags & _INTERRUPTED)
            if kind == self._entry:
                self.entries.append(payload)
            elif kind in (_ERROR, _DONE):
                self.is_done = True
                code = _unpack(_CODE, payload)[0] if payload or kind == _ERROR else 0
                if code:
                    raise SocketError.from_errno(-code, operation=OPERATION)


def interface_addresses(
    links: Iterable[bytes], addresses: Iterable[bytes]
) -> tuple[InterfaceAddress, ...]:
    """Return the addresses, interface by interface, of the entries of both tables.

    The addresses of an interface that is not there any more are not, either.

    Raises:
        ProtocolError: An entry is malformed.
    """
    known = {link.interface.index: link for link in map(_link, links)}
    found = [each for entry in addresses for each in _address(entry, known)]
    return tuple(sorted(found, key=lambda each: each.interface.index))


@dataclass(frozen=True, slots=True)
class _Link:
    interface: Interface
    flags: int


def _link(entry: bytes) -> _Link:
    _, _, index, flags, _ = _unpack(_LINK, entry)
    name = _attributes(entry[_LINK.size :]).get(_NAME, b"").rstrip(b"\0")
    return _Link(Interface(name.decode("utf-8", "surrogateescape"), index), flags)


def _address(entry: bytes, links: dict[int, _Link]) -> Iterator[InterfaceAddress]:
    family, prefix_length, _, _, index = _unpack(_ADDRESS, entry)
    kind = _KINDS.get(family)
    link = links.get(index)
    if kind is None or link is None:
        return
    values = _attributes(entry[_ADDRESS.size :])
    addresses = {
        which: _zoned(kind, values[which], link.interface)
        for which in (_FAR, _OWN, _BROADCAST)
        if which in values
    }
    far, broadcast = addresses.get(_FAR), addresses.get(_BROADCAST)
    own = addresses.get(_OWN, far)  # only where there are two ends they are told apart
    if own is None or prefix_length > own.max_prefixlen:
        raise _broken()
    yield InterfaceAddress(
        link.interface,
        own,
        prefix_length,
        broadcast=broadcast if isinstance(broadcast, IPv4Address) else None,
        peer=far if far != own else None,
        is_up=bool(link.flags & _UP),
        is_loopback=bool(link.flags & _LOOPBACK),
        is_multicast=bool(link.flags & _MULTICAST),
    )


def _zoned(
    kind: type[IPv4Address] | type[IPv6Address], packed: bytes, interface: Interface
) -> IPAddress:
    try:
        address = kind(packed)
        if isinstance(address, IPv6Address) and address.is_link_local:
            return IPv6Address(f"{address}%{interface.name or interface.index}")
    except ValueError:
        raise _broken() from None
    return address


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while data:
        length, kind = _unpack(_ATTRIBUTE, data)
        if not _ATTRIBUTE.size <= length <= len(data):
            raise _broken()
        found[kind & _TYPE_MASK] = data[_ATTRIBUTE.size : length]
        data = data[_padded(length) :]
    return found


def _padded(length: int) -> int:
    return length + 3 & ~3


def _unpack(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    if len(data) < layout.size:
        raise _broken()
    return layout.unpack_from(data)


def _broken() -> ProtocolError:
    return ProtocolError(strerror="a malformed message of the kernel's", operation=OPERATION)
