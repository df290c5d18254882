"""What the tests of servers have in common: servers that run for a block, and their clients."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from support.peers import connect
from support.timing import MS, PATIENCE

from trunkline import ActiveSocket, ServerConnection
from trunkline.servers import Server

HOST = "127.0.0.1"

each_way = pytest.mark.parametrize("threads", ["per_connection", "pool", "none"])
in_threads = pytest.mark.parametrize("threads", ["per_connection", "pool"])


def echo(connection: ActiveSocket) -> None:
    """Send each line back."""
    for line in connection:
        connection.write_line(line)
        connection.finish_output()


@contextlib.contextmanager
def serving(
    handler: Callable[[ServerConnection], object] = echo, **options: Any
) -> Iterator[Server]:
    """Yield a server that runs in the background, and ends in good order when the block ends."""
    if not {"host", "path", "sockets"} & set(options):
        options["host"] = HOST
    with Server(handler, **options) as server:
        server.start()
        yield server
        server.shutdown(PATIENCE)
        assert server.wait(PATIENCE)


def client_of(server: Server) -> socket.socket:
    """Connect to a server at its first port."""
    return connect((HOST, server.port))


def ask(server: Server, line: str = "hello") -> str:
    """Connect to a server that echoes, and return what it says to a line."""
    with client_of(server) as client:
        return talk(client, line)


def talk(client: socket.socket, line: str) -> str:
    """Send a line, and return the one that comes back, or what there is of it at the end."""
    client.sendall(line.encode() + b"\n")
    return receive_line(client)


def receive_line(client: socket.socket) -> str:
    """Receive up to a newline, or the end."""
    data = b""
    while not data.endswith(b"\n") and (piece := client.recv(1)):
        data += piece
    return data.decode().rstrip("\n")


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is true that no event tells of, like a server's count."""
    never = threading.Event()
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it has not come true"
        never.wait(1 * MS)


class Gate:
    """A handler that says when it begins, and goes on when it is told to.

    Attributes:
        entered: Has each connection that has come.
        left: Has how each of them ended: an exception, or None.
    """

    def __init__(self, then: Callable[[ActiveSocket], object] = echo) -> None:
        self.entered: SimpleQueue[ActiveSocket] = SimpleQueue()
        self.left: SimpleQueue[BaseException | None] = SimpleQueue()
        self._then = then
        self._tickets = threading.Semaphore(0)

    def __call__(self, connection: ActiveSocket) -> None:
        """Serve a connection."""
        self.entered.put(connection)
        assert self._tickets.acquire(timeout=PATIENCE)
        try:
            self._then(connection)
        except BaseException as error:
            self.left.put(error)
            raise
        self.left.put(None)

    def open(self, count: int = 1) -> None:
        """Let so many connections be served."""
        self._tickets.release(count)

    def next(self) -> ActiveSocket:
        """Wait for the next connection that has come."""
        return self.entered.get(timeout=PATIENCE)

    def next_end(self) -> BaseException | None:
        """Wait for the next handler to end, and return what it was left by."""
        return self.left.get(timeout=PATIENCE)


def until_it_is_over(connection: ActiveSocket) -> None:
    """Throw away what comes, and let errors of the connection through."""
    while connection.read(4096):
        pass


class Faults:
    """An exception hook that keeps what it is called with."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Exception, ActiveSocket]] = SimpleQueue()

    def __call__(self, error: Exception, connection: ActiveSocket) -> None:
        """Keep a fault."""
        self._calls.put((error, connection))

    def next(self) -> tuple[Exception, ActiveSocket]:
        """Wait for the next one."""
        return self._calls.get(timeout=PATIENCE)

    @property
    def is_empty(self) -> bool:
        """Whether there is none."""
        return self._calls.empty()


def visit(server: Server, data: bytes = b"", *, host: str = HOST) -> bytes:
    """Connect, send something, and return what comes until the server ends the connection."""
    with connect((host, server.port)) as client:
        client.sendall(data)
        return receive_to_the_end(client)


def receive_to_the_end(client: socket.socket) -> bytes:
    """Receive until the server ends the connection, be it in good order or by a reset."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while data := client.recv(65_536):
            received += data
    return received
