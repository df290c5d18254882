"""What a client still gets when its handler is left by an exception, and what is told of it."""

import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from servers.serving import Gate, client_of, each_way, eventually, in_threads, serving
from support.peers import receive_all
from support.timing import MS, PATIENCE

from trunkline import ActiveSocket, SocketClosed
from trunkline.servers import ServerStatistics


def answer_lines(connection: ActiveSocket) -> None:
    """Answer each line, and insist on there being another one; the answers wait to be sent."""
    while True:
        connection.write_line(connection.read_line(limit=20).upper())


ONES_OWN_END = [
    pytest.param(b"one\ntwo\n", id="the end"),
    pytest.param(b"one\ntwo\n" + b"x" * 100 + b"\n", id="a line that is too long"),
    pytest.param(b"one\ntwo\n\xff\n", id="malformed text"),
]


@each_way
@pytest.mark.parametrize("sent", ONES_OWN_END)
def test_a_client_that_ends_it_gets_what_was_written_before(threads: Any, sent: bytes) -> None:
    with serving(answer_lines, threads=threads) as server, client_of(server) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b"ONE\nTWO\n"
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, broken=1)


@each_way
def test_so_does_one_that_ends_in_the_middle(threads: Any) -> None:
    def answer_blocks(connection: ActiveSocket) -> None:
        while True:
            connection.write(connection.read_exactly(4))

    with serving(answer_blocks, threads=threads) as server, client_of(server) as client:
        client.sendall(b"one.two.hal")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b"one.two."


@each_way
def test_so_does_one_that_is_silent_for_too_long(threads: Any) -> None:
    with (
        serving(answer_lines, threads=threads, read_timeout=50 * MS) as server,
        client_of(server) as client,
    ):
        client.sendall(b"one\ntwo\nhal")
        assert receive_all(client) == b"ONE\nTWO\n"
    assert server.statistics().timed_out == 1


@each_way
def test_nobody_waits_for_a_client_that_does_not_read(threads: Any) -> None:
    def write_much(connection: ActiveSocket) -> None:
        connection.write(b"x" * 10_000_000)

    with (
        serving(write_much, threads=threads, write_timeout=50 * MS) as server,
        client_of(server),
    ):
        eventually(lambda: server.statistics().timed_out == 1)


@each_way
def test_a_fault_of_the_handlers_drops_it(threads: Any, caplog: pytest.LogCaptureFixture) -> None:
    def fail(connection: ActiveSocket) -> None:
        connection.write_line("half of an answer")
        raise LookupError("the other half")

    with serving(fail, threads=threads) as server, client_of(server) as client:
        client.settimeout(PATIENCE)
        assert receive_until_over(client) == b""
    assert server.statistics().failed == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def receive_until_over(client: socket.socket) -> bytes:
    try:
        return receive_all(client)
    except ConnectionResetError:
        return b""


# -- closing in another thread --------------------------------------------------------------------

WAYS: list[Callable[[ActiveSocket], object]] = [
    lambda connection: connection.read_line(),
    lambda connection: connection.write(bytes(100_000_000)),
]


@in_threads
@pytest.mark.parametrize("use", WAYS, ids=["reading", "writing"])
def test_who_closes_a_connection_in_another_thread_makes_no_handler_fail(
    threads: Any, use: Callable[[ActiveSocket], object], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trunkline.servers")
    gate = Gate(use)
    with serving(gate, threads=threads) as server, client_of(server):
        connection = gate.next()
        gate.open()
        connection.close(abort=True)
        assert isinstance(gate.next_end(), SocketClosed)
        eventually(lambda: server.statistics().active == 0)
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, cut=1)
    [record] = [each for each in caplog.records if "connection from" in each.getMessage()]
    assert record.levelno == logging.INFO
    assert record.exc_info is None


@each_way
def test_a_handler_that_goes_on_with_what_it_has_closed_has_failed(threads: Any) -> None:
    def close_and_go_on(connection: ActiveSocket) -> None:
        connection.close()
        connection.read_line()

    failures: list[Exception] = []
    hook = {"exception_hook": lambda error, connection: failures.append(error)}
    with serving(close_and_go_on, threads=threads, **hook) as server, client_of(server) as client:
        assert receive_all(client) == b""
        eventually(lambda: server.statistics().failed == 1)
    assert [type(failure) for failure in failures] == [SocketClosed]
