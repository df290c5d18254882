r"""What a record says, as one writes it into the file of a zone (RFC 1035, section 5).

Whatever is no printable ASCII stands as ``\DDD``, as it does in names.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from ..._core.dns_records import (
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
    RecordType,
    SOARecord,
    SRVRecord,
    SVCBRecord,
    TLSARecord,
    TXTRecord,
    UnknownRecord,
)

__all__ = ("record_data", "type_name")


def record_data(record: DNSRecord) -> str:
    """Return what a record says of its name."""
    write = _WRITERS.get(type(record))
    return "" if write is None else write(record)


def type_name(number: int) -> str:
    """Return the name of a type, or what stands for one that has no name here (RFC 3597)."""
    try:
        return RecordType(number).name
    except ValueError:
        return f"TYPE{number}"


def quoted(data: bytes) -> str:
    """Return bytes as a string of characters between quotation marks."""
    return '"' + "".join(map(_CHARACTERS.__getitem__, data)) + '"'


_CHARACTERS = [
    "\\" + chr(byte) if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\{byte:03}"
    for byte in range(256)
]


def _soa(record: SOARecord) -> str:
    times = record.serial, record.refresh, record.retry, record.expire, record.minimum
    return " ".join([record.server, record.mailbox, *map(str, times)])


def _naptr(record: NAPTRRecord) -> str:
    texts = map(quoted, (record.flags, record.service, record.regexp))
    return " ".join([f"{record.order} {record.preference}", *texts, record.replacement])


def _svcb(record: SVCBRecord) -> str:
    params = [_param(key, value) for key, value in record.params]
    return " ".join([str(record.priority), record.target, *params])


def _param(key: int, value: bytes) -> str:
    """Return a parameter of a service (RFC 9460, section 14.3.2)."""
    name, write = _PARAMS.get(key, (f"key{key}", quoted))
    try:
        text = write(value)
    except ValueError:  # it is not what it should be
        text = quoted(value)
    return f"{name}={text}" if text else name


def _keys(value: bytes) -> str:
    numbers = [int.from_bytes(value[at : at + 2]) for at in range(0, len(value), 2)]
    return ",".join(_PARAMS[key][0] if key in _PARAMS else f"key{key}" for key in numbers)


def _strings(value: bytes) -> str:
    names = []
    while value:
        end = 1 + value[0]
        if len(value) < end:
            raise ValueError("it is cut off")
        names.append(quoted(value[1:end])[1:-1])
        value = value[end:]
    return ",".join(names)


def _addresses(kind: Callable[[bytes], object], size: int) -> Callable[[bytes], str]:
    def write(value: bytes) -> str:
        return ",".join(str(kind(value[at : at + size])) for at in range(0, len(value), size))

    return write


def _port(value: bytes) -> str:
    if len(value) != 2:
        raise ValueError("a port has two bytes")
    return str(int.from_bytes(value))


def _nothing(value: bytes) -> str:
    if value:
        raise ValueError("it has no value")
    return ""


_PARAMS: dict[int, tuple[str, Callable[[bytes], str]]] = {
    0: ("mandatory", _keys),
    1: ("alpn", _strings),
    2: ("no-default-alpn", _nothing),
    3: ("port", _port),
    4: ("ipv4hint", _addresses(IPv4Address, 4)),
    6: ("ipv6hint", _addresses(IPv6Address, 16)),
}

_WRITERS: dict[type[DNSRecord], Callable[[Any], str]] = {
    ARecord: lambda record: str(record.address),
    AAAARecord: lambda record: str(record.address),
    NSRecord: lambda record: record.host,
    CNAMERecord: lambda record: record.host,
    PTRRecord: lambda record: record.host,
    SOARecord: _soa,
    MXRecord: lambda record: f"{record.preference} {record.host}",
    TXTRecord: lambda record: " ".join(map(quoted, record.strings)),
    SRVRecord: lambda record: f"{record.priority} {record.weight} {record.port} {record.target}",
    NAPTRRecord: _naptr,
    TLSARecord: lambda record: (
        f"{record.usage} {record.selector} {record.matching} {record.data.hex()}"
    ),
    SVCBRecord: _svcb,
    HTTPSRecord: _svcb,
    CAARecord: lambda record: f"{record.flags} {record.tag} {quoted(record.value)}",
    UnknownRecord: lambda record: f"\\# {len(record.data)} {record.data.hex()}".rstrip(),
}
