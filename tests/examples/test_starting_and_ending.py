"""How the programs are started, and how they end when they are told to: Ctrl-C and SIGTERM.

Whoever is connected to a server that ends has to notice at once, not when its patience runs out.
"""

import contextlib
import importlib
import inspect
import signal
import socket
import sys
from collections.abc import Iterator

import pytest
from support.multiplexed import interrupt
from support.peers import connect, receive_all, receive_exactly
from support.processes import Program, example
from support.tutorial import (
    ALL_SERVERS,
    CLIENTS,
    DESTROYING,
    HOST,
    MULTIPLEXED_CLIENTS,
    MULTIPLEXED_SERVERS,
    PROGRAMS,
    WAITING,
    accept,
    assert_interleaved,
    client_of,
    destroying,
    echoing,
    frozen,
    greeting,
    head,
    listening,
    masked,
    peer_port_of,
    plain_listener,
    port_of,
    ready,
    send_until_nothing_comes_back,
    served,
    wait_for_all,
)

pytestmark = pytest.mark.thorough

# Runs a program that lingers for longer than we have patience: it fails if it waits for that.
PATIENTLY = """
import runpy, sys
sys.argv = sys.argv[2:]
sys.path.insert(0, "examples")
from trunkline import ActiveSocket
assert ActiveSocket.close.__kwdefaults__["linger"] > 0
ActiveSocket.close.__kwdefaults__["linger"] = 1000.0
runpy.run_path(sys.argv[0], run_name="__main__")
"""
THROUGH = [sys.executable, "-c", PATIENTLY]


def last_words(name: str) -> str:
    """Return what a server says when Ctrl-C ends it and it has no clients."""
    words = {"ex4_server": DESTROYING, "ex5_server": DESTROYING, "ex6_server": "Server Exited\n"}
    words |= {"ex7_server": "Server Exited.\n", "ex8_server": "Server Exited.\n"}
    return words.get(name, "")


def farewell(name: str) -> str:
    """Return what a client says when Ctrl-C ends it."""
    words = "Client Exited.\n" if name[:3] in ("ex4", "ex5") else ""
    return "Client safely closing open socket to server.\n" * name.startswith("ex5") + words


def rest_of(connection: socket.socket) -> bytes:
    """Return what comes until the other side is gone, orderly or with a reset; it has to go."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


# -- the command line ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_says_what_the_program_does_and_takes(name: str) -> None:
    with example(name, "--help") as program:
        assert program.wait() == 0
    assert program.output.startswith(f"usage: {name}.py [-h]")
    description = inspect.getdoc(importlib.import_module(name))
    assert description
    assert description in program.output
    if name.endswith("client"):
        assert "--host HOST  the server's name or address (localhost)\n" in program.output
        assert "--port PORT  the server's port (9999)\n" in program.output
    else:
        assert "--port PORT  the port to listen at, 0 for any (9999)\n" in program.output


@pytest.mark.parametrize(
    ("name", "port"),
    [
        *((name, "x") for name in PROGRAMS),
        *((name, port) for name in ("ex3_client", "ex3_server") for port in ("-1", "65536", "")),
    ],
)
def test_a_port_that_is_none_is_a_usage_error(name: str, port: str) -> None:
    with example(name, f"--port={port}") as program:
        assert program.wait() == 2
    usage, error, rest = program.output.split("\n")
    assert usage.startswith(f"usage: {name}.py ")
    problem = f"a port is a number from 0 to 65535, not {port!r}"
    assert error == f"{name}.py: error: argument --port: {problem}"
    assert not rest


# -- Ctrl-C ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL_SERVERS)
def test_ctrl_c_ends_a_server_that_waits(name: str) -> None:
    with listening(name, separate_errors=True, through=THROUGH) as (server, port):
        wait_for_all(server, ready(name, port)[-1])
        if name in MULTIPLEXED_SERVERS:  # It is not waiting yet when it says that it listens.
            interrupt(server, port)
        else:
            server.interrupt()
        assert server.wait() == 130
    assert masked(server.output) == "".join([*ready(name, port), last_words(name)])
    assert_closed_its_socket(server)


@pytest.mark.parametrize("name", CLIENTS)
def test_ctrl_c_ends_a_client_that_waits(name: str) -> None:
    with plain_listener() as (listener, port), contextlib.ExitStack() as stack:
        client = client_of(port, name, separate_errors=True)
        client.argv = [*THROUGH, *client.argv]
        stack.enter_context(client)
        connection = stack.enter_context(accept(listener))
        own_port = peer_port_of(connection)
        client.read_until("!\n")
        if name in MULTIPLEXED_CLIENTS:  # After a line it is in its event loop for sure.
            client.send("line\n")
            assert receive_exactly(connection, 6) == b"line\r\n"
        client.interrupt()
        if name in MULTIPLEXED_CLIENTS:  # It may have been about to ask the user.
            client.close_stdin()
        assert client.wait() == 130
        assert receive_all(connection) == b""
    assert client.output == greeting(name, port, own_port) + farewell(name)
    assert_closed_its_socket(client)


def assert_closed_its_socket(program: Program) -> None:
    """Check that Python has nothing to complain of."""
    assert program.errors == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ALL_SERVERS)
def test_clients_that_were_not_accepted_yet_notice_the_end(
    name: str, number: signal.Signals
) -> None:
    with listening(name, through=THROUGH) as (server, port):
        wait_for_all(server, ready(name, port)[-1])
        with contextlib.ExitStack() as connections:
            with frozen(server):
                clients = [connections.enter_context(connect((HOST, port))) for _ in range(3)]
                server.process.send_signal(number)
            assert server.wait() == (130 if number == signal.SIGINT else -number)
            assert [rest_of(client) for client in clients] == [b""] * 3


@contextlib.contextmanager
def echo_server_at_work() -> Iterator[tuple[Program, int, list[socket.socket]]]:
    """Yield an echo server, its port, and clients: a new one, one in mid-line, one idle."""
    with (
        listening("ex5_server", through=THROUGH) as (server, port),
        contextlib.ExitStack() as connections,
    ):
        clients = [connections.enter_context(connect((HOST, port))) for _ in range(3)]
        wait_for_all(server, *(f":{port_of(client)}!\n" for client in clients), *[WAITING] * 4)
        clients[1].sendall(b"half a li")
        clients[2].sendall(b"echo\r\n")
        assert receive_exactly(clients[2], 6) == b"echo\r\n"
        wait_for_all(server, "Wrote", "echo\n", "echo\n")
        yield server, port, clients


def test_ctrl_c_ends_the_threads_of_the_echo_server_and_its_clients_notice() -> None:
    with echo_server_at_work() as (server, port, clients):
        server.interrupt()
        assert [rest_of(client) for client in clients] == [b""] * 3
        assert server.wait() == 130
        main = [*head(port), *[WAITING] * 4, DESTROYING, *[destroying("ex5_server")] * 3]
        new, halfway, idle = map(port_of, clients)
        threads = [echoing(new, []), echoing(halfway, []), echoing(idle, ["echo"])]
        assert_interleaved(masked(server.output), main, *threads)


def test_sigterm_ends_the_echo_server_and_its_clients_notice() -> None:
    with echo_server_at_work() as (server, _, clients):
        output = server.output
        server.terminate()
        assert [rest_of(client) for client in clients] == [b""] * 3
        assert server.wait() == -signal.SIGTERM
        assert server.output == output


@pytest.mark.parametrize("name", ALL_SERVERS)
def test_sigterm_ends_a_server_without_a_word(name: str) -> None:
    with listening(name) as (server, port):
        wait_for_all(server, ready(name, port)[-1])
        server.terminate()
        assert server.wait() == -signal.SIGTERM
    assert masked(server.output) == "".join(ready(name, port))


def test_ctrl_c_does_not_destroy_the_answer_of_a_talkative_client() -> None:
    # The daytime server does not read. If it just closed, what came from the client would turn the
    # close into a reset, and destroy the answer. So what the client says is taken in, for a while,
    # in the background, and the program does not end before.
    with listening("ex4_server") as (server, port):
        wait_for_all(server, WAITING)
        with frozen(server):
            client = connect((HOST, port))
            client.sendall(b"what time is it?\r\n")
        with client:
            assert receive_all(client).endswith(b"\r\n")
            own_port = port_of(client)
            wait_for_all(server, "Closing", WAITING, WAITING)
            server.interrupt()
            assert server.wait() == 130
            assert rest_of(client) == b""
        output = masked(server.output)
        main = [*head(port), WAITING, WAITING, DESTROYING]
        if destroying("ex4_server") in output:  # its thread was just about to end
            main.append(destroying("ex4_server"))
        assert_interleaved(output, main, served("ex4_server", own_port))


def test_ctrl_c_ends_a_thread_that_cannot_write() -> None:
    with (
        listening("ex5_server", through=THROUGH) as (server, port),
        connect((HOST, port)) as client,
    ):
        send_until_nothing_comes_back(server, client)
        server.interrupt()
        assert server.wait() == 130
        assert "Destroying: <Thread(process-ex5-client-thread" in server.output
        assert server.output.endswith(f"Closing connection to {HOST}:{port_of(client)}!\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_client_program_notices_with_the_next_line_that_the_server_was_ended(
    number: signal.Signals,
) -> None:
    with listening("ex5_server") as (server, port), client_of(port, "ex4_client") as client:
        client.send("one\n")
        client.read_until("one\n")
        server.process.send_signal(number)
        server.wait()
        client.send("two\n")
        assert client.wait() == 0
    end = "Got end-of-file. Server closed connection on read!\nClient Exited.\n"
    assert client.output.endswith("!\none\n" + end)
