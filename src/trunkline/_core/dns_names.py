"""Names of the domain name system, as text and as rows of labels (RFC 1035, section 3.1).

As text, a byte that is no printable ASCII is ``\\DDD``, and a dot or a backslash within a label has
a backslash before it (section 5.1). The dot at the end is left out; the root is ``"."``.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

__all__ = (
    "MOST_BYTES",
    "MOST_IN_LABEL",
    "ROOT",
    "is_absolute",
    "is_usual_name",
    "key_of_name",
    "labels_of_name",
    "name_from_labels",
    "reverse_name",
)

ROOT = "."

MOST_BYTES = 255
"""Of a name on the wire."""

MOST_IN_LABEL = 63
"""Bytes."""

_USUAL = re.compile(r"[0-9A-Za-z_-]{1,63}(?:\.[0-9A-Za-z_-]{1,63})*\.?")
_LONGEST_USUAL = MOST_BYTES - 2  # on the wire there is a byte more before it, and one after it

_UNIT = re.compile(r"\\([0-9]{3})|\\([^0-9])|([^\\.])|(\.)")
_PLAIN = frozenset(b"!\"#$%&'()*+,-/:;<=>?@[]^_`{|}~") | frozenset(
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)


# A resolver meets the name of a question half a dozen times, in short order.
_remembering = lru_cache(256)


@_remembering
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
        if not 1 <= length <= MOST_IN_LABEL:
            raise ValueError(f"a label of a name has 1 to {MOST_IN_LABEL} bytes: {name!r}")
        size += length + 1
    if size > MOST_BYTES:
        raise ValueError(f"a name has at most {MOST_BYTES} bytes: {name!r}")
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


def is_absolute(name: str) -> bool:
    """Return whether a name ends in the root's dot, and not in one that a backslash is before."""
    before = name[:-1]
    return name.endswith(".") and (len(before) - len(before.rstrip("\\"))) % 2 == 0


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
    if _PLAIN.issuperset(b"".join(labels)):
        return b".".join(labels).decode() or ROOT
    return ".".join(["".join(map(_text_of_byte, label)) for label in labels])


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
