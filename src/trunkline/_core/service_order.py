"""In which order the hosts of a service are tried (RFC 2782)."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter

from .dns_records import SRVRecord

__all__ = ("in_order",)


def in_order(records: Iterable[SRVRecord], random: Callable[[int, int], int]) -> list[SRVRecord]:
    """Return the records in an order in which to try them: by priority, then at random by weight.

    Args:
        records: Those of one service.
        random: Returns a number between two others, both of them included.
    """
    by_priority = sorted(records, key=attrgetter("priority", "weight"))
    return [
        record
        for _, group in groupby(by_priority, key=attrgetter("priority"))
        for record in _by_weight(list(group), random)
    ]


def _by_weight(left: list[SRVRecord], random: Callable[[int, int], int]) -> Iterator[SRVRecord]:
    """Draw one after the other; those without weight are first in line, with a small chance."""
    while left:
        drawn = random(0, sum(record.weight for record in left))
        for index, record in enumerate(left):
            drawn -= record.weight
            if drawn <= 0:
                yield left.pop(index)
                break
