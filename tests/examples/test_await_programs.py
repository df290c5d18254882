"""The programs with await, in processes of their own, and with plain peers."""

import contextlib
import importlib
import inspect
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


# -- all of them -----------------------------------------------------------------------------------


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["await_echo"])
def test_help_says_what_a_program_with_await_does(name: str) -> None:
    with example(name, "--help") as program:
        assert program.wait() == 0
    description = inspect.getdoc(importlib.import_module(name))
    assert description
    assert description in program.output


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["await_echo"])
def test_a_server_with_await_says_that_its_port_is_in_use(name: str) -> None:
    with plain_listener() as (_, port), example(name, "--port", str(port)) as program:
        assert program.wait() == 1
        assert "Address already in use" in program.output
        assert program.output.count("\n") == 1
