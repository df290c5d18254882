"""The HTTP/0.9 server and client, as processes: what they print, and each byte on the wire."""

import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from http09_server import LONGEST_REQUEST, PIECE
from support.http09 import ask, end, http_server
from support.peers import PeerServer, exchange, netcat, refusing_port
from support.processes import ROOT, Program, example
from support.programs import require
from support.timing import PATIENCE
from support.tutorial import HOST

INVALID = b"HTTP/0.9 400 Invalid HTTP Request.\r\n"
NOT_FOUND = b"HTTP/0.9 401 Not found.\n"
RECEIVED = f"> Received request from host {HOST}\n"

PAGE = "<html>\n<p>Grüße, 電話\n\n</html>\n".encode()


def http_get(port: int, path: str, host: str = HOST) -> subprocess.CompletedProcess[bytes]:
    """Run the client program to its end."""
    program = [sys.executable, "examples/http09_client.py", "--host", host, "--port", str(port)]
    return subprocess.run([*program, path], cwd=ROOT, capture_output=True, timeout=PATIENCE)


def said(port: int, response: bytes, host: str = HOST) -> bytes:
    """Return what the client prints when it receives a response."""
    return b"> Sending request to %b:%d...\n> Received response:\n%b" % (
        host.encode(),
        port,
        response,
    )


# -- the server -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /page.html HTTP/0.9\n\n",
        b"GET /page.html HTTP/0.9\r\n\r\n",
        b"GET /page.html HTTP/0.9\n\n\r\n",  # what the client sends
        b"GET /page.html HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n",
        b"anything /page.html \n\n",
    ],
)
def test_a_page_is_sent_line_by_line(tmp_path: Path, request_: bytes) -> None:
    (tmp_path / "page.html").write_bytes(PAGE)
    with http_server(f"{tmp_path}/") as (server, port):
        assert ask(port, request_) == PAGE.replace(b"\n", b"\r\n")
        assert end(server, port) == [RECEIVED, f"> Serving file {tmp_path}//page.html...\n"]


CONTENTS = [
    b"",
    b"\n",
    b"\n\n",
    b"no newline at the end",
    b"one\ntwo",
    b"lines that have\r\na CR\r\n",
    b"\r",
    b"\xff\xfe\x00 in no encoding \x80\n",
    *(b"x" * size + end for size in (PIECE - 1, PIECE, PIECE + 1) for end in (b"", b"\n", b"\n\n")),
    b"a long file\n" * 200_000,
]


@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
@pytest.mark.thorough
def test_each_line_of_a_file_ends_with_cr_and_lf(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    lines = content.split(b"\n")
    if not lines[-1]:
        del lines[-1]  # what is behind the last newline, where there is nothing
    with http_server(tmp_path) as (_, port):
        answer = ask(port, b"GET /file HTTP/0.9\n\n")
    assert answer == b"".join(line + b"\r\n" for line in lines)


BAD_REQUESTS = {
    "an empty line": b"\n",
    "one word": b"HELLO\n",
    "a single space": b"GET /page.html\n",
    "nothing": b"",
    "half a line": b"GET",
    "a long line": b"GET /" + b"x" * (LONGEST_REQUEST + 10) + b" HTTP/0.9\n",
    "a line without an end": b"GET /" + b"x" * 200_000,
}


@pytest.mark.parametrize("request_", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
@pytest.mark.thorough
def test_what_is_no_request_is_answered_with_400(tmp_path: Path, request_: bytes) -> None:
    with http_server(tmp_path) as (server, port):
        assert exchange((HOST, port), request_) == INVALID
        assert end(server, port) == [RECEIVED]


def test_the_answer_to_no_request_does_not_wait_for_more(tmp_path: Path) -> None:
    with http_server(tmp_path, "--timeout", "1000") as (_, port):
        assert ask(port, b"HELLO\n") == INVALID


OUTSIDE = [
    b"/no-such-file",
    b"/",
    b"",
    b"/directory",
    b"/file/",
    b"/../secret",
    b"/directory/../../secret",
    b"/directory/../file",  # it would stay inside, and tell what directories there are
    b"../secret",
    b"-secret/file",  # the name is put right behind that of the root
    b"/link-to-secret",
    b"/link-out/secret",
    b"/pipe",
    b"/nul\0",
    b"/" + b"x" * 300,
    b"/" + b"x/" * 3000 + b"x",
]


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.thorough
def test_what_is_not_there_or_not_for_anybody_is_answered_with_401(
    tmp_path: Path, name: bytes
) -> None:
    root = tmp_path / "root"
    (root / "directory").mkdir(parents=True)
    (root / "file").write_text("public\n")
    (tmp_path / "root-secret").mkdir()
    for secret in (tmp_path / "secret", tmp_path / "root-secret" / "file"):
        secret.write_text("secret\n")
    (root / "link-to-secret").symlink_to(tmp_path / "secret")
    (root / "link-out").symlink_to("..")
    os.mkfifo(root / "pipe")
    with http_server(root) as (server, port):
        assert ask(port, b"GET %b HTTP/0.9\n\n" % name) == NOT_FOUND
        assert ask(port, b"GET /file HTTP/0.9\n\n") == b"public\r\n"
        assert end(server, port) == [RECEIVED, RECEIVED, f"> Serving file {root}/file...\n"]


def test_a_name_may_have_blanks_and_any_bytes(tmp_path: Path) -> None:
    names = {
        b"two words": "two words",
        "grün".encode(): "grün",
        "grün".encode("latin-1"): r"gr\xfcn",
        b"bell\x07 and \x1b[2J": r"bell\x07 and \x1b[2J",
    }
    for name in names:
        (tmp_path / os.fsdecode(name)).write_text("found\n")
    with http_server(tmp_path) as (server, port):
        for name in names:
            assert ask(port, b"GET /%b HTTP/0.9\n\n" % name) == b"found\r\n"
        served = [f"> Serving file {tmp_path}/{text}...\n" for text in names.values()]
        assert end(server, port) == [line for each in served for line in (RECEIVED, each)]


def test_a_client_may_end_its_half_of_the_connection(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("found\n")
    with http_server(tmp_path) as (_, port):
        for request in (b"GET /file HTTP/0.9\n\n", b"GET /file HTTP/0.9\n", b"GET /file HTTP/0.9"):
            assert exchange((HOST, port), request) == b"found\r\n"


# -- the client -----------------------------------------------------------------------------------


def read_request(connection: socket.socket) -> bytes:
    """Receive all that the client sends."""
    request = b""
    while not request.endswith(b"\r\n"):
        request += connection.recv(100)
    return request


@pytest.mark.parametrize(
    ("response", "printed"),
    [
        (b"", b""),
        (b"one\r\ntwo\r\n", b"one\r\ntwo\r\n"),
        (b"one\n\ntwo", b"one\n\ntwo\n"),
        (b"\r", b"\r\n"),
        (b"\xff\xfe in no encoding\n", b"\xff\xfe in no encoding\n"),
        (b"x" * 300_000, b"x" * 300_000 + b"\n"),
    ],
)
def test_the_client_sends_its_request_and_prints_the_response(
    response: bytes, printed: bytes
) -> None:
    requests = []

    def answer(connection: socket.socket) -> None:
        requests.append(read_request(connection))
        connection.sendall(response)

    with PeerServer(answer) as server:
        port = server.address[1]
        run = http_get(port, "/hosts")
    assert (run.stdout, run.stderr, run.returncode) == (said(port, printed), b"", 0)
    assert requests == [b"GET /hosts HTTP/0.9\n\n\r\n"]


def test_the_client_prints_what_it_has_while_it_waits_for_more() -> None:
    has_printed = threading.Event()

    def answer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"one\n")
        assert has_printed.wait(PATIENCE)

    with PeerServer(answer) as server:
        port = server.address[1]
        with example("http09_client", "--host", HOST, "--port", str(port), "/") as client:
            client.wait_for_line("^one$")
            has_printed.set()
            assert client.wait() == 0
    assert client.output.encode() == said(port, b"one\n")


def test_the_client_prints_in_order_whatever_the_output_is() -> None:
    code = f"from http09_client import http_get; http_get({HOST!r}, {{}}, '/')"

    def answer(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"one\ntwo")

    with PeerServer(answer) as server:
        port = server.address[1]
        run = subprocess.run(
            [sys.executable, "-c", code.format(port)],
            cwd=ROOT / "examples",
            capture_output=True,
            timeout=PATIENCE,
        )
    assert (run.stdout, run.stderr) == (said(port, b"one\ntwo\n"), b"")


def test_a_path_is_sent_as_the_bytes_that_were_typed() -> None:
    requests = []

    def answer(connection: socket.socket) -> None:
        requests.append(read_request(connection))

    with PeerServer(answer) as server:
        for name in (b"/gr\xc3\xbcn", b"/gr\xfcn", b"/two words"):
            http_get(server.address[1], os.fsdecode(name))
    assert requests == [
        b"GET /gr\xc3\xbcn HTTP/0.9\n\n\r\n",
        b"GET /gr\xfcn HTTP/0.9\n\n\r\n",
        b"GET /two words HTTP/0.9\n\n\r\n",
    ]


@pytest.mark.parametrize("host", ["localhost", HOST])
def test_the_client_gets_a_page_from_the_server(tmp_path: Path, host: str) -> None:
    (tmp_path / "page.html").write_bytes(PAGE)
    with http_server(f"{tmp_path}/") as (server, port):
        run = http_get(port, "/page.html", host)
        assert end(server, port) == [RECEIVED, f"> Serving file {tmp_path}//page.html...\n"]
    assert run.stdout == said(port, PAGE.replace(b"\n", b"\r\n"), host)
    assert (run.stderr, run.returncode) == (b"", 0)


def test_the_client_prints_what_the_server_says_of_a_page_that_is_not_there(tmp_path: Path) -> None:
    with http_server(tmp_path) as (_, port):
        assert http_get(port, "/nothing").stdout == said(port, NOT_FOUND)


# -- programs of others ---------------------------------------------------------------------------


@pytest.mark.needs_program("curl")
def test_curl_gets_a_page(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(PAGE)
    with http_server(tmp_path) as (_, port):
        for version in ("--http0.9", "--http1.0", "--http1.1"):
            url = f"http://{HOST}:{port}/page.html"
            run = subprocess.run(
                [require("curl"), "-sS", "--noproxy", "*", "--http0.9", version, url],
                capture_output=True,
                timeout=PATIENCE,
            )
            assert run.stdout == PAGE.replace(b"\n", b"\r\n"), run.stderr
            assert (run.stderr, run.returncode) == (b"", 0)


@pytest.mark.needs_program("nc")
def test_netcat_gets_a_page(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(PAGE)
    with http_server(tmp_path) as (_, port):
        for request in ("GET /page.html HTTP/0.9\n\n", "GET /page.html HTTP/0.9\r\n\r\n"):
            with netcat(HOST, port, request) as nc:
                assert nc.wait() == 0
            assert nc.output.encode() == PAGE.replace(b"\n", b"\r\n")
        with netcat(HOST, port, "GET /nothing HTTP/0.9\n\n") as nc:
            assert nc.wait() == 0
        assert nc.output.encode() == NOT_FOUND


@pytest.mark.needs_program("nc")
def test_the_client_gets_a_page_from_netcat() -> None:
    with Program([require("nc"), "-l", "-v", "-n", "-N", HOST, "0"]) as nc:
        found = nc.wait_for_line(rf"^Listening on {re.escape(HOST)} (\d+)$")
        client = example(
            "http09_client", "--host", HOST, "--port", found[1], "/hosts", separate_errors=True
        )
        with client:
            nc.wait_for_line(r"^GET /hosts HTTP/0\.9$")
            nc.send("one\ntwo\n")
            nc.close_stdin()
            assert client.wait() == 0
        assert client.output.encode() == said(int(found[1]), b"one\ntwo\n")
        nc.wait()
        assert nc.output.endswith("GET /hosts HTTP/0.9\n\n\r\n")


# -- the command line -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["http09_server", "http09_client"])
def test_help_says_what_the_program_does(name: str) -> None:
    with example(name, "--help") as program:
        assert program.wait() == 0
    assert program.output.startswith(f"usage: {name}.py [-h]")
    assert "HTTP/0.9" in program.output
    assert "(8080)\n" in program.output


def test_a_root_that_is_no_directory_is_a_usage_error(tmp_path: Path) -> None:
    with example("http09_server", str(tmp_path / "nothing")) as program:
        assert program.wait() == 2
    assert "error: not a directory: " in program.output


@pytest.mark.parametrize("option", ["--timeout=0", "--timeout=-1", "--connections=0"])
def test_a_limit_that_is_none_is_a_usage_error(tmp_path: Path, option: str) -> None:
    with example("http09_server", "--port=0", option, str(tmp_path)) as program:
        assert program.wait() == 2
    assert "http09_server.py: error: " in program.output
    assert "Warning" not in program.output


def test_a_port_that_is_in_use_is_reported(tmp_path: Path) -> None:
    with (
        http_server(tmp_path) as (_, port),
        example("http09_server", f"--port={port}", str(tmp_path)) as second,
    ):
        assert second.wait() == 1
    assert "ddress already in use" in second.output
    assert "Traceback" not in second.output


def test_a_server_that_is_not_there_is_reported() -> None:
    with refusing_port() as port:
        run = http_get(port, "/hosts")
    assert (run.stdout, run.returncode) == (b"", 1)
    assert b"refused" in run.stderr
    assert b"Traceback" not in run.stderr


def test_a_path_with_a_newline_is_a_usage_error() -> None:
    with refusing_port() as port:
        run = http_get(port, "/a\nb")
    assert (run.stdout, run.returncode) == (b"", 2)
    assert b"cannot contain a newline" in run.stderr
