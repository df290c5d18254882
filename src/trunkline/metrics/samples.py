"""Which metrics there are, and how they come of what servers and workers have counted."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..servers import ServerStatistics, SupervisorStatistics, Traffic, WorkerReport
from .client import load_core

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ("Source", "families", "of_supervisor", "of_worker")

_WHOSE = ("server", "worker", "pid")

_OUTCOMES = ("finished", "failed", "broken", "timed_out", "cut", "rejected", "refused")


class Source(NamedTuple):
    """A server, with what it has counted.

    Attributes:
        server: Its name.
        statistics: Its connections; None if that is not known.
        traffic: What has gone through it, likewise.
        worker: The place of the worker that it is in, if it is in one.
        pid: The process of that.
        memory: How many bytes that has.
        state: How that is.
    """

    server: str
    statistics: ServerStatistics | None
    traffic: Traffic | None
    worker: str = ""
    pid: str = ""
    memory: int | None = None
    state: str = ""


Samples: TypeAlias = Iterator[tuple[tuple[str, ...], float]]


def of_worker(server: str, report: WorkerReport) -> Source:
    """Return what a worker has told."""
    status = report.status
    return Source(
        server,
        report.statistics,
        report.traffic,
        str(status.place),
        str(status.pid),
        report.memory,
        status.state,
    )


class _Family(NamedTuple):
    """A metric of servers: what it is, its further label, and what it takes of a server."""

    kind: str
    name: str
    meaning: str
    label: tuple[str, ...]
    samples: Callable[[Source], Samples]


def _counted(attribute: str) -> Callable[[Source], Samples]:
    def samples(source: Source) -> Samples:
        if source.statistics is not None:
            yield (), getattr(source.statistics, attribute)

    return samples


def _gone_through(attribute: str) -> Callable[[Source], Samples]:
    def samples(source: Source) -> Samples:
        if source.traffic is not None:
            yield (), getattr(source.traffic, attribute)

    return samples


def _by_kind(attribute: str) -> Callable[[Source], Samples]:
    def samples(source: Source) -> Samples:
        if source.traffic is not None:
            counts: Mapping[str, int] = getattr(source.traffic, attribute)
            yield from (((kind,), count) for kind, count in counts.items())

    return samples


def _by_attribute(names: Iterable[str]) -> Callable[[Source], Samples]:
    def samples(source: Source) -> Samples:
        if source.statistics is not None:
            yield from (((name,), getattr(source.statistics, name)) for name in names)

    return samples


def _longest(source: Source) -> Samples:
    if source.traffic is not None:
        yield (), max((each.seconds for each in source.traffic.longest), default=0.0)


def _memory(source: Source) -> Samples:
    if source.memory is not None:
        yield (), source.memory


def _state(source: Source) -> Samples:
    if source.state:
        yield (source.state,), 1


_FAMILIES = (
    _Family(
        "counter",
        "connections_accepted",
        "Connections that were accepted.",
        (),
        _counted("accepted"),
    ),
    _Family(
        "gauge",
        "connections",
        "Connections that there are, by their state.",
        ("state",),
        _by_attribute(("active", "shaking_hands")),
    ),
    _Family("gauge", "connections_peak", "The most served at once.", (), _counted("peak")),
    _Family(
        "counter",
        "connections_ended",
        "Connections that are over, by how they ended.",
        ("outcome",),
        _by_attribute(_OUTCOMES),
    ),
    _Family(
        "counter",
        "refusals",
        "Clients that were turned away, by the reason.",
        ("reason",),
        _by_kind("refusals"),
    ),
    _Family(
        "counter",
        "errors",
        "Connections that an error has ended, by its class.",
        ("kind",),
        _by_kind("errors"),
    ),
    _Family(
        "counter", "received_bytes", "Bytes from clients.", (), _gone_through("bytes_received")
    ),
    _Family("counter", "sent_bytes", "Bytes to clients.", (), _gone_through("bytes_sent")),
    _Family(
        "counter",
        "receptions",
        "How many times something was received.",
        (),
        _gone_through("receptions"),
    ),
    _Family("gauge", "longest_connection_seconds", "Age of the oldest open one.", (), _longest),
    _Family("gauge", "worker_memory_bytes", "Memory of a worker process.", (), _memory),
    _Family("gauge", "worker_state", "1 for the state of a worker.", ("state",), _state),
)


def families(sources: Iterable[Source]) -> "Iterator[Metric]":
    """Yield the metrics of servers, as `prometheus_client` has them."""
    core = load_core()
    sources = tuple(sources)
    for each in _FAMILIES:
        kind = core.CounterMetricFamily if each.kind == "counter" else core.GaugeMetricFamily
        family = kind(f"trunkline_{each.name}", each.meaning, labels=(*_WHOSE, *each.label))
        for source in sources:
            for labels, value in each.samples(source):
                family.add_metric((source.server, source.worker, source.pid, *labels), value)
        yield family
    lasted = core.SummaryMetricFamily(
        "trunkline_connection_seconds", "How long connections have lasted.", labels=_WHOSE
    )
    for source in sources:
        if source.traffic is not None:
            whose = (source.server, source.worker, source.pid)
            lasted.add_metric(whose, source.traffic.ended, source.traffic.seconds)
    yield lasted


def of_supervisor(server: str, statistics: SupervisorStatistics) -> "Iterator[Metric]":
    """Yield the metrics of a supervisor itself."""
    core = load_core()
    for name, meaning in (
        ("started", "Workers that were started."),
        ("lost", "Workers that have ended by themselves."),
        ("killed", "Workers that were killed, since they took too long."),
        ("replacements", "How many times all workers were to be replaced."),
    ):
        name_of_metric = name if name == "replacements" else f"workers_{name}"
        family = core.CounterMetricFamily(
            f"trunkline_{name_of_metric}", meaning, labels=("server",)
        )
        family.add_metric((server,), getattr(statistics, name))
        yield family
