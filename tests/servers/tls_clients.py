"""Clients of servers that speak TLS, in Python's own."""

import contextlib
import socket
import ssl

from servers.serving import HOST, talk
from support.certificates import Certificates
from support.peers import connect

from trunkline.servers import Server


def secured(
    plain: socket.socket, certificates: Certificates, version: str = "1.3"
) -> ssl.SSLSocket:
    """Shake hands on a connection."""
    context = certificates.client_context(version)
    return context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False)


def tls_client_of(
    server: Server, certificates: Certificates, version: str = "1.3"
) -> ssl.SSLSocket:
    """Connect to a server, and shake hands."""
    return secured(connect((HOST, server.port)), certificates, version)


def ask_by_tls(server: Server, certificates: Certificates, line: str = "hello") -> str:
    """Connect to a server that echoes, and return what it says to a line."""
    with tls_client_of(server, certificates) as client:
        return talk(client, line)


def receive_to_the_word(client: ssl.SSLSocket) -> bytes:
    """Receive until the server says that it ends; anything else is an error."""
    return b"".join(iter(lambda: client.recv(65_536), b""))


def silent_clients(server: Server, count: int, undoing: contextlib.ExitStack) -> None:
    """Connect so many clients that say nothing."""
    for _ in range(count):
        undoing.enter_context(connect((HOST, server.port)))
