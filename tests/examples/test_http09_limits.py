"""Clients of the HTTP/0.9 server that behave badly: they cost themselves, and nobody else."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.http09 import ask, ask_in_time, end, http_server
from support.peers import connect, receive_all, reset
from support.processes import Program
from support.timing import MS, PATIENCE
from support.tutorial import HOST, frozen

pytestmark = pytest.mark.thorough

REQUEST = b"GET /small HTTP/0.9\n\n"
HUGE = 32 << 20  # bytes: more than the system takes for a client that reads nothing

# The whole connection gets thirty times as long. With this, that is longer than our patience.
SHORT = str(400 * MS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a small file and a huge one, which takes no room."""
    (tmp_path / "small").write_text("small\n")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(HUGE)
    return tmp_path


@contextmanager
def silent_clients(port: int, number: int) -> Iterator[list[socket.socket]]:
    """Yield so many connections, on which nothing is sent."""
    with contextlib.ExitStack() as clients:
        yield [clients.enter_context(connect((HOST, port))) for _ in range(number)]


def wait_for_end(client: socket.socket) -> bytes:
    """Return what comes until the server has closed the connection, or reset it; it has to."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := client.recv(65536):
            received += data
    return received


def test_a_silent_client_holds_nobody_up(root: Path) -> None:
    with http_server(root, "--timeout", "1000") as (_, port), silent_clients(port, 50):
        assert ask(port, REQUEST) == b"small\r\n"


def test_more_silent_clients_than_are_served_are_gone_after_a_while(root: Path) -> None:
    with http_server(root, "--timeout", SHORT, "--connections", "5") as (server, port):
        with silent_clients(port, 12) as clients:
            assert ask_in_time(server, port, REQUEST) == b"small\r\n"
            # Who came first was served first, and all had to go before.
            assert [wait_for_end(client) for client in clients] == [b""] * 12
        end(server, port)


@pytest.mark.parametrize("start", [b"", b"GET /small HTTP/0.9\n"])
def test_a_client_that_sends_a_byte_now_and_then_has_to_go(root: Path, start: bytes) -> None:
    with http_server(root, "--timeout", SHORT, "--connections", "1") as (server, port):
        with connect((HOST, port)) as client:
            client.sendall(start)
            client.settimeout(20 * MS)
            end_of_patience = time.monotonic() + PATIENCE
            with contextlib.suppress(ConnectionError):
                while True:
                    client.sendall(b"x")
                    with contextlib.suppress(TimeoutError):
                        assert client.recv(100) == b""
                        break
                    assert time.monotonic() < end_of_patience
        assert ask_in_time(server, port, REQUEST) == b"small\r\n"
        end(server, port)


@contextmanager
def client_that_reads_nothing(server: Program, port: int) -> Iterator[socket.socket]:
    """Yield a connection on which a huge file has been asked for, and begun to arrive."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE)
        with frozen(server):  # The request is there when it looks, however little time it gives.
            client.connect((HOST, port))
            client.sendall(b"GET /huge HTTP/0.9\n\n")
        assert client.recv(1) == b"\0"
        yield client


def test_a_client_that_reads_nothing_holds_nobody_up(root: Path) -> None:
    with (
        http_server(root, "--timeout", "1000") as (server, port),
        client_that_reads_nothing(server, port),
    ):
        assert ask(port, REQUEST) == b"small\r\n"


def test_a_client_that_reads_nothing_has_to_go(root: Path) -> None:
    with http_server(root, "--timeout", SHORT, "--connections", "1") as (server, port):
        with client_that_reads_nothing(server, port) as client:
            assert ask_in_time(server, port, REQUEST) == b"small\r\n"
            assert len(wait_for_end(client)) < HUGE
        end(server, port)


@pytest.mark.slow
def test_a_client_that_takes_a_file_without_end_has_to_go(root: Path) -> None:
    with open(root / "endless", "wb") as file:
        file.truncate(1 << 40)
    with http_server(root, "--timeout", str(70 * MS), "--connections", "1") as (server, port):
        with connect((HOST, port)) as client:
            client.sendall(b"GET /endless HTTP/0.9\n\n")
            end_of_patience = time.monotonic() + PATIENCE
            with contextlib.suppress(ConnectionError):
                while client.recv(1 << 20):
                    assert time.monotonic() < end_of_patience
        assert ask_in_time(server, port, REQUEST) == b"small\r\n"
        end(server, port)


def test_clients_that_reset_at_every_stage_are_no_trouble(root: Path) -> None:
    with http_server(root, "--timeout", "1000", "--connections", "1") as (server, port):
        for sent in (b"", b"GET /sm", b"GET /small HTTP/0.9\n", REQUEST, b"HELLO\n"):
            client = connect((HOST, port))
            client.sendall(sent)
            reset(client)
            assert ask(port, REQUEST) == b"small\r\n"
        with client_that_reads_nothing(server, port) as client:
            reset(client)
        assert ask(port, REQUEST) == b"small\r\n"
        end(server, port)  # it has not complained of anything


@pytest.mark.slow
def test_a_client_that_never_stops_sending_gets_its_answer_and_has_to_go(root: Path) -> None:
    received = []

    def read(client: socket.socket) -> None:
        received.append(wait_for_end(client))

    with http_server(root, "--connections", "1") as (server, port):
        with connect((HOST, port)) as client:
            reading = threading.Thread(target=read, args=(client,))
            reading.start()
            client.sendall(b"GET /nothing HTTP/0.9\n\n")
            with contextlib.suppress(ConnectionError):
                while True:
                    client.sendall(b"more\n" * 10_000)
            reading.join(PATIENCE)
        assert received == [b"HTTP/0.9 401 Not found.\n"]
        assert ask(port, REQUEST) == b"small\r\n"
        end(server, port)


@pytest.mark.slow
def test_many_clients_at_once_are_all_served(root: Path) -> None:
    with http_server(root, "--connections", "20") as (server, port):
        with contextlib.ExitStack() as clients:
            connections = [clients.enter_context(connect((HOST, port))) for _ in range(100)]
            for connection in connections:
                connection.sendall(REQUEST)
            assert [receive_all(connection) for connection in connections] == [b"small\r\n"] * 100
        end(server, port)


def test_ctrl_c_does_not_wait_for_clients(root: Path) -> None:
    with (
        http_server(root, "--timeout", "1000") as (server, port),
        silent_clients(port, 3) as clients,
        client_that_reads_nothing(server, port),
    ):
        assert ask(port, REQUEST) == b"small\r\n"
        end(server, port)
        assert [wait_for_end(client) for client in clients] == [b""] * 3
