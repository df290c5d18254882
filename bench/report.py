"""From single runs to standings: medians, spreads, ratios to the limit, ranks, a table.

Contestants take turns in every round, so what happens to the machine meanwhile happens to all of
them, and a round's results belong together: a ratio is taken to the limit of the same round, and
"cheaper" is decided round by round. The medians are of the rounds.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from bench.match import Measurement
from bench.model import Contest

Outcome = Measurement | str
"""What a run has shown, or why it has failed."""

ROUNDS_TO_BE_AHEAD = 0.8
"""The share of the rounds in which one must be cheaper than the next to be clearly ahead of it."""

DISTURBED = 0.05
"""The share of a run's time that a server with one thread may wait for its core; more means that
somebody else was using it."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The middle and the ends of some values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Return the spread of some values, of which there must be at least one."""
        ordered = sorted(values)
        return cls(median=statistics.median(ordered), low=ordered[0], high=ordered[-1])


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a contestant stands in a contest. What has no spread is the median of the rounds.

    Attributes:
        contestant: Its key.
        rank: Its place, or that of the one before it if that was not clearly ahead.
        cost: What it has spent, in the contest's unit.
        ratio: That divided by what the limit has spent; None if the limit has failed.
        per_cpu_second: How many messages a second of CPU time pays for; None if none was measured.
        throughput: Messages a second.
        busy: The share of its core that it used.
        p50_us: Microseconds that half of the requests took at most.
        p99_us: Microseconds that 99 of 100 requests took at most.
        p999_us: Microseconds that 999 of 1000 requests took at most.
        disturbed: In how many rounds somebody else was using its core.
    """

    contestant: str
    rank: int
    cost: Spread
    ratio: Spread | None
    per_cpu_second: float | None
    throughput: float
    busy: float
    p50_us: float | None
    p99_us: float | None
    p999_us: float | None
    disturbed: int


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The outcome of a contest.

    Attributes:
        standings: Who has come through every round, the cheapest first.
        failed: Who has not, with the reasons. One failed run is enough: a server that is wrong
            once in a while is not slower, it is wrong.
    """

    standings: tuple[Standing, ...]
    failed: Mapping[str, tuple[str, ...]]


def rank(contest: Contest, outcomes: Mapping[str, Sequence[Outcome]]) -> Ranking:
    """Return the ranking of a contest.

    Args:
        contest: What they took part in.
        outcomes: For each contestant's key, what it has shown in each round, in order.
    """
    failed = find_failures(outcomes)
    runs_of = {
        key: [run for run in runs if isinstance(run, Measurement)]
        for key, runs in outcomes.items()
        if key not in failed
    }
    costs = {key: [run.cost for run in runs] for key, runs in runs_of.items()}
    ratios = _ratios(costs, contest.limit)
    standings = [
        _stand(contest, key, place, runs_of[key], ratios.get(key))
        for key, place in _places(ratios or costs).items()
    ]
    return Ranking(standings=tuple(standings), failed=failed)


def find_failures(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, tuple[str, ...]]:
    """Return the keys of those who have not come through every round, with the reasons."""
    return {
        key: tuple(run for run in runs if isinstance(run, str))
        for key, runs in outcomes.items()
        if any(isinstance(run, str) for run in runs)
    }


def _ratios(costs: Mapping[str, Sequence[float]], limit: str) -> dict[str, list[float]]:
    """Return the costs divided by the limit's of the same round, or nothing if it has none.

    A C program's few idle connections may fit into memory that it has already: there is no ratio
    to nothing.
    """
    least = costs.get(limit, [])
    if not least or min(least) <= 0:
        return {}
    return {
        key: [mine / limits for mine, limits in zip(values, least, strict=True)]
        for key, values in costs.items()
    }


def _places(costs: Mapping[str, Sequence[float]]) -> dict[str, int]:
    """Return the rank of each contestant, the cheapest first."""
    ordered = sorted(costs, key=lambda key: statistics.median(costs[key]))
    places: dict[str, int] = {}
    before = None
    for number, key in enumerate(ordered, 1):
        if before is None or _is_clearly_ahead(costs[before], costs[key]):
            places[key] = number
        else:
            places[key] = places[before]
        before = key
    return places


def _is_clearly_ahead(mine: Sequence[float], others: Sequence[float]) -> bool:
    wins = sum(a < b for a, b in zip(mine, others, strict=True))
    return wins >= ROUNDS_TO_BE_AHEAD * len(mine)


def _stand(
    contest: Contest,
    key: str,
    place: int,
    runs: Sequence[Measurement],
    ratios: Sequence[float] | None,
) -> Standing:
    cost = Spread.of(run.cost for run in runs)
    return Standing(
        contestant=key,
        rank=place,
        cost=cost,
        ratio=Spread.of(ratios) if ratios else None,
        per_cpu_second=1e6 / cost.median if contest.measure == "cpu" else None,
        throughput=statistics.median(run.messages / run.seconds for run in runs),
        busy=statistics.median(run.cpu_s / run.seconds for run in runs),
        p50_us=_median_of_known(run.p50_us for run in runs),
        p99_us=_median_of_known(run.p99_us for run in runs),
        p999_us=_median_of_known(run.p999_us for run in runs),
        disturbed=sum(run.threads == 1 and run.waiting_s > DISTURBED * run.seconds for run in runs),
    )


def _median_of_known(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def table(contest: Contest, ranking: Ranking) -> str:
    """Return a ranking as text, those that have failed with the first reason."""
    names = ["rank", "contestant", f"{contest.unit}/{contest.message}", "from - to"]
    names += ["x limit", "from - to"]
    if contest.measure == "cpu":
        names += [f"{contest.messages}/CPU s", f"{contest.messages}/s", "busy"]
        names += ["p50 µs", "p99 µs", "p99.9 µs"]
    rows = [_row(contest, standing) for standing in ranking.standings]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]

    lines = [contest.headline, "=" * len(contest.headline)]
    for row in (names, *rows):
        cells = [
            cell.ljust(width) if name == "contestant" else cell.rjust(width)
            for name, cell, width in zip(names, row, widths, strict=True)
        ]
        lines.append("  ".join(cells))
    for key, reasons in ranking.failed.items():
        lines.append(f"FAILED  {key}, {describe_failure(reasons)}")
    disturbed = sum(standing.disturbed for standing in ranking.standings)
    if disturbed and contest.measure == "cpu":
        lines.append(f"NOTE  runs in which somebody else was using the server's core: {disturbed}")
    return "\n".join(lines)


def describe_failure(reasons: Sequence[str]) -> str:
    """Return in how many rounds somebody has failed, and why the first time."""
    rounds = "1 round" if len(reasons) == 1 else f"{len(reasons)} rounds"
    return f"in {rounds}: {reasons[0]}"


def figure(value: float) -> str:
    """Return a number as tables and charts show it: with no more digits than mean something."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.1 or value <= 0 else f"{value:.3f}"


def _row(contest: Contest, standing: Standing) -> list[str]:
    cells = [str(standing.rank), standing.contestant]
    for spread in (standing.cost, standing.ratio):
        if spread is None:
            cells += ["-", "-"]
        else:
            cells += [figure(spread.median), f"{figure(spread.low)} - {figure(spread.high)}"]
    if contest.measure == "cpu":
        # In a memory contest nearly nothing happens: it has no throughput to speak of.
        cells += [f"{1e6 / standing.cost.median:,.0f}", f"{standing.throughput:,.0f}"]
        cells += [f"{standing.busy:.0%}"]
        latencies = (standing.p50_us, standing.p99_us, standing.p999_us)
        cells += ["-" if us is None else f"{us:,.0f}" for us in latencies]
    return cells
