"""A read that has to wait sends first what is queued, or nobody would ever answer it."""

import contextlib
import socket
from typing import Any

import pytest
from sockets.helpers import Call, is_writing, stream_and_peer
from support.peers import receive_exactly
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    ConnectionReset,
    Hangup,
    Stream,
    TimedOut,
    make_socket,
)
from trunkline.servers import Server

MUCH = 4_000_000  # bytes, more than the system keeps for a connection


def ask(stream: ActiveSocket, read: Any) -> Any:
    stream.write_line("question")
    return read(stream)


def read_to_newline(stream: ActiveSocket) -> bytes:
    """Read whatever comes, which may be less than was sent at once."""
    data = b""
    while not data.endswith(b"\n"):
        data += stream.read(timeout=PATIENCE)
    return data


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.read_line(timeout=PATIENCE),
        lambda stream: next(iter(stream)),
        lambda stream: stream.read_exactly(6, timeout=PATIENCE)[:-1].decode(),
        lambda stream: read_to_newline(stream)[:-1].decode(),
        lambda stream: stream.read_until(b"\n", timeout=PATIENCE)[:-1].decode(),
        lambda stream: stream.read_text(6, timeout=PATIENCE)[:-1],
    ],
)
def test_a_question_is_sent_before_the_answer_is_waited_for(read: Any) -> None:
    with stream_and_peer() as (stream, peer), Call(ask, stream, read) as reading:
        assert receive_exactly(peer, 9) == b"question\n"
        peer.sendall(b"reply\n")
        assert reading.result() == "reply"


@pytest.mark.exact_io("all that was sent at once is received at once")
def test_what_is_there_is_read_and_nothing_is_sent_for_it() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\ntwo\n")
        assert stream.read_line(timeout=PATIENCE) == "one"
        stream.write_line("kept")
        assert stream.read_line(timeout=PATIENCE) == "two"
        assert stream.has_buffered_output
        stream.clear_output()


def test_it_can_be_turned_off() -> None:
    with stream_and_peer() as (stream, _):
        stream.sends_before_waiting = False
        stream.write_line("kept")
        with pytest.raises(TimedOut):
            stream.read_line(timeout=20 * MS)
        assert stream.has_buffered_output
        stream.clear_output()


@pytest.mark.exact_io("what an injected EAGAIN has kept back is not sent by a look")
def test_a_look_sends_too() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("now")
        assert stream.read_char_no_hang() is None
        assert receive_exactly(peer, 3) == b"now"


def write_and_read(stream: ActiveSocket) -> str:
    stream.write(bytes(MUCH))
    return stream.read_line()


def test_more_than_fits_is_sent_as_there_is_room_while_the_read_waits() -> None:
    with (
        stream_and_peer(output_buffer_size=2 * MUCH) as (stream, peer),
        Call(write_and_read, stream) as reading,
    ):
        assert len(receive_exactly(peer, MUCH)) == MUCH
        peer.sendall(b"all of it\n")
        assert reading.result() == "all of it"


def test_a_peer_that_does_not_read_is_read_all_the_same() -> None:
    with stream_and_peer(output_buffer_size=2 * MUCH) as (stream, peer):
        with Call(write_and_read, stream) as reading:
            peer.sendall(b"not interested\n")
            assert reading.result() == "not interested"
        assert stream.has_buffered_output
        stream.clear_output()


def test_a_peer_that_reads_no_more_is_read_to_the_end_and_the_writer_is_told() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"last words\n")
        peer.shutdown(socket.SHUT_RD)
        stream.write_line("too late")
        assert stream.read_line(timeout=PATIENCE) == "last words"
        with pytest.raises(TimedOut):
            stream.read_line(timeout=20 * MS)
        with pytest.raises(Hangup):
            stream.finish_output()


def test_what_another_thread_has_written_is_that_threads_to_send() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("kept")
        with Call(stream.read_line) as reading:
            peer.sendall(b"meanwhile\n")
            assert reading.result() == "meanwhile"
        assert stream.has_buffered_output
        stream.clear_output()


def test_one_thread_may_write_all_the_time_while_another_reads() -> None:
    with stream_and_peer() as (stream, peer):

        def write_many() -> None:
            for number in range(2000):
                stream.write_line(str(number))
                stream.finish_output()

        with Call(write_many) as writing:
            for number in range(2000):
                peer.sendall(b"x\n")
                assert stream.read_line(timeout=PATIENCE) == "x"
                assert receive_exactly(peer, len(f"{number}\n")) == f"{number}\n".encode()
            writing.result()  # and was never told that somebody else writes


def test_who_is_writing_in_another_thread_is_left_alone() -> None:
    with (
        stream_and_peer() as (stream, peer),
        Call(stream.write, bytes(MUCH)) as writing,
    ):
        while not is_writing(stream):
            assert writing.is_running
        with Call(stream.read_line) as reading:
            peer.sendall(b"meanwhile\n")
            assert reading.result() == "meanwhile"
        assert len(receive_exactly(peer, MUCH)) == MUCH
        writing.result()


class ResetMeanwhile:
    """A channel whose peer resets between two calls; the system tells that once."""

    where: object = "a peer"
    reading = writing = contextlib.nullcontext()

    def __init__(self) -> None:
        self.was_told = False

    def receive_into(self, buffer: object) -> int | None:
        return 0 if self.was_told else None

    def receive_soon(self, buffer: object, deadline: object) -> None:
        """Never."""

    def send(self, data: object) -> int:
        self.was_told = True
        raise ConnectionReset(operation="send", address=self.where)

    def wait_readable(self, deadline: object, operation: str) -> None:
        """There is the end of file, so it would seem."""

    wait_ready = wait_writable = wait_readable


def test_a_reset_that_sending_finds_out_is_the_reads_error() -> None:
    stream = Stream(ResetMeanwhile())
    stream.write("never to be sent")
    for _ in range(2):
        with pytest.raises(ConnectionReset, match=r"^read_line a peer: "):
            stream.read_line()


@pytest.mark.parametrize("method", ["write", "write_line"])
def test_a_write_may_send_at_once(method: str) -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("before ")
        getattr(stream, method)("now", flush=True)
        assert not stream.has_buffered_output
        assert receive_exactly(peer, 10) == b"before now"


def test_a_server_that_waits_for_input_has_answered_first() -> None:
    def answer(connection: Any) -> None:
        while server.wait_for_input(connection):
            connection.write_line(connection.read_line())

    with (
        Server(answer, host="127.0.0.1").start() as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        client.settimeout(PATIENCE)
        client.sendall(b"one\n")
        assert receive_exactly(client, 4) == b"one\n"


def test_it_goes_on_sending_while_it_waits_for_input() -> None:
    def answer(connection: Any) -> None:
        if server.wait_for_input(connection):
            connection.read_line()
            connection.write(bytes(MUCH))
        while server.wait_for_input(connection):
            connection.write_line(connection.read_line())

    with (
        make_socket(connect="passive", local_host="127.0.0.1", output_buffer_size=2 * MUCH) as at,
        Server(answer, sockets=[at]).start() as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        client.settimeout(PATIENCE)
        client.sendall(b"go\n")
        assert receive_exactly(client, MUCH) == bytes(MUCH)
        client.sendall(b"more\n")
        assert receive_exactly(client, 5) == b"more\n"
