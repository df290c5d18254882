"""Servers for the programs that speak HTTP/1.0, and running these."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from support.peers import LOOPBACK, PeerServer, receive_all, reset
from support.processes import Program, example

HOST = LOOPBACK[socket.AF_INET]

UNKNOWN_LENGTH = "The server did not say how long it is: who knows if this is all.\n"


@contextlib.contextmanager
def python_server(directory: Path) -> Iterator[int]:
    """Yield the port of Python's own server of a directory."""
    command = ["-u", "-m", "http.server", "--bind", HOST, "--directory", str(directory), "0"]
    with Program([sys.executable, *command]) as program:
        yield int(program.wait_for_line(r"port (\d+) ")[1])


def answering(answer: bytes, *, ends: bool = True, resets: bool = False) -> PeerServer:
    """Return a server that reads a request's header and says one thing.

    Args:
        answer: What it says.
        ends: Whether it ends its half of the connection then, or keeps it open.
        resets: Whether it throws the connection away instead.
    """

    def handle(connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        with contextlib.suppress(OSError):  # the client may have had enough
            connection.sendall(answer)
            if resets:
                reset(connection)
                return
            if ends:
                connection.shutdown(socket.SHUT_WR)
            receive_all(connection)

    return PeerServer(handle)


def transfer(program: str, page: str, file: Path, port: int) -> tuple[int, str]:
    """Run one of the three programs; return its status, and what it prints."""
    with example(program, HOST, page, str(file), str(port)) as running:
        return running.wait(), running.read_to_end()
