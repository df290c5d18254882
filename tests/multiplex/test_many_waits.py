"""Waiting for many things at once, without an event base.

It is the same on all backends, because it uses none; the tests run on each nevertheless.
"""

import contextlib
import math
import os
import select
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from multiplex.helpers import (
    UNDER_FAULTS,
    Channel,
    Failure,
    at_once,
    fail,
    looks_once,
    open_channel,
)
from multiplex.test_dispatch import interrupt, signals
from sockets.helpers import Call, full_listener, listening, no_descriptors_left, stream_and_peer
from support.peers import connect, refusing_port, reset, socket_pair
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    ConnectionRefused,
    ConnectionReset,
    DecodingError,
    EndOfFile,
    Hangup,
    IOStatus,
    TimedOut,
    TooManyOpenFiles,
    make_socket,
    make_socket_pair,
    wait_until_any_ready,
    wait_until_fd_ready,
)
from trunkline.multiplex.many_waits import Source

FAMILIES = (socket.AF_INET, socket.AF_UNIX)

NOTHING = IOStatus()
INPUT = IOStatus(input=True)
OUTPUT = IOStatus(output=True)
BOTH = IOStatus(input=True, output=True)
END = IOStatus(end_of_file=True)
END_AND_OUTPUT = IOStatus(end_of_file=True, output=True)
ERROR = IOStatus(error=True)


@pytest.fixture(autouse=True)
def chosen_backend(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Force a backend, as a user would."""
    monkeypatch.setenv("TRUNKLINE_BACKEND", backend)


@pytest.fixture(params=FAMILIES, ids=["tcp", "local"])
def family(request: pytest.FixtureRequest) -> socket.AddressFamily:
    """The family of a connection."""
    found: socket.AddressFamily = request.param
    return found


@pytest.fixture
def connection(family: socket.AddressFamily) -> Iterator[tuple[ActiveSocket, socket.socket]]:
    """A stream, and the other end of the connection."""
    with stream_and_peer(family) as (stream, peer):
        yield stream, peer


Connection = tuple[ActiveSocket, socket.socket]


def status(*source: Any, timeout: float | None = PATIENCE) -> IOStatus:
    """Return what one thing is, once it is anything."""
    asked: Any = source if len(source) > 1 else source[0]
    [found] = wait_until_any_ready([asked], timeout=timeout)
    return found


def fill(stream: ActiveSocket) -> None:
    """Write until there is no room, not even a moment later."""
    number = stream.fileno()
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    while poll.poll(50):
        with contextlib.suppress(BlockingIOError):
            os.write(number, bytes(65_536))


def empty(peer: socket.socket) -> None:
    """Receive all that was sent by `fill`."""
    poll = select.poll()
    poll.register(peer.fileno(), select.POLLIN)
    while poll.poll(50):
        peer.recv(1 << 20)


# -- each answer ----------------------------------------------------------------------------------


def test_what_has_neither_input_nor_room_is_nothing(connection: Connection) -> None:
    stream, _ = connection
    fill(stream)
    for event in ("read", "write", "read_write"):
        assert status(stream, event, timeout=0) == NOTHING
    assert not NOTHING


@looks_once
def test_what_has_room_has_output(connection: Connection) -> None:
    stream, peer = connection
    assert status(stream, "read_write") == OUTPUT
    assert status(stream, "write") == OUTPUT
    assert status(stream, "read", timeout=0) == NOTHING
    fill(stream)
    empty(peer)
    assert status(stream, "read_write") == OUTPUT
    assert OUTPUT


def test_what_was_sent_is_input(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"x")
    assert status(stream) == INPUT
    assert status(stream, "read") == INPUT
    assert status(stream, "read_write") == BOTH
    assert status(stream, "write") == OUTPUT
    fill(stream)
    assert status(stream, "read_write") == INPUT


def test_nothing_is_consumed(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"x\n")
    for _ in range(3):
        assert status(stream) == INPUT
    assert stream.read_line(timeout=PATIENCE) == "x"
    peer.shutdown(socket.SHUT_WR)
    for _ in range(3):
        assert status(stream) == END
    with pytest.raises(EndOfFile):
        stream.read_line()
    assert status(stream) == END


def test_the_end_of_file_is_told_from_input(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"x")
    peer.shutdown(socket.SHUT_WR)
    assert status(stream) == INPUT
    assert status(stream, "read_write") == BOTH
    assert stream.read_char() == "x"
    assert status(stream) == END
    assert status(stream, "read_write") == END_AND_OUTPUT
    assert status(stream, "write") == OUTPUT
    fill(stream)
    assert status(stream, "read_write") == END


@looks_once
def test_buffered_input_is_input(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"one\ntwo\n")
    assert stream.read_line(timeout=PATIENCE) == "one"
    with at_once():
        assert status(stream, timeout=600) == INPUT
        assert status(stream, "read_write", timeout=600) == BOTH
        assert status(stream, "write", timeout=600) == OUTPUT
    assert status(stream.fileno(), timeout=0) == NOTHING
    peer.shutdown(socket.SHUT_WR)
    assert status(stream) == INPUT
    assert stream.read_line() == "two"
    assert status(stream) == END


@looks_once
@pytest.mark.parametrize(
    ("external_format", "half", "rest"),
    [
        ("utf-8", b"\xc3", b"\xa9"),
        ("utf-8/crlf", b"\r", b"\n"),
        ("utf-16-le", b"a", b"\0"),
        ("utf-16-le/crlf", b"\r\0", b"\n\0"),
        ("iso2022_jp", b"\x1b$B$", b'"'),
    ],
)
def test_half_a_character_is_no_input(
    family: socket.AddressFamily, external_format: str, half: bytes, rest: bytes
) -> None:
    with stream_and_peer(family, external_format=external_format) as (stream, peer):
        peer.sendall(half)
        assert status(stream) == INPUT  # it has come, and nobody knows yet what it is
        with pytest.raises(TimedOut):
            stream.read_text(1, timeout=0)
        assert status(stream, timeout=0) == NOTHING
        assert not wait_until_fd_ready(stream, "read", timeout=0)
        peer.sendall(rest)
        assert status(stream) == INPUT
        assert len(stream.read_text(1, timeout=PATIENCE)) == 1
        peer.sendall(half)
        peer.shutdown(socket.SHUT_WR)
        assert status(stream).input
        with contextlib.suppress(DecodingError):
            stream.read_text(1, timeout=PATIENCE)


@looks_once
def test_what_could_be_ready_is_told_beside_buffered_input(connection: Connection) -> None:
    stream, peer = connection
    with stream_and_peer() as (other, its_peer):
        peer.sendall(b"one\ntwo\n")
        assert stream.read_line(timeout=PATIENCE) == "one"
        its_peer.sendall(b"x")
        assert status(other) == INPUT
        assert wait_until_any_ready([stream, other], timeout=PATIENCE) == [INPUT, INPUT]


def test_a_direction_that_has_ended_is_never_ready(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"x")
    stream.shutdown(write=True)
    assert status(stream, "write", timeout=0) == NOTHING
    assert status(stream, "read_write") == INPUT
    stream.read_char()
    assert status(stream, "read_write", timeout=0) == NOTHING
    peer.sendall(b"x")
    assert status(stream) == INPUT
    stream.shutdown(read=True)
    for event in ("read", "write", "read_write"):
        assert status(stream, event, timeout=10 * MS) == NOTHING
    peer.close()
    for event in ("read", "write", "read_write"):
        assert status(stream, event, timeout=10 * MS) == NOTHING


def test_ended_reading_leaves_the_writing_ready(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"one\ntwo\n")
    assert stream.read_line(timeout=PATIENCE) == "one"
    stream.shutdown(read=True)
    assert status(stream, "read", timeout=10 * MS) == NOTHING
    assert status(stream, "read_write") == OUTPUT


def test_a_peer_that_is_gone_is_end_of_file() -> None:
    with stream_and_peer() as (stream, peer):
        peer.close()
        assert status(stream) == END
        assert status(stream, "read_write") == END  # there is nobody to write to
        assert status(stream, "write") == ERROR
        with pytest.raises(Hangup):
            stream.write("x", flush=True)


@looks_once
def test_a_reset_is_an_error() -> None:
    for event in ("read", "write", "read_write"):
        with stream_and_peer(socket.AF_INET) as (stream, peer):
            reset(peer)
            for _ in range(2):
                assert status(stream, event) == ERROR
            with pytest.raises(ConnectionReset):
                stream.read_line(timeout=PATIENCE)
            # The system has forgotten it, and the stream has not.
            assert status(stream, event) == ERROR


def test_what_ends_and_is_reset_later_is_at_its_end() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.shutdown(socket.SHUT_WR)
        assert status(stream) == END
        assert stream.read() == b""
        stream.write(b"for nobody", flush=True)
        reset(peer)
        assert status(stream, "write") == ERROR
        for _ in range(2):
            assert status(stream) == END
            assert stream.read() == b""


def test_that_is_an_error_until_a_read_has_found_the_end() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.shutdown(socket.SHUT_WR)
        assert status(stream) == END
        reset(peer)
        assert status(stream, "write") == ERROR
        assert status(stream) == ERROR  # the system does not tell which of the two comes first
        assert stream.read() == b""
        assert status(stream) == END


def test_a_local_peer_that_reads_no_more_takes_no_output() -> None:
    with stream_and_peer(socket.AF_UNIX) as (stream, peer):
        peer.shutdown(socket.SHUT_RD)
        assert status(stream, "write") == ERROR
        assert status(stream, timeout=0) == NOTHING
        peer.sendall(b"x")
        assert status(stream) == INPUT


def test_what_came_before_a_reset_is_input_and_error() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"x")
        assert status(stream) == INPUT
        reset(peer)
        wait_for_the_reset(stream)
        assert status(stream, "read_write") == IOStatus(input=True, error=True)
        assert status(stream, "write") == ERROR
        assert stream.read(1) == b"x"
        assert status(stream) == ERROR


@looks_once
def test_buffered_input_before_a_reset_is_input_and_error() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"one\ntwo\n")
        assert stream.read_line(timeout=PATIENCE) == "one"
        reset(peer)
        wait_for_the_reset(stream)
        assert status(stream) == IOStatus(input=True, error=True)
        assert stream.read_line() == "two"
        assert status(stream) == ERROR


def wait_for_the_reset(stream: ActiveSocket) -> None:
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    assert poll.poll(PATIENCE * 1000)


@pytest.mark.parametrize("event", ["read", "write", "read_write"])
def test_a_socket_without_a_peer_is_an_error(event: str) -> None:
    with make_socket() as sock, make_socket(connect="passive") as other:
        assert status(sock, event) == ERROR
        assert status(other, event) == ERROR  # it does not listen


def test_a_connection_that_is_being_made_is_nothing_until_it_is_there() -> None:
    with full_listener() as listener, make_socket() as sock:
        sock.connect(*listener.getsockname()[:2], timeout=0)
        assert status(sock, "read_write", timeout=0) == NOTHING
    with listening() as listener, make_socket() as sock:
        sock.connect("127.0.0.1", listener.local_port, timeout=0)
        assert status(sock, "read_write") == OUTPUT
        sock.wait_connected(timeout=PATIENCE)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_so_is_one_of_pythons(family: socket.AddressFamily) -> None:
    with socket.socket(family) as alone:
        assert status(alone, "read") == ERROR


def test_a_connection_that_is_refused_is_an_error() -> None:
    with refusing_port() as port, make_socket() as sock:
        try:
            sock.connect("127.0.0.1", port, timeout=0)
        except ConnectionRefused:  # the system was fast
            assert status(sock, "read_write") == ERROR
            return
        assert status(sock, "read_write") == ERROR
        with pytest.raises(ConnectionRefused):
            sock.wait_connected(timeout=PATIENCE)


# -- servers --------------------------------------------------------------------------------------


def test_a_server_is_ready_when_a_connection_waits(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with (
        listening() as tcp,
        make_socket(connect="passive", address_family="local", local_filename=path) as local,
    ):
        servers: list[Source] = [tcp, (local, "read_write"), (tcp, "write"), tcp.fileno()]
        assert wait_until_any_ready(servers, timeout=0) == [NOTHING] * 4
        with connect(("127.0.0.1", tcp.local_port)):
            assert wait_until_any_ready(servers) == [INPUT, NOTHING, NOTHING, INPUT]
            tcp.accept().close()
        with make_socket(address_family="local", remote_filename=path):
            assert wait_until_any_ready(servers) == [NOTHING, INPUT, NOTHING, NOTHING]
            local.accept().close()


def test_a_server_whose_listening_was_ended_is_an_error() -> None:
    with listening() as server:
        with socket.socket(fileno=os.dup(server.fileno())) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)
        assert status(server) == ERROR


# -- other descriptors ----------------------------------------------------------------------------


@looks_once
def test_descriptors_of_all_kinds(channel: Channel) -> None:
    assert status(channel.reader, timeout=0) == NOTHING
    assert status(channel.writer, "write") == OUTPUT
    channel.send(b"x\n")
    assert status(channel.reader) == INPUT
    channel.receive_exactly(2)
    assert status(channel.reader, timeout=0) == NOTHING


def test_the_end_of_a_pipe() -> None:
    with open_channel("pipe") as channel:
        channel.send()
        channel.close_writer()
        assert status(channel.reader) == INPUT
        channel.receive()
        assert status(channel.reader) == END
    with open_channel("pipe") as channel:
        channel.close_reader()
        assert status(channel.writer, "write") == ERROR


def test_the_end_of_a_plain_connection(family: socket.AddressFamily) -> None:
    with socket_pair(family) as (mine, peer):
        peer.sendall(b"x")
        peer.shutdown(socket.SHUT_WR)
        assert status(mine) == INPUT
        mine.recv(1)
        assert status(mine, "read_write") == END_AND_OUTPUT


def test_a_datagram_without_bytes_is_no_end_of_file() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        receiver.bind(("127.0.0.1", 0))
        sender.sendto(b"", receiver.getsockname())
        assert status(receiver) == INPUT


@pytest.mark.parametrize("before", [b"", b"before"])
def test_the_end_of_file_comes_behind_the_bytes_that_are_behind_an_urgent_one(
    before: bytes,
) -> None:
    with socket_pair(socket.AF_INET) as (mine, peer):
        peer.sendall(before)
        peer.send(b"!", socket.MSG_OOB)
        peer.sendall(b"after")
        peer.shutdown(socket.SHUT_WR)
        received = b""
        while received != before + b"after":
            assert status(mine) == INPUT
            received += mine.recv(100)
        assert status(mine) == END


def test_bytes_behind_an_urgent_one_are_no_end_of_file() -> None:
    with socket_pair(socket.AF_INET) as (mine, peer):
        peer.send(b"!", socket.MSG_OOB)
        peer.sendall(b"x")
        assert status(mine) == INPUT


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="no event descriptors here")
def test_what_has_no_bytes_has_input() -> None:
    number = os.eventfd(1)
    try:
        assert status(number) == INPUT
    finally:
        os.close(number)


def test_a_regular_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "file").open() as file, pytest.raises(ValueError, match="regular file"):
        status(file)
    number = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(ValueError, match="directory"):
            status(number)
    finally:
        os.close(number)


@looks_once
def test_what_is_closed_is_an_error() -> None:
    with open_channel() as channel, stream_and_peer() as (stream, _):
        number = channel.reader
    assert wait_until_any_ready([number, stream, (stream, "write"), -1]) == [ERROR] * 4
    with stream_and_peer() as (ended, _), listening() as server:
        ended.shutdown(read=True, write=True)
    assert wait_until_any_ready([ended, (server, "write")]) == [ERROR] * 2


# -- many -----------------------------------------------------------------------------------------


@looks_once
def test_each_is_answered_in_its_place(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"x")
    assert status(stream) == INPUT
    with stream_and_peer() as (other, its_peer):
        its_peer.shutdown(socket.SHUT_WR)
        sources: list[Source] = [
            (other, "read_write"),
            stream,
            (stream, "write"),
            (stream, "read_write"),
            (stream.fileno(), "write"),
            other.fileno(),
            peer,
        ]
        expected = [END_AND_OUTPUT, INPUT, OUTPUT, BOTH, OUTPUT, END, NOTHING]
        assert wait_until_any_ready(sources, timeout=PATIENCE) == expected
        assert wait_until_any_ready(iter(sources), timeout=PATIENCE) == expected


def test_a_thing_may_be_asked_twice_about_different_directions(connection: Connection) -> None:
    stream, _ = connection
    both_ways: list[list[Source]] = [
        [(stream, "read"), (stream, "write")],
        [(stream, "write"), stream],
    ]
    for sources in both_ways:
        found = wait_until_any_ready(sources, timeout=PATIENCE)
        assert sorted(found) == [NOTHING, OUTPUT]


@looks_once
def test_more_descriptors_than_select_takes() -> None:
    with contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(socket_pair()) for _ in range(600)]
        mine = [one for one, _ in pairs]
        assert mine[-1].fileno() > 1024
        pairs[599][1].sendall(b"x")
        pairs[3][1].close()
        found = wait_until_any_ready(mine, timeout=PATIENCE)
        assert {i: each for i, each in enumerate(found) if each} == {3: END, 599: INPUT}


# -- waiting --------------------------------------------------------------------------------------


def test_a_wait_ends_when_its_time_is_up(connection: Connection) -> None:
    start = time.monotonic()
    assert wait_until_any_ready([connection[0]] * 2, timeout=20 * MS) == [NOTHING, NOTHING]
    assert time.monotonic() - start >= 20 * MS


def test_a_wait_without_limit_ends_when_something_comes(
    connection: Connection, waiting: threading.Event
) -> None:
    stream, peer = connection
    with stream_and_peer() as (other, _), Call(wait_until_any_ready, [other, stream]) as call:
        assert waiting.wait(PATIENCE)
        peer.sendall(b"x")
        assert call.result() == [NOTHING, INPUT]


@pytest.mark.parametrize("event", ["read", "write", "read_write"])
def test_a_socket_that_another_thread_closes_meanwhile_is_an_error(
    connection: Connection, waiting: threading.Event, event: Any
) -> None:
    stream, _ = connection
    fill(stream)
    with (
        stream_and_peer() as (other, _),
        Call(wait_until_any_ready, [other, (stream, event)]) as call,
    ):
        assert waiting.wait(PATIENCE)
        stream.close(abort=True)
        assert call.result() == [NOTHING, ERROR]


def test_a_server_that_another_thread_closes_meanwhile_is_an_error(
    waiting: threading.Event,
) -> None:
    with listening() as server, Call(wait_until_any_ready, [server]) as call:
        assert waiting.wait(PATIENCE)
        server.close()
        assert call.result() == [ERROR]


def test_a_number_that_is_used_again_is_not_taken_for_the_socket(waiting: threading.Event) -> None:
    """What the other file has to say is not the socket's."""
    with stream_and_peer() as (stream, _), stream_and_peer() as (other, peer):
        number = stream.fileno()
        with Call(wait_until_any_ready, [stream, other]) as call:
            assert waiting.wait(PATIENCE)
            stream.close(abort=True)
            reused = os.dup(peer.fileno())
            try:
                assert reused == number
                other.write("x", flush=True)  # the reused number is readable
                assert call.result()[0] == ERROR
            finally:
                os.close(reused)


def test_a_direction_that_another_thread_ends_meanwhile_is_not_ready(
    connection: Connection, waiting: threading.Event
) -> None:
    stream, _ = connection
    fill(stream)
    with Call(wait_until_any_ready, [(stream, "read_write")], timeout=50 * MS) as call:
        assert waiting.wait(PATIENCE)
        stream.shutdown(read=True)
        assert call.result() == [NOTHING]


def test_so_it_is_for_both(connection: Connection, waiting: threading.Event) -> None:
    stream, _ = connection
    fill(stream)
    with Call(wait_until_any_ready, [(stream, "read_write")], timeout=50 * MS) as call:
        assert waiting.wait(PATIENCE)
        stream.shutdown(read=True)
        stream.shutdown(write=True)
        assert call.result() == [NOTHING]


def test_nothing_stays_behind(connection: Connection) -> None:
    """Whoever closes the socket later wakes nobody."""
    stream, _ = connection
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        wait_until_any_ready([stream, stream], timeout=1 * MS)
    assert len(os.listdir("/dev/fd")) == before
    stream.close()


@pytest.mark.exact_io("it needs descriptors of its own to wait")
def test_looking_takes_no_descriptors_and_waiting_says_that_it_does() -> None:
    with stream_and_peer() as (stream, _), no_descriptors_left():
        assert wait_until_any_ready([stream], timeout=0) == [NOTHING]
        with pytest.raises(TooManyOpenFiles):
            wait_until_any_ready([stream], timeout=1)


def test_a_signal_does_not_shorten_a_wait(pair: Channel) -> None:
    start = time.monotonic()
    with signals(lambda: None) as received:
        assert wait_until_any_ready([pair.reader], timeout=40 * MS) == [NOTHING]
        assert time.monotonic() - start >= 40 * MS
    assert received


@pytest.mark.parametrize(("handler", "error"), [(fail, Failure), (interrupt, KeyboardInterrupt)])
def test_a_signal_handler_that_raises_ends_a_wait(
    pair: Channel, handler: Callable[[], None], error: type[BaseException]
) -> None:
    with pytest.raises(error), signals(handler, once=True):
        wait_until_any_ready([pair.reader], timeout=600)


def test_what_would_wait_for_ever_is_refused(connection: Connection) -> None:
    stream, _ = connection
    stream.shutdown(write=True)
    with listening() as server:
        hopeless: list[list[Source]] = [[], [(stream, "write")], [(server, "write")]]
        for sources in hopeless:
            with pytest.raises(ValueError, match="nothing to wait for"):
                wait_until_any_ready(sources)
            assert not any(wait_until_any_ready(sources, timeout=1 * MS))


class Far:
    def fileno(self) -> int:
        """Return a number that no descriptor has."""
        return 2**40


def test_the_arguments_are_checked(pair: Channel) -> None:
    bad: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        ([(pair.reader, "error")], {}, ValueError, "read, write, read_write"),
        ([pair.reader], {"timeout": -1}, ValueError, "negative"),
        ([pair.reader], {"timeout": math.nan}, ValueError, "negative"),
        ([pair.reader], {"timeout": "1"}, TypeError, "number of seconds"),
        (["0"], {}, TypeError, "descriptor"),
        ([None], {}, TypeError, "descriptor"),
        ([True], {}, TypeError, "descriptor"),
        ([(pair.reader,)], {}, TypeError, "pair"),
        ([2**31], {}, ValueError, "31 bits at most, not 0x80000000"),
        ([(2**70, "write")], {}, ValueError, "31 bits at most"),
        ([(pair.reader, "read", 1)], {}, TypeError, "pair"),
        ([Far()], {}, ValueError, "31 bits at most"),
        (pair.reader, {}, TypeError, "iterable"),
    ]
    for sources, options, error, message in bad:
        with pytest.raises(error, match=message):
            wait_until_any_ready(sources, **options)


def test_a_single_thing_is_refused_and_nothing_is_taken_from_it(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"a line\n")
    assert status(stream) == INPUT
    with listening() as server:
        single: Any
        for single in (stream, server, peer, stream.fileno(), (stream, "read")):
            with pytest.raises(TypeError, match=r"no single .*: give \[it\]$"):
                wait_until_any_ready(single, timeout=0)
    assert stream.read_line(timeout=PATIENCE) == "a line"


def test_the_same_thing_many_times_is_answered_each_time(connection: Connection) -> None:
    stream, peer = connection
    peer.sendall(b"x")
    events: list[Any] = ["read", "write", "read_write"] * 1000
    assert status(stream) == INPUT
    found = wait_until_any_ready([(stream, event) for event in events], timeout=PATIENCE)
    assert found[:3] == [INPUT, OUTPUT, IOStatus(input=True, output=True)]
    assert found == found[:3] * 1000


# -- what it costs --------------------------------------------------------------------------------


@pytest.mark.alone
@pytest.mark.skipif(UNDER_FAULTS, reason="it is about time")
@pytest.mark.parametrize("ours", [False, True], ids=["numbers", "sockets"])
def test_many_cost_no_more_than_twice_what_poll_costs(ours: bool) -> None:
    """The same is asked of both: 5,000 descriptors or sockets, once, of which one is ready."""
    with contextlib.ExitStack() as stack:
        sockets = [make_socket_pair() for _ in range(2500)]
        for pair in sockets:
            stack.enter_context(pair[0])
            stack.enter_context(pair[1])
        mine = [each for pair in sockets for each in pair]
        mine[4000].send_to(b"x")
        sources: list[Any] = mine if ours else [each.fileno() for each in mine]

        def bare() -> object:
            poll = select.poll()
            for source in sources:
                poll.register(source, select.POLLIN)
            return poll.poll(0)

        def many() -> object:
            return wait_until_any_ready(sources, timeout=0)

        assert relative_cost(many, bare) < 2


def relative_cost(one: Callable[[], object], other: Callable[[], object]) -> float:
    """Return how much more of a processor one takes than the other: the median of many pairs.

    Whatever else the machine does meanwhile makes both of a pair slower.
    """
    ratios = []
    for _ in range(75):
        before = time.thread_time()
        one()
        between = time.thread_time()
        other()
        ratios.append((between - before) / (time.thread_time() - between))
    return statistics.median(ratios)
