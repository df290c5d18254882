"""CLISP's `socket-status`: each answer of its table, and each form of its argument.

It is the same on all backends; the tests run on each nevertheless.
"""

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from dialects.clisp_helpers import fill, serving, streams
from sockets.helpers import Call, stream_and_peer
from support.backends import each_backend
from support.peers import refusing_port, reset
from support.processes import Program
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    ConnectionRefused,
    ConnectionReset,
    EndOfFile,
    Hangup,
    PassiveSocket,
    SocketClosed,
    make_socket,
    make_socket_pair,
)
from trunkline.dialects.clisp import (
    read_byte,
    read_byte_no_hang,
    socket_accept,
    socket_connect,
    socket_server,
    socket_server_close,
    socket_server_port,
    socket_status,
    socket_stream_local,
    socket_stream_peer,
    socket_stream_shutdown,
    write_byte,
)


@pytest.fixture(autouse=True, params=each_backend())
def chosen_backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Force a backend, as a user would."""
    monkeypatch.setenv("TRUNKLINE_BACKEND", request.param)


@pytest.fixture(params=[socket.AF_INET, socket.AF_UNIX], ids=["tcp", "local"])
def connection(request: pytest.FixtureRequest) -> Iterator[tuple[ActiveSocket, socket.socket]]:
    """A stream, and the other end of the connection."""
    with stream_and_peer(request.param) as (stream, peer):
        yield stream, peer


Connection = tuple[ActiveSocket, socket.socket]


# -- the table ------------------------------------------------------------------------------------


class Row(NamedTuple):
    """What a stream is given, and its statuses in the three directions."""

    sent: bool
    ended: bool
    full: bool
    input: str | None
    output: str | None
    io: str | None


TABLE = [
    Row(sent=False, ended=False, full=True, input=None, output=None, io=None),
    Row(sent=False, ended=False, full=False, input=None, output="output", io="output"),
    Row(sent=True, ended=False, full=True, input="input", output=None, io="input"),
    Row(sent=True, ended=False, full=False, input="input", output="output", io="io"),
    Row(sent=True, ended=True, full=True, input="input", output=None, io="input"),
    Row(sent=True, ended=True, full=False, input="input", output="output", io="io"),
    Row(sent=False, ended=True, full=True, input="eof", output=None, io="eof"),
    Row(sent=False, ended=True, full=False, input="eof", output="output", io="append"),
]


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_each_answer_of_the_table(connection: Connection, row: Row) -> None:
    stream, peer = connection
    if row.sent:
        peer.sendall(b"x")
    if row.ended:
        peer.shutdown(socket.SHUT_WR)
    if row.full:
        fill(stream)
    expected: list[tuple[Any, str | None]] = [
        ((stream, "input"), row.input),
        ((stream, "output"), row.output),
        ((stream, "io"), row.io),
        (stream, row.io),
    ]
    for asked, status in expected:
        limit = 0 if status is None else PATIENCE
        assert socket_status(asked, limit) == (status, int(status is not None))


def test_an_error_is_told_in_each_direction() -> None:
    for direction in ("input", "output", "io"):
        with stream_and_peer(socket.AF_INET) as (stream, peer):
            reset(peer)
            for _ in range(2):
                assert socket_status((stream, direction), PATIENCE) == ("error", 1)
            with pytest.raises(ConnectionReset):
                stream.read_char(timeout=PATIENCE)
            assert socket_status(stream, 0) == ("error", 1)


def test_an_error_in_a_local_connection() -> None:
    """There is nobody to write to any more; reading still has its end of file."""
    with stream_and_peer() as (stream, peer):
        peer.close()
        assert socket_status((stream, "output"), PATIENCE) == ("error", 1)
        assert socket_status((stream, "input"), PATIENCE) == ("eof", 1)
        assert socket_status(stream, PATIENCE) == ("eof", 1)


def test_what_has_come_before_an_error_can_be_read() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"x\ny\n")
        assert stream.read_line(timeout=PATIENCE) == "x"
        reset(peer)
        assert socket_status((stream, "output"), PATIENCE)[1] == 1
        assert socket_status((stream, "input"), PATIENCE) == ("input", 1)
        assert stream.read_line() == "y"


def test_the_status_of_a_server(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with (
        make_socket(connect="passive", address_family="local", local_filename=path) as local,
        serving() as tcp,
    ):
        servers: list[tuple[PassiveSocket, dict[str, Any]]] = [
            (local, {"address_family": "local", "remote_filename": path}),
            (tcp, {"remote_host": tcp.local_host, "remote_port": tcp.local_port}),
        ]
        for server, options in servers:
            assert socket_status(server, 0) == (None, 0)
            with make_socket(**options):
                assert socket_status(server, PATIENCE) == (True, 1)
                assert socket_status((server, "input"), PATIENCE) == (True, 1)
                server.accept().close()
            assert socket_status(server, 0) == (None, 0)
            with socket.socket(fileno=os.dup(server.fileno())) as duplicate:
                duplicate.shutdown(socket.SHUT_RDWR)
            assert socket_status(server, PATIENCE) == ("error", 1)


def test_buffered_input_counts() -> None:
    with streams() as (client, server):
        client.write("foo\nbar\n")
        assert server.read_line() == "foo"
        assert socket_status(server) == ("io", 1)
        assert socket_status((server, "input")) == ("input", 1)
        assert server.read_line() == "bar"
        assert socket_status((server, "input"), 0) == (None, 0)


def test_a_direction_that_has_ended_is_never_ready(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"x")
    socket_stream_shutdown(stream, "output")
    assert socket_status(stream, PATIENCE) == ("input", 1)
    assert socket_status((stream, "output"), 0) == (None, 0)
    socket_stream_shutdown(stream, "input")
    assert socket_status(stream, 0) == (None, 0)


# -- the forms of the argument --------------------------------------------------------------------


def test_a_list_is_answered_by_a_list() -> None:
    with serving() as server, streams() as (one, other):
        one.write_line("x")
        asked: list[Any] = [server, one, (other, "input"), other, (one, "input")]
        assert socket_status((other, "input"), PATIENCE) == ("input", 1)
        statuses, count = socket_status(asked, PATIENCE)
        assert statuses == [None, "output", "input", "io", None]
        assert count == 3
        assert asked == [server, one, (other, "input"), other, (one, "input")]


def test_a_list_whose_elements_are_changed_in_place_is_returned_itself() -> None:
    with serving() as server, streams() as (one, other):
        one.write_line("x")
        assert socket_status((other, "input"), PATIENCE) == ("input", 1)
        asked: list[Any] = [[server, "?"], [one, "io", None], [other, "input", 7]]
        elements = list(asked)
        for _ in range(2):
            statuses, count = socket_status(asked, PATIENCE)
            assert statuses is asked
            assert all(each is element for each, element in zip(asked, elements, strict=True))
            assert asked == [[server, None], [one, "io", "output"], [other, "input", "input"]]
            assert count == 2


def test_a_list_may_have_both() -> None:
    with serving() as server, streams() as (one, other):
        in_place = [one, "output", None]
        statuses, count = socket_status([in_place, other, server], PATIENCE)
        assert statuses == [[one, "output", "output"], "output", None]
        assert statuses[0] is in_place
        assert count == 2


def test_other_things_with_descriptors_have_a_status() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as reader, os.fdopen(writing, "wb", 0) as writer:
        assert socket_status((reader, "input"), 0) == (None, 0)
        assert socket_status((writing, "output"), PATIENCE) == ("output", 1)
        writer.write(b"x")
        assert socket_status((reading, "input"), PATIENCE) == ("input", 1)
        reader.read(1)
        writer.close()
        assert socket_status(reader, PATIENCE) == ("eof", 1)


def test_what_is_none_of_this_is_refused() -> None:
    with serving() as server, streams() as (stream, _):
        bad: list[tuple[Any, type[Exception], str]] = [
            (None, TypeError, "None is no socket"),
            ([], ValueError, "nothing"),
            ([None], TypeError, "None is no socket"),
            ("stream", TypeError, "descriptor"),
            ((stream, "read"), ValueError, "a direction is"),
            ([(stream, None)], ValueError, "a direction is"),
            ([[stream, "io"]], TypeError, "in place"),
            ([[stream]], TypeError, "in place"),
            ([[server]], TypeError, "in place"),
            ((server, "input", None), TypeError, r"a tuple is \(stream, direction\); .* a list"),
            ((stream,), TypeError, "a tuple is"),
            ((stream, ":input"), ValueError, "a direction is 'input', "),
        ]
        for asked, error, message in bad:
            with pytest.raises(error, match=message):
                socket_status(asked, 0)
        limits: list[tuple[Any, type[Exception]]] = [
            (-1, ValueError),
            ("1", TypeError),
            ((1, 2, 3), TypeError),
        ]
        for limit, error in limits:
            with pytest.raises(error):
                socket_status(server, limit)


def test_what_is_closed_is_an_error() -> None:
    with serving() as server, streams() as (stream, _):
        stream.close()
        socket_server_close(server)
        asked: list[Any] = [stream, server, (stream, "output"), [stream], [[server, None]]]
        for each in asked:
            with pytest.raises(SocketClosed, match=r"^socket_status "):
                socket_status(each, 0)


# -- time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [(0.02,), (0, 20_000), ((0, 20_000),)])
def test_a_wait_ends_when_its_time_is_up(limit: tuple[Any, ...]) -> None:
    with serving() as server:
        start = time.monotonic()
        assert socket_status([server], *limit) == ([None], 0)
        assert time.monotonic() - start >= 20 * MS


def test_a_wait_without_limit_ends_when_something_comes() -> None:
    with streams() as (client, server), Call(socket_status, (server, "input")) as call:
        client.write_line("x")
        assert call.result() == ("input", 1)


# -- CLISP's own tests ----------------------------------------------------------------------------


def test_a_connection_from_its_beginning_to_its_end() -> None:
    """The first of CLISP's own: a fresh server, a client, a line."""
    with serving() as server:
        assert socket_status(server, 0) == (None, 0)
        with socket_connect(socket_server_port(server), timeout=0) as client:
            asked: list[Any] = [[server, None], [client, "io", None]]
            deadline = time.monotonic() + PATIENCE
            while socket_status(asked, PATIENCE)[1] < 2:  # it may take a moment
                assert time.monotonic() < deadline
            assert socket_status(asked, 0)[0] is asked
            assert asked == [[server, True], [client, "io", "output"]]
            with socket_accept(server) as accepted:
                asked = [server, client, accepted]
                assert socket_status(asked, 0) == ([None, "output", "output"], 2)
                client.write_line("foo")
                client.finish_output()
                assert socket_status((accepted, "input"), PATIENCE) == ("input", 1)
                assert socket_status(asked, 0) == ([None, "output", "io"], 2)
                assert accepted.read_line() == "foo"
                assert socket_status(asked, 0) == ([None, "output", "output"], 2)


def test_the_same_with_bytes() -> None:
    with streams(element_type="bytes") as (client, server):
        assert read_byte_no_hang(client) is None
        assert write_byte(65, client) == 65
        assert socket_status((server, "input"), PATIENCE) == ("input", 1)
        assert socket_status(server, 0) == ("io", 1)
        assert read_byte(server) == 65
        assert socket_status(server, 0) == ("output", 1)
        write_byte(66, server)
        assert socket_status((client, "input"), PATIENCE) == ("input", 1)
        assert read_byte_no_hang(client) == 66


CHILD = """
from trunkline.dialects.clisp import *
server = socket_server(interface="127.0.0.1")
print(socket_server_port(server), flush=True)
with socket_accept(server, external_format="dos") as stream:
    stream.write_line(f"You sent {stream.read_line()!r}")
    socket_stream_shutdown(stream, "output")
    assert socket_status((stream, "input")) == ("eof", 1)
"""


@pytest.mark.slow
def test_a_child_process() -> None:
    with Program([sys.executable, "-c", CHILD]) as child:
        port = int(child.wait_for_line(r"^(\d+)$")[1])
        with socket_connect(port, "127.0.0.1", external_format="dos", timeout=10) as stream:
            stream.write_line("hello")
            assert socket_status((stream, "input"), PATIENCE) == ("input", 1)
            assert stream.read_line() == "You sent 'hello'"
            assert socket_status(stream, 0)[0] in ("output", "append")
            assert socket_status((stream, "input"), PATIENCE) == ("eof", 1)
            assert socket_status(stream, 0) == ("append", 1)
        assert child.wait() == 0


def test_unbuffered_streams() -> None:
    with streams(buffered=False) as (client, server):
        assert socket_stream_peer(client, True) == socket_stream_local(server, True)
        assert socket_stream_peer(server, True) == socket_stream_local(client, True)
        for name in (socket_stream_peer, socket_stream_local):
            for stream in (client, server):
                assert " (" not in name(stream, True)[0]
                assert name(stream)[0].startswith(name(stream, True)[0])
        client.write("x")
        assert socket_status((server, "input"), PATIENCE) == ("input", 1)
        assert server.read_char() == "x"
        assert socket_status((server, "input"), 0) == (None, 0)
        client.close()
        assert socket_status((server, "input"), PATIENCE) == ("eof", 1)
        with pytest.raises(EndOfFile):
            server.read_char()


def test_a_peer_that_dies() -> None:
    with streams() as (client, server):
        assert socket_status(client, 0) == ("output", 1)
        server.close()
        assert socket_status((client, "input"), PATIENCE) == ("eof", 1)
        assert socket_status(client, 0) == ("append", 1)
        client.write_line("x")  # the system takes it, and the peer answers with a reset
        assert socket_status((client, "output"), 0)[1] == 1
        with pytest.raises((Hangup, ConnectionReset)):
            write_on(client)
        # The connection is over. CLISP says so once, and then that it could be written.
        with pytest.raises((EndOfFile, ConnectionReset)):
            client.read_char()
        assert socket_status(client, 0)[0] in ("error", "eof")


def write_on(stream: ActiveSocket) -> None:
    """Write for as long as that goes well."""
    while True:
        stream.write_line("y")


def test_nobody_listens() -> None:
    with refusing_port() as port:
        with pytest.raises(ConnectionRefused):
            socket_connect(port, "127.0.0.1", buffered=False, timeout=30)
        with socket_connect(port, "127.0.0.1", buffered=False, timeout=0) as stream:
            assert socket_status(stream, PATIENCE) == ("error", 1)
            with pytest.raises(ConnectionRefused):
                stream.read_char()


def test_a_pair_of_ours_has_a_status() -> None:
    one, other = make_socket_pair()
    with one, other, socket_server(interface="127.0.0.1") as server:
        one.send_to(b"x")
        assert socket_status([one, other, server], PATIENCE) == (["output", "io", None], 2)
