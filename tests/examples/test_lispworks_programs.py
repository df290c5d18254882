"""The programs of LispWorks' servers, as processes: the listener, the talk, and the free port."""

import contextlib
import re
import signal
import socket
from collections.abc import Iterator

import pytest
from servers.serving import receive_line
from support.peers import PeerServer, connect, netcat, refusing_port, reset
from support.processes import Program, example

HOST = "127.0.0.1"


@contextlib.contextmanager
def running(name: str, *arguments: str) -> Iterator[tuple[Program, int]]:
    """Yield a server program that listens at a port of the system's choice, and that port."""
    with example(name, *arguments) as program:
        yield program, int(program.wait_for_line(r"(?:started at .*:|The port is )(\d+)\.?$")[1])


@contextlib.contextmanager
def listening(name: str) -> Iterator[tuple[Program, int]]:
    """Yield a program that is told to choose a port."""
    with running(name, "--port", "0") as found:
        yield found


def interrupt(program: Program) -> str:
    """Do what Ctrl-C does; return what the program has printed since."""
    program.interrupt()
    rest = program.read_to_end()
    assert program.wait() == 130
    return rest


# -- the listener ---------------------------------------------------------------------------------


@pytest.mark.needs_program("nc")
def test_the_listener_is_used_with_netcat() -> None:
    with listening("lispworks_listener") as (server, port):
        with netcat(
            "localhost", port, '"me"\nx = 20 + 1\nprint("hé")\n2 * x\n1 / 0\nexit()\n'
        ) as nc:
            assert nc.read_to_end() == (
                ">>> >>> hé\n>>> 42\n>>> Traceback (most recent call last):\n"
                '  File "<listener>", line 1, in <module>\n'
                "ZeroDivisionError: division by zero\n>>> "
            )
        assert interrupt(server) == ""


def test_the_listener_is_ended_with_clients_connected() -> None:
    with listening("lispworks_listener") as (server, port), connect((HOST, port)) as client:
        client.sendall(b'"me"\n')
        assert client.recv(1) == b">"
        assert interrupt(server) == ""
        with contextlib.suppress(ConnectionError):
            while client.recv(10):
                pass


# -- the talk -------------------------------------------------------------------------------------

TALK = """\
I said: "Hello self."
Self replied: "You sent: 'Hello self.'"
I said: "Why don't you say something original?"
Self replied: "You sent: 'Why don't you say something original?'"
I said: "Talk to you later then. Bye."
Self replied: "You sent: 'Talk to you later then. Bye.'"
"""


def talk_client(port: int) -> Program:
    return example("talk_client", "--host", HOST, "--port", str(port))


def test_the_client_talks_to_itself() -> None:
    with listening("talk_server") as (server, port):
        for _ in range(2):
            with talk_client(port) as client:
                assert client.read_to_end() == TALK
                assert client.wait() == 0
        assert interrupt(server) == ""


def test_what_the_client_sends_and_prints_is_what_the_lisp_one_does() -> None:
    sent = b""

    def answer(connection: socket.socket) -> None:
        nonlocal sent
        while data := connection.recv(1024):
            sent += data
            connection.sendall(b"and so?\n")

    with PeerServer(answer) as server, talk_client(server.address[1]) as client:
        assert client.read_to_end().count('Self replied: "and so?"\n') == 3
        assert client.wait() == 0
    lines = (
        b"Hello self.\n",
        b"Why don't you say something original?\n",
        b"Talk to you later then. Bye.\n",
    )
    assert sent == b"".join(lines)


def test_clients_that_say_nothing_or_leave_hold_nobody_up() -> None:
    with listening("talk_server") as (server, port):
        with connect((HOST, port)), connect((HOST, port)) as reader:
            leaving = connect((HOST, port))
            leaving.sendall(b"half a line")
            leaving.close()
            with connect((HOST, port)) as client:
                client.sendall("grüße\n".encode())
                assert receive_line(client) == "You sent: 'grüße'"
            reader.sendall(b"\n")
            assert receive_line(reader) == "You sent: ''"
        interrupt(server)


@pytest.mark.parametrize("said", [b"\xff\n", b"x" * 70_000])
def test_who_says_no_line_ends_only_the_own_talk(said: bytes) -> None:
    with listening("talk_server") as (server, port):
        with connect((HOST, port)) as client, contextlib.suppress(ConnectionError):
            client.sendall(said)
            assert client.recv(1) == b""
        with connect((HOST, port)) as client:
            client.sendall(b"still there\n")
            assert receive_line(client) == "You sent: 'still there'"
        assert re.fullmatch(r"Client 127\.0\.0\.1:\d+: .*\n", interrupt(server))


@pytest.mark.parametrize("name", ["talk_server", "lispworks_listener"])
def test_a_port_that_is_taken_is_an_error(name: str) -> None:
    with refusing_port() as taken, example(name, "--port", str(taken)) as program:
        assert "Address already in use" in program.read_to_end()
        assert program.wait() == 1


def test_a_client_without_a_server_says_so() -> None:
    with refusing_port() as port, talk_client(port) as client:
        assert "Connection refused" in client.read_to_end()
        assert client.wait() == 1


# -- the free port --------------------------------------------------------------------------------


def test_the_port_is_free_and_known() -> None:
    with running("free_port") as (server, port):
        for _ in range(2):
            with connect((HOST, port)) as client:
                assert receive_line(client) == f"This is port {port}."
        assert interrupt(server) == "The server has ended.\n"


def test_a_server_is_ended_by_a_signal_like_any_program() -> None:
    with running("free_port") as (server, port):
        reset(connect((HOST, port)))
        server.terminate()
        assert server.wait() == -signal.SIGTERM
