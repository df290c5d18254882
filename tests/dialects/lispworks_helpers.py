"""What the tests of the LispWorks dialect have in common: servers that end with their block."""

import contextlib
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

from support.peers import connect
from support.timing import PATIENCE

from trunkline import ActiveSocket, PassiveSocket
from trunkline.dialects.lispworks import (
    ServerProcess,
    get_socket_address,
    server_terminate,
    start_up_server,
)

HOST = "127.0.0.1"


class Announced:
    """An announce function that keeps what it is called with."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[PassiveSocket | None, BaseException | None]] = SimpleQueue()

    def __call__(self, socket: PassiveSocket | None, condition: BaseException | None) -> None:
        """Keep a call."""
        self._calls.put((socket, condition))

    def next(self) -> tuple[PassiveSocket | None, BaseException | None]:
        """Wait for the next call."""
        return self._calls.get(timeout=PATIENCE)

    def next_socket(self) -> PassiveSocket:
        """Wait for the next call, which has to be one with a socket."""
        socket, condition = self.next()
        assert socket is not None
        assert condition is None
        return socket

    @property
    def is_empty(self) -> bool:
        """Whether there was no other call."""
        return self._calls.empty()


def greet(handle: ActiveSocket) -> None:
    """Say hello, and close."""
    with handle:
        handle.write("hello\n")


@contextlib.contextmanager
def started(
    function: Callable[[ActiveSocket], object] | None = greet, **arguments: Any
) -> Iterator[ServerProcess]:
    """Yield a server that listens at the loopback address, unless told otherwise."""
    if not {"address", "local_address"} & arguments.keys():
        arguments["address"] = HOST
    process, condition = start_up_server(
        function=function, **{"wait": True, "error": True, **arguments}
    )
    assert condition is None
    assert process is not None
    try:
        yield process
    finally:
        server_terminate(process)
        process.join(PATIENCE)
        assert not process.is_alive


def port_of(process: ServerProcess) -> int:
    """Return the port that a server listens at."""
    assert process.socket is not None
    return get_socket_address(process.socket).port


def visit(process: ServerProcess) -> bytes:
    """Connect, and return what comes until the server ends the connection."""
    assert process.socket is not None
    host, port = get_socket_address(process.socket)
    with connect((HOST if host.is_unspecified else str(host), port)) as client:
        return b"".join(iter(lambda: client.recv(1024), b""))
