"""Throw-away certificates, for tests of programs that speak TLS.

They need `trustme`, which comes with the extra ``testing``: ``pip install 'trunkline[testing]'``.
"""

from datetime import UTC, datetime, timedelta
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from ..tls import TLS

__all__ = ("Authority", "IssuedCertificate")

_SOME_TIME = timedelta(days=365)


class IssuedCertificate(NamedTuple):
    """A certificate and its key, in files.

    Attributes:
        certificate: The file with the certificate, and those that lead to the authority (PEM).
        key: The file with the key (PEM).
    """

    certificate: Path
    key: Path

    def tls(self, **attributes: Any) -> TLS:
        """Return a `TLS` with this certificate: a server's, or that of a client that has one."""
        return TLS(certificate=self.certificate, key=self.key, **attributes)


class Authority:
    """An authority that nobody knows but the test that has made it.

    Args:
        directory: Where its files are written, for example pytest's `tmp_path`. Names are chosen so
            that several authorities can have the same directory.

    Raises:
        ModuleNotFoundError: There is no `trustme`; the message says how to get it.
    """

    def __init__(self, directory: str | PathLike[str]) -> None:
        try:
            import trustme
        except ModuleNotFoundError as error:
            hint = "certificates take the extra testing: pip install 'trunkline[testing]'"
            raise ModuleNotFoundError(hint, name=error.name) from error

        self._directory = Path(directory)
        self._authority = trustme.CA()
        self.certificate: Path = self._new_file("authority")
        """The file with its certificate (PEM): what `TLS.authorities` takes."""
        self._authority.cert_pem.write_to_path(self.certificate)

    def issue(
        self,
        *names: str,
        expired: bool = False,
        not_yet: bool = False,
    ) -> IssuedCertificate:
        """Issue a certificate for hosts' names and addresses.

        Args:
            *names: Names, which may begin with ``"*."``, and IP addresses. Default:
                ``"localhost"``, ``"127.0.0.1"`` and ``"::1"``.
            expired: Let it have been valid a year ago.
            not_yet: Let it become valid in a year.
        """
        now = datetime.now(UTC)
        until = now + (-_SOME_TIME if expired else 2 * _SOME_TIME)
        since = now + (_SOME_TIME if not_yet else -2 * _SOME_TIME)
        issued = self._authority.issue_cert(
            *(names or ("localhost", "127.0.0.1", "::1")), not_before=since, not_after=until
        )
        certificate, key = self._new_file("certificate"), self._new_file("key")
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return IssuedCertificate(certificate, key)

    def client_tls(self, **attributes: Any) -> TLS:
        """Return a `TLS` for clients that believe this authority."""
        return TLS(authorities=self.certificate, **attributes)

    def server_tls(self, *names: str, **attributes: Any) -> TLS:
        """Return a `TLS` for a server of these names, see `issue`."""
        return self.issue(*names).tls(**attributes)

    def _new_file(self, what: str) -> Path:
        number = len(list(self._directory.glob(f"{what}-*.pem")))
        return self._directory / f"{what}-{number}.pem"
