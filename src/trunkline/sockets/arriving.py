"""The addresses of a host as they come: those of one family while the others are looked for."""

import contextlib
import threading
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from .._core.family_answers import FAMILIES, FamilyAnswers, OneFamily
from .._sys.readiness import READABLE, wait_for_any
from .._sys.socket_descriptor import STREAM, SocketDescriptor
from ..addresses import IPAddress
from ..errors import SocketError, TryAgain
from .families import InternetFamily
from .resolving import Resolution, Resolver, ask_for_addresses, plain_error

__all__ = ("Arrival", "Arrivals", "ThreadArrivals")


class Arrival(NamedTuple):
    """Addresses that have come.

    Attributes:
        addresses: Which ones.
        are_all: Whether these are all that there are, the best first.
    """

    addresses: tuple[IPAddress, ...]
    are_all: bool


class Arrivals(Protocol):
    """A look-up that goes on while something else is waited for, too."""

    def wait(
        self, interests: Iterable[tuple[int, int]], timeout: float | None
    ) -> list[tuple[int, int]]:
        """Wait as `wait_for_any` does, but not for longer than until something has come."""

    def take(self) -> list[Arrival]:
        """Return what has come since the last time.

        Raises:
            Exception: There are no addresses, and this is why.
        """

    def close(self) -> object:
        """Want to know no more. May be repeated."""


class ThreadArrivals:
    """Asks a resolver that can only be waited for, in a thread for each family.

    Those whose answer is not waited for any more are left to themselves.

    Args:
        resolver: Who is asked.
        host: Whose addresses are wanted.

    Raises:
        TooManyOpenFiles: There is no descriptor left to be told by.
    """

    def __init__(self, resolver: Resolver, host: str) -> None:
        self._resolver = resolver
        self._host = host
        self._answers: FamilyAnswers[Resolution] = FamilyAnswers(host)
        self._outcomes: deque[tuple[InternetFamily, Resolution | Exception]] = deque()
        self._told: list[SocketDescriptor] = []  # each is readable when a thread has answered
        try:
            for family in FAMILIES:
                self._begin(family)
        except BaseException:
            self.close()
            raise

    def _begin(self, family: InternetFamily) -> None:
        told, tells = SocketDescriptor.open_pair(STREAM)
        self._told.append(told)
        thread = threading.Thread(
            target=self._ask, args=(family, tells), name="trunkline-resolve", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            tells.close()
            self._outcomes.append(
                (family, TryAgain(strerror=str(error), operation="resolve", host=self._host))
            )

    def _ask(self, family: InternetFamily, tells: SocketDescriptor) -> None:
        outcome: Resolution | Exception
        try:
            outcome = ask_for_addresses(self._resolver, self._host, family=family)
        except BaseException as error:
            outcome = plain_error(error, "resolve", self._host)
        self._outcomes.append((family, outcome))
        # To close it would be enough, if a process that is forked meanwhile did not have it, too.
        with contextlib.suppress(SocketError):  # nobody wants to know any more
            tells.send(b"\0")
        tells.close()

    def wait(
        self, interests: Iterable[tuple[int, int]], timeout: float | None
    ) -> list[tuple[int, int]]:
        """See `Arrivals.wait`."""
        told = {each.number: each for each in self._told}
        ready = wait_for_any([*interests, *((number, READABLE) for number in told)], timeout)
        for number, _ in ready:
            if number in told:
                self._told.remove(told[number])
                told[number].close()
        return [each for each in ready if each[0] not in told]

    def take(self) -> list[Arrival]:
        """See `Arrivals.take`."""
        arrivals = []
        while self._outcomes:
            family, outcome = self._outcomes.popleft()
            if family == "internet":
                if isinstance(outcome, Exception):
                    raise outcome
                arrivals.append(Arrival(outcome.addresses, are_all=True))
            else:
                arrivals += self._take_one(family, outcome)
        return arrivals

    def _take_one(self, family: OneFamily, outcome: Resolution | Exception) -> list[Arrival]:
        is_sure = self._answers.take(family, outcome)
        if self._answers.are_all:
            if self._answers.are_of_one_host:
                return [Arrival(self._answers.result()[0], are_all=True)]
            self._begin("internet")
        elif is_sure and not isinstance(outcome, Exception):
            return [Arrival(outcome.addresses, are_all=False)]
        return []

    def close(self) -> None:
        """See `Arrivals.close`."""
        while self._told:
            self._told.pop().close()
