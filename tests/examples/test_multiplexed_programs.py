"""The multiplexed programs at work: what is typed, what is on the wire, and what comes back.

Where it matters who is faster, one side is frozen meanwhile, or a test plays it. So the outputs are
known as a whole.
"""

import contextlib
import hashlib
import importlib
import io
import os
import queue
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import demo
import pytest
from support.multiplexed import (
    END_OF_FILE,
    LINES,
    accepted,
    assert_said,
    assert_threads_said,
    closing,
    conversation,
    echoed,
    farewells,
    gone,
    got,
    remarks,
    returned,
    wire,
)
from support.peers import connect, echo_server, exchange, netcat, receive_all, receive_exactly
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE
from support.tutorial import (
    HOST,
    MULTIPLEXED_SERVERS,
    accept,
    assert_interleaved,
    client_of,
    frozen,
    greeting,
    head,
    listening,
    masked,
    peer_port_of,
    plain_listener,
    port_of,
)

LINE_SERVERS = ["ex6_server", "ex7_server"]
on_each_backend = pytest.mark.usefixtures("backend")


# -- a client program and a server program ---------------------------------------------------------


@on_each_backend
@pytest.mark.parametrize("server_name", ["ex5_server", "ex6_server"])
@pytest.mark.thorough
def test_ex5a_client_loses_what_is_in_flight_when_its_input_ends(server_name: str) -> None:
    last = "this one comes back too late"
    with listening(server_name) as (server, port), client_of(port, "ex5a_client") as client:
        own_port = type_all(client, server, server_name, LINES)
        with frozen(server):
            client.send(f"{last}\n")
            client.close_stdin()
            assert client.wait() == 0
        end_of_input, _, at_the_end = remarks("ex5a_client", port)
        echoes = "".join(f"{line}\n" for line in LINES)
        expected = greeting("ex5a_client", port, own_port) + echoes + end_of_input + at_the_end
        assert client.output == expected
        assert_has_conversed(server, server_name, port, own_port, last)


@on_each_backend
@pytest.mark.parametrize("server_name", ["ex5_server", *MULTIPLEXED_SERVERS])
@pytest.mark.thorough
def test_ex5b_client_loses_nothing_when_its_input_ends(server_name: str) -> None:
    last = "this one comes back late"
    with listening(server_name) as (server, port), client_of(port, "ex5b_client") as client:
        own_port = type_all(client, server, server_name, LINES)
        with frozen(server):
            client.send(f"{last}\n")
            client.close_stdin()
            client.wait_for_line("^Disconnecting socket")
        assert client.wait() == 0
        end_of_input, end_of_output, at_the_end = remarks("ex5b_client", port)
        echoes = "".join(f"{line}\n" for line in LINES)
        before, after = greeting("ex5b_client", port, own_port) + echoes, end_of_output + at_the_end
        assert client.output == before + end_of_input + f"{last}\n" + after
        assert_has_conversed(server, server_name, port, own_port, last)


def type_all(client: Program, server: Program, server_name: str, lines: list[str]) -> int:
    """Type lines into a client, each when the server has answered the last; return its port."""
    own_port = int(client.read_until(r"at 127\.0\.0\.1:(\d+)!\n")[1])
    for line in lines:
        client.send(f"{line}\n")
        if server_name == "ex5_server":
            answer = f"Wrote line to {HOST}:{own_port}: {line}\n"
        else:
            answer = returned(server_name, own_port, line)
        server.read_until(re.escape(answer))
    return own_port


def assert_has_conversed(server: Program, name: str, port: int, own_port: int, last: str) -> None:
    """End a server, and check what it has said of a client that said all lines and a last one."""
    pieces = conversation(name, own_port, LINES, last)
    if name == "ex5_server":
        assert_threads_said(server, port, pieces)
    else:
        assert_said(server, name, port, pieces)


@on_each_backend
@pytest.mark.parametrize("server_name", MULTIPLEXED_SERVERS)
def test_ex4_client_has_its_lines_echoed(server_name: str) -> None:
    with listening(server_name) as (server, port), client_of(port, "ex4_client") as client:
        own_port = int(client.read_until(r"at 127\.0\.0\.1:(\d+)!\n")[1])
        for line in LINES:
            client.send(f"{line}\n")
            client.read_until(re.escape(f"{line}\n"))
        client.close_stdin()
        assert client.wait() == 0
        end = "Got end-of-file. Server closed connection on read!\nClient Exited.\n"
        echoes = "".join(f"{line}\n" for line in LINES)
        assert client.output == greeting("ex4_client", port, own_port) + echoes + end
        said = [*accepted(server_name, own_port), *echoed(server_name, own_port, LINES)]
        end = gone(server_name, own_port, END_OF_FILE)
        assert_said(server, server_name, port, [*said, end, closing(own_port)])


@on_each_backend
@pytest.mark.parametrize("client_name", ["ex4_client", "ex5a_client", "ex5b_client"])
@pytest.mark.thorough
def test_quit_ends_a_connection_to_the_second_echo_server(client_name: str) -> None:
    with listening("ex6_server") as (server, port), client_of(port, client_name) as client:
        own_port = type_all(client, server, "ex6_server", ["Quit", "quit"])
        lines = echoed("ex6_server", own_port, ["Quit", "quit"])
        quitting = ["Client requested quit!\n", closing(own_port)]
        with connect((HOST, port)) as other:  # Once it is served, the connection is closed.
            server.read_until(re.escape(accepted("ex6_server", port_of(other))[-1]))
            # The client may wait for the user now: then it sees that the server has closed after a
            # line or two more, and perhaps by not being able to write the second one.
            client.send("one more\n")
            client.read_until("Quit\nquit\n")
            with contextlib.suppress(BrokenPipeError):
                client.send("two more\n")
            assert client.wait() == 0
            start = greeting(client_name, port, own_port) + "Quit\nquit\n"
            assert client.output in {start + end for end in server_closed(client_name, port)}
            said = [*accepted("ex6_server", own_port), *lines, *quitting]
            said += accepted("ex6_server", port_of(other))
            assert_said(server, "ex6_server", port, said, port_of(other))


def server_closed(client_name: str, port: int) -> list[str]:
    """Return what a client may say that finds out in its own way that the server has closed."""
    if client_name == "ex4_client":
        end = "Got end-of-file. Server closed connection on read!\nClient Exited.\n"
        return [end]
    _, on_read, at_the_end = remarks(client_name, port)
    on_write = on_read.replace("read: ", "write: ").replace("on read", "on write")
    return [on_read + at_the_end, on_write + at_the_end]


@pytest.mark.parametrize("server_name", ["ex7_server", "ex8_server"])
def test_quit_is_a_line_like_others_to_the_other_servers(server_name: str) -> None:
    with listening(server_name) as (server, port), connect((HOST, port)) as client:
        for line in ("quit", "still there"):
            client.sendall(wire(line))
            assert receive_exactly(client, len(wire(line))) == wire(line)
        own_port = port_of(client)
        said = [
            *accepted(server_name, own_port),
            *echoed(server_name, own_port, ["quit", "still there"]),
        ]
        assert_said(server, server_name, port, said, own_port)


# -- batches ---------------------------------------------------------------------------------------


@on_each_backend
@pytest.mark.parametrize("server_name", ["ex5_server", *MULTIPLEXED_SERVERS])
@pytest.mark.thorough
def test_ex5b_client_gets_a_whole_batch_back(server_name: str) -> None:
    batch = LINES * 5
    with listening(server_name) as (server, port), client_of(port, "ex5b_client") as client:
        with contextlib.ExitStack() as stack:
            typing = threading.Thread(target=read_until_closed, args=(server,))
            typing.start()
            stack.callback(typing.join, PATIENCE)
            client.send("".join(f"{line}\n" for line in batch) + "no newline at the end")
            client.close_stdin()
            assert client.wait() == 0
        own_port = int(re.findall(r":(\d+)!", client.output)[0])
        end_of_input, end_of_output, at_the_end = remarks("ex5b_client", port)
        echoes = [f"{line}\n" for line in [*batch, "no newline at the end"]]
        start = greeting("ex5b_client", port, own_port)
        assert client.output.startswith(start)
        assert client.output.endswith(end_of_output + at_the_end)
        assert_interleaved(client.output, [start, end_of_input, end_of_output, at_the_end], echoes)


def read_until_closed(server: Program) -> None:
    """Read what a server prints, which would stop otherwise, until its client is gone."""
    server.read_until("Closing connection to .*\n")


def batch_comes_back(server_name: str, count: int, tmp_path: Path, timeout: float) -> None:
    """Stream a batch of lines through a server and back, and compare them by their SHA-256."""
    batch, output = tmp_path / "batch", tmp_path / "output"
    with batch.open("w", encoding="utf-8") as file:
        file.writelines(
            f"{number} линия 電話 {number * 7919 % 10_007}\n" for number in range(count)
        )
    # What the server prints goes through a file as well: only its start is needed here.
    quiet = ["sh", "-c", '"$@" | { head -n 3; cat > /dev/null; }', "sh"]
    with listening(server_name, through=quiet) as (_, port):
        client = client_of(port, "ex5b_client")
        client.argv = ["sh", "-c", f'exec "$@" < {batch} > {output}', "sh", *client.argv]
        with client:
            assert client.wait(timeout) == 0
    end_of_input, end_of_output, at_the_end = remarks("ex5b_client", port)
    said = set((end_of_input + end_of_output + at_the_end).encode().splitlines(True))
    digest, others = hashlib.sha256(), []
    with output.open("rb") as file:
        for line in file:
            if line in said or line.startswith(b"Connected to server"):
                others.append(line)
            else:
                digest.update(line)
    assert digest.hexdigest() == hashlib.sha256(batch.read_bytes()).hexdigest()
    assert others[0].startswith(b"Connected to server")
    assert b"".join(others[1:]).decode() == end_of_input + end_of_output + at_the_end


@pytest.mark.slow
@pytest.mark.timeout(300)  # It takes ten seconds of a machine that has nothing else to do.
@pytest.mark.parametrize("server_name", ["ex7_server", "ex8_server"])
@pytest.mark.thorough
def test_nothing_of_a_hundred_thousand_lines_is_lost(server_name: str, tmp_path: Path) -> None:
    batch_comes_back(server_name, 100_000, tmp_path, PATIENCE * 25)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("server_name", ["ex7_server", "ex8_server"])
def test_nothing_of_a_million_lines_is_lost(server_name: str, tmp_path: Path) -> None:
    batch_comes_back(server_name, 1_000_000, tmp_path, 500)


# -- the servers, byte by byte ---------------------------------------------------------------------


@on_each_backend
@pytest.mark.needs_program("nc")
@pytest.mark.parametrize("name", LINE_SERVERS)
@pytest.mark.parametrize("count", [2, 100])
@pytest.mark.thorough
def test_lines_in_one_segment_come_back_at_once(name: str, count: int) -> None:
    lines = [f"line {number}" for number in range(count)]
    with listening(name) as (server, port), netcat(HOST, port) as nc:
        nc.send(wire(*lines).decode())
        # Netcat says nothing more, and does not end its half: the lines wait in the stream only.
        nc.read_until(re.escape(wire(*lines).decode()))
        port_of_nc = int(server.read_until(r"Accepted a client from 127\.0\.0\.1:(\d+)\n")[1])
        said = [*accepted(name, port_of_nc), *echoed_from_one_segment(name, port_of_nc, lines)]
        assert_said(server, name, port, said, port_of_nc)


def echoed_from_one_segment(name: str, port: int, lines: list[str]) -> list[str]:
    """Return what a server says of lines that are there at once.

    The third server reads the next line whenever it may, before it writes the last one.
    """
    if name == "ex6_server":
        return echoed(name, port, lines)
    reads = [got(name, port, line) for line in lines]
    writes = [returned(name, port, line) for line in lines]
    pairs = [piece for pair in zip(reads[1:], writes, strict=False) for piece in pair]
    return [reads[0], *pairs, writes[-1]]


@on_each_backend
@pytest.mark.parametrize("name", LINE_SERVERS)
def test_a_line_server_sends_each_line_back(name: str) -> None:
    cases = [
        (wire(*LINES), wire(*LINES)),
        (b"", b""),
        (b"\r\n\r\n\r\n", b"\r\n\r\n\r\n"),
        (b"one\ntwo\r\n\nthree\n", b"one\r\ntwo\r\n\r\nthree\r\n"),
        (b"one\r\ntwo", b"one\r\ntwo\r\n"),
        (b"one\r\ntwo\r", b"one\r\ntwo\r\r\n"),
        (b"quit?\r\nQUIT\r\n quit\r\nquit\0\r\n", b"quit?\r\nQUIT\r\n quit\r\nquit\0\r\n"),
        (b"quit\r\ntwo\r\n", b"quit\r\n" if name == "ex6_server" else b"quit\r\ntwo\r\n"),
        (b"x" * 65_536 + b"\r\n", b"x" * 65_536 + b"\r\n"),
    ]
    with listening(name) as (server, port):
        for sent, expected in cases:
            with read_meanwhile(server):
                assert exchange((HOST, port), sent) == expected


@contextlib.contextmanager
def read_meanwhile(server: Program) -> Iterator[None]:
    """Read what a server prints until it has closed a connection: it must not wait for us."""
    reading = threading.Thread(target=read_until_closed, args=(server,))
    reading.start()
    try:
        yield
    finally:
        reading.join(PATIENCE)


@on_each_backend
def test_ex8_server_sends_back_the_very_bytes() -> None:
    noise = random.Random(8).randbytes
    cases = [
        b"",
        b"\0",
        b"no newline",
        b"\r",
        b"\n",
        b"\n\r\r\n\n",
        b"\xff\xfe\xed\xa0\x80\xf0\x9f",
        bytes(range(256)) * 3,
        noise(16_383),
        noise(16_384),
        noise(16_385),
        noise(300_000),
    ]
    with listening("ex8_server") as (server, port):
        for data in cases:
            with read_meanwhile(server):
                assert exchange((HOST, port), data) == data


def binary_client(name: str, port: int) -> list[str]:
    """Return another's client, which ends its half of the connection when its input ends."""
    arguments = {"nc": ["-N", HOST, str(port)], "socat": ["-t10", "-", f"TCP4:{HOST}:{port}"]}
    return [require(name), *arguments[name]]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs_program(name)) for name in ("nc", "socat")]
)
def test_ex8_server_sends_a_megabyte_back_to_others(name: str) -> None:
    data = random.Random(name).randbytes(1 << 20)
    with listening("ex8_server") as (server, port), read_meanwhile(server):
        client = binary_client(name, port)
        done = subprocess.run(client, input=data, stdout=subprocess.PIPE, timeout=PATIENCE)
        assert done.returncode == 0
        assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


@on_each_backend
@pytest.mark.parametrize("name", MULTIPLEXED_SERVERS)
def test_a_server_does_not_mix_its_clients_up(name: str) -> None:
    with listening(name) as (server, port), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect((HOST, port))) for _ in range(5)]
        for turn in range(3):
            lines = [wire(f"turn {turn} of {port_of(client):05}") for client in clients]
            for client, line in zip(clients, lines, strict=True):
                client.sendall(line)
            for client, line in reversed(list(zip(clients, lines, strict=True))):
                assert receive_exactly(client, len(line)) == line
        for client in clients:
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b""
            server.read_until(re.escape(closing(port_of(client))))


# -- the clients, byte by byte ---------------------------------------------------------------------


@on_each_backend
@pytest.mark.parametrize("name", ["ex5a_client", "ex5b_client"])
def test_a_client_sends_each_line_and_shows_what_comes_back(name: str) -> None:
    with plain_listener() as (listener, port), client_of(port, name) as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            for line in LINES:
                client.send(line + "\n")
                assert receive_exactly(connection, len(wire(line))) == wire(line)
                connection.sendall(wire(line[::-1] + "?"))
            # All of it comes in time: it looks at the server before it looks at the user.
            client.send("the last\n")
            assert receive_exactly(connection, 10) == wire("the last")
            client.read_until(re.escape(f"{LINES[-1][::-1]}?\n"))
            client.close_stdin()
            assert receive_all(connection) == b""
            if name == "ex5b_client":
                connection.sendall(wire("well?") + b"half an ans")
        assert client.wait() == 0
    end_of_input, end_of_output, at_the_end = remarks(name, port)
    answers = "".join(f"{line[::-1]}?\n" for line in LINES)
    expected = greeting(name, port, own_port) + answers + end_of_input
    if name == "ex5b_client":
        expected += "well?\nhalf an ans\n" + end_of_output
    assert client.output == expected + at_the_end


@on_each_backend
@pytest.mark.parametrize("name", ["ex5a_client", "ex5b_client"])
def test_only_one_client_waits_for_answers_that_take_their_time(name: str) -> None:
    with plain_listener() as (listener, port), client_of(port, name) as client:
        client.send("one\ntwo\nthree")
        client.close_stdin()
        end_of_input, end_of_output, at_the_end = remarks(name, port)
        with accept(listener) as connection:
            # All lines and the end arrive before the first answer leaves.
            assert receive_all(connection) == wire("one", "two", "three")
            own_port = peer_port_of(connection)
            if name == "ex5a_client":
                assert client.wait() == 0
            with contextlib.suppress(ConnectionError):
                connection.sendall(wire("one", "two", "three"))
        assert client.wait() == 0
    expected = greeting(name, port, own_port) + end_of_input
    if name == "ex5b_client":
        expected += "one\ntwo\nthree\n" + end_of_output
    assert client.output == expected + at_the_end


# -- called in this process ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ex5a_client", "ex5b_client"])
def test_a_client_can_be_imported_and_called(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "одно\ndrugoe" if name == "ex5b_client" else ""
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    with echo_server() as server:
        port = server.address[1]
        getattr(importlib.import_module(name), name)(*server.address)
    output = capsys.readouterr().out
    own_port = int(re.findall(r":(\d+)!", output)[0])
    end_of_input, end_of_output, at_the_end = remarks(name, port)
    expected = [greeting(name, port, own_port), end_of_input, at_the_end]
    if name == "ex5b_client":
        expected.insert(2, end_of_output)
        assert_interleaved(output, expected, ["одно\n", "drugoe\n"])
    else:
        assert output == "".join(expected)


@pytest.mark.parametrize("name", MULTIPLEXED_SERVERS)
def test_a_server_can_be_imported_and_called(name: str) -> None:
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    received = []

    class Output(io.StringIO):
        def write(self, text: str) -> int:
            said.put(text)
            return super().write(text)

    def wait_for(pattern: str) -> re.Match[str]:
        text = ""
        while not (found := re.search(pattern, text)):
            text += said.get(timeout=PATIENCE)
        return found

    def ask() -> None:
        try:
            port = int(wait_for(r"Listening .*:(\d+)\n")[1])
            with connect((HOST, port)) as client:
                client.sendall(b"line\r\n")
                received.append((port, port_of(client), receive_exactly(client, 6)))
                wait_for(r"Wrote .*\n")
                os.kill(os.getpid(), signal.SIGINT)
                # A signal between the last look at them and the wait is seen when the wait ends.
                client.sendall(b"and wake up\r\n")
                with contextlib.suppress(ConnectionResetError):
                    assert receive_all(client) == b""
        except BaseException:
            os.kill(os.getpid(), signal.SIGINT)
            raise

    asking = threading.Thread(target=ask)
    with contextlib.redirect_stdout(Output()) as output:
        asking.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                getattr(importlib.import_module(name), name)(0)
        finally:
            asking.join(PATIENCE)
    [(port, client, line)] = received
    assert line == b"line\r\n"
    words = [*accepted(name, client), *echoed(name, client, ["line"])]
    expected = [*head(port), *words, *farewells(name, client)]
    assert masked(output.getvalue()) == "".join(expected)


# -- the demo --------------------------------------------------------------------------------------


def test_the_demo_names_its_programs_in_one_line() -> None:
    assert (demo.SERVER, demo.CLIENT) == ("ex8_server", "ex5b_client")
    text = Path(demo.__file__).read_text(encoding="utf-8")
    naming = [line for line in text.splitlines() if re.search(r"ex\d\w?_(server|client)", line)]
    assert len(naming) == 1
