"""The daytime programs at work: each client with each server, as processes, byte by byte."""

import contextlib
import importlib
import inspect
import io
import queue
import re
import socket
import threading
from datetime import datetime

import pytest
import supporting
from support import tutorial
from support.peers import PeerServer, connect, receive_all
from support.processes import Program
from support.timing import PATIENCE
from support.tutorial import (
    DAYTIME_CLIENTS,
    DAYTIME_SERVERS,
    DESTROYING,
    HOST,
    PROGRAMS,
    WAITING,
    accept,
    assert_interleaved,
    assert_is_the_time,
    client_of,
    greeting,
    head,
    listening,
    masked,
    peer_port_of,
    plain_listener,
    port_of,
    served,
    time_in_zone,
    wait_for_all,
)

REPEATING_SERVERS = [name for name in DAYTIME_SERVERS if name != "ex1_server"]


@pytest.fixture(autouse=True)
def local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the programs live in a time zone where nobody else does."""
    monkeypatch.setenv("TZ", tutorial.POSIX_ZONE)


def end_after(name: str, server: Program, clients: int) -> None:
    """End a server once it has served so many clients; the first one ends by itself."""
    if name == "ex1_server":
        assert server.wait() == 0
        return
    sent = ["Closing" if name == "ex4_server" else "Sent!"] * clients
    wait_for_all(server, *sent, *[WAITING] * (clients + 1))
    server.interrupt()
    assert server.wait() == 130


def assert_served(name: str, output: str, port: int, clients: list[int]) -> None:
    """Check all that a server has printed, which had these clients and was then ended."""
    output = tutorial.without_threads_about_to_end(masked(output))
    if name == "ex4_server":
        main = [*head(port), *[WAITING] * (len(clients) + 1), DESTROYING]
        assert_interleaved(output, main, *(served(name, client) for client in clients))
    else:
        turns = ["".join([WAITING, *served(name, client)]) for client in clients]
        last = "" if name == "ex1_server" else WAITING
        assert output == "".join([*head(port), *turns, last])


@pytest.mark.parametrize("server_name", DAYTIME_SERVERS)
@pytest.mark.parametrize("client_name", DAYTIME_CLIENTS)
@pytest.mark.thorough
def test_each_client_learns_the_time_from_each_server(client_name: str, server_name: str) -> None:
    before = time_in_zone()
    with listening(server_name) as (server, port):
        with client_of(port, client_name) as client:
            assert client.wait() == 0
        own_port = int(re.findall(r":(\d+)!", client.output)[0])
        said, time = client.output.split("\n")
        assert said + "\n" == greeting(client_name, port, own_port)
        assert_is_the_time(time, before)
        end_after(server_name, server, 1)
        assert_served(server_name, server.output, port, [own_port])


@pytest.mark.parametrize("name", DAYTIME_CLIENTS)
@pytest.mark.thorough
def test_a_client_looks_the_name_of_its_server_up(name: str) -> None:
    with listening("ex2_server") as (_, port), client_of(port, name, host="localhost") as client:
        assert client.wait() == 0
    assert re.match(rf"Connected to server {re.escape(HOST)}:{port} ", client.output)


@pytest.mark.parametrize("name", DAYTIME_SERVERS)
def test_a_server_sends_the_time_and_nothing_else_and_closes(name: str) -> None:
    with listening(name) as (server, port):
        before = time_in_zone()
        with connect((HOST, port)) as connection:
            received = receive_all(connection)
            client = port_of(connection)
        assert received.endswith(b"\r\n")
        assert_is_the_time(received.removesuffix(b"\r\n").decode("ascii"), before)
        end_after(name, server, 1)
        assert_served(name, server.output, port, [client])


@pytest.mark.parametrize("name", REPEATING_SERVERS)
def test_a_server_serves_one_client_after_the_other(name: str) -> None:
    with listening(name) as (server, port):
        clients = []
        for _ in range(3):
            with connect((HOST, port)) as connection:
                assert receive_all(connection).endswith(b"\r\n")
                clients.append(port_of(connection))
        end_after(name, server, 3)
        assert_served(name, server.output, port, clients)


def test_the_first_server_serves_one_client_only() -> None:
    with listening("ex1_server") as (server, port):
        with connect((HOST, port)) as connection:
            receive_all(connection)
        assert server.wait() == 0
        with pytest.raises(ConnectionRefusedError):
            connect((HOST, port)).close()


@pytest.mark.parametrize("name", DAYTIME_CLIENTS)
@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        pytest.param(b"2/27/2010 13:53:7\r\n", "2/27/2010 13:53:7", id="a line"),
        pytest.param("27 февраля, 13時53分\r\n".encode(), "27 февраля, 13時53分", id="UTF-8"),
        pytest.param(b"first\r\nsecond\r\n", "first", id="two lines"),
        pytest.param(b"first\nsecond\n", "first", id="LF alone"),
        pytest.param(b"\r\n", "", id="an empty line"),
        pytest.param(b"2/27/2010 13:5", "2/27/2010 13:5", id="half a line"),
    ],
)
@pytest.mark.thorough
def test_a_client_shows_the_first_line_and_sends_nothing(
    name: str, sent: bytes, shown: str
) -> None:
    with plain_listener() as (listener, port), client_of(port, name) as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            connection.sendall(sent)
            if not sent.endswith(b"\n"):
                connection.shutdown(socket.SHUT_WR)
            assert receive_all(connection) == b""
        assert client.wait() == 0
        assert client.output == greeting(name, port, own_port) + shown


@pytest.mark.parametrize("name", DAYTIME_CLIENTS)
def test_a_client_waits_for_the_whole_line(name: str) -> None:
    with plain_listener() as (listener, port), client_of(port, name) as client:
        with accept(listener) as connection:
            client.read_until("!\n")
            for byte in "27 февраля\r\n".encode():
                connection.sendall(bytes([byte]))
            assert client.wait() == 0
        assert client.output.endswith("!\n27 февраля")


@pytest.mark.parametrize("name", DAYTIME_CLIENTS)
def test_a_client_can_be_imported_and_called(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    ports = []

    def tell(connection: socket.socket) -> None:
        ports.append(peer_port_of(connection))
        connection.sendall(b"2/27/2010 13:53:7\r\n")
        receive_all(connection)

    with PeerServer(tell) as server:
        host, port = server.address
        getattr(importlib.import_module(name), name)(host, port)
    assert capsys.readouterr().out == greeting(name, port, ports[0]) + "2/27/2010 13:53:7"


def test_a_server_can_be_imported_and_called() -> None:
    listening_at: queue.SimpleQueue[int] = queue.SimpleQueue()
    received = []

    class Output(io.StringIO):
        def write(self, text: str) -> int:
            if found := re.match(r"Listening .*:(\d+)$", text):
                listening_at.put(int(found[1]))
            return super().write(text)

    def ask() -> None:
        with connect((HOST, listening_at.get(timeout=PATIENCE))) as connection:
            received.append((port_of(connection), receive_all(connection)))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        with contextlib.redirect_stdout(Output()) as output:
            importlib.import_module("ex1_server").ex1_server(0)
    finally:
        asking.join(PATIENCE)
    [(client, time)] = received
    assert re.fullmatch(rb"\d+/\d+/\d+ \d+:\d+:\d+\r\n", time)
    port = int(re.findall(r"bound to: .*:(\d+)", output.getvalue())[0])
    assert_served("ex1_server", output.getvalue(), port, [client])


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_talks_to_port_9999_of_localhost_unless_told_otherwise(name: str) -> None:
    function = getattr(importlib.import_module(name), name)
    defaults = {key: value.default for key, value in inspect.signature(function).parameters.items()}
    expected = {"host": "localhost", "port": 9999}
    assert defaults == (expected if name.endswith("client") else {"port": 9999})


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2010, 2, 27, 13, 53, 7), "2/27/2010 13:53:7"),
        (datetime(2011, 1, 1, 0, 0, 0, 999_999), "1/1/2011 0:0:0"),
        (datetime(2024, 12, 31, 23, 59, 59), "12/31/2024 23:59:59"),
    ],
)
def test_nothing_in_the_time_is_padded(
    time: datetime, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock:
        @staticmethod
        def now() -> datetime:
            return time

    monkeypatch.setattr(supporting, "datetime", Clock)
    assert supporting.daytime() == text
