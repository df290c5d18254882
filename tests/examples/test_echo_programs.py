"""The echo programs at work: what is typed, what is on the wire, and what comes back.

Most of the text here is such that a program which takes text lightly would change it.
"""

import importlib
import io
import re
import socket
import sys

import pytest
from support.peers import PeerServer, connect, echo, exchange, receive_all, receive_exactly
from support.processes import Program, example
from support.tutorial import (
    DESTROYING,
    HOST,
    WAITING,
    accept,
    assert_interleaved,
    client_of,
    echoing,
    greeting,
    head,
    listening,
    masked,
    peer_port_of,
    plain_listener,
    port_of,
    wait_for_all,
    without_threads_about_to_end,
)

LINES = [
    "Ein Gespräch über die Leitung",
    "телефонная линия",
    "電話交換機",
    "خط الهاتف",
    "टेलीफ़ोन लाइन",
    "📞 ☎️ \U0010ffff",
    "",
    " ",
    "\tbetween tabs\t",
    "",
    "é and e\u0301",
    "NEL \x85, LS \u2028, PS \u2029, FF \f, VT \v, FS \x1c: no ends of lines",
    "a CR \r inside and one at the end\r",
    "NUL \0 and BOM \ufeff",
    "x" * 4096,
]
NOT_QUITE_QUIT = [
    "Quit",
    "QUIT",
    " quit",
    "quit ",
    "quit!",
    "quit\0",
    "quit\r",
    "qu it",
    "ｑｕｉｔ",
]

SERVER_GONE = "Got end-of-file. Server closed connection on read!\n"
EXITED = "Client Exited.\n"


def wire(*lines: str) -> bytes:
    """Return lines as they are on the wire."""
    return "".join(f"{line}\r\n" for line in lines).encode()


def client_gone(port: int) -> str:
    """Return what the server says when a client has no more."""
    return f"Client {HOST}:{port} closed connection for a read.\n"


def assert_end(server: Program, port: int, *clients: list[str]) -> None:
    """End the server once it has said all about its clients, and check what it has said."""
    closing = [pieces[-1] for pieces in clients]
    wait_for_all(server, *closing, *[WAITING] * (len(clients) + 1))
    server.interrupt()
    assert server.wait() == 130
    main = [*head(port), *[WAITING] * (len(clients) + 1), DESTROYING]
    output = without_threads_about_to_end(masked(server.output))
    assert_interleaved(output, main, *clients)


def test_a_conversation_between_the_programs() -> None:
    lines = [*LINES, *NOT_QUITE_QUIT, "quit"]
    with listening("ex5_server") as (server, port), client_of(port, "ex4_client") as client:
        own_port = int(client.read_until(r"at 127\.0\.0\.1:(\d+)!\n")[1])
        for line in lines:
            client.send(line + "\n")
            client.read_until(re.escape(line + "\n"))
        # The server says that it closes the connection, and does it then. A line that came in
        # between would be unread, and reset the connection; when the server is gone, none can.
        assert_end(server, port, echoing(own_port, lines))
        client.send("one more, so that the client looks\n")
        assert client.wait() == 0
        echoes = "".join(f"{line}\n" for line in lines)
        expected = greeting("ex4_client", port, own_port) + echoes + SERVER_GONE + EXITED
        assert client.output == expected


def test_the_client_ends_when_nothing_more_is_typed() -> None:
    with listening("ex5_server") as (server, port), client_of(port, "ex4_client") as client:
        client.send("".join(f"{line}\n" for line in LINES) + "no newline at the end")
        client.close_stdin()
        assert client.wait() == 0
        own_port = int(re.findall(r":(\d+)!", client.output)[0])
        lines = [*LINES, "no newline at the end"]
        echoes = "".join(f"{line}\n" for line in lines)
        assert client.output == greeting("ex4_client", port, own_port) + echoes + (
            SERVER_GONE + EXITED
        )
        assert_end(server, port, echoing(own_port, lines, [client_gone(own_port)]))


def test_the_text_is_utf_8_whatever_python_makes_of_the_terminal() -> None:
    in_ascii = ["env", "PYTHONIOENCODING=ascii"]
    server, line = example("ex5_server", "--port", "0"), "Gespräch 電話 📞"
    server.argv = [*in_ascii, *server.argv]
    with server:
        port = int(server.wait_for_line(r"^Listening on socket bound to: .*:(\d+)$")[1])
        client = client_of(port, "ex4_client")
        client.argv = [*in_ascii, *client.argv]
        with client:
            client.send(f"{line}\n")
            client.wait_for_line(f"^{line}$")
        server.wait_for_line(f"^Wrote line to .*: {line}$")


# -- the server, byte by byte ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        pytest.param(wire(*LINES), wire(*LINES), id="lines"),
        pytest.param(wire(*NOT_QUITE_QUIT), wire(*NOT_QUITE_QUIT), id="not quite quit"),
        pytest.param(b"", b"", id="nothing"),
        pytest.param(b"\r\n\r\n\r\n", b"\r\n\r\n\r\n", id="empty lines"),
        pytest.param(b"one\ntwo\r\n\nthree\n", b"one\r\ntwo\r\n\r\nthree\r\n", id="LF alone"),
        pytest.param(b"one\r\ntwo", b"one\r\ntwo\r\n", id="no newline at the end"),
        pytest.param(b"one\r\ntwo\r", b"one\r\ntwo\r\r\n", id="CR at the end"),
        pytest.param(b"one\r\nquit\r\n", b"one\r\nquit\r\n", id="quit"),
        pytest.param(b"quit\r\ntwo\r\nthree", b"quit\r\n", id="more behind quit"),
        pytest.param(b"quit", b"quit\r\n", id="quit without newline"),
        pytest.param(b"quit\n", b"quit\r\n", id="quit and LF"),
    ],
)
def test_the_server_sends_each_line_back(sent: bytes, returned: bytes) -> None:
    with listening("ex5_server") as (_, port):
        assert exchange((HOST, port), sent) == returned


def test_the_server_waits_for_the_whole_line() -> None:
    line = wire("電話 📞")
    with listening("ex5_server") as (server, port), connect((HOST, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in line:
            connection.sendall(bytes([byte]))
        assert receive_exactly(connection, len(line)) == line
        connection.shutdown(socket.SHUT_WR)
        assert receive_all(connection) == b""
        client = port_of(connection)
        assert_end(server, port, echoing(client, ["電話 📞"], [client_gone(client)]))


def test_the_server_closes_after_quit_while_the_client_stays() -> None:
    with listening("ex5_server") as (server, port), connect((HOST, port)) as connection:
        connection.sendall(wire("one", "quit"))
        assert receive_all(connection) == wire("one", "quit")
        assert_end(server, port, echoing(port_of(connection), ["one", "quit"]))


def test_the_server_does_not_mix_its_clients_up() -> None:
    with (
        listening("ex5_server") as (server, port),
        connect((HOST, port)) as slow,
        connect((HOST, port)) as quick,
    ):
        slow.sendall(b"half ")
        quick.sendall(wire("quick"))
        assert receive_exactly(quick, 7) == wire("quick")
        slow.sendall(wire("and half"))
        assert receive_exactly(slow, 15) == wire("half and half")
        for connection in (slow, quick):
            connection.sendall(wire("quit"))
            assert receive_all(connection) == wire("quit")
        assert_end(
            server,
            port,
            echoing(port_of(slow), ["half and half", "quit"]),
            echoing(port_of(quick), ["quick", "quit"]),
        )


# -- the client, byte by byte ----------------------------------------------------------------------


def test_the_client_sends_each_line_and_shows_what_comes_back() -> None:
    with plain_listener() as (listener, port), client_of(port, "ex4_client") as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            for line in LINES:
                client.send(line + "\n")
                assert receive_exactly(connection, len(wire(line))) == wire(line)
                connection.sendall(wire(line[::-1] + "?"))
                client.read_until(re.escape(line[::-1] + "?\n"))
            client.close_stdin()
            assert receive_all(connection) == b""
        assert client.wait() == 0
    answers = "".join(f"{line[::-1]}?\n" for line in LINES)
    expected = greeting("ex4_client", port, own_port) + answers + SERVER_GONE + EXITED
    assert client.output == expected


def test_the_client_reads_one_more_line_before_it_notices_the_end() -> None:
    with plain_listener() as (listener, port), client_of(port, "ex4_client") as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            client.send("quit\n")
            assert receive_exactly(connection, 6) == wire("quit")
            connection.sendall(wire("quit"))
            connection.shutdown(socket.SHUT_WR)
            client.read_until("!\nquit\n")
            client.send("one more\ntwo more\n")
            # It still sends the line: only then does it look for an answer.
            assert receive_all(connection) == wire("one more")
        assert client.wait() == 0
    expected = greeting("ex4_client", port, own_port) + "quit\n" + SERVER_GONE + EXITED
    assert client.output == expected


def test_the_client_shows_an_answer_without_newline() -> None:
    with plain_listener() as (listener, port), client_of(port, "ex4_client") as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            client.send("one\n")
            assert receive_exactly(connection, 5) == wire("one")
            connection.sendall(b"half an ans")
        client.read_until("half an ans\n")
        client.send("two\n")
        assert client.wait() == 0
    expected = greeting("ex4_client", port, own_port) + "half an ans\n" + SERVER_GONE + EXITED
    assert client.output == expected


def test_the_client_can_be_imported_and_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = []

    def serve(connection: socket.socket) -> None:
        ports.append(peer_port_of(connection))
        echo(connection)

    monkeypatch.setattr(sys, "stdin", io.StringIO("одно\nquit"))
    with PeerServer(serve) as server:
        importlib.import_module("ex4_client").ex4_client(*server.address)
    expected = greeting("ex4_client", server.address[1], ports[0]) + "одно\nquit\n"
    assert capsys.readouterr().out == expected + SERVER_GONE + EXITED
