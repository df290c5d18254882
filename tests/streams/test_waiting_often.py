"""A stream that has looked for input in vain waits in another way, in which all is as it was."""

import contextlib
import gc
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from servers.serving import eventually
from sockets.helpers import Call, raising, signals, stream_and_peer
from support.peers import receive_exactly, reset
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    Busy,
    ConnectionReset,
    EndOfFile,
    SocketClosed,
    Stream,
    TimedOut,
)
from trunkline._sys import socket_descriptor
from trunkline.servers import Server, ServerConnection

FAMILIES = [socket.AF_UNIX, socket.AF_INET]


def wait_in_vain(stream: ActiveSocket) -> None:
    """Look for input where there is none, so often that the next looks are left out."""
    for _ in range(4):
        with pytest.raises(TimedOut):
            stream.read_line(timeout=MS)


@contextlib.contextmanager
def impatient_stream_and_peer(
    family: socket.AddressFamily = socket.AF_UNIX,
) -> Iterator[tuple[ActiveSocket, socket.socket]]:
    with stream_and_peer(family) as (stream, peer):
        wait_in_vain(stream)
        yield stream, peer


def read_line(stream: ActiveSocket, question: str) -> str:
    """Write a question and read a line, as soon as nobody looks whether somebody reads."""
    stream.write(question)
    while True:
        try:
            return stream.read_line()
        except Busy:
            pass


@contextlib.contextmanager
def read_line_that_waits(stream: ActiveSocket, question: str = "") -> Iterator[Call[str]]:
    """Yield a call that has the right to read, and keeps it until something happens."""
    with Call(read_line, stream, question) as reading:
        while reading.is_running:
            try:
                stream.clear_input()
            except Busy:
                break
        yield reading


@pytest.mark.parametrize("family", FAMILIES)
def test_questions_are_answered(family: socket.AddressFamily) -> None:
    with impatient_stream_and_peer(family) as (stream, peer):
        for number in range(50):
            question = f"question {number}\n"
            with read_line_that_waits(stream, question) as reading:
                assert receive_exactly(peer, len(question)) == question.encode()
                peer.sendall(b"answer %d\n" % number)
                assert reading.result() == f"answer {number}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_line_in_pieces_is_put_together(family: socket.AddressFamily) -> None:
    with impatient_stream_and_peer(family) as (stream, peer):
        with read_line_that_waits(stream) as reading:
            for piece in (b"on", b"e li", b"ne\ntw"):
                peer.sendall(piece)
            assert reading.result() == "one line"
        peer.sendall(b"o\n")
        assert stream.read_line(timeout=PATIENCE) == "two"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_end_is_told(family: socket.AddressFamily) -> None:
    with impatient_stream_and_peer(family) as (stream, peer):
        with read_line_that_waits(stream) as reading:
            peer.shutdown(socket.SHUT_WR)
            with pytest.raises(EndOfFile):
                reading.result()
        stream.write_line("still here", flush=True)
        assert receive_exactly(peer, 11) == b"still here\n"


def test_a_reset_is_told() -> None:
    with impatient_stream_and_peer(socket.AF_INET) as (stream, peer):
        with read_line_that_waits(stream) as reading:
            reset(peer)
            with pytest.raises(ConnectionReset) as caught:
                reading.result()
        assert caught.value.operation == "read_line"
        assert caught.value.address == stream.remote_name


@pytest.mark.parametrize("family", FAMILIES)
def test_closing_ends_the_wait_and_gives_the_number_back(family: socket.AddressFamily) -> None:
    with impatient_stream_and_peer(family) as (stream, peer):
        number = stream.fileno()
        with read_line_that_waits(stream) as reading:
            stream.close()
            with pytest.raises(SocketClosed):
                reading.result()
        assert peer.recv(1) == b""
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)


def test_a_number_that_is_given_out_again_is_left_alone() -> None:
    with impatient_stream_and_peer() as (stream, peer):
        peer.sendall(b"line\n")
        assert stream.read_line(timeout=PATIENCE) == "line"
        number = stream.fileno()
        stream.close()
        with open(os.devnull, "rb") as other:
            assert other.fileno() == number
            del stream
            gc.collect()
            assert other.read() == b""


@pytest.mark.parametrize("timeout", [MS, 60 * MS])
def test_a_short_limit_is_kept_to(timeout: float) -> None:
    with impatient_stream_and_peer() as (stream, _):
        began = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            stream.read_line(timeout=timeout)
        assert timeout <= time.monotonic() - began < 0.9
        assert caught.value.deadline


def test_a_limit_is_kept_to_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_descriptor, "SOON", 10 * MS)
    with impatient_stream_and_peer() as (stream, _):
        began = time.monotonic()
        with pytest.raises(TimedOut):
            stream.read_line(timeout=35 * MS)
        assert time.monotonic() - began >= 35 * MS


def test_a_wait_goes_on_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_descriptor, "SOON", MS)
    with impatient_stream_and_peer() as (stream, peer), read_line_that_waits(stream) as reading:
        threading.Event().wait(20 * MS)  # many whiles
        peer.sendall(b"late\n")
        assert reading.result() == "late"


class _Interrupted(Exception):
    pass


def test_a_signal_handler_may_raise_and_nothing_is_lost() -> None:
    with impatient_stream_and_peer() as (stream, peer):
        with pytest.raises(_Interrupted), raising(5 * MS, _Interrupted):
            stream.read_line(timeout=PATIENCE)
        peer.sendall(b"line\n")
        assert stream.read_line(timeout=PATIENCE) == "line"


def test_signals_do_not_end_the_wait() -> None:
    struck = threading.Event()
    with impatient_stream_and_peer() as (stream, peer):

        def answer() -> None:
            struck.wait(PATIENCE)
            peer.sendall(b"line\n")

        with Call(answer), signals(MS, struck.set):
            assert stream.read_line(timeout=PATIENCE) == "line"


@pytest.mark.parametrize("limits", [{}, {"read_timeout": 60.0, "lifetime": 60.0}])
@pytest.mark.slow
def test_a_server_serves_and_its_limits_hold(limits: dict[str, float]) -> None:
    def serve(connection: ServerConnection) -> None:
        for line in connection:
            connection.write_line(line)

    with (
        Server(serve, host="127.0.0.1", port=0, idle_timeout=1.01, **limits) as server,  # type: ignore[arg-type]
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as peer,
    ):
        server.start()
        for _ in range(20):
            peer.sendall(b"line\n")
            assert receive_exactly(peer, 5) == b"line\n"
        began = time.monotonic()
        assert peer.recv(1) == b""
        assert 0.9 < time.monotonic() - began < PATIENCE
        eventually(lambda: server.statistics().timed_out == 1)


class AnswersLate:
    """A channel on which nothing is there before somebody waits, and counts who does."""

    where: object = "a peer that takes its time"
    reading = writing = contextlib.nullcontext()

    def __init__(self) -> None:
        self.looks = self.waits = 0
        self._is_there = False

    def receive_into(self, buffer: memoryview) -> int | None:
        self.looks += 1
        if not self._is_there:
            return None
        self._is_there = False
        buffer[:7] = b"answer\n"
        return 7

    def receive_soon(self, buffer: memoryview, deadline: object) -> int | None:
        self._is_there = True
        self.looks -= 1
        return self.receive_into(buffer)

    def send(self, data: object) -> int:
        raise NotImplementedError

    def wait_readable(self, deadline: object, operation: str) -> None:
        self.waits += 1
        self._is_there = True

    wait_ready = wait_writable = wait_readable


def test_whoever_answers_late_is_seldom_looked_for_in_vain() -> None:
    channel = AnswersLate()
    stream = Stream(channel)
    for _ in range(200):
        assert stream.read_line() == "answer"
    assert 1 < channel.waits < 20
    assert channel.looks == 2 * channel.waits
