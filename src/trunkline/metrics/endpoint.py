"""The endpoint that Prometheus scrapes, on the event base of a supervisor.

HTTP is spoken as far as that takes: a GET or a HEAD of ``/metrics``, one on each connection, within
limits. Whoever is slow, or says too much, is cut off.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..multiplex import Transport, TransportProtocol
from ..servers import Supervisor, WorkerReport
from ..servers.binding import Hosts, Paths, bind_all
from ..sockets.passive_socket import PassiveSocket
from .client import load_core
from .samples import families, of_supervisor, of_worker

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

__all__ = ("serve_metrics",)

_PATIENCE = 10.0  # seconds for a whole request, and for its answer
_LONGEST_LINE = 8192  # bytes
_MOST_HEADERS = 100
_MOST_CONNECTIONS = 50


def serve_metrics(
    supervisor: Supervisor,
    *,
    name: str = "server",
    host: Hosts = None,
    port: int | str = 0,
    path: Paths = None,
) -> tuple[PassiveSocket, ...]:
    """Let a supervisor serve the numbers of its workers by HTTP, for Prometheus to scrape.

    It serves them while it runs. Anybody who can connect is answered, so listen where only those
    can whom it concerns; without encryption, as Prometheus expects it::

        with Supervisor(make_server, host="*", port=7777) as supervisor:
            serve_metrics(supervisor, host="127.0.0.1", port=9100)
            supervisor.run()

    Args:
        supervisor: Whose.
        name: The label ``server``.
        host: Where to listen, as for `Server`, like the next two.
        port: The port.
        path: A local socket, or several.

    Returns:
        The sockets that listen. They are the supervisor's.

    Raises:
        ModuleNotFoundError: There is no `prometheus_client`; the message says how to get it.
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: It cannot listen there.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    load_core()
    sockets = bind_all(host, port, path, (), {})
    for socket in sockets:
        supervisor.listen_beside(
            socket,
            lambda: _Request(supervisor, name),
            delivery="lines",
            external_format="latin-1",
            line_limit=_LONGEST_LINE,
            read_timeout=_PATIENCE,
            write_timeout=_PATIENCE,
            max_connections=_MOST_CONNECTIONS,
        )
    return tuple(sockets)


class _Request(TransportProtocol):
    """One request, and the answer to it."""

    transport: Transport

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._lines: list[str] = []
        self._is_complete = False

    def connection_made(self, transport: Transport) -> None:
        """Somebody has connected."""
        self.transport = transport

    def line_received(self, line: str) -> None:
        """Take a line of the request."""
        line = line.rstrip("\r")
        if self._is_complete or (not line and not self._lines):
            return
        if line:
            self._lines.append(line)
            if len(self._lines) > _MOST_HEADERS:
                self._refuse("431 Request Header Fields Too Large")
        else:
            self._is_complete = True
            self._judge()

    def _judge(self) -> None:
        method, _, rest = self._lines[0].partition(" ")
        target, _, version = rest.partition(" ")
        if not version.startswith("HTTP/1."):
            self._refuse("400 Bad Request")
        elif method not in ("GET", "HEAD"):
            self._refuse("405 Method Not Allowed", "Allow: GET, HEAD")
        elif target.partition("?")[0] != "/metrics":
            self._refuse("404 Not Found")
        else:
            self._supervisor.ask_workers(self._tell)

    def _refuse(self, status: str, *headers: str) -> None:
        self._is_complete = True
        self._answer(status, f"{status}\n".encode(), "Content-Type: text/plain", *headers)

    def _tell(self, reports: tuple[WorkerReport, ...]) -> None:
        """Answer with what the workers have told."""
        from prometheus_client.exposition import choose_encoder

        if self.transport.is_closing:
            return
        encode, content_type = choose_encoder(self._header("accept"))
        told = _Told(self._supervisor, self._name, reports)
        self._answer("200 OK", encode(told), f"Content-Type: {content_type}")

    def _header(self, name: str) -> str:
        values = (line.partition(":") for line in self._lines[1:])
        return ",".join(value.strip() for key, _, value in values if key.strip().lower() == name)

    def _answer(self, status: str, body: bytes, *headers: str) -> None:
        lines = (
            f"HTTP/1.1 {status}",
            *headers,
            f"Content-Length: {len(body)}",
            "Connection: close",
            "",
            "",
        )
        is_head = self._lines[0].startswith("HEAD ")
        self.transport.write("\r\n".join(lines).encode("latin-1") + (b"" if is_head else body))
        self.transport.close()

    def stop_requested(self) -> None:
        """The supervisor has ended."""
        self.transport.abort()


class _Told:
    """What workers have told, as a collector."""

    def __init__(
        self, supervisor: Supervisor, name: str, reports: tuple[WorkerReport, ...]
    ) -> None:
        self._statistics = supervisor.statistics()
        self._name = name
        self._reports = reports

    def collect(self) -> "Iterator[Metric]":
        yield from families(of_worker(self._name, report) for report in self._reports)
        yield from of_supervisor(self._name, self._statistics)
