r"""Newlines: what ends a line.

* ``lf``: LF ends a line. CR is a character like any other.
* ``crlf``: CR LF ends a line, and so does a LF that stands alone. A CR that no LF follows is a
  character like any other, also when it is the last one.
* ``cr``: CR ends a line, and so does LF.

Whatever ends the line reads as one ``"\n"``, and each ``"\n"`` that is written becomes LF, CR LF or
CR. Nothing else is a newline: not NEL, not U+2028, not form feed.

The functions take text as well as bytes in an encoding that leaves ASCII alone, where the byte 10
is always a LF and 13 always a CR. That is why they work with plain indices.
"""

import re
from typing import Literal, TypeAlias

__all__ = (
    "EOL_STYLES",
    "NEWLINES",
    "Eol",
    "content_end",
    "find_last_newline",
    "find_newline",
    "skip_lines",
)

Eol: TypeAlias = Literal["lf", "crlf", "cr"]
EOL_STYLES: tuple[Eol, ...] = ("lf", "crlf", "cr")
NEWLINES: dict[Eol, str] = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}

# Of two searches, the one for what never comes would go through the whole buffer for each line.
_CR_OR_LF = re.compile("[\r\n]")
_CR_OR_LF_BYTE = re.compile(b"[\r\n]")


def find_newline(buffer: str | bytes | bytearray, eol: Eol, start: int = 0) -> int:
    """Return where the first newline at or after `start` has its last character, or -1.

    Args:
        buffer: Text, or bytes.
        eol: The newline style.
        start: Where to begin, for instance where an earlier search ended.
    """
    if eol != "cr":
        return buffer.find("\n", start) if isinstance(buffer, str) else buffer.find(10, start)
    if isinstance(buffer, str):
        found = _CR_OR_LF.search(buffer, start)
        return found.start() if found else -1
    found_byte = _CR_OR_LF_BYTE.search(buffer, start)
    return found_byte.start() if found_byte else -1


def content_end(buffer: str | bytes | bytearray, eol: Eol, newline: int) -> int:
    """Return where the line that ends with the newline found at `newline` has its last content."""
    if eol == "crlf" and newline > 0 and buffer[newline - 1] in (13, "\r"):
        return newline - 1
    return newline


def find_last_newline(buffer: bytes | bytearray, eol: Eol, start: int, stop: int) -> int:
    """Return where the last newline between two indices has its last character, or -1."""
    found = buffer.rfind(10, start, stop)
    if eol == "cr":
        found = max(found, buffer.rfind(13, start, stop))
    return found


def skip_lines(buffer: bytes | bytearray, eol: Eol, start: int, count: int) -> int:
    """Return where the line begins that comes after so many; the end if there is none."""
    for _ in range(count):
        start = find_newline(buffer, eol, start) + 1 or len(buffer)
    return start
