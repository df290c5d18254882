"""Servers among many clients, and among bad ones."""

import contextlib
import gc
import resource
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from servers.serving import (
    HOST,
    ask,
    client_of,
    each_way,
    echo,
    eventually,
    in_threads,
    receive_line,
    receive_to_the_end,
    serving,
    talk,
)
from sockets.helpers import Call
from support.leaks import open_descriptors
from support.peers import receive_all, reset
from support.timing import MS, PATIENCE

from trunkline import ActiveSocket
from trunkline.servers import Server

MANY = 1000  # connections at once


@pytest.fixture
def many_descriptors() -> None:
    """Skip where a process may not have both ends of so many connections."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 3 * MANY:
        pytest.skip("this process may not have that many descriptors")


def connect_many(server: Server, clients: contextlib.ExitStack) -> list[socket.socket]:
    return [clients.enter_context(client_of(server)) for _ in range(MANY)]


# -- many ------------------------------------------------------------------------------------------


def come_and_go(server: Server, times: int) -> None:
    for number in range(times):
        with client_of(server) as client:
            client.sendall(b"%d\n" % number)
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b"%d\n" % number


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(300)
@each_way
def test_ten_thousand_connections_one_after_the_other_leak_nothing(threads: Any) -> None:
    with serving(threads=threads, idle_timeout=PATIENCE, lifetime=10 * PATIENCE) as server:
        come_and_go(server, 500)  # so that what is made once is there
        eventually(lambda: server.statistics().active == 0)
        objects, descriptors = count_objects(), len(open_descriptors())
        running = threading.active_count()
        come_and_go(server, 10_000)
        eventually(lambda: server.statistics().active == 0)
        # A pool has as many threads as were at work at once, and those that were about to be free.
        most = running + 2 * server.statistics().peak
        eventually(lambda: threading.active_count() <= most)
        assert len(open_descriptors()) == descriptors
        # Fewer than there were connections; some come and go with other people's caches.
        assert count_objects() < objects + 1000
    counted = server.statistics()
    assert counted.finished == counted.accepted == 10_500


def count_objects() -> int:
    """Return how many objects there are that somebody still has."""
    gc.collect()
    return len(gc.get_objects())


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.usefixtures("many_descriptors")
@in_threads
def test_a_thousand_connections_at_once_leak_nothing(threads: Any) -> None:
    with serving(threads=threads, max_connections=MANY + 1, backlog=MANY) as server:
        for _ in range(2):
            with contextlib.ExitStack() as clients:
                all_clients = connect_many(server, clients)
                for number, client in enumerate(all_clients):
                    assert talk(client, str(number)) == str(number)
                assert server.statistics().active == MANY
            eventually(lambda: server.statistics().active == 0)
    counted = server.statistics()
    assert counted.finished == counted.accepted == 2 * MANY
    assert counted.peak == MANY


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.usefixtures("many_descriptors")
def test_a_thousand_clients_that_say_nothing_hold_up_nobody() -> None:
    limits: dict[str, Any] = {"idle_timeout": 2000 * MS, "max_connections": MANY + 10}
    with serving(**limits, backlog=MANY) as server, contextlib.ExitStack() as clients:
        silent = connect_many(server, clients)
        eventually(lambda: server.statistics().accepted == MANY)
        assert ask(server) == "hello"
        for client in silent:
            assert receive_to_the_end(client) == b""
        eventually(lambda: server.statistics().timed_out == MANY)
        assert ask(server) == "hello"


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.usefixtures("many_descriptors")
def test_a_thousand_silent_clients_at_the_limit_are_waited_for_only_so_long() -> None:
    limits: dict[str, Any] = {"idle_timeout": 200 * MS, "max_connections": 100, "backlog": 2 * MANY}
    with Server(echo, host=HOST, **limits) as server, contextlib.ExitStack() as clients:
        connect_many(server, clients)
        server.start()
        assert ask(server) == "hello"
        # On a busy machine the first may have to go before there are as many.
        assert server.statistics().peak <= 100


# -- bad -------------------------------------------------------------------------------------------


def answer_requests(connection: ActiveSocket) -> None:
    """Answer lines that are numbers with as many bytes."""
    for line in connection:
        connection.write(b"x" * int(line))
        connection.finish_output()


def dribble(server: Server, stop: threading.Event) -> None:
    """Send a byte now and then."""
    with client_of(server) as client, contextlib.suppress(ConnectionError):
        while not stop.wait(20 * MS):
            client.sendall(b"1")
        client.recv(1)


def never_read(server: Server, stop: threading.Event) -> None:
    """Ask for much, and read nothing."""
    with client_of(server) as client, contextlib.suppress(ConnectionError):
        client.sendall(b"10000000\n" * 10)
        stop.wait(PATIENCE)


def say_nothing(server: Server, stop: threading.Event) -> None:
    """Connect, and that is all."""
    with client_of(server):
        stop.wait(PATIENCE)


def reset_at_once(server: Server, stop: threading.Event) -> None:
    """Reset a connection before anything was said."""
    reset(client_of(server))


def reset_in_a_request(server: Server, stop: threading.Event) -> None:
    """Reset a connection in the middle of a line."""
    client = client_of(server)
    client.sendall(b"10")
    reset(client)


def reset_after_a_request(server: Server, stop: threading.Event) -> None:
    """Reset a connection instead of reading the answer."""
    client = client_of(server)
    client.sendall(b"100000\n")
    reset(client)


def reset_in_an_answer(server: Server, stop: threading.Event) -> None:
    """Reset a connection in the middle of an answer."""
    client = client_of(server)
    client.sendall(b"10000000\n")
    client.recv(1000)
    reset(client)


def reset_after_the_end(server: Server, stop: threading.Event) -> None:
    """Reset a connection after having ended our half of it."""
    client = client_of(server)
    client.sendall(b"100000\n")
    client.shutdown(socket.SHUT_WR)
    client.recv(1000)
    reset(client)


# What bad clients are waited for. A good one may have no turn for a while on a busy machine, just
# between its connection and its request, and must not be taken for a bad one.
SHORT = 1500 * MS

BAD: list[Callable[[Server, threading.Event], None]] = [
    dribble,
    never_read,
    say_nothing,
    reset_at_once,
    reset_in_a_request,
    reset_after_a_request,
    reset_in_an_answer,
    reset_after_the_end,
]


@in_threads
@pytest.mark.parametrize("behave", BAD)
@pytest.mark.slow
def test_a_bad_client_is_got_rid_of_and_others_are_served(
    behave: Callable[[Server, threading.Event], None], threads: Any
) -> None:
    stop = threading.Event()
    limits: dict[str, Any] = {"read_timeout": SHORT, "write_timeout": SHORT}
    with serving(answer_requests, threads=threads, **limits) as server:
        with Call(behave, server, stop):
            assert visit_politely(server) == b"xxx"
            eventually(lambda: server.statistics().accepted == 2)
            eventually(lambda: server.statistics().active == 0)
            stop.set()
        assert visit_politely(server) == b"xxx"
        eventually(lambda: server.statistics().active == 0)
    counted = server.statistics()
    assert counted.finished + counted.broken + counted.timed_out == 3


def visit_politely(server: Server) -> bytes:
    with client_of(server) as client:
        client.sendall(b"3\n")
        client.shutdown(socket.SHUT_WR)
        return receive_all(client)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_all_bad_clients_together_hold_up_nobody() -> None:
    stop = threading.Event()
    limits: dict[str, Any] = {"read_timeout": SHORT, "write_timeout": SHORT}
    with (
        serving(answer_requests, max_connections=200, **limits) as server,
        contextlib.ExitStack() as calls,
    ):
        for number in range(10 * len(BAD)):
            calls.enter_context(Call(BAD[number % len(BAD)], server, stop))
        for _ in range(50):
            assert visit_politely(server) == b"xxx"
        eventually(lambda: server.statistics().active == 0)
        stop.set()
    assert server.statistics().failed == 0


def test_a_client_in_the_accepting_thread_holds_the_others_up_only_so_long() -> None:
    with (
        Server(echo, host=HOST, threads="none", idle_timeout=100 * MS) as server,
        client_of(server),
        client_of(server) as other,
    ):
        other.sendall(b"patience\n")  # It is there when its turn comes, however busy we are.
        server.start()
        assert receive_line(other) == "patience"


# -- draining under load ---------------------------------------------------------------------------


def answer_one(connection: ActiveSocket) -> None:
    connection.write_line(connection.read_line())


# Elsewhere, who connects just before the listening socket is closed is reset.
OF_THE_LAST = () if sys.platform == "linux" else (ConnectionError,)


def ask_until_refused(server: Server, answered: list[int]) -> None:
    """Ask again and again, until nobody listens; whoever is connected gets an answer."""
    with contextlib.suppress(*OF_THE_LAST):
        ask_while_connected(server, answered)


def ask_while_connected(server: Server, answered: list[int]) -> None:
    while True:
        try:
            client = client_of(server)
        except ConnectionRefusedError:
            return
        with client:
            client.sendall(b"request\n")
            assert receive_all(client) == b"request\n"
            answered.append(1)


@pytest.mark.alone
@pytest.mark.slow
@in_threads
def test_a_drain_under_load_loses_no_accepted_request(threads: Any) -> None:
    for _ in range(5):  # each time, the last to come try again after a second
        drain_under_load(threads)


def drain_under_load(threads: Any) -> None:
    answered: list[int] = []
    with (
        serving(answer_one, threads=threads, drain_timeout=PATIENCE) as server,
        contextlib.ExitStack() as calls,
    ):
        for _ in range(8):
            calls.enter_context(Call(ask_until_refused, server, answered))
        eventually(lambda: len(answered) >= 50)
        assert server.shutdown()
    counted = server.statistics()
    # Each connection that was accepted was answered, and its client has read the answer.
    assert counted.finished == counted.accepted == len(answered)
