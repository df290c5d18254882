"""Pieces of bytes whose length is known before they come: blocks of one size, and frames, each of
which begins with its length.

A splitter takes bytes in, and gives whole pieces back. What it has got of a piece it keeps once.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import FrameTooLong
from .buffers import Buffer, bytes_of
from .counts import check_count

__all__ = ("DEFAULT_FRAME_LIMIT", "Blocks", "Frames", "Splitter")

DEFAULT_FRAME_LIMIT = 65_536
"""The most bytes that a frame has, unless told otherwise."""

_MOST_PREFIX_BYTES = 8

ByteOrder: TypeAlias = Literal["big", "little"]


@dataclass(frozen=True)
class Blocks:
    """Delivery in blocks of so many bytes, neither more nor less.

    Attributes:
        size: The number of bytes, at least 1.

    Raises:
        TypeError, ValueError: The size is none.
    """

    size: int

    def __post_init__(self) -> None:
        """Check the size."""
        check_count("the size of a block", self.size)

    def find(self, data: bytearray) -> tuple[int, int] | None:
        """Return where the first piece begins and ends, or None while its end is unknown."""
        return 0, self.size


@dataclass(frozen=True)
class Frames:
    r"""Delivery in frames: each comes behind its length, which is a number in binary.

    You would want it for the protocols of databases, message queues and the like::

        transport.write(frames.pack(b"..."))

    Attributes:
        prefix_size: How many bytes the length has, 1 to 8.
        byte_order: ``"big"``, which is that of the internet, or ``"little"``.
        limit: The most bytes that a frame may have; one that is announced to be longer is
            `FrameTooLong`, before it has come.
        counts_itself: Whether the length counts its own bytes, too.

    Raises:
        TypeError, ValueError: One of them is not what it can be.
    """

    prefix_size: int = 4
    byte_order: ByteOrder = "big"
    limit: int = DEFAULT_FRAME_LIMIT
    counts_itself: bool = False

    def __post_init__(self) -> None:
        """Check the values."""
        check_count("the size of a prefix", self.prefix_size)
        if self.prefix_size > _MOST_PREFIX_BYTES:
            raise ValueError(f"a prefix has 8 bytes at most, not {self.prefix_size}")
        if self.byte_order not in ("big", "little"):
            raise ValueError(f"a byte order is 'big' or 'little', not {self.byte_order!r}")
        check_count("the limit of a frame", self.limit)

    def pack(self, data: Buffer) -> bytes:
        """Return bytes with their length before them, to be written.

        Raises:
            TypeError: It is no bytes.
            ValueError: They are more than the limit, or than the prefix can say.
        """
        with bytes_of(data, "a frame is") as view:
            size = len(view)
            if size > self.limit:
                raise ValueError(f"a frame has {self.limit} bytes at most, not {size}")
            length = size + self.prefix_size * self.counts_itself
            try:
                return length.to_bytes(self.prefix_size, self.byte_order) + view
            except OverflowError:
                raise ValueError(
                    f"a prefix of {self.prefix_size} bytes cannot say {length}"
                ) from None

    def find(self, data: bytearray) -> tuple[int, int] | None:
        """Return where the first piece begins and ends, or None while its end is unknown.

        Raises:
            FrameTooLong: It is longer than the limit, or shorter than nothing.
        """
        start = self.prefix_size
        if len(data) < start:
            return None
        length = int.from_bytes(data[:start], self.byte_order)
        size = length - start * self.counts_itself
        if not 0 <= size <= self.limit:
            raise FrameTooLong(size, self.limit)
        return start, start + size


class Splitter:
    """Splits what comes into blocks or frames."""

    __slots__ = ("_data", "_pieces")

    def __init__(self, pieces: Blocks | Frames) -> None:
        self._pieces = pieces
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what has been received."""
        self._data += data

    def take(self) -> bytes | None:
        """Return the next piece, without its length, or None while it is incomplete.

        Raises:
            FrameTooLong: It is longer than the limit. It stays.
        """
        data = self._data
        found = self._pieces.find(data)
        if found is None:
            return None
        start, end = found
        if len(data) < end:
            return None
        piece = bytes(data[start:end])
        del data[:end]
        return piece

    def take_rest(self) -> bytes:
        """Return what has not been returned, as it came, and forget it."""
        rest = bytes(self._data)
        self._data.clear()
        return rest
