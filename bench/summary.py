"""Where Trunkline stands, in one look: a line for each contest, and ratios to those that count.

Of a library with several contestants the cheapest speaks for it, ours and the others alike. A ratio
is taken within a round, as in `report.py`; less than 1 is that ours costs less. Who has failed or
is absent has no ratio but a reason, and is listed with it.

Programs of asyncio's are compared once more, each with itself: on our event loop and on others.
"""

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.contestants.asyncio_loops import LOOPS
from bench.match import Measurement
from bench.model import Contest
from bench.report import Outcome, Spread, describe_failure, figure, find_failures

OURS = "trunkline"

PEERS = (
    "asyncio",
    "uvloop",
    "socketserver",
    "makefile-text",
    "makefile-binary",
    "makefile-threads",
    "native",
    "socket",
    "aiodns",
    "getaddrinfo",
)
"""With whom ours is compared, besides the limit: libraries, and contestants where a library's are
too different for one to speak for all."""

ON_OUR_LOOP = "trunkline-aio-"
"""How the keys of asyncio's programs on our event loop begin; what follows is the interface."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Ours beside one other.

    Attributes:
        name: Who that is: "c", or one of `PEERS`.
        contestant: The key of its cheapest contestant among those that have come through, or of one
            of them if none has.
        ratio: What ours has spent, divided by what that one has; None if either has failed or is
            absent, or has spent nothing.
    """

    name: str
    contestant: str
    ratio: Spread | None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A contest in one line.

    Attributes:
        contest: Its name.
        unit: What the cost is measured in, and for what.
        ours: The key of the cheapest of our contestants; None if none has come through.
        cost: What it has spent.
        comparisons: The limit first.
        missing: Those of ours and of the others who have failed or are absent, with the reasons.
    """

    contest: str
    unit: str
    ours: str | None
    cost: Spread | None
    comparisons: tuple[Comparison, ...]
    missing: Mapping[str, str]


def summarize(
    contest: Contest, outcomes: Mapping[str, Sequence[Outcome]], absent: Mapping[str, str]
) -> Summary:
    """Return a contest in one line.

    Args:
        contest: What they took part in.
        outcomes: For each contestant's key, what it has shown in each round, in order.
        absent: Who would have taken part, with the reasons why they could not.
    """
    costs, missing = _sort(outcomes, absent)
    known = [*costs, *missing]
    theirs = {name: _of(name, known) for name in PEERS}
    return _summarize(contest, _of(OURS, known), theirs, costs, missing)


def summarize_loops(
    contest: Contest, outcomes: Mapping[str, Sequence[Outcome]], absent: Mapping[str, str]
) -> list[Summary]:
    """Return a line for each of asyncio's programs in a contest: on our loop, beside others.

    Args:
        contest, outcomes, absent: As for `summarize`.
    """
    costs, missing = _sort(outcomes, absent)
    known = {*costs, *missing}
    summaries = []
    for key in outcomes:
        if key.startswith(ON_OUR_LOOP):
            interface = key.removeprefix(ON_OUR_LOOP)
            theirs = {loop: [f"{loop}-{interface}"] for loop in LOOPS}
            present = {loop: keys for loop, keys in theirs.items() if keys[0] in known}
            summaries.append(_summarize(contest, [key], present, costs, missing))
    return summaries


def _sort(
    outcomes: Mapping[str, Sequence[Outcome]], absent: Mapping[str, str]
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Return what those have spent who have come through, and why the others have not."""
    failed = find_failures(outcomes)
    missing = {key: f"failed {describe_failure(reasons)}" for key, reasons in failed.items()}
    missing |= {key: f"absent: {reason}" for key, reason in absent.items()}
    costs = {
        key: [run.cost for run in runs if isinstance(run, Measurement)]
        for key, runs in outcomes.items()
        if key not in missing
    }
    return costs, missing


def _summarize(
    contest: Contest,
    ours: Sequence[str],
    peers: Mapping[str, Sequence[str]],
    costs: Mapping[str, Sequence[float]],
    missing: Mapping[str, str],
) -> Summary:
    """Return the cheapest of ours beside the limit, and the cheapest of each of the peers."""
    theirs = {_library(contest.limit): [contest.limit], **peers}
    mine = _cheapest(ours, costs)
    comparisons = [
        _compare(name, keys, costs.get(mine or "", ()), costs)
        for name, keys in theirs.items()
        if keys
    ]
    concerned = {*ours, *itertools.chain(*theirs.values())}
    return Summary(
        contest=contest.name,
        unit=f"{contest.unit}/{contest.message}",
        ours=mine,
        cost=Spread.of(costs[mine]) if mine else None,
        comparisons=tuple(comparisons),
        missing={key: reason for key, reason in missing.items() if key in concerned},
    )


def _compare(
    name: str, keys: Sequence[str], mine: Sequence[float], costs: Mapping[str, Sequence[float]]
) -> Comparison:
    other = _cheapest(keys, costs)
    ratios = []
    if other and min(costs[other]) > 0:
        ratios = [a / b for a, b in zip(mine, costs[other], strict=False)]
    return Comparison(
        name=name, contestant=other or keys[0], ratio=Spread.of(ratios) if ratios else None
    )


def _of(name: str, keys: Sequence[str]) -> list[str]:
    """Return the keys of those who belong to a library, or are the contestant of that name."""
    return [key for key in keys if name in (key, _library(key))]


def _library(key: str) -> str:
    return key.partition("-")[0]


def _cheapest(keys: Sequence[str], costs: Mapping[str, Sequence[float]]) -> str | None:
    through = [key for key in keys if key in costs]
    return min(through, key=lambda key: statistics.median(costs[key]), default=None)


def table(summaries: Sequence[Summary], who: str = "Trunkline") -> str:
    """Return the summaries as text: a table, and below it who is missing.

    Args:
        summaries: A line each.
        who: Whose cost it is.
    """
    title = f"{who}'s cost as a multiple of others': median of the rounds (from - to)"
    columns = ("asyncio", "uvloop")
    heads = ["contest", "ours", "its cost", "x limit", *(f"x {name}" for name in columns)]
    rows = [[*heads, "x others"]]
    for one in summaries:
        limit, *others = one.comparisons
        cells = {other.name: _cell(one, other) for other in others}
        cost = f"{figure(one.cost.median)} {one.unit}" if one.cost else "-"
        row = [one.contest, one.ours or "missing", cost, _cell(one, limit)]
        row += [cells.pop(name, "-") for name in columns]
        rows.append([*row, ", ".join(f"{name} {cell}" for name, cell in cells.items())])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [title, "=" * len(title)]
    lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    lines += [
        f"MISSING  {one.contest}: {key}: {reason}"
        for one in summaries
        for key, reason in one.missing.items()
    ]
    return "\n".join(lines)


def _cell(summary: Summary, other: Comparison) -> str:
    if other.ratio is None:
        return "missing" if other.contestant in summary.missing else "-"
    ratio = other.ratio
    return f"{figure(ratio.median)} ({figure(ratio.low)} - {figure(ratio.high)})"
