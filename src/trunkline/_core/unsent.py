"""Bytes on their way out, in order, of which none may be lost and none may leave twice."""

from collections.abc import Callable
from itertools import starmap
from operator import setitem
from typing import Any

__all__ = ("Unsent",)

_view_of: Callable[[bytes], memoryview] = memoryview


class Unsent:
    """Bytes that leave as fast as somebody takes them.

    Whoever takes them says how many of them it took. An exception of a signal handler, which Python
    may raise wherever its own code goes on, does not come in between: no such code goes on between
    the taking and the noting.
    """

    __slots__ = ("_views",)

    def __init__(self, data: bytes = b"") -> None:
        self._views = [memoryview(data)]  # a list of one: functions of C can put another there

    def __len__(self) -> int:
        return len(self._views[0])

    def clear(self) -> None:
        """Drop them all."""
        self._views[0] = memoryview(b"")

    def refill(self, source: Callable[[], bytes]) -> None:
        """Take in what comes next, once there is nothing left.

        Args:
            source: A function not written in Python that gives the bytes away.
        """
        next(map(setitem, (self._views,), (0,), map(_view_of, starmap(source, ((),)))))

    def send(self, send: Callable[..., int], *arguments: Any) -> int:
        """Have them taken by a function; return how many it took.

        Args:
            send: A function not written in Python that is called with the bytes, and returns how
                many of them it has taken.
            *arguments: What it is called with besides.

        Raises:
            Everything that `send` raises; all is as it was then.
        """
        view = self._views[0]
        # The slice from there on takes the place of the whole.
        counts = starmap(send, ((view, *arguments),))
        rest = map(view.__getitem__, map(slice, counts, (None,)))
        next(map(setitem, (self._views,), (0,), rest))
        return len(view) - len(self._views[0])
