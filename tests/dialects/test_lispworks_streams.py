"""`open_tcp_stream`, argument by argument, and what tells the addresses of a socket."""

import socket
from typing import Any

import pytest
from dialects.lispworks_helpers import HOST, port_of, started
from sockets.helpers import full_listener
from support.peers import PeerServer, echo_server, has_ipv6, refusing_port, unused_port
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    ConnectionRefused,
    Endpoint,
    NoName,
    NotConnected,
    TimedOut,
    ensure_address,
    make_socket,
    make_socket_pair,
)
from trunkline.dialects.lispworks import (
    close_socket_handle,
    get_socket_address,
    get_socket_peer_address,
    make_socket_stream,
    open_tcp_stream,
)

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")

LIMIT = 20 * MS

# What a program must not write; type checkers would find it.
open_anything: Any = open_tcp_stream


def opened(*args: Any, **kwargs: Any) -> ActiveSocket:
    """Open a stream, which has to succeed."""
    stream, condition = open_anything(*args, **kwargs)
    assert condition is None
    assert isinstance(stream, ActiveSocket)
    return stream


def test_a_stream_is_opened_and_there_is_no_condition() -> None:
    with started() as process:
        stream, condition = open_tcp_stream("localhost", port_of(process))
        assert stream is not None
        with stream:
            assert condition is None
            assert stream.read_line(timeout=PATIENCE) == "hello"


def test_a_with_statement_takes_the_stream_or_raises_the_condition() -> None:
    with started() as process, open_tcp_stream("localhost", port_of(process)) as talk:
        assert talk.read_line(timeout=PATIENCE) == "hello"
    assert talk.closed
    with (
        refusing_port() as port,
        pytest.raises(ConnectionRefused),
        open_tcp_stream(HOST, port),
    ):
        pytest.fail("there is no stream")


def test_a_handle_is_closed_twice() -> None:
    handle, other = make_socket_pair()
    with other:
        close_socket_handle(handle)
        close_socket_handle(handle)
        assert other.read() == b""


@pytest.mark.parametrize("arguments", [{}, {"errorp": False}])
def test_a_failure_is_returned(arguments: dict[str, bool]) -> None:
    with refusing_port() as port:
        stream, condition = open_anything(HOST, port, **arguments)
    assert stream is None
    assert isinstance(condition, ConnectionRefused)


def test_a_name_that_does_not_exist_is_a_failure_too() -> None:
    stream, condition = open_tcp_stream("no-such.invalid", 1)
    assert stream is None
    assert isinstance(condition, NoName | OSError)


def test_a_failure_is_raised_if_that_is_asked_for() -> None:
    with refusing_port() as port, pytest.raises(ConnectionRefused):
        open_tcp_stream(HOST, port, errorp=True)


def test_connecting_takes_no_longer_than_its_limit() -> None:
    with full_listener() as listener:
        stream, condition = open_tcp_stream(*listener.getsockname(), timeout=LIMIT)
    assert stream is None
    assert isinstance(condition, TimedOut)


def test_the_limit_on_connecting_is_not_one_on_the_stream() -> None:
    with echo_server() as server, opened(*server.address, timeout=PATIENCE) as stream:
        assert stream.timeout is None


def test_reading_takes_no_longer_than_its_limit() -> None:
    with echo_server() as server, opened(*server.address, read_timeout=LIMIT) as stream:
        with pytest.raises(TimedOut, match="time limit passed") as failure:
            stream.read_line()
        assert failure.value.deadline
        stream.write_line("still there")
        stream.finish_output()
        assert stream.read_line(timeout=PATIENCE) == "still there"


def test_writing_takes_no_longer_than_its_limit() -> None:
    with (
        socket.create_server((HOST, 0)) as listener,
        opened(*listener.getsockname(), write_timeout=LIMIT) as stream,
    ):
        with pytest.raises(TimedOut, match="time limit passed"):
            stream.write(bytes(64 << 20))
        stream.close(abort=True)


def test_the_limit_on_writing_is_none_on_reading() -> None:
    def answer_late(connection: socket.socket) -> None:
        assert connection.recv(1) == b"."
        connection.sendall(b"late\n")

    with (
        PeerServer(answer_late) as server,
        opened(*server.address, write_timeout=LIMIT) as stream,
    ):
        with pytest.raises(TimedOut):
            stream.read_line(timeout=3 * LIMIT)
        stream.write(".")
        stream.finish_output()
        assert stream.read_line() == "late"


@pytest.mark.parametrize("number", [0, 1])
def test_it_connects_from_its_address_and_port(number: int) -> None:
    port = unused_port() if number else None
    with (
        echo_server() as server,
        opened(*server.address, local_address="127.0.0.2", local_port=port) as stream,
    ):
        assert str(stream.local_host) == "127.0.0.2"
        assert stream.local_port == port or port is None


@pytest.mark.parametrize("host", ["127.0.0.1", 0x7F000001, pytest.param("::1", marks=needs_ipv6)])
def test_a_port_needs_no_address(host: str | int) -> None:
    port = unused_port()
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    with (
        echo_server(family) as server,
        opened(host, server.address[1], local_port=str(port)) as stream,
    ):
        assert stream.local_port == port


@pytest.mark.parametrize(
    ("arguments", "nodelay", "keepalive"),
    [({}, True, False), ({"nodelay": False, "keepalive": True}, False, True)],
)
def test_the_stream_has_the_options(
    arguments: dict[str, bool], nodelay: bool, keepalive: bool
) -> None:
    with echo_server() as server, opened(*server.address, **arguments) as stream:
        assert stream.get_option("nodelay") == nodelay
        assert stream.get_option("keepalive") == keepalive


def test_the_stream_has_the_format() -> None:
    with echo_server() as server:
        for limits in ({}, {"read_timeout": PATIENCE}):
            with opened(*server.address, external_format="latin-1/crlf", **limits) as stream:
                stream.write("é\n")
                stream.finish_output()
                assert stream.read_exactly(3) == b"\xe9\r\n"


VERSIONS = {socket.AF_INET: 4, socket.AF_INET6: 6}


@needs_ipv6
@pytest.mark.parametrize(
    ("ipv6", "versions"), [("any", {4, 6}), (True, {6}), (False, {4}), (None, {4})]
)
def test_a_name_has_the_addresses_of_the_family(ipv6: Any, versions: set[int]) -> None:
    names = {VERSIONS[found[0]] for found in socket.getaddrinfo("localhost", 0)}
    for family in (socket.AF_INET, socket.AF_INET6):
        with echo_server(family) as server:
            stream, _ = open_tcp_stream("localhost", server.address[1], ipv6=ipv6)
            assert (stream is not None) == (VERSIONS[family] in versions & names)
            if stream is not None:
                assert stream.remote_host.version == VERSIONS[family]
                stream.close()


@pytest.mark.parametrize(("host", "ipv6"), [("::1", False), ("127.0.0.1", True)])
def test_an_address_of_the_other_family_is_a_mistake(host: str, ipv6: bool) -> None:
    with pytest.raises(ValueError, match="is not of IPv"):
        open_tcp_stream(host, 1, ipv6=ipv6)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"host": 1.5}, TypeError),
        ({"service": "no-such-service"}, ValueError),
        ({"ipv6": "both"}, ValueError),
        ({"read_timeout": 0}, ValueError),
        ({"write_timeout": "long"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"external_format": "no-such-format"}, ValueError),
    ],
)
def test_mistakes_are_found_at_once(arguments: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        open_anything(**{"host": HOST, "service": 1, **arguments})


# -- handles and addresses ------------------------------------------------------------------------


def test_the_stream_of_a_handle_is_the_same_socket_with_a_format() -> None:
    handle, peer = make_socket_pair(external_format="latin-1")
    with handle, peer:
        peer.write("é\n")
        peer.finish_output()
        assert make_socket_stream(handle) is handle
        assert str(handle.external_format) == "utf-8/lf"
        make_socket_stream(handle, external_format="latin-1")
        assert handle.read_line(timeout=PATIENCE) == "é"


def test_both_ends_tell_the_same_addresses() -> None:
    with socket.create_server((HOST, 0)) as listener, opened(*listener.getsockname()) as stream:
        here, there = get_socket_address(stream), get_socket_peer_address(stream)
        assert there == Endpoint(ensure_address(HOST), listener.getsockname()[1])
        peer, name = listener.accept()
        peer.close()
        assert (str(here.host), here.port) == name
    assert get_socket_address(stream) == here


def test_what_has_no_address_says_so() -> None:
    one, other = make_socket_pair()
    with one, other:
        for function in (get_socket_address, get_socket_peer_address):
            with pytest.raises(TypeError):
                function(one)
    with make_socket() as unconnected, pytest.raises(NotConnected):
        get_socket_peer_address(unconnected)
