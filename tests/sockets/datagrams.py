"""What the tests of datagram sockets have in common.

Everything waits, for as long as it may: a datagram on the loopback interface arrives at once, but
under faults a system call may say that it would block.
"""

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.peers import LOOPBACK, has_ipv6, unused_port
from support.timing import PATIENCE

from trunkline import (
    DatagramSocket,
    Endpoint,
    NetlinkSocket,
    Received,
    ensure_address,
    make_socket,
)
from trunkline._sys.datagram_descriptor import DatagramDescriptor

NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")

FAMILIES = pytest.mark.parametrize(
    "family", [socket.AF_INET, pytest.param(socket.AF_INET6, marks=NEEDS_IPV6)]
)


def datagrams(family: socket.AddressFamily = socket.AF_INET, **options: Any) -> DatagramSocket:
    """Return a socket that is bound to a port of the loopback interface."""
    made: Any = make_socket(type="datagram", local_host=LOOPBACK[family], **options)
    assert isinstance(made, DatagramSocket)
    return made


def connected_to(receiver: DatagramSocket, **options: Any) -> DatagramSocket:
    """Return a socket whose peer is another one."""
    host, port = receiver.local_name
    made: Any = make_socket(host, port, type="datagram", **options)
    assert isinstance(made, DatagramSocket)
    return made


def receive(
    receiver: DatagramSocket | NetlinkSocket, *arguments: Any, **options: Any
) -> Received[Any]:
    """Receive a datagram that is there or about to be."""
    received: Any = receiver.receive_from(*arguments, timeout=PATIENCE, **options)
    assert isinstance(received, Received)
    return received


@contextlib.contextmanager
def pythons(family: socket.AddressFamily = socket.AF_INET) -> Iterator[socket.socket]:
    """Yield a socket of the standard library's that is bound, and that does not wait for ever."""
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.bind((LOOPBACK[family], 0))
        peer.settimeout(PATIENCE)
        yield peer


def name_of(peer: socket.socket) -> Endpoint:
    """Return the name of a socket of the standard library's as one of ours."""
    host, port = peer.getsockname()[:2]
    return Endpoint(ensure_address(host), port)


def pythons_name(sock: DatagramSocket) -> tuple[str, int]:
    """Return the name of a socket of ours as the standard library has it."""
    return str(sock.local_host), sock.local_port


def free_name(family: socket.AddressFamily = socket.AF_INET) -> Endpoint:
    """Return a name that nobody has."""
    return Endpoint(ensure_address(LOOPBACK[family]), unused_port(family, socket.SOCK_DGRAM))


LARGE = bytes(100_000)  # more than an internet datagram can have


def receive_what_comes_late(
    receiver: DatagramSocket | NetlinkSocket,
    send: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> Received[Any]:
    """Receive `LARGE`, which is sent just when the receiver has found that nothing is there."""
    look = DatagramDescriptor.next_size

    def look_and_send(descriptor: DatagramDescriptor) -> int | None:
        monkeypatch.undo()
        size = look(descriptor)
        send(LARGE, timeout=PATIENCE)
        return size

    monkeypatch.setattr(DatagramDescriptor, "next_size", look_and_send)
    return receive(receiver)
