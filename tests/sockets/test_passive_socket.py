"""Sockets that listen: binding, listening, accepting, and the files of local ones."""

import ctypes
import errno
import os
import socket
import struct
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import Call, connected_sockets, listening
from support.peers import connect, receive_exactly
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    AddressFamilyNotSupported,
    AddressInUse,
    LocalAddress,
    PassiveSocket,
    SocketClosed,
    SocketError,
    make_socket,
    make_socket_from_fd,
)
from trunkline._sys.socket_descriptor import SocketDescriptor


def passive(**options: Any) -> PassiveSocket:
    return make_socket(connect="passive", type="stream", **options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def local_listener(path: Path, **options: Any) -> PassiveSocket:
    return passive(address_family="local", local_filename=path, **options)


# -- binding and listening ------------------------------------------------------------------------


def test_binding_and_listening_are_two_steps() -> None:
    with passive() as sock:
        assert (sock.is_bound, sock.is_listening) == (False, False)
        sock.bind("127.0.0.1")
        assert (sock.is_bound, sock.is_listening) == (True, False)
        assert sock.local_host == IPv4Address("127.0.0.1")
        sock.listen()
        assert (sock.is_bound, sock.is_listening) == (True, True)
        with connect(("127.0.0.1", sock.local_port)), sock.accept(timeout=PATIENCE):  # type: ignore[union-attr]
            pass
    assert (sock.is_bound, sock.is_listening) == (False, False)


def test_listening_without_binding_lets_the_system_choose() -> None:
    with passive() as sock:
        sock.listen()
        assert sock.is_bound
        assert sock.local_port > 0
        assert f"waiting @ 0.0.0.0:{sock.local_port}" in repr(sock)


def test_a_local_socket_cannot_listen_without_a_name() -> None:
    with passive(address_family="local") as sock:
        with pytest.raises(SocketError, match=r"^listen: "):
            sock.listen()
        assert not sock.is_listening


def test_a_socket_is_bound_once() -> None:
    with passive() as sock:
        sock.bind("127.0.0.1")
        name = sock.local_name
        with pytest.raises(ValueError, match="is bound already"):
            sock.bind("127.0.0.1")
        assert sock.local_name == name


def test_a_socket_that_could_not_be_bound_is_not_and_can_be_bound_elsewhere() -> None:
    with listening() as other, passive() as sock:
        with pytest.raises(AddressInUse):
            sock.bind("127.0.0.1", other.local_port)
        assert not sock.is_bound
        assert repr(sock) == "<passive IPv4 stream socket, unbound>"
        sock.bind("127.0.0.1")
        assert sock.is_bound


def test_of_two_bound_sockets_only_one_can_listen() -> None:
    with passive() as one, passive() as other:
        one.bind("127.0.0.1")
        other.bind("127.0.0.1", one.local_port)
        one.listen()
        with pytest.raises(AddressInUse, match=r"^listen 127\.0\.0\.1:\d+: "):
            other.listen()
        assert not other.is_listening


def test_listening_again_changes_the_backlog() -> None:
    with listening(backlog=5) as sock:
        sock.listen(7)
        assert sock.is_listening


def test_a_backlog_that_no_system_has_is_as_large_as_it_can_be() -> None:
    with listening(backlog=2**70) as sock:
        assert sock.is_listening


@pytest.mark.parametrize(
    ("backlog", "error"), [(-1, ValueError), ("5", TypeError), (True, TypeError), (2.0, TypeError)]
)
def test_what_a_backlog_cannot_be(backlog: Any, error: type[Exception]) -> None:
    with passive() as sock:
        sock.bind("127.0.0.1")
        with pytest.raises(error, match="backlog"):
            sock.listen(backlog)
        assert not sock.is_listening


def test_an_ipv4_socket_cannot_be_bound_to_an_ipv6_address() -> None:
    with passive() as sock, pytest.raises(AddressFamilyNotSupported, match=r"^bind \[::1\]:0: "):
        sock.bind("::1")


def test_a_closed_socket_neither_binds_nor_listens_nor_accepts() -> None:
    sock = passive()
    sock.close()
    for call in (lambda: sock.bind("127.0.0.1"), sock.listen, sock.accept):
        with pytest.raises(SocketClosed):
            call()
    with pytest.raises(SocketClosed):
        sock.accept(timeout=0)
    assert list(sock) == []


def test_a_socket_that_does_not_listen_does_not_accept() -> None:
    with passive() as sock:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"unbound> does not listen: .*listen"):
                sock.accept()
        sock.bind("127.0.0.1")
        with pytest.raises(ValueError, match=r"bound to 127\.0\.0\.1:\d+> does not listen"):
            sock.accept(timeout=PATIENCE)


# -- accepting ------------------------------------------------------------------------------------


def test_with_nobody_there_accepting_returns_none_when_the_time_is_up() -> None:
    with listening() as sock:
        assert sock.accept(timeout=0) is None
        start = time.monotonic()
        assert sock.accept(timeout=30 * MS) is None
        assert 30 * MS <= time.monotonic() - start < PATIENCE


def test_connections_are_accepted_in_order_and_know_their_peers() -> None:
    with listening() as sock:
        clients = [connect(("127.0.0.1", sock.local_port)) for _ in range(3)]
        for client in clients:
            with sock.accept() as server:
                assert isinstance(server, ActiveSocket)
                assert (str(server.remote_host), server.remote_port) == client.getsockname()
                assert server.local_name == sock.local_name
                assert server.is_connected
            client.close()


def test_accepting_waits_for_a_connection() -> None:
    with listening() as sock, Call(sock.accept) as call:
        client = connect(("127.0.0.1", sock.local_port))
        with client, call.result() as server:
            assert server.remote_port == client.getsockname()[1]


@pytest.mark.exact_io("an injected EAGAIN looks as if nobody were there")
def test_accepting_without_waiting_takes_who_is_there() -> None:
    with listening() as sock, connect(("127.0.0.1", sock.local_port)):
        server = sock.accept(timeout=0)
        assert server is not None
        server.close()


def test_the_stream_is_as_the_listener_says_unless_the_call_says_otherwise() -> None:
    with listening(external_format="latin-1/crlf", timeout=7) as sock:
        with connect(("127.0.0.1", sock.local_port)), sock.accept() as server:
            assert str(server.external_format) == "iso8859-1/crlf"
            assert server.timeout == 7
        with (
            connect(("127.0.0.1", sock.local_port)) as client,
            sock.accept(
                external_format="utf-8/cr", input_buffer_size=3, output_buffer_size=2
            ) as server,
        ):
            assert str(server.external_format) == "utf-8/cr"
            client.sendall(b"12345")
            assert len(server.read(timeout=PATIENCE)) <= 3
            server.write("123")
            assert receive_exactly(client, 3) == b"123"
            client.close()  # else the server would linger, for not all was read
        sock.external_format = "utf-8"
        assert str(sock.external_format) == "utf-8/lf"
        with connect(("127.0.0.1", sock.local_port)), sock.accept() as server:
            assert str(server.external_format) == "utf-8/lf"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"external_format": "no-such-encoding"}, ValueError),
        ({"input_buffer_size": 0}, ValueError),
        ({"input_buffer_size": -1}, ValueError),
        ({"output_buffer_size": 0}, ValueError),
        ({"output_buffer_size": "1"}, TypeError),
        ({"timeout": -1}, ValueError),
        ({"timeout": "1"}, TypeError),
    ],
)
def test_a_callers_mistake_costs_no_connection(
    wrong: dict[str, Any], error: type[Exception]
) -> None:
    with listening() as sock, connect(("127.0.0.1", sock.local_port)) as client:
        with pytest.raises(error):
            sock.accept(**wrong)
        server = sock.accept(timeout=PATIENCE)
        assert server is not None
        with server:
            assert server.remote_port == client.getsockname()[1]


def test_a_client_that_is_gone_already_is_accepted_or_passed_over() -> None:
    with listening() as sock:
        with connect(("127.0.0.1", sock.local_port)) as hasty:
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with connect(("127.0.0.1", sock.local_port)) as client:
            accepted = [sock.accept(), sock.accept(timeout=30 * MS)]
            ports = [server.remote_port for server in accepted if server is not None]
            for server in accepted:
                if server is not None:
                    server.close(abort=True)
            assert client.getsockname()[1] in ports


@pytest.mark.parametrize("code", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.EHOSTDOWN])
def test_what_is_the_fault_of_one_client_is_passed_over(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    really_accept = SocketDescriptor.accept
    failures = [code, code]

    def accept(descriptor: SocketDescriptor) -> object:
        if failures:
            raise SocketError.from_errno(failures.pop(), operation="accept")
        return really_accept(descriptor)

    monkeypatch.setattr(SocketDescriptor, "accept", accept)
    with listening() as sock, connect(("127.0.0.1", sock.local_port)):
        sock.accept().close()
    assert failures == []


def test_a_connection_of_which_no_socket_can_be_made_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    with listening() as sock, connect(("127.0.0.1", sock.local_port)) as client:
        monkeypatch.setattr(ActiveSocket, "__init__", fail)
        with pytest.raises(ZeroDivisionError):
            sock.accept()
        assert client.recv(1) == b""


def test_iterating_accepts_until_the_socket_is_closed() -> None:
    def serve() -> list[int]:
        ports = []
        for connection in sock:
            with connection:
                ports.append(connection.remote_port)
                connection.write("welcome")
        return ports

    with listening() as sock, Call(serve) as call:
        expected = []
        for _ in range(3):
            with connect(("127.0.0.1", sock.local_port)) as client:
                expected.append(client.getsockname()[1])
                assert receive_exactly(client, 7) == b"welcome"
        sock.close()
        assert call.result() == expected


def test_of_two_who_listen_together_one_accepts_and_the_other_goes_on_waiting() -> None:
    with (
        listening() as one,
        make_socket_from_fd(one.fileno(), connect="passive") as other,
        Call(one.accept) as first,
        Call(other.accept) as second,
        connect(("127.0.0.1", one.local_port)),
    ):
        while first.is_running and second.is_running:
            pass
        assert first.is_running or second.is_running
        with connect(("127.0.0.1", one.local_port)):
            first.result().close()
            second.result().close()


def test_accepted_sockets_outlive_the_listener() -> None:
    with connected_sockets() as (client, server):
        # The listener is closed by now.
        client.write_line("still there?")
        client.finish_output()
        assert server.read_line() == "still there?"


def test_connections_that_nobody_accepted_end_with_the_listener() -> None:
    with listening() as sock:
        client = connect(("127.0.0.1", sock.local_port))
    with client, pytest.raises(ConnectionResetError):
        client.recv(1)


# -- the files of local sockets -------------------------------------------------------------------


def test_the_file_is_there_while_the_socket_is_open(path: Path) -> None:
    with local_listener(path):
        assert path.is_socket()
    assert not path.exists()


def test_the_file_is_removed_when_the_block_is_left_by_an_exception(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), local_listener(path):
        raise ZeroDivisionError
    assert not path.exists()


def test_the_file_of_a_socket_that_never_listened_is_removed_too(path: Path) -> None:
    with passive(address_family="local") as sock:
        sock.bind(path)
        assert path.is_socket()
    assert not path.exists()


def test_closing_removes_the_file_from_wherever_the_process_has_gone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with local_listener(Path(path.name)):
        monkeypatch.chdir("/")
    assert not path.exists()


def test_what_somebody_put_in_its_place_is_not_removed(path: Path) -> None:
    with local_listener(path) as first:
        path.rename(path.with_name("moved, so that its inode is not used again"))
        with local_listener(path) as successor:
            first.close()
            assert path.is_socket()
            with make_socket(address_family="local", remote_filename=path), successor.accept():
                pass


def test_closing_again_does_not_remove_the_successors_file(path: Path) -> None:
    first = local_listener(path)
    first.close()
    with local_listener(path):
        first.close()
        first.close(abort=True)
        assert path.is_socket()


def test_a_forked_child_that_closes_does_not_remove_the_file(path: Path) -> None:
    with local_listener(path) as sock:
        child = os.fork()
        if child == 0:
            try:
                sock.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert path.is_socket()
        with make_socket(address_family="local", remote_filename=path) as client:
            assert client.is_connected


def test_an_abstract_name_ends_with_its_socket(path: Path) -> None:
    name = LocalAddress(str(path), abstract=True)
    for _ in range(2):
        with passive(address_family="local", local_filename=name):
            with pytest.raises(AddressInUse, match=rf"^bind @{path}: "):
                passive(address_family="local", local_filename=name)
            assert not path.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="nobody else takes such a path")
def test_a_client_with_a_path_as_long_as_the_system_takes_does_no_harm(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All 108 bytes and no NUL: neither Python nor we would bind to that, but Linux does.
    monkeypatch.chdir(path.parent)
    name = b"x" * 108
    libc = ctypes.CDLL(None, use_errno=True)
    with local_listener(path) as sock, socket.socket(socket.AF_UNIX) as client:
        sockaddr = socket.AF_UNIX.to_bytes(2, sys.byteorder) + name
        assert libc.bind(client.fileno(), sockaddr, len(sockaddr)) == 0, ctypes.get_errno()
        client.connect(str(path))
        with sock.accept() as server:
            client.sendall(b"hello")
            assert server.read_exactly(5, timeout=PATIENCE) == b"hello"
            assert str(server.remote_filename) == name.decode()


# -- waiting for a connection ---------------------------------------------------------------------


@pytest.mark.exact_io("an interrupted look sees nothing")
def test_a_connection_is_waited_for_and_stays_to_be_accepted() -> None:
    with listening() as listener:
        assert listener.wait_for_connection(timeout=0) is False
        with connect(("127.0.0.1", listener.local_port)) as client:
            for _ in range(2):
                assert listener.wait_for_connection(timeout=PATIENCE) is True
            assert listener.wait_for_connection(timeout=0) is True
            with listener.accept() as server:
                assert server.remote_port == client.getsockname()[1]
            assert listener.wait_for_connection(timeout=0) is False


def test_a_connection_is_waited_for_at_a_path(path: Path) -> None:
    with local_listener(path) as listener:
        assert not listener.wait_for_connection(timeout=0)
        with make_socket(address_family="local", remote_filename=path):
            assert listener.wait_for_connection()


def test_waiting_for_a_connection_takes_no_longer_than_its_limit() -> None:
    with listening() as listener:
        start = time.monotonic()
        assert listener.wait_for_connection(timeout=20 * MS) is False
        assert time.monotonic() - start >= 20 * MS


def test_the_arguments_of_waiting_for_a_connection_are_checked() -> None:
    with listening() as listener:
        with pytest.raises(ValueError, match="negative"):
            listener.wait_for_connection(timeout=-1)
        with pytest.raises(TypeError, match="number of seconds"):
            listener.wait_for_connection(timeout="1")  # type: ignore[arg-type]
    with passive() as sock, pytest.raises(ValueError, match=r"listen\(\) first"):
        sock.wait_for_connection(timeout=0)
