"""`trunkline serve exec`: a process for each connection, which ends with it, and it with that."""

import contextlib
import logging
import os
import re
import shlex
import signal
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.helpers import assert_bad_usage, command, evented, serving
from support.certificates import Certificates
from support.peers import connect, exchange, receive_all, reset
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

from trunkline import TLS, Endpoint, LocalAddress, ensure_address, make_socket
from trunkline.cli.serve.exec import protocol, running
from trunkline.cli.serve.exec.environment import connection_environment
from trunkline.cli.serve.exec.protocol import ExecProtocol
from trunkline.cli.serve.unfinished import Unfinished

LARGE = bytes(range(256)) * 8_000
Address = tuple[str, int]


@contextlib.contextmanager
def executing(*words: str, certificates: Certificates | None = None) -> Iterator[Address]:
    """Serve by a program, and yield where; no process is left in the end."""
    processes = Unfinished()
    tls = None
    if certificates is not None:
        paths = certificates.server
        tls = TLS(certificate=paths.certificate, key=paths.key)
    make = evented(lambda: ExecProtocol(words, processes), finish=processes.when_gone)
    with serving(make, tls=tls) as address:
        yield address
    gone = threading.Event()
    processes.when_gone(gone.set)
    assert gone.is_set()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def over_tls(certificates: Certificates, address: Address) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(certificates.authority.certificate))
    return context.wrap_socket(connect(address), server_hostname="localhost")


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", code)


def test_its_output_is_the_answer() -> None:
    with executing("echo", "hello", "world") as address, connect(address) as client:
        assert receive_all(client) == b"hello world\n"


def test_its_input_is_what_the_client_sends() -> None:
    with executing("cat") as address:
        assert exchange(address, LARGE) == LARGE


def test_many_at_once() -> None:
    with executing("cat") as address, contextlib.ExitStack() as opened:
        clients = [opened.enter_context(connect(address)) for _ in range(5)]
        for number, client in enumerate(clients):
            client.sendall(b"%d" % number)
        for number, client in enumerate(clients):
            assert client.recv(1) == b"%d" % number


def test_programs_may_wait_for_their_input() -> None:
    """The connection blocks, as that of a program does."""
    with executing("sh", "-c", "read a; echo $a") as address, connect(address) as client:
        client.sendall(b"a line\n")
        assert receive_all(client) == b"a line\n"


def test_what_it_did_not_read_does_not_destroy_the_answer() -> None:
    with executing("sh", "-c", "read a; echo answer") as address, connect(address) as client:
        client.sendall(b"a line\n" * 10_000)
        assert receive_all(client) == b"answer\n"


def test_its_end_is_that_of_the_connection_whoever_else_has_it() -> None:
    """A process of the process's would keep it open for as long as it runs."""
    with executing("sh", "-c", "sleep 1000 & echo $!") as address, connect(address) as client:
        pid = int(receive_all(client))
        os.kill(pid, signal.SIGKILL)


tells_resets = pytest.mark.skipif(
    sys.platform != "linux" or os.environ.get("TRUNKLINE_BACKEND") == "select",
    reason="it takes Linux's /proc, and a backend that tells of a reset what nobody reads",
)

TELLS_SIGNALS = """
import os, signal, sys
def tell(number, frame):
    os.write(int(sys.argv[1]), b"a")
    {then}
signal.signal(signal.SIGTERM, tell)
os.write(1, b"r")
while True: signal.pause()
"""


@contextlib.contextmanager
def that_tells(then: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield a program that says by a pipe when it is asked to end, and that pipe."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    path = f"/proc/{os.getpid()}/fd/{writing}"
    code = TELLS_SIGNALS.format(then=then).replace(
        "int(sys.argv[1])", f"os.open({path!r}, os.O_WRONLY)"
    )
    try:
        yield python(code), reading
    finally:
        os.close(reading)
        os.close(writing)


@tells_resets
def test_the_end_of_the_connection_is_its_own() -> None:
    with that_tells("sys.exit()") as (words, asked), executing(*words) as address:
        client = connect(address)
        assert client.recv(1) == b"r"
        reset(client)
        assert os.read(asked, 1) == b"a"


@tells_resets
def test_who_does_not_obey_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE", 0.05)
    with that_tells("pass") as (words, asked), executing(*words) as address:
        client = connect(address)
        assert client.recv(1) == b"r"
        reset(client)
        assert os.read(asked, 1) == b"a"


def test_the_end_of_the_server_is_that_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "GRACE", 0.05)
    ignoring = "trap '' TERM; echo ready; sleep 1000; sleep 1000"
    with contextlib.ExitStack() as opened:
        with executing("sh", "-c", ignoring) as address:
            client = opened.enter_context(connect(address))
            assert client.recv(1) == b"r"
            # What ends the server waits for nobody here.
            monkeypatch.setattr("cli.helpers.PATIENCE", 0)
        assert b"eady\n".startswith(receive_all(client))


def test_the_log_says_how_it_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "trunkline.serve"):
        with executing("sh", "-c", "exit 3") as address, connect(address) as client:
            assert receive_all(client) == b""
        with executing("sh", "-c", "kill -9 $$") as address, connect(address) as client:
            receive_all(client)
    told = [record.message.partition(" ")[2] for record in caplog.records]
    assert re.fullmatch(r"process \d+: exit code 3 after [\d.]+ s", told[0])
    assert re.fullmatch(r"process \d+: ended by SIGKILL after [\d.]+ s", told[1])


def test_a_program_that_cannot_be_started(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO, "trunkline.serve"),
        executing("/no/such/program") as address,
        pytest.raises(ConnectionResetError),
        connect(address) as client,
    ):
        client.recv(1)
    assert "no process: " in caplog.records[0].message


# -- by TLS ----------------------------------------------------------------------------------------


def test_by_tls(certificates: Certificates) -> None:
    with (
        executing("cat", certificates=certificates) as (host, port),
        make_socket(host, port, tls=certificates.client_tls, timeout=PATIENCE) as client,
    ):
        # Python's own TLS does not bear two threads at a time.
        sending = threading.Thread(target=client.write, args=(LARGE,), kwargs={"flush": True})
        sending.start()
        assert client.read_exactly(len(LARGE)) == LARGE
        sending.join(PATIENCE)


def test_by_tls_its_end_is_that_of_the_connection(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "DRAIN_TIMEOUT", 0.05)
    script = "exec 0<&-; sleep 1000 & echo $!"
    with (
        executing("sh", "-c", script, certificates=certificates) as address,
        over_tls(certificates, address) as client,
    ):
        client.sendall(b"nobody reads this")
        pid = int(client.makefile("rb").read())
        os.kill(pid, signal.SIGKILL)


def test_by_tls_the_end_of_the_connection_is_its_own(certificates: Certificates) -> None:
    with (
        that_tells("sys.exit()") as (words, asked),
        executing(*words, certificates=certificates) as address,
    ):
        client = over_tls(certificates, address)
        assert client.recv(1) == b"r"
        reset(client)
        assert os.read(asked, 1) == b"a"


# -- what it is told -------------------------------------------------------------------------------


def test_it_is_told_who_has_connected() -> None:
    names = ("TCPREMOTEIP", "TCPREMOTEPORT", "TCPLOCALPORT", "NCAT_REMOTE_ADDR", "REMOTE_PORT")
    script = "echo $PROTO " + " ".join(f"${name}" for name in names)
    with executing("sh", "-c", script) as address, connect(address) as client:
        own = client.getsockname()[1]
        told = receive_all(client).decode().split()
    assert told == ["TCP", "127.0.0.1", str(own), str(address[1]), "127.0.0.1", str(own)]


def test_nothing_is_told_of_somebody_else() -> None:
    ours = {"PATH": "/bin", "TCPREMOTEIP": "192.0.2.1", "LISTEN_FDS": "1", "REMOTE_ADDR": "x"}
    local = connection_environment(ours, LocalAddress("client"), LocalAddress("server"))
    assert local == {"PATH": "/bin", "PROTO": "UNIX"}
    peer = Endpoint(ensure_address("fe80::1%lo"), 7)
    found = connection_environment(ours, peer, Endpoint(ensure_address("fe80::2"), 8))
    assert found["TCPREMOTEIP"] == found["NCAT_REMOTE_ADDR"] == "fe80::1%lo"
    assert (found["TCPLOCALIP"], found["TCPLOCALPORT"]) == ("fe80::2", "8")
    assert "LISTEN_FDS" not in found


# -- the command -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["exec"], "exec what? Say trunkline serve exec COMMAND."),
        (["exec", "cat"], "where to listen?"),
        (["exec", "", "0"], "the command is empty"),
        (["exec", "'", "0"], "is no command"),
        (["exec", "no-such-program x", "0"], "there is no program 'no-such-program'"),
    ],
)
def test_what_cannot_be_meant_is_told(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_bad_usage(["serve", *words], why, capsys)


@pytest.mark.slow
@pytest.mark.needs_program("nc")
def test_netcat_at_a_local_socket_as_a_process(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with command("serve", "exec", "tr a-z A-Z", f"unix:{path}") as server:
        server.wait_for_line(r"^listening at ")
        with Program([require("nc"), "-NU", str(path)]) as netcat:
            netcat.send("hello\n")
            netcat.close_stdin()
            assert netcat.read_to_end() == "HELLO\n"
        server.wait_for_line(r"process \d+: exit code 0 after")
        server.terminate()
        assert server.wait() == 0


@pytest.mark.slow
def test_the_end_of_the_command_ends_the_processes() -> None:
    words = shlex.join(["sh", "-c", "trap '' TERM; echo $$; sleep 1000; sleep 1000"])
    with command("serve", "exec", words, "127.0.0.1:0", "--drain", "0.1") as server:
        port = int(server.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$")[1])
        with connect(("127.0.0.1", port)) as client:
            pid = int(client.makefile("rb").readline())
            server.terminate()
            assert server.wait() == 0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        server.wait_for_line(f"process {pid}: ended by SIGKILL")
