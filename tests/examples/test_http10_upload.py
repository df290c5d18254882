"""Uploading a file by HTTP/1.0, with a program as a process, to servers of all kinds."""

import contextlib
import re
import shlex
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.http10 import HOST, transfer
from support.peers import PeerServer, receive_all, reset
from support.processes import ROOT, Program
from support.timing import PATIENCE

pytestmark = pytest.mark.thorough

MUCH = bytes(range(256)) * 20_000  # about five megabytes


def taken_apart(request: bytes) -> tuple[bytes, bytes]:
    """Return the header and the body of a request."""
    header, _, body = request.partition(b"\r\n\r\n")
    return header, body


def upload(
    directory: Path, data: bytes, handle: Callable[[socket.socket], None]
) -> tuple[int, str]:
    """Upload data to a server of that kind; return the program's status and what it prints."""
    (directory / "file").write_bytes(data)
    with PeerServer(handle) as server:
        return transfer("wput", "/there", directory / "file", server.address[1])


@pytest.mark.parametrize("data", [b"", b"one\r\ntwo\n", MUCH], ids=len)
def test_a_file_is_uploaded(tmp_path: Path, data: bytes) -> None:
    requests: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        requests.append(receive_all(connection))
        connection.sendall(b"HTTP/1.0 201 Created\r\nServer: me\r\n\r\nthank \x1b you\r\n")

    assert upload(tmp_path, data, handle) == (
        0,
        "HTTP/1.0 201 Created\r\nServer: me\r\n\r\nthank \x1b you\r\n",
    )
    header = b"PUT /there HTTP/1.0\r\nContent-length: %d" % len(data)
    assert [taken_apart(each) for each in requests] == [(header, data)]


def test_a_server_that_says_much_first_and_reads_then(tmp_path: Path) -> None:
    """Neither can go on unless the program reads while it writes."""
    requests: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * len(MUCH))
        requests.append(receive_all(connection))

    status, output = upload(tmp_path, MUCH, handle)
    assert (status, len(output)) == (0, len("HTTP/1.0 200 OK\r\n\r\n\n") + len(MUCH))
    assert taken_apart(requests[0])[1] == MUCH


def cut_short(sent: str, complaint: str, size: int = len(MUCH)) -> str:
    """Return a regex for what is told of an upload of which not all was sent."""
    return rf"{sent} of {size} bytes were sent.*\n{complaint}"


TOO_LARGE = b"HTTP/1.0 413 Too Large\r\n\r\n"
DONE = b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine"
MOVED = b"HTTP/1.0 301 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
EARLY = [
    (TOO_LARGE, "the server says '413 Too Large'\n"),
    (MOVED, "the server says '301 Moved', to '/there'\n"),
    (DONE, ""),
]


@pytest.mark.parametrize(("answer", "complaint"), EARLY)
@pytest.mark.parametrize(
    "how", ["is reset", "is closed", pytest.param("reads no more", marks=pytest.mark.slow), "ends"]
)
def test_a_server_that_answers_before_it_has_read_all(
    tmp_path: Path, answer: bytes, complaint: str, how: str
) -> None:
    is_over = threading.Event()

    def handle(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(answer)
        if how == "is reset":
            reset(connection)
        elif how == "ends":
            connection.shutdown(socket.SHUT_WR)
        if how in ("ends", "reads no more"):
            is_over.wait(PATIENCE)
        # Closing it is a reset, too, because not all was read.

    (tmp_path / "file").write_bytes(MUCH)
    with PeerServer(handle) as server:
        try:
            status, output = transfer("wput", "/", tmp_path / "file", server.address[1])
        finally:
            is_over.set()
    said = re.escape(answer.decode() + ("\n" if answer.endswith(b"fine") else ""))
    sent = re.fullmatch(said + cut_short(r"(\d+)", re.escape(complaint)), output)
    assert status == 1
    assert sent
    assert int(sent[1]) < len(MUCH)


@pytest.mark.parametrize("data", [b"x" * 1000, MUCH], ids=len)
@pytest.mark.parametrize("resets", [True, False])
def test_a_server_that_says_nothing_and_is_gone(tmp_path: Path, data: bytes, resets: bool) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(100)
        if resets:
            reset(connection)

    status, output = upload(tmp_path, data, handle)
    assert status == 1
    complaint = "the server has said nothing\n"
    assert re.fullmatch(cut_short(r"\d+", complaint, len(data)), output)


def test_a_server_that_reads_all_and_keeps_the_connection_open(tmp_path: Path) -> None:
    requests: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        requests.append(receive_all(connection))  # the program ends its half
        connection.sendall(DONE)
        with contextlib.suppress(ConnectionError):
            receive_all(connection)
        is_over.wait(PATIENCE)

    is_over = threading.Event()
    (tmp_path / "file").write_bytes(MUCH)
    with PeerServer(handle) as server:
        try:
            said = transfer("wput", "/", tmp_path / "file", server.address[1])
        finally:
            is_over.set()
    assert said == (0, DONE.decode() + "\n")
    assert taken_apart(requests[0])[1] == MUCH


OK = b"HTTP/1.0 200 OK\r\n"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (OK + b"Content-Length: 9\r\n\r\nhalf\n", "has promised 9 bytes, and sent 5"),
        (OK + b"Content-Length: 2\r\n\r\nmore\n", "has promised 2 bytes, and sent 5"),
        (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nwhat\n", "several lengths: '5, 6'"),
        (OK + b"Content-Length: much\r\n\r\nwhat\n", "not as a number: 'much'"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "sends it 'chunked'"),
        (b"HTTP/1.0 2 OK\r\n\r\n", "says '2 OK'"),
        (b"HTTP/1.0 20000 OK\r\n\r\n", "says '20000 OK'"),
        (b"HTTP/1.0 2x\r\n\r\n", "says '2x'"),
    ],
)
def test_an_answer_that_is_none_is_told(tmp_path: Path, answer: bytes, complaint: str) -> None:
    def handle(connection: socket.socket) -> None:
        receive_all(connection)
        connection.sendall(answer)

    status, output = upload(tmp_path, b"data", handle)
    assert status == 1
    assert re.fullmatch(f".*the server.* {re.escape(complaint)}.*\n", output.splitlines(True)[-1])


def test_without_a_standard_output_nothing_is_shown(tmp_path: Path) -> None:
    def handle(connection: socket.socket) -> None:
        receive_all(connection)
        connection.sendall(DONE)

    (tmp_path / "file").write_bytes(b"data")
    with PeerServer(handle) as server:
        command = [sys.executable, "examples/wput.py", HOST, "/", tmp_path / "file"]
        program = shlex.join(map(str, [*command, server.address[1]]))
        with Program(["sh", "-c", f"{program} >&-"], cwd=ROOT) as running:
            assert (running.wait(), running.read_to_end()) == (0, "")


@pytest.mark.parametrize("answer", [MOVED, TOO_LARGE])
def test_a_server_that_reads_all_and_does_not_want_it(tmp_path: Path, answer: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        receive_all(connection)
        connection.sendall(answer)

    complaint = dict(EARLY)[answer]
    assert upload(tmp_path, b"data", handle) == (1, answer.decode() + complaint)
