"""What a `TLS` takes, and what Python's contexts are like that come of it."""

import pickle
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.certificates import Certificates
from support.programs import require

from trunkline import TLS, IPv6Address, TLSError
from trunkline.tls.description import check_tls, server_name_of

make: Any = TLS


@pytest.mark.parametrize(
    ("attributes", "error", "told"),
    [
        ({"certificate": 7}, TypeError, "certificate is the path"),
        ({"certificate": b"x"}, TypeError, "certificate is the path"),
        ({"key": "k"}, ValueError, "belong to a certificate"),
        ({"password": "k"}, ValueError, "belong to a certificate"),
        ({"certificate": "c", "password": 5}, TypeError, "password is"),
        ({"authorities": 5}, TypeError, "authorities is the path"),
        ({"alpn": "h2"}, TypeError, "a tuple of names"),
        ({"alpn": [b"h2"]}, TypeError, "names of protocols"),
        ({"alpn": [""]}, ValueError, "1 to 255"),
        ({"alpn": ["x" * 256]}, ValueError, "1 to 255"),
        ({"client_certificate": "perhaps"}, ValueError, "'optional' or 'required'"),
        ({"client_certificate": "required"}, ValueError, "needs authorities"),
        ({"minimum_version": "1.1"}, ValueError, "'1.2' or '1.3'"),
        ({"server_name": ""}, ValueError, "cannot be ''"),
        ({"server_name": "-\u2028"}, ValueError, "not the name"),
        ({"verify": 0}, TypeError, "True or False"),
        ({"resume": None}, TypeError, "True or False"),
        ({"by_server_name": {"a": TLS(certificate="c")}}, ValueError, "no first one"),
        ({"certificate": "c", "by_server_name": {"a": "c"}}, TypeError, "a TLS for each"),
        ({"certificate": "c", "by_server_name": {"a": TLS()}}, ValueError, "no certificate for"),
        (
            {"certificate": "c", "by_server_name": {"a": TLS(certificate="c", alpn=["x"])}},
            ValueError,
            "alpn is the same for all",
        ),
    ],
)
def test_what_it_does_not_take(
    attributes: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        make(**attributes)


def test_it_does_not_change_and_shows_no_password() -> None:
    tls = TLS(certificate="c", password="secret")
    with pytest.raises(AttributeError):
        make.__setattr__(tls, "verify", False)
    assert "secret" not in repr(tls)


def test_it_can_be_pickled(certificates: Certificates) -> None:
    tls = certificates.server.tls(by_server_name={"a.example": certificates.client.tls()})
    tls.context(server_side=True)
    twin = pickle.loads(pickle.dumps(tls))
    assert twin.certificate == tls.certificate
    assert twin.by_server_name["a.example"].certificate == certificates.client.certificate
    assert twin.context(server_side=True) is not tls.context(server_side=True)


def test_a_client_s_context_is_safe_by_default() -> None:
    context = TLS().context(server_side=False)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert TLS(minimum_version="1.3").context(server_side=False).minimum_version == (
        ssl.TLSVersion.TLSv1_3
    )


def test_authorities_may_be_a_directory(certificates: Certificates, tmp_path: Path) -> None:
    context = TLS(authorities=tmp_path).context(server_side=False)
    assert context.get_ca_certs() == []
    one = TLS(authorities=certificates.authority.certificate).context(server_side=False)
    assert len(one.get_ca_certs()) == 1


def test_authorities_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "authorities"
    path.write_text("nothing in here")
    with pytest.raises(TLSError) as caught:
        TLS(authorities=path).context(server_side=False)
    assert (caught.value.operation, caught.value.address) == ("load", str(path))


@pytest.mark.parametrize("kind", [str, bytes, "function"])
def test_a_key_with_a_password(certificates: Certificates, tmp_path: Path, kind: Any) -> None:
    key = tmp_path / "key"
    argv = [require("openssl"), "pkey", "-in", str(certificates.server.key), "-out", str(key)]
    subprocess.run([*argv, "-aes256", "-passout", "pass:secret"], check=True, capture_output=True)
    password: Any = {str: "secret", bytes: b"secret"}.get(kind, lambda: "secret")
    given: dict[str, Any] = {"certificate": certificates.server.certificate, "key": key}
    TLS(**given, password=password).context(server_side=True)
    for wrong in ("another", None):
        with pytest.raises(TLSError, match="no usable certificate or key"):
            TLS(**given, password=wrong).context(server_side=True)


def test_what_stands_for_it(certificates: Certificates) -> None:
    context = certificates.client_context()
    assert check_tls(context, server_side=False) is context
    assert isinstance(check_tls(True, server_side=False), TLS)
    with pytest.raises(ValueError, match="a client's, and a server needs another"):
        check_tls(context, server_side=True)
    with pytest.raises(ValueError, match="a server's, and a client needs another"):
        check_tls(certificates.server_context(), server_side=False)
    for wrong in ("yes", 1, object()):
        with pytest.raises(TypeError, match="tls is a TLS"):
            check_tls(make_any(wrong), server_side=False)


def make_any(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("example.org.", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        (IPv6Address("fe80::1%eth0"), "fe80::1"),
    ],
)
def test_how_a_server_is_named(host: Any, name: str) -> None:
    assert server_name_of(host) == name
