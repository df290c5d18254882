"""Looking for the addresses of a host: under which names, of which kinds, and what is the result.

It asks nobody. Whoever does is told what to ask next, and tells what has come of it.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address

from ..errors import NoName, NoRecord, ResolverError
from .dns_exchange import DNSAnswer
from .dns_records import AAAARecord, ARecord, RecordType

__all__ = ("ADDRESS_TYPES", "HostSearch", "addresses_in")

ADDRESS_TYPES = {
    "internet": (RecordType.AAAA, RecordType.A),
    "ipv6": (RecordType.AAAA,),
    "ipv4": (RecordType.A,),
}
"""Which records have the addresses of a family, the better ones first."""

_WITH_ADDRESS = (ARecord, AAAARecord)


class HostSearch:
    """The search for a host's addresses.

    Args:
        host: What it is called by whoever wants them.
        types: The types of records that are wanted, in this order.
        candidates: The names to ask for, one after the other, until one has any.

    Attributes:
        addresses: What was found.
        canonical_name: The name that has them.
    """

    __slots__ = (
        "_answers",
        "_candidates",
        "_error",
        "_host",
        "_types",
        "addresses",
        "canonical_name",
    )

    def __init__(self, host: str, types: Sequence[int], candidates: Iterable[str]) -> None:
        self._host = host
        self._types = types
        self._candidates = iter(candidates)
        self._answers: dict[int, DNSAnswer | ResolverError] = {}
        self._error: ResolverError | None = None
        self.addresses: tuple[IPv4Address | IPv6Address, ...] = ()
        self.canonical_name: str | None = None

    def next_questions(self) -> list[tuple[str, int]]:
        """Return what to ask at once: names, and types of records.

        Raises:
            NoName, NoRecord: There are no addresses under any of the names.
            ResolverError: That could not be found out.
        """
        self._answers = {}
        name = next(self._candidates, None)
        if name is None:
            assert self._error is not None
            raise self._error
        return [(name, record_type) for record_type in self._types]

    def take(self, record_type: int, outcome: DNSAnswer | ResolverError) -> bool:
        """Take note of an answer, or of an error; return whether that was the last of them."""
        self._answers[record_type] = outcome
        return len(self._answers) == len(self._types)

    def is_over(self) -> bool:
        """Return whether addresses were found, now that all answers are there.

        Raises:
            ResolverError: It could not be found out whether there are any.
        """
        errors: list[tuple[int, ResolverError]] = []
        for record_type in self._types:
            answer = self._answers[record_type]
            if isinstance(answer, DNSAnswer):
                self.canonical_name = self.canonical_name or answer.canonical_name
                self.addresses += addresses_in(answer)
            else:
                errors.append((record_type, answer))
        if self.addresses:
            return True
        for record_type, error in errors:
            if not isinstance(error, NoName):
                raise error._told_of("resolve", self._host, record_type)
        # That there are none is so for all that were wanted.
        wanted = self._types[0] if len(self._types) == 1 else None
        # That a name exists says more than that another one does not.
        for _, error in errors:
            if self._error is None or isinstance(error, NoRecord):
                self._error = error._told_of("resolve", self._host, wanted)
        return False


def addresses_in(answer: DNSAnswer) -> tuple[IPv4Address | IPv6Address, ...]:
    """Return the addresses in an answer."""
    return tuple([each.address for each in answer.records if isinstance(each, _WITH_ADDRESS)])
