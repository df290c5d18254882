"""The errors of TLS, which are `SocketError`s and `ssl.SSLError`s at once.

They stand here, and not in `trunkline.errors`, because Python's `ssl` loads a large library, which
only those need who use TLS.

OpenSSL's numbers for errors are not the system's: `errno` is EPROTO in all of these, and OpenSSL's
own names for what has happened are `library` and `reason`.
"""

import errno as _errno
import ssl
from typing import Literal

from ..errors import SocketError, _sentence

__all__ = (
    "NotTLS",
    "TLSCertificateError",
    "TLSError",
    "TLSMismatch",
    "TLSTruncated",
    "from_ssl_error",
)


class TLSError(SocketError, ssl.SSLError):
    """TLS failed, in the handshake or later; a subclass says how, where that matters to anybody.

    Args:
        strerror: What has happened, for people.
        operation: What was tried, in one word, like ``"handshake"``.
        address: The peer.
        library: The part of OpenSSL that has complained; "" if none has.
        reason: OpenSSL's name for what was wrong, like ``"BAD_SIGNATURE"``; "" if it has none.
        alert: The name of the alert by which the peer has ended the connection, as RFC 8446 calls
            it, like ``"unknown_ca"``; None if it was not the peer.
    """

    _ends_connection = True
    library: str = ""
    reason: str = ""
    alert: str | None = None

    def __init__(
        self,
        errno: int | None = None,
        strerror: str | None = None,
        *,
        operation: str | None = None,
        address: object = None,
        library: str = "",
        reason: str = "",
        alert: str | None = None,
    ) -> None:
        super().__init__(
            _errno.EPROTO if errno is None else errno,
            strerror or self._reason or "TLS failed",
            operation=operation,
            address=address,
        )
        if library:
            self.library = library
        if reason:
            self.reason = reason
        if alert is not None:
            self.alert = alert

    def __str__(self) -> str:
        told = f"{self.strerror} [{self.reason}]" if self.reason else str(self.strerror)
        return _sentence(self.operation, self.address, told)


class TLSCertificateError(TLSError, ssl.SSLCertVerificationError):
    """The peer's certificate does not prove that it is who it shall be; or there is none.

    Attributes:
        verify_code: OpenSSL's number of what is wrong, see x509(7) and ``X509_V_ERR_…``; 0 where
            the peer has shown no certificate.
        verify_message: OpenSSL's text for it.
        server_name: Whom the certificate should have been of; None for a client's.
    """

    verify_code: int = 0
    verify_message: str = ""
    server_name: str | None = None

    @property
    def failed(self) -> Literal["name", "chain"]:
        """What has failed: ``"name"`` if it is somebody else's, ``"chain"`` if nobody vouches."""
        return "name" if self.verify_code in _NAME_MISMATCHES else "chain"


# X509_V_ERR_HOSTNAME_MISMATCH, …_EMAIL_MISMATCH and …_IP_ADDRESS_MISMATCH, of openssl/x509_vfy.h.
_NAME_MISMATCHES = frozenset({62, 63, 64})


class TLSMismatch(TLSError):
    """The two ends have nothing in common: no version of TLS, no cipher, no protocol for ALPN.

    Either end may have found out, see `alert`. A peer may say ``"handshake_failure"`` too when it
    lacks a client's certificate, in TLS 1.2.
    """


class NotTLS(TLSError):
    """What came is not TLS at all.

    Attributes:
        speaks: What it looks like, like ``"HTTP"``; None if nobody knows.
    """

    speaks: str | None = None


class TLSTruncated(TLSError, ssl.SSLEOFError):
    """The connection has ended, and the peer has not said that it would.

    It is no end of file: somebody may have cut off the rest, who could not have read or changed it.
    """

    _reason = "the connection was cut off, without the end that TLS has for it"


_MISMATCHES = frozenset(
    {
        "NO_APPLICATION_PROTOCOL",
        "NO_CIPHERS_AVAILABLE",
        "NO_PROTOCOLS_AVAILABLE",
        "NO_SHARED_CIPHER",
        "NO_SHARED_GROUPS",
        "NO_SUITABLE_GROUPS",
        "NO_SUITABLE_KEY_SHARE",
        "NO_SUITABLE_SIGNATURE_ALGORITHM",
        "UNSUPPORTED_PROTOCOL",
        "VERSION_TOO_LOW",
        "WRONG_SSL_VERSION",
        "WRONG_VERSION_NUMBER",
    }
)
_MISMATCH_ALERTS = frozenset(
    {"handshake_failure", "insufficient_security", "no_application_protocol", "protocol_version"}
)
_NO_CERTIFICATE = "PEER_DID_NOT_RETURN_A_CERTIFICATE"

# OpenSSL's names for a peer's alerts that do not have the word in them.
_ALERTS = {
    "TLSV1_BAD_CERTIFICATE_HASH_VALUE": "bad_certificate_hash_value",
    "TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE": "bad_certificate_status_response",
    "TLSV1_CERTIFICATE_UNOBTAINABLE": "certificate_unobtainable",
    "TLSV1_UNRECOGNIZED_NAME": "unrecognized_name",
    "TLSV1_UNSUPPORTED_EXTENSION": "unsupported_extension",
}


# Those of which Python's errors do not tell: it has no name for them.
_UNTOLD_ALERTS = {115: "unknown_psk_identity", 120: "no_application_protocol"}


def from_ssl_error(
    error: ssl.SSLError,
    operation: str,
    *,
    server_name: str | None,
    first_alert: int | None = None,
) -> TLSError:
    """Return our error for one of Python's.

    Args:
        error: Python's.
        operation: What was tried.
        server_name: Whom the peer's certificate should be of.
        first_alert: The number of the alert that the peer has begun with, if it has.
    """
    reason = getattr(error, "reason", None) or ""
    library = getattr(error, "library", None) or ""
    alert = _alert_in(reason) if reason or first_alert is None else _UNTOLD_ALERTS.get(first_alert)
    kind: type[TLSError] = TLSError
    told = reason.replace("_", " ").lower() or str(error.strerror)
    if isinstance(error, ssl.SSLCertVerificationError) or reason == _NO_CERTIFICATE:
        return _certificate_error(error, operation, library, reason, server_name)
    if alert is not None:
        told = f"the peer has ended the connection: {alert.replace('_', ' ')}"
    if reason in _MISMATCHES or alert in _MISMATCH_ALERTS:
        kind = TLSMismatch
    return kind(strerror=told, operation=operation, library=library, reason=reason, alert=alert)


def _alert_in(reason: str) -> str | None:
    _, found, alert = reason.partition("_ALERT_")
    return alert.lower() if found else _ALERTS.get(reason)


def _certificate_error(
    error: ssl.SSLError, operation: str, library: str, reason: str, server_name: str | None
) -> TLSCertificateError:
    code = getattr(error, "verify_code", 0)
    message = getattr(error, "verify_message", "")
    told = message if code else "the peer has no certificate"
    made = TLSCertificateError(
        strerror=f"the peer's certificate was refused: {told}" if code else told,
        operation=operation,
        library=library,
        reason=reason,
    )
    made.verify_code, made.verify_message, made.server_name = code, message, server_name
    return made
