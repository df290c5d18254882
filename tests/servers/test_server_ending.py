"""How a server ends: from inside, from outside and by signals; it drains, and then it cuts."""

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
import warnings
from typing import Any

import pytest
from servers.serving import (
    HOST,
    Gate,
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
    until_it_is_over,
    visit,
)
from sockets.helpers import Call
from support.leaks import open_descriptors
from support.peers import connect, receive_all
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    IPv4Address,
    PassiveSocket,
    SocketClosed,
    SocketError,
    make_socket,
    wait_until_fd_ready,
)
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.servers import Server, ServerStatistics, ending, shutdown_on_signals

LONG = 10 * PATIENCE


def is_refused(server: Server) -> bool:
    try:
        connect((HOST, server.port)).close()
    except ConnectionRefusedError:
        return True
    return False


# -- draining --------------------------------------------------------------------------------------


@in_threads
def test_a_server_lets_its_clients_finish(threads: Any) -> None:
    gate = Gate()
    with serving(gate, threads=threads) as server, client_of(server) as client:
        client.sendall(b"before\n")
        gate.next()
        with Call(server.shutdown, LONG) as call:
            eventually(lambda: all(sock.closed for sock in server.sockets))
            assert is_refused(server)
            assert call.is_running
            gate.open()
            assert receive_line(client) == "before"
            assert talk(client, "after") == "after"
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b""
            assert call.result()
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)


@in_threads
def test_a_time_that_no_thread_can_wait_for_is_one(threads: Any) -> None:
    gate = Gate()
    with serving(gate, threads=threads, drain_timeout=1e10) as server, client_of(server) as client:
        gate.next()
        with Call(server.shutdown, 2 * threading.TIMEOUT_MAX) as call:
            eventually(lambda: server.draining)
            client.shutdown(socket.SHUT_WR)
            gate.open()
            assert receive_all(client) == b""
            assert call.result()
        assert server.wait(1e10)
    assert server.statistics().finished == 1


def test_those_who_wait_to_be_accepted_are_served_before_the_end() -> None:
    gate = Gate()
    with Server(gate, host=HOST) as server, contextlib.ExitStack() as clients:
        waiting = [clients.enter_context(client_of(server)) for _ in range(5)]
        for client in waiting:
            client.sendall(b"patience\n")
            client.shutdown(socket.SHUT_WR)
        server.shutdown(LONG, wait=False)
        server.start()
        gate.open(5)
        assert [receive_all(client) for client in waiting] == [b"patience\n"] * 5
        assert server.wait(PATIENCE)
    assert server.statistics().finished == 5


@each_way
def test_when_the_time_is_over_clients_are_cut(threads: Any) -> None:
    gate = Gate(until_it_is_over)
    with serving(gate, threads=threads) as server, client_of(server) as client:
        gate.next()
        gate.open()
        assert server.shutdown(50 * MS)
        assert isinstance(gate.next_end(), SocketClosed)
        receive_to_the_end(client)
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, cut=1)


@each_way
def test_cut_connections_are_cut_also_while_they_write(threads: Any) -> None:
    def write_on(connection: ActiveSocket) -> None:
        while True:
            connection.write(b"x" * 100_000)

    gate = Gate(write_on)
    with serving(gate, threads=threads) as server, client_of(server) as client:
        gate.next()
        gate.open()
        assert client.recv(1)
        assert server.shutdown(50 * MS)
        assert isinstance(gate.next_end(), SocketClosed)
    assert server.statistics().cut == 1


@each_way
def test_closing_cuts_at_once(threads: Any) -> None:
    gate = Gate(until_it_is_over)
    with serving(gate, threads=threads, drain_timeout=LONG) as server, client_of(server):
        gate.next()
        gate.open()
        server.close()
        assert server.closed
        server.close()
    assert server.statistics().cut == 1


@in_threads
def test_so_is_one_whose_handler_waits_for_its_readiness(threads: Any) -> None:
    begun = threading.Event()
    errors: list[SocketClosed] = []

    def handler(connection: ActiveSocket) -> None:
        begun.set()
        with pytest.raises(SocketClosed) as raised:
            wait_until_fd_ready(connection)
        errors.append(raised.value)
        raise raised.value

    with serving(handler, threads=threads) as server, client_of(server):
        assert begun.wait(PATIENCE)
        server.shutdown(0)
    assert errors[0].address is not None
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, cut=1)


def test_what_a_handler_does_after_being_cut_is_still_its_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handler(connection: ActiveSocket) -> None:
        with contextlib.suppress(SocketClosed):
            connection.read_line()
        raise LookupError

    gate = Gate(handler)
    with serving(gate) as server, client_of(server):
        gate.next()
        gate.open()
        server.close()
    assert server.statistics().failed == 1
    assert "LookupError" in caplog.text


def test_leaving_the_block_drains_and_an_exception_cuts() -> None:
    gate = Gate(until_it_is_over)
    with client_of_a_server(gate, drain_timeout=LONG) as (server, client):
        gate.next()
        gate.open()
        with Call(server.__exit__, None, None, None) as leaving:
            eventually(lambda: server.draining)
            assert leaving.is_running
            client.shutdown(socket.SHUT_WR)
            leaving.result()
    assert server.statistics().finished == 1
    with client_of_a_server(gate, drain_timeout=LONG) as (server, client):
        gate.next()
        gate.open()
        with pytest.raises(LookupError), server:
            raise LookupError
        assert server.closed
    assert server.statistics().cut == 1


@contextlib.contextmanager
def client_of_a_server(handler: Any, **options: Any) -> Any:
    server = Server(handler, host=HOST, **options).start()
    try:
        with client_of(server) as client:
            yield server, client
    finally:
        server.close()


def test_the_first_end_that_comes_counts() -> None:
    gate = Gate(until_it_is_over)
    with serving(gate) as server, client_of(server):
        gate.next()
        gate.open()
        assert not server.shutdown(None, wait=False)
        assert not server.shutdown(LONG, wait=False)
        with Call(server.shutdown, None) as waiting:
            assert server.shutdown(50 * MS)
            assert waiting.result()
        assert server.shutdown(LONG)  # it has ended: nobody waits for anything
    assert server.statistics().cut == 1


def test_a_later_end_prolongs_nothing() -> None:
    gate = Gate(until_it_is_over)
    with serving(gate) as server, client_of(server):
        gate.next()
        gate.open()
        server.shutdown(50 * MS, wait=False)
        server.shutdown(None, wait=False)
        assert isinstance(gate.next_end(), SocketClosed)


def test_cutting_waits_for_nothing_that_is_queued() -> None:
    def handler(connection: ActiveSocket) -> None:
        connection.write(b"x" * 10_000_000)
        written.set()
        assert released.wait(PATIENCE)

    written, released = threading.Event(), threading.Event()
    with serving(handler, output_buffer_size=20_000_000) as server, client_of(server):
        assert written.wait(PATIENCE)
        server.shutdown(0, wait=False)
        eventually(lambda: not server.statistics().active or is_cut(server))
        released.set()
    assert server.statistics().cut == 1


def is_cut(server: Server) -> bool:
    return all(connection.closed for connection in list(server._connections))


def test_a_server_that_was_never_started_ends_at_once() -> None:
    for end in (Server.shutdown, Server.close):
        server = Server(echo, host=HOST)
        end(server)
        assert server.closed
        assert server.wait(0)
        assert server.sockets[0].closed


def test_a_shutdown_before_serving_counts() -> None:
    with Server(echo, host=HOST) as server:
        server.shutdown(wait=False)
        server.serve_forever()
        assert server.closed


def named_in(caplog: pytest.LogCaptureFixture) -> list[Any]:
    """Return the peers of the handlers that were left behind."""
    text = "does not end, and is left behind"
    records = [record for record in caplog.records if text in record.getMessage()]
    return [getattr(record, "peer", None) for record in records]


def test_handlers_have_so_much_time_after_the_cut(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    with serving(gate) as server, client_of(server):
        connection = gate.next()
        assert not server.shutdown(0, join_timeout=0)
        assert server.closed
        assert named_in(caplog) == [connection.remote_name]
        gate.open()
        assert isinstance(gate.next_end(), SocketClosed)


@in_threads
def test_the_time_for_handlers_can_be_shortened_while_it_passes(
    threads: Any, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()
    with serving(gate, threads=threads) as server, client_of(server):
        connection = gate.next()
        with Call(lambda: server.shutdown(0, join_timeout=LONG)) as ending:
            eventually(lambda: connection.closed)
            server.shutdown(0, join_timeout=2 * LONG, wait=False)  # prolongs nothing
            server.shutdown(0, join_timeout=0, wait=False)
            assert not ending.result()
        assert named_in(caplog) == [connection.remote_name]
        gate.open()
        gate.next_end()


@pytest.mark.parametrize("wrong", [-1, "5", True])
def test_the_time_for_handlers_is_one(wrong: Any) -> None:
    with Server(echo, host=HOST) as server, pytest.raises((TypeError, ValueError), match="join_t"):
        server.shutdown(join_timeout=wrong)


def test_a_handler_that_does_not_end_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ending, "JOIN_TIMEOUT", 50 * MS)
    gate = Gate()
    with serving(gate, name="talk") as server, client_of(server):
        connection = gate.next()
        assert not server.shutdown(0)
        assert server.closed
        assert named_in(caplog) == [connection.remote_name]
        assert (
            f"talk: the handler for {connection.remote_name} in the thread 'talk: " in caplog.text
        )
        gate.open()
        assert isinstance(gate.next_end(), SocketClosed)


@pytest.mark.slow
def test_a_handler_that_does_not_end_keeps_its_accepting_thread_and_not_the_caller(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "JOIN_TIMEOUT", 50 * MS)
    gate = Gate()
    with serving(gate, threads="none") as server, client_of(server):
        gate.next()
        assert not server.shutdown(0)
        assert server.wait(PATIENCE)
        assert is_refused(server)
        assert [peer.host for peer in named_in(caplog)] == [IPv4Address(HOST)]
        gate.open()
        assert isinstance(gate.next_end(), SocketClosed)


def test_a_connection_that_comes_while_draining_is_not_served() -> None:
    gate = Gate()
    with serving(gate) as server, client_of(server):
        gate.next()
        server.shutdown(LONG, wait=False)
        eventually(lambda: all(sock.closed for sock in server.sockets))
        assert is_refused(server)
        gate.open()


# -- what handlers learn of it ---------------------------------------------------------------------


def test_handlers_learn_that_the_server_is_to_end() -> None:
    def handler(connection: ActiveSocket) -> None:
        connection.write_line(str(server.draining))

    with serving(handler) as server:
        assert visit(server) == b"False\n"
    gate = Gate(handler)
    with serving(gate) as server, client_of(server) as client:
        gate.next()
        server.shutdown(LONG, wait=False)
        gate.open()
        assert receive_all(client) == b"True\n"


@each_way
def test_a_handler_that_waits_for_input_is_woken(threads: Any) -> None:
    gate = Gate(serve_requests)
    with serving(gate, threads=threads) as server, client_of(server) as client:
        requests_of[gate.next()] = server
        gate.open()
        assert talk(client, "one") == "one"
        assert server.shutdown(LONG)
        assert receive_all(client) == b"goodbye\n"
    assert server.statistics().finished == 1


requests_of: dict[ActiveSocket, Server] = {}


def serve_requests(connection: ActiveSocket) -> None:
    server = requests_of.pop(connection)
    while server.wait_for_input(connection):
        connection.write_line(connection.read_line())
        connection.finish_output()
    connection.write_line("goodbye")


def test_a_request_that_has_come_is_answered_before_the_end() -> None:
    gate = Gate(serve_requests)
    with serving(gate) as server, client_of(server) as client:
        requests_of[gate.next()] = server
        client.sendall(b"one\ntwo\n")
        server.shutdown(LONG, wait=False)
        gate.open()
        assert receive_all(client) == b"one\ntwo\ngoodbye\n"


def test_waiting_for_input_ends_when_the_connection_is_cut() -> None:
    gate = Gate()
    with serving(gate) as server, client_of(server):
        connection = gate.next()
        server.shutdown(None, wait=False)
        assert not server.wait_for_input(connection)
        server.shutdown(0, wait=False)
        eventually(lambda: connection.closed)
        with pytest.raises(SocketClosed):
            server.wait_for_input(connection)
        gate.open()


# -- from inside -----------------------------------------------------------------------------------


@each_way
def test_a_handler_can_end_its_server(threads: Any) -> None:
    results: list[bool] = []

    def handler(connection: ActiveSocket) -> None:
        if connection.read_line() == "end":
            results.append(server.shutdown())
            results.append(server.shutdown())
            connection.write_line("ended")

    with serving(handler, threads=threads, drain_timeout=LONG) as server:
        with client_of(server) as client:
            client.sendall(b"end\n")
            assert receive_all(client) == b"ended\n"
        assert server.wait(PATIENCE)
    assert results == [False, False]
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)


@each_way
def test_a_handler_can_cut_everybody_itself_included(threads: Any) -> None:
    def handler(connection: ActiveSocket) -> None:
        server.close()
        until_it_is_over(connection)

    with serving(handler, threads=threads) as server, client_of(server):
        assert server.wait(PATIENCE)
    assert server.statistics().cut == 1


@pytest.mark.slow
def test_without_threads_nobody_is_served_after_the_handler_that_ended_it() -> None:
    seen: list[str] = []

    def handler(connection: ActiveSocket) -> None:
        seen.append(connection.read_line())
        server.shutdown()

    with (
        Server(handler, host=HOST, threads="none") as server,
        client_of(server) as one,
        client_of(server) as two,
    ):
        for client in (one, two):
            client.sendall(b"end\n")
        server.serve_forever()
    assert seen == ["end"]


def test_without_threads_a_connection_that_comes_in_the_very_moment_is_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    really_accept = SocketDescriptor.accept

    def accept(descriptor: SocketDescriptor) -> Any:
        accepted = really_accept(descriptor)
        server.shutdown(None, wait=False)
        return accepted

    with serving(threads="none", refusal=b"too late") as server:
        monkeypatch.setattr(SocketDescriptor, "accept", accept)
        assert visit(server, b"hello\n") == b"too late"
        assert server.wait(PATIENCE)
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, refused=1)


def test_an_announcement_can_end_its_server() -> None:
    def announce(sockets: Any) -> None:
        server.shutdown(wait=False)

    with Server(echo, host=HOST, announce=announce) as server:
        server.serve_forever()
        assert server.closed


# -- by signals ------------------------------------------------------------------------------------


def send_signal(number: int) -> None:
    os.kill(os.getpid(), number)


@each_way
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_a_server_and_the_handlers_are_put_back(threads: Any, number: int) -> None:
    gate = Gate()
    before = signal.getsignal(number)

    def visit() -> bytes:
        with client_of(server) as client:
            client.sendall(b"before\n")
            gate.next()
            send_signal(number)
            gate.open()
            client.shutdown(socket.SHUT_WR)
            return receive_all(client)

    with Server(gate, host=HOST, threads=threads) as server, Call(visit) as visiting:
        with shutdown_on_signals(server, timeout=LONG):
            assert signal.getsignal(number) is not before
            server.serve_forever()
        assert server.closed
        assert visiting.result() == b"before\n"
    assert signal.getsignal(number) is before
    assert server.statistics().finished == 1


@each_way
def test_a_second_ctrl_c_ends_an_announcement(threads: Any) -> None:
    def announce(sockets: tuple[PassiveSocket, ...]) -> None:
        send_signal(signal.SIGINT)
        eventually(lambda: server.draining)
        send_signal(signal.SIGINT)
        eventually(lambda: False)

    server = Server(Gate(), host=HOST, threads=threads, announce=announce)
    with pytest.raises(KeyboardInterrupt), server, shutdown_on_signals(server):
        server.serve_forever()
    assert server.closed


@each_way
def test_nobody_is_served_by_a_server_that_is_cut_while_it_announces(threads: Any) -> None:
    clients: list[socket.socket] = []

    def announce(sockets: tuple[PassiveSocket, ...]) -> None:
        clients.append(client_of(server))
        server.shutdown(0, wait=False)

    gate = Gate()
    gate.open()
    with Server(gate, host=HOST, threads=threads, announce=announce) as server:
        server.serve_forever()
    with clients[0] as client:
        assert receive_to_the_end(client) == b""
    assert server.statistics().accepted == 0


@each_way
def test_a_second_signal_cuts(threads: Any) -> None:
    gate = Gate(until_it_is_over)

    def visit() -> bytes:
        with client_of(server) as client:
            gate.next()
            gate.open()
            send_signal(signal.SIGTERM)
            eventually(lambda: server.draining)
            send_signal(signal.SIGINT)
            return receive_to_the_end(client)

    with (
        Server(gate, host=HOST, threads=threads, drain_timeout=None) as server,
        Call(visit) as visiting,
        shutdown_on_signals(server),
    ):
        server.serve_forever()
        visiting.result()
    assert isinstance(gate.next_end(), SocketClosed)
    assert server.statistics().cut == 1


@in_threads
def test_a_second_signal_waits_for_no_handler_and_names_those_that_are_left(
    threads: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "JOIN_TIMEOUT", 2 * PATIENCE)
    gate = Gate()
    before = signal.getsignal(signal.SIGINT)
    after: list[Any] = []

    def strike() -> None:
        gate.next()
        send_signal(signal.SIGINT)
        eventually(lambda: server.draining)
        send_signal(signal.SIGINT)
        eventually(lambda: signal.getsignal(signal.SIGINT) is before)
        after.append(server.wait(PATIENCE))

    with Server(gate, host=HOST, threads=threads, drain_timeout=None) as server:
        with client_of(server), Call(strike) as striking, shutdown_on_signals(server):
            server.serve_forever()
            striking.result()
        assert [peer.host for peer in named_in(caplog)] == [IPv4Address(HOST)]
        assert after == [True]
        gate.open()
        assert isinstance(gate.next_end(), SocketClosed)


def test_a_second_signal_leaves_a_handler_behind_that_keeps_the_accepting_thread(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "JOIN_TIMEOUT", 2 * PATIENCE)
    gate = Gate()

    def strike() -> None:
        gate.next()
        send_signal(signal.SIGINT)
        eventually(lambda: server.draining)
        send_signal(signal.SIGTERM)

    with Server(gate, host=HOST, threads="none", drain_timeout=None) as server:
        with client_of(server), Call(strike) as striking, shutdown_on_signals(server):
            assert server.start().wait(PATIENCE)
            striking.result()
        assert [peer.host for peer in named_in(caplog)] == [IPv4Address(HOST)]
        gate.open()
        assert isinstance(gate.next_end(), SocketClosed)


def test_a_second_ctrl_c_ends_a_handler_that_keeps_the_main_thread(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "JOIN_TIMEOUT", 2 * PATIENCE)
    entered = threading.Event()

    def handler(connection: ActiveSocket) -> None:
        entered.set()
        eventually(lambda: False)  # in short waits, since Python looks for signals between them

    def strike() -> None:
        assert entered.wait(PATIENCE)
        send_signal(signal.SIGINT)
        eventually(lambda: server.draining)
        send_signal(signal.SIGINT)

    server = Server(handler, host=HOST, threads="none", drain_timeout=None)
    with client_of(server), Call(strike) as striking:
        with pytest.raises(KeyboardInterrupt), server, shutdown_on_signals(server):
            server.serve_forever()
        striking.result()
    assert server.closed
    assert [peer.host for peer in named_in(caplog)] == [IPv4Address(HOST)]


@pytest.mark.parametrize("first_one", ["serving", "waiting", "starting"])
def test_a_second_ctrl_c_waits_for_no_handler_and_names_those_that_are_left(
    first_one: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "JOIN_TIMEOUT", 2 * PATIENCE)
    gate = Gate()
    threads_before = set(sys._current_frames())
    really_start = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        really_start(thread)
        if thread.name == "server":  # whose `start` is still in this call
            eventually(lambda: False)

    def strike() -> None:
        connection = gate.next()
        send_signal(signal.SIGINT)
        eventually(lambda: connection.closed)
        send_signal(signal.SIGINT)

    def serve(server: Server) -> None:
        with server:
            if first_one == "serving":
                server.serve_forever()
            else:
                server.start().wait()

    if first_one == "starting":
        monkeypatch.setattr(threading.Thread, "start", start)
    server = Server(gate, host=HOST)
    with client_of(server), Call(strike) as striking:
        with pytest.raises(KeyboardInterrupt):
            serve(server)
        assert server.closed
        striking.result()
    assert [peer.host for peer in named_in(caplog)] == [IPv4Address(HOST)]
    gate.open()
    assert isinstance(gate.next_end(), SocketClosed)
    # A join that was interrupted makes Python 3.11 believe that the thread has ended.
    eventually(lambda: set(sys._current_frames()) <= threads_before)


@each_way
def test_the_time_after_a_signal_is_limited(threads: Any) -> None:
    gate = Gate(until_it_is_over)

    def visit() -> bytes:
        with client_of(server) as client:
            gate.next()
            gate.open()
            send_signal(signal.SIGTERM)
            return receive_to_the_end(client)

    with (
        Server(gate, host=HOST, threads=threads, drain_timeout=50 * MS) as server,
        Call(visit) as visiting,
        shutdown_on_signals(server),
    ):
        server.serve_forever()
        visiting.result()
    assert server.statistics().cut == 1


def test_a_signal_ends_several_servers_in_the_background() -> None:
    with (
        serving() as one,
        serving() as other,
        shutdown_on_signals(one, other, signals=[signal.SIGUSR1]),
    ):
        send_signal(signal.SIGUSR1)
        assert one.wait(PATIENCE)
        assert other.wait(PATIENCE)


def test_only_the_main_thread_handles_signals() -> None:
    def install() -> None:
        with shutdown_on_signals(server):
            pass

    before = signal.getsignal(signal.SIGTERM)
    with serving() as server, Call(install) as call, pytest.raises(ValueError, match="main thread"):
        call.result()
    assert signal.getsignal(signal.SIGTERM) is before


def test_ctrl_c_closes_a_server_at_once() -> None:
    gate = Gate(until_it_is_over)

    def strike() -> None:
        gate.next()  # So it serves.
        gate.open()
        send_signal(signal.SIGINT)

    with (
        Server(gate, host=HOST, drain_timeout=LONG) as server,
        client_of(server),
        Call(strike),
    ):
        with pytest.raises(KeyboardInterrupt):
            server.serve_forever()
        assert server.closed
    assert server.statistics().active == 0


@in_threads
def test_ctrl_c_while_a_thread_is_started(threads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    really_start = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", really_start)
        raise KeyboardInterrupt

    with Server(echo, host=HOST, threads=threads) as server, client_of(server) as client:
        monkeypatch.setattr(threading.Thread, "start", start)
        with pytest.raises(KeyboardInterrupt):
            server.serve_forever()
        assert server.closed
        receive_to_the_end(client)


@pytest.mark.parametrize("has_begun", [True, False])
def test_ctrl_c_just_after_its_own_thread_was_started(
    has_begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread may be serving by then, or about to begin."""
    really_start = threading.Thread.start
    let_it_begin = threading.Event()
    started: list[threading.Thread] = []

    def start(thread: threading.Thread) -> None:
        monkeypatch.setattr(threading.Thread, "start", really_start)
        run = thread.run

        def run_later() -> None:
            assert let_it_begin.wait(PATIENCE)
            run()

        thread.run = run_later  # type: ignore[method-assign]
        thread.start()
        started.append(thread)
        if has_begun:
            let_it_begin.set()
            ask(server)  # which takes a thread that serves
        raise KeyboardInterrupt

    with Server(echo, host=HOST) as server:
        monkeypatch.setattr(threading.Thread, "start", start)
        with pytest.raises(KeyboardInterrupt):
            server.start()
        assert server.closed
        let_it_begin.set()
        started[0].join(PATIENCE)
        assert not started[0].is_alive()


# -- when the accepting fails ----------------------------------------------------------------------


def test_a_listening_socket_at_fault_ends_the_server_in_good_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR, "trunkline.servers")
    gate = Gate()
    listener = make_socket(connect="passive", local_host=HOST)
    with Server(gate, sockets=[listener], drain_timeout=LONG) as server:
        with Call(server.serve_forever) as serving_, client_of(server) as client:
            gate.next()
            # Nobody can accept at a socket that does not listen any more.
            with socket.socket(fileno=os.dup(listener.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
            eventually(lambda: server.draining)
            gate.open()
            assert talk(client, "still served") == "still served"
            client.shutdown(socket.SHUT_WR)
            with pytest.raises(SocketError, match=r"^accept "):
                serving_.result()
        with pytest.raises(SocketError, match=r"^accept "):
            server.wait(0)
    assert "cannot accept connections any more" in caplog.text


def test_the_other_copies_of_a_listening_socket_live_on() -> None:
    with make_socket(connect="passive", local_host=HOST) as listener:
        copy = socket.socket(fileno=os.dup(listener.fileno()))
        with copy:
            copy.settimeout(PATIENCE)
            with serving(sockets=[listener]) as server:
                assert ask(server) == "hello"
                server.shutdown()
            with connect(copy.getsockname()):
                copy.accept()[0].close()


def test_a_server_without_a_thread_to_accept_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with Server(echo, host=HOST) as server:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", start)
            with pytest.raises(RuntimeError, match="new thread"):
                server.start()
        assert server.closed


# -- being forgotten ------------------------------------------------------------------------------


def test_a_server_that_is_forgotten_says_so_and_leaves_nothing() -> None:
    gc.collect()
    before = open_descriptors()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Server(echo, host=HOST)
        gc.collect()
    said = [str(warning.message) for warning in caught]
    for ours in ("unclosed <EventBase on ", "unclosed <passive IPv4 stream socket waiting "):
        assert len([text for text in said if text.startswith(ours)]) == 1
    # The pairs by which it is woken are nobody's business.
    assert not [text for text in said if f"family={int(socket.AF_UNIX)}," in text]
    assert open_descriptors() == before


@pytest.mark.parametrize("servers", [[1], [None], [signal.SIGTERM], []])
def test_what_signals_cannot_end_is_told_at_once(servers: list[Any]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TypeError, match="server"), shutdown_on_signals(*servers):
        pytest.fail("it has begun")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"signals": signal.SIGTERM}, TypeError, "in a list"),
        ({"signals": "SIGTERM"}, TypeError, "in a list"),
        ({"signals": None}, TypeError, "in a list"),
        ({"signals": ["SIGTERM"]}, TypeError, "a signal is an integer"),
        ({"signals": [0]}, ValueError, "a signal is at least 1"),
        ({"signals": [999]}, ValueError, "there is no signal 999"),
        ({"signals": [signal.SIGTERM, signal.SIGKILL]}, ValueError, "9 cannot be handled"),
        ({"timeout": "5"}, TypeError, "a number of seconds"),
        ({"timeout": -1}, ValueError, "negative"),
    ],
)
def test_so_are_signals_that_cannot_be_handled_and_limits_that_are_none(
    options: Any, error: type[Exception], told: str
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with (
        serving() as server,
        pytest.raises(error, match=told),
        shutdown_on_signals(server, **options),
    ):
        pytest.fail("it has begun")
    assert signal.getsignal(signal.SIGTERM) is before
