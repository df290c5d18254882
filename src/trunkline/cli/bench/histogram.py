"""A histogram of times, from microseconds to hours, in which no time is off by more than 1 %."""

from collections import Counter
from collections.abc import Iterator

__all__ = ("Histogram", "steps")

_UNIT = 1e-6  # seconds
_EXACT_BITS = 8  # of a time, counted in units: the rest is at most 1/128 of it


class Histogram:
    """Counts times, in constant room: a bucket is as wide as its times are long.

    Attributes:
        count: How many times there are.
        longest: The longest of them, in seconds.
    """

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self.count: int = 0
        self.longest: float = 0.0
        self._total = 0.0

    def add(self, seconds: float) -> None:
        """Count a time."""
        self._buckets[_floor(max(0, int(seconds / _UNIT)))] += 1
        self.count += 1
        self._total += seconds
        self.longest = max(self.longest, seconds)

    @property
    def mean(self) -> float:
        """The mean of the times, in seconds; 0 if there are none."""
        return self._total / self.count if self.count else 0.0

    def percentile(self, percent: float) -> float:
        """Return the time, in seconds, that so many percent of the times do not exceed."""
        wanted = self.count * percent / 100
        seen = 0
        for seconds, count in self.buckets():
            seen += count
            if seen >= wanted:
                return min(seconds, self.longest)
        return self.longest

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Yield the end of each bucket that is not empty, in seconds, and how many are in it."""
        for units in sorted(self._buckets):
            width = 1 << max(0, units.bit_length() - _EXACT_BITS)
            yield (units + width) * _UNIT, self._buckets[units]

    def between(self, edges: list[float]) -> list[int]:
        """Return how many times there are up to each edge and beyond the one before.

        Args:
            edges: Seconds, from the shortest to one that is not shorter than any time.
        """
        counts = [0] * len(edges)
        number = 0
        for seconds, count in self.buckets():
            while number + 1 < len(edges) and min(seconds, self.longest) > edges[number]:
                number += 1
            counts[number] += count
        return counts


def _floor(units: int) -> int:
    """Return the least time that is in the same bucket."""
    spare = max(0, units.bit_length() - _EXACT_BITS)
    return units >> spare << spare


def steps(shortest: float, longest: float, per_decade: tuple[float, ...]) -> list[float]:
    """Return round times, from the first not shorter than the shortest to one like the longest.

    Args:
        shortest: Seconds.
        longest: Seconds, not less than that.
        per_decade: The round numbers from 1 to less than 10.
    """
    exponent = -6
    found: list[float] = []
    while True:
        for digit in per_decade:
            step = digit * 10.0**exponent
            if step >= shortest:
                found.append(step)
            if step >= longest:
                return found
        exponent += 1
