"""Active sockets: connecting to one address, in all states, and sending past the stream."""

import socket
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import Call, full_listener, listening, stream_and_peer
from support.peers import receive_all, receive_exactly, refusing_port
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    AddressFamilyNotSupported,
    AddressInUse,
    AddressNotAvailable,
    AlreadyConnected,
    ConnectionAborted,
    ConnectionInProgress,
    ConnectionRefused,
    EndpointShutdown,
    NetworkUnreachable,
    NotConnected,
    SocketClosed,
    SocketError,
    TimedOut,
    make_socket,
)
from trunkline._core.deadline import Deadline
from trunkline._sys.clock import monotonic
from trunkline._sys.socket_descriptor import SocketDescriptor

DISCARD = 9  # for attempts that end before anybody is asked


@pytest.fixture
def sock() -> Iterator[ActiveSocket]:
    with make_socket() as sock:
        yield sock
        sock.close(abort=True)


# -- binding --------------------------------------------------------------------------------------


def test_an_active_socket_can_be_bound_before_it_connects(sock: ActiveSocket) -> None:
    sock.bind("127.0.0.3")
    port = sock.local_port
    assert port > 0
    with listening() as listener:
        sock.connect("127.0.0.1", listener.local_port)
        with listener.accept() as server:
            assert server.remote_name == (IPv4Address("127.0.0.3"), port)


def test_binding_is_done_once_and_before_connecting(sock: ActiveSocket) -> None:
    with listening() as listener, pytest.raises(AddressInUse):
        sock.bind("127.0.0.1", listener.local_port)
    with pytest.raises(AddressNotAvailable):
        sock.bind("203.0.113.1")
    sock.bind("127.0.0.1")
    with pytest.raises(ValueError, match="is bound already"):
        sock.bind("127.0.0.1")


@pytest.mark.parametrize("timeout", [0, PATIENCE])
def test_what_has_been_connected_is_bound_already(sock: ActiveSocket, timeout: float) -> None:
    with listening() as listener:
        sock.connect("127.0.0.1", listener.local_port, timeout=timeout)
        with pytest.raises(ValueError, match="is bound already"):
            sock.bind("127.0.0.1")


def test_without_a_peer_nothing_is_written(sock: ActiveSocket) -> None:
    with pytest.raises(NotConnected):
        sock.write("hello")
    with pytest.raises(NotConnected):
        sock.write_line(flush=True)
    with pytest.raises(NotConnected):
        sock.finish_output()
    assert not sock.has_buffered_output


# -- connecting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["127.0.0.1", 2130706433, b"\x7f\0\0\1", [127, 0, 0, 1], IPv4Address("127.0.0.1")]
)
def test_an_address_may_be_given_in_any_form(sock: ActiveSocket, address: Any) -> None:
    with listening() as listener:
        sock.connect(address, listener.local_port)
        assert sock.is_connected
        assert sock.remote_name == listener.local_name


def test_connecting_waits_until_the_peer_has_answered(sock: ActiveSocket) -> None:
    with listening() as listener:
        sock.connect("127.0.0.1", listener.local_port, timeout=PATIENCE)
        assert sock.is_connected
        sock.wait_connected()


def test_a_connection_can_be_started_and_waited_for_later(sock: ActiveSocket) -> None:
    with listening() as listener:
        sock.connect("127.0.0.1", listener.local_port, timeout=0)
        sock.wait_connected(timeout=PATIENCE)
        assert sock.is_connected
        sock.wait_connected(timeout=0)


def test_a_refused_connection_says_where(sock: ActiveSocket) -> None:
    with refusing_port() as port:
        with pytest.raises(ConnectionRefused, match=rf"^connect 127\.0\.0\.1:{port}: ") as caught:
            sock.connect("127.0.0.1", port)
        assert caught.value.address == (IPv4Address("127.0.0.1"), port)
        assert not sock.is_connected


def test_a_refusal_may_be_noticed_later(sock: ActiveSocket) -> None:
    with refusing_port() as port:
        sock.connect("127.0.0.1", port, timeout=0)
        with pytest.raises(ConnectionRefused):
            sock.wait_connected(timeout=PATIENCE)
        assert not sock.is_connected
        with pytest.raises(NotConnected, match=rf"^connect 127\.0\.0\.1:{port}: "):
            sock.wait_connected()


def test_after_a_refusal_another_address_may_be_tried(sock: ActiveSocket) -> None:
    with refusing_port() as port, pytest.raises(ConnectionRefused):
        sock.connect("127.0.0.1", port)
    with listening() as listener:
        sock.connect("127.0.0.1", listener.local_port)
        assert sock.remote_name == listener.local_name


def test_a_connection_that_the_system_aborts_is_aborted(
    sock: ActiveSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def abort(descriptor: SocketDescriptor, name: object) -> None:
        raise ConnectionAborted(operation="connect", address=name)

    monkeypatch.setattr(SocketDescriptor, "connect", abort)
    with pytest.raises(ConnectionAborted):
        sock.connect("127.0.0.1", DISCARD)


def test_a_socket_is_connected_once(sock: ActiveSocket) -> None:
    with listening() as listener, listening() as other:
        sock.connect("127.0.0.1", listener.local_port)
        with pytest.raises(AlreadyConnected, match=rf"^connect {other.local_name}: "):
            sock.connect("127.0.0.1", other.local_port)
        assert sock.remote_name == listener.local_name
        assert sock.is_connected


def test_an_unconnected_socket_has_nothing_to_wait_for(sock: ActiveSocket) -> None:
    with pytest.raises(NotConnected):
        sock.wait_connected()
    with pytest.raises(NotConnected):
        sock.wait_connected(timeout=0)


def test_an_unconnected_socket_does_not_read_and_hangs_up_on_write(sock: ActiveSocket) -> None:
    with pytest.raises(NotConnected):
        sock.read(timeout=PATIENCE)
    with pytest.raises(NotConnected):
        sock.shutdown(write=True)


def test_a_closed_socket_does_not_connect() -> None:
    sock = make_socket()
    sock.close()
    assert not sock.is_connected
    with listening() as listener:
        calls: list[Callable[[], object]] = [
            lambda: sock.connect("127.0.0.1", listener.local_port),
            sock.wait_connected,
            lambda: sock.bind("127.0.0.1"),
        ]
        for call in calls:
            with pytest.raises(SocketClosed):
                call()


@pytest.mark.parametrize(
    ("address", "port", "error"),
    [
        ("localhost", 80, ValueError),
        ("127.1", 80, ValueError),
        ("127.0.0.1", 65_536, ValueError),
        ("127.0.0.1", None, TypeError),
        (None, 80, TypeError),
        (True, 80, TypeError),
    ],
)
def test_a_callers_mistake_is_no_attempt(
    sock: ActiveSocket, address: Any, port: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        sock.connect(address, port)
    with pytest.raises(NotConnected):
        sock.wait_connected()


@pytest.mark.parametrize(("timeout", "error"), [(-1, ValueError), ("1", TypeError)])
def test_a_time_limit_that_is_none_is_no_attempt(
    sock: ActiveSocket, timeout: Any, error: type[Exception]
) -> None:
    with refusing_port() as port, pytest.raises(error):
        sock.connect("127.0.0.1", port, timeout=timeout)


def test_an_ipv4_socket_cannot_connect_to_an_ipv6_address(sock: ActiveSocket) -> None:
    with pytest.raises(AddressFamilyNotSupported, match=r"^connect \[::1\]:9: "):
        sock.connect("::1", DISCARD)


def test_an_ipv6_socket_connects_to_an_ipv4_address() -> None:
    with listening() as listener, make_socket(address_family="ipv6") as sock:
        sock.connect("127.0.0.1", listener.local_port)
        with listener.accept() as server:
            assert server.remote_port == sock.local_port
        assert sock.local_host == IPv6Address("::ffff:127.0.0.1")


def test_an_address_that_cannot_be_reached_is_an_error_at_once(sock: ActiveSocket) -> None:
    # Loopback addresses reach nothing else.
    sock.bind("127.0.0.1")
    with pytest.raises((SocketError, NetworkUnreachable)) as caught:
        sock.connect("203.0.113.1", DISCARD, timeout=PATIENCE)
    assert not isinstance(caught.value, TimedOut)
    assert caught.value.operation == "connect"


# -- connections that take long -------------------------------------------------------------------


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_connection_that_takes_too_long_times_out(family: socket.AddressFamily) -> None:
    label: Any = "ipv6" if family == socket.AF_INET6 else "ipv4"
    with full_listener(family) as listener, make_socket(address_family=label) as sock:
        host, port = listener.getsockname()[:2]
        start = time.monotonic()
        with pytest.raises(TimedOut, match=r"^connect .*: time limit passed") as caught:
            sock.connect(host, port, timeout=30 * MS)
        assert 30 * MS <= time.monotonic() - start < PATIENCE
        assert caught.value.deadline
        assert not sock.is_connected
        for timeout in (0, 10 * MS):
            with pytest.raises(TimedOut):
                sock.wait_connected(timeout=timeout)


def test_the_time_limit_is_the_streams_unless_the_call_has_its_own() -> None:
    with full_listener() as listener, make_socket(timeout=20 * MS) as sock:
        with pytest.raises(TimedOut):
            sock.connect("127.0.0.1", listener.getsockname()[1])
        with pytest.raises(TimedOut):
            sock.wait_connected()


@pytest.mark.slow
def test_a_connection_that_timed_out_goes_on_and_can_be_waited_for() -> None:
    with full_listener() as listener, make_socket() as sock:
        with pytest.raises(TimedOut):
            sock.connect("127.0.0.1", listener.getsockname()[1], timeout=10 * MS)
        waiting, _ = listener.accept()
        with waiting:
            sock.wait_connected(timeout=PATIENCE)
            assert sock.is_connected
            server, address = listener.accept()
            with server:
                assert address[1] == sock.local_port
                sock.write("late")
                sock.finish_output()
                assert receive_exactly(server, 4) == b"late"


@pytest.mark.parametrize("timeout", [0, 10 * MS])
def test_while_it_is_connecting_a_socket_cannot_be_connected_to_something_else(
    timeout: float,
) -> None:
    with full_listener() as listener, make_socket() as sock, listening() as other:
        sock.connect("127.0.0.1", listener.getsockname()[1], timeout=0)
        with pytest.raises(ConnectionInProgress, match=rf"^connect {other.local_name}: "):
            sock.connect("127.0.0.1", other.local_port, timeout=timeout)
        with pytest.raises(TimedOut, match=f":{listener.getsockname()[1]}: time limit"):
            sock.wait_connected(timeout=0)


def test_when_it_has_connected_meanwhile_it_is_still_not_connected_to_something_else() -> None:
    # The system would say that connecting has succeeded, and mean the first address.
    with listening() as listener, make_socket() as sock, listening() as other:
        sock.connect("127.0.0.1", listener.local_port, timeout=0)
        with listener.accept():
            with pytest.raises((ConnectionInProgress, AlreadyConnected)):
                sock.connect("127.0.0.1", other.local_port)
            sock.wait_connected()
            assert sock.remote_name == listener.local_name


def test_a_socket_that_is_connecting_can_be_closed() -> None:
    with full_listener() as listener:
        sock = make_socket()
        sock.connect("127.0.0.1", listener.getsockname()[1], timeout=0)
        sock.close()
        assert sock.closed


def test_looking_for_a_connection_that_is_closed_meanwhile_says_so(
    sock: ActiveSocket, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closing(Deadline):
        def remaining(self) -> float | None:
            with Call(sock.close):
                return super().remaining()

    with full_listener() as listener:
        sock.connect("127.0.0.1", listener.getsockname()[1], timeout=0)
        monkeypatch.setattr(sock, "_deadline", lambda timeout: Closing(timeout, monotonic))
        with pytest.raises(SocketClosed):
            sock.wait_connected(timeout=0)


# -- local sockets --------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, 30 * MS])
def test_connecting_to_a_local_server_with_a_full_backlog_takes_no_longer_than_its_limit(
    tmp_path: Path, timeout: float
) -> None:
    path = tmp_path / "x"
    with (
        make_socket(connect="passive", address_family="local", local_filename=path, backlog=0),
        make_socket(address_family="local", remote_filename=path),
        make_socket(address_family="local") as sock,
    ):
        start = time.monotonic()
        with pytest.raises(TimedOut, match=rf"^connect {path}: ") as caught:
            sock.connect(path, timeout=timeout)
        assert timeout <= time.monotonic() - start < PATIENCE
        assert caught.value.deadline
        assert not sock.is_connected


def test_connecting_to_a_local_server_waits_for_a_place_in_its_backlog(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with (
        make_socket(
            connect="passive", address_family="local", local_filename=path, backlog=0
        ) as listener,
        make_socket(address_family="local", remote_filename=path),
        make_socket(address_family="local") as sock,
        Call(sock.connect, path) as call,
    ):
        listener.accept().close()
        call.result()
        assert sock.is_connected
        listener.accept().close()


def test_a_path_that_is_no_socket_refuses(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with make_socket(address_family="local") as sock:
        with pytest.raises(ConnectionRefused, match=rf"^connect {path}: "):
            sock.connect(path)
        with pytest.raises(ValueError, match="no port"):
            sock.connect(str(path), DISCARD)


# -- ending a direction ---------------------------------------------------------------------------


def test_ending_the_writing_sends_what_is_queued_and_leaves_the_reading() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.write("request")
        stream.shutdown(write=True)
        assert receive_exactly(peer, 7) == b"request"
        assert peer.recv(100) == b""
        peer.sendall(b"reply\n")
        assert stream.read_line(timeout=PATIENCE) == "reply"
        assert not stream.closed


def test_what_is_done_in_an_ended_direction_is_one_error_at_once() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"one\ntwo\nthree\n")
        assert [stream.read_line(), stream.read_line()] == ["one", "two"]  # so that some is ahead
        stream.shutdown(read=True)
        stream.write("still")
        stream.shutdown(write=True)
        writing: list[Callable[[], object]] = [
            lambda: stream.write("x"),
            lambda: stream.write_line("x", flush=True),
            stream.finish_output,
            stream.force_output,
        ]
        reading: list[Callable[[], object]] = [
            stream.read_line,
            stream.read_char,
            stream.peek_char,
            stream.read_char_no_hang,
            stream.read,
            lambda: stream.read_text(1),
            lambda: stream.read_exactly(1),
            lambda: stream.read_until(b"x"),
            lambda: stream.read_into(bytearray(1)),
            lambda: next(stream),
            lambda: next(iter(stream)),
        ]
        for calls, message in (
            (writing, r"^write .*its writing"),
            (reading, r"^read .*its reading"),
        ):
            for call in calls:
                with pytest.raises(EndpointShutdown, match=message):
                    call()
        assert receive_all(peer) == b"still"
        stream.close()
        with pytest.raises(SocketClosed):
            stream.write("x")
        with pytest.raises(SocketClosed):
            stream.read_line()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_which_directions_are_open_is_visible(family: socket.AddressFamily) -> None:
    with stream_and_peer(family) as (stream, _):
        assert (stream.is_input_open, stream.is_output_open) == (True, True)
        stream.shutdown(write=True)
        assert (stream.is_input_open, stream.is_output_open) == (True, False)
        stream.shutdown(write=True)
        stream.shutdown(read=True)
        assert (stream.is_input_open, stream.is_output_open) == (False, False)
    with stream_and_peer(family) as (stream, _):
        stream.shutdown(read=True)
        assert (stream.is_input_open, stream.is_output_open) == (False, True)
        stream.close()
        assert (stream.is_input_open, stream.is_output_open) == (False, False)


def test_a_direction_that_could_not_be_ended_has_not_ended(sock: ActiveSocket) -> None:
    for direction in ({"read": True}, {"write": True}, {"read": True, "write": True}):
        with pytest.raises(NotConnected):
            sock.shutdown(**direction)
    assert (sock.is_input_open, sock.is_output_open) == (True, True)
    with listening() as listener:
        sock.connect("127.0.0.1", listener.local_port)
        sock.write("x", flush=True)


def test_the_format_of_the_direction_that_is_left_can_be_changed() -> None:
    with stream_and_peer() as (stream, peer):
        stream.shutdown(write=True)
        peer.sendall(b"\xff\r\n")
        stream.external_format = "latin-1/crlf"
        assert stream.read_line(timeout=PATIENCE) == "\xff"


def test_ending_the_writing_takes_no_longer_than_its_limit() -> None:
    with stream_and_peer() as (stream, peer):
        with pytest.raises(TimedOut):
            stream.write(bytes(4_000_000), timeout=0)
        with pytest.raises(TimedOut, match=r"^shutdown "):
            stream.shutdown(write=True, timeout=10 * MS)
        peer.setblocking(False)
        assert stream.has_buffered_output


def test_ending_the_reading_leaves_the_writing() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.shutdown(read=True)
        stream.write("still")
        stream.finish_output()
        assert receive_exactly(peer, 5) == b"still"


def test_ending_both_directions() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.write("last words")
        stream.shutdown(read=True, write=True)
        assert receive_exactly(peer, 10) == b"last words"
        assert peer.recv(100) == b""


def test_a_direction_has_to_be_named() -> None:
    with stream_and_peer() as (stream, peer):
        with pytest.raises(ValueError, match="name one"):
            stream.shutdown()
        stream.write("x")
        stream.finish_output()
        assert receive_exactly(peer, 1) == b"x"


def test_a_closed_socket_has_no_directions() -> None:
    with stream_and_peer() as (stream, _):
        stream.close()
        for direction in ({"read": True}, {"write": True}, {"read": True, "write": True}):
            with pytest.raises(SocketClosed):
                stream.shutdown(**direction)
