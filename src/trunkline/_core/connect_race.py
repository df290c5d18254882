"""Connecting to a host with several addresses: the race of RFC 8305 ("Happy Eyeballs"), without
I/O.

An address of the family that was preferred is tried first; while it does not answer, the next one
is tried too after a short delay, the families taking turns. The first to connect wins, and the
others are given up. A failure starts the next attempt at once.

The race is told what happened and when, and says what to do next; sockets and clocks are the
caller's. Drive it like this::

    race = ConnectRace(addresses)
    while not race.is_over:
        for address in race.due(now):
            …start to connect; on failure race.failed(address, error)
        …wait until an attempt succeeds or fails, at most until race.next_due
"""

from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

__all__ = ("ATTEMPT_DELAY", "ConnectRace", "interleave_families")

ATTEMPT_DELAY = 0.25
"""Seconds after which the next address is tried too (RFC 8305, section 8)."""

A = TypeVar("A", bound=Hashable)
E = TypeVar("E", bound=Exception)


def interleave_families(addresses: Iterable[A]) -> list[A]:
    """Return the addresses in order, but with the families taking turns (RFC 8305, section 4).

    The family of the first address comes first. Duplicates are left out.
    """
    families: dict[type, deque[A]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(type(address), deque()).append(address)
    ordered: list[A] = []
    while families:
        for family, queue in list(families.items()):
            ordered.append(queue.popleft())
            if not queue:
                del families[family]
    return ordered


class ConnectRace(Generic[A, E]):
    """A race of connection attempts.

    Args:
        addresses: The addresses in the order in which to try them, each of them once.
        delay: Seconds to wait for an attempt before the next one is started beside it; None waits
            until it has failed, so that there is one attempt at a time.

    Raises:
        ValueError: There is no address, or the delay is negative.
    """

    def __init__(self, addresses: Sequence[A], *, delay: float | None = ATTEMPT_DELAY) -> None:
        if not addresses:
            raise ValueError("there is no address to connect to")
        if delay is not None and not delay >= 0:
            raise ValueError(f"the delay between attempts cannot be negative: {delay}")
        self._waiting = deque(dict.fromkeys(addresses))
        self._running: set[A] = set()
        self._delay = delay
        self._errors: list[E] = []
        self._winner: A | None = None
        self.next_due: float | None = float("-inf")
        """When the next attempt is due: None if only after a failure, or never."""

    @property
    def is_over(self) -> bool:
        """Whether there is a winner, or nothing left to try."""
        return self._winner is not None or not (self._waiting or self._running)

    @property
    def winner(self) -> A | None:
        """The address that was connected to first."""
        return self._winner

    @property
    def errors(self) -> tuple[E, ...]:
        """What became of the attempts that failed, in the order in which they did."""
        return tuple(self._errors)

    @property
    def running(self) -> frozenset[A]:
        """The addresses whose attempts have been started and have neither failed nor won."""
        return frozenset(self._running)

    def due(self, now: float) -> A | None:
        """Return the address to start connecting to now, if there is one.

        Call it again until it returns None: the start of an attempt may fail at once.
        """
        if self.next_due is None or now < self.next_due:
            return None
        address = self._waiting.popleft()
        self._running.add(address)
        self._schedule(None if self._delay is None else now + self._delay)
        return address

    def failed(self, address: A, error: E) -> None:
        """Take note that the attempt at an address has failed; the next one is due at once."""
        self._running.discard(address)
        self._errors.append(error)
        self._schedule(float("-inf"))

    def succeeded(self, address: A) -> None:
        """Take note that the attempt at an address has succeeded: it wins unless one has already.

        The caller gives the attempts in `running` up.
        """
        self._running.discard(address)
        if self._winner is None:
            self._winner = address
            self._waiting.clear()
            self._schedule(None)

    def _schedule(self, moment: float | None) -> None:
        self.next_due = moment if self._waiting else None
