"""Connecting to a host with several addresses: the race of RFC 8305 ("Happy Eyeballs"), without
I/O.

An address of the family that was preferred is tried first; while it does not answer, the next one
is tried too after a short delay, the families taking turns. The first to connect wins, and the
others are given up. A failure starts the next attempt at once.

Addresses may come while others are still being looked for (section 3): those of IPv6 are tried at
once, and those of IPv4 wait a moment for them.

The race is told what happened and when, and says what to do next; sockets and clocks are the
caller's. Drive it like this::

    race = ConnectRace(addresses)
    while not race.is_over:
        for address in race.due(now):
            …start to connect; on failure race.failed(address, error)
        …wait until an attempt succeeds or fails, at most until race.next_due
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from ipaddress import IPv6Address
from typing import Generic, TypeAlias, TypeVar

__all__ = ("ATTEMPT_DELAY", "RESOLUTION_DELAY", "ConnectRace", "interleave_families")

ATTEMPT_DELAY = 0.25
"""Seconds after which the next address is tried too (RFC 8305, section 8)."""

RESOLUTION_DELAY = 0.05
"""Seconds that IPv4 addresses wait for those of IPv6, which are still being looked for."""

_NEVER = float("inf")
_AT_ONCE = float("-inf")

A = TypeVar("A", bound=Hashable)
E = TypeVar("E", bound=Exception)

Family: TypeAlias = Hashable
"""Whatever tells the families of addresses apart, like their classes."""


def interleave_families(
    addresses: Iterable[A], family_of: Callable[[A], Family] = type, *, after: Family = None
) -> list[A]:
    """Return the addresses in order, but with the families taking turns (RFC 8305, section 4).

    Duplicates are left out.

    Args:
        addresses: The addresses, best first.
        family_of: Returns the family of an address.
        after: The family that had the last turn, so that another one begins; else that of the first
            address does.
    """
    families: dict[Family, deque[A]] = {}
    for address in dict.fromkeys(addresses):
        families.setdefault(family_of(address), deque()).append(address)
    if after in families:
        families[after] = families.pop(after)  # to the end
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
        addresses: The addresses, best first; the families are made to take turns. None: they come
            later, see `offer` and `complete`.
        delay: Seconds to wait for an attempt before the next one is started beside it; None waits
            until it has failed, so that there is one attempt at a time.
        family_of: Returns the family of an address.
        preferred: The family that the others wait for.
        most: How many addresses are tried at the most.

    Raises:
        ValueError: There is no address, or the delay is negative.
    """

    def __init__(
        self,
        addresses: Sequence[A] | None = None,
        *,
        delay: float | None = ATTEMPT_DELAY,
        family_of: Callable[[A], Family] = type,
        preferred: Family = IPv6Address,
        most: int | None = None,
    ) -> None:
        if delay is not None and not delay >= 0:
            raise ValueError(f"the delay between attempts cannot be negative: {delay}")
        self._delay = _NEVER if delay is None else delay
        self._family_of = family_of
        self._preferred = preferred
        self._most = most
        self._waiting: deque[A] = deque()
        self._is_complete = False
        self._started: dict[A, None] = {}
        self._running: set[A] = set()
        self._errors: list[E] = []
        self._winner: A | None = None
        self._held_until = _AT_ONCE  # because of an attempt that runs
        self._preferred_until = _AT_ONCE  # because of addresses that may come
        if addresses is not None:
            self.complete(addresses)

    @property
    def is_over(self) -> bool:
        """Whether there is a winner, or nothing left to try."""
        if self._winner is not None:
            return True
        return self._is_complete and not (self._waiting or self._running)

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

    @property
    def next_due(self) -> float | None:
        """When the next attempt is due: None if only after a failure, or never."""
        moment = max(self._held_until, self._preferred_until)
        return None if moment == _NEVER or self.is_over or not self._waiting else moment

    # -- what happens ----------------------------------------------------------------------------

    def offer(self, addresses: Iterable[A], now: float) -> None:
        """Take note of addresses, while others are still being looked for.

        Args:
            addresses: Some of those that will be there in the end.
            now: What time it is.
        """
        waiting = [*self._waiting, *addresses]
        preferred = [each for each in waiting if self._family_of(each) == self._preferred]
        self._put_in_order([*preferred, *waiting])
        self._preferred_until = _AT_ONCE if preferred else now + RESOLUTION_DELAY

    def complete(self, addresses: Sequence[A]) -> None:
        """Take note of all addresses that there are, best first, after which no more come.

        Raises:
            ValueError: There is none.
        """
        if not addresses:
            raise ValueError("there is no address to connect to")
        self._is_complete = True
        self._preferred_until = _AT_ONCE
        self._put_in_order(addresses)

    def due(self, now: float) -> A | None:
        """Return the address to start connecting to now, if there is one.

        Call it again until it returns None: the start of an attempt may fail at once.
        """
        moment = self.next_due
        if moment is None or now < moment:
            return None
        address = self._waiting.popleft()
        self._started[address] = None
        self._running.add(address)
        self._held_until = now + self._delay
        return address

    def failed(self, address: A, error: E) -> None:
        """Take note that the attempt at an address has failed; the next one is due at once."""
        self._running.discard(address)
        self._errors.append(error)
        self._held_until = _AT_ONCE

    def succeeded(self, address: A) -> None:
        """Take note that the attempt at an address has succeeded: it wins unless one has already.

        The caller gives the attempts in `running` up.
        """
        self._running.discard(address)
        if self._winner is None:
            self._winner = address
            self._waiting.clear()

    def _put_in_order(self, addresses: Iterable[A]) -> None:
        """Have these tried in turn, of which some may have been already."""
        last = next(reversed(self._started), None)
        waiting = interleave_families(
            (address for address in addresses if address not in self._started),
            self._family_of,
            after=None if last is None else self._family_of(last),
        )
        left = None if self._most is None else self._most - len(self._started)
        self._waiting = deque(waiting[:left])
