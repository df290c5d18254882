"""A collector, as registries of Prometheus' client library take them."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from ..servers import ServerStatistics, Traffic
from .client import load_core
from .samples import Source, families

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ("Collector", "Counting")


class Counting(Protocol):
    """What counts: a `Server`, what `aio.serve` returns, or something of yours."""

    def statistics(self) -> ServerStatistics:
        """Return its connections."""

    def traffic(self) -> Traffic:
        """Return what has gone through it."""


class Collector:
    """Collects what servers of this process have counted, when it is asked.

    ::

        with Server(echo, host="127.0.0.1", port=7777) as server:
            REGISTRY.register(Collector({"echo": server}))
            start_http_server(9100)  # of prometheus_client
            server.serve_forever()

    Args:
        servers: The servers by their names, which are the label ``server``.

    Raises:
        ModuleNotFoundError: There is no `prometheus_client`; the message says how to get it.
    """

    def __init__(self, servers: Mapping[str, Counting]) -> None:
        load_core()
        self._servers = dict(servers)

    def collect(self) -> "Iterator[Metric]":
        """Yield the metrics as they are now."""
        yield from families(
            Source(name, each.statistics(), each.traffic()) for name, each in self._servers.items()
        )

    def describe(self) -> "Iterator[Metric]":
        """Yield the metrics without their values, for a registry that they are registered in."""
        yield from families(())
