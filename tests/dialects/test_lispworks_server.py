"""`start_up_server`, argument by argument, and `server_terminate`."""

import io
import logging
import os
import socket
import threading
from ipaddress import IPv4Address
from queue import SimpleQueue
from typing import Any

import pytest
from dialects.lispworks_helpers import HOST, Announced, greet, port_of, started, visit
from servers.serving import Gate, receive_line
from sockets.test_make_socket import accept_queue_limit
from support.peers import connect, has_ipv6, refusing_port, reset, unused_port
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    AddressInUse,
    EndOfFile,
    NoName,
    PassiveSocket,
    SocketClosed,
    make_socket_pair,
)
from trunkline.dialects.lispworks import (
    ServerProcess,
    get_socket_address,
    server_terminate,
    start_up_server,
)
from trunkline.servers import listening
from trunkline.servers.listening import ListeningPlace

Surfaced = SimpleQueue[BaseException | None]

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")

# What a program must not write; type checkers would find it.
start_up_anything: Any = start_up_server


@pytest.fixture
def surfaced(monkeypatch: pytest.MonkeyPatch) -> Surfaced:
    """Return what has come to `threading.excepthook`, as it comes."""
    exceptions: Surfaced = SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda args: exceptions.put(args.exc_value))
    return exceptions


class Handles:
    """A function that keeps its connections, for a test to look at."""

    def __init__(self) -> None:
        self._handles: SimpleQueue[ActiveSocket] = SimpleQueue()

    def __call__(self, handle: ActiveSocket) -> None:
        """Keep a connection."""
        self._handles.put(handle)

    def next(self) -> ActiveSocket:
        """Wait for the next one."""
        return self._handles.get(timeout=PATIENCE)


# -- function, create_stream ----------------------------------------------------------------------


def test_the_function_is_called_with_each_connection() -> None:
    with started(greet) as process:
        assert visit(process) == b"hello\n"
        assert visit(process) == b"hello\n"


def test_the_next_connection_is_not_accepted_before_the_function_returns() -> None:
    gate = Gate(then=greet)
    with started(gate) as process, connect((HOST, port_of(process))) as first:
        gate.next()
        with connect((HOST, port_of(process))) as second:
            gate.open()
            assert receive_line(first) == "hello"
            gate.next()
            gate.open()
            assert receive_line(second) == "hello"


def test_a_connection_is_the_functions_and_lives_on_when_it_has_returned() -> None:
    handles = Handles()
    with started(handles) as process, connect((HOST, port_of(process))) as client:
        with handles.next() as handle:
            assert server_terminate(process)
            client.sendall(b"still here\n")
            assert handle.read_line(timeout=PATIENCE) == "still here"
        assert client.recv(1) == b""


def test_a_handle_has_bytes_for_characters_and_a_stream_has_text() -> None:
    handles = Handles()
    for create_stream, expected in ((False, "Ã©"), (True, "é")):
        with (
            started(handles, create_stream=create_stream) as process,
            connect((HOST, port_of(process))) as client,
            handles.next() as connection,
        ):
            client.sendall("é\n".encode())
            assert connection.read_line(timeout=PATIENCE) == expected


def test_what_befalls_a_connection_costs_only_that_connection() -> None:
    gate = Gate(then=lambda handle: handle.read_line())
    with started(gate) as process:
        client = connect((HOST, port_of(process)))
        gate.next()
        reset(client)
        gate.open()
        assert gate.next_end() is not None
        with connect((HOST, port_of(process))) as other:
            handle = gate.next()
            other.sendall(b"a line\n")
            gate.open()
            assert gate.next_end() is None
            handle.close()


# -- announce -------------------------------------------------------------------------------------


def test_a_message_goes_to_a_stream_when_the_server_has_started() -> None:
    messages = io.StringIO()
    with started(announce=messages) as process:
        assert process.socket is not None
        expected = f"None server has started at {process.socket.local_name}\n"
        assert messages.getvalue() == expected
    assert messages.getvalue() == expected


def test_a_message_can_go_to_a_connection() -> None:
    ours, theirs = make_socket_pair()
    with ours, theirs, started(announce=ours, process_name="this"):
        assert theirs.read_line(timeout=PATIENCE).startswith("this has started at ")


def test_the_message_can_go_to_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with started(announce=True):
        assert "server has started at" in capsys.readouterr().out


@pytest.mark.parametrize("announce", [None, False])
def test_nothing_is_announced_without_being_asked_for(
    announce: bool | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with started(announce=announce):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_function_is_told_of_the_start_and_of_the_end() -> None:
    announced = Announced()
    with started(announce=announced) as process:
        assert announced.next_socket() is process.socket
        assert announced.is_empty
    assert announced.next() == (None, None)
    assert announced.is_empty


def test_what_an_announce_function_raises_keeps_the_server_from_starting() -> None:
    def fail(socket: PassiveSocket | None, condition: BaseException | None) -> None:
        if socket is not None:
            raise LookupError("not like this")

    process, condition = start_up_server(function=greet, announce=fail, address=HOST, wait=True)
    assert process is None
    assert isinstance(condition, LookupError)


# -- service, local_port --------------------------------------------------------------------------


@pytest.mark.parametrize("argument", ["service", "local_port"])
@pytest.mark.parametrize("form", [int, str])
def test_it_listens_at_the_port_of_its_service(argument: str, form: type) -> None:
    number = unused_port()
    arguments: dict[str, Any] = {argument: form(number)}
    with started(**arguments) as process:
        assert port_of(process) == number


@pytest.mark.parametrize("argument", ["service", "local_port"])
def test_a_port_that_is_taken_is_a_startup_condition(argument: str) -> None:
    with refusing_port() as taken:
        given: dict[str, Any] = {argument: taken}
        process, condition = start_up_server(function=greet, address=HOST, wait=True, **given)
    assert process is None
    assert isinstance(condition, AddressInUse)


def test_the_local_port_counts_where_a_service_is_given_too() -> None:
    number = unused_port()
    with refusing_port() as taken, started(service=taken, local_port=number) as process:
        assert port_of(process) == number


def test_without_a_service_the_port_is_any_free_one() -> None:
    with started() as one, started(service=None) as other:
        assert 0 != port_of(one) != port_of(other) != 0


# -- address, local_address, ipv6 -----------------------------------------------------------------


@pytest.mark.parametrize("argument", ["address", "local_address"])
@pytest.mark.parametrize("address", ["127.0.0.2", 0x7F000002])
def test_it_listens_at_its_address_only(argument: str, address: str | int) -> None:
    arguments: dict[str, Any] = {argument: address}
    with started(**arguments) as process:
        assert process.socket is not None
        assert str(process.socket.local_host) == "127.0.0.2"
        with pytest.raises(ConnectionRefusedError):
            connect((HOST, port_of(process)))


def test_the_local_address_counts_where_an_address_is_given_too() -> None:
    with started(address="127.0.0.3", local_address="127.0.0.2") as process:
        assert process.socket is not None
        assert str(process.socket.local_host) == "127.0.0.2"


def test_a_name_is_looked_up() -> None:
    with started(address="localhost") as process:
        assert process.socket is not None
        assert process.socket.local_host.is_loopback


def test_a_name_that_does_not_exist_is_a_startup_condition() -> None:
    process, condition = start_up_server(function=greet, address="no-such.invalid", wait=True)
    assert process is None
    assert isinstance(condition, NoName | OSError)


@pytest.mark.parametrize(
    ("address", "ipv6", "bound"),
    [
        (None, "any", "0.0.0.0"),
        (None, None, "0.0.0.0"),
        (None, False, "0.0.0.0"),
        ("127.0.0.1", "any", "127.0.0.1"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("localhost", None, "127.0.0.1"),
        pytest.param(None, True, "::", marks=needs_ipv6),
        pytest.param(None, "both", "::", marks=needs_ipv6),
        pytest.param("::", "any", "::", marks=needs_ipv6),
        pytest.param("::1", True, "::1", marks=needs_ipv6),
        pytest.param("127.0.0.1", "both", "::ffff:7f00:1", marks=needs_ipv6),
        (0x7F000001, True, "127.0.0.1"),  # only text and None have a choice
    ],
)
def test_the_family_is_that_of_the_address_and_the_choice(
    address: str | int | None, ipv6: Any, bound: str
) -> None:
    with started(address=address, ipv6=ipv6) as process:
        assert process.socket is not None
        assert process.socket.local_host == type(process.socket.local_host)(bound)


@needs_ipv6
@pytest.mark.parametrize(("ipv6", "takes_ipv4"), [(True, False), ("both", True)])
def test_ipv6_takes_ipv4_connections_only_if_both_are_asked_for(
    ipv6: Any, takes_ipv4: bool
) -> None:
    with started(address=None, ipv6=ipv6) as process:
        port = port_of(process)
        with connect(("::1", port)) as client:
            assert receive_line(client) == "hello"
        if takes_ipv4:
            with connect((HOST, port)) as client:
                assert receive_line(client) == "hello"
        else:
            # The port is left for another server on IPv4.
            with started(address="0.0.0.0", service=port):
                pass


@needs_ipv6
def test_any_is_ipv6_where_the_machine_has_no_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "IPV4_UNSPECIFIED", IPv4Address("192.0.2.1"))
    with started(address=None, ipv6="any") as process:
        assert process.socket is not None
        assert str(process.socket.local_host) == "::"


@pytest.mark.parametrize(("address", "ipv6"), [("::1", None), ("::1", False), ("127.0.0.1", True)])
def test_an_address_of_the_other_family_is_a_mistake(address: str, ipv6: Any) -> None:
    with pytest.raises(ValueError, match="is not of IPv"):
        start_up_server(function=greet, address=address, ipv6=ipv6)


# -- backlog, nodelay, keepalive, reuseport -------------------------------------------------------


@pytest.mark.parametrize(("arguments", "expected"), [({}, 5), ({"backlog": 3}, 3)])
def test_the_backlog_is_the_systems_limit(arguments: dict[str, Any], expected: int) -> None:
    with started(**arguments) as process:
        assert process.socket is not None
        assert accept_queue_limit(process.socket) == expected


@pytest.mark.parametrize(
    ("arguments", "nodelay", "keepalive"),
    [
        ({}, True, False),
        ({"nodelay": False, "keepalive": True}, False, True),
        ({"nodelay": 0, "keepalive": 1}, False, True),  # booleans are generalized
    ],
)
def test_the_connections_have_the_options(
    arguments: dict[str, Any], nodelay: bool, keepalive: bool
) -> None:
    handles = Handles()
    with (
        started(handles, **arguments) as process,
        connect((HOST, port_of(process))),
        handles.next() as handle,
    ):
        assert handle.get_option("nodelay") == nodelay
        assert handle.get_option("keepalive") == keepalive


def test_a_port_can_be_reused_by_those_who_ask_for_it() -> None:
    with (
        started(reuseport=True) as first,
        started(reuseport=True, service=port_of(first)) as second,
    ):
        assert port_of(first) == port_of(second)


def test_a_port_is_not_reused_otherwise() -> None:
    with started() as first:
        service = port_of(first)
        process, condition = start_up_server(
            function=greet, address=HOST, service=service, wait=True
        )
    assert process is None
    assert isinstance(condition, AddressInUse)


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


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"function": 1}, TypeError),
        ({"announce": 1}, TypeError),
        ({"service": 65_536}, ValueError),
        ({"service": "no-such-service"}, ValueError),
        ({"service": 1.5}, TypeError),
        ({"address": "not an address"}, ValueError),
        ({"address": 1.5}, TypeError),
        ({"ipv6": "neither"}, ValueError),
        ({"ipv6": 1}, ValueError),
    ],
)
def test_mistakes_are_found_at_once(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        start_up_anything(**{"function": greet, **arguments})


def test_the_log_has_the_connections_that_break(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    gate = Gate(then=lambda handle: handle.read_line())
    with started(gate, process_name="this") as process:
        connect((HOST, port_of(process))).close()
        gate.next()
        gate.open()
        assert isinstance(gate.next_end(), EndOfFile)
    assert "this: the connection from" in caplog.text
