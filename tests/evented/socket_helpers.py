"""What the tests of sockets with callbacks have in common.

Where the other end matters it is a plain blocking socket of the standard library. It need not wait
for anything: the system accepts connections, and takes a few bytes, while nobody looks.
"""

import contextlib
import select
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from support.timing import PATIENCE

from trunkline.evented import (
    AsyncSocket,
    Event,
    EventKind,
    SocketServer,
    delay,
    local_connect,
    local_server,
    tcp_connect,
    tcp_server,
)

KINDS = ("tcp", "local")


class Place:
    """Somewhere to listen, and to connect to: by TCP, or at a local address.

    Args:
        kind: ``"tcp"`` or ``"local"``.
        directory: For the files of local sockets.
    """

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.family = socket.AF_INET if kind == "tcp" else socket.AF_UNIX
        self.port = 0
        self._path = directory / "socket"

    def serve(self, *callbacks: Any, again: bool = False, **options: Any) -> SocketServer:
        """Serve there, in the current loop; at the port of the last one if it is to be again."""
        if self.kind == "local":
            return local_server(self._path, *callbacks, **options)
        server = tcp_server("127.0.0.1", self.port if again else 0, *callbacks, **options)
        self.port = server.local_name.port
        return server

    def connect(self, *callbacks: Any, **options: Any) -> Any:
        """Connect to the server that was the last one to listen, in the current loop."""
        if self.kind == "local":
            return local_connect(self._path, *callbacks, **options)
        return tcp_connect("127.0.0.1", self.port, *callbacks, **options)

    def peer(self) -> socket.socket:
        """Return a plain socket that is connected to that server."""
        peer = socket.socket(self.family)
        peer.settimeout(PATIENCE)
        try:
            peer.connect(self._address(self.port))
        except BaseException:
            peer.close()
            raise
        return peer

    @contextlib.contextmanager
    def listener(self, *, listens: bool = True) -> Iterator[socket.socket]:
        """Yield a plain socket that is bound, and listens; connections wait in its backlog."""
        with socket.socket(self.family) as listener:
            listener.bind(self._address(0))
            if listens:
                listener.listen(16)
            listener.settimeout(PATIENCE)
            if self.kind == "tcp":
                self.port = listener.getsockname()[1]
            yield listener

    def _address(self, port: int) -> Any:
        return str(self._path) if self.kind == "local" else ("127.0.0.1", port)


HELLO = b"hello"


def answer(sock: AsyncSocket, data: bytes) -> None:
    """Say the same when a client has said all of `HELLO`, and then close."""
    sock.data = (sock.data or b"") + data
    if sock.data == HELLO:
        sock.write(HELLO, write_cb=AsyncSocket.close)


Script = Generator[Callable[[], object], Any, None]
"""What a test does, as a generator: it yields conditions, and goes on when they have come about."""


def play(script: Callable[[], Script]) -> Callable[[], None]:
    """Return a function that follows a script in the current loop, step by step.

    What is yielded is called in each iteration until it returns something that is true, which is
    what the script is given.
    """

    def main() -> None:
        steps = script()
        look(steps, next(steps, None))

    def look(steps: Script, condition: Callable[[], object] | None) -> None:
        result = None if condition is None else condition()
        if result:
            try:
                condition = steps.send(result)
            except StopIteration:
                return
        if condition is not None:
            delay(lambda: look(steps, condition))

    return main


def accepted(listener: socket.socket) -> Generator[Callable[[], object], Any, socket.socket]:
    """Wait, in a script, for a plain connection, whose operations fail rather than hang."""
    yield lambda: is_readable(listener)
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    return connection


def is_readable(sock: socket.socket) -> bool:
    """Whether there is something to receive, or to accept."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def iterations(count: int = 10) -> Callable[[], object]:
    """Return a condition that takes as many iterations as what is there already may need."""
    left = iter(range(count))
    return lambda: next(left, None) is None


def exactly(peer: socket.socket, size: int) -> Generator[Callable[[], object], Any, bytes]:
    """Receive so many bytes, in a script."""
    received = bytearray()
    yield taken(peer, received, size)
    peer.settimeout(PATIENCE)
    return bytes(received)


def taken(peer: socket.socket, received: bytearray, size: int | None = None) -> Callable[[], bool]:
    """Return a condition that receives: so many bytes in all, or everything to the end.

    A reset is an end, too.
    """
    peer.setblocking(False)

    def take() -> bool:
        with contextlib.suppress(BlockingIOError):
            while size is None or len(received) < size:
                try:
                    piece = peer.recv(1 << 20)
                except ConnectionResetError:
                    return True
                if not piece:
                    return True
                received.extend(piece)
        return len(received) == size

    return take


def assert_same(received: bytes | bytearray, expected: bytes) -> None:
    """Compare many bytes: pytest would take minutes to show how they differ."""
    is_same = received == expected
    assert is_same, f"{len(received)} bytes came, and not the {len(expected)} that were sent"


class Told(list[tuple[Any, ...]]):
    """What the callbacks were told, in order; each entry begins with the callback's name.

    What is read in several pieces, one after the other, is noted as one. A method is a callback. It
    calls what `then` has for it, with the same arguments.

    Attributes:
        events: The events, as they came.
        then: What is called after a callback was noted, by its name.
    """

    def __init__(self, **then: Callable[..., object]) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.then = then

    def _note(self, name: str, *args: Any) -> None:
        if name == "read" and self.names[-1:] == ["read"] and isinstance(args[1], bytes):
            self[-1] = name, self[-1][1] + args[1]  # how bytes are cut is nobody's business
        else:
            self.append((name, *args[1:]))
        if name in self.then:
            self.then[name](*args)

    def connect(self, sock: AsyncSocket) -> None:
        self._note("connect", sock)

    def read(self, sock: AsyncSocket, data: Any) -> None:
        self._note("read", sock, data)

    def written(self, sock: AsyncSocket) -> None:
        self._note("written", sock)

    def event(self, event: Event) -> None:
        self.append(("event", event.kind))
        self.events.append(event)
        if "event" in self.then:
            self.then["event"](event)

    @property
    def names(self) -> list[str]:
        """The names of the callbacks, in order."""
        return [name for name, *_ in self]

    @property
    def data(self) -> bytes:
        """All that was read."""
        return b"".join(args[0] for name, *args in self if name == "read")

    @property
    def kinds(self) -> list[EventKind]:
        """The kinds of the events."""
        return [event.kind for event in self.events]

    def all(self) -> dict[str, Any]:
        """Return the callbacks that are keyword arguments."""
        return {"connect_cb": self.connect, "write_cb": self.written}
