"""Asking for the IPv6 and for the IPv4 addresses of a host at the same time, and one answer of two.

Each of them may be looked for in domains that a short name is searched in, and so the two answers
may be of two hosts. Which one is meant, is only known when both families are asked for at once.
"""

from collections.abc import Sequence
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from ..addresses import IPAddress
from ..errors import NoName

__all__ = ("FAMILIES", "FamilyAnswers", "OneFamily")

OneFamily: TypeAlias = Literal["ipv6", "ipv4"]

FAMILIES: tuple[OneFamily, ...] = ("ipv6", "ipv4")
"""Those that are asked for, the better one first."""


class _Answer(Protocol):
    @property
    def addresses(self) -> Sequence[IPAddress]: ...
    @property
    def canonical_name(self) -> str | None: ...


T = TypeVar("T", bound=_Answer)


class FamilyAnswers(Generic[T]):
    """What has come of asking for each family.

    Args:
        host: Whose addresses are wanted.
    """

    def __init__(self, host: str) -> None:
        self._host = _folded(host)
        self._is_absolute = host.endswith(".")
        self._outcomes: dict[OneFamily, T | Exception] = {}

    def take(self, family: OneFamily, outcome: T | Exception) -> bool:
        """Take note of an answer or an error; return whether its addresses are surely the host's.

        Others may be, too, which is known when all have come.
        """
        self._outcomes[family] = outcome
        if isinstance(outcome, Exception):
            return False
        return self._is_absolute or _folded(outcome.canonical_name or "") == self._host

    @property
    def are_all(self) -> bool:
        """Whether all have come."""
        return len(self._outcomes) == len(FAMILIES)

    @property
    def are_of_one_host(self) -> bool:
        """Whether the answers that have come go together. If not, both have to be asked for."""
        names = {_folded(answer.canonical_name or "") for answer in self._answers()}
        return self._is_absolute or len(names) < 2

    def result(self) -> tuple[tuple[IPAddress, ...], str | None]:
        """Return the addresses and the canonical name, now that all have come.

        Raises:
            Exception: There is no answer, and this is the error that says most.
        """
        answers = self._answers()
        if answers:
            addresses = tuple(address for answer in answers for address in answer.addresses)
            return addresses, answers[0].canonical_name
        errors = [each for each in self._outcomes.values() if isinstance(each, Exception)]
        # Where one family could not be found out, it is not known that there is nothing.
        raise min(errors, key=lambda error: isinstance(error, NoName))

    def _answers(self) -> list[T]:
        outcomes = [self._outcomes[each] for each in FAMILIES if each in self._outcomes]
        return [outcome for outcome in outcomes if not isinstance(outcome, Exception)]


def _folded(name: str) -> str:
    return name.removesuffix(".").lower()
