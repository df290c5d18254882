"""What the tests of transports with TLS have in common: the other end, by Python's own `ssl`.

It has no socket that Python would wait for: what it says and hears goes through the test, which can
cut it in pieces, drop it, and dispatch in between.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

from multiplex.transport_helpers import Recorder, run_until
from support.certificates import Certificates
from support.peers import socket_pair
from support.timing import PATIENCE

from trunkline import TLS, EventBase, Transport, adopt, make_socket_from_fd

ROLES = ["client", "server"]
VERSIONS = ["1.2", "1.3"]


class Peer:
    """The other end.

    Args:
        base: What dispatches while the peer waits.
        sock: Its end of the connection.
        context: How it speaks.
        server_side: Whether it is the server.

    Attributes:
        received: The plaintext that it has received.
        has_ended: Whether our end has said that it sends no more.
        is_cut: Whether no more ciphertext will come.
        piece: How many bytes it sends at a time; None for as many as there are.
        reads: Whether it takes what comes.
    """

    def __init__(
        self,
        base: EventBase,
        sock: socket.socket,
        context: ssl.SSLContext,
        *,
        server_side: bool,
    ) -> None:
        self.base = base
        self.socket = sock
        sock.setblocking(False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(
            self.incoming,
            self.outgoing,
            server_side=server_side,
            server_hostname=None if server_side else "localhost",
        )
        self.unsent = b""
        self.received = bytearray()
        self.has_ended = self.is_cut = False
        self.piece: int | None = None
        self.reads = True

    def pump(self) -> None:
        """Send and receive what goes, and let our end do something."""
        self.unsent += self.outgoing.read()
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent[: self.piece]) :]
                if self.piece is not None:
                    break
        if self.reads and not self.is_cut:
            with contextlib.suppress(BlockingIOError, ConnectionResetError):
                data = self.socket.recv(65_536)
                self.incoming.write(data)
                if not data:
                    self.is_cut = True
                    self.incoming.write_eof()
        self.base.dispatch(timeout=0)

    def send_plainly(self, data: bytes) -> None:
        """Send bytes as they are, at once."""
        while data:
            with contextlib.suppress(BlockingIOError):
                data = data[self.socket.send(data) :]

    def receive_plainly(self, size: int) -> bytes:
        """Go on until so many bytes have come, and return them as they are."""
        received = bytearray()
        deadline = time.monotonic() + PATIENCE
        while len(received) < size:
            assert time.monotonic() < deadline, f"only {len(received)} bytes came"
            self.base.dispatch(timeout=0)
            with contextlib.suppress(BlockingIOError):
                received += self.socket.recv(size - len(received))
        return bytes(received)

    def until(self, is_done: Callable[[], object], what: str = "it") -> None:
        """Go on until something has come about."""
        deadline = time.monotonic() + PATIENCE
        while not is_done():
            assert time.monotonic() < deadline, f"{what} has not happened"
            self.pump()

    def shake_hands(self) -> None:
        """Do that, or raise what is wrong."""
        self.until(self._is_established, "the handshake")

    def _is_established(self) -> bool:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.object.do_handshake()
            return True
        return False

    def write(self, data: bytes) -> None:
        """Have something sent, as far as it goes at once."""
        self.object.write(data)
        self.pump()

    def end(self) -> None:
        """Say that it sends no more."""
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLError):
            self.object.unwrap()
        self.pump()

    def read(self) -> bytes:
        """Take in what has come, and return all that was received so far."""
        try:
            while data := self.object.read(65_536):
                self.received += data
            self.has_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.has_ended = True
        return bytes(self.received)

    def read_exactly(self, size: int) -> bytes:
        """Go on until so much was received in all, and return that."""
        self.until(lambda: len(self.read()) >= size, f"{size} bytes")
        return bytes(self.received)

    def read_to_end(self) -> bytes:
        """Go on until our end has said that it sends no more; return all that was received."""
        self.until(lambda: self.read() is not None and self.has_ended, "the end")
        return bytes(self.received)

    def flush(self) -> None:
        """Go on until all has been sent."""
        self.pump()
        self.until(lambda: not self.unsent, "sending")


def spoken(certificates: Certificates, role: str, **attributes: Any) -> TLS:
    """Return what our end speaks."""
    if role == "server":
        return certificates.server.tls(**attributes)
    return certificates.authority.client_tls(**attributes)


def context_of(certificates: Certificates, role: str, version: str) -> ssl.SSLContext:
    """Return what Python's end speaks, if ours has a role."""
    if role == "client":
        return certificates.server_context(version)
    return certificates.client_context(version)


@contextlib.contextmanager
def beginning(
    base: EventBase,
    protocol: Any,
    certificates: Certificates,
    role: str = "server",
    version: str = "1.3",
    *,
    tls: Any = None,
    context: ssl.SSLContext | None = None,
    **options: Any,
) -> Iterator[tuple[Transport, Peer]]:
    """Yield a transport that shakes hands, and its peer."""
    with socket_pair(socket.AF_INET) as (near, far):
        transport = adopt(
            base,
            protocol,
            make_socket_from_fd(near.detach(), dup=False),
            tls=tls or spoken(certificates, role),
            server_side=role == "server",
            server_name=None if role == "server" else "localhost",
            **options,
        )
        peer_context = context or context_of(certificates, role, version)
        peer = Peer(base, far, peer_context, server_side=role == "client")
        try:
            yield transport, peer
        finally:
            transport.abort()
            far.close()
            if not base.closed:
                run_until(base, lambda: not base._lingering)
                base.dispatch(timeout=0)


@contextlib.contextmanager
def speaking(
    base: EventBase,
    protocol: Recorder,
    certificates: Certificates,
    role: str = "server",
    version: str = "1.3",
    **options: Any,
) -> Iterator[tuple[Transport, Peer]]:
    """Yield a transport that has shaken hands, and its peer."""
    with beginning(base, protocol, certificates, role, version, **options) as (transport, peer):
        peer.shake_hands()
        peer.until(lambda: "connection_made" in protocol.names, "our handshake")
        yield transport, peer
