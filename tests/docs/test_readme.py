"""The README is true: what it shows is run as it stands, and what it names is there.

Only the port is another one. A server's is 0, so that it takes a free one, which it prints.
"""

import contextlib
import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from docs.pages import README, ROOT, blocks
from support.peers import LOOPBACK, connect, receive_all, receive_exactly, refusing_port
from support.processes import Program, example

TEXT = README.read_text(encoding="utf-8")
PORT = "9999"  # in the README
HOST = LOOPBACK[socket.AF_INET]
GREETING = re.search(r'write_line\("(.*)"\)', TEXT)

CLIENT, REFUSED, THREADS, CALLBACKS, AWAITING = blocks(TEXT, "python")
SERVERS = pytest.mark.parametrize(
    "server", [THREADS, CALLBACKS, AWAITING], ids=["threads", "callbacks", "await"]
)


def run(code: str, port: int, directory: Path, descriptors: int = 256) -> Program:
    """Return a block as a program of its own, to be started, with another port.

    Args:
        code: The block.
        port: The port.
        directory: Where to put it.
        descriptors: How many it may have open.
    """
    assert PORT in code
    script = directory / "block.py"
    script.write_text(code.replace(PORT, str(port)), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    limited = ["sh", "-c", f'ulimit -n {descriptors} && exec "$@"', "sh"]
    python = [sys.executable, "-X", "dev", "-X", "utf8", "-u"]
    return Program([*limited, *python, script], env=environment)


@contextlib.contextmanager
def listening(code: str, directory: Path, descriptors: int = 256) -> Iterator[tuple[Program, int]]:
    """Yield a block that is a server, and the port that it listens at."""
    with run(code, 0, directory, descriptors) as server:
        found = server.wait_for_line(r"<passive IPv4 stream socket waiting @ 127\.0\.0\.1:(\d+)>")
        yield server, int(found[1])


def greet(port: int, directory: Path) -> str:
    """Run the README's client, and return what it prints."""
    with run(CLIENT, port, directory) as client:
        output = client.read_to_end()
        assert client.wait() == 0
    return output


@pytest.mark.slow
def test_the_client_talks_to_the_example_server(tmp_path: Path) -> None:
    assert GREETING
    with example("ex5_server", "--port", "0") as server:
        port = int(server.wait_for_line(r"^Listening on socket bound to: .*:(\d+)$")[1])
        assert greet(port, tmp_path) == f"{GREETING[1]}\n"
    assert f"It prints `{GREETING[1]}`" in TEXT


def test_an_error_tells_what_the_readme_says(tmp_path: Path) -> None:
    (shown,) = blocks(TEXT, "text")
    with refusing_port() as port, run(REFUSED, port, tmp_path) as program:
        assert program.read_to_end() == shown.replace(PORT, str(port))
        assert program.wait() == 0


@SERVERS
@pytest.mark.slow
def test_the_client_talks_to_the_servers_of_the_readme(server: str, tmp_path: Path) -> None:
    assert GREETING
    with listening(server, tmp_path) as (_, port):
        for _ in range(3):
            assert greet(port, tmp_path) == f"{GREETING[1]}\n"


@SERVERS
@pytest.mark.slow
def test_a_server_of_the_readme_survives_rude_clients(server: str, tmp_path: Path) -> None:
    with listening(server, tmp_path) as (program, port), connect((HOST, port)) as silent:
        silent.sendall(b"half a li")
        for rudeness in (b"\xff\n", b"x" * 100_000, b""):
            with connect((HOST, port)) as rude, contextlib.suppress(OSError):
                rude.sendall(rudeness)
                rude.shutdown(socket.SHUT_WR)
                receive_all(rude)  # until the server has had enough
        silent.sendall(b"ne\r\n")
        assert receive_exactly(silent, 13) == b"half a line\r\n"
        assert program.process.poll() is None
        assert "Traceback" not in program.output


@SERVERS
@pytest.mark.slow
def test_a_server_of_the_readme_survives_a_shortage(server: str, tmp_path: Path) -> None:
    with listening(server, tmp_path, descriptors=24) as (_, port), ExitStack() as crowd:
        first = crowd.enter_context(connect((HOST, port)))
        for _ in range(40):
            crowd.enter_context(connect((HOST, port)))
        with connect((HOST, port)) as last:
            last.sendall(b"let me in\r\n")
            first.sendall(b"it is full\r\n")
            assert receive_exactly(first, 12) == b"it is full\r\n"
            crowd.close()
            assert receive_exactly(last, 11) == b"let me in\r\n"


@SERVERS
@pytest.mark.slow
def test_ctrl_c_ends_a_server_of_the_readme_well(server: str, tmp_path: Path) -> None:
    with listening(server, tmp_path) as (program, port), connect((HOST, port)) as client:
        client.sendall(b"line\r\n")
        assert receive_exactly(client, 6) == b"line\r\n"
        if server != CALLBACKS:
            client.close()  # its handler may still wait for another line, and is waited for
        program.interrupt()
        assert program.wait() == 0
        # On a busy machine asyncio tells what took it long.
        told = [each for each in program.output.splitlines() if not each.startswith("Executing <")]
        assert len(told) == 1, "it says where it listens, and nothing more"
        if server == CALLBACKS:
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""


@pytest.mark.slow
def test_everybody_in_the_chat_room_hears_everybody(tmp_path: Path) -> None:
    with (
        listening(CALLBACKS, tmp_path) as (_, port),
        connect((HOST, port)) as one,
        connect((HOST, port)) as other,
    ):
        other.sendall(b"here\r\n")
        with one.makefile("rb") as at_one, other.makefile("rb") as at_other:
            assert at_other.readline() == b"here\r\n"  # so both are in the room now
            assert at_one.readline() == b"here\r\n"
            one.sendall("grüß dich\r\nund dich\r\n".encode())
            for each in (at_one, at_other):
                assert each.readline().decode() == "grüß dich\r\n"
                assert each.readline().decode() == "und dich\r\n"


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = set(re.findall(r"`make (\w+)`|^make (\w+)", TEXT, re.M))
    named = {first or second for first, second in commands}
    assert {"demo", "test", "help"} <= named
    missing = [name for name in named if not re.search(rf"^{name}:.*## ", makefile, re.M)]
    assert not missing


def test_the_files_that_the_readme_names_exist() -> None:
    named = re.findall(r"\b(examples/[\w./]+|docs/[\w./]+\.md|LICENSE)", TEXT)
    assert named
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing


def test_the_readme_says_which_python_it_takes() -> None:
    found = re.search(
        r'requires-python = ">=(\d\.\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    assert found
    assert f"Python {found[1]} or later" in TEXT
