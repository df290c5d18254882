"""What the tests of sockets with TLS have in common: connections of ours with us, and Python."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from sockets.helpers import Call
from support.certificates import Certificates
from support.peers import socket_pair
from support.timing import PATIENCE

from trunkline import TLS, ActiveSocket, make_socket, make_socket_from_fd
from trunkline.tls.machine import MOST_PLAINTEXT

ROLES = ["client", "server"]
VERSIONS = ["1.2", "1.3"]


def spoken(certificates: Certificates, role: str, **attributes: Any) -> TLS:
    """Return what one of our ends speaks."""
    if role == "server":
        return certificates.server.tls(**attributes)
    return certificates.authority.client_tls(**attributes)


@contextlib.contextmanager
def ours_and_pythons(
    certificates: Certificates,
    role: str,
    version: str = "1.3",
    family: socket.AddressFamily = socket.AF_INET,
    **options: Any,
) -> Iterator[tuple[ActiveSocket, ssl.SSLSocket]]:
    """Yield an end of ours in a role, and Python's at the other end, which speaks one version."""
    with socket_pair(family) as (mine, theirs):
        ours = make_socket_from_fd(mine.detach(), dup=False, timeout=PATIENCE, **options)
        if role == "client":
            context = certificates.server_context(version)
        else:
            context = certificates.client_context(version)
        peer = context.wrap_socket(
            theirs,
            server_side=role == "client",
            server_hostname=None if role == "client" else "localhost",
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        with ours, peer:
            with Call(peer.do_handshake):
                ours.start_tls(
                    spoken(certificates, role),
                    server_side=role == "server",
                    server_name="localhost" if role == "client" else None,
                )
            yield ours, peer


@contextlib.contextmanager
def two_of_ours(
    certificates: Certificates, version: str = "1.3", **options: Any
) -> Iterator[tuple[ActiveSocket, ActiveSocket]]:
    """Yield a client and a server, which has not begun its handshake when it was accepted."""
    server_tls: Any = certificates.server_context(version)
    with make_socket(
        connect="passive", local_host="127.0.0.1", tls=server_tls, timeout=PATIENCE, **options
    ) as listener:

        def accept() -> ActiveSocket:
            server = listener.accept()
            server.handshake()
            return server

        with Call(accept) as accepting:
            client = make_socket(
                "localhost",
                listener.local_port,
                address_family="ipv4",
                tls=certificates.client_tls,
                timeout=PATIENCE,
                **options,
            )
            server = accepting.result()
    with client, server:
        yield client, server


def receive_all(peer: ssl.SSLSocket) -> bytes:
    """Receive until the other end says that it has no more."""
    return b"".join(iter(lambda: peer.recv(65536), b""))


def receive_exactly(peer: ssl.SSLSocket, size: int) -> bytes:
    """Receive so many bytes."""
    data = b""
    while len(data) < size:
        more = peer.recv(size - len(data))
        assert more, "the end came too early"
        data += more
    return data


def fill(channel: Any) -> None:
    """Have as much wait to be sent as nothing is read with, as by what a peer makes TLS answer."""
    while channel.send(bytes(MOST_PLAINTEXT)):
        pass
    while not channel.machine.is_stuck:
        channel.machine.write(bytes(MOST_PLAINTEXT))
