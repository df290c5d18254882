"""Names of the domain name system as they are in a message (RFC 1035, sections 3.1 and 4.1.4).

There a name is a row of labels. Where its end has been in the message before, a pointer may lead
there. Here one may only lead back, before all that was read of the name, so that no message keeps
its reader busy for ever; and there is at most one for each label that a name can have, so that none
keeps it busy for long.
"""

from collections.abc import MutableMapping
from functools import lru_cache

from ..errors import BadDNSMessage
from .dns_names import MOST_BYTES, MOST_IN_LABEL, labels_of_name, name_from_labels

__all__ = ("POINTER_SIZE", "pack_name", "pointer_to", "unpack_name")

_POINTER = 0xC0
POINTER_SIZE = 2
_FARTHEST = 0x3FFF  # where a pointer can lead
_MOST_POINTERS = 127  # in a name, which cannot have more labels


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
    if known is None:
        return _pack_whole(name)
    labels = labels_of_name(name)
    packed = bytearray()
    for index, label in enumerate(labels):
        end = labels[index:]
        if end in known:
            return bytes(packed + pointer_to(known[end]))
        if offset + len(packed) <= _FARTHEST:
            known[end] = offset + len(packed)
        packed.append(len(label))
        packed += label
    return bytes(packed + b"\0")


@lru_cache(256)  # whoever looks a host up asks two questions about it
def _pack_whole(name: str) -> bytes:
    labels = labels_of_name(name)
    return b"".join([len(label).to_bytes(1) + label for label in labels]) + b"\0"


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
        if length > MOST_IN_LABEL:
            raise BadDNSMessage("a label of a name is of an unknown kind")
        index += 1
        if not length:
            break
        size += length + 1
        if size > MOST_BYTES:
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
