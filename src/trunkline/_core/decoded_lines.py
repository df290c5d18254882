"""The lines that some bytes are; it has a twin in `_native`."""

from .newlines import NEWLINES, Eol

__all__ = ("decoded_lines",)


def decoded_lines(
    data: bytes | bytearray, start: int, end: int, encoding: str, errors: str, eol: Eol
) -> list[str]:
    """Return the lines that begin and end between two indices, without their newlines.

    Args:
        data: Bytes in an encoding that leaves ASCII alone.
        start: Where the first line begins.
        end: Where the last one ends, which is behind its newline.
        encoding: The encoding.
        errors: What to do with bytes that cannot be decoded.
        eol: The newline style.

    Raises:
        UnicodeDecodeError: There are such bytes. It may be told of all of them, or of one line.
    """
    text = data[start:end].decode(encoding, errors)
    if eol != "lf":
        text = text.replace(NEWLINES[eol], "\n")
    lines = text.split("\n")
    lines.pop()
    return lines
