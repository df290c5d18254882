"""Peers that Trunkline did not write: netcat and the standard library's blocking sockets.

Everything binds to port 0 of the loopback interface and is gone when its ``with`` block ends.
"""

import contextlib
import secrets
import select
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Self

from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}

ELSEWHERE = "127.0.0.33"
"""An address at which no test listens.

A server's port, which the system has chosen, may be another test's at the usual address.
"""

Address = tuple[str, int]


def has_ipv6() -> bool:
    """Say whether this machine's loopback interface has an IPv6 address; containers may have none.

    For `pytest.mark.skipif`.
    """
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind((LOOPBACK[socket.AF_INET6], 0))
        return True
    return False


class PeerServer:
    """A server that gives each connection a thread, in which it calls `handle` with the socket.

    The socket is closed when `handle` returns. What it raises fails the test. When the ``with``
    block ends, connections that were made before are served to their end if the other side has
    ended them; those that are still open are shut down. All threads are waited for.

    Args:
        handle: Called with each connection.
        family: AF_INET or AF_INET6.

    Attributes:
        address: Host and port to connect to.
    """

    address: Address

    def __init__(
        self,
        handle: Callable[[socket.socket], None],
        family: socket.AddressFamily = socket.AF_INET,
    ) -> None:
        self._handle = handle
        self._family = family
        self._served: list[tuple[socket.socket, threading.Thread]] = []
        self._ending = False

    def __enter__(self) -> Self:
        self._listener = socket.create_server((LOOPBACK[self._family], 0), family=self._family)
        self.address = self._listener.getsockname()[:2]
        self._stop, self._stopped = socket.socketpair()
        self._accepting = threading.Thread(target=self._accept, name="peer accepting")
        self._accepting.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.close()
        self._accepting.join(PATIENCE)
        self._stopped.close()
        self._listener.close()
        for connection, thread in self._served:
            if _was_ended(connection):
                thread.join(PATIENCE)
        self._ending = True
        for connection, _ in self._served:
            with contextlib.suppress(OSError):  # It is closed, or the other side is gone.
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in self._served:
            thread.join(PATIENCE)

    def _accept(self) -> None:
        """Accept what comes, and at the end what has come."""
        self._listener.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            is_over = False
            while not is_over:
                is_over = any(key.fileobj is self._stopped for key, _ in selector.select())
                with contextlib.suppress(BlockingIOError):
                    while True:
                        self._begin(self._listener.accept()[0])

    def _begin(self, connection: socket.socket) -> None:
        connection.setblocking(True)
        serving = threading.Thread(target=self._serve, args=(connection,), name="peer")
        self._served.append((connection, serving))
        serving.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._handle(connection)
            except OSError:
                if not self._ending:  # Otherwise we have pulled the connection from under it.
                    raise


def _was_ended(connection: socket.socket) -> bool:
    """Say whether the other side has ended a connection, so that who serves it comes to its end."""
    poll = select.poll()
    try:
        poll.register(connection, getattr(select, "POLLRDHUP", 0))
    except ValueError:  # it is closed
        return True
    return bool(poll.poll(0))


def echo_server(family: socket.AddressFamily = socket.AF_INET) -> PeerServer:
    """Return a server that sends back what it receives, until the client has no more."""
    return PeerServer(echo, family)


def echo(connection: socket.socket) -> None:
    """Send back all bytes of a connection; a client that breaks it off has had enough."""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            connection.sendall(data)


def connect(address: Address) -> socket.socket:
    """Connect a blocking socket, whose operations fail rather than hang."""
    return socket.create_connection(address, timeout=PATIENCE)


def exchange(address: Address, data: bytes) -> bytes:
    """Connect, send all data and the end of it, and return all that comes back meanwhile.

    A server that has answered may end before it has taken everything.
    """

    def send() -> None:
        with contextlib.suppress(OSError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

    with connect(address) as connection:
        sending = threading.Thread(target=send, name="peer sending")
        sending.start()
        try:
            return receive_all(connection)
        finally:
            sending.join(PATIENCE)


def receive_all(connection: socket.socket) -> bytes:
    """Receive until the other side has no more."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def receive_exactly(connection: socket.socket, size: int) -> bytes:
    """Receive as many bytes, however they are cut, and fewer only if the other side has no more.

    With a time limit the socket does not block, and the system's own MSG_WAITALL does not wait.
    """
    received = bytearray()
    while len(received) < size and (data := connection.recv(size - len(received))):
        received += data
    return bytes(received)


def reset(connection: socket.socket) -> None:
    """Close a TCP connection so that the peer gets a reset, as from a process that was killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def socket_pair(
    family: socket.AddressFamily = socket.AF_UNIX,
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield two connected stream sockets; internet families are TCP, which can be reset."""
    if family == socket.AF_UNIX:
        left, right = socket.socketpair()
    else:
        with socket.create_server((LOOPBACK[family], 0), family=family) as listener:
            left = connect(listener.getsockname()[:2])
            right, _ = listener.accept()
    with left, right:
        left.settimeout(PATIENCE)
        right.settimeout(PATIENCE)
        yield left, right


@contextlib.contextmanager
def refusing_port(family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """Yield a port that refuses connections, for as long as the block lasts.

    A socket is bound to it and does not listen, so that nobody else can take it.
    """
    with socket.socket(family) as bound:
        bound.bind((LOOPBACK[family], 0))
        yield bound.getsockname()[1]


def unused_port(
    family: socket.AddressFamily = socket.AF_INET, kind: int = socket.SOCK_STREAM
) -> int:
    """Return a port that nobody uses, nor is given by a system that chooses one, as on Linux.

    Only another test that wants such a port may take it. It is for a program that must be told its
    port, and for datagrams that nobody is to take. Otherwise bind to port 0, or use
    `refusing_port`.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with contextlib.suppress(OSError), socket.socket(family, kind) as probe:
            probe.bind((LOOPBACK[family], port))
            return port


@contextlib.contextmanager
def netcat(host: str, port: int, stdin: str | None = None) -> Iterator[Program]:
    """Yield an `nc` that connects; the end of its input ends its half of the connection.

    Args:
        host: Where to connect.
        port: Where to connect.
        stdin: All that it is to send; None to type it later.
    """
    with Program([require("nc"), "-N", host, str(port)]) as program:
        if stdin is not None:
            program.send(stdin)
            program.close_stdin()
        yield program
