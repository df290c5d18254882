"""Names of the domain name system, as text and as they are in a message (RFC 1035, section 3.1).

As text, a byte that is no printable ASCII is ``\\DDD``, and a dot or a backslash within a label has
a backslash before it (section 5.1). The dot at the end is left out; the root is ``"."``.

In a message a name is a row of labels. Where its end has been in the message before, a pointer may
lead there. Here one may only lead back, before all that was read of the name, so that no message
keeps its reader busy for ever; and there is at most one for each label that a name can have, so
that none keeps it busy for long.
"""

import re
from collections.abc import MutableMapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from ..errors import BadDNSMessage

__all__ = (
    "POINTER_SIZE",
    "ROOT",
    "is_usual_name",
    "key_of_name",
    "labels_of_name",
    "name_from_labels",
    "pack_name",
    "pointer_to",
    "reverse_name",
    "unpack_name",
)

ROOT = "."

_MOST_BYTES = 255  # of a name on the wire
_MOST_IN_LABEL = 63
_POINTER = 0xC0
POINTER_SIZE = 2
_FARTHEST = 0x3FFF  # where a pointer can lead
_MOST_POINTERS = 127  # in a name, which cannot have more labels

_USUAL = re.compile(r"[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63})*\.?")
_LONGEST_USUAL = _MOST_BYTES - 2  # on the wire there is a byte more before it, and one after it

_UNIT = re.compile(r"\\([0-9]{3})|\\([^0-9])|([^\\.])|(\.)")
_PLAIN = frozenset(b"!\"#$%&'()*+,-/:;<=>?@[]^_`{|}~") | frozenset(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)


# A resolver meets the name of a question half a dozen times, in short order.
_remembering = lru_cache(256)


def is_usual_name(name: str) -> bool:
    """Return whether it is a name like nearly all: with labels of letters, digits, "-" and "_".

    What is none may be a name, too.
    """
    return len(name) <= _LONGEST_USUAL and _USUAL.fullmatch(name) is not None


@_remembering
def labels_of_name(name: str) -> tuple[bytes, ...]:
    """Return the labels of a name, the root's not counted.

    Raises:
        ValueError: It is no name: a label is empty or too long, or all of it is, or there is a
            character that is not ASCII.
    """
    if is_usual_name(name):
        return tuple(name.rstrip(".").encode().split(b"."))
    if name in (ROOT, ""):
        return ()
    labels = list(map(bytes, _split(name)))
    if not labels[-1]:  # a dot at the end is the root's
        del labels[-1]
    size = 1
    for label in labels:
        length = len(label)
        if not 1 <= length <= _MOST_IN_LABEL:
            raise ValueError(f"a label of a name has 1 to {_MOST_IN_LABEL} bytes: {name!r}")
        size += length + 1
    if size > _MOST_BYTES:
        raise ValueError(f"a name has at most {_MOST_BYTES} bytes: {name!r}")
    return tuple(labels)


def _split(name: str) -> list[bytearray]:
    labels = [bytearray()]
    index = 0
    while index < len(name):
        unit = _UNIT.match(name, index)
        if unit is None:
            raise ValueError(f"a name does not end in the midst of a character: {name!r}")
        number, escaped, plain, dot = unit.groups()
        if dot:
            labels.append(bytearray())
        else:
            labels[-1] += _byte(name, number, escaped or plain)
        index = unit.end()
    return labels


def _byte(name: str, number: str | None, character: str) -> bytes:
    code = int(number) if number else ord(character)
    if code > (255 if number else 126):
        raise ValueError(f"in a name of the domain name system there is only ASCII: {name!r}")
    return bytes([code])


def reverse_name(address: IPv4Address | IPv6Address) -> str:
    """Return the name that has the name of the host with an address (RFC 1035, 3.5; RFC 3596, 2.5).

    The zone of an address is not in it: nobody but this machine knows of that.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        address = IPv6Address(int(address))
    return address.reverse_pointer


@_remembering
def name_from_labels(labels: tuple[bytes, ...]) -> str:
    """Return the name that has these labels."""
    return ".".join(map(_text_of_label, labels)) or ROOT


def _text_of_label(label: bytes) -> str:
    if _PLAIN.issuperset(label):
        return label.decode("ascii")
    return "".join(map(_text_of_byte, label))


def _text_of_byte(code: int) -> str:
    if code in b".\\":
        return "\\" + chr(code)
    return chr(code) if code in _PLAIN else f"\\{code:03}"


@_remembering
def key_of_name(name: str) -> str:
    """Return what is the same for names that mean the same: case does not count (RFC 4343).

    Raises:
        ValueError: It is no name.
    """
    if is_usual_name(name):
        return name.rstrip(".").lower()
    return name_from_labels(labels_of_name(name)).lower()


def pack_name(
    name: str, offset: int = 0, known: MutableMapping[tuple[bytes, ...], int] | None = None
) -> bytes:
    """Return a name as it is in a message.

    Args:
        name: The name.
        offset: Where in the message it will be.
        known: Where the ends of names are that a pointer may lead to. Those of this one are added.
            None is that it may not be compressed.

    Raises:
        ValueError: It is no name.
    """
    labels = labels_of_name(name)
    packed = bytearray()
    for index, label in enumerate(labels):
        if known is not None:
            end = labels[index:]
            if end in known:
                return bytes(packed + pointer_to(known[end]))
            if offset + len(packed) <= _FARTHEST:
                known[end] = offset + len(packed)
        packed.append(len(label))
        packed += label
    return bytes(packed + b"\0")


def unpack_name(data: bytes, start: int) -> tuple[str, int]:
    """Return the name that begins somewhere in a message, and where what follows it begins.

    Raises:
        BadDNSMessage: There is no name.
    """
    labels: list[bytes] = []
    index, after, size = start, -1, 1
    earliest, pointers = start, 0
    while True:
        length = _byte_at(data, index)
        if length >= _POINTER:
            target = (length & ~_POINTER) << 8 | _byte_at(data, index + 1)
            if after < 0:
                after = index + 2
            if target >= earliest:
                raise BadDNSMessage("a pointer in a name does not lead back")
            pointers += 1
            if pointers > _MOST_POINTERS:
                raise BadDNSMessage("a name has more pointers than it can have labels")
            index = earliest = target
            continue
        if length > _MOST_IN_LABEL:
            raise BadDNSMessage("a label of a name is of an unknown kind")
        index += 1
        if not length:
            break
        size += length + 1
        if size > _MOST_BYTES:
            raise BadDNSMessage("a name is too long")
        if index + length > len(data):
            raise BadDNSMessage("a name is cut off")
        labels.append(data[index : index + length])
        index += length
    return name_from_labels(tuple(labels)), index if after < 0 else after


def pointer_to(index: int) -> bytes:
    """Return the pointer that leads to a place in a message; to one far behind, none does."""
    return (_POINTER << 8 | index).to_bytes(POINTER_SIZE) if index <= _FARTHEST else b""


def _byte_at(data: bytes, index: int) -> int:
    if index >= len(data):
        raise BadDNSMessage("a name is cut off")
    return data[index]
