"""Connections that change hands between Python's sockets and ours."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import Call, stream_and_peer
from support.peers import echo_server, receive_exactly, socket_pair
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    Busy,
    PassiveSocket,
    SocketClosed,
    from_socket,
    make_socket,
    make_socket_pair,
)

FAMILIES = [socket.AF_UNIX, socket.AF_INET]


# -- from Python -----------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_connection_becomes_ours(family: socket.AddressFamily) -> None:
    with socket_pair(family) as (mine, peer):
        number = mine.fileno()
        with from_socket(mine, external_format="utf-8/crlf") as ours:
            assert isinstance(ours, ActiveSocket)
            assert (mine.fileno(), ours.fileno()) == (-1, number)
            peer.sendall("grüße\r\n".encode())
            assert ours.read_line(timeout=PATIENCE) == "grüße"
            ours.write_line("welt", flush=True)
            assert receive_exactly(peer, 6) == b"welt\r\n"
        assert peer.recv(1) == b""


def test_one_that_listens_becomes_a_passive_one() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    with from_socket(listener) as ours:
        assert isinstance(ours, PassiveSocket)
        assert ours.is_listening
        with socket.create_connection(("127.0.0.1", port), PATIENCE):
            accepted = ours.accept(timeout=PATIENCE)
            assert accepted is not None
            accepted.close()


def test_one_without_a_peer_can_be_connected() -> None:
    with echo_server() as server:
        assert isinstance(server.address, tuple)
        with from_socket(socket.socket()) as ours:
            assert isinstance(ours, ActiveSocket)
            assert not ours.is_connected
            ours.connect(server.address[0], server.address[1])
            ours.write_line("hello")
            assert ours.read_line(timeout=PATIENCE) == "hello"


@pytest.mark.parametrize(
    ("timeout", "options", "expected"),
    [
        (None, {}, None),
        (0, {}, None),
        (1.5, {}, 1.5),
        (1.5, {"timeout": 3}, 3),
        (1.5, {"timeout": None}, None),
    ],
)
def test_its_limit_of_time_goes_along(
    timeout: float | None, options: Any, expected: float | None
) -> None:
    with socket_pair() as (mine, _):
        mine.settimeout(timeout)
        with from_socket(mine, **options) as ours:
            assert isinstance(ours, ActiveSocket)
            assert ours.timeout == expected


@pytest.mark.parametrize("wrong", [None, 3, "socket", b"", object()])
def test_nothing_else_is_a_socket_of_pythons(wrong: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(wrong).__name__}"):
        from_socket(wrong)


def test_ours_is_none_either() -> None:
    with stream_and_peer() as (stream, _), pytest.raises(TypeError, match="not ActiveSocket"):
        from_socket(stream)  # type: ignore[call-overload]


def test_one_that_is_closed_is_told() -> None:
    closed = socket.socket()
    closed.close()
    with pytest.raises(SocketClosed):
        from_socket(closed)


def test_datagram_sockets_change_hands_too() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as theirs:
        theirs.bind(("127.0.0.1", 0))
        theirs.settimeout(1)
        name = theirs.getsockname()
        with from_socket(theirs, type="datagram") as ours:
            assert theirs.fileno() == -1
            assert ours.local_port == name[1]
            with ours.to_socket() as again:
                assert again.getsockname() == name
                with pytest.raises(ValueError, match="not a stream socket"):
                    from_socket(again)
                assert again.fileno() >= 0


@pytest.mark.parametrize("blocking", [True, False])
def test_one_that_cannot_be_ours_stays_as_it_was(blocking: bool) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        datagrams.setblocking(blocking)
        with pytest.raises(ValueError, match="not a stream socket"):
            from_socket(datagrams)
        assert datagrams.fileno() >= 0
        assert datagrams.getblocking() is blocking
        assert os.get_blocking(datagrams.fileno()) is blocking


def test_an_option_that_is_wrong_leaves_it_as_it_was() -> None:
    with socket_pair() as (mine, peer):
        mine.settimeout(2)
        for options in ({"external_format": "no such"}, {"timeout": -1}, {"nodelay": True}):
            with pytest.raises((TypeError, ValueError)):
                from_socket(mine, **options)
        assert mine.gettimeout() == 2
        mine.sendall(b"x")
        assert peer.recv(1) == b"x"


def test_tls_is_not_taken_apart() -> None:
    with socket_pair() as (mine, _):
        context = ssl.create_default_context()
        wrapped = context.wrap_socket(
            mine, server_hostname="example.org", do_handshake_on_connect=False
        )
        with wrapped, pytest.raises(TypeError, match="TLS"):
            from_socket(wrapped)


# -- to Python -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_ours_becomes_one_of_pythons(family: socket.AddressFamily, timeout: float | None) -> None:
    with stream_and_peer(family, timeout=timeout) as (stream, peer):
        number, name = stream.fileno(), stream.remote_name
        with stream.to_socket() as theirs:
            assert type(theirs) is socket.socket
            assert (theirs.fileno(), theirs.gettimeout(), theirs.family) == (
                number,
                timeout,
                family,
            )
            assert stream.closed
            assert stream.remote_name == name
            peer.sendall(b"hello")
            assert receive_exactly(theirs, 5) == b"hello"
            stream.close()  # it has nothing to close any more
            theirs.sendall(b"x")
            assert peer.recv(1) == b"x"
        with pytest.raises(SocketClosed):
            stream.to_socket()


def test_there_and_back_again() -> None:
    one, other = make_socket_pair()
    with other:
        for _ in range(3):
            one = from_socket(one.to_socket())  # type: ignore[assignment]
        with one:
            one.write_line("still the same", flush=True)
            assert other.read_line(timeout=PATIENCE) == "still the same"


def test_what_was_not_read_or_sent_is_not_lost() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\ntwo\n")
        assert stream.peek_char(timeout=PATIENCE) == "o"
        with pytest.raises(ValueError, match="input"):
            stream.to_socket()
        stream.clear_input()
        stream.write("queued")
        with pytest.raises(ValueError, match="output"):
            stream.to_socket()
        stream.finish_output()
        assert receive_exactly(peer, 6) == b"queued"
        stream.to_socket().close()


def test_nobody_else_may_be_using_it() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def pause(number: int) -> None:
        begun.set()
        go_on.wait(PATIENCE)

    one, other = make_socket_pair()
    with one, other:
        # Somebody who is told that it is handed on is inside of the first call.
        one.watch_closing(pause)
        with Call(one.to_socket) as handing_on:
            assert begun.wait(PATIENCE)
            with pytest.raises(Busy):
                one.to_socket()
            go_on.set()
            handing_on.result().close()


@contextlib.contextmanager
def local_listener(path: Path) -> Iterator[PassiveSocket]:
    with make_socket(
        connect="passive", address_family="local", local_filename=str(path)
    ) as listener:
        assert isinstance(listener, PassiveSocket)
        yield listener


def test_the_file_of_a_local_one_is_left(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with local_listener(path) as listener:
        theirs = listener.to_socket()
    with theirs, socket.socket(socket.AF_UNIX) as client:
        assert theirs.gettimeout() is None
        client.connect(os.fspath(path))
        connection, _ = theirs.accept()
        connection.close()
    assert path.exists()
    assert not path.with_name("socket.lock").exists()


def test_asyncio_serves_on_it() -> None:
    async def serve() -> bytes:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.readline())
            writer.close()

        with make_socket(connect="passive", local_host="127.0.0.1") as listener:
            port = listener.local_port
            server = await asyncio.start_server(answer, sock=listener.to_socket())
        async with server:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"hello\n")
            line = await reader.readline()
            writer.close()
            return line

    assert asyncio.run(serve()) == b"hello\n"


def test_a_multiplexer_lets_go_of_it() -> None:
    told = threading.Event()
    with stream_and_peer() as (stream, _):
        stream.watch_closing(lambda number: told.set())
        stream.to_socket().close()
    assert told.is_set()


def test_without_a_peer_it_may_go_too() -> None:
    with make_socket() as fresh, fresh.to_socket() as theirs:
        assert fresh.closed
        with pytest.raises(OSError, match="not connected"):
            theirs.getpeername()
