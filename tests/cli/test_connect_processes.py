"""`trunkline connect` as a process: in pipelines, on a terminal, with Ctrl-C, with others."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.helpers import ARGV, ENVIRONMENT, SHELL_COMMAND, command, run, shell
from support.peers import PeerServer, echo_server, receive_all, refusing_port
from support.processes import Program
from support.programs import require
from support.terminal import ON_A_TERMINAL
from support.timing import PATIENCE

from trunkline.cli import main
from trunkline.cli.exit_status import ExitStatus

pytestmark = pytest.mark.slow  # each starts an interpreter


@pytest.fixture
def echo() -> Iterator[str]:
    with echo_server() as server:
        yield f"127.0.0.1:{server.address[1]}"


def on_a_terminal(*arguments: str) -> Program:
    """Return the command line, to be run on a terminal of its own."""
    return Program([*ON_A_TERMINAL, *ARGV, *arguments], env=ENVIRONMENT)


# -- statuses --------------------------------------------------------------------------------------


def test_that_nobody_listens_is_one_line_and_a_status() -> None:
    with refusing_port() as port:
        ended = run("connect", "127.0.0.1", str(port))
    line = f"trunkline: connect 127.0.0.1:{port}: Connection refused [ECONNREFUSED]\n"
    assert ended == (ExitStatus.REFUSED, b"", line)


USAGE = {
    ("localhost",): "write localhost:port",
    ("localhost:no-such-service",): "no-such-service",
    ("localhost:1", "--starttls", "http"): "'http' is not one of",
    ("tls:localhost:1", "--starttls", "smtp"): "choose one",
    ("localhost:1", "--insecure"): "write tls:localhost:1",
    ("localhost:1", "--timeout", "soon"): "no positive number of seconds",
    ("localhost:1", "--idle", "0"): "no positive number of seconds",
    ("localhost:1", "--retry", "-1"): "no number of times",
    ("localhost:1", "--encoding", "klingon"): "klingon",
    ("localhost:1", "--source", "here"): "ADDRESS or ADDRESS:PORT",
    ("unix:/s", "--source", "127.0.0.1"): "internet addresses",
    ("udp:localhost:1", "--starttls", "smtp"): "for connections",
    ("tls:localhost:1", "--key", "k"): "say --cert",
    ("tls:unix:/s",): "--server-name",
}


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_what_cannot_be_meant_is_told(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["connect", *words]) == ExitStatus.BAD_USAGE
    assert USAGE[words] in " ".join(capsys.readouterr().err.split())


def test_a_certificate_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "tls:localhost:1", "--ca", "/no/such/file"]) == ExitStatus.LOCAL
    assert "/no/such/file" in capsys.readouterr().err


# -- pipelines -------------------------------------------------------------------------------------


def test_in_a_pipeline(echo: str) -> None:
    ended = shell(f"head -c 3000000 /dev/zero | $T connect {echo} | cksum")
    expected = shell("head -c 3000000 /dev/zero | cksum")
    assert (ended.stdout, ended.stderr) == (expected.stdout, b"")


def test_from_a_file_to_a_file(echo: str, tmp_path: Path) -> None:
    content = os.urandom(1_000_000)
    (tmp_path / "in").write_bytes(content)
    (tmp_path / "out").write_bytes(b"before\n")
    ended = shell(f"$T connect {echo} < in >> out", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (tmp_path / "out").read_bytes() == b"before\n" + content


@pytest.mark.parametrize(
    ("source", "beginning"), [("/proc/self/status", b"Name:"), ("/dev/null", b""), ("&-", b"")]
)
def test_from_what_has_no_size_from_an_empty_input_and_from_none(
    echo: str, source: str, beginning: bytes
) -> None:
    ended = shell(f"$T connect {echo} <{source}")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout[:5] == beginning


def test_a_reader_that_has_seen_enough_ends_it(echo: str) -> None:
    ended = shell(f"yes | $T connect {echo} | head -n 2; echo ${{PIPESTATUS[1]}}")
    assert ended.stdout == b"y\ny\n%d\n" % ExitStatus.NO_READER
    assert ended.stderr == b""


def test_a_reader_that_is_gone_is_noticed_though_nothing_comes() -> None:
    with echo_server() as server:
        target = f"127.0.0.1:{server.address[1]}"
        script = f"(exec 3<&0; $T connect {target} <&3; echo $? >&2) | true"
        waiting, ours = os.pipe()
        try:
            ended = shell(script, stdin=waiting)
        finally:
            os.close(waiting)
            os.close(ours)
    assert ended.stderr == b"%d\n" % ExitStatus.NO_READER


def test_a_full_disk_is_told(echo: str) -> None:
    ended = shell(f"echo hello | $T connect {echo} > /dev/full")
    assert ended.returncode == ExitStatus.LOCAL
    assert b"No space left on device" in ended.stderr
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("errors", ["/dev/full", "&-", " >(true)"])
def test_an_error_stream_that_takes_nothing_does_no_harm(echo: str, errors: str) -> None:
    ended = shell(f"echo hello | $T connect -v {echo} 2>{errors}")
    assert (ended.returncode, ended.stdout) == (0, b"hello\n")


def test_without_a_standard_output(echo: str) -> None:
    ended = shell(f"$T connect {echo} >&-")
    assert ended.returncode == ExitStatus.FAILED
    assert b"the standard output is closed" in ended.stderr


def test_the_standard_streams_may_be_a_socket(echo: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        process = subprocess.Popen(
            [*ARGV, "connect", echo], stdin=number, stdout=number, env=ENVIRONMENT
        )
        theirs.close()
        ours.sendall(b"hello")
        ours.shutdown(socket.SHUT_WR)
        ours.settimeout(PATIENCE)
        assert receive_all(ours) == b"hello"
        assert process.wait(PATIENCE) == 0


def test_what_others_have_open_stays_as_it_was(echo: str) -> None:
    script = f"""$T connect {echo}
    {sys.executable} -c 'import os; print(os.get_blocking(0), os.get_blocking(1))'"""
    assert shell(script, types=b"hello ").stdout == b"hello True True\n"


# -- a terminal ------------------------------------------------------------------------------------


def test_somebody_types_and_reads(echo: str) -> None:
    with on_a_terminal("connect", echo) as program:
        program.send("Grüße\n")
        program.read_until("Grüße\n")
        program.send("\x1b]0;title\x07\n")
        program.read_until(r"\\x1b\]0;title\\x07\n")
        program.send("\x04")
        assert program.wait() == 0


def test_the_end_of_the_peer_ends_it_where_somebody_types() -> None:
    with (
        PeerServer(lambda connection: connection.sendall(b"bye\r\n")) as server,
        on_a_terminal("connect", f"127.0.0.1:{server.address[1]}") as program,
    ):
        program.read_until("bye\n")
        assert program.wait() == 0


def test_a_terminal_is_left_as_it_was(echo: str) -> None:
    look = f"{sys.executable} -c 'import os; print(os.get_blocking(0))'"
    script = f"{SHELL_COMMAND} connect {echo}; {look}"
    with Program([*ON_A_TERMINAL, "bash", "-c", script], env=ENVIRONMENT) as program:
        program.send("hello\n")
        program.read_until("hello\n")
        program.send("\x04")
        program.read_until("True\n")


# -- Ctrl-C ----------------------------------------------------------------------------------------


def test_ctrl_c_while_talking(echo: str) -> None:
    with command("connect", echo) as program:
        program.send("hello\n")
        program.read_until("hello\n")
        program.interrupt()
        assert program.wait() == ExitStatus.INTERRUPTED
        assert program.output == "hello\n"


def test_ctrl_c_while_it_waits_to_try_again() -> None:
    with refusing_port() as port, command("connect", f"127.0.0.1:{port}", "--retry=99", "-v") as it:
        it.read_until("once more")
        it.process.send_signal(2)
        assert it.wait() == ExitStatus.INTERRUPTED
        assert "Traceback" not in it.output


# -- other programs --------------------------------------------------------------------------------


@pytest.mark.needs_program("nc")
def test_netcat_at_the_other_end(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with Program([require("nc"), "-lUN", str(path)]) as netcat:
        netcat.send("from netcat\n")
        netcat.close_stdin()
        ended = run("connect", f"unix:{path}", "--retry=99", types=b"to netcat\n")
        assert ended == (0, b"from netcat\n", "")
        assert netcat.read_to_end() == "to netcat\n"


# -- much ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(50 * 10**6, marks=pytest.mark.thorough),
        pytest.param(10 * 10**9, marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
def test_gigabytes_go_both_ways_without_growing(echo: str, count: int) -> None:
    limit = 40_000  # KiB of memory, of which an interpreter takes half
    numbers = f"seq inf | head -c {count}"
    measured = f"""import os, subprocess, sys
source = subprocess.Popen(["bash", "-c", "{numbers}"], stdout=subprocess.PIPE)
sink = subprocess.Popen(["cksum"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
talk = subprocess.Popen(sys.argv[1:], stdin=source.stdout, stdout=sink.stdin)
source.stdout.close()
sink.stdin.close()
_, status, used = os.wait4(talk.pid, 0)
source.wait()
print(status, used.ru_maxrss < {limit}, sink.stdout.read().decode(), end="")"""
    ended = subprocess.run(
        [sys.executable, "-c", measured, *ARGV, "connect", echo],
        capture_output=True,
        env=ENVIRONMENT,
        check=False,
    )
    expected = subprocess.run(
        ["bash", "-c", f"{numbers} | cksum"], capture_output=True, text=True, check=True
    )
    assert ended.stdout.decode() == f"0 True {expected.stdout}", ended.stderr
