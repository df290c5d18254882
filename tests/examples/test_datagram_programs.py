"""The programs about datagrams at work: with each other, and with programs that others wrote."""

import contextlib
import re
import socket
from collections.abc import Iterator

import pytest
from support.peers import LOOPBACK
from support.processes import Program, example
from support.programs import require
from support.timing import PATIENCE

HOST = LOOPBACK[socket.AF_INET]
TIME = r"\d+/\d+/\d{4} \d+:\d+:\d+\n"
RECEIVING = r"^Receiving at: 0\.0\.0\.0:(\d+)$"
NOBODY = "The server's machine says that nobody is there.\n"


@contextlib.contextmanager
def receiving(name: str) -> Iterator[tuple[Program, int]]:
    """Yield a server program, and its port; it has to end by Ctrl-C and well."""
    with example(name, "--port", "0") as server:
        yield server, int(server.wait_for_line(RECEIVING)[1])
        server.interrupt()
        assert server.wait() == 130, server.transcript


def client_of(name: str, port: int) -> Program:
    return example(name, "--host", HOST, "--port", str(port))


@contextlib.contextmanager
def peer() -> Iterator[tuple[socket.socket, int]]:
    """Yield a plain socket to play a server with, and its port."""
    with socket.socket(type=socket.SOCK_DGRAM) as played:
        played.bind((HOST, 0))
        played.settimeout(PATIENCE)
        yield played, played.getsockname()[1]


@pytest.fixture
def nobody() -> int:
    """A port that nobody has."""
    with peer() as (_, port):
        return port


@pytest.fixture(params=["nc", "socat"])
def foreign(request: pytest.FixtureRequest) -> list[str]:
    """The beginning of a command that sends its input as datagrams, and prints the answers."""
    program = require(request.param)
    return {"nc": [program, "-u"], "socat": [program, "-"]}[request.param]


def foreign_client(command: list[str], port: int) -> Program:
    to = [HOST, str(port)] if "-u" in command else [f"UDP4:{HOST}:{port}"]
    return Program([*command, *to])


# -- daytime ---------------------------------------------------------------------------------------


def test_a_client_learns_the_time() -> None:
    with receiving("ex10_server") as (server, port):
        with client_of("ex10_client", port) as client:
            assert client.wait() == 0
        first = re.match(rf"My questions go from {HOST}:(\d+) to {HOST}:{port}\.\n", client.output)
        assert first, client.transcript
        assert re.fullmatch(TIME, client.output[first.end() :])
        server.read_until(rf"Told {HOST}:{first[1]} the time\.\n")


def test_others_learn_the_time(foreign: list[str]) -> None:
    with (
        receiving("ex10_server") as (_, port),
        foreign_client(foreign, port) as client,
    ):
        for _ in range(2):
            client.send("what time is it?\n")
            client.read_until(TIME)


def test_a_client_that_is_gone_ends_nothing() -> None:
    with receiving("ex10_server") as (server, port):
        with peer() as (gone, _):
            gone.sendto(b"", (HOST, port))
        server.read_until("Told ")
        with client_of("ex10_client", port) as client:
            assert client.wait() == 0


def test_a_question_is_asked_again() -> None:
    with peer() as (server, port), client_of("ex10_client", port) as client:
        assert server.recv(9) == b""
        client.read_until(r"No answer in 0\.5 seconds\.\n")
        _, sender = server.recvfrom(9)
        server.sendto(b"noon\n", sender)
        client.read_until("noon\n")
        assert client.wait() == 0


@pytest.mark.slow
def test_a_silent_server_is_given_up() -> None:
    with peer() as (_, port), client_of("ex10_client", port) as client:
        client.read_until(r"No answer in 2\.0 seconds\.\n")
        assert client.wait() == 1
        assert client.output.endswith("The server does not answer.\n")


@pytest.mark.parametrize("name", ["ex10_client", "ex11_client"])
def test_nobody_is_there(name: str, nobody: int) -> None:
    with client_of(name, nobody) as client:
        if name == "ex11_client":
            client.send("anybody?\n")
        assert client.wait() == 1
        assert client.output.endswith(NOBODY)


@pytest.mark.parametrize("name", ["ex10_server", "ex11_server"])
def test_a_port_in_use_is_told(name: str) -> None:
    with peer() as (_, port), example(name, "--port", str(port)) as server:
        assert server.wait() == 1
        told = f"bind 0.0.0.0:{port}: Address already in use [EADDRINUSE]\n"
        assert server.output == told


# -- echo ------------------------------------------------------------------------------------------


def test_lines_come_back() -> None:
    with (
        receiving("ex11_server") as (server, port),
        client_of("ex11_client", port) as client,
    ):
        for line in ("one", "", "zwölf ☎", "x" * 60_000):
            client.send(f"{line}\n")
            client.read_until(f"{line}\n")
            server.read_until(r"Sent back 1\.\n")
        client.close_stdin()
        assert client.wait() == 0


def test_others_get_their_echo(foreign: list[str]) -> None:
    with (
        receiving("ex11_server") as (_, port),
        foreign_client(foreign, port) as client,
    ):
        for line in ("one\n", "two\n"):
            client.send(line)
            client.read_until(line)


def test_many_are_sent_back_at_once() -> None:
    with receiving("ex11_server") as (server, port), peer() as (client, _):
        client.connect((HOST, port))
        sent = [b"%d" % number for number in range(100)]
        for data in sent:
            client.send(data)
        # Loopback loses nothing and changes no order, while there is room.
        assert [client.recv(9) for _ in sent] == sent
        counts: list[int] = []
        while sum(counts) < len(sent):
            counts.append(int(server.read_until(r"Sent back (\d+)\.\n")[1]))
        assert sum(counts) == len(sent)


def test_what_is_lost_is_sent_again_and_what_comes_late_is_told_apart() -> None:
    with peer() as (server, port), client_of("ex11_client", port) as client:
        client.send("one\n")
        data, sender = server.recvfrom(99)
        again = server.recv(99)
        assert data == again == b"1 one"
        client.read_until(r"No echo in 0\.5 seconds\.\n")
        server.sendto(data, sender)
        client.read_until("one\n")
        client.send("two\n")
        assert server.recv(99) == b"2 two"
        server.sendto(again, sender)  # this is the second echo of the first line
        server.sendto(b"2 two", sender)
        client.read_until(r"This came late, or twice\.\ntwo\n")
        client.close_stdin()
        assert client.wait() == 0


# -- discovery -------------------------------------------------------------------------------------


def group_of(port: int, *arguments: str) -> Program:
    return example("ex13_discovery", "--port", str(port), *arguments)


@contextlib.contextmanager
def offering(port: int, what: str) -> Iterator[Program]:
    with group_of(port, "offer", what) as program:
        program.read_until(rf"Waiting for questions to 239\.255\.77\.77:{port}\.\n")
        yield program
        program.interrupt()
        assert program.wait() == 130, program.transcript


def test_all_offers_are_found(nobody: int) -> None:
    with offering(nobody, "daytime:9999"), offering(nobody, "écho:7"):
        with group_of(nobody, "find") as finder:
            assert finder.wait() == 0
        lines = sorted(finder.output.splitlines())
        assert [line.partition(" ")[0] for line in lines] == ["daytime:9999", "écho:7"]
        assert all(re.search(r" is offered at [0-9.]+\.$", line) for line in lines)


def test_nothing_is_found_where_nothing_is(nobody: int) -> None:
    with group_of(nobody, "find") as finder:
        assert finder.wait() == 0
    assert finder.output == ""


def test_anything_else_that_is_sent_to_the_group_is_nothing(nobody: int) -> None:
    with offering(nobody, "daytime:9999") as program, peer() as (stranger, _):
        loopback = socket.inet_aton(HOST)
        stranger.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        for data in (b"garbage", b"who is there?"):
            stranger.sendto(data, ("239.255.77.77", nobody))
        assert stranger.recv(99) == b"daytime:9999"
        program.read_until("Told ")
