"""How much happens in a second: what two snapshots differ in."""

from collections.abc import Iterable
from typing import NamedTuple

from ...servers import WorkerReport
from ..control.snapshot import Snapshot

__all__ = ("Rates", "rates_between", "rates_of")


class Rates(NamedTuple):
    """How much happens in a second.

    Attributes:
        connections: How many connections are accepted.
        messages: How many times something is received.
        received: How many bytes come.
        sent: How many bytes go.
    """

    connections: float
    messages: float
    received: float
    sent: float

    @classmethod
    def total(cls, rates: Iterable["Rates"]) -> "Rates":
        """Return several ones, added."""
        found = list(rates)
        return cls(*(sum(each[number] for each in found) for number in range(4)))


def rates_between(earlier: Snapshot | None, now: Snapshot) -> dict[int, Rates]:
    """Return the rates of those workers, by their processes, that are in both snapshots."""
    if earlier is None or earlier.pid != now.pid or earlier.seconds >= now.seconds:
        return {}
    before = {each.status.pid: each for each in earlier.workers}
    passed = now.seconds - earlier.seconds
    found = {}
    for worker in now.workers:
        rates = rates_of(before.get(worker.status.pid), worker, passed)
        if rates is not None:
            found[worker.status.pid] = rates
    return found


def rates_of(earlier: WorkerReport | None, now: WorkerReport, passed: float) -> Rates | None:
    """Return the rates of a worker, or None if they are not known.

    Args:
        earlier: What it has told before; nothing has happened yet, if it was not there.
        now: What it has told.
        passed: The seconds in between.
    """
    counts = _counts(now)
    before = (0, 0, 0, 0) if earlier is None else _counts(earlier)
    if counts is None or before is None:
        return None
    return Rates(*(max(0, each - was) / passed for each, was in zip(counts, before, strict=True)))


def _counts(report: WorkerReport) -> tuple[int, int, int, int] | None:
    statistics, traffic = report.statistics, report.traffic
    if statistics is None or traffic is None:
        return None
    received, sent = traffic.bytes_received, traffic.bytes_sent
    return statistics.accepted, traffic.receptions, received, sent
