"""Bytes on their way out, in order, of which none may be lost and none may leave twice."""

from collections.abc import Callable
from itertools import starmap
from typing import Any

__all__ = ("Unsent",)


class Unsent:
    """Bytes that leave as fast as somebody takes them.

    Whoever takes them says how many of them it took. An exception of a signal handler, which Python
    may raise wherever its own code goes on, does not come in between: no such code goes on between
    the taking and the noting.

    Attributes:
        pieces: What has not been taken altogether: one piece, or none.
    """

    __slots__ = ("_counts", "pieces")

    def __init__(self, data: bytes = b"") -> None:
        # Both are lists because a function of C can put something there.
        self.pieces: list[bytes] = [data] if data else []
        self._counts: list[int] = []  # how much of the piece was taken; nothing if there is none

    def __len__(self) -> int:
        return len(self.pieces[0]) - sum(self._counts) if self.pieces else 0

    def clear(self) -> None:
        """Drop them all."""
        self.pieces.clear()
        self._counts.clear()

    def refill(self, source: Callable[[], bytes]) -> None:
        """Take in what comes next, once there is nothing left.

        Args:
            source: A function not written in Python that gives the bytes away.
        """
        self.clear()
        self.pieces.extend(starmap(source, ((),)))

    def send(self, send: Callable[..., int], *arguments: Any) -> int:
        """Have them taken by a function; return how many it took.

        Args:
            send: A function not written in Python that is called with the bytes, and returns how
                many of them it has taken.
            *arguments: What it is called with besides.

        Raises:
            Everything that `send` raises; all is as it was then.
        """
        if not self.pieces:
            return 0
        piece, counts = self.pieces[0], self._counts
        before = sum(counts)
        counts.extend(starmap(send, ((memoryview(piece)[before:], *arguments),)))
        count = counts[-1]
        if before + count == len(piece):
            self.clear()
        else:
            counts[:] = (before + count,)
        return count
