"""A snapshot as lines that fit a terminal of 80 columns, or more."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..._printable import printable
from ...servers import ServerStatistics, Traffic, WorkerReport
from ..control.snapshot import Snapshot
from ..sizes import amount, short_amount, short_count, short_time
from .rates import Rates, rates_between

__all__ = ("Line", "drawn")

_OUTCOMES = ("finished", "failed", "broken", "timed_out", "cut", "rejected", "refused")
_WORKER_COLUMNS = (
    ("worker", 6),
    ("pid", 8),
    ("state", 9),
    ("now", 6),
    ("in all", 7),
    ("conn/s", 7),
    ("msg/s", 7),
    ("in/s", 7),
    ("out/s", 7),
    ("memory", 7),
)
_LEFT = frozenset({"worker", "state", "longest"})  # columns that begin at the left
_UNKNOWN = "-"
_NARROWEST = 20  # columns, below which nothing can be told


class Line(NamedTuple):
    """A line.

    Attributes:
        text: What it says.
        is_heading: Whether it stands above others.
    """

    text: str
    is_heading: bool = False


def drawn(now: Snapshot, earlier: Snapshot | None, width: int) -> list[Line]:
    """Return the table, in lines of no more than `width` columns.

    Args:
        now: What it is about.
        earlier: What was told a while before, for what happens in a second.
        width: Columns.
    """
    rates = rates_between(earlier, now)
    lines = [*_head(now), Line(""), *_totals(now, rates), Line(""), *_workers(now, rates)]
    longest = _longest(now)
    if longest:
        lines += [Line(""), *longest]
    width = max(width, _NARROWEST)
    return [Line(_cut(each.text, width), each.is_heading) for each in lines]


def _cut(text: str, width: int) -> str:
    text = text.rstrip()
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _head(now: Snapshot) -> list[Line]:
    counts = now.supervisor
    ready = sum(each.status.state == "ready" for each in now.workers)
    return [
        Line(f"{now.name}, process {now.pid}, for {short_time(now.seconds)}", True),
        Line(f"at {', '.join(now.addresses) or 'no address any more'}"),
        Line(
            f"workers: {ready} ready of {len(now.workers)}; {counts.started} started, "
            f"{counts.lost} lost, {counts.killed} killed, {counts.replacements} replacements"
        ),
    ]


def _totals(now: Snapshot, rates: dict[int, Rates]) -> list[Line]:
    statistics = [each.statistics for each in now.workers if each.statistics is not None]
    traffic = [each.traffic for each in now.workers if each.traffic is not None]
    memory = [each.memory for each in now.workers if each.memory is not None]
    lines = [
        ("connections", _connections(statistics)),
        ("ended", _ended(statistics)),
        ("a second", _a_second(rates)),
        ("in all", _bytes(traffic)),
        ("errors", _kinds(each.errors for each in traffic)),
        ("refused", _kinds(each.refusals for each in traffic)),
        ("memory", amount(sum(memory)) if memory else _UNKNOWN),
    ]
    return [Line(f"{name:<13}{text}") for name, text in lines]


def _connections(statistics: Sequence[ServerStatistics]) -> str:
    return (
        f"{sum(each.active for each in statistics)} now, "
        f"{sum(each.shaking_hands for each in statistics)} shaking hands, "
        f"{sum(each.accepted for each in statistics)} accepted"
    )


def _ended(statistics: Sequence[ServerStatistics]) -> str:
    counts = {name: sum(getattr(each, name) for each in statistics) for name in _OUTCOMES}
    return _named({name.replace("_", " "): count for name, count in counts.items() if count})


def _a_second(rates: dict[int, Rates]) -> str:
    if not rates:
        return _UNKNOWN
    total = Rates.total(rates.values())
    return (
        f"{total.connections:.1f} connections, {total.messages:.1f} messages, "
        f"{amount(total.received)} in, {amount(total.sent)} out"
    )


def _bytes(traffic: Sequence[Traffic]) -> str:
    received = amount(sum(each.bytes_received for each in traffic))
    sent = amount(sum(each.bytes_sent for each in traffic))
    return f"{sum(each.receptions for each in traffic)} messages, {received} in, {sent} out"


def _kinds(several: Iterable[object]) -> str:
    counts: Counter[str] = Counter()
    for each in several:
        counts.update(each)  # type: ignore[call-overload]  # they are mappings
    return _named(dict(counts.most_common()))


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {printable(name)}" for name, count in counts.items()) or "none"


def _workers(now: Snapshot, rates: dict[int, Rates]) -> list[Line]:
    names = [name for name, _ in _WORKER_COLUMNS]
    rows = [_worker(each, rates.get(each.status.pid)) for each in now.workers]
    return [Line(_row(names), True), *(Line(_row(cells)) for cells in rows)]


def _worker(report: WorkerReport, rates: Rates | None) -> list[str]:
    status, statistics = report.status, report.statistics
    cells = [str(status.place), str(status.pid), status.state]
    if statistics is None:
        cells += [_UNKNOWN] * 2
    else:
        cells += [short_count(statistics.active), short_count(statistics.accepted)]
    if rates is None:
        cells += [_UNKNOWN] * 4
    else:
        cells += [short_count(rates.connections), short_count(rates.messages)]
        cells += [short_amount(rates.received), short_amount(rates.sent)]
    return [*cells, _UNKNOWN if report.memory is None else short_amount(report.memory)]


def _row(cells: Sequence[str]) -> str:
    shown = []
    for (name, width), cell in zip(_WORKER_COLUMNS, cells, strict=True):
        shown.append(cell.ljust(width) if name in _LEFT else cell.rjust(width))
    return " ".join(shown)


def _longest(now: Snapshot) -> list[Line]:
    """Return the connections that have been open for longest, those of all workers together."""
    found = [
        (each, worker.status.place)
        for worker in now.workers
        if worker.traffic is not None
        for each in worker.traffic.longest
    ]
    found.sort(key=lambda pair: -pair[0].seconds)
    rows = [
        (
            _cut(printable(each.peer), 42),
            short_time(each.seconds),
            short_amount(each.bytes_received),
            short_amount(each.bytes_sent),
            str(place),
        )
        for each, place in found[:3]
    ]
    if not rows:
        return []
    heading = ("open for longest", "for", "in", "out", "worker")
    return [
        Line(f"{peer:<42} {age:>12} {received:>7} {sent:>7} {place:>7}", number == 0)
        for number, (peer, age, received, sent, place) in enumerate([heading, *rows])
    ]
