"""What a certificate says, also where nobody has vouched for it: Python tells it only of others.

It is read as far as people want to know it (RFC 5280, section 4), and is not checked: whoever shows
a certificate has written it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

__all__ = ("CertificateFacts", "certificate_facts")


@dataclass(frozen=True)
class CertificateFacts:
    """What a certificate says.

    Attributes:
        subject: Whose it is, like ``"O=Example, CN=example.org"``.
        issuer: Who has signed it.
        not_before: From when on it is good, like ``"2026-01-31 12:00:00 UTC"``.
        not_after: Until when.
        names: For whom: names of hosts, and addresses.
    """

    subject: str
    issuer: str
    not_before: str
    not_after: str
    names: tuple[str, ...]


class _Value(NamedTuple):
    """A value of ASN.1: its tag, and what it consists of."""

    tag: int
    content: bytes


_OID, _SEQUENCE, _SET = 0x06, 0x30, 0x31
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION, _EXTENSIONS = 0xA0, 0xA3  # by their numbers in a certificate
_DNS_NAME, _IP_ADDRESS = 0x82, 0x87  # the same in a subject's other names

_SUBJECT_ALT_NAME = bytes.fromhex("551d11")
_ATTRIBUTES = {
    bytes.fromhex("550403"): "CN",
    bytes.fromhex("550406"): "C",
    bytes.fromhex("550407"): "L",
    bytes.fromhex("550408"): "ST",
    bytes.fromhex("55040a"): "O",
    bytes.fromhex("55040b"): "OU",
}
_ENCODINGS = {0x1E: "utf-16-be", 0x1C: "utf-32-be", 0x14: "latin-1"}


def certificate_facts(certificate: bytes) -> CertificateFacts:
    """Return what a certificate (DER) says.

    Raises:
        ValueError: It is none.
    """
    (whole,) = _values(certificate)
    signed, *_ = _values(_content(whole, _SEQUENCE))
    fields = [*_values(_content(signed, _SEQUENCE))]
    if fields and fields[0].tag == _VERSION:
        del fields[0]
    if len(fields) < 6:
        raise ValueError("a certificate has more in it")
    _serial, _algorithm, issuer, validity, subject = fields[:5]
    not_before, not_after = (_time(each) for each in _values(validity.content))
    return CertificateFacts(
        _name(subject), _name(issuer), not_before, not_after, tuple(_alt_names(fields[5:]))
    )


def _values(data: bytes) -> Iterator[_Value]:
    """Yield the values that stand one behind the other."""
    at = 0
    while at < len(data):
        if len(data) < at + 2:
            raise ValueError("a value is cut off")
        tag, size, start = data[at], data[at + 1], at + 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[at + 2 : start])
        at = start + size
        if at > len(data):
            raise ValueError("a value is cut off")
        yield _Value(tag, data[start:at])


def _content(value: _Value, tag: int) -> bytes:
    if value.tag != tag:
        raise ValueError(f"a value has the tag {value.tag:#x} in place of {tag:#x}")
    return value.content


def _name(value: _Value) -> str:
    parts = []
    for group in _values(_content(value, _SEQUENCE)):
        for attribute in _values(_content(group, _SET)):
            kind, text = _values(_content(attribute, _SEQUENCE))
            key = _ATTRIBUTES.get(_content(kind, _OID), "")
            if key:
                encoding = _ENCODINGS.get(text.tag, "utf-8")
                parts.append(f"{key}={text.content.decode(encoding, 'backslashreplace')}")
    return ", ".join(parts) or "nobody"


def _time(value: _Value) -> str:
    """Return a time in a form that can be compared: two digits of a year are of 1950 to 2049."""
    text = value.content.decode("ascii")
    if value.tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif value.tag != _GENERALIZED_TIME:
        raise ValueError("a time is of another kind")
    year, month, day = text[:4], text[4:6], text[6:8]
    return f"{year}-{month}-{day} {text[8:10]}:{text[10:12]}:{text[12:14]} UTC"


def _alt_names(fields: list[_Value]) -> Iterator[str]:
    for field in fields:
        if field.tag != _EXTENSIONS:
            continue
        (extensions,) = _values(field.content)
        for extension in _values(_content(extensions, _SEQUENCE)):
            kind, *_critical, inner = _values(_content(extension, _SEQUENCE))
            if kind.content == _SUBJECT_ALT_NAME:
                (names,) = _values(inner.content)
                yield from filter(None, map(_alt_name, _values(names.content)))


def _alt_name(value: _Value) -> str | None:
    if value.tag == _DNS_NAME:
        return value.content.decode("ascii", "backslashreplace")
    if value.tag == _IP_ADDRESS:
        return str(ip_address(value.content))
    return None
