"""The endpoint of a supervisor, scraped by the standard library's client."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from metrics.test_collector import Exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from support.peers import connect, receive_all
from support.timing import MS, PATIENCE

from trunkline import ServerStatistics, Supervisor, Traffic, WorkerReport
from trunkline.metrics import endpoint, serve_metrics
from trunkline.servers import WorkerStatus
from trunkline.servers.inquiry import Tell

REPORTS = (
    WorkerReport(
        WorkerStatus(7, 0, "ready", 0), 5000, ServerStatistics(accepted=3), Traffic(bytes_sent=9)
    ),
    WorkerReport(WorkerStatus(8, 1, "starting", 0)),
)


class Answering(Supervisor):
    """A supervisor whose workers have answered, or will not."""

    is_silent = False

    def ask_workers(self, tell: Tell) -> None:
        """Tell at once."""
        if not self.is_silent:
            tell(REPORTS)


@contextlib.contextmanager
def serving_metrics(**options: Any) -> Iterator[tuple[Answering, tuple[str, int]]]:
    """Serve the metrics of a supervisor that does nothing else."""

    def never(sockets: object) -> Any:
        raise AssertionError

    with Answering(never, host="127.0.0.1") as supervisor:
        (socket,) = serve_metrics(supervisor, name="a", host="127.0.0.1")
        base = supervisor.event_base
        thread = threading.Thread(target=base.dispatch)
        thread.start()
        try:
            yield supervisor, ("127.0.0.1", socket.local_port)
        finally:
            base.call_soon_threadsafe(base.exit)
            thread.join(PATIENCE)
    assert socket.closed


def ask(
    address: tuple[str, int], method: str = "GET", path: str = "/metrics", **headers: str
) -> tuple[http.client.HTTPResponse, str]:
    """Make a request, and return the answer."""
    client = http.client.HTTPConnection(*address, timeout=PATIENCE)
    with contextlib.closing(client):
        client.request(method, path, headers=headers)
        response = client.getresponse()
        return response, response.read().decode()


def test_a_scrape() -> None:
    with serving_metrics() as (_, address):
        response, text = ask(address)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert int(response.headers["Content-Length"]) == len(text.encode())
    found = Exposition(text)
    whose = ("server=a", "worker=0", "pid=7")
    assert found["trunkline_connections_accepted_total", *whose] == 3
    assert found["trunkline_sent_bytes_total", *whose] == 9
    assert found["trunkline_worker_memory_bytes", *whose] == 5000
    assert found["trunkline_worker_state", "server=a", "worker=1", "pid=8", "state=starting"] == 1
    assert found["trunkline_workers_started_total", "server=a"] == 0


def test_as_prometheus_asks() -> None:
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    with serving_metrics() as (_, address):
        response, text = ask(address, path="/metrics?x=1", Accept=accept)
    assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1")
    found = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    names = {family.name for family in found}
    assert {"trunkline_connections_accepted", "trunkline_connection_seconds"} <= names


def test_only_the_head() -> None:
    with serving_metrics() as (_, address):
        response, text = ask(address, "HEAD")
        assert int(response.headers["Content-Length"]) == len(ask(address)[1])
    assert (response.status, text) == (200, "")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/metrics/more", 404), ("POST", "/metrics", 405)],
)
def test_what_is_not_there(method: str, path: str, status: int) -> None:
    with serving_metrics() as (_, address):
        response, text = ask(address, method, path)
    assert response.status == status
    assert text.startswith(f"{status} ")
    assert (response.headers["Allow"] is not None) == (status == 405)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\r\nGET /metrics HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.0\n\n", 200),
        (b"GET /metrics\r\n\r\n", 400),
        (b"\x16\x03\x01\n\n", 400),
        (b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 200, 431),
    ],
)
def test_what_others_say(request_: bytes, status: int) -> None:
    with serving_metrics() as (_, address), connect(address) as client:
        client.sendall(request_)
        with contextlib.suppress(ConnectionResetError):
            answer = receive_all(client)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert answer.count(b"HTTP/1.1") == 1


def test_a_line_without_end_is_not_kept() -> None:
    with serving_metrics() as (_, address), connect(address) as client:
        client.sendall(b"GET /" + b"x" * 10_000)
        with contextlib.suppress(ConnectionResetError):
            assert receive_all(client) == b""


def test_who_says_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_PATIENCE", 20 * MS)
    with serving_metrics() as (_, address), connect(address) as client:
        assert receive_all(client) == b""


def test_who_has_gone_meanwhile_is_not_answered() -> None:
    told: list[Tell] = []
    with serving_metrics() as (supervisor, address):
        supervisor.ask_workers = told.append  # type: ignore[method-assign,assignment]
        with connect(address) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            client.shutdown(1)
            assert receive_all(client) == b""
        told[0](REPORTS)
