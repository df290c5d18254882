"""When each message is to go.

Somebody who only sends the next message when the last one is answered asks a slow server less
often, and does not notice how long others would have waited meanwhile: that is called coordinated
omission. So the moments are fixed beforehand. A message that has to wait, because its connection
still waits for the answer to the one before, has been waiting since its moment.
"""

import heapq
from collections.abc import Iterator

__all__ = ("Schedule",)


class Schedule:
    """The moments of all messages, evenly spread, each connection's in its turn.

    Args:
        connections: How many there are.
        rate: How many messages a second, by all of them together.
        start: The first moment, by whatever clock.
        duration: The seconds after which there are none any more.

    Attributes:
        total: How many messages there are.
        end: When there are none any more.
        taken: How many have been sent.
    """

    def __init__(self, connections: int, rate: float, start: float, duration: float) -> None:
        self._connections = connections
        self._rate = rate
        self._start = start
        self.total: int = max(1, round(rate * duration))
        self.end: float = start + duration
        self.taken: int = 0
        self._next = [*range(connections)]  # the number of the next message of each
        self._idle: list[tuple[float, int]] = []

    def set_idle(self, connection: int) -> None:
        """Let a connection send its next message, when its moment has come."""
        number = self._next[connection]
        if number < self.total:
            heapq.heappush(self._idle, (self._start + number / self._rate, connection))

    def withdraw(self, connection: int) -> None:
        """Let a connection send nothing, for it is over; its messages wait for `set_idle`."""
        self._idle = [each for each in self._idle if each[1] != connection]
        heapq.heapify(self._idle)

    def take(self, now: float) -> Iterator[tuple[int, float]]:
        """Yield the connections that are to send a message now, and its moment.

        Each is idle no more. Yields nothing when it is over.
        """
        while self._idle and self._idle[0][0] <= now < self.end:
            moment, connection = heapq.heappop(self._idle)
            self._next[connection] += self._connections
            self.taken += 1
            yield connection, moment

    def next_moment(self) -> float | None:
        """Return when the next message of an idle connection is to go; None for never."""
        return self._idle[0][0] if self._idle else None

    @property
    def unsent(self) -> int:
        """How many messages have not been sent."""
        return self.total - self.taken
