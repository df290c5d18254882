"""Datagrams that wait for room, in the order in which they are to leave."""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

__all__ = ("OVERHEAD", "DatagramQueue", "QueuedDatagram")

OVERHEAD = 64
"""What a datagram counts besides its bytes: one without any takes room, too."""

QueuedDatagram: TypeAlias = tuple[bytes, Any, Sequence[Any]]
"""The data; the target, which is None for the peer; and what goes with it."""


class DatagramQueue:
    """A queue of whole datagrams.

    Attributes:
        size: Their bytes, and `OVERHEAD` for each.
    """

    __slots__ = ("_by_target", "_waiting", "size")

    def __init__(self) -> None:
        self._waiting: deque[QueuedDatagram] = deque()
        self._by_target: Counter[Any] = Counter()
        self.size: int = 0

    def append(self, datagram: QueuedDatagram) -> None:
        """Add a datagram at the end."""
        self._waiting.append(datagram)
        self._by_target[datagram[1]] += 1
        self.size += len(datagram[0]) + OVERHEAD

    def has_some_for(self, target: Any) -> bool:
        """Return whether something waits for a target, behind which the next one has to wait."""
        return target in self._by_target

    def send(self, send: Callable[[QueuedDatagram], bool], *, each_has_room: bool) -> None:
        """Have datagrams sent, as far as there is room; those that are gone leave the queue.

        Whatever `send` raises, none is lost.

        Args:
            send: Sends a datagram, and returns whether it is gone.
            each_has_room: It is each target that has room or not: where one has none, those for
                others go on. Otherwise none goes on.
        """
        waiting = self._waiting
        stuck: deque[QueuedDatagram] = deque()
        full: set[Any] = set()
        try:
            while waiting:
                datagram = waiting[0]
                if datagram[1] not in full:
                    if send(datagram):
                        if self._waiting is not waiting:
                            return  # everything has been dropped meanwhile
                        self._take_first()
                        continue
                    if not each_has_room:
                        break
                    full.add(datagram[1])
                stuck.append(waiting.popleft())
        finally:
            waiting.extendleft(reversed(stuck))  # which nobody has any more if all was dropped

    def _take_first(self) -> None:
        data, target, _ = self._waiting.popleft()
        self.size -= len(data) + OVERHEAD
        self._by_target[target] -= 1
        if not self._by_target[target]:
            del self._by_target[target]

    def clear(self) -> None:
        """Drop everything."""
        self._waiting = deque()
        self._by_target.clear()
        self.size = 0

    def __len__(self) -> int:
        return len(self._waiting)
