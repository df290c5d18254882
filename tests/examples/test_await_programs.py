"""The programs with await, in processes of their own, and with plain peers."""

import contextlib
import importlib
import inspect
import socket
from collections.abc import Iterator

import pytest
from support.peers import (
    connect,
    receive_all,
    reset,
)
from support.processes import Program, example
from support.tutorial import (
    HOST,
    plain_listener,
    receive_exactly,
    wait_for_all,
)


@pytest.fixture(params=["trunkline", pytest.param("asyncio", marks=pytest.mark.thorough)])
def loop(request: pytest.FixtureRequest) -> str:
    """On whose loop the program runs."""
    name: str = request.param
    return name


@contextlib.contextmanager
def serving(name: str, *arguments: str, host: str = "127.0.0.1") -> Iterator[tuple[Program, int]]:
    """Yield a server program, and its port. It has not to complain of anything."""
    with example(name, "--port", "0", *arguments) as server:
        found = server.wait_for_line(rf"^Listening at {host}:(\d+)")
        yield server, int(found[1])
        if server.process.returncode is None:
            server.interrupt()
            assert server.wait() == 130
        assert_content(server)


def assert_content(program: Program) -> None:
    """Check that Python has nothing to complain of."""
    assert "Traceback" not in program.output
    assert "Warning" not in program.output


def deaf_to(port: int) -> socket.socket:
    """Return a connection that takes little of what comes before it is read."""
    sock = connect((HOST, port))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    return sock


# -- echo ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def echoing(loop: str) -> Iterator[tuple[Program, int]]:
    with serving("await_echo", "--loop", loop, host="0.0.0.0") as served:
        yield served


def test_await_echo_sends_lines_back_and_lets_its_clients_finish(loop: str) -> None:
    with echoing(loop) as (server, port), connect((HOST, port)) as client:
        client.sendall(b"one\n")
        assert receive_exactly(client, 4) == b"one\n"
        with connect((HOST, port)) as other:
            other.sendall("zwei\nGrüße\nquit\nmore\n".encode())
            assert receive_all(other) == "zwei\nGrüße\nquit\n".encode()
        with connect((HOST, port)) as third:
            third.sendall(b"half")
            receive_line = b"half\n"
            third.shutdown(1)
            assert receive_all(third) == receive_line
        reset_one = connect((HOST, port))
        reset_one.sendall(b"x\n")
        assert receive_exactly(reset_one, 2) == b"x\n"
        reset(reset_one)
        server.interrupt()
        client.sendall(b"still there\n")
        assert receive_exactly(client, 12) == b"still there\n"
        client.close()
        assert server.wait() == 0
    wait_for_all(server, "Read line from", "4 clients were served.")


@pytest.mark.thorough
def test_await_echo_is_ended_at_once_by_another_ctrl_c(loop: str) -> None:
    with echoing(loop) as (server, port), connect((HOST, port)) as client:
        client.sendall(b"one\n")
        assert receive_exactly(client, 4) == b"one\n"
        server.interrupt()
        client.sendall(b"two\n")
        assert receive_exactly(client, 4) == b"two\n"
        server.interrupt()
        assert receive_all(client) == b""
        assert server.wait() == 0


# -- the chat room ---------------------------------------------------------------------------------


class Person:
    """Somebody in the chat room."""

    def __init__(
        self, stack: contextlib.ExitStack, port: int, name: str, *, is_deaf: bool = False
    ) -> None:
        sock = deaf_to(port) if is_deaf else connect((HOST, port))
        self._sock = stack.enter_context(sock)
        self._lines = stack.enter_context(self._sock.makefile("r", encoding="utf-8"))
        self.name = name
        assert self.hears() == "Who are you?"
        self.says(name)

    def says(self, text: str) -> None:
        self.sends(f"{text}\n".encode())

    def sends(self, data: bytes) -> None:
        self._sock.sendall(data)

    def hears(self) -> str:
        return self._lines.readline().removesuffix("\n")

    def hears_to_the_end(self) -> str:
        return self._lines.read()

    def goes(self) -> None:
        self._lines.close()
        self._sock.close()

    def breaks_off(self) -> None:
        self._lines.close()
        reset(self._sock)


def test_in_await_chat_everybody_hears_the_others(loop: str) -> None:
    with serving("await_chat", "--loop", loop) as (_, port), contextlib.ExitStack() as stack:
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
        ann.goes()
        assert bob.hears() == "Ann leaves."
        dee = Person(stack, port, "Dee")
        assert dee.hears() == "Here are: Bøb, Dee"
        assert bob.hears() == "Dee comes in."
        dee.breaks_off()
        assert bob.hears() == "Dee leaves."


@pytest.mark.thorough
@pytest.mark.parametrize("sent", [b"\xff\n", b"x" * 2000], ids=["no text", "too long"])
def test_await_chat_sends_away_who_sends_no_lines(sent: bytes) -> None:
    with serving("await_chat") as (_, port), contextlib.ExitStack() as stack:
        ann, cy = Person(stack, port, "Ann"), Person(stack, port, "Cy")
        assert ann.hears() == "Here are: Ann"
        assert ann.hears() == "Cy comes in."
        assert cy.hears() == "Here are: Ann, Cy"
        cy.sends(sent)
        assert cy.hears() == "That is no line."
        assert cy.hears() == ""
        assert ann.hears() == "Cy leaves."


@pytest.mark.thorough
def test_await_chat_sends_away_who_does_not_listen_and_nobody_else_waits(loop: str) -> None:
    with serving("await_chat", "--loop", loop) as (server, port), contextlib.ExitStack() as stack:
        talker = Person(stack, port, "talker")
        assert talker.hears() == "Here are: talker"
        listener = Person(stack, port, "listener")
        assert listener.hears() == "Here are: talker, listener"
        deaf = Person(stack, port, "deaf", is_deaf=True)
        assert listener.hears() == "deaf comes in."
        heard: list[str] = []
        said: list[str] = []
        while "deaf leaves." not in heard:
            assert len(said) < 50_000
            lines = [
                f"{number} {'blah ' * 180}".strip() for number in range(len(said), len(said) + 100)
            ]
            talker.says("\n".join(lines))
            said += lines
            while heard[-1:] != [f"talker: {lines[-1]}"]:
                heard.append(listener.hears())
                assert heard[-1]
        heard.remove("deaf leaves.")
        assert heard == [f"talker: {line}" for line in said]
        assert talker.hears() == "listener comes in."
        assert talker.hears() == "deaf comes in."
        assert talker.hears() == "deaf leaves."
        with pytest.raises(ConnectionResetError):
            deaf.hears_to_the_end()
        wait_for_all(server, "deaf does not listen.\n")


# -- all of them -----------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["await_chat", "await_echo"])
def test_help_says_what_a_program_with_await_does(name: str) -> None:
    with example(name, "--help") as program:
        assert program.wait() == 0
    description = inspect.getdoc(importlib.import_module(name))
    assert description
    assert description in program.output


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["await_chat", "await_echo"])
def test_a_server_with_await_says_that_its_port_is_in_use(name: str) -> None:
    with plain_listener() as (_, port), example(name, "--port", str(port)) as program:
        assert program.wait() == 1
        assert "Address already in use" in program.output
        assert program.output.count("\n") == 1
