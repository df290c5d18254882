"""The C servers are correct also where they are not in a hurry: the limit must not cheat."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from bench.build import build_contestant
from bench.contestants import all_contestants
from bench.processes import Program, make_environment

pytestmark = pytest.mark.needs_program("cc")

Connect = Callable[[], socket.socket]


@pytest.fixture(params=["epoll_echo.c", "epoll_lines.c"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(name: str, tmp_path: Path) -> Iterator[Connect]:
    """Start a C server and return a function that connects to it."""
    (contestant,) = [one for one in all_contestants() if one.program == name]
    command = [str(build_contestant(contestant, tmp_path))]
    core = min(os.sched_getaffinity(0))
    with ExitStack() as stack:
        server = stack.enter_context(Program(command, core=core, environment=make_environment()))
        port = int(server.read_line(10))
        yield lambda: stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        assert not server.ends_within(0)


def receive_exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count and (data := connection.recv(65536)):
        parts += data
    return bytes(parts)


def test_what_the_kernel_does_not_take_is_sent_later(connect: Connect) -> None:
    connection = connect()
    text = b"".join(b"%063d\n" % number for number in range(100_000))
    # Nothing is read until the server's sends must have been cut short by full buffers.
    sender = threading.Thread(target=connection.sendall, args=(text,))
    sender.start()
    received = receive_exactly(connection, len(text))
    sender.join()
    assert received == text


def test_a_peer_that_does_not_read_delays_nobody_else(connect: Connect) -> None:
    stubborn, other = connect(), connect()
    stubborn.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            stubborn.send(b"x" * 63 + b"\n")
    other.sendall(b"hello\n")
    assert receive_exactly(other, 6) == b"hello\n"


def test_an_end_of_file_is_answered_with_one(connect: Connect) -> None:
    connection = connect()
    connection.sendall(b"one\ntwo\n")
    connection.shutdown(socket.SHUT_WR)
    assert receive_exactly(connection, 100) == b"one\ntwo\n"


def test_a_reset_closes_only_that_connection(connect: Connect) -> None:
    first, second = connect(), connect()
    first.sendall(b"hello\n")
    first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    first.close()
    second.sendall(b"hello\n")
    assert receive_exactly(second, 6) == b"hello\n"


@pytest.mark.parametrize("name", ["epoll_lines.c"])
def test_a_line_is_answered_when_it_is_whole(connect: Connect) -> None:
    connection = connect()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"first\nsec")
    assert receive_exactly(connection, 6) == b"first\n"
    for byte in b"ond":
        connection.sendall(bytes([byte]))
    connection.setblocking(False)
    with pytest.raises(BlockingIOError):
        connection.recv(100)
    connection.settimeout(20)
    connection.sendall(b"\nthird\n")
    assert receive_exactly(connection, 13) == b"second\nthird\n"


@pytest.mark.parametrize("name", ["epoll_lines.c"])
def test_a_line_without_end_closes_the_connection(connect: Connect) -> None:
    connection, other = connect(), connect()
    connection.sendall(b"x" * 100_000)
    with suppress(ConnectionResetError):  # or an end of file: which of them arrives is a race
        while connection.recv(100):
            pass
    other.sendall(b"hello\n")
    assert receive_exactly(other, 6) == b"hello\n"
