"""Getting pages and files by HTTP/1.0, with programs as processes: what servers may answer."""

from pathlib import Path

import pytest
from support.http10 import HOST, UNKNOWN_LENGTH, answering, python_server, transfer
from support.peers import refusing_port, unused_port
from support.processes import Program, example
from support.programs import require
from wget_text import with_line_feeds

pytestmark = pytest.mark.thorough


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
            said = transfer("wget_text", "/", tmp_path / "got", server.address[1])
        assert said == (0, UNKNOWN_LENGTH)
        assert (tmp_path / "got").read_bytes() == b"HTTP/1.0 200 OK\n\n" + text


@pytest.mark.parametrize("size", range(1, 6))
def test_lines_end_with_a_line_feed_however_they_are_cut(size: int) -> None:
    text = b"one\r\n\r\ntwo\rthree\n\r\n\rfour\r"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert b"".join(with_line_feeds(pieces)) == b"one\n\ntwo\rthree\n\n\rfour\n"


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_a_file_is_got_as_it_is(tmp_path: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"\r\n"[: size % 256]
    (tmp_path / "file").write_bytes(data)
    with python_server(tmp_path) as port:
        assert transfer("wget_binary", "/file", tmp_path / "got", port) == (0, "")
    assert (tmp_path / "got").read_bytes() == data


GOT = ""
"""What is said of a file that has come as it was promised."""

PROMISES = [
    (b"Content-Length: 5\r\n\r\nhello", GOT),
    (b"content-length:0005\r\n\r\nhello", GOT),
    (b"Content-Length: 5\r\nContent-Length: 5, 5\r\n\r\nhello", GOT),
    (b"Server: me\r\n\r\nhello", UNKNOWN_LENGTH),  # it ends when the server does
    (b"Content-Length: 5\r\nContent-Length: 4\r\n\r\nhello", "several lengths: '5, 4'"),
    (b"Content-Length: \r\n\r\nhello", "not as a number: ''"),
    (b"Content-Length: " + b"9" * 5_000 + b"\r\n\r\nhello", "are the limit"),
    (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "sends it 'chunked'"),
    (b"Content-Length: 6\r\n\r\nhello", "has promised 6 bytes, and sent 5"),
    (b"Content-Length: 4\r\n\r\nhello", "has promised 4 bytes, and sends more"),
    (b"Content-Length: five\r\n\r\nhello", "not as a number: 'five'"),
    (b"Content-Length: -5\r\n\r\nhello", "not as a number: '-5'"),
    (b"Content-Length: 5000000000000\r\n\r\nhello", "are the limit"),
]


@pytest.mark.parametrize(("promise", "complaint"), PROMISES)
def test_what_a_server_promises_is_held_against_what_it_sends(
    tmp_path: Path, promise: bytes, complaint: str
) -> None:
    file = tmp_path / "got"
    for program in ("wget_binary", "wget_text"):
        with answering(b"HTTP/1.0 200 OK\r\n" + promise) as server:
            status, output = transfer(program, "/", file, server.address[1])
        if complaint in (GOT, UNKNOWN_LENGTH):
            assert (status, output) == (0, complaint)
        else:
            assert status == 1
            assert output.endswith("\n")
            assert output.count("\n") == 1
            assert complaint in output
        if program == "wget_text":  # it writes what there is
            assert file.read_bytes().startswith(b"HTTP/1.0 200 OK\n")
        elif status == 0:
            assert file.read_bytes() == b"hello"
        else:
            assert not file.exists()


@pytest.mark.parametrize("program", ["wget_text", "wget_binary"])
@pytest.mark.parametrize("status", [b"200 OK", b"204 No Content", b"200 OK and twice"])
def test_a_server_that_keeps_the_connection_open_is_not_waited_for(
    tmp_path: Path, program: str, status: bytes
) -> None:
    text = b"" if status.startswith(b"204") else b"hello\n"
    length = b"" if status.startswith(b"204") else b"Content-Length: 6\r\n"
    answer = b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n" + text
    with answering(answer, ends=False) as server:
        assert transfer(program, "/", tmp_path / "got", server.address[1]) == (0, "")
    assert (tmp_path / "got").read_bytes().endswith(text)


def test_text_that_came_before_a_reset_is_written(tmp_path: Path) -> None:
    for promise in (b"", b"Content-Length: 100\r\n"):
        answer = b"HTTP/1.0 200 OK\r\n" + promise + b"\r\none\r\ntwo"
        with answering(answer, resets=True) as server:
            status, output = transfer("wget_text", "/", tmp_path / "got", server.address[1])
        assert status == 1
        assert "ECONNRESET" in output
        assert (tmp_path / "got").read_bytes().endswith(b"\n\none\ntwo")


@pytest.mark.parametrize("program", ["wget_text", "wget_binary", "wput"])
def test_answers_before_the_answer_are_passed_over(tmp_path: Path, program: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"data")
    answer = (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    )
    with answering(answer, ends=False) as server:
        status, output = transfer(program, "/", file, server.address[1])
    assert status == 0
    if program == "wput":
        assert output.endswith("\r\n\r\nhello\n")
    else:
        assert output == ""
        assert file.read_bytes().endswith(b"hello\n" if program == "wget_text" else b"hello")


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
    (b"\r\n\r\n", "has said nothing"),
    (b"HTTP/1.1 100 Continue\r\n\r\n", "has said nothing"),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n", "the header is cut short"),
    (b"HTTP/1.0 200 OK\r\nContent-Le", "the header is cut short"),
    (b"HTTP/1.0 200 OK\r\n" + b"a: b\r\n" * 20_000 + b"\r\n", "more than 65536 characters"),
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
    for host in ("a..b", "1.2.3.4.5", ""):
        with example(program, host, "/", str(file)) as running:
            assert running.wait() == 1
            assert running.output.endswith("there is no such host [EINVAL]\n")
            assert running.output.count("\n") == 1
    for page, other in [
        ("/a b?c=%20", "/a%20b?c=%20"),
        ("/\xfc", "/%C3%BC"),
        ("", "/"),
        ("/\n", "/%0A"),
    ]:
        said = f"the name of a page cannot be {page!r}; you may mean {other}\n"
        assert transfer(program, page, file, 1) == (1, said)
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
