"""CLISP's socket servers and streams, one function after the other."""

import io
import os
import socket
import struct
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dialects.clisp_helpers import LOOPBACK, serving, streams
from sockets.helpers import Call, full_listener, stream_and_peer
from support.peers import connect, has_ipv6, receive_all, receive_exactly, reset, socket_pair
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    AddressInUse,
    AddressNotAvailable,
    ConnectionRefused,
    EndOfFile,
    EndpointShutdown,
    ExternalFormat,
    NotASocket,
    NotConnected,
    SocketClosed,
    SocketError,
    TimedOut,
    make_socket,
    make_socket_pair,
)
from trunkline.dialects import clisp
from trunkline.dialects.clisp import (
    SocketStream,
    read_byte,
    read_byte_no_hang,
    socket_accept,
    socket_connect,
    socket_options,
    socket_server,
    socket_server_close,
    socket_server_host,
    socket_server_port,
    socket_status,
    socket_stream_host,
    socket_stream_local,
    socket_stream_peer,
    socket_stream_port,
    socket_stream_shutdown,
    socket_wait,
    stream_handles,
    write_byte,
)


def test_everything_is_there() -> None:
    assert set(clisp.__all__) <= set(dir(clisp))


# -- servers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interface", "host"),
    [
        (None, "0.0.0.0"),
        ("localhost", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("127.0.0.1", "127.0.0.1"),
        pytest.param("::1", "::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")),
    ],
)
def test_the_interface_of_a_server(interface: str | None, host: str) -> None:
    with socket_server(interface=interface) as server:
        assert socket_server_host(server) == host
        assert socket_server_port(server) > 0


@pytest.mark.parametrize("interface", ["[/]=", "no-such-host.invalid"])
def test_an_interface_that_there_is_not_is_an_invalid_argument(interface: str) -> None:
    with pytest.raises(SocketError, match=r"no such host \[EINVAL\]"):
        socket_server(interface=interface)


def test_an_interface_of_another_machine() -> None:
    with pytest.raises(AddressNotAvailable):
        socket_server(interface="192.0.2.1")


def test_a_connection_is_an_interface_for_its_peer() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        for interface in (stream, peer, stream.fileno()):
            with socket_server(interface=interface) as server:
                assert socket_server_host(server) == LOOPBACK
                with socket_connect(socket_server_port(server), LOOPBACK):
                    assert socket_wait(server, PATIENCE)
        peer.sendall(b"x")  # it is as it was, and blocks
        assert stream.read_char(timeout=PATIENCE) == "x"
    one, other = make_socket_pair()
    with one, other, pytest.raises(TypeError, match="no interface"):
        socket_server(interface=one)


def test_a_port_can_be_used_again_at_once_and_not_twice() -> None:
    with serving() as server:
        port = socket_server_port(server)
        with pytest.raises(AddressInUse):
            socket_server(port, interface=LOOPBACK)
        with socket_connect(port, LOOPBACK) as client, socket_accept(server) as accepted:
            accepted.close()
            client.close()
    with socket_server(port, interface=LOOPBACK) as server:
        assert socket_server_port(server) == port


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells")
def test_one_connection_may_wait() -> None:
    with serving() as server:
        assert backlog_of(server.fileno()) == 1
    with serving(backlog=7) as server:
        assert backlog_of(server.fileno()) == 7


def backlog_of(number: int) -> int:
    """Ask the system, which tells it of a socket that listens in the place of other things."""
    with socket.socket(fileno=os.dup(number)) as duplicate:
        info = duplicate.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    (count,) = struct.unpack_from("I", info, 8 + 5 * 4)  # tcpi_sacked
    return int(count)


def test_a_server_is_closed_once_and_for_all() -> None:
    with serving() as server:
        host, port = socket_server_host(server), socket_server_port(server)
        for _ in range(2):
            socket_server_close(server)
        assert (socket_server_host(server), socket_server_port(server)) == (host, port)
        for call in (socket_wait, socket_accept):
            with pytest.raises(SocketClosed):
                call(server)


def test_a_forgotten_server_is_closed_and_says_so() -> None:
    server = socket_server(interface=LOOPBACK)
    port = socket_server_port(server)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del server
    assert [each.category for each in caught] == [ResourceWarning]
    with pytest.raises(ConnectionRefused):
        socket_connect(port, LOOPBACK)


def test_waiting_for_a_connection() -> None:
    with serving() as server:
        assert socket_wait(server, 0) is False
        start = time.monotonic()
        for limit in ((0.02,), (0, 20_000), ((0, 20_000),)):
            assert socket_wait(server, *limit) is False
        assert time.monotonic() - start >= 60 * MS
        with Call(socket_wait, server) as call, connect((LOOPBACK, socket_server_port(server))):
            assert call.result() is True
            assert socket_wait(server, 0) is True
            socket_accept(server).close()
        assert socket_wait(server, 0) is False


@pytest.mark.parametrize("limit", [0, 0.02, (0, 20_000)])
def test_accepting_takes_no_longer_than_its_limit(limit: Any) -> None:
    with serving() as server, pytest.raises(TimedOut, match=r"^accept 127.0.0.1:"):
        socket_accept(server, timeout=limit)


# -- connecting -----------------------------------------------------------------------------------


def test_connecting_takes_no_longer_than_its_limit() -> None:
    with full_listener() as listener:
        port = listener.getsockname()[1]
        for limit in (0.02, (0, 20_000)):
            with pytest.raises(TimedOut, match=r"^connect "):
                socket_connect(port, LOOPBACK, timeout=limit)


def test_a_limit_of_0_returns_at_once_and_the_next_operation_waits() -> None:
    with (
        full_listener() as listener,
        socket_connect(listener.getsockname()[1], LOOPBACK, timeout=0) as stream,
    ):
        assert socket_status(stream, 0) == (None, 0)
        with pytest.raises(TimedOut):
            stream.read_line(timeout=10 * MS)
        stream.close(abort=True)
    with (
        serving() as server,
        socket_connect(socket_server_port(server), "localhost", timeout=0) as stream,
    ):
        stream.write_line("hello")
        with socket_accept(server) as accepted:
            assert accepted.read_line(timeout=PATIENCE) == "hello"
            accepted.write_line("to you")
            assert stream.read_line(timeout=PATIENCE) == "to you"


def test_connecting_to_what_there_is_not() -> None:
    with pytest.raises(ConnectionRefused):
        socket_connect(0, LOOPBACK)
    for limit in (None, 0):
        for host in ("no-such-host.invalid", "", "a..b", "1.2.3.4.5", "[::1", "\xfc..x", b"12345"):
            with pytest.raises(SocketError, match=r"^connect .*no such host \[EINVAL\]"):
                socket_connect(1, host, timeout=limit)
        with pytest.raises(TypeError, match="an address is made of"):
            socket_connect(1, None, timeout=limit)  # type: ignore[arg-type]


def test_the_arguments_are_checked() -> None:
    bad: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"port": "http"}, TypeError, "port"),
        ({"port": 65_536}, ValueError, "port"),
        ({"port": -1}, ValueError, "port"),
        ({"timeout": -1}, ValueError, "negative"),
        ({"timeout": (1, -1)}, ValueError, "negative"),
        ({"timeout": (1,)}, TypeError, "pair"),
        ({"timeout": "1"}, TypeError, "number of seconds"),
        ({"element_type": "text "}, ValueError, "element type"),
        ({"buffered": "no"}, ValueError, "buffered"),
        ({"external_format": "no-such"}, ValueError, "encoding: 'no-such'$"),
        ({"external_format": ":dos"}, ValueError, "encoding: ':dos'; here it is 'dos'$"),
        ({"external_format": "DOS"}, ValueError, "encoding: 'DOS'; here it is 'dos'$"),
    ]
    for options, error, message in bad:
        with pytest.raises(error, match=message):
            socket_connect(**{"port": 1, **options})
    with serving() as server:
        port = socket_server_port(server)
        for options, error, message in bad:
            if "port" in options:
                with pytest.raises(error, match=message):
                    socket_server(options["port"])
                continue
            with connect((LOOPBACK, port)):
                with pytest.raises(error, match=message):
                    socket_accept(server, **options)
                socket_accept(server).close()  # it was not lost


# -- formats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("external_format", "wire"),
    [
        ("dos", b"\xc3\xa4\r\nb\r\n"),
        ("unix", b"\xc3\xa4\nb\n"),
        ("mac", b"\xc3\xa4\rb\r"),
        ("latin-1/crlf", b"\xe4\r\nb\r\n"),
        (ExternalFormat("utf-16-le"), b"\xe4\0\n\0b\0\n\0"),
    ],
)
def test_the_external_format_of_both_ends(external_format: Any, wire: bytes) -> None:
    with (
        serving() as server,
        connect((LOOPBACK, socket_server_port(server))) as peer,
        socket_accept(server, external_format=external_format) as stream,
    ):
        stream.write_line("\xe4")
        stream.write_line("b")
        assert receive_exactly(peer, len(wire)) == wire
        peer.sendall(wire)
        assert [stream.read_line(), stream.read_line()] == ["\xe4", "b"]


def test_the_element_type_changes_in_mid_flight_and_what_is_buffered_stays() -> None:
    with streams(external_format="dos") as (client, server):
        client.write("Length: 5\n\n")
        client.write(b"\xff\n\0\r\n")
        client.write("done\n")
        assert server.element_type == "text"
        assert [server.read_line(), server.read_line()] == ["Length: 5", ""]
        server.element_type = "bytes"
        assert server.element_type == "bytes"
        data = bytearray(5)
        assert server.read_into(data) == 5
        assert data == b"\xff\n\0\r\n"
        server.element_type = "text"
        assert server.read_line() == "done"


def test_the_element_type_of_a_format_that_does_not_mix_with_bytes() -> None:
    with streams(external_format="utf-16-le") as (client, server):
        client.write("a\n")
        client.element_type = "bytes"
        client.write(b"\xff\0")
        client.element_type = "text"
        client.write("b\n")
        assert server.read_line() == "a"
        server.element_type = "bytes"
        server.element_type = "bytes"
        assert [read_byte(server), read_byte(server)] == [255, 0]
        server.element_type = "text"
        assert server.read_line() == "b"
        with pytest.raises(ValueError, match="element type"):
            server.element_type = "octets"  # type: ignore[assignment]


MARKS = {"utf-16": "utf-16-le", "utf-32": "utf-32-be", "utf-8-sig": "utf-8"}
"""Encodings with a byte order mark, and how their text goes on in these tests."""


@pytest.mark.parametrize("encoding", MARKS)
@pytest.mark.parametrize("begins", ["text", "bytes"])
def test_a_byte_order_mark_comes_once_and_before_text(encoding: str, begins: Any) -> None:
    with streams(external_format=encoding, element_type=begins) as (client, server):
        text = "".join(f"line {number}\n" for number in range(3))
        expected = b""
        for stream in (client, server):
            stream.element_type = begins
        if begins == "bytes":
            client.write(b"\0\xff")
            expected += server.read_exactly(2, timeout=PATIENCE)
            assert expected == b"\0\xff"
        for line in text.splitlines():
            client.element_type = "text"
            client.write_line(line)
            client.element_type = "bytes"
            client.write(b"\n\0")
        for line in text.splitlines():
            server.element_type = "text"
            assert server.read_line(timeout=PATIENCE) == line
            server.element_type = "bytes"
            assert server.read_exactly(2, timeout=PATIENCE) == b"\n\0"


@pytest.mark.parametrize("encoding", MARKS)
def test_what_others_send_has_one_byte_order_mark(encoding: str) -> None:
    with (
        serving() as server,
        connect((LOOPBACK, socket_server_port(server))) as peer,
        socket_accept(server, external_format=encoding) as stream,
    ):
        mark = "\ufeff".encode(MARKS[encoding])
        for part in (mark, b""):
            peer.sendall(part + "4 bytes:\n".encode(MARKS[encoding]) + b"\0\n\n\xff")
        for _ in range(2):
            stream.element_type = "text"
            assert stream.read_line(timeout=PATIENCE) == "4 bytes:"
            stream.element_type = "bytes"
            assert stream.read_exactly(4, timeout=PATIENCE) == b"\0\n\n\xff"
        for _ in range(2):
            stream.element_type = "text"
            stream.write_line("text")
            stream.element_type = "bytes"
            stream.write(b"##")
        stream.close()
        first, rest, end = receive_all(peer).split(b"##")
        line = "text\n".encode(encoding)
        assert (first, end) == (line, b"")
        assert line.endswith(rest)
        assert len(rest) == len(line) - len(mark)


def test_text_goes_on_in_the_format_that_was_set_meanwhile() -> None:
    with streams(external_format="utf-16") as (client, server):
        for stream in (client, server):
            stream.element_type = "bytes"
            stream.external_format = "koi8-r"
            stream.element_type = "text"
        client.write_line("\u043f")
        assert server.read_line(timeout=PATIENCE) == "\u043f"
        assert client.external_format == server.external_format == ExternalFormat("koi8-r")


def test_the_element_type_does_not_change_in_the_middle_of_a_character() -> None:
    with (
        serving() as server,
        connect((LOOPBACK, socket_server_port(server))) as peer,
        socket_accept(server, external_format="utf-16-le") as stream,
    ):
        peer.sendall(b"a")
        with pytest.raises(TimedOut):
            stream.read_char(timeout=10 * MS)
        with pytest.raises(ValueError, match="where a utf-16-le/lf character ends"):
            stream.element_type = "bytes"
        assert stream.element_type == "text"
        peer.sendall(b"\0b")
        assert stream.read_char(timeout=PATIENCE) == "a"
        stream.element_type = "bytes"
        assert stream.read_exactly(1, timeout=PATIENCE) == b"b"


def test_bytes() -> None:
    with streams(element_type="bytes", external_format="utf-16-le") as (client, server):
        assert read_byte_no_hang(server) is None
        assert write_byte(255, client) == 255
        assert read_byte(server) == 255
        for byte in (-1, 256):
            with pytest.raises(ValueError, match="256"):
                write_byte(byte, client)
        client.close()
        for read in (read_byte, read_byte_no_hang):
            assert socket_status((server, "input"), PATIENCE) == ("eof", 1)
            with pytest.raises(EndOfFile):
                read(server)


@pytest.mark.parametrize(("buffered", "at_once"), [(True, False), (False, True), ("default", True)])
def test_the_buffer_of_the_output(buffered: Any, at_once: bool) -> None:
    with streams(buffered=buffered) as (client, server):
        client.write("x")
        assert client.has_buffered_output is not at_once
        client.finish_output()
        assert server.read_char() == "x"


@pytest.mark.parametrize(("buffered", "kept"), [(True, True), (False, False), ("default", True)])
@pytest.mark.exact_io("how much is received at a time is what it is about")
def test_the_buffer_of_the_input(buffered: Any, kept: bool) -> None:
    with streams(buffered=buffered) as (client, server):
        client.write("xy")
        client.finish_output()
        assert server.receive_from(2, timeout=PATIENCE, peek=True)[0] == b"xy"
        assert server.read_char() == "x"
        assert server.has_buffered_input is kept


# -- names ----------------------------------------------------------------------------------------


def test_what_was_given_and_what_is_so() -> None:
    with socket_server() as server:
        port = socket_server_port(server)
        with socket_connect(port, "localhost") as client, socket_accept(server) as accepted:
            assert (socket_stream_host(client), socket_stream_port(client)) == ("localhost", port)
            assert (socket_stream_host(accepted), socket_stream_port(accepted)) == ("0.0.0.0", port)
            assert socket_stream_peer(client, True) == (LOOPBACK, port)
            assert socket_stream_local(accepted, True) == (LOOPBACK, port)
            assert socket_stream_local(client, True) == socket_stream_peer(accepted, True)
            for tell, stream in ((socket_stream_peer, client), (socket_stream_local, accepted)):
                host, number = tell(stream)
                assert number == port
                assert host.startswith(f"{LOOPBACK} (localhost")
                assert host.endswith(")")
        assert (socket_stream_host(client), socket_stream_port(client)) == ("localhost", port)
        for tell in (socket_stream_peer, socket_stream_local):
            with pytest.raises(SocketClosed):
                tell(client)


@pytest.mark.parametrize("tell", [socket_stream_host, socket_stream_port])
def test_only_socket_streams_know_what_they_were_given(tell: Callable[[Any], object]) -> None:
    one, other = make_socket_pair()
    with one, other, pytest.raises(TypeError, match=r"comes from .*, not ActiveSocket$"):
        tell(one)


def test_an_address_without_a_name_stands_alone() -> None:
    with (
        serving(interface="127.77.66.55") as server,
        socket_connect(socket_server_port(server), "127.77.66.55") as client,
    ):
        assert socket_stream_peer(client) == ("127.77.66.55", socket_server_port(server))


def test_the_names_of_raw_and_of_local_sockets() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        name = peer.getsockname()
        assert socket_stream_local(peer, True) == name
        assert socket_stream_local(peer.fileno(), True) == name
        assert socket_stream_peer(stream.fileno(), True) == name
        assert peer.gettimeout() == PATIENCE
        assert os.get_blocking(peer.fileno()) is False
        peer.setblocking(True)
        socket_stream_peer(peer)
        assert os.get_blocking(peer.fileno())
    with stream_and_peer() as (stream, peer):
        for each in (stream, peer):
            assert socket_stream_peer(each) == ("localhost", 0)
            assert socket_stream_local(each) == ("localhost", 0)


def test_a_connection_without_a_peer_has_no_names() -> None:
    with make_socket() as sock, pytest.raises(NotConnected):
        socket_stream_peer(sock)
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        reset(peer)
        assert socket_status(stream, PATIENCE)[1] == 1
        with pytest.raises(NotConnected):
            socket_stream_peer(stream)  # the system is asked, which has forgotten it
    calls: list[Callable[[Any], object]] = [
        socket_stream_peer,
        socket_stream_local,
        socket_options,
    ]
    for call in calls:
        with open(os.devnull) as file, pytest.raises(NotASocket):
            call(file)
        with pytest.raises(TypeError, match="a descriptor is"):
            call("socket")
        with pytest.raises(SocketClosed):
            call(-1)


# -- the end --------------------------------------------------------------------------------------


def test_ending_a_direction() -> None:
    with streams(buffered=True) as (client, server):
        assert socket_stream_shutdown(client, "probe") == "io"
        client.write("last words\n")
        assert socket_stream_shutdown(client, "output") is None
        assert socket_stream_shutdown(client, "probe") == "input"
        assert socket_stream_shutdown(client, "output") is None
        assert list(server) == ["last words"]
        with pytest.raises(EndpointShutdown):
            client.write("x")
        server.write("still\n", flush=True)
        assert client.read_line() == "still"
        socket_stream_shutdown(client, "input")
        assert socket_stream_shutdown(client, "probe") is None
        with pytest.raises(EndpointShutdown):
            client.read_line()
        assert socket_stream_shutdown(server, "probe") == "io"
        socket_stream_shutdown(server, "input")
        assert socket_stream_shutdown(server, "probe") == "output"
        socket_stream_shutdown(server, "io")
        assert socket_stream_shutdown(server, "probe") is None
        assert [client.closed, server.closed] == [False, False]
        client.close()
        for direction in ("input", "output", "io", "probe"):
            with pytest.raises(SocketClosed):
                socket_stream_shutdown(client, direction)


def test_a_blocking_socket_of_pythons_stays_one() -> None:
    with socket_pair(socket.AF_INET) as (ours, peer):
        ours.settimeout(None)
        ours.setblocking(True)
        blocking: list[bool] = []

        def look(*args: Any) -> None:
            blocking.append(os.get_blocking(ours.fileno()))

        sys.setprofile(look)
        try:
            socket_options(ours, "so_keepalive", True)
            socket_stream_peer(ours, do_not_resolve=True)
            socket_stream_local(ours, do_not_resolve=True)
            socket_stream_shutdown(ours, "output")
        finally:
            sys.setprofile(None)
        assert blocking
        assert all(blocking)
        assert peer.recv(1) == b""


def test_a_local_server_is_refused_before_it_accepts(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with (
        make_socket(connect="passive", address_family="local", local_filename=path) as server,
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.connect(os.fspath(path))
        with pytest.raises(TypeError, match="local socket"):
            socket_accept(server, timeout=0)
        accepted = server.accept(timeout=PATIENCE)
        assert accepted is not None
        accepted.close()


def test_ending_a_direction_of_a_raw_socket() -> None:
    with stream_and_peer() as (stream, peer):
        socket_stream_shutdown(stream.fileno(), "output")
        assert receive_all(peer) == b""
        socket_stream_shutdown(peer, "io")
        assert stream.read() == b""
        with pytest.raises(TypeError, match="only of a stream"):
            socket_stream_shutdown(peer, "probe")
        with pytest.raises(ValueError, match="a direction is"):
            socket_stream_shutdown(stream, "both")  # type: ignore[arg-type]


def test_the_handles_of_a_stream() -> None:
    with streams() as (client, server):
        number = client.fileno()
        assert stream_handles(client) == (number, number)
        socket_stream_shutdown(client, "output")
        assert stream_handles(client) == (number, None)
        socket_stream_shutdown(client, "input")
        assert stream_handles(client) == (None, None)
        server.close()
        assert stream_handles(server) == (None, None)
    with open(os.devnull) as file:
        assert stream_handles(file) == (file.fileno(), None)
    for other in ("stream", io.BytesIO(), io.StringIO(), None):
        with pytest.raises(
            TypeError, match=f"no stream with a descriptor: {type(other).__name__}$"
        ):
            stream_handles(other)


# -- options --------------------------------------------------------------------------------------


def test_options_are_told_as_they_were() -> None:
    with streams() as (client, _):
        assert socket_options(client, "so_linger", 1, "so_rcvlowat") == (None, 1)
        assert socket_options(client, "so_linger") == (1,)
        assert socket_options(client, "so_linger", None, "so_linger", True, "so_linger") == (
            *(1, None),
            client.get_option("linger"),
        )
        assert socket_options(client, "so_keepalive", True, "so_keepalive") == (False, True)
        assert socket_options(client, "so_rcvtimeo", 1.5, "so_rcvtimeo", "so_sndtimeo") == (
            *(0, 1.5),
            0,
        )
        assert socket_options(client, "so_rcvtimeo", 0, "so_rcvtimeo") == (1.5, 0)
        assert socket_options(client) == ()


def test_all_options_can_be_asked_for_at_once() -> None:
    switches = {
        "so_debug": False,
        "so_acceptconn": False,
        "so_broadcast": False,
        "so_reuseaddr": False,
        "so_dontroute": False,
        "so_keepalive": False,
        "so_error": False,
        "so_oobinline": False,
        "so_type": True,
    }
    numbers = {
        "so_linger": None,
        "so_rcvlowat": 1,
        "so_sndlowat": 1,
        "so_rcvtimeo": 0,
        "so_sndtimeo": 0,
    }
    expected = {**switches, **numbers}
    with streams() as (client, _):
        *values, received, sent = socket_options(client, *expected, "so_rcvbuf", "so_sndbuf")
    assert dict(zip(expected, values, strict=True)) == expected
    assert received > 0
    assert sent > 0


def test_options_of_servers_and_raw_sockets() -> None:
    with serving() as server, stream_and_peer(socket.AF_INET) as (_, peer):
        assert socket_options(server, "so_acceptconn", "so_reuseaddr") == (True, True)
        for raw in (peer, peer.fileno()):
            assert socket_options(raw, "so_keepalive", True) == (False,)
            assert socket_options(raw, "so_keepalive", False) == (True,)


def test_what_is_no_option_is_refused_before_anything_is_set() -> None:
    with streams() as (client, _):
        bad: list[tuple[tuple[object, ...], type[Exception], str]] = [
            (("so_linger", 1, "so_foo"), ValueError, "no such option: 'so_foo'"),
            ((":so-keepalive",), ValueError, "':so-keepalive'; here it is 'so_keepalive'$"),
            (("SO_TYPE",), ValueError, "'SO_TYPE'; here it is 'so_type'$"),
            ((1,), TypeError, "comes after the name"),
            (("so_linger", 1, 2), TypeError, "comes after the name"),
        ]
        for options, error, message in bad:
            with pytest.raises(error, match=message):
                socket_options(client, *options)
            assert client.get_option("linger") is None
        with pytest.raises(TypeError, match="True or False"):
            socket_options(client, "so_keepalive", 1)


def test_a_socket_stream_is_an_active_socket() -> None:
    with streams() as (client, server):
        for each in (client, server):
            assert isinstance(each, SocketStream)
            assert isinstance(each, ActiveSocket)
