"""The errors of TLS: what they tell, and that all of it can be handed on."""

import copy
import pickle
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from support.certificates import Certificates

from trunkline import (
    TLS,
    Endpoint,
    NotTLS,
    SocketError,
    TLSCertificateError,
    TLSError,
    TLSMismatch,
    TLSTruncated,
    ensure_address,
)
from trunkline.tls.errors import from_ssl_error
from trunkline.tls.machine import Machine


def fail(client: Machine, server: Machine) -> tuple[TLSError | None, TLSError | None]:
    """Shake hands as far as it goes; return what each side has to say then."""
    errors: dict[Machine, TLSError] = {}

    def take(other: Machine, data: memoryview) -> int:
        other.feed(bytes(data))
        return len(data)

    for _ in range(5):
        for one, other in ((client, server), (server, client)):
            try:
                one.read(1)
            except TLSError as error:
                errors[one] = error
            while one.output_size:
                one.send_output(lambda data, other=other: take(other, data))
    return errors.get(client), errors.get(server)


def between(client: TLS, server: TLS, name: str = "localhost") -> Any:
    return fail(
        Machine(client.context(server_side=False), server_side=False, server_name=name),
        Machine(server.context(server_side=True), server_side=True),
    )


def no_common_version(certificates: Certificates) -> Any:
    old = certificates.client_context("1.2")
    new = certificates.server_context("1.3")
    return fail(
        Machine(old, server_side=False, server_name="localhost"), Machine(new, server_side=True)
    )


def no_common_cipher(certificates: Certificates) -> Any:
    client, server = certificates.client_context("1.2"), certificates.server_context("1.2")
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    server.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    return fail(
        Machine(client, server_side=False, server_name="localhost"),
        Machine(server, server_side=True),
    )


def no_client_certificate(certificates: Certificates) -> Any:
    server = certificates.server.tls(
        client_certificate="required", authorities=certificates.authority.certificate
    )
    return between(certificates.client_tls, server)


# Each with the classes on either side, and the alert that the other side hears.
FAILURES: dict[str, tuple[Callable[[Certificates], Any], type, type, str]] = {
    "a stranger": (
        lambda the: between(the.stranger.client_tls(), the.server_tls),
        TLSCertificateError,
        TLSError,
        "unknown_ca",
    ),
    "another name": (
        lambda the: between(the.client_tls, the.server_tls, "elsewhere.example"),
        TLSCertificateError,
        TLSError,
        "bad_certificate",
    ),
    "expired": (
        lambda the: between(the.client_tls, the.expired.tls()),
        TLSCertificateError,
        TLSError,
        "certificate_expired",
    ),
    "no client's certificate": (
        no_client_certificate,
        TLSError,
        TLSCertificateError,
        "certificate_required",
    ),
    "no common version": (no_common_version, TLSMismatch, TLSMismatch, "protocol_version"),
    "no common cipher": (no_common_cipher, TLSMismatch, TLSMismatch, "handshake_failure"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_each_end_is_told_and_can_hand_it_on(certificates: Certificates, failure: str) -> None:
    provoke, of_client, of_server, alert = FAILURES[failure]
    client, server = provoke(certificates)
    assert (type(client), type(server)) == (of_client, of_server)
    assert alert in (client.alert, server.alert)
    assert None in (client.alert, server.alert)
    for error in (client, server):
        assert error.operation in ("handshake", "read")
        assert isinstance(error, SocketError)
        assert isinstance(error, ssl.SSLError)
        assert_it_survives(error)


def assert_it_survives(error: Any) -> None:
    error.address = Endpoint(ensure_address("192.0.2.1"), 443)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert (twin.args, vars(twin), str(twin)) == (error.args, vars(error), str(error))


def test_what_was_wrong_with_a_certificate_is_handed_on_too(certificates: Certificates) -> None:
    error, _ = between(certificates.client_tls, certificates.server_tls, "elsewhere.example")
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.failed, twin.server_name) == ("name", "elsewhere.example")
    assert twin.verify_code == error.verify_code != 0
    assert twin.verify_message == error.verify_message != ""
    error, _ = between(certificates.client_tls, certificates.expired.tls())
    assert error.failed == "chain"
    assert "expired" in str(error)


def test_what_a_peer_speaks_is_handed_on_too(certificates: Certificates) -> None:
    server = Machine(certificates.server_tls.context(server_side=True), server_side=True)
    server.feed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with pytest.raises(NotTLS, match="speaks HTTP") as caught:
        server.advance()
    assert_it_survives(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).speaks == "HTTP"


def test_so_is_a_cut(certificates: Certificates) -> None:
    server = Machine(certificates.server_tls.context(server_side=True), server_side=True)
    server.feed_eof()
    with pytest.raises(TLSTruncated) as caught:
        server.advance()
    assert_it_survives(caught.value)


# RFC 8446, section 6, and what older versions have besides.
ALERTS = {
    *("access_denied", "bad_certificate", "bad_certificate_hash_value", "bad_record_mac"),
    *("bad_certificate_status_response", "certificate_expired", "certificate_required"),
    *("certificate_revoked", "certificate_unknown", "certificate_unobtainable", "decode_error"),
    *("decompression_failure", "decrypt_error", "decryption_failed", "export_restriction"),
    *("handshake_failure", "illegal_parameter", "inappropriate_fallback", "internal_error"),
    *("insufficient_security", "missing_extension", "no_application_protocol", "no_certificate"),
    *("no_renegotiation", "protocol_version", "record_overflow", "unexpected_message"),
    *("unknown_ca", "unknown_psk_identity", "unrecognized_name", "unsupported_certificate"),
    *("unsupported_extension", "user_cancelled"),
}


# What OpenSSL calls the alerts of a peer; see its sslerr.h.
OPENSSL_S_REASONS = """
    SSLV3_ALERT_BAD_CERTIFICATE SSLV3_ALERT_BAD_RECORD_MAC SSLV3_ALERT_CERTIFICATE_EXPIRED
    SSLV3_ALERT_CERTIFICATE_REVOKED SSLV3_ALERT_CERTIFICATE_UNKNOWN
    SSLV3_ALERT_DECOMPRESSION_FAILURE SSLV3_ALERT_HANDSHAKE_FAILURE SSLV3_ALERT_ILLEGAL_PARAMETER
    SSLV3_ALERT_NO_CERTIFICATE SSLV3_ALERT_UNEXPECTED_MESSAGE SSLV3_ALERT_UNSUPPORTED_CERTIFICATE
    TLSV1_ALERT_ACCESS_DENIED TLSV1_ALERT_DECODE_ERROR TLSV1_ALERT_DECRYPTION_FAILED
    TLSV1_ALERT_DECRYPT_ERROR TLSV1_ALERT_EXPORT_RESTRICTION TLSV1_ALERT_INAPPROPRIATE_FALLBACK
    TLSV1_ALERT_INSUFFICIENT_SECURITY TLSV1_ALERT_INTERNAL_ERROR TLSV1_ALERT_NO_RENEGOTIATION
    TLSV1_ALERT_PROTOCOL_VERSION TLSV1_ALERT_RECORD_OVERFLOW TLSV1_ALERT_UNKNOWN_CA
    TLSV1_ALERT_USER_CANCELLED TLSV1_BAD_CERTIFICATE_HASH_VALUE
    TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE TLSV1_CERTIFICATE_UNOBTAINABLE TLSV1_UNRECOGNIZED_NAME
    TLSV1_UNSUPPORTED_EXTENSION TLSV13_ALERT_CERTIFICATE_REQUIRED TLSV13_ALERT_MISSING_EXTENSION
""".split()  # noqa: SIM905 - one could not read it otherwise


@pytest.mark.parametrize("reason", OPENSSL_S_REASONS)
def test_alerts_have_the_names_of_the_standard(reason: str) -> None:
    assert alert_of(reason) in ALERTS


def alert_of(reason: str) -> str | None:
    error = ssl.SSLError(1, "it failed")
    error.reason = reason
    return from_ssl_error(error, "read", server_name=None).alert
