"""What all sockets have in common: names that are remembered, what they look like, how they end."""

import gc
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import connected_sockets, full_listener, listening, stream_and_peer
from support.peers import receive_exactly, refusing_port, reset
from support.timing import PATIENCE

from trunkline import (
    IPV4_LOOPBACK,
    ActiveSocket,
    ConnectionRefused,
    ConnectionReset,
    Endpoint,
    LocalAddress,
    NotConnected,
    SocketClosed,
    make_socket,
    make_socket_pair,
)

# -- names ----------------------------------------------------------------------------------------


def test_both_ends_agree_on_who_they_are() -> None:
    with connected_sockets() as (client, server):
        assert client.local_name == server.remote_name
        assert client.remote_name == server.local_name
        host, port = client.remote_name
        assert (host, port) == (client.remote_host, client.remote_port)
        assert isinstance(client.remote_name, Endpoint)
        assert host == IPV4_LOOPBACK


def test_the_names_are_remembered_when_the_peer_has_reset_and_the_socket_is_closed() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        local, remote = stream.local_name, stream.remote_name
        reset(peer)
        with pytest.raises(ConnectionReset):
            stream.read(timeout=PATIENCE)
        assert not stream.is_connected
        assert (stream.local_name, stream.remote_name) == (local, remote)
        stream.close()
        assert (stream.local_host, stream.local_port) == local
        assert (stream.remote_host, stream.remote_port) == remote


def test_the_names_are_remembered_even_if_nobody_asked_while_they_were_there() -> None:
    with connected_sockets() as (client, server):
        client.close(reset=True)
        server.close(abort=True)
        assert client.local_name == server.remote_name
        assert client.remote_name == server.local_name


def test_a_listening_socket_remembers_where_it_listened() -> None:
    with listening() as listener:
        name = listener.local_name
    assert listener.local_name == name
    assert listener.local_port == name.port


def test_before_connecting_there_is_no_remote_name() -> None:
    with make_socket() as sock:
        for ask in (
            lambda: sock.remote_name,
            lambda: sock.remote_host,
            lambda: sock.remote_port,
            lambda: sock.remote_filename,
        ):
            with pytest.raises(NotConnected):
                ask()
        assert sock.local_port == 0
        assert str(sock.local_host) == "0.0.0.0"


def test_a_socket_closed_before_it_had_names_says_that_it_is_closed() -> None:
    sock = make_socket()
    sock.close()
    for ask in (lambda: sock.remote_name, lambda: sock.local_name, lambda: sock.local_port):
        with pytest.raises(SocketClosed):
            ask()


def test_a_local_socket_has_no_hosts_and_an_internet_socket_no_file_names() -> None:
    left, right = make_socket_pair()
    with left, right:
        for name in ("local_host", "local_port", "remote_host", "remote_port"):
            with pytest.raises(TypeError, match="a local socket has neither hosts nor ports"):
                getattr(left, name)
        assert left.local_filename == right.remote_filename == LocalAddress("", abstract=True)
    with connected_sockets() as (client, _):
        for name in ("local_filename", "remote_filename"):
            with pytest.raises(TypeError, match="an internet socket has no file names"):
                getattr(client, name)


def test_a_connection_that_is_not_waited_for_has_a_peer_all_the_same() -> None:
    with listening() as listener, make_socket() as sock:
        sock.connect("127.0.0.1", listener.local_port, timeout=0)
        with listener.accept():
            assert sock.is_connected
            assert sock.remote_name == listener.local_name


# -- what sockets look like -----------------------------------------------------------------------


def test_a_passive_socket_looks_as_in_the_tutorial() -> None:
    with make_socket(connect="passive", address_family="ipv4") as sock:
        assert repr(sock) == "<passive IPv4 stream socket, unbound>"
        sock.bind("0.0.0.0")
        port = sock.local_port
        assert repr(sock) == f"<passive IPv4 stream socket bound to 0.0.0.0:{port}>"
        sock.listen()
        assert repr(sock) == f"<passive IPv4 stream socket waiting @ 0.0.0.0:{port}>"
    assert repr(sock) == "<passive IPv4 stream socket, closed>"


def test_an_active_socket_looks_as_in_the_tutorial() -> None:
    with listening() as listener, make_socket() as sock:
        assert repr(sock) == "<active IPv4 stream socket, unconnected>"
        sock.connect("127.0.0.1", listener.local_port)
        port = listener.local_port
        assert repr(sock) == f"<active IPv4 stream socket connected to 127.0.0.1:{port}>"
        with listener.accept() as server:
            expected = f"<active IPv4 stream socket connected to 127.0.0.1:{sock.local_port}>"
            assert repr(server) == expected
    assert repr(sock) == "<active IPv4 stream socket, closed>"


def test_a_socket_whose_connection_is_refused_is_unconnected() -> None:
    with refusing_port() as port, make_socket() as sock:
        with pytest.raises(ConnectionRefused):
            sock.connect("127.0.0.1", port)
        assert repr(sock) == "<active IPv4 stream socket, unconnected>"


def test_a_socket_that_is_connecting_is_unconnected() -> None:
    with full_listener() as listener, make_socket() as sock:
        sock.connect("127.0.0.1", listener.getsockname()[1], timeout=0)
        assert repr(sock) == "<active IPv4 stream socket, unconnected>"
        assert not sock.is_connected


def test_ipv6_sockets_look_alike() -> None:
    with (
        make_socket(connect="passive", local_host="::1") as listener,
        make_socket(remote_host="::1", remote_port=listener.local_port) as client,
    ):
        port = listener.local_port
        assert repr(listener) == f"<passive IPv6 stream socket waiting @ [::1]:{port}>"
        assert repr(client) == f"<active IPv6 stream socket connected to [::1]:{port}>"


def test_local_sockets_show_their_paths(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with make_socket(connect="passive", address_family="local") as listener:
        assert repr(listener) == "<passive local stream socket, unbound>"
        listener.bind(path)
        assert repr(listener) == f'<passive local stream socket bound to "{path}">'
        listener.listen()
        assert repr(listener) == f'<passive local stream socket waiting @ "{path}">'
        with make_socket(address_family="local", remote_filename=path) as client:
            assert repr(client) == f'<active local stream socket connected to "{path}">'
            with listener.accept() as server:
                assert repr(server) == "<active local stream socket connected to (unnamed)>"
    assert repr(client) == "<active local stream socket, closed>"


def test_abstract_names_are_shown_with_an_at(tmp_path: Path) -> None:
    name = LocalAddress(str(tmp_path), abstract=True)
    with make_socket(connect="passive", address_family="local", local_filename=name) as listener:
        assert repr(listener) == f'<passive local stream socket waiting @ "@{tmp_path}">'


def test_a_connection_that_is_lost_still_shows_whose_it_was() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        before = repr(stream)
        reset(peer)
        with pytest.raises(ConnectionReset):
            stream.read(timeout=PATIENCE)
        assert repr(stream) == before


# -- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [make_socket, lambda: make_socket(connect="passive", local_host="127.0.0.1")]
)
def test_closing_may_be_repeated(make: Callable[[], Any]) -> None:
    sock = make()
    number = sock.fileno()
    for arguments in ({}, {}, {"abort": True}, {}):
        sock.close(**arguments)
        assert sock.closed
        assert sock.fileno() == -1
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)


def test_closing_again_does_not_close_what_has_the_number_now() -> None:
    sock = make_socket()
    number = sock.fileno()
    sock.close()
    with socket.socket() as successor:
        sock.close()
        sock.close(abort=True)
        assert successor.fileno() == number
        os.fstat(number)


def test_a_with_block_closes_and_sends_what_is_queued() -> None:
    with stream_and_peer() as (stream, peer):
        with stream as entered:
            assert entered is stream
            stream.write("good bye")
        assert stream.closed
        assert receive_exactly(peer, 8) == b"good bye"
        assert peer.recv(100) == b""


def test_leaving_a_with_block_by_an_exception_drops_what_is_queued() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("good bye")
        with pytest.raises(ZeroDivisionError), stream:
            raise ZeroDivisionError
        assert stream.closed
        assert peer.recv(100) == b""


def test_leaving_a_with_block_does_not_hide_an_exception() -> None:
    with listening() as listener:
        name = listener.local_name
        with pytest.raises(ZeroDivisionError), listener:
            raise ZeroDivisionError
        assert listener.closed
        assert listener.local_name == name


@pytest.mark.parametrize("state", ["connected", "unconnected", "listening"])
def test_a_socket_that_is_forgotten_is_closed_with_a_warning(state: str) -> None:
    with listening() as other:
        if state == "connected":
            sock: Any = make_socket(remote_host="127.0.0.1", remote_port=other.local_port)
        elif state == "listening":
            sock = make_socket(connect="passive", local_host="127.0.0.1")
        else:
            sock = make_socket()
        number, text = sock.fileno(), repr(sock)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del sock
            gc.collect()
        assert [str(warning.message) for warning in caught] == [f"unclosed {text}"]
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(number)


FORGETFUL = """
from trunkline import {imported}
def forget():
    thing = {call}

forget()
"""


@pytest.mark.parametrize(
    "call",
    [
        "make_socket(connect='passive', local_host='127.0.0.1')",
        "make_socket_pair()[0]",
        "EventBase()",
    ],
)
@pytest.mark.slow
def test_the_development_mode_tells_where_what_was_forgotten_was_made(
    call: str, tmp_path: Path
) -> None:
    script = tmp_path / "forgetful.py"
    script.write_text(FORGETFUL.format(imported=call.partition("(")[0], call=call))
    for options, told in ((["-X", "dev"], True), (["-W", "default"], False)):
        run = subprocess.run(
            [sys.executable, *options, script],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert "ResourceWarning: unclosed <" in run.stderr
        assert (f", made at {script}:4\n" in run.stderr) is told


def test_a_socket_that_was_closed_is_forgotten_in_silence() -> None:
    sock = make_socket()
    sock.close()
    del sock
    gc.collect()


def test_a_socket_that_could_not_be_made_is_forgotten_in_silence() -> None:
    with pytest.raises(ValueError, match="no such encoding"):
        ActiveSocket(_descriptor(), external_format="no-such-encoding")
    gc.collect()


def _descriptor() -> Any:
    class NoDescriptor:
        is_closed = True

    return NoDescriptor()
