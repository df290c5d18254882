"""Reading at once what nearly all answers are: addresses of the very name that was asked for.

Whatever says more than that is read by `unpack_message`, as this could be, too, for several times
the price.
"""

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from .dns_message import INTERNET, LONGEST_TTL, OPT, PackedQuestion
from .dns_packed_names import pointer_to
from .dns_records import AAAARecord, ARecord

__all__ = ("usual_answer",)

_HEADER = struct.Struct("!2x5H")

# Of the flags: a response, to a query, neither truncated nor an error.
_TELLING, _USUAL = 0xFA0F, 0x8000

_OPTIONS = struct.Struct("!BH2xB3xH")
_NO_OPTIONS = (0, OPT, 0, 0)  # the name, the type, more of an error's number, the bytes


class _Form(NamedTuple):
    """What records of a type are like.

    Attributes:
        record: Their bytes: the head, the time to live, the size of the address, and the address.
        head: The name, which is the question's, the type and the class.
        size: That of the address.
        address: What is made of the address's bytes.
        kind: What is made of the name, the time to live and the address.
    """

    record: struct.Struct
    head: bytes
    size: int
    address: Any
    kind: Any


def _form(kind: type[ARecord | AAAARecord], address: Any, size: int) -> _Form:
    head = pointer_to(_HEADER.size) + struct.pack("!2H", kind.type, INTERNET)
    return _Form(struct.Struct(f"!{len(head)}sIH{size}s"), head, size, address, kind)


_FORMS = {
    int(ARecord.type): _form(ARecord, IPv4Address, 4),
    int(AAAARecord.type): _form(AAAARecord, IPv6Address, 16),
}


def usual_answer(data: bytes, asked: PackedQuestion) -> list[ARecord | AAAARecord] | None:
    """Return the records of an answer, or None if it is not as usual, or no answer at all.

    Args:
        data: A message, which has come under the question's number.
        asked: The question.
    """
    form = _FORMS.get(asked.type)
    start = _HEADER.size + len(asked.data)
    if form is None or not data.startswith(asked.data, _HEADER.size):
        return None
    flags, questions, count, authority, additional = _HEADER.unpack_from(data)
    record, record_head, address_size, to_address, kind = form
    end = start + count * record.size
    if flags & _TELLING != _USUAL or questions != 1 or authority or len(data) < end:
        return None
    if additional and not _has_no_options(data[end:], additional):
        return None
    name = asked.name
    records = []
    for head, ttl, size, packed in record.iter_unpack(data[start:end]):
        if head != record_head or size != address_size or ttl > LONGEST_TTL:
            return None
        records.append(kind(name, ttl, to_address(packed)))
    return records


def _has_no_options(data: bytes, count: int) -> bool:
    """Return whether so many records say nothing but what a server takes in a datagram."""
    is_one = count == 1 and len(data) == _OPTIONS.size
    return is_one and _OPTIONS.unpack(data) == _NO_OPTIONS
