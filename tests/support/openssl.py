"""OpenSSL's programs at the other end."""

import select
import time

from support.certificates import Certificates
from support.processes import Program
from support.programs import require
from support.timing import MS, PATIENCE
from trunkline._sys.readiness import unread_count

__all__ = ("renegotiate", "s_client", "s_server", "version_option")


def s_client(port: int, certificates: Certificates, *options: str) -> Program:
    """Return OpenSSL's client, which lets its standard input through."""
    argv = [require("openssl"), "s_client", "-connect", f"127.0.0.1:{port}"]
    trust = ["-CAfile", str(certificates.authority.certificate), "-verify_return_error"]
    return Program([*argv, *trust, "-servername", "localhost", *options])


def s_server(certificates: Certificates, port: int, *options: str) -> Program:
    """Return OpenSSL's server."""
    argv = [require("openssl"), "s_server", "-accept", f"127.0.0.1:{port}"]
    shown = ["-cert", str(certificates.server.certificate), "-key", str(certificates.server.key)]
    return Program([*argv, *shown, *options])


def renegotiate(server: Program, client: int) -> None:
    """Have OpenSSL's server, of TLS 1.2, ask for a renegotiation and send a line, ``"line"``.

    Args:
        server: The server.
        client: The descriptor of the client, which has nothing to read, and reads neither.
    """
    server.send("r\n")
    asked = _unread_beyond(client, 0)
    server.send("line\n")
    _unread_beyond(client, asked)


def _unread_beyond(number: int, most: int) -> int:
    deadline = time.monotonic() + PATIENCE
    while not (count := unread_count(number) or 0) > most:
        assert time.monotonic() < deadline, "OpenSSL has sent nothing"
        select.select([], [], [], 1 * MS)
    return count


def version_option(version: str) -> str:
    """Return what asks either program for a version, like ``"1.3"``."""
    return f"-tls{version.replace('.', '_')}"
