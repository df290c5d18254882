"""What all programs have in common: terminals, pipelines, Ctrl-C while they load, and mistakes."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.peers import PeerServer, connect, receive_all
from support.processes import ROOT, Program, example
from support.terminal import ON_A_TERMINAL, on_a_terminal, without_a_reader
from support.tutorial import CLIENTS, HOST, listening

pytestmark = pytest.mark.thorough

EXAMPLES = ROOT / "examples"
NO_PROGRAMS = {path.stem for path in EXAMPLES.glob("supporting*.py")}
NO_PROGRAMS |= {"http10", "demo", "demo_programs"}
PROGRAMS = sorted({path.stem for path in EXAMPLES.glob("*.py")} - NO_PROGRAMS)

TEXT = "\x1b[31mgr\u00fcn\x07 \x9b2J\u202e\x0bb\t!!"
"""What nobody should be told who has a terminal: colours, bells, the other direction."""
SHOWN = r"\x1b[31mgr\u00fcn\x07 \x9b2J\u202e\x0bb".replace(r"\u00fc", "\u00fc")


# -- terminals and pipelines -----------------------------------------------------------------------


@contextlib.contextmanager
def saying(text: str) -> Iterator[int]:
    """Yield the port of a server that says this line to each line that it reads, and at once."""

    def handle(connection: socket.socket) -> None:
        line = f"{text}\r\n".encode()
        with contextlib.suppress(ConnectionError):
            connection.sendall(line)
            with connection.makefile("rb") as lines:
                for each in lines:
                    if not each.strip():
                        break  # the end of a request
                    connection.sendall(line)

    with PeerServer(handle) as server:
        yield server.address[1]


TALKERS = [*CLIENTS, "talk_client", "evented_get", "http09_client"]
SHOWING = [name for name in TALKERS if name != "ex5a_client"]  # which may show nothing
TYPED_TO = ["ex4_client", "ex5b_client"]


def arguments_of(name: str, port: int) -> tuple[str, ...]:
    page = ("/page",) if name == "http09_client" else ()
    return (*page, "--host", HOST, "--port", str(port))


@pytest.mark.parametrize("name", SHOWING)
def test_what_a_server_says_is_harmless_on_a_terminal(name: str) -> None:
    with saying(TEXT) as port, on_a_terminal(name, *arguments_of(name, port)) as program:
        if name in TYPED_TO:
            program.send("one\n\x04")  # the last of which is the end of the input there
        program.wait()
        assert SHOWN in program.output
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\x0b"} & set(program.output)


@pytest.mark.parametrize("name", SHOWING)
def test_what_a_server_says_is_untouched_in_a_pipeline(name: str) -> None:
    with saying(TEXT) as port, example(name, *arguments_of(name, port)) as program:
        if name in TYPED_TO:
            program.send("one\n")
            program.close_stdin()
        program.wait()
        assert TEXT in program.output


@pytest.mark.parametrize("name", ["ex5_server", "ex6_server", "ex7_server"])
def test_what_a_client_says_is_harmless_on_a_terminal(name: str) -> None:
    with (
        listening(name, through=ON_A_TERMINAL) as (server, port),
        connect((HOST, port)) as client,
    ):
        client.sendall(f"{TEXT}\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client).decode() == f"{TEXT}\r\n"
        server.read_until("losing connection|Disconnecting")
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\x0b"} & set(server.output)


def test_a_page_of_bytes_is_shown_as_text_on_a_terminal() -> None:
    """Characters that are cut in two, and ends of lines, are not what is escaped there."""

    def handle(connection: socket.socket) -> None:
        connection.recv(100)
        for piece in (b"gr\xc3", b"\xbcn\r", b"\n\xff\x1b[2J\r\n"):
            connection.sendall(piece)

    with PeerServer(handle) as server:
        arguments = arguments_of("http09_client", server.address[1])
        with on_a_terminal("http09_client", *arguments) as program:
            assert program.wait() == 0
            assert program.output.endswith("gr\u00fcn\n\\xff\\x1b[2J\n")


# -- nobody reads any more -------------------------------------------------------------------------

SIGPIPE = 128 + signal.SIGPIPE


@pytest.mark.parametrize("name", TALKERS)
def test_a_client_whose_output_nobody_reads_ends_in_silence(name: str) -> None:
    with saying("hello") as port:
        assert without_a_reader(name, *arguments_of(name, port), types="one\n") == (SIGPIPE, "")


@pytest.mark.parametrize("name", ["ex1_server", "ex4_server", "ex8_server", "repl_server"])
def test_a_server_whose_output_nobody_reads_ends_in_silence(name: str) -> None:
    assert without_a_reader(name, "--port", "0") == (SIGPIPE, "")


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_that_nobody_reads_is_no_fuss(name: str) -> None:
    assert without_a_reader(name, "--help") == (SIGPIPE, "")


def test_a_thread_whose_output_nobody_reads_ends_its_program() -> None:
    shell = example("ex5_server", "--port", "0", separate_errors=True)
    head = '"$@" | sed /Waiting/q; exit ${PIPESTATUS[0]}'
    shell.argv = ["bash", "-c", head, "bash", *shell.argv]
    with shell:
        port = int(shell.wait_for_line(r"bound to: 0\.0\.0\.0:(\d+)$")[1])
        with contextlib.suppress(ConnectionError):
            while True:
                with connect((HOST, port)) as client:
                    client.sendall(b"one\r\n")
                    client.recv(100)
        assert shell.wait() == SIGPIPE
        assert shell.errors == ""


# -- the beginning ---------------------------------------------------------------------------------

INTERRUPTING = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path, target=None):
        if name == "trunkline":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("name", PROGRAMS)
def test_ctrl_c_while_a_program_is_loaded_ends_it_in_silence(name: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING)
    path = os.pathsep.join(map(str, (tmp_path, ROOT / "src")))
    argv = [sys.executable, f"examples/{name}.py"]
    with Program(argv, env={**os.environ, "PYTHONPATH": path}, cwd=ROOT) as program:
        assert program.wait() == -signal.SIGINT
        assert program.output == ""


# Those that are not here are told to connect to nothing, or take care of hosts themselves.
HOSTS = ["", "a..b", "1.2.3.4.5", "[::1", "a\nb", "x" * 300, "\u00fc..x", "\udcff"]


@pytest.mark.parametrize("host", HOSTS, ids=ascii)
@pytest.mark.parametrize("name", TALKERS)
def test_a_host_that_there_cannot_be_is_a_usage_error(name: str, host: str) -> None:
    page = ("/page",) if name == "http09_client" else ()
    with example(name, *page, f"--host={host}", "--port", "1", separate_errors=True) as program:
        assert program.wait() == 2
        usage, *_, error = program.errors.splitlines()
        assert usage.startswith(f"usage: {name}.py ")
        assert error.startswith(f"{name}.py: error: ")
        assert "Traceback" not in program.errors


@pytest.mark.parametrize("port", ["65536", "-1", "http", "\u0663", "9" * 5000, ""])
def test_a_port_that_there_cannot_be_is_a_usage_error(port: str) -> None:
    with example("ex1_client", f"--port={port}") as program:
        assert program.wait() == 2
        assert "a port is a number from 0 to 65535" in program.output
