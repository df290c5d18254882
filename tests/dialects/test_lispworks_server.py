"""`start_up_server`, argument by argument: whom it calls, and where it listens."""

import io
from ipaddress import IPv4Address
from queue import SimpleQueue
from typing import Any

import pytest
from dialects.lispworks_helpers import HOST, Announced, greet, port_of, started, visit
from servers.serving import Gate, receive_line
from sockets.test_make_socket import accept_queue_limit
from support.peers import ELSEWHERE, connect, has_ipv6, refusing_port, reset, unused_port
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    AddressInUse,
    NoName,
    PassiveSocket,
    make_socket_pair,
)
from trunkline.dialects.lispworks import (
    server_terminate,
    start_up_server,
)
from trunkline.servers import listening

Surfaced = SimpleQueue[BaseException | None]

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")

# What a program must not write; type checkers would find it.
start_up_anything: Any = start_up_server


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
            connect((ELSEWHERE, port_of(process)))


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
            with started(address=ELSEWHERE, service=port):
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


# -- mistakes -------------------------------------------------------------------------------------


async def unplain(*args: Any) -> None:
    """Do nothing, unless somebody awaits it."""


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"function": 1}, TypeError),
        ({"announce": 1}, TypeError),
        ({"function": lambda: None}, TypeError),
        ({"function": unplain}, TypeError),
        ({"announce": lambda socket: None}, TypeError),
        ({"announce": unplain}, TypeError),
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
