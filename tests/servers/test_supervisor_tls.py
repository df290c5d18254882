"""Supervisors whose workers speak TLS, and get other certificates while they run."""

import signal
from pathlib import Path

import pytest
from servers.supervised import supervised
from servers.tls_clients import secured
from support.certificates import Certificates
from support.peers import Address, connect

from trunkline.testing.certificates import IssuedCertificate

pytestmark = pytest.mark.slow

MAKE = """
from trunkline import TLS

options["tls"] = TLS(certificate=CERTIFICATE, key=KEY)
"""


def put(issued: IssuedCertificate, directory: Path) -> None:
    """Copy a certificate and its key to where a server has them."""
    for name in ("certificate", "key"):
        (directory / name).write_bytes(getattr(issued, name).read_bytes())


def certificate_at(address: Address, certificates: Certificates) -> bytes:
    """Shake hands, and return the certificate that the server has shown."""
    with secured(connect(address), certificates) as client:
        shown = client.getpeercert(binary_form=True)
        assert shown is not None
        return shown


@pytest.mark.parametrize("reuse_port", [False, True])
def test_workers_get_new_certificates(
    certificates: Certificates, tmp_path: Path, reuse_port: bool
) -> None:
    put(certificates.server, tmp_path)
    more = MAKE.replace("CERTIFICATE", repr(str(tmp_path / "certificate")))
    more = more.replace("KEY", repr(str(tmp_path / "key")))
    with supervised(more=more, reuse_port=reuse_port) as it:
        first = certificate_at(it.address, certificates)
        put(certificates.authority.issue("localhost"), tmp_path)
        it.signal(signal.SIGHUP)
        it.wait_for_workers("0:ready:1")
        second = certificate_at(it.address, certificates)
        assert second != first
        (tmp_path / "key").write_text("nothing")
        it.signal(signal.SIGHUP)
        it.program.wait_for_line("ERROR .*: the new certificates are broken, and the old ones")
        it.wait_for_workers("0:ready:2")
        assert certificate_at(it.address, certificates) == second
        it.signal(signal.SIGTERM)
        assert "replacements=2" in it.finish()
