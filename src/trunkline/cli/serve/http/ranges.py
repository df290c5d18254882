"""Parts of a file that are asked for, see RFC 9110, section 14.

Several parts are sent as several parts, in the order that is asked for, unless they overlap or are
too many: then the whole is sent, as the RFC has it, for who asks so wants to make us work.
"""

import re
from itertools import pairwise

__all__ = ("MOST_RANGES", "parse_ranges")

MOST_RANGES = 10
"""How many parts of a file are sent for one request."""

_SPECIFIER = re.compile(r"bytes=(.*)", re.IGNORECASE)
_RANGE = re.compile(r"(?a:(\d*)-(\d*))")
_MOST_DIGITS = 20  # what has more is larger than any file, too


def parse_ranges(value: str, size: int) -> list[range] | None:
    """Return the parts that a ``Range`` field asks for.

    Args:
        value: The field's value.
        size: How many bytes the file has.

    Returns:
        The parts that there are, none if the file has none of them; or None if the field is to be
        ignored, and the whole to be sent.
    """
    specifier = _SPECIFIER.fullmatch(value.strip())
    if specifier is None:
        return None
    wanted = [each for each in (part.strip(" \t") for part in specifier[1].split(",")) if each]
    if not 0 < len(wanted) <= MOST_RANGES:
        return None
    found: list[range] = []
    for each in wanted:
        match = _RANGE.fullmatch(each)
        if match is None or each == "-":
            return None
        first, last = match.groups()
        if first and last and _number(last) < _number(first):
            return None
        if first:
            found.append(range(_number(first), min(_number(last) + 1 if last else size, size)))
        else:
            found.append(range(max(0, size - _number(last)), size))
            if not size and _number(last):
                return None  # all of nothing, of which no field can say which part it is
    found = [each for each in found if each]
    return None if _overlap(found) else found


def _number(digits: str) -> int:
    return int(digits.lstrip("0")[:_MOST_DIGITS] or "0")


def _overlap(parts: list[range]) -> bool:
    in_order = sorted(parts, key=lambda part: part.start)
    return any(after.start < before.stop for before, after in pairwise(in_order))
