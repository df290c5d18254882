"""What certificates say, against Python's own reading of those that it has looked at."""

import ssl
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.certificates import Certificates

from trunkline.tls.certificate_facts import CertificateFacts, certificate_facts

BUNDLE = ssl.get_default_verify_paths().openssl_cafile
SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
}


def value(tag: int, *parts: bytes) -> bytes:
    """Return a value of ASN.1."""
    content = b"".join(parts)
    size = len(content)
    return bytes((tag, size) if size < 128 else (tag, 0x81, size)) + content


def attribute(oid: str, tag: int, text: bytes) -> bytes:
    """Return a part of a name."""
    return value(0x31, value(0x30, value(6, bytes.fromhex(oid)), value(tag, text)))


ALT_NAMES = value(
    0x30,
    value(0x82, b"example.org"),
    value(0x87, bytes([192, 0, 2, 1])),
    value(0x87, IPv6Address("2001:db8::1").packed),
    value(0x81, b"somebody@example.org"),
)
EXTENSIONS = value(
    0x30,
    value(0x30, value(6, bytes.fromhex("551d13")), value(4, b"")),
    value(0x30, value(6, bytes.fromhex("551d11")), value(1, b"\xff"), value(4, ALT_NAMES)),
)
SMALL = value(
    0x30,
    value(
        0x30,
        value(0xA0, value(2, b"\2")),  # the version
        value(2, b"\1"),
        value(0x30),  # how it is signed
        value(
            0x30,
            attribute("550403", 0x1E, "übe".encode("utf-16-be")),
            attribute("55040a", 0x0C, "E, süß".encode()),
            attribute("550404", 0x0C, b"which is not told"),
        ),
        value(0x30, value(0x17, b"491231235959Z"), value(0x18, b"20500101000000Z")),
        value(0x30),  # nobody
        value(0x30),  # the key
        value(0xA3, EXTENSIONS),
    ),
)


def test_a_certificate_in_full() -> None:
    assert certificate_facts(SMALL) == CertificateFacts(
        subject="nobody",
        issuer="CN=übe, O=E, süß",
        not_before="2049-12-31 23:59:59 UTC",
        not_after="2050-01-01 00:00:00 UTC",
        names=("example.org", "192.0.2.1", "2001:db8::1"),
    )


def test_a_server(certificates: Certificates) -> None:
    pem = Path(certificates.server.certificate).read_text()
    first = pem[: pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    facts = certificate_facts(ssl.PEM_cert_to_DER_cert(first))
    assert "localhost" in facts.names
    assert "127.0.0.1" in facts.names
    assert facts.issuer.startswith("O=")


@pytest.mark.skipif(not Path(BUNDLE).exists(), reason="there are no authorities here")
def test_all_authorities_of_this_machine() -> None:
    context = ssl.create_default_context(cafile=BUNDLE)
    read = zip(context.get_ca_certs(), context.get_ca_certs(binary_form=True), strict=True)
    for told, certificate in read:
        facts = certificate_facts(certificate)
        subject: Any = told["subject"]
        assert facts.subject == ", ".join(
            f"{SHORT[key]}={value}" for part in subject for key, value in part if key in SHORT
        )
        year = str(told["notAfter"]).split()[3]
        assert facts.not_after.startswith(year)


@given(st.binary(max_size=60))
def test_what_is_no_certificate_is_told(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):  # whatever it is that is wrong
        certificate_facts(data)


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 255))
def test_one_that_was_changed_is_read_or_told(at: int, byte: int) -> None:
    changed = SMALL[:at] + bytes([byte]) + SMALL[at + 1 :]
    try:
        facts = certificate_facts(changed)
    except ValueError:
        return
    assert isinstance(facts, CertificateFacts)
