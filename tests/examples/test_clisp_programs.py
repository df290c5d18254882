"""The programs of CLISP's manual, as processes: the loop, and the three that speak HTTP/1.0."""

import contextlib
import re
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.peers import (
    PeerServer,
    connect,
    netcat,
    receive_all,
    refusing_port,
    reset,
    unused_port,
)
from support.processes import Program, example
from support.programs import require
from support.timing import PATIENCE

HOST = "127.0.0.1"


# -- the read-eval-print loop ---------------------------------------------------------------------


@contextlib.contextmanager
def looping(*arguments: str) -> Iterator[tuple[Program, int]]:
    """Yield the loop's server, and its port."""
    with example("repl_server", *arguments) as program:
        line = program.wait_for_line(r'Waiting for a connection on "(.*)":(\d+)$')
        yield program, int(line[2])


def ask(client: socket.socket, source: str | bytes) -> str:
    """Send something to be evaluated, and return what the server says to it."""
    client.sendall(source.encode() if isinstance(source, str) else source)
    answer = b""
    while not answer.endswith(b"\r\n\r\n") and answer != b"\r\n":
        piece = client.recv(65_536)
        if not piece:
            break
        answer += piece
    return answer.decode().replace("\r\n", "\n")


def test_what_is_sent_is_evaluated() -> None:
    with looping() as (server, port):
        with connect((HOST, port)) as client:
            ours = client.getsockname()[1]
            server.wait_for_line(
                rf'^Connection: "127\.0\.0\.1 \(.+\)":{ours} -- "127\.0\.0\.1 \(.+\)":{port}$'
            )
            assert ask(client, "1 + 2\n") == "3\n\n"
            assert ask(client, "x = 20\r\n") == "\n"
            assert ask(client, "for i in range(2):\n    print(x + i)\n\n") == "20\n21\n\n"
            assert ask(client, "'h\xe9', '\\ud800'\n") == "('h\xe9', '\\ud800')\n\n"
            assert "ZeroDivisionError" in ask(client, "1 / 0\n")
            assert "SyntaxError" in ask(client, "1 +\n")
            assert "SyntaxError" in ask(client, b"\xff\n")
            assert ask(client, "x\n") == "20\n\n"
        with connect((HOST, port)) as client:  # one after the other, and each from the beginning
            assert "NameError" in ask(client, "x\n")
            client.sendall(b"exit()\n")
            assert client.recv(1) == b""
        server.interrupt()
        assert server.wait() == 130


def test_what_is_left_is_thrown_away() -> None:
    with looping() as (_, port), connect((HOST, port)) as client:
        assert ask(client, "1\n2\n3\n") == "1\n\n"
        assert ask(client, "4\n") == "4\n\n"


def test_the_connection_ends_with_the_client() -> None:
    def cut(client: socket.socket) -> None:
        client.sendall(b"if True:\n")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""

    def vanish(client: socket.socket) -> None:
        assert ask(client, "1\n") == "1\n\n"
        reset(client)

    def send_too_much(client: socket.socket) -> None:
        client.sendall(b"x" * 100_000)
        with contextlib.suppress(ConnectionError):
            assert receive_all(client) == b""

    ends: list[Callable[[socket.socket], None]] = [cut, vanish, send_too_much]
    with looping() as (server, port):
        for end in ends:
            with connect((HOST, port)) as client:
                end(client)
        server.wait_for_line("^The connection has ended: .*reset")
        server.wait_for_line("^The connection has ended: .*no end within the limit")
        with connect((HOST, port)) as client:
            assert ask(client, "2\n") == "2\n\n"


@pytest.mark.needs_program("nc")
@pytest.mark.needs_program("curl")
def test_the_loop_is_used_by_netcat_and_curl() -> None:
    with looping() as (_, port):
        with Program([require("curl"), "-sN", f"telnet://{HOST}:{port}"]) as curl:
            curl.send("'x' * 3\n")
            curl.read_until("'xxx'")
        with netcat(HOST, port, "6 * 7\n") as nc:
            assert nc.read_to_end() == "42\r\n\r\n"


@pytest.mark.parametrize("interface", ["0.0.0.0", "127.0.0.2", "127.0.0.1"])
def test_who_lets_everybody_in_is_warned(interface: str) -> None:
    arguments = ("--interface", interface, "--port", "0")
    with example("repl_server", *arguments, separate_errors=True) as server:
        server.wait_for_line(rf'Waiting for a connection on "{re.escape(interface)}":\d+$')
        server.interrupt()
        server.wait()
        assert ("with your permissions" in server.errors) is (interface == "0.0.0.0")


def test_the_loop_that_cannot_listen_says_why() -> None:
    with (
        socket.create_server((HOST, 0)) as listener,
        example("repl_server", "--port", str(listener.getsockname()[1])) as server,
    ):
        assert server.wait() == 1
        assert "EADDRINUSE" in server.output
    with example("repl_server", "--interface", "[/]=") as server:
        assert server.wait() == 1
        assert "no such host" in server.output
    with example("repl_server", "--help") as server:
        assert server.wait() == 0
        text = " ".join(server.output.split())
        assert text.count("with your permissions") == 2


# -- HTTP -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def python_server(directory: Path) -> Iterator[int]:
    """Yield the port of Python's own server of a directory."""
    command = ["-u", "-m", "http.server", "--bind", HOST, "--directory", str(directory), "0"]
    with Program([sys.executable, *command]) as program:
        yield int(program.wait_for_line(r"port (\d+) ")[1])


def answering(answer: bytes, *, ends: bool = True) -> PeerServer:
    """Return a server that reads a request's header and says one thing."""

    def handle(connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        connection.sendall(answer)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        receive_all(connection)

    return PeerServer(handle)


def transfer(program: str, page: str, file: Path, port: int) -> tuple[int, str]:
    """Run one of the three programs; return its status, and what it prints."""
    with example(program, HOST, page, str(file), str(port)) as running:
        return running.wait(), running.read_to_end()


def test_a_page_is_got_as_text(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_bytes(b"one\r\ntwo\nth\xc3\xa9 end")
    with python_server(tmp_path) as port:
        assert transfer("wget_text", "/page.txt", tmp_path / "got", port) == (0, "")
    header, _, text = (tmp_path / "got").read_bytes().partition(b"\n\n")
    assert header.startswith(b"HTTP/1.0 200 OK\nServer: ")
    assert b"\r" not in header
    assert text == b"one\ntwo\nth\xc3\xa9 end\n"


def test_a_long_line_and_an_empty_page_are_got(tmp_path: Path) -> None:
    for text in (b"x" * 1_000_000 + b"\n", b""):
        with answering(b"HTTP/1.0 200 OK\r\n\r\n" + text) as server:
            assert transfer("wget_text", "/", tmp_path / "got", server.address[1]) == (0, "")
        assert (tmp_path / "got").read_bytes() == b"HTTP/1.0 200 OK\n\n" + text


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_a_file_is_got_as_it_is(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"\r\n"[: size % 256]
    (tmp_path / "file").write_bytes(data)
    with python_server(tmp_path) as port:
        assert transfer("wget_binary", "/file", tmp_path / "got", port) == (0, "")
    assert (tmp_path / "got").read_bytes() == data


PROMISES = [
    (b"Content-Length: 5\r\n\r\nhello", None),
    (b"content-length:5\r\n\r\nhello", None),
    (b"Server: me\r\n\r\nhello", None),  # it ends when the server does
    (b"Content-Length: 6\r\n\r\nhello", "has promised 6 bytes, and sent 5"),
    (b"Content-Length: 4\r\n\r\nhello", "has promised 4 bytes, and sends more"),
    (b"Content-Length: five\r\n\r\nhello", "not as a number: 'five'"),
    (b"Content-Length: -5\r\n\r\nhello", "not as a number: '-5'"),
    (b"Content-Length: 5000000000000\r\n\r\nhello", "are the limit"),
]


@pytest.mark.parametrize(("promise", "complaint"), PROMISES)
def test_what_a_server_promises_is_held_against_what_it_sends(
    tmp_path: Path, promise: bytes, complaint: str | None
) -> None:
    with answering(b"HTTP/1.0 200 OK\r\n" + promise) as server:
        status, output = transfer("wget_binary", "/", tmp_path / "got", server.address[1])
    if complaint is None:
        assert (status, output) == (0, "")
        assert (tmp_path / "got").read_bytes() == b"hello"
        return
    assert status == 1
    assert complaint in output
    assert not (tmp_path / "got").exists()


ANSWERS = [
    (b"HTTP/1.0 404 Not Found\r\n\r\n", "the server says '404 Not Found'"),
    (b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno", "the server says '500 Oops'"),
    (
        b"HTTP/1.0 301 Moved\r\nLocation: /there\r\n\r\n",
        "the server says '301 Moved', to '/there'",
    ),
    (b"HTTP/1.0 304 Not Modified\r\n\r\n", "the server says '304 Not Modified'"),
    (b"220 ready for mail\r\n\r\n", "does not speak HTTP: '220 ready for mail'"),
    (b"", "has said nothing"),
    (b"HTTP/1.0 200 OK\r\n" + b"a: b\r\n" * 2000 + b"\r\n", "more than 1000 lines"),
]


@pytest.mark.parametrize("program", ["wget_text", "wget_binary", "wput"])
@pytest.mark.parametrize(("answer", "complaint"), ANSWERS)
def test_what_a_server_says_instead_is_told(
    tmp_path: Path, program: str, answer: bytes, complaint: str
) -> None:
    file = tmp_path / "file"
    if program == "wput":
        file.write_bytes(b"data")
    with answering(answer) as server:
        status, output = transfer(program, "/", file, server.address[1])
    assert status == 1
    assert output.rstrip("\n").endswith(complaint)
    if program == "wget_binary":
        assert not file.exists()


@pytest.mark.parametrize("program", ["wget_text", "wget_binary", "wput"])
def test_what_cannot_be_asked_is_told(tmp_path: Path, program: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    with refusing_port() as port:
        status, output = transfer(program, "/", file, port)
        assert status == 1
        assert "ECONNREFUSED" in output
    status, output = transfer(program, "/a\nb", file, 1)
    assert status == 1
    assert "cannot have such characters" in output
    with answering(b"HTTP/1.0 200 OK\r\n\r\n") as server:
        missing = tmp_path / "missing" / "file"
        status, output = transfer(program, "/", missing, server.address[1])
        assert status == 1
        assert "No such file or directory" in output
    with example(program, HOST, "/", str(file), "http") as running:
        assert running.wait() == 2


@pytest.mark.needs_program("nc")
@pytest.mark.parametrize(
    ("program", "request_"),
    [
        ("wget_text", "GET /page HTTP/1.0\r\n\r\n"),
        ("wget_binary", "GET /page HTTP/1.0\r\n\r\n"),
        ("wput", "PUT /page HTTP/1.0\r\nContent-length: 4\r\n\r\ndata"),
    ],
)
def test_the_bytes_on_the_wire_are_the_originals(
    tmp_path: Path, program: str, request_: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    port = unused_port()
    with Program([require("nc"), "-v", "-N", "-l", HOST, str(port)], separate_errors=True) as nc:
        nc.wait_for_line("^Listening", errors=True)
        nc.send("HTTP/1.0 200 OK\n\n")  # which it does when somebody has connected
        nc.close_stdin()
        with example(program, HOST, "/page", str(file), str(port)) as running:
            assert running.wait() == 0
        nc.wait()
    assert nc.output == request_


# -- uploading ------------------------------------------------------------------------------------

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
        "HTTP/1.0 201 Created\nServer: me\n\nthank \\x1b you\n",
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
    assert (status, len(output)) == (0, len("HTTP/1.0 200 OK\n\n\n") + len(MUCH))
    assert taken_apart(requests[0])[1] == MUCH


TOO_LARGE = b"HTTP/1.0 413 Too Large\r\n\r\n"
SAYS = "HTTP/1.0 413 Too Large\n\nthe server says '413 Too Large'\n"


def test_a_server_that_answers_and_is_gone(tmp_path: Path) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(TOO_LARGE)  # closing it now is a reset, because not all was read

    assert upload(tmp_path, MUCH, handle) == (1, SAYS)


@pytest.mark.slow
@pytest.mark.parametrize("ends", [True, False])
def test_a_server_that_answers_and_reads_no_more(tmp_path: Path, ends: bool) -> None:
    is_over = threading.Event()

    def handle(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(TOO_LARGE)
        if ends:
            connection.shutdown(socket.SHUT_WR)
        is_over.wait(PATIENCE)

    (tmp_path / "file").write_bytes(MUCH)
    with PeerServer(handle) as server:
        try:
            assert transfer("wput", "/", tmp_path / "file", server.address[1]) == (1, SAYS)
        finally:
            is_over.set()


def test_a_server_that_says_nothing_and_is_gone(tmp_path: Path) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(100)

    status, output = upload(tmp_path, MUCH, handle)
    assert status == 1
    assert "ECONNRESET" in output or "the server has said nothing" in output
