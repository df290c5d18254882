"""What goes over a connection, byte by byte, in both directions and with the times."""

from collections.abc import Iterator
from typing import Literal

__all__ = ("Direction", "HexDump")

Direction = Literal["sent", "received"]

_BYTES_IN_A_LINE = 16
_SIGNS: dict[Direction, str] = {"sent": ">", "received": "<"}
# What stands for each byte: itself, if that is a character of ASCII that can be seen.
_SEEN = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in range(256))


class HexDump:
    """Makes lines of what goes over a connection; they fit into 80 columns."""

    def __init__(self) -> None:
        self._offsets: dict[Direction, int] = {"sent": 0, "received": 0}

    def lines(self, direction: Direction, seconds: float, data: bytes) -> bytes:
        """Return the lines for some bytes, with a heading.

        Args:
            direction: Which way they went.
            seconds: How long the connection had lasted then.
            data: The bytes.
        """
        plural = "" if len(data) == 1 else "s"
        heading = f"{_SIGNS[direction]} {len(data)} byte{plural} after {seconds:.6f} s"
        lines = [heading, *self._rows(self._offsets[direction], data), ""]
        self._offsets[direction] += len(data)
        return "\n".join(lines).encode()

    def _rows(self, offset: int, data: bytes) -> Iterator[str]:
        for start in range(0, len(data), _BYTES_IN_A_LINE):
            row = data[start : start + _BYTES_IN_A_LINE]
            numbers = f"{row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}"
            yield f"{offset + start:08x}  {numbers}  |{row.translate(_SEEN).decode()}|"
