"""The certificate with which servers of TLS are measured: it is made for each run, by OpenSSL.

Its key is on an elliptic curve (P-256), as most are. Nobody verifies it: what is measured is what a
handshake costs the server.
"""

import ssl
import subprocess
from collections.abc import Sequence

from bench.build import BUILD

CERTIFICATE = BUILD / "certificate.pem"
"""The file with the certificate and its key."""


def make_certificate() -> None:
    """Make a new one.

    Raises:
        FileNotFoundError: There is no program of OpenSSL's.
    """
    CERTIFICATE.parent.mkdir(parents=True, exist_ok=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command = ["openssl", "req", "-x509", *key, "-subj", "/CN=localhost", "-keyout", "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    CERTIFICATE.write_bytes(done.stdout)


def server_context(arguments: Sequence[str]) -> ssl.SSLContext | None:
    """Return Python's context for a server, or None if its command line names no certificate."""
    if not arguments:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(arguments[0])
    return context
