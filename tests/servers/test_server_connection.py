"""What a server's connection knows: its server, what has gone through it, and for how long."""

import socket
from queue import SimpleQueue
from typing import Any

import pytest
from servers.serving import client_of, each_way, eventually, receive_line, serving, talk
from support.peers import receive_all
from support.timing import PATIENCE

from trunkline import ServerConnection


def on_request(connection: ServerConnection) -> None:
    while connection.server.wait_for_input(connection):
        connection.write_line(connection.read_line().upper(), flush=True)
    connection.write_line("goodbye" if connection.server.draining else "what?")


@each_way
def test_a_handler_finds_its_server(threads: Any) -> None:
    with serving(on_request, threads=threads) as server, client_of(server) as client:
        assert talk(client, "hello") == "HELLO"
        server.shutdown(PATIENCE, wait=False)
        assert receive_all(client) == b"goodbye\n"


def test_a_connection_counts_its_bytes_whatever_they_go_through() -> None:
    seen: list[tuple[int, int]] = []

    def handler(connection: ServerConnection) -> None:
        def note() -> None:
            seen.append((connection.bytes_received, connection.bytes_sent))

        note()
        assert connection.receive_from(2, peek=True, timeout=PATIENCE)[0] == b"12"
        note()
        assert connection.receive_from(2)[0] == b"12"
        assert connection.receive_from(bytearray(2))[0] == 2
        note()
        connection.read_line()
        connection.write("queued")
        note()
        connection.finish_output()
        connection.send_to(b"x")
        note()

    with serving(handler) as server, client_of(server) as client:
        client.sendall(b"12345\n")
        assert receive_all(client) == b"queuedx"
    assert seen == [(0, 0), (0, 0), (4, 0), (6, 0), (6, 7)]


def test_a_connection_knows_for_how_long_it_lasts() -> None:
    ended: SimpleQueue[ServerConnection] = SimpleQueue()

    def handler(connection: ServerConnection) -> None:
        before = connection.duration
        connection.write_line("x", flush=True)
        connection.read_line()
        assert 0 <= before < connection.duration
        ended.put(connection)

    with serving(handler) as server, client_of(server) as client:
        assert receive_line(client) == "x"
        client.sendall(b"x\n")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""
    connection = ended.get(timeout=PATIENCE)
    assert connection.duration == connection.duration > 0  # of what is closed it stays the same


def test_a_connection_of_another_server_is_none_of_ours() -> None:
    refused: SimpleQueue[ValueError] = SimpleQueue()

    def handler(connection: ServerConnection) -> None:
        with pytest.raises(ValueError, match="does not serve") as caught:
            other.wait_for_input(connection)
        refused.put(caught.value)

    with serving() as other, serving(handler) as server, client_of(server):
        assert refused.get(timeout=PATIENCE)
        eventually(lambda: server.statistics().finished == 1)
