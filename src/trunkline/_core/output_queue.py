"""What has been written and not yet been sent."""

__all__ = ("OutputQueue", "PieceOfFile")

BATCH_BYTES = 262_144
"""How much is put together for one send; joining more would copy it again and again."""

ENOUGH_BYTES = 65_536
"""How much is left of a batch that is sent before more is joined to it, for the same reason."""


class PieceOfFile:
    """What is queued of a file, which is not read before its turn comes."""

    __slots__ = ("_size",)

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        """Return how many bytes of it are left in the queue."""
        return self._size


class OutputQueue:
    """A queue of pieces of bytes, which leave in larger batches than they came in.

    The pieces are not copied when they are added, so nobody may change them.
    """

    __slots__ = ("pieces", "size")

    def __init__(self) -> None:
        # A list, because most queues are empty: a deque has room for some 60 pieces even then.
        self.pieces: list[bytes | memoryview | PieceOfFile] = []
        """The pieces, for who has no time to call `append` and `sent`, and does the same."""
        self.size = 0
        """The number of bytes in the queue."""

    def append(self, piece: bytes | memoryview | PieceOfFile) -> None:
        """Add a piece at the end."""
        self.pieces.append(piece)
        self.size += len(piece)

    def batch(self) -> bytes | memoryview | PieceOfFile:
        """Return what to send next, without taking it out: `sent` does that.

        A file is a batch by itself.

        The queue must not be empty.
        """
        pieces = self.pieces
        first = pieces[0]
        length = len(first)
        if length == self.size or length >= ENOUGH_BYTES or isinstance(first, PieceOfFile):
            return first
        size, most = 0, BATCH_BYTES
        joined: list[bytes | memoryview] = []
        for piece in pieces:
            if isinstance(piece, PieceOfFile):
                break
            length = len(piece)
            if size + length > most:
                break
            size += length
            joined.append(piece)
        batch = b"".join(joined)
        pieces[: len(joined)] = [batch]
        return batch

    def sent(self, count: int) -> None:
        """Take `count` bytes out of the front, which are part of the last `batch`."""
        if count == self.size:
            self.clear()
            return
        self.size -= count
        first = self.pieces[0]
        if count == len(first):
            del self.pieces[0]
        elif isinstance(first, PieceOfFile):
            first._size -= count
        else:
            self.pieces[0] = memoryview(first)[count:]

    def take_all(self) -> bytes:
        """Take everything out, and return it. There must be no file in it."""
        rest = b"".join(piece for piece in self.pieces if not isinstance(piece, PieceOfFile))
        self.clear()
        return rest

    def clear(self) -> None:
        """Drop everything."""
        self.pieces.clear()
        self.size = 0
