"""The HTTP/0.9 server as a process, and what its clients send and get."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.peers import connect, receive_all, reset
from support.processes import Program, example
from support.tutorial import HOST, frozen


@contextmanager
def http_server(root: str | Path, *options: str) -> Iterator[tuple[Program, int]]:
    """Yield the server program for a directory, and its port."""
    server = example("http09_server", "--port", "0", *options, str(root), separate_errors=True)
    with server:
        found = server.wait_for_line(r"^> Started server on port (\d+)$")
        yield server, int(found[1])


def end(server: Program, port: int) -> list[str]:
    """End the server as with Ctrl-C; return the lines that it has printed, but for the first.

    A client that is gone at once, of whom nothing is printed, wakes it up: see `interrupt`.
    """
    server.interrupt()
    with contextlib.suppress(ConnectionError):
        reset(connect((HOST, port)))
    assert (server.wait(), server.errors) == (130, "")
    first, *lines = server.output.splitlines(keepends=True)
    assert first == f"> Started server on port {port}\n"
    return lines


def ask(port: int, request: bytes) -> bytes:
    """Send a request, without ending our half of the connection, and return the answer."""
    with connect((HOST, port)) as client:
        client.sendall(request)
        return receive_all(client)


def ask_in_time(server: Program, port: int, request: bytes) -> bytes:
    """Do the same where the server gives us little time: the request is there when it looks."""
    with contextlib.ExitStack() as stack:
        with frozen(server):
            client = stack.enter_context(connect((HOST, port)))
            client.sendall(request)
        return receive_all(client)
