"""What the tests of CLISP's functions have in common: a server, and connections to it."""

import contextlib
import os
import select
from collections.abc import Iterator
from typing import Any

from trunkline import ActiveSocket, PassiveSocket
from trunkline.dialects.clisp import (
    SocketStream,
    socket_accept,
    socket_connect,
    socket_server,
    socket_server_port,
)

LOOPBACK = "127.0.0.1"


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[PassiveSocket]:
    """Yield a server on the loopback interface."""
    with socket_server(**{"interface": LOOPBACK, **options}) as server:
        yield server


@contextlib.contextmanager
def streams(**options: Any) -> Iterator[tuple[SocketStream, SocketStream]]:
    """Yield the client's and the server's stream of a connection."""
    with serving() as server:
        client = socket_connect(socket_server_port(server), LOOPBACK, **options)
        try:
            accepted = socket_accept(server, **options)
        except BaseException:
            client.close(abort=True)
            raise
    try:
        yield client, accepted
    finally:
        client.close(abort=True)
        accepted.close(abort=True)


def fill(stream: ActiveSocket) -> None:
    """Send past the stream until there is no room, not even a moment later."""
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLOUT)
    while poll.poll(50):
        with contextlib.suppress(BlockingIOError):
            os.write(stream.fileno(), bytes(65_536))
