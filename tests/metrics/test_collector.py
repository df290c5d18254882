"""What a registry of Prometheus' client library gets of our servers."""

import subprocess
import sys

import pytest
from docs.pages import DOCS, rows
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from servers.serving import ask, client_of, eventually, serving, talk, visit

from trunkline import ActiveSocket, ServerStatistics, SupervisorStatistics, Traffic, WorkerReport
from trunkline.metrics import Collector
from trunkline.metrics.samples import families, of_supervisor, of_worker
from trunkline.servers import WorkerStatus


class Exposition:
    """What a text says; it is indexed by a name and labels, in whatever order."""

    def __init__(self, text: str) -> None:
        self._found: dict[frozenset[str], float] = {}
        for family in text_string_to_metric_families(text):
            assert family.documentation.endswith(".")
            for sample in family.samples:
                labels = (f"{name}={value}" for name, value in sample.labels.items() if value)
                self._found[frozenset((sample.name, *labels))] = sample.value

    def __getitem__(self, name_and_labels: tuple[str, ...]) -> float:
        return self._found[frozenset(name_and_labels)]

    def of(self, *labels: str) -> set[str]:
        """Return what is known of something, without its labels."""
        whose = frozenset(labels)
        return {" ".join(sorted(key - whose)) for key in self._found if whose <= key}


def test_a_server_s_numbers() -> None:
    def handler(connection: ActiveSocket) -> None:
        for line in connection:
            if line == "fail":
                raise ValueError
            connection.write_line(line, flush=True)

    registry = CollectorRegistry()
    with serving(handler, exception_hook=lambda error, connection: None) as server:
        registry.register(Collector({"echo": server}))
        assert ask(server, "hello") == "hello"
        visit(server, b"fail\n")
        with client_of(server) as client:
            assert talk(client, "abc") == "abc"
            eventually(lambda: server.traffic().ended == 2 and server.traffic().bytes_sent == 10)
            found = Exposition(generate_latest(registry).decode())
    whose = "server=echo"
    assert found["trunkline_connections_accepted_total", whose] == 3
    assert found["trunkline_connections", whose, "state=active"] == 1
    assert found["trunkline_connections", whose, "state=shaking_hands"] == 0
    assert found["trunkline_connections_peak", whose] >= 1
    assert found["trunkline_connections_ended_total", whose, "outcome=finished"] == 1
    assert found["trunkline_connections_ended_total", whose, "outcome=failed"] == 1
    assert found["trunkline_connections_ended_total", whose, "outcome=broken"] == 0
    assert found["trunkline_errors_total", whose, "kind=ValueError"] == 1
    assert found["trunkline_received_bytes_total", whose] == 15
    assert found["trunkline_sent_bytes_total", whose] == 10
    assert found["trunkline_receptions_total", whose] >= 3
    assert found["trunkline_connection_seconds_count", whose] == 2
    assert found["trunkline_connection_seconds_sum", whose] > 0
    assert found["trunkline_longest_connection_seconds", whose] > 0
    assert not [each for each in found.of(whose) if "worker" in each]


def test_two_servers_are_told_apart_and_registering_asks_nobody() -> None:
    class Counting:
        asked = 0

        def statistics(self) -> ServerStatistics:
            self.asked += 1
            return ServerStatistics(accepted=self.asked)

        def traffic(self) -> Traffic:
            return Traffic(refusals={"limit": 4})

    counting = Counting()
    registry = CollectorRegistry(auto_describe=True)
    registry.register(Collector({"one": counting, "other": counting}))
    assert counting.asked == 0
    found = Exposition(generate_latest(registry).decode())
    assert found["trunkline_connections_accepted_total", "server=one"] == 1
    assert found["trunkline_connections_accepted_total", "server=other"] == 2
    assert found["trunkline_refusals_total", "server=one", "reason=limit"] == 4
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(Collector({}))


def test_workers_and_their_supervisor() -> None:
    class Told:
        def collect(self) -> object:
            silent = WorkerReport(WorkerStatus(8, 1, "starting", 0))
            full = WorkerReport(WorkerStatus(7, 0, "ready", 0), 5000, ServerStatistics(), Traffic())
            yield from families(of_worker("a", each) for each in (full, silent))
            yield from of_supervisor("a", SupervisorStatistics(3, 2, 1, 0))

    found = Exposition(generate_latest(Told()).decode())  # type: ignore[arg-type]
    first = ("server=a", "worker=0", "pid=7")
    second = ("server=a", "worker=1", "pid=8")
    assert found["trunkline_worker_memory_bytes", *first] == 5000
    assert found["trunkline_worker_state", *first, "state=ready"] == 1
    assert found.of(*second) == {"state=starting trunkline_worker_state"}
    assert found["trunkline_workers_started_total", "server=a"] == 3
    assert found["trunkline_workers_lost_total", "server=a"] == 2
    assert found["trunkline_workers_killed_total", "server=a"] == 1
    assert found["trunkline_replacements_total", "server=a"] == 0


def test_the_reference_has_them_all() -> None:
    text = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    described = {cells[0].strip("`"): (cells[1], cells[3]) for cells in rows(text, "metric")}
    known = {
        each.name + "_total" * (each.type == "counter"): (each.type, each.documentation)
        for each in [*families(()), *of_supervisor("a", SupervisorStatistics())]
    }
    assert described == known


WITHOUT = """
import sys
sys.modules["prometheus_client"] = None
from trunkline.metrics import Collector
Collector({})
"""


@pytest.mark.slow
def test_without_the_library_it_is_told_how_to_get_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "ModuleNotFoundError: metrics take the extra metrics: pip install 'trunkline[metrics]'\n"
    )
