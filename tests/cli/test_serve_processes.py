"""`trunkline serve` as a process: workers, signals, TLS, proxies, activation, other programs."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.helpers import ENVIRONMENT, SHELL_COMMAND, command, run
from prometheus_client.parser import text_string_to_metric_families
from servers.serving import eventually
from support.certificates import Certificates
from support.peers import connect, exchange
from support.processes import ROOT, Program
from support.programs import require
from support.timing import PATIENCE

from trunkline.cli.exit_status import ExitStatus

pytestmark = pytest.mark.slow  # each starts an interpreter

HANDLERS = "cli.handlers_to_serve"
PATH = f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tests'}"


@contextlib.contextmanager
def serving(*words: str) -> Iterator[tuple[Program, tuple[str, int]]]:
    """Run a server, and yield it and where it listens; it has to end well."""
    with command("serve", *words, "127.0.0.1:0", PYTHONPATH=PATH) as server:
        found = server.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$")
        yield server, ("127.0.0.1", int(found[1]))
        server.terminate()
        assert server.wait() == 0
        assert not re.search("^Traceback", server.output, re.M)


@pytest.mark.parametrize("name", ["by_thread", "by_task", "Lines"])
def test_each_kind_of_handler_serves_in_workers(name: str) -> None:
    with serving(f"{HANDLERS}:{name}", "--workers=2") as (_, address):
        for word in (b"abc", b"xyz"):
            assert exchange(address, word + b"\n") == word[::-1] + b"\n"


def test_ctrl_c_lets_the_clients_finish() -> None:
    with command("serve", "echo", "127.0.0.1:0") as server:
        port = int(server.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$")[1])
        with connect(("127.0.0.1", port)) as client:
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"
            server.process.send_signal(signal.SIGINT)
            assert client.recv(1) == b""
        assert server.wait() == 0
        assert "Traceback" not in server.output


def test_a_worker_that_is_killed_is_replaced_and_nobody_refused() -> None:
    with serving(f"{HANDLERS}:Lines", "--workers=2") as (server, address):
        assert exchange(address, b"abc\n") == b"cba\n"
        task = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        first = {int(pid) for pid in task.read_text().split()}
        assert len(first) == 2
        os.kill(min(first), signal.SIGKILL)
        server.wait_for_line(f"{min(first)}.*SIGKILL")
        for _ in range(20):
            assert exchange(address, b"abc\n") == b"cba\n"


@pytest.mark.parametrize("name", ["fails", "fails_in_task", "Fails"])
def test_what_happens_is_logged_for_programs(name: str) -> None:
    with serving(f"{HANDLERS}:{name}", "--log=json") as (server, address):
        assert exchange(address, b"hello\n") == b""
        line = server.wait_for_line(r"has failed")
    told = [json.loads(each) for each in server.output.splitlines() if each.startswith("{")]
    (failure,) = (each for each in told if each["level"] == "ERROR")
    assert failure == json.loads(line.string)
    assert failure["error"] == {"class": "ValueError", "text": "hello\n\x1b[2J"}
    assert failure["traceback"].startswith("Traceback (most recent")
    assert failure["peer"].startswith("127.0.0.1:")
    assert {each["worker"] for each in told if "worker" in each} == {0}


def test_without_that_only_failures_are_logged_and_nobody_forges_a_line() -> None:
    with command("serve", f"{HANDLERS}:fails", "127.0.0.1:0", PYTHONPATH=PATH) as server:
        port = int(server.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$")[1])
        assert exchange(("127.0.0.1", port), b"hello\n") == b""
        server.wait_for_line(r"^\d{4}-\d\d-\S+ ERROR trunkline.servers: .* has failed$")
        server.wait_for_line(r"^    Traceback")
        server.wait_for_line(r"^    ValueError: hello$")
        server.wait_for_line(r"^    \\x1b\[2J$")
        server.terminate()
        assert server.wait() == 0


@pytest.mark.parametrize("name", ["by_thread", "by_task", "Lines"])
def test_prometheus_scrapes_what_the_workers_have_counted(name: str) -> None:
    with serving(f"{HANDLERS}:{name}", "--workers=2", "--metrics=127.0.0.1:0") as (server, address):
        port = int(server.wait_for_line(r"^metrics at 127\.0\.0\.1:(\d+)$")[1])
        for _ in range(3):
            assert exchange(address, b"abc\n") == b"cba\n"
        eventually(lambda: scrape(port)["worker_state ready"] == 2)
        eventually(lambda: scrape(port)["connections_ended_total finished"] == 3)
        found = scrape(port)
    assert found["connections_accepted_total"] == 3
    assert found["received_bytes_total"] == found["sent_bytes_total"] == 12
    assert found["worker_state ready"] == 2
    assert found["workers_started_total"] == 2
    assert found["worker_memory_bytes"] > 1_000_000


def scrape(port: int) -> Counter[str]:
    """Return the metrics, of all workers together, by their names and further labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for name, labels, value, *_ in family.samples:
            more = [each for key, each in labels.items() if key in ("state", "outcome", "kind")]
            found[" ".join([name.removeprefix("trunkline_"), *more])] += value  # type: ignore[assignment]
    return found


@pytest.mark.needs_program("openssl")
def test_by_tls(certificates: Certificates) -> None:
    paths = certificates.server
    with serving("echo", "--tls-cert", str(paths.certificate), "--tls-key", str(paths.key)) as (
        _,
        (host, port),
    ):
        openssl = [require("openssl"), "s_client", "-connect", f"{host}:{port}", "-quiet"]
        trust = ["-CAfile", str(certificates.authority.certificate), "-verify_return_error"]
        with Program([*openssl, *trust, "-verify_quiet", "-no_ign_eof"]) as client:
            client.send("hello\n")
            client.read_until("hello\n")
        ended = run(
            *("connect", f"tls:{host}:{port}", "--server-name", "localhost"),
            *("--ca", str(certificates.authority.certificate)),
            types=b"secret",
        )
    assert ended == (0, b"secret", "")


def test_behind_a_proxy() -> None:
    with serving(f"{HANDLERS}:who", "--proxy-protocol", "127.0.0.0/8") as (_, address):
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n"
        assert exchange(address, header) == b"192.0.2.1:1234\n"


def test_where_a_service_manager_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        script = f"exec 3<&{listener.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; "
        process = subprocess.Popen(
            ["bash", "-c", f"{script} exec {SHELL_COMMAND} serve echo --activate"],
            pass_fds=[listener.fileno()],
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        with process:
            try:
                assert process.stdout is not None
                assert (
                    process.stdout.readline() == f"listening at 127.0.0.1:{address[1]}\n".encode()
                )
                assert exchange(address, b"hello") == b"hello"
            finally:
                process.terminate()
            assert process.wait(PATIENCE) == 0


@pytest.mark.needs_program("nc")
def test_netcat_at_a_local_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with command("serve", "daytime", f"unix:{path}") as server:
        server.wait_for_line(f"^listening at {re.escape(str(path))}$")
        with Program([require("nc"), "-NU", str(path)]) as netcat:
            netcat.close_stdin()
            assert netcat.read_to_end().endswith("\r\n")
        server.terminate()
        assert server.wait() == 0
    assert not path.exists()


def test_a_reader_that_has_seen_enough_of_chargen() -> None:
    with serving("chargen") as (_, (host, port)):
        ended = subprocess.run(
            [
                "bash",
                "-c",
                f"{SHELL_COMMAND} connect {host}:{port} | head -n 3; echo ${{PIPESTATUS}}",
            ],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=ENVIRONMENT,
            timeout=PATIENCE,
        )
    *lines, status = ended.stdout.splitlines()
    assert [line[:1] for line in lines] == [b" ", b"!", b'"']
    assert int(status) == ExitStatus.NO_READER
