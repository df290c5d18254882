"""How servers begin and end: `wait`, `error`, what is announced, and `server_terminate`."""

import logging
import os
import socket
import threading
from queue import SimpleQueue
from typing import Any

import pytest
from dialects.lispworks_helpers import HOST, Announced, greet, port_of, started, visit
from servers.serving import Gate, receive_line
from sockets.helpers import Call
from support.peers import connect, refusing_port
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    AddressInUse,
    EndOfFile,
    PassiveSocket,
    SocketClosed,
)
from trunkline._core.back_off import BackOff
from trunkline.dialects.lispworks import (
    ServerProcess,
    get_socket_address,
    server,
    server_terminate,
    start_up_server,
)
from trunkline.servers.listening import ListeningPlace

Surfaced = SimpleQueue[BaseException | None]


@pytest.fixture
def surfaced(monkeypatch: pytest.MonkeyPatch) -> Surfaced:
    """Return what has come to `threading.excepthook`, as it comes."""
    exceptions: Surfaced = SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda args: exceptions.put(args.exc_value))
    return exceptions


# -- process_name, wait, error --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({}, "None server"), ({"service": "0"}, "'0' server"), ({"process_name": "talk"}, "talk")],
)
def test_the_thread_has_the_name(arguments: dict[str, Any], name: str) -> None:
    names: SimpleQueue[str] = SimpleQueue()

    def note(handle: ActiveSocket) -> None:
        names.put(threading.current_thread().name)
        handle.close()

    with started(note, **arguments) as process:
        visit(process)
        assert process.name == names.get(timeout=PATIENCE) == name


def test_without_waiting_it_returns_before_the_server_has_started() -> None:
    may_start = threading.Event()
    announced = Announced()

    def wait(socket: PassiveSocket | None, condition: BaseException | None) -> None:
        assert may_start.wait(PATIENCE)
        announced(socket, condition)

    process, condition = start_up_server(function=greet, announce=wait, address=HOST)
    assert process is not None
    assert condition is None
    assert announced.is_empty
    may_start.set()
    announced.next_socket()
    assert server_terminate(process)


def test_waiting_returns_when_everybody_has_been_told_of_the_start() -> None:
    announced = Announced()
    with started(announce=announced, wait=True):
        assert not announced.is_empty


def test_a_failure_to_start_is_announced_if_it_is_not_to_surface(surfaced: Surfaced) -> None:
    announced = Announced()
    with refusing_port() as taken:
        process, condition = start_up_server(
            function=greet, address=HOST, service=taken, error=False, announce=announced
        )
        assert process is not None
        assert condition is None
        socket, announced_condition = announced.next()
        process.join(PATIENCE)
    assert socket is None
    assert isinstance(announced_condition, AddressInUse)
    assert announced.is_empty
    assert surfaced.empty()
    assert not server_terminate(process)


@pytest.mark.parametrize("arguments", [{"error": True}, {}])
def test_a_failure_to_start_surfaces_otherwise(
    arguments: dict[str, Any], surfaced: Surfaced
) -> None:
    announced = Announced()
    with refusing_port() as taken:
        process, _ = start_up_server(
            function=greet, address=HOST, service=taken, announce=announced, **arguments
        )
        assert isinstance(surfaced.get(timeout=PATIENCE), AddressInUse)
        assert process is not None
        process.join(PATIENCE)
    assert announced.is_empty


def test_who_waits_gets_the_condition_and_nothing_surfaces(surfaced: Surfaced) -> None:
    announced = Announced()
    with refusing_port() as taken:
        process, condition = start_up_server(
            function=greet, address=HOST, service=taken, wait=True, announce=announced
        )
    assert process is None
    assert announced.next() == (None, condition)
    assert surfaced.empty()


def test_who_waits_may_have_it_surface_too(surfaced: Surfaced) -> None:
    with refusing_port() as taken:
        process, condition = start_up_server(
            function=greet, address=HOST, service=taken, wait=True, error=True
        )
    assert process is None
    assert surfaced.get(timeout=PATIENCE) is condition is not None


def fail(handle: ActiveSocket) -> None:
    raise LookupError("the function has failed")


def test_a_function_that_fails_ends_the_server_and_surfaces(surfaced: Surfaced) -> None:
    announced = Announced()
    with started(fail, error=True, announce=announced) as process:
        announced.next_socket()
        assert visit(process) == b""
        assert isinstance(surfaced.get(timeout=PATIENCE), LookupError)
        assert announced.next() == (None, None)
        process.join(PATIENCE)
        assert not server_terminate(process)


def test_a_function_that_fails_ends_the_server_and_is_announced(surfaced: Surfaced) -> None:
    announced = Announced()
    with started(fail, error=False, announce=announced) as process:
        announced.next_socket()
        assert visit(process) == b""
        socket, condition = announced.next()
        assert socket is None
        assert isinstance(condition, LookupError)
        process.join(PATIENCE)
        assert not process.is_alive
    assert announced.is_empty
    assert surfaced.empty()


def test_a_failure_that_nobody_is_told_of_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with started(fail, error=False, process_name="this") as process:
        visit(process)
        process.join(PATIENCE)
    assert "the this has failed" in caplog.text
    assert "LookupError" in caplog.text


def test_what_has_kept_a_server_from_starting_is_returned_and_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with refusing_port() as taken:
        process, condition = start_up_server(function=greet, address=HOST, service=taken, wait=True)
    assert process is None
    assert isinstance(condition, AddressInUse)
    assert not caplog.records


@pytest.mark.parametrize("error", [True, False])
def test_a_function_that_exits_ends_the_server(error: bool, surfaced: Surfaced) -> None:
    def leave(handle: ActiveSocket) -> None:
        raise SystemExit

    announced = Announced()
    with started(leave, error=error, announce=announced) as process:
        announced.next_socket()
        assert visit(process) == b""
        socket, condition = announced.next()
        assert socket is None
        assert (condition is None) == error
        assert isinstance(surfaced.get(timeout=PATIENCE), SystemExit)
        process.join(PATIENCE)
        assert not process.is_alive


def test_an_announce_function_that_exits_keeps_the_server_from_starting(
    surfaced: Surfaced,
) -> None:
    def leave(socket: PassiveSocket | None, condition: BaseException | None) -> None:
        if socket is not None:
            raise SystemExit

    process, condition = start_up_server(function=greet, announce=leave, address=HOST, wait=True)
    assert process is None
    assert surfaced.get(timeout=PATIENCE) is condition
    assert isinstance(condition, SystemExit)


def test_a_wait_that_is_interrupted_leaves_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    announced = Announced()

    def interrupt(process: ServerProcess) -> None:
        announced.next_socket()
        raise KeyboardInterrupt

    monkeypatch.setattr(ServerProcess, "_wait_for_start", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_up_server(function=greet, announce=announced, address=HOST, wait=True)
    assert announced.next() == (None, None)


def test_waiting_for_the_end_takes_as_long_as_is_said() -> None:
    with started() as process:
        process.join(0)
        assert process.is_alive
        process.join(20 * MS)
        assert process.is_alive
        with Call(process.join):
            assert server_terminate(process)


# -- opening the port again -----------------------------------------------------------------------


def break_listener(process: ServerProcess) -> PassiveSocket:
    """Let the system break the socket that listens, so that accepting fails."""
    broken = process.socket
    assert broken is not None
    with socket.socket(fileno=os.dup(broken.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
    return broken


def test_a_socket_that_broke_is_opened_again_at_the_first_port(
    caplog: pytest.LogCaptureFixture,
) -> None:
    announced = Announced()
    with started(announce=announced) as process:
        first = announced.next_socket()
        port = get_socket_address(first).port
        for _ in range(2):
            caplog.clear()
            broken = break_listener(process)
            again = announced.next_socket()
            assert again is process.socket is not broken
            assert broken.closed
            assert get_socket_address(again).port == port
            assert visit(process) == b"hello\n"
            assert "the port is opened again" in caplog.text
    assert announced.next() == (None, None)


def test_it_is_opened_again_soon_if_it_has_been_good_for_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delays: list[float] = []

    class Noting(BackOff):
        def next_delay(self) -> float:
            delays.append(super().next_delay())
            return 0

    monkeypatch.setattr(server, "BackOff", Noting)
    announced = Announced()
    with started(announce=announced) as process:
        announced.next_socket()
        for is_visited in (False, False, True):
            if is_visited:
                visit(process)
            break_listener(process)
            announced.next_socket()
    assert delays[0] < delays[1] > delays[2] == delays[0]


def test_a_port_that_cannot_be_opened_again_ends_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    announced = Announced()
    with started(announce=announced, error=False) as process:
        announced.next_socket()

        def refuse(self: ListeningPlace, port: int | None = None) -> PassiveSocket:
            raise AddressInUse

        monkeypatch.setattr(ListeningPlace, "open", refuse)
        break_listener(process)
        socket, condition = announced.next()
        assert socket is None
        assert isinstance(condition, AddressInUse)


# -- server_terminate -----------------------------------------------------------------------------


def test_terminating_tells_whether_the_server_was_active() -> None:
    with started() as process:
        port = port_of(process)
        assert "active" in repr(process)
        assert server_terminate(process)
        assert not server_terminate(process)
        assert not process.is_alive
        assert "ended" in repr(process)
        with pytest.raises(ConnectionRefusedError):
            connect((HOST, port))
        with started(service=port):  # it is free again
            pass


def test_terminating_cuts_the_connection_that_the_function_is_using() -> None:
    gate = Gate(then=lambda handle: handle.read_line())
    with started(gate) as process, connect((HOST, port_of(process))) as client:
        gate.next()
        gate.open()
        assert server_terminate(process)
        assert isinstance(gate.next_end(), SocketClosed)
        assert receive_line(client) == ""


def test_terminating_from_the_function_waits_for_it_to_return() -> None:
    results: SimpleQueue[bool] = SimpleQueue()

    def answer_and_end(handle: ActiveSocket) -> None:
        with handle:
            results.put(server_terminate())
            results.put(server_terminate())
            handle.write_line(f"last words for {handle.read_line()}")

    with started(answer_and_end) as process:
        with connect((HOST, port_of(process))) as client:
            assert results.get(timeout=PATIENCE)
            assert results.get(timeout=PATIENCE)
            client.sendall(b"you\n")
            assert receive_line(client) == "last words for you"
        process.join(PATIENCE)
        assert not process.is_alive


def test_terminating_from_the_announce_function_ends_the_server() -> None:
    announced = Announced()

    def end(socket: PassiveSocket | None, condition: BaseException | None) -> None:
        announced(socket, condition)
        server_terminate()

    process, _ = start_up_server(function=greet, announce=end, address=HOST)
    announced.next_socket()
    assert announced.next() == (None, None)
    assert process is not None
    process.join(PATIENCE)
    assert not process.is_alive


def test_only_inside_a_server_it_need_not_be_said_which() -> None:
    with pytest.raises(RuntimeError, match="which server is meant"):
        server_terminate()


@pytest.mark.parametrize("repetition", range(20))
def test_a_server_can_be_terminated_at_any_moment_of_its_start(repetition: int) -> None:
    announced = Announced()
    process, _ = start_up_server(function=greet, announce=announced, address=HOST)
    assert process is not None
    server_terminate(process)
    process.join(PATIENCE)
    assert not process.is_alive


def test_the_log_has_the_connections_that_break(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gate = Gate(then=lambda handle: handle.read_line())
    with started(gate, process_name="this") as process:
        connect((HOST, port_of(process))).close()
        gate.next()
        gate.open()
        assert isinstance(gate.next_end(), EndOfFile)
    assert "this: the connection from" in caplog.text
