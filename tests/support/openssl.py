"""OpenSSL's programs at the other end."""

from support.certificates import Certificates
from support.processes import Program
from support.programs import require

__all__ = ("s_client", "s_server", "version_option")


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


def version_option(version: str) -> str:
    """Return what asks either program for a version, like ``"1.3"``."""
    return f"-tls{version.replace('.', '_')}"
