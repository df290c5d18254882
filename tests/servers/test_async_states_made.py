"""Making asynchronous states: of what is accepted, and of sockets."""

import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from servers.async_states_helpers import (
    HOST,
    Answers,
    raising_base,
    receives,
    run_until,
    settle,
    state_and_peer,
)
from sockets.test_make_socket import accept_queue_limit
from support.peers import connect, has_ipv6, refusing_port
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    AddressInUse,
    AsyncIOState,
    EventBase,
    Listener,
    SocketClosed,
    accept_tcp_connections_creating_async_io_states,
    create_async_io_state,
    make_socket_pair,
)

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")

# What a program must not write; type checkers would find it.
accept_anything: Any = accept_tcp_connections_creating_async_io_states


@pytest.fixture
def answers() -> Answers:
    return Answers()


# -- accepting ------------------------------------------------------------------------------------


def test_each_connection_is_given_to_the_function_as_a_state() -> None:
    def answer(state: AsyncIOState, line: str, error: Exception | None) -> None:
        if error is not None:
            state.close()
            return
        state.write(f"You sent: '{line}'\n")
        state.read_line(answer)

    def welcome(listener: Listener, state: AsyncIOState) -> None:
        states.append((listener, state))
        state.read_line(answer)

    states: list[tuple[Listener, AsyncIOState]] = []
    with raising_base() as event_base:
        with accept_tcp_connections_creating_async_io_states(
            event_base, None, welcome, address=HOST, name="talk", user_info=7, read_timeout=60
        ) as listener:
            clients = [connect((HOST, listener.local_name.port)) for _ in range(3)]
            run_until(event_base, lambda: len(states) == 3)
        for number, client in enumerate(clients):
            client.sendall(f"{number}\n".encode())
        settle(event_base)
        for number, client in enumerate(clients):
            assert receives(client, f"You sent: '{number}'\n".encode())
            client.close()
        run_until(event_base, lambda: all(state.closed for _, state in states))
        for told, state in states:
            assert told is listener
            assert (state.name, state.user_info) == ("talk", 7)
            assert (state.read_timeout, state.write_timeout) == (60, None)
            assert "'talk'" in repr(state)


@contextlib.contextmanager
def accepting(event_base: EventBase, **options: Any) -> Iterator[tuple[Listener, list[Any]]]:
    """Yield a listener, and what it makes."""
    states: list[AsyncIOState] = []
    arguments = {"service": None, "address": HOST, **options}
    listener = accept_anything(
        event_base, connection_function=lambda _, state: states.append(state), **arguments
    )
    with listener:
        yield listener, states
    for state in states:
        state.close(abort=True)
    settle(event_base)


@pytest.mark.parametrize(
    ("arguments", "nodelay", "keepalive"),
    [({}, 1, 0), ({"nodelay": False, "keepalive": True}, 0, 1)],
)
def test_the_connections_have_the_options(
    arguments: dict[str, bool], nodelay: int, keepalive: int
) -> None:
    with (
        raising_base() as event_base,
        accepting(event_base, **arguments) as (listener, states),
        connect((HOST, listener.local_name.port)),
    ):
        run_until(event_base, lambda: states)
        number = os.dup(states[0]._transport.fileno())
        with socket.socket(fileno=number) as same:
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == nodelay
            assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == keepalive


def test_the_text_has_the_format(answers: Answers) -> None:
    with (
        raising_base() as event_base,
        accepting(event_base, external_format="latin-1/crlf") as (listener, states),
        connect((HOST, listener.local_name.port)) as client,
    ):
        client.sendall(b"\xe9\r\n")
        run_until(event_base, lambda: states)
        states[0].read_line(answers.read)
        states[0].write("ü\n", answers.write)
        run_until(event_base, lambda: len(answers.all) == 2)
        assert ("é", None) in answers.all
        assert receives(client, b"\xfc\r\n")


def test_it_listens_where_it_is_told_to() -> None:
    with raising_base() as event_base, accepting(event_base, address="127.0.0.2") as (one, _):
        assert str(one.local_name.host) == "127.0.0.2"
        port = one.local_name.port
        with pytest.raises(AddressInUse), accepting(event_base, address="127.0.0.2", service=port):
            pass
    with (
        refusing_port() as taken,
        raising_base() as event_base,
        pytest.raises(AddressInUse),
        accepting(event_base, service=str(taken)),
    ):
        pass


def test_a_port_can_be_reused_by_those_who_ask_for_it() -> None:
    with (
        raising_base() as event_base,
        accepting(event_base, reuseport=True) as (one, _),
        accepting(event_base, reuseport=True, service=one.local_name.port) as (other, _),
    ):
        assert other.local_name == one.local_name


@pytest.mark.parametrize(
    ("ipv6", "bound"), [(False, "0.0.0.0"), pytest.param(True, "::", marks=needs_ipv6)]
)
def test_the_family_can_be_chosen(ipv6: bool, bound: str) -> None:
    with raising_base() as event_base, accepting(event_base, address=None, ipv6=ipv6) as (one, _):
        assert str(one.local_name.host) == bound


@pytest.mark.parametrize(("arguments", "expected"), [({}, 5), ({"backlog": 3}, 3)])
def test_the_backlog_is_the_systems_limit(arguments: dict[str, int], expected: int) -> None:
    with raising_base() as event_base, accepting(event_base, **arguments) as (listener, _):
        assert accept_queue_limit(listener.socket) == expected


# -- what a state is made of ----------------------------------------------------------------------


def test_a_state_of_a_socket_begins_with_what_it_has_received(answers: Answers) -> None:
    ours, theirs = make_socket_pair(external_format="latin-1")
    with raising_base() as event_base, theirs:
        theirs.write("one\ntwo é\n")
        theirs.finish_output()
        assert ours.read_line(timeout=PATIENCE) == "one"
        state = create_async_io_state(event_base, ours, name="it", user_info="info")
        assert ours.closed
        assert (state.name, state.user_info) == ("it", "info")
        assert state.event_base is event_base
        settle(event_base)
        state.read_line(answers.read)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("two é", None)]
        state.close()
        settle(event_base)


def test_a_state_knows_both_names() -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        assert tuple(map(str, state.remote_name)) == tuple(map(str, peer.getsockname()))
        assert tuple(map(str, state.local_name)) == tuple(map(str, peer.getpeername()))


async def unplain(*args: Any) -> None:
    """Do nothing, unless somebody awaits it."""


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"connection_function": None}, TypeError),
        ({"connection_function": lambda state: None}, TypeError),
        ({"connection_function": unplain}, TypeError),
        ({"service": 65_536}, ValueError),
        ({"address": "not an address"}, ValueError),
        ({"ipv6": "neither"}, ValueError),
        ({"read_timeout": "long"}, TypeError),
        ({"write_timeout": -1}, ValueError),
        ({"external_format": "no-such-format"}, ValueError),
    ],
)
def test_mistakes_are_found_at_once(arguments: dict[str, Any], error: type[Exception]) -> None:
    with EventBase() as event_base, pytest.raises(error):
        accept_anything(event_base, **{"service": None, "connection_function": print, **arguments})


def test_mistakes_in_a_request_leave_no_request(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, _):
        request: Any
        for request in (
            lambda: state.read_some(answers.read, size=-1),
            lambda: state.read_exactly(-1, answers.read),
            lambda: state.read_line(answers.read, limit=-1),
            lambda: state.read_line(answers.read, timeout=-1),
            lambda: state.write("x", answers.write, timeout=-1),
        ):
            with pytest.raises(ValueError, match=r"negative|at least 0"):
                request()
        callback: Any
        for callback in (1, unplain, lambda state: None):
            with pytest.raises(TypeError):
                state.read_line(callback)
            with pytest.raises(TypeError):
                state.write("x", callback)
        state.read_line(answers.read)


def test_bytes_cannot_be_read_where_text_is_decoded_ahead(answers: Answers) -> None:
    ours, theirs = make_socket_pair(external_format="utf-16")
    with raising_base() as event_base, theirs:
        state = create_async_io_state(event_base, ours)
        for read in (state.read_some, lambda callback: state.read_exactly(1, callback)):
            with pytest.raises(ValueError, match="bytes cannot be read"):
                read(answers.read)
        theirs.write("text\n")
        theirs.finish_output()
        state.read_line(answers.read)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("text", None)]
        state.close(abort=True)
        settle(event_base)


def test_a_closed_event_base_accepts_nobody() -> None:
    with EventBase() as event_base:
        pass
    with pytest.raises(SocketClosed):
        accept_anything(event_base, None, print, address=HOST)
    one, other = make_socket_pair()
    with one, other:
        assert isinstance(one, ActiveSocket)
        with pytest.raises(SocketClosed):
            create_async_io_state(event_base, one)
