"""What several threads may do with one socket: one reads, one writes, and anybody may close it."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import (
    Call,
    full_listener,
    is_writing,
    listening,
    stream_and_peer,
    wait_for_a_waiter,
)
from support.peers import receive_exactly
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    Busy,
    EndOfFile,
    Socket,
    SocketClosed,
    SocketError,
    make_socket,
    make_socket_pair,
)

MUCH = 20_000_000  # bytes, more than the buffers of any system


# -- one reader and one writer --------------------------------------------------------------------


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_one_thread_reads_while_another_writes(family: socket.AddressFamily) -> None:
    lines = [f"line {number}: {'x' * (number % 500)}" for number in range(4000)]

    def write() -> None:
        for line in lines:
            stream.write_line(line)
        stream.shutdown(write=True)

    def echo() -> None:
        while data := peer.recv(65_536):
            peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)

    with stream_and_peer(family) as (stream, peer), Call(echo), Call(write):
        assert list(stream) == lines


def test_a_second_reader_is_told_so_and_harms_nobody(waiting: threading.Semaphore) -> None:
    with stream_and_peer() as (stream, peer), Call(stream.read_line) as reading:
        wait_for_a_waiter(waiting)
        calls: list[Callable[[], object]] = [
            stream.read_line,
            stream.read_char,
            stream.peek_char,
            stream.read_char_no_hang,
            stream.unread_char,
            stream.read,
            stream.clear_input,
            lambda: stream.read_exactly(1),
            lambda: stream.read_text(1),
            lambda: stream.read_until(b"x"),
            lambda: stream.read_into(bytearray(1)),
            lambda: stream.receive_from(1),
            lambda: setattr(stream, "external_format", "latin-1"),
        ]
        for call in calls:
            with pytest.raises(Busy, match=r"^read .*another thread"):
                call()
        peer.sendall(b"for the first one\n")
        assert reading.result() == "for the first one"
        peer.sendall(b"later\n")
        assert stream.read_line(timeout=PATIENCE) == "later"


def test_a_second_writer_is_told_so_and_harms_nobody(waiting: threading.Semaphore) -> None:
    with stream_and_peer() as (stream, peer), Call(stream.write, b"1" * MUCH) as writing:
        wait_for_a_waiter(waiting)
        calls: list[Callable[[], object]] = [
            lambda: stream.write("2"),
            lambda: stream.write_line("2"),
            stream.finish_output,
            stream.force_output,
            stream.clear_output,
            lambda: stream.send_to(b"2"),
            lambda: stream.shutdown(write=True),
        ]
        for call in calls:
            with pytest.raises(Busy, match=r"^write .*another thread"):
                call()
        assert receive_exactly(peer, MUCH) == b"1" * MUCH
        writing.result()
        stream.write("3")
        stream.finish_output()
        assert receive_exactly(peer, 1) == b"3"


def test_a_second_acceptor_is_told_so(waiting: threading.Semaphore) -> None:
    with listening() as listener, Call(listener.accept) as accepting:
        wait_for_a_waiter(waiting)
        for timeout in (None, 0):
            with pytest.raises(Busy):
                listener.accept(timeout=timeout)
        with make_socket(remote_host="127.0.0.1", remote_port=listener.local_port):
            accepting.result().close()


def test_a_socket_that_is_being_connected_is_busy(waiting: threading.Semaphore) -> None:
    with full_listener() as listener, make_socket() as sock:
        port = listener.getsockname()[1]
        with Call(sock.connect, "127.0.0.1", port) as connecting:
            wait_for_a_waiter(waiting)
            with pytest.raises(Busy):
                sock.connect("127.0.0.1", port)
            with pytest.raises(Busy):
                sock.wait_connected(timeout=0)
            assert not sock.is_connected
            sock.close()
            with pytest.raises(SocketClosed):
                connecting.result()


# -- closing from another thread ------------------------------------------------------------------


def read(stream: ActiveSocket) -> object:
    return stream.read_line()


def read_into(stream: ActiveSocket) -> object:
    return stream.read_into(bytearray(10))


def receive(stream: ActiveSocket) -> object:
    return stream.receive_from(10, timeout=None)


def write(stream: ActiveSocket) -> object:
    stream.write(bytes(MUCH))
    return None


def send(stream: ActiveSocket) -> object:
    while True:
        stream.send_to(bytes(65_536), timeout=None)


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
@pytest.mark.parametrize("how", [{}, {"abort": True}, {"reset": True}], ids=str)
@pytest.mark.parametrize("call", [read, read_into, receive, write, send])
def test_closing_wakes_who_reads_or_writes_at_once(
    family: socket.AddressFamily,
    call: Callable[[ActiveSocket], object],
    how: dict[str, Any],
    waiting: threading.Semaphore,
) -> None:
    with stream_and_peer(family) as (stream, _), Call(call, stream) as running:
        wait_for_a_waiter(waiting)
        start = time.monotonic()
        stream.close(**how)
        with pytest.raises(SocketClosed, match="the socket is closed") as caught:
            running.result()
        assert time.monotonic() - start < PATIENCE / 2
        assert caught.value.address == stream.remote_name


def test_closing_wakes_a_reader_and_a_writer_together(waiting: threading.Semaphore) -> None:
    with (
        stream_and_peer() as (stream, _),
        Call(read, stream) as reading,
        Call(write, stream) as writing,
    ):
        wait_for_a_waiter(waiting)
        wait_for_a_waiter(waiting)
        stream.close()
        for running in (reading, writing):
            with pytest.raises(SocketClosed):
                running.result()
        assert stream._descriptor._number == -1  # the last one has really closed it


@pytest.mark.parametrize("local", [False, True])
def test_closing_wakes_an_acceptor_at_once(
    local: bool, tmp_path: Path, waiting: threading.Semaphore
) -> None:
    options: dict[str, Any] = (
        {"address_family": "local", "local_filename": tmp_path / "x"}
        if local
        else {"local_host": "127.0.0.1"}
    )
    with make_socket(connect="passive", **options) as listener, Call(listener.accept) as accepting:
        wait_for_a_waiter(waiting)
        listener.close()
        with pytest.raises(SocketClosed, match=r"^accept .*: the socket is closed"):
            accepting.result()
        assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("started", [False, True])
def test_closing_wakes_a_connector_at_once(started: bool, waiting: threading.Semaphore) -> None:
    with full_listener() as listener, make_socket() as sock:
        port = listener.getsockname()[1]
        if started:
            sock.connect("127.0.0.1", port, timeout=0)
            call = Call(sock.wait_connected)
        else:
            call = Call(sock.connect, "127.0.0.1", port)
        with call as connecting:
            wait_for_a_waiter(waiting)
            sock.close()
            with pytest.raises(SocketClosed, match=r"^connect .*: the socket is closed"):
                connecting.result()
            assert not sock.is_connected


def test_closing_wakes_who_waits_for_a_place_in_a_local_backlog(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with (
        make_socket(connect="passive", address_family="local", local_filename=path, backlog=0),
        make_socket(address_family="local", remote_filename=path),
        make_socket(address_family="local") as sock,
        Call(sock.connect, path) as connecting,
    ):
        while not is_writing(sock):
            pass  # it has begun
        sock.close()
        with pytest.raises(SocketClosed):
            connecting.result()


def test_closing_from_many_threads_closes_once() -> None:
    for _ in range(20):
        left, right = make_socket_pair()
        barrier = threading.Barrier(5)

        def close(sock: Socket = left, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(PATIENCE)
            sock.close()

        with right, Call(close), Call(close), Call(close), Call(close), Call(close):
            pass
        assert left.closed


def test_closing_ends_the_waiting_for_a_connection(waiting: threading.Semaphore) -> None:
    with listening() as listener, Call(listener.wait_for_connection) as call:
        wait_for_a_waiter(waiting)
        with pytest.raises(Busy):
            listener.wait_for_connection(timeout=0)
        listener.close()
        with pytest.raises(SocketClosed, match=r"^wait_for_connection "):
            call.result()
        with pytest.raises(SocketClosed, match=r"^wait_for_connection "):
            listener.wait_for_connection()


# -- ending a direction from another thread -------------------------------------------------------


def test_ending_the_reading_ends_a_read_in_another_thread(waiting: threading.Semaphore) -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer), Call(read, stream) as reading:
        wait_for_a_waiter(waiting)
        stream.shutdown(read=True)
        with pytest.raises(EndOfFile):
            reading.result()
        stream.write("still open")
        stream.finish_output()
        assert receive_exactly(peer, 10) == b"still open"


def test_ending_the_writing_leaves_a_read_in_another_thread(waiting: threading.Semaphore) -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer), Call(read, stream) as reading:
        wait_for_a_waiter(waiting)
        stream.shutdown(write=True)
        assert peer.recv(1) == b""
        peer.sendall(b"reply\n")
        assert reading.result() == "reply"


# -- numbers --------------------------------------------------------------------------------------


def test_nobody_reads_what_is_meant_for_whoever_has_the_number_now() -> None:
    """Readers wait for data that never comes, until their socket is closed under them; and each
    number that is freed is used again at once, by a socket that has data.
    """
    stolen: list[bytes] = []
    sockets: list[ActiveSocket] = []
    others: list[ActiveSocket] = []
    rounds = 150
    turn = threading.Barrier(3)

    def read_in_vain() -> None:
        for number in range(rounds):
            turn.wait(PATIENCE)
            with contextlib.suppress(SocketClosed):
                stolen.append(sockets[number].read(timeout=PATIENCE))

    def close() -> None:
        for number in range(rounds):
            turn.wait(PATIENCE)
            for _ in range(number % 7 * 50):
                pass  # not always at the same moment
            sockets[number].close(abort=True)

    with Call(read_in_vain), Call(close):
        for _ in range(rounds):
            mine, other = make_socket_pair()
            sockets.append(mine)
            others.append(other)
            turn.wait(PATIENCE)
            busy: list[ActiveSocket] = []
            for _ in range(5):
                left, right = make_socket_pair()
                left.send_to(b"secret", timeout=PATIENCE)
                busy += left, right
            for sock in busy:
                sock.close(abort=True)
    for other in others:
        other.close(abort=True)
    assert stolen == []


@pytest.mark.slow
def test_readers_and_writers_survive_being_closed_at_any_moment() -> None:
    """A stress of everything at once: the only thing that may come of it is one of our errors."""
    outcomes: set[type] = set()

    def use(sock: ActiveSocket, work: Callable[[ActiveSocket], object]) -> None:
        try:
            while True:
                work(sock)
        except (SocketError, EndOfFile) as error:
            outcomes.add(type(error))

    for number in range(40):
        left, right = make_socket_pair()
        with (
            Call(use, left, lambda sock: sock.read(10)),
            Call(use, left, lambda sock: sock.write(b"x" * 5000)),
            Call(use, right, lambda sock: sock.read(5000)),
            Call(use, right, lambda sock: sock.write(b"y" * 5000)),
        ):
            for _ in range(number * 100):
                pass
            left.close(abort=True)
            right.close(abort=True)
    names = {kind.__name__ for kind in outcomes}
    assert "SocketClosed" in names
    assert names <= {"SocketClosed", "EndOfFile", "Hangup", "ConnectionReset"}
