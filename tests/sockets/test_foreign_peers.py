"""Conversations with programs that nobody here has written."""

from pathlib import Path

import pytest
from sockets.helpers import Call, listening
from support.peers import echo_server, exchange, netcat
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

from trunkline import ActiveSocket, Hangup, PassiveSocket, make_socket


def serve_lines(listener: PassiveSocket) -> list[str]:
    """Read all lines of one client until it has no more, and only then answer."""
    with listener.accept() as client:
        lines = list(client)
        client.write(f"{len(lines)} lines\nthe last one: {lines[-1]}\n")
    return lines


@pytest.mark.needs_program("nc")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.exact_io("the conversation with the program is not up to faults")
def test_netcat_ends_its_half_and_reads_the_answer(host: str) -> None:
    with listening(local_host=host) as listener, Call(serve_lines, listener) as serving:
        with netcat(host, listener.local_port) as nc:
            nc.send("first\nпривет\nlast, without a newline")
            nc.close_stdin()
            assert nc.read_to_end() == "3 lines\nthe last one: last, without a newline\n"
            assert nc.wait() == 0
        assert serving.result() == ["first", "привет", "last, without a newline"]


@pytest.mark.needs_program("nc")
@pytest.mark.exact_io("the conversation with the program is not up to faults")
def test_netcat_types_while_we_talk() -> None:
    with (
        listening(external_format="utf-8/crlf") as listener,
        netcat("127.0.0.1", listener.local_port) as nc,
        listener.accept() as client,
    ):
        for line in ("one", "two"):
            nc.send(f"{line}\r\n")
            assert client.read_line(timeout=PATIENCE) == line
            client.write_line(line.upper())
            client.finish_output()
            nc.read_until(f"{line.upper()}\r\n")
        nc.kill()
        nc.wait()
        assert client.read(timeout=PATIENCE) == b""
        client.write("is anybody there?")
        client.force_output()
        with pytest.raises(Hangup):
            _write_until_it_fails(client)
        client.close(abort=True)


def _write_until_it_fails(stream: ActiveSocket) -> None:
    while True:
        stream.write("hello?")
        stream.finish_output(timeout=PATIENCE)


@pytest.mark.needs_program("nc")
@pytest.mark.exact_io("the conversation with the program is not up to faults")
def test_netcat_serves(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with Program([require("nc"), "-v", "-l", "-N", "-U", path]) as nc:
        nc.wait_for_line("^Listening on")
        with make_socket(address_family="local", remote_filename=path) as sock:
            sock.write_line("hello")
            sock.finish_output()
            nc.wait_for_line("^hello$")
            nc.send("hello yourself\nand good bye")
            nc.close_stdin()
            assert list(sock) == ["hello yourself", "and good bye"]
            assert sock.missing_newline
        assert nc.wait() == 0


REFUSAL = "HTTP/1.1 413 Too Large\nContent-Length: 12\nConnection: close\n\ntoo large.\n"


def refuse(listener: PassiveSocket) -> str:
    """Be an HTTP server that has seen enough when it has seen the first line."""
    with listener.accept() as client:
        request = client.read_line(timeout=PATIENCE)
        client.write(REFUSAL)
    return request


@pytest.mark.needs_program("curl")
@pytest.mark.exact_io("the conversation with the program is not up to faults")
def test_curl_gets_its_answer_though_most_of_what_it_sends_is_never_read(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(bytes(8_000_000))
    with (
        listening(external_format="latin-1/crlf") as listener,
        Call(refuse, listener) as serving,
        Program(
            [
                require("curl"),
                *("--silent", "--show-error", "--noproxy", "*", "--header", "Expect:"),
                *("--write-out", "status %{http_code}\n", "--data-binary", f"@{upload}"),
                f"http://127.0.0.1:{listener.local_port}/",
            ]
        ) as curl,
    ):
        assert curl.read_to_end() == "too large.\r\nstatus 413\n"
        assert curl.wait() == 0
        assert serving.result() == "POST / HTTP/1.1"


def test_the_standard_librarys_server() -> None:
    with (
        echo_server() as server,
        make_socket(remote_host="127.0.0.1", remote_port=server.address[1]) as sock,
    ):
        text = "".join(f"строка {number}\n" for number in range(2000))
        with Call(sock.write, text) as writing:
            for number in range(2000):
                assert sock.read_line(timeout=PATIENCE) == f"строка {number}"
            writing.result()
            sock.shutdown(write=True)
            assert sock.read(timeout=PATIENCE) == b""


def test_the_standard_librarys_client() -> None:
    def echo() -> None:
        with listener.accept() as client:
            while data := client.read(timeout=PATIENCE):
                client.write(data)
                client.finish_output(timeout=PATIENCE)

    data = bytes(range(256)) * 4000
    with listening() as listener, Call(echo):
        assert exchange(("127.0.0.1", listener.local_port), data) == data
