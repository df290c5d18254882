"""The programs with await, in processes of their own, and with plain peers."""

import contextlib
import importlib
import inspect
import random
import socket
from collections.abc import Iterator

import pytest
from support.peers import (
    PeerServer,
    connect,
    echo_server,
    exchange,
    netcat,
    receive_all,
    receive_exactly,
    refusing_port,
    reset,
)
from support.processes import Program, example
from support.timing import MS, PATIENCE
from support.tutorial import (
    HOST,
    MULTIPLEXED_SERVERS,
    accept,
    client_of,
    listening,
    plain_listener,
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


def said_by(program: Program) -> str:
    """Return what a program has printed, but for what debugging tells of a machine that is busy."""
    return "".join(
        line for line in program.output.splitlines(True) if not line.startswith("Executing <")
    )


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


# -- the pool --------------------------------------------------------------------------------------


def pool(port: int, loop: str, *, lines: int, connections: int, timeout: float = 60.0) -> Program:
    """Return a pool of clients, to be started."""
    numbers = {"--lines": lines, "--connections": connections, "--timeout": timeout}
    arguments = [str(each) for pair in numbers.items() for each in pair]
    program = client_of(port, "await_pool")
    program.argv += ["--loop", loop, *arguments]
    return program


def test_await_pool_asks_all_lines_by_few_connections(loop: str) -> None:
    count: list[int] = []
    lines: list[bytes] = []

    def echo_and_count(connection: socket.socket) -> None:
        count.append(1)
        with connection.makefile("rb") as file:
            for line in file:
                lines.append(line)
                connection.sendall(line)

    with (
        PeerServer(echo_and_count) as server,
        pool(server.address[1], loop, lines=60, connections=4) as program,
    ):
        assert program.wait() == 0
    assert said_by(program) == "60 of 60 lines came back, by 4 connections.\n"
    assert len(count) == 4
    assert sorted(lines) == sorted(f"line {number}\r\n".encode() for number in range(1, 61))


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["ex5_server", *MULTIPLEXED_SERVERS])
def test_await_pool_works_with_the_echo_servers(name: str) -> None:
    with (
        listening(name) as (_, port),
        pool(port, "trunkline", lines=60, connections=4) as program,
    ):
        assert program.wait() == 0


@pytest.mark.thorough
def test_await_pool_tells_what_is_wrong_and_goes_on(loop: str) -> None:
    def answer(connection: socket.socket) -> None:
        with connection.makefile("rb") as file:
            for line in file:
                if line == b"line 2\r\n":
                    break
                connection.sendall(line.replace(b"3", b"three"))

    with PeerServer(answer) as server:
        with pool(server.address[1], loop, lines=5, connections=1) as program:
            assert program.wait() == 1
        name = f"127.0.0.1:{server.address[1]}"
    assert said_by(program) == (
        f"line 2: read_line {name}: end of file\n"
        "line 3: the server has made 'line three' of it\n"
        "3 of 5 lines came back, by 2 connections.\n"
    )


@pytest.mark.thorough
def test_await_pool_waits_for_no_longer_than_it_is_told(loop: str) -> None:
    with (
        plain_listener() as (_, port),
        pool(port, loop, lines=3, connections=2, timeout=100 * MS) as program,
    ):
        assert program.wait() == 1
    *told, summary = said_by(program).splitlines()
    assert [line.partition(":")[0] for line in told] == ["line 1", "line 2", "line 3"]
    assert all("time limit passed" in line for line in told)
    assert summary.startswith("0 of 3 lines came back")


@pytest.mark.thorough
def test_await_pool_says_that_nobody_listens() -> None:
    with refusing_port() as port, pool(port, "trunkline", lines=2, connections=2) as program:
        assert program.wait() == 1
    assert program.output.count(f"connect 127.0.0.1:{port}: ") == 2
    assert program.output.endswith("\n0 of 2 lines came back, by 0 connections.\n")


@pytest.mark.thorough
def test_await_pool_takes_no_name_that_is_none() -> None:
    with example("await_pool", "--host", "a..b", "--lines", "2") as program:
        assert program.wait() == 2
    assert program.output.endswith(": error: not the name of a host: 'a..b'\n")
    assert_content(program)


@pytest.mark.thorough
def test_await_pool_is_ended_by_ctrl_c(loop: str) -> None:
    with plain_listener() as (listener, port), contextlib.ExitStack() as stack:
        program = stack.enter_context(pool(port, loop, lines=100, connections=3))
        connections = [stack.enter_context(accept(listener)) for _ in range(3)]
        asked = [receive_exactly(connection, 8) for connection in connections]
        assert sorted(asked) == [b"line 1\r\n", b"line 2\r\n", b"line 3\r\n"]
        position = asked.index(b"line 2\r\n")
        connections[position].sendall(b"line 2\r\n")
        assert receive_exactly(connections[position], 8) == b"line 4\r\n"
        program.interrupt()
        assert program.wait() == 130
        assert [connection.recv(1) for connection in connections] == [b""] * 3
    assert said_by(program) == "1 of 100 lines came back, by 3 connections.\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [("lines", "0"), ("lines", "x"), ("connections", "-1"), ("timeout", "0"), ("timeout", "nan")],
)
@pytest.mark.thorough
def test_await_pool_says_which_numbers_are_none(option: str, value: str) -> None:
    with example("await_pool", f"--{option}={value}") as program:
        assert program.wait() == 2
    assert f"argument --{option}: " in program.output
    assert_content(program)


# -- the proxy -------------------------------------------------------------------------------------

MUCH = 40_000_000
"""More bytes than the system's buffers hold, all of those between two peers together."""


@contextlib.contextmanager
def proxy_to(upstream: int, loop: str = "trunkline") -> Iterator[tuple[Program, int]]:
    """Yield a proxy to a port of this machine, and its own port."""
    arguments = ("--to-host", HOST, "--to-port", str(upstream), "--loop", loop)
    with serving("await_proxy", *arguments) as (proxy, port):
        yield proxy, port


def test_await_proxy_hands_on_both_ways(loop: str) -> None:
    data = random.Random(2).randbytes(1_000_000)
    with echo_server() as server, proxy_to(server.address[1], loop) as (_, port):
        is_same = exchange((HOST, port), data) == data
        assert is_same
        with netcat(HOST, port, "hello\n") as client:
            client.read_to_end()
            assert client.output == "hello\n"


@pytest.mark.thorough
def test_await_proxy_hands_on_that_one_side_has_ended(loop: str) -> None:
    with plain_listener() as (listener, upstream), proxy_to(upstream, loop) as (_, port):
        with connect((HOST, port)) as client, accept(listener) as server:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            assert receive_all(server) == b"question"
            server.sendall(b"answer")
            server.close()
            assert receive_all(client) == b"answer"
        with connect((HOST, port)) as client, accept(listener) as server:
            server.sendall(b"greeting")
            server.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b"greeting"
            client.sendall(b"thanks")
            client.close()
            assert receive_all(server) == b"thanks"


@pytest.mark.thorough
def test_await_proxy_hands_on_that_one_side_has_broken_off(loop: str) -> None:
    with plain_listener() as (listener, upstream), proxy_to(upstream, loop) as (proxy, port):
        with connect((HOST, port)) as client:
            own_port = client.getsockname()[1]
            server = accept(listener)
            client.sendall(b"x")
            assert server.recv(1) == b"x"
            reset(server)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
        client = connect((HOST, port))
        with accept(listener) as server:
            client.sendall(b"x")
            assert server.recv(1) == b"x"
            reset(client)
            with pytest.raises(ConnectionResetError):
                server.recv(1)
        wait_for_all(proxy, f"127.0.0.1:{own_port}: read 127.0.0.1:{upstream}: ")


@pytest.mark.thorough
def test_await_proxy_sends_clients_away_if_there_is_no_server(loop: str) -> None:
    with refusing_port() as upstream, proxy_to(upstream, loop) as (proxy, port):
        with connect((HOST, port)) as client, pytest.raises(ConnectionResetError):
            client.recv(1)
        wait_for_all(proxy, f": connect 127.0.0.1:{upstream}: ")


@pytest.mark.thorough
def test_await_proxy_reads_no_faster_than_the_other_side_takes(loop: str) -> None:
    with (
        plain_listener() as (listener, upstream),
        proxy_to(upstream, loop) as (proxy, port),
        connect((HOST, port)) as client,
        accept(listener) as server,
    ):
        sent = send_until_stuck(client, proxy)
        # What the proxy holds is little; the rest are the system's own buffers.
        assert sent < MUCH
        with connect((HOST, port)) as other, accept(listener) as its_server:
            other.sendall(b"hello")
            assert its_server.recv(5) == b"hello"
        client.shutdown(socket.SHUT_WR)
        received = 0
        while piece := server.recv(1 << 20):
            received += len(piece)
        assert received == sent


def send_until_stuck(
    connection: socket.socket, program: Program, data: bytes = bytes(1 << 16)
) -> int:
    """Send until nothing more is taken, though a program has done all that it can."""
    sent, before = 0, -1
    connection.setblocking(False)
    while before < sent < MUCH:
        before = sent
        with contextlib.suppress(BlockingIOError):
            while sent < MUCH:
                sent += connection.send(data)
        program.wait_until_idle()
    connection.settimeout(PATIENCE)
    return sent


# -- mixing ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def mixing(*arguments: str) -> Iterator[tuple[Program, int, int]]:
    """Yield the program, and its ports: for those who speak, and for those who listen."""
    with example("await_mixing", "--port", "0", "--listeners-port", "0", *arguments) as program:
        speak = int(program.wait_for_line(r"^Speak at 127\.0\.0\.1:(\d+)$")[1])
        listen = int(program.wait_for_line(r"^Listen at 127\.0\.0\.1:(\d+)$")[1])
        yield program, speak, listen
        program.interrupt()
        assert program.wait() == 130
        assert_content(program)


def test_in_await_mixing_all_who_listen_hear_all_who_speak() -> None:
    with mixing() as (program, speak, listen), netcat(HOST, listen) as one:
        program.wait_for_line("Somebody listens.")
        with connect((HOST, listen)) as two:
            program.wait_for_line("Somebody listens.")
            with connect((HOST, speak)) as ann, connect((HOST, speak)) as bob:
                ann.sendall("grüße\nhal".encode())
                assert receive_exactly(two, 8) == "grüße\n".encode()
                bob.sendall(b"yes\n")
                assert receive_exactly(two, 4) == b"yes\n"
                ann.sendall(b"f\n")
                assert receive_exactly(two, 5) == b"half\n"
        with connect((HOST, speak)) as cy:
            cy.sendall(b"one\ntwo\n")
        one.read_until("two\n")
        assert one.output == "grüße\nyes\nhalf\none\ntwo\n"


@pytest.mark.thorough
def test_await_mixing_is_ended_by_ctrl_c_though_people_are_there() -> None:
    with contextlib.ExitStack() as stack:
        with mixing() as (program, speak, listen):
            speaker = stack.enter_context(connect((HOST, speak)))
            listener = stack.enter_context(connect((HOST, listen)))
            program.wait_for_line("Somebody listens.")
            speaker.sendall(b"hello\n")
            assert receive_exactly(listener, 6) == b"hello\n"
        assert speaker.recv(1) == b""
        assert listener.recv(1) == b""


@pytest.mark.thorough
def test_in_await_mixing_those_who_speak_wait_for_those_who_listen() -> None:
    with mixing() as (program, speak, listen), deaf_to(listen) as listener:
        program.wait_for_line("Somebody listens.")
        with connect((HOST, speak)) as first, connect((HOST, speak)) as second:
            expected = 0
            for speaker in (first, second):
                sent = send_until_stuck(speaker, program, LONG_LINE)
                assert sent < MUCH
                speaker.shutdown(socket.SHUT_WR)
                expected += sent + (sent % len(LONG_LINE) > 0)  # half a line becomes a line
            received = 0
            while received < expected:
                received += len(listener.recv(1 << 20))
            assert received == expected


@pytest.mark.thorough
def test_await_mixing_sends_away_who_holds_up_the_others() -> None:
    with mixing("--patience", str(50 * MS)) as (program, speak, listen), deaf_to(listen) as deaf:
        program.wait_for_line("Somebody listens.")
        with connect((HOST, speak)) as speaker, connect((HOST, listen)) as listener:
            program.wait_for_line("Somebody listens.")
            sent = 0
            while "Somebody does not listen." not in program.transcript:
                assert sent < MUCH
                speaker.sendall(LONG_LINE * 10)
                sent += 10 * len(LONG_LINE)
                assert receive_exactly(listener, 10 * len(LONG_LINE)) == LONG_LINE * 10
            assert len(receive_all(deaf)) < sent


LONG_LINE = b"x" * 19_999 + b"\n"


# -- all of them -----------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name", ["await_chat", "await_echo", "await_mixing", "await_pool", "await_proxy"]
)
def test_help_says_what_a_program_with_await_does(name: str) -> None:
    with example(name, "--help") as program:
        assert program.wait() == 0
    description = inspect.getdoc(importlib.import_module(name))
    assert description
    assert description in program.output


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["await_chat", "await_echo", "await_mixing", "await_proxy"])
def test_a_server_with_await_says_that_its_port_is_in_use(name: str) -> None:
    with plain_listener() as (_, port), example(name, "--port", str(port)) as program:
        assert program.wait() == 1
        assert "Address already in use" in program.output
        assert program.output.count("\n") == 1
