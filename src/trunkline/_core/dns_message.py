"""Messages of the domain name system, as bytes and taken apart (RFC 1035, section 4)."""

import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from ..errors import BadDNSMessage
from .dns_packed_names import POINTER_SIZE, pack_name, pointer_to, unpack_name
from .dns_records import (
    AAAARecord,
    ARecord,
    CAARecord,
    CNAMERecord,
    DNSRecord,
    HTTPSRecord,
    MXRecord,
    NAPTRRecord,
    NSRecord,
    PTRRecord,
    SOARecord,
    SRVRecord,
    SVCBRecord,
    TLSARecord,
    TXTRecord,
    UnknownRecord,
)
from .framing import Frames

__all__ = (
    "FORMERR",
    "INTERNET",
    "IN_A_CONNECTION",
    "LONGEST_TTL",
    "NOERROR",
    "NOTIMP",
    "NXDOMAIN",
    "OPT",
    "REFUSED",
    "SERVFAIL",
    "SMALLEST_PAYLOAD",
    "DNSMessage",
    "DNSQuestion",
    "PackedQuestion",
    "pack_message",
    "pack_query",
    "pack_question",
    "unpack_message",
)

INTERNET = 1
"""The class of all records that there are."""

SMALLEST_PAYLOAD = 512
"""How many bytes a message in a datagram may have if its receiver says nothing of more."""

IN_A_CONNECTION = Frames(2)
"""How messages follow each other where they are no datagrams (section 4.2.2)."""

# How an answer turned out (section 4.1.1).
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)

_RECURSION_DESIRED = 1 << 8  # among the flags

OPT = 41
"""The type of the record that is none, and says more of the message (RFC 6891)."""

LONGEST_TTL = 2**31 - 1
"""The longest time to live; what is more is none at all (RFC 2181, section 8)."""

_HEADER = struct.Struct("!6H")
_QUESTION = struct.Struct("!2H")
_RECORD = struct.Struct("!2HIH")
_SOA = struct.Struct("!5I")
_SRV = struct.Struct("!3H")
_TWO = struct.Struct("!2H")


class DNSQuestion(NamedTuple):
    """What is asked.

    Attributes:
        name: For whose records.
        type: The number of their type, see `RecordType`.
        record_class: And that of their class.
    """

    name: str
    type: int
    record_class: int = INTERNET


class PackedQuestion(NamedTuple):
    """A question and its bytes, which nearly every answer repeats as they are.

    Attributes:
        name: For whose records it is.
        type: The number of their type.
        data: All of it as it is in a message.
    """

    name: str
    type: int
    data: bytes


class DNSMessage(NamedTuple):
    """A question, or an answer.

    Attributes:
        id: A number that the answer has to repeat.
        is_response: Whether it is an answer.
        opcode: What is asked for; 0 is a query.
        authoritative: Whether who answers knows it himself.
        truncated: Whether there was no room for all of it.
        recursion_desired: Whether who is asked shall ask others, too.
        recursion_available: Whether he would.
        rcode: How the answer turned out; 0 is well.
        payload_size: The largest message, in bytes, that its sender takes in a datagram (RFC 6891).
        questions: What is asked, nearly always one thing.
        answers: The records that were asked for.
        authority: Those that tell whose answer it is, or why there is none.
        additional: Those that may be wanted next.
    """

    id: int = 0
    is_response: bool = False
    opcode: int = 0
    authoritative: bool = False
    truncated: bool = False
    recursion_desired: bool = False
    recursion_available: bool = False
    rcode: int = 0
    payload_size: int = SMALLEST_PAYLOAD
    questions: tuple[DNSQuestion, ...] = ()
    answers: tuple[DNSRecord, ...] = ()
    authority: tuple[DNSRecord, ...] = ()
    additional: tuple[DNSRecord, ...] = ()


# -- packing --------------------------------------------------------------------------------------

Known = dict[tuple[bytes, ...], int]


def pack_message(message: DNSMessage) -> bytes:
    """Return a message as bytes.

    Raises:
        ValueError: A name is none, or a number or a text is out of range.
    """
    sections = (message.answers, message.authority, message.additional)
    has_options = message.payload_size > SMALLEST_PAYLOAD or message.rcode > 15
    flags = (
        message.is_response << 15
        | message.opcode << 11
        | message.authoritative << 10
        | message.truncated << 9
        | message.recursion_desired << 8
        | message.recursion_available << 7
        | message.rcode & 0x0F
    )
    counts = [len(message.questions), *map(len, sections)]
    counts[-1] += has_options
    try:
        data = bytearray(_HEADER.pack(message.id, flags, *counts))
        known: Known = {}
        for question in message.questions:
            data += pack_name(question.name, len(data), known)
            data += _QUESTION.pack(question.type, question.record_class)
        for section in sections:
            for record in section:
                _pack_record(record, data, known)
        if has_options:
            data += b"\0" + _RECORD.pack(OPT, message.payload_size, message.rcode >> 4 << 24, 0)
    except struct.error as error:
        raise ValueError(f"a number is out of range: {error}") from None
    return bytes(data)


def pack_question(name: str, record_type: int) -> PackedQuestion:
    """Return the question for the records of a name, with its bytes.

    Raises:
        ValueError: The name is none.
    """
    return PackedQuestion(
        name, record_type, pack_name(name) + _QUESTION.pack(record_type, INTERNET)
    )


def pack_query(number: int, question: PackedQuestion, payload_size: int) -> bytes:
    """Return the message that asks one thing, of whoever asks others, too; see `pack_message`.

    Args:
        number: The message's id.
        question: What is asked.
        payload_size: The largest answer, in bytes, that is taken in a datagram; 0 says nothing of
            it, which is for servers that do not understand more.
    """
    head, options = _around_question(payload_size)
    return number.to_bytes(2) + head + question.data + options


@lru_cache(2)  # for it is the same nearly always
def _around_question(payload_size: int) -> tuple[bytes, bytes]:
    """Return what a query has between its id and the question, and after that."""
    head = _HEADER.pack(0, _RECURSION_DESIRED, 1, 0, 0, payload_size > 0)
    options = b"\0" + _RECORD.pack(OPT, payload_size, 0, 0) if payload_size else b""
    return head[2:], options


def _pack_record(record: DNSRecord, data: bytearray, known: Known) -> None:
    data += pack_name(record.name, len(data), known)
    start = len(data) + _RECORD.size
    pack = _PACKERS[type(record)]
    content = pack(record, start, known)
    data += _RECORD.pack(record.type, INTERNET, record.ttl, len(content)) + content


def _pack_string(text: bytes) -> bytes:
    if len(text) > 255:
        raise ValueError(f"a text in a record has at most 255 bytes, not {len(text)}")
    return bytes([len(text)]) + text


def _pack_soa(record: SOARecord, offset: int, known: Known) -> bytes:
    server = pack_name(record.server, offset, known)
    mailbox = pack_name(record.mailbox, offset + len(server), known)
    numbers = (record.serial, record.refresh, record.retry, record.expire, record.minimum)
    return server + mailbox + _SOA.pack(*numbers)


def _pack_naptr(record: NAPTRRecord, offset: int, known: Known) -> bytes:
    texts = map(_pack_string, (record.flags, record.service, record.regexp))
    numbers = _TWO.pack(record.order, record.preference)
    return numbers + b"".join(texts) + pack_name(record.replacement)


def _pack_svcb(record: SVCBRecord, offset: int, known: Known) -> bytes:
    params = (_TWO.pack(key, len(value)) + value for key, value in sorted(record.params))
    return record.priority.to_bytes(2) + pack_name(record.target) + b"".join(params)


def _pack_host(record: Any, offset: int, known: Known) -> bytes:
    return pack_name(record.host, offset, known)


def _pack_address(record: Any, offset: int, known: Known) -> bytes:
    packed: bytes = record.address.packed
    return packed


def _pack_mx(record: MXRecord, offset: int, known: Known) -> bytes:
    return record.preference.to_bytes(2) + pack_name(record.host, offset + 2, known)


def _pack_srv(record: SRVRecord, offset: int, known: Known) -> bytes:
    return _SRV.pack(record.priority, record.weight, record.port) + pack_name(record.target)


# Only the types of RFC 1035 may be compressed within (RFC 3597, section 4).
_PACKERS: dict[type, Callable[[Any, int, Known], bytes]] = {
    ARecord: _pack_address,
    AAAARecord: _pack_address,
    NSRecord: _pack_host,
    CNAMERecord: _pack_host,
    PTRRecord: _pack_host,
    SOARecord: _pack_soa,
    MXRecord: _pack_mx,
    TXTRecord: lambda record, *_: b"".join(map(_pack_string, record.strings or (b"",))),
    SRVRecord: _pack_srv,
    NAPTRRecord: _pack_naptr,
    TLSARecord: lambda record, *_: (
        bytes([record.usage, record.selector, record.matching]) + record.data
    ),
    SVCBRecord: _pack_svcb,
    HTTPSRecord: _pack_svcb,
    CAARecord: lambda record, *_: (
        bytes([record.flags]) + _pack_string(record.tag.encode("ascii")) + record.value
    ),
    UnknownRecord: lambda record, *_: record.data,
}


# -- unpacking ------------------------------------------------------------------------------------


def unpack_message(data: bytes, asked: PackedQuestion | None = None) -> DNSMessage:
    """Return the message that some bytes are, without records of other classes than `INTERNET`.

    A truncated one that is cut off within a record has none.

    Args:
        data: The bytes.
        asked: The question that it answers if it is the right message, which is read sooner then.
            The text of its name is the one that it would have if it was read here.

    Raises:
        BadDNSMessage: They are none.
    """
    reader = _Reader(data)
    number, flags, *counts = reader.numbers(_HEADER)
    questions = reader.questions(counts[0], asked)
    truncated = flags & 0x0200 != 0
    try:
        answers, authority, additional = map(reader.records, counts[1:])
    except BadDNSMessage:
        if not truncated:
            raise
        answers = authority = additional = ()  # it may be cut off anywhere (RFC 2181, section 9)
    return DNSMessage(
        id=number,
        is_response=flags & 0x8000 != 0,
        opcode=flags >> 11 & 0x0F,
        authoritative=flags & 0x0400 != 0,
        truncated=truncated,
        recursion_desired=flags & 0x0100 != 0,
        recursion_available=flags & 0x0080 != 0,
        rcode=reader.rcode_above << 4 | flags & 0x0F,
        payload_size=reader.payload_size,
        questions=questions,
        answers=answers,
        authority=authority,
        additional=additional,
    )


class _Reader:
    """Takes a message apart, from the front to a given end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._index = 0
        self._end = len(data)
        self._names: dict[bytes, str] = {}  # by the pointers to them: most records repeat one
        self.payload_size = SMALLEST_PAYLOAD
        self.rcode_above = 0  # the bits of it for which the header has no room

    def numbers(self, form: struct.Struct) -> tuple[int, ...]:
        start, stop = self._index, self._index + form.size
        if stop > self._end:
            raise BadDNSMessage("it is cut off")
        self._index = stop
        return form.unpack_from(self._data, start)

    def take(self, count: int) -> bytes:
        start, stop = self._index, self._index + count
        if stop > self._end:
            raise BadDNSMessage("it is cut off")
        self._index = stop
        return self._data[start:stop]

    def string(self) -> bytes:
        return self.take(self.take(1)[0])

    def strings(self) -> Iterable[bytes]:
        while self._index < self._end:
            yield self.string()

    def rest(self) -> bytes:
        start, self._index = self._index, self._end
        return self._data[start : self._end]

    def name(self) -> str:
        start = self._index
        index = start + POINTER_SIZE
        name = self._names.get(self._data[start:index])
        if name is None:
            name, index = unpack_name(self._data, start)
            self._names[pointer_to(start)] = name
        if index > self._end:
            raise BadDNSMessage("a name is longer than its record")
        self._index = index
        return name

    def params(self) -> Iterable[tuple[int, bytes]]:
        before = -1
        while self._index < self._end:
            key, size = self.numbers(_TWO)
            if key <= before:
                raise BadDNSMessage("the keys of a service's parameters do not ascend")
            before = key
            yield key, self.take(size)

    def questions(self, count: int, asked: PackedQuestion | None) -> tuple[DNSQuestion, ...]:
        start = self._index
        if asked is not None and count == 1 and self._data.startswith(asked.data, start):
            self._index += len(asked.data)
            self._names[pointer_to(start)] = asked.name
            return (DNSQuestion(asked.name, asked.type),)
        return tuple(DNSQuestion(self.name(), *self.numbers(_QUESTION)) for _ in range(count))

    def records(self, count: int) -> tuple[DNSRecord, ...]:
        if not count:
            return ()
        found = []
        for _ in range(count):
            name = self.name()
            kind, record_class, ttl, size = self.numbers(_RECORD)
            whole, self._end = self._end, self._index + size
            if self._end > whole:
                raise BadDNSMessage("a record is cut off")
            if kind == OPT:
                self.payload_size = max(SMALLEST_PAYLOAD, record_class)
                self.rcode_above = ttl >> 24
                self.rest()
            elif record_class != INTERNET:
                self.rest()  # of another world, where even an address may be something else
            else:
                found.append(self._record(name, kind, ttl if ttl <= LONGEST_TTL else 0))
            if self._index != self._end:
                raise BadDNSMessage("a record is longer than what it says")
            self._end = whole
        return tuple(found)

    def _record(self, name: str, kind: int, ttl: int) -> DNSRecord:
        unpack = _UNPACKERS.get(kind)
        if unpack is None:
            return UnknownRecord(name, ttl, kind, self.rest())
        record_type, fields = unpack
        try:
            return record_type(name, ttl, *fields(self))
        except ValueError as error:
            raise BadDNSMessage(f"a record of type {kind} is malformed: {error}") from None


def _ascii(text: bytes) -> str:
    return text.decode("ascii")


def _host_fields(reader: _Reader) -> Iterable[Any]:
    return (reader.name(),)


def _svcb_fields(reader: _Reader) -> Iterable[Any]:
    return int.from_bytes(reader.take(2)), reader.name(), tuple(reader.params())


_Fields = Callable[[_Reader], Iterable[Any]]

_FIELDS: dict[type[DNSRecord], _Fields] = {
    ARecord: lambda reader: (IPv4Address(reader.rest()),),
    AAAARecord: lambda reader: (IPv6Address(reader.rest()),),
    NSRecord: _host_fields,
    CNAMERecord: _host_fields,
    PTRRecord: _host_fields,
    SOARecord: lambda reader: (reader.name(), reader.name(), *reader.numbers(_SOA)),
    MXRecord: lambda reader: (int.from_bytes(reader.take(2)), reader.name()),
    TXTRecord: lambda reader: (tuple(reader.strings()),),
    SRVRecord: lambda reader: (*reader.numbers(_SRV), reader.name()),
    NAPTRRecord: lambda reader: (
        *reader.numbers(_TWO),
        reader.string(),
        reader.string(),
        reader.string(),
        reader.name(),
    ),
    TLSARecord: lambda reader: (*reader.take(3), reader.rest()),
    SVCBRecord: _svcb_fields,
    HTTPSRecord: _svcb_fields,
    CAARecord: lambda reader: (reader.take(1)[0], _ascii(reader.string()), reader.rest()),
}

_UNPACKERS: dict[int, tuple[Callable[..., DNSRecord], _Fields]] = {
    kind.type: (kind, fields) for kind, fields in _FIELDS.items()
}
