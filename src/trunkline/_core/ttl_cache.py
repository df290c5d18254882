"""Remembering things for as long as each of them is good."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from .counts import check_count

__all__ = ("TTLCache",)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TTLCache(Generic[K, V]):
    """Values by their keys, each until its time is over, or until there is no room for it.

    Where there is no room, what has not been asked for the longest goes first. It is not made for
    several threads at once.

    Args:
        size: How many there may be; 0 remembers nothing.
        clock: Returns the time in seconds, and never goes backwards.

    Attributes:
        hits: How many times something was found.
        misses: And how many times it was not.
    """

    def __init__(self, size: int, clock: Callable[[], float]) -> None:
        self._size = 0 if size == 0 else check_count("a cache's size", size)
        self._clock = clock
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self.hits: int = 0
        self.misses: int = 0

    def get(self, *keys: K) -> tuple[V, float] | None:
        """Return a value, and the seconds for which it is still good, or None.

        Args:
            *keys: Its key; or several, of which the first one counts that has a value.
        """
        for key in keys:
            entry = self._entries.get(key)
            if entry is None:
                continue
            value, end = entry
            left = end - self._clock()
            if left > 0:
                self._entries.move_to_end(key)
                self.hits += 1
                return value, left
            del self._entries[key]
        self.misses += 1
        return None

    def put(self, key: K, value: V, ttl: float) -> None:
        """Remember a value for so many seconds; for none of them, forget what there was."""
        self._entries.pop(key, None)
        if ttl <= 0 or not self._size:
            return
        if len(self._entries) >= self._size:
            self._entries.popitem(last=False)
        self._entries[key] = value, self._clock() + ttl

    def forget(self, key: K) -> bool:
        """Forget a value; return whether there was one."""
        return self._entries.pop(key, None) is not None

    def clear(self) -> None:
        """Forget all of them. What was counted stays."""
        self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[K, V, float]]:
        """Iterate over the keys, the values, and the seconds for which they are still good."""
        now = self._clock()
        for key, (value, end) in list(self._entries.items()):
            if end > now:
                yield key, value, end - now
