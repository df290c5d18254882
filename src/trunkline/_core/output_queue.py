"""What has been written and not yet been sent."""

from collections import deque

__all__ = ("OutputQueue",)

BATCH_BYTES = 262_144
"""How much is put together for one send; joining more would copy it again and again."""

ENOUGH_BYTES = 65_536
"""How much is left of a batch that is sent before more is joined to it, for the same reason."""


class OutputQueue:
    """A queue of pieces of bytes, which leave in larger batches than they came in.

    The pieces are not copied when they are added, so nobody may change them.
    """

    __slots__ = ("pieces", "size")

    def __init__(self) -> None:
        self.pieces: deque[bytes | memoryview] = deque()
        """The pieces, for who has no time to call `append` and `sent`, and does the same."""
        self.size = 0
        """The number of bytes in the queue."""

    def append(self, piece: bytes | memoryview) -> None:
        """Add a piece at the end."""
        self.pieces.append(piece)
        self.size += len(piece)

    def batch(self) -> bytes | memoryview:
        """Return what to send next, without taking it out: `sent` does that.

        The queue must not be empty.
        """
        pieces = self.pieces
        first = pieces[0]
        if len(first) == self.size or len(first) >= ENOUGH_BYTES:
            return first
        joined = [first]
        size = len(first)
        pieces.popleft()
        while pieces and size + len(pieces[0]) <= BATCH_BYTES:
            piece = pieces.popleft()
            size += len(piece)
            joined.append(piece)
        batch = b"".join(joined)
        pieces.appendleft(batch)
        return batch

    def sent(self, count: int) -> None:
        """Take `count` bytes out of the front, which are part of the last `batch`."""
        if count == self.size:
            self.clear()
            return
        self.size -= count
        first = self.pieces[0]
        if count == len(first):
            self.pieces.popleft()
        else:
            self.pieces[0] = memoryview(first)[count:]

    def take_all(self) -> bytes:
        """Take everything out, and return it."""
        rest = b"".join(self.pieces)
        self.clear()
        return rest

    def clear(self) -> None:
        """Drop everything."""
        self.pieces.clear()
        self.size = 0
