"""The programs with callbacks, in processes of their own, and with plain peers."""

import contextlib
import random
import re
import socket
import threading
from collections.abc import Iterator

import pytest
from support.peers import (
    connect,
    echo_server,
    exchange,
    receive_all,
    receive_exactly,
    refusing_port,
    reset,
)
from support.processes import Program, example
from support.timing import PATIENCE
from support.tutorial import HOST, accept, client_of, plain_listener, wait_for_all

pytestmark = pytest.mark.usefixtures("backend")

REPLY = b"I notice that you have something to say. So have I.\n"


@contextlib.contextmanager
def serving(name: str, *arguments: str) -> Iterator[tuple[Program, int]]:
    """Yield a server program, and its port; in the end Ctrl-C has to end it."""
    with example(name, "--port", "0", *arguments) as server:
        found = server.wait_for_line(r"^Listening at 127\.0\.0\.1:(\d+)")
        yield server, int(found[1])
        server.interrupt()
        assert server.wait() == 130
        assert "Traceback" not in server.output
        assert "Warning" not in server.output


# -- GET -------------------------------------------------------------------------------------------


def test_evented_get_prints_the_page() -> None:
    page = "<html>grüße</html>\n" * 50_000
    with plain_listener() as (listener, port), client_of(port, "evented_get") as client:
        with accept(listener) as connection:
            request = b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n"
            assert receive_exactly(connection, len(request)) == request
            connection.sendall(page.encode())
        client.read_to_end()
        assert client.wait() == 0
    is_same = client.output == page
    assert is_same


def test_evented_get_says_what_went_wrong() -> None:
    with refusing_port() as port, client_of(port, "evented_get") as client:
        assert client.wait() == 1
    assert client.output.startswith(f"refused: connect {HOST}:{port}")
    with plain_listener() as (listener, port), client_of(port, "evented_get") as client:
        reset(accept(listener))
        assert client.wait() == 1
    assert client.output.startswith("reset: ")


# -- replying --------------------------------------------------------------------------------------


def test_evented_reply_replies_and_closes() -> None:
    with serving("evented_reply") as (server, port):
        for said in (b"hello", b"x" * 100_000):
            with connect((HOST, port)) as client:
                client.sendall(said)
                assert receive_all(client) == REPLY
        with connect((HOST, port)) as client:
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b""
        wait_for_all(server, "Read 5 bytes from")


# -- echo ------------------------------------------------------------------------------------------


def test_evented_echo_sends_back_the_very_bytes() -> None:
    noise = random.Random(1).randbytes
    with serving("evented_echo") as (server, port):
        for data in (b"", b"x", noise(300_000), noise(5_000_000)):
            is_same = exchange((HOST, port), data) == data
            assert is_same
        wait_for_all(server, *[": eof\n"] * 4)


def test_evented_echo_reads_no_more_from_a_client_that_does_not_read() -> None:
    with serving("evented_echo") as (_, port), connect((HOST, port)) as client:
        client.setblocking(False)
        sent = fill(client)
        # Whatever it holds, it is only so much; the rest are the system's own buffers.
        assert sent < 60_000_000
        client.settimeout(PATIENCE)
        with connect((HOST, port)) as other:
            other.sendall(b"hello")
            assert receive_exactly(other, 5) == b"hello"
        received = 0
        while received < sent:
            received += len(client.recv(1 << 20))


def fill(client: socket.socket) -> int:
    """Send until nothing more is taken, not even after another client has been served."""
    sent = 0
    server = client.getpeername()
    for _ in range(50):
        with contextlib.suppress(BlockingIOError):
            while sent < 60_000_000:
                sent += client.send(bytes(1 << 16))
        with connect(server) as other:
            other.sendall(b"?")
            other.recv(1)
    return sent


# -- the proxy -------------------------------------------------------------------------------------


def test_evented_proxy_hands_on_both_ways() -> None:
    data = random.Random(2).randbytes(3_000_000)
    with echo_server() as server, proxy_to(server.address[1]) as (proxy, port):
        for piece in (b"hello", data):
            with connect((HOST, port)) as client:
                sending = threading.Thread(target=client.sendall, args=(piece,))
                sending.start()
                is_same = receive_exactly(client, len(piece)) == piece
                sending.join(PATIENCE)
                assert is_same
    assert most_waiting(proxy) < 65_536 + 262_144 + 1


def test_evented_proxy_closes_a_side_when_the_other_one_ends() -> None:
    with plain_listener() as (listener, upstream), proxy_to(upstream) as (_, port):
        with connect((HOST, port)) as client, accept(listener) as server:
            client.close()
            assert server.recv(1) == b""
        with connect((HOST, port)) as client, accept(listener) as server:
            server.sendall(b"last words")
            server.close()
            assert receive_all(client) == b"last words"
        with connect((HOST, port)) as client:
            reset(accept(listener))
            assert client.recv(1) == b""


def test_evented_proxy_sends_clients_away_if_there_is_no_server() -> None:
    with (
        refusing_port() as upstream,
        proxy_to(upstream) as (_, port),
        connect((HOST, port)) as client,
    ):
        assert client.recv(1) == b""


@contextlib.contextmanager
def proxy_to(upstream: int) -> Iterator[tuple[Program, int]]:
    """Yield a proxy to a port of this machine, and its own port."""
    arguments = ("--to-host", HOST, "--to-port", str(upstream))
    with serving("evented_proxy", *arguments) as (proxy, port):
        yield proxy, port


def most_waiting(proxy: Program) -> int:
    """Return what a proxy says at its end."""
    found = re.search(r"Closed. At most (\d+) bytes were waiting.\n$", proxy.output)
    assert found, proxy.output
    return int(found[1])


# -- the chat room ---------------------------------------------------------------------------------


class Person:
    """Somebody in the chat room."""

    def __init__(self, stack: contextlib.ExitStack, port: int, name: str) -> None:
        self._sock = stack.enter_context(connect((HOST, port)))
        self._lines = stack.enter_context(self._sock.makefile("r", encoding="utf-8"))
        self.name = name
        assert self.hears() == "Who are you?"
        self.says(name)

    def says(self, text: str) -> None:
        self._sock.sendall(f"{text}\n".encode())

    def sends(self, data: bytes) -> None:
        self._sock.sendall(data)

    def hears(self) -> str:
        return self._lines.readline().removesuffix("\n")

    def goes(self) -> None:
        self._lines.close()
        self._sock.close()


def test_in_evented_chat_everybody_hears_the_others() -> None:
    with serving("evented_chat") as (_, port), contextlib.ExitStack() as stack:
        ann = Person(stack, port, "Ann")
        assert ann.hears() == "Here are: Ann"
        bob = Person(stack, port, "Ann")
        assert bob.hears() == "That name will not do. Who are you?"
        bob.says("Bøb")
        assert bob.hears() == "Here are: Ann, Bøb"
        assert ann.hears() == "Bøb comes in."
        bob.sends("hé".encode()[:2])
        bob.sends("hé".encode()[2:] + b"llo\r\nand ")
        bob.sends(b"more\n")
        assert [ann.hears(), ann.hears()] == ["Bøb: héllo", "Bøb: and more"]
        cy = Person(stack, port, "Cy")
        assert cy.hears() == "Here are: Ann, Bøb, Cy"
        assert ann.hears() == bob.hears() == "Cy comes in."
        cy.sends(b"\xff\n")
        assert cy.hears() == "That is no line."
        assert cy.hears() == ""
        assert ann.hears() == bob.hears() == "Cy leaves."
        ann.goes()
        assert bob.hears() == "Ann leaves."
        bob.says("alone")
        dee = Person(stack, port, "Dee")
        assert dee.hears() == "Here are: Bøb, Dee"


def test_evented_chat_sends_away_who_sends_no_lines_and_who_does_not_listen() -> None:
    with serving("evented_chat") as (_, port), contextlib.ExitStack() as stack:
        endless = Person(stack, port, "x" * 100_000)
        assert endless.hears() == "That is no line."
        talker, deaf = Person(stack, port, "talker"), Person(stack, port, "deaf")
        assert talker.hears() == "Here are: talker"
        assert talker.hears() == "deaf comes in."
        for _ in range(3000):
            talker.says("blah " * 1000)
        assert talker.hears() == "deaf leaves."
        assert deaf.hears() == "Here are: talker, deaf"
