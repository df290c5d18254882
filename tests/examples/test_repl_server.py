"""The read-eval-print loop of CLISP's manual, as a process."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator

import pytest
from support.peers import connect, netcat, receive_all, reset
from support.processes import Program, example
from support.programs import require

HOST = "127.0.0.1"


@contextlib.contextmanager
def looping(*arguments: str) -> Iterator[tuple[Program, int]]:
    """Yield the loop's server, and its port."""
    with example("repl_server", *arguments) as program:
        line = program.wait_for_line(r'Waiting for a connection on "(.*)":(\d+)$')
        yield program, int(line[2])


def ask(client: socket.socket, source: str | bytes) -> str:
    """Send something to be evaluated, and return what the server says to it."""
    client.sendall(source.encode() if isinstance(source, str) else source)
    answer = b""
    while not answer.endswith(b"\r\n\r\n") and answer != b"\r\n":
        piece = client.recv(65_536)
        if not piece:
            break
        answer += piece
    return answer.decode().replace("\r\n", "\n")


def test_what_is_sent_is_evaluated() -> None:
    with looping() as (server, port):
        with connect((HOST, port)) as client:
            ours = client.getsockname()[1]
            server.wait_for_line(
                rf'^Connection: "127\.0\.0\.1 \(.+\)":{ours} -- "127\.0\.0\.1 \(.+\)":{port}$'
            )
            assert ask(client, "1 + 2\n") == "3\n\n"
            assert ask(client, "x = 20\r\n") == "\n"
            assert ask(client, "for i in range(2):\n    print(x + i)\n\n") == "20\n21\n\n"
            assert ask(client, "'h\xe9', '\\ud800'\n") == "('h\xe9', '\\ud800')\n\n"
            assert "ZeroDivisionError" in ask(client, "1 / 0\n")
            assert "SyntaxError" in ask(client, "1 +\n")
            assert "SyntaxError" in ask(client, b"\xff\n")
            assert ask(client, "x\n") == "20\n\n"
        with connect((HOST, port)) as client:  # one after the other, and each from the beginning
            assert "NameError" in ask(client, "x\n")
            client.sendall(b"exit()\n")
            assert client.recv(1) == b""
        server.interrupt()
        assert server.wait() == 130


def test_what_is_left_is_thrown_away() -> None:
    with looping() as (_, port), connect((HOST, port)) as client:
        assert ask(client, "1\n2\n3\n") == "1\n\n"
        assert ask(client, "4\n") == "4\n\n"


def test_the_connection_ends_with_the_client() -> None:
    def cut(client: socket.socket) -> None:
        client.sendall(b"if True:\n")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""

    def vanish(client: socket.socket) -> None:
        assert ask(client, "1\n") == "1\n\n"
        reset(client)

    def send_too_much(client: socket.socket) -> None:
        client.sendall(b"x" * 100_000)
        with contextlib.suppress(ConnectionError):
            assert receive_all(client) == b""

    ends: list[Callable[[socket.socket], None]] = [cut, vanish, send_too_much]
    with looping() as (server, port):
        for end in ends:
            with connect((HOST, port)) as client:
                end(client)
        server.wait_for_line("^The connection has ended: .*reset")
        server.wait_for_line("^The connection has ended: .*no end within the limit")
        with connect((HOST, port)) as client:
            assert ask(client, "2\n") == "2\n\n"


@pytest.mark.needs_program("nc")
@pytest.mark.needs_program("curl")
def test_the_loop_is_used_by_netcat_and_curl() -> None:
    with looping() as (_, port):
        with Program([require("curl"), "-sN", f"telnet://{HOST}:{port}"]) as curl:
            curl.send("'x' * 3\n")
            curl.read_until("'xxx'")
        with netcat(HOST, port, "6 * 7\n") as nc:
            assert nc.read_to_end() == "42\r\n\r\n"


@pytest.mark.parametrize("interface", ["0.0.0.0", "127.0.0.2", "127.0.0.1"])
def test_who_lets_everybody_in_is_warned(interface: str) -> None:
    arguments = ("--interface", interface, "--port", "0")
    with example("repl_server", *arguments, separate_errors=True) as server:
        server.wait_for_line(rf'Waiting for a connection on "{re.escape(interface)}":\d+$')
        server.interrupt()
        server.wait()
        assert ("with your permissions" in server.errors) is (interface == "0.0.0.0")


def test_the_loop_that_cannot_listen_says_why() -> None:
    with (
        socket.create_server((HOST, 0)) as listener,
        example("repl_server", "--port", str(listener.getsockname()[1])) as server,
    ):
        assert server.wait() == 1
        assert "EADDRINUSE" in server.output
    with example("repl_server", "--interface", "[/]=") as server:
        assert server.wait() == 1
        assert "no such host" in server.output
    with example("repl_server", "--help") as server:
        assert server.wait() == 0
        text = " ".join(server.output.split())
        assert text.count("with your permissions") == 2
