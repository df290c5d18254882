"""The programs with await, in processes of their own, and with plain peers."""

import contextlib
from collections.abc import Iterator

from support.peers import connect, receive_all, reset
from support.processes import Program, example
from support.tutorial import HOST, receive_exactly, wait_for_all


@contextlib.contextmanager
def serving(name: str) -> Iterator[tuple[Program, int]]:
    """Yield a server program, and its port."""
    with example(name, "--port", "0") as server:
        found = server.wait_for_line(r"^Listening at 0\.0\.0\.0:(\d+)")
        yield server, int(found[1])
        assert "Traceback" not in server.output
        assert "Warning" not in server.output


def test_await_echo_sends_lines_back_and_lets_its_clients_finish() -> None:
    with serving("await_echo") as (server, port), connect((HOST, port)) as client:
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


def test_await_echo_is_ended_at_once_by_another_ctrl_c() -> None:
    with serving("await_echo") as (server, port), connect((HOST, port)) as client:
        client.sendall(b"one\n")
        assert receive_exactly(client, 4) == b"one\n"
        server.interrupt()
        client.sendall(b"two\n")
        assert receive_exactly(client, 4) == b"two\n"
        server.interrupt()
        assert receive_all(client) == b""
        assert server.wait() == 0


def test_await_echo_says_that_its_port_is_in_use() -> None:
    with serving("await_echo") as (server, port):
        with example("await_echo", "--port", str(port)) as second:
            assert second.wait() == 1
            assert second.output == "Bind: Address already in use\n"
        server.interrupt()
        assert server.wait() == 0
