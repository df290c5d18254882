"""Who is connected when a server begins to end, and was not accepted yet."""

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from servers.serving import (
    HOST,
    Gate,
    client_of,
    eventually,
    in_threads,
    receive_to_the_end,
    serving,
    until_it_is_over,
)
from sockets.helpers import Call, no_descriptors_left
from support.peers import connect, receive_all
from support.timing import MS, PATIENCE

from trunkline import make_socket
from trunkline._sys.readiness import wait_for_one
from trunkline.servers import Server, ServerStatistics, acceptor

LONG = 10 * PATIENCE


def ask_and_end(client: socket.socket, text: bytes) -> None:
    client.sendall(text)
    client.shutdown(socket.SHUT_WR)


@in_threads
def test_those_for_whom_there_is_no_room_yet_are_served_when_there_is(threads: Any) -> None:
    gate = Gate()
    with (
        serving(gate, threads=threads, max_connections=2, drain_timeout=LONG) as server,
        contextlib.ExitStack() as clients,
    ):
        all_clients = [clients.enter_context(client_of(server)) for _ in range(7)]
        for client in all_clients:
            ask_and_end(client, b"patience\n")
        gate.next()
        gate.next()
        server.shutdown(wait=False)
        gate.open(7)
        assert [receive_all(client) for client in all_clients] == [b"patience\n"] * 7
        assert server.wait(PATIENCE)
    assert server.statistics() == ServerStatistics(accepted=7, peak=2, finished=7)


def test_they_may_wait_at_several_addresses() -> None:
    gate = Gate()
    with (
        serving(gate, host=[HOST, "127.0.0.2"], max_connections=1, drain_timeout=LONG) as server,
        contextlib.ExitStack() as clients,
    ):
        everywhere = [(HOST, server.port), ("127.0.0.2", server.port)] * 3
        all_clients = [clients.enter_context(connect(address)) for address in everywhere]
        for client in all_clients:
            ask_and_end(client, b"patience\n")
        gate.next()
        server.shutdown(wait=False)
        gate.open(6)
        assert [receive_all(client) for client in all_clients] == [b"patience\n"] * 6
        assert server.wait(PATIENCE)
    assert server.statistics().peak == 1


def test_they_wait_at_a_local_socket_too(tmp_path: Path) -> None:
    gate, path = Gate(), tmp_path / "socket"
    with (
        serving(gate, path=str(path), max_connections=1, drain_timeout=LONG) as server,
        socket.socket(socket.AF_UNIX) as first,
        socket.socket(socket.AF_UNIX) as second,
    ):
        for client in (first, second):
            client.settimeout(PATIENCE)
            client.connect(str(path))
            ask_and_end(client, b"patience\n")
        gate.next()
        server.shutdown(wait=False)
        gate.open(2)
        assert [receive_all(first), receive_all(second)] == [b"patience\n"] * 2
        assert server.wait(PATIENCE)
    assert not path.exists()


def test_when_the_time_is_over_they_are_cut_too() -> None:
    gate = Gate()
    with serving(gate, max_connections=1) as server, client_of(server), client_of(server) as second:
        gate.next()
        with Call(server.shutdown, 50 * MS) as call:
            assert receive_to_the_end(second) == b""
            gate.open()
            assert call.result()
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, cut=1)


def test_they_are_not_waited_for_when_they_have_gone() -> None:
    gate = Gate()
    with serving(gate, max_connections=1, drain_timeout=None) as server:
        with client_of(server), client_of(server):
            gate.next()
        server.shutdown(wait=False)
        gate.open(2)
        assert server.wait(PATIENCE)


def test_without_descriptors_they_wait_until_there_are_some(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Server(lambda connection: connection.write(b"hello"), host=HOST) as server:
        client = socket.socket()
        with client:
            client.settimeout(PATIENCE)
            client.connect((HOST, server.port))
            with no_descriptors_left():
                server.start()
                eventually(lambda: "cannot accept connections" in caplog.text)
                server.shutdown(LONG, wait=False)
                assert not server.wait(50 * MS)
            assert receive_all(client) == b"hello"
        assert server.wait(PATIENCE)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
def test_meanwhile_nobody_else_connects() -> None:
    gate = Gate()
    with serving(gate, max_connections=1) as server, client_of(server), client_of(server):
        gate.next()
        server.shutdown(LONG, wait=False)
        eventually(lambda: server._has_begun_to_drain)  # nothing public tells of it
        assert not server.sockets[0].closed
        with socket.socket() as late:
            late.settimeout(100 * MS)
            with pytest.raises(TimeoutError):
                late.connect((HOST, server.port))
        gate.open(2)


@pytest.mark.parametrize("when", ["at the limit", "before the limit"])
def test_at_a_socket_that_was_given_they_are_left_to_others(when: str) -> None:
    gate = Gate()
    with make_socket(connect="passive", local_host=HOST) as listener:
        copy = socket.socket(fileno=os.dup(listener.fileno()))
        with (
            copy,
            Server(gate, sockets=[listener], max_connections=1) as server,
            client_of(server),
            client_of(server) as second,
        ):
            if when == "at the limit":
                server.start()
                gate.next()
                server.shutdown(LONG, wait=False)
            else:
                server.shutdown(LONG, wait=False)
                server.start()
                gate.next()
            eventually(lambda: listener.closed)
            copy.settimeout(PATIENCE)
            with copy.accept()[0] as taken_over:
                taken_over.sendall(b"hello")
                assert second.recv(5) == b"hello"
            gate.open()


def test_there_they_are_left_to_others_at_all_sockets() -> None:
    gate = Gate()
    with (
        make_socket(connect="passive", local_host=HOST) as one,
        make_socket(connect="passive", local_host=HOST) as other,
        Server(gate, sockets=[one, other], max_connections=1) as server,
        connect((HOST, one.local_port)),
        connect((HOST, other.local_port)),
    ):
        server.shutdown(LONG, wait=False)
        server.start()
        gate.next()
        eventually(lambda: one.closed and other.closed)
        gate.open()


def test_when_others_have_taken_them_the_end_does_not_wait(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with make_socket(connect="passive", local_host=HOST) as listener:
        copy = socket.socket(fileno=os.dup(listener.fileno()))
        spare = os.dup(0)
        with copy, Server(until_it_is_over, sockets=[listener]) as server, client_of(server):
            with no_descriptors_left():
                server.start()
                eventually(lambda: "cannot accept connections" in caplog.text)
                server.shutdown(LONG, wait=False)
                eventually(lambda: server._has_begun_to_drain)
                os.close(spare)
                with contextlib.suppress(BlockingIOError):  # the server was quicker, this time
                    copy.accept()[0].close()
            assert server.wait(PATIENCE)


def test_whom_others_accept_first_the_end_does_not_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def miss_somebody(number: int, interest: int, timeout: float | None) -> int:
        """See that somebody waits, whom others accept then."""
        monkeypatch.undo()
        late.connect((HOST, server.port))
        ready = wait_for_one(number, interest, timeout)
        copy.accept()[0].close()
        return ready

    with make_socket(connect="passive", local_host=HOST) as listener:
        copy = socket.socket(fileno=os.dup(listener.fileno()))
        with copy, socket.socket() as late, serving(sockets=[listener]) as server:
            monkeypatch.setattr(acceptor, "wait_for_one", miss_somebody)
            server.shutdown(LONG, wait=False)
            assert server.wait(PATIENCE)
            assert receive_to_the_end(late) == b""
    assert server.statistics() == ServerStatistics()


def test_a_socket_that_somebody_else_has_closed_is_no_hindrance() -> None:
    gate = Gate()
    with serving(gate, host=[HOST, "127.0.0.2"]) as server, client_of(server) as client:
        gate.next()
        server.sockets[1].close()
        server.shutdown(LONG, wait=False)
        gate.open()
        ask_and_end(client, b"patience\n")
        assert receive_all(client) == b"patience\n"
        assert server.wait(PATIENCE)
    assert server.statistics().finished == 1


def test_of_those_who_go_on_coming_only_so_many_are_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As if the system could not keep them away, and there were always one more.
    monkeypatch.setattr(acceptor, "wait_for_one", lambda number, interest, timeout: interest)
    gate = Gate()
    with (
        serving(gate, max_connections=1, backlog=2, drain_timeout=LONG) as server,
        contextlib.ExitStack() as clients,
    ):
        ask_and_end(clients.enter_context(client_of(server)), b"")
        gate.next()  # or else there might be no place to wait for the last one, for a second
        for _ in range(3):
            ask_and_end(clients.enter_context(client_of(server)), b"")
        server.shutdown(wait=False)
        gate.open(4)
        assert server.wait(PATIENCE)
    assert server.statistics().finished == 4
