"""An authority that the tests believe, and certificates of its, good and bad ones."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # what takes a while to import, only those tests do that ask for it
    import ssl

    from trunkline import TLS
    from trunkline.testing.certificates import Authority, IssuedCertificate


class Certificates:
    """Those that a test may need, each made when it is first asked for.

    Args:
        directory: Where their files are written.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @cached_property
    def authority(self) -> "Authority":
        """Whom the tests' clients believe."""
        return self._new_authority()

    @cached_property
    def stranger(self) -> "Authority":
        """Whom nobody believes."""
        return self._new_authority()

    def _new_authority(self) -> "Authority":
        from trunkline.testing.certificates import Authority

        return Authority(self.directory)

    @cached_property
    def server(self) -> "IssuedCertificate":
        """A certificate of this machine."""
        return self.authority.issue()

    @cached_property
    def expired(self) -> "IssuedCertificate":
        """One that is over."""
        return self.authority.issue(expired=True)

    @cached_property
    def client(self) -> "IssuedCertificate":
        """A client's."""
        return self.authority.issue("somebody.example")

    @cached_property
    def server_tls(self) -> "TLS":
        """What a server speaks."""
        return self.server.tls()

    @cached_property
    def client_tls(self) -> "TLS":
        """What a client speaks that keeps no sessions."""
        return self.authority.client_tls(resume=False)

    def server_context(self, version: str = "1.3") -> "ssl.SSLContext":
        """Return a context of Python's for a server of one version."""
        import ssl

        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.server.certificate, self.server.key)
        return only(context, version)

    def client_context(self, version: str = "1.3") -> "ssl.SSLContext":
        """Return a context of Python's for a client of one version."""
        import ssl

        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        return only(context, version)


def only(context: "ssl.SSLContext", version: str) -> "ssl.SSLContext":
    """Have a context speak one version of TLS."""
    import ssl

    of_python = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
    context.minimum_version = context.maximum_version = of_python[version]
    return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for the tests."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
