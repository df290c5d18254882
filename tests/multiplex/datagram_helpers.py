"""What the tests of the datagram endpoint have in common: a protocol that notes, and peers.

Peers are sockets of the standard library, so that nothing in a test depends on the code under test
twice. The tests run under the fault injector, too: so they dispatch until something has come about.
"""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from multiplex.noting import NotingProtocol
from multiplex.transport_helpers import run_until, settle
from support.peers import LOOPBACK, has_ipv6
from support.timing import PATIENCE

from trunkline import DatagramEndpoint, EventBase, open_datagrams

NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")

FAMILIES = pytest.mark.parametrize(
    "family", [socket.AF_INET, pytest.param(socket.AF_INET6, marks=NEEDS_IPV6)]
)

CALLBACKS = (
    "connection_made",
    "datagram_received",
    "datagrams_received",
    "truncated_received",
    "error_received",
    "pause_writing",
    "resume_writing",
    "timed_out",
    "connection_lost",
)


class Noting(NotingProtocol):
    """The same for an endpoint; of each call, all arguments are noted."""

    CALLBACKS = CALLBACKS
    endpoint: DatagramEndpoint

    def _noted(self, name: str, args: tuple[Any, ...]) -> Any:
        if name == "connection_made":
            self.endpoint = args[0]
        return args

    def got(self, name: str) -> list[Any]:
        """The first arguments of all calls of one callback."""
        return [args[0] if args else None for called, args in self.calls if called == name]

    @property
    def data(self) -> list[bytes]:
        """The datagrams that were delivered, however."""
        found = []
        for name, args in self.calls:
            if name == "datagram_received":
                found.append(args[0])
            elif name == "datagrams_received":
                found += [each.data for each in args[0]]
        return found

    @property
    def errors(self) -> list[Any]:
        """The errors of datagrams that were told."""
        return self.got("error_received")

    @property
    def loss(self) -> Any:
        """What the one `connection_lost` was called with."""
        return self.last[0]


@contextlib.contextmanager
def opened(base: EventBase, protocol: Any, **options: Any) -> Iterator[DatagramEndpoint]:
    """Yield an endpoint, by default one that is bound to the loopback interface."""
    if not {"local_host", "remote_host", "local_filename", "remote_filename"} & options.keys():
        options["local_host"] = "127.0.0.1"
    endpoint = open_datagrams(base, protocol, **options)
    try:
        yield endpoint
    finally:
        endpoint.abort()
        if not base.closed:
            settle(base)


@contextlib.contextmanager
def peer_of(
    endpoint: DatagramEndpoint | None = None, family: socket.AddressFamily = socket.AF_INET
) -> Iterator[socket.socket]:
    """Yield a socket of the standard library's that is bound, and connected to an endpoint."""
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.bind((LOOPBACK[family], 0))
        peer.settimeout(PATIENCE)
        if endpoint is not None:
            peer.connect(address_of(endpoint))
        yield peer


@contextlib.contextmanager
def local_peer(path: Path, to: DatagramEndpoint | None = None) -> Iterator[socket.socket]:
    """Yield a local socket of the standard library's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
        peer.bind(str(path))
        peer.settimeout(PATIENCE)
        if to is not None:
            peer.connect(str(to.local_name))
        yield peer


def address_of(endpoint: DatagramEndpoint) -> tuple[str, int]:
    """Return the name of an endpoint as the standard library has it."""
    host, port = endpoint.local_name
    return str(host), port


def send(peer: socket.socket, *datagrams: bytes) -> None:
    """Send datagrams, whatever injected faults say first."""
    for data in datagrams:
        while True:
            with contextlib.suppress(BlockingIOError):
                peer.send(data)
                break


def receive(base: EventBase, peer: socket.socket, count: int = 1) -> list[bytes]:
    """Receive so many datagrams while the event base is dispatching."""
    found: list[bytes] = []
    peer.setblocking(False)

    def has_come() -> bool:
        with contextlib.suppress(BlockingIOError):
            while len(found) < count:
                found.append(peer.recv(200_000))
        return len(found) == count

    run_until(base, has_come, f"{count} datagrams")
    peer.settimeout(PATIENCE)
    return found
