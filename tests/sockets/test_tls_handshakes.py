"""Who trusts whom: certificates good and bad, what is agreed on, and what is told of it."""

import logging
import os
import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import Call
from support.certificates import Certificates
from support.timing import PATIENCE

from trunkline import (
    TLS,
    PathNotFound,
    SocketError,
    TLSCertificateError,
    TLSError,
    TLSMismatch,
    make_socket,
)
from trunkline.tls.machine import Machine

Outcome = "dict[str, Any] | SocketError"


def shake_hands(client_tls: Any, server_tls: Any, host: str = "localhost") -> tuple[Any, Any]:
    """Connect, and return for client and server what was agreed on, or what went wrong."""
    with make_socket(connect="passive", local_host="127.0.0.1", tls=server_tls) as listener:

        def serve() -> Any:
            with listener.accept() as server:
                server.timeout = PATIENCE
                try:
                    server.handshake()
                    server.write_line("welcome", flush=True)
                    assert server.read_line() == "thanks"
                except SocketError as error:
                    return error
                return agreed(server)

        with Call(serve) as serving:
            try:
                with make_socket(
                    host,
                    listener.local_port,
                    address_family="ipv4",
                    tls=client_tls,
                    timeout=PATIENCE,
                ) as client:
                    assert client.read_line() == "welcome"
                    client.write_line("thanks", flush=True)
                    assert client.read() == b""
                    outcome: Any = agreed(client)
            except SocketError as error:
                outcome = error
            return outcome, serving.result()


def agreed(end: Any) -> dict[str, Any]:
    names = ("tls_version", "alpn_protocol", "session_reused", "remote_certificate")
    return {name: getattr(end, name) for name in names}


def der(path: Path) -> bytes:
    """Return the first certificate of a file."""
    text = path.read_text()
    end = "-----END CERTIFICATE-----\n"
    return ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)])


# ---- Good ones ----


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_who_is_connected_to_is_who_is_expected(certificates: Certificates, host: str) -> None:
    client, server = shake_hands(certificates.client_tls, certificates.server_tls, host)
    assert client["tls_version"] == server["tls_version"] == "TLSv1.3"
    assert client["remote_certificate"] == der(certificates.server.certificate)
    assert server["remote_certificate"] is None


@pytest.mark.parametrize(
    ("host", "asked_for"),
    [("localhost", "localhost"), ("LOCALHOST.", "localhost"), ("127.0.0.1", None), ("::1", None)],
)
def test_a_client_asks_for_a_name_and_not_for_an_address(
    certificates: Certificates, host: str, asked_for: str | None
) -> None:
    asked: list[str | None] = []
    context = certificates.server_context()
    context.sni_callback = lambda connection, name, context: asked.append(name)
    client, _ = shake_hands(certificates.authority.client_tls(server_name=host), context)
    assert client["remote_certificate"]
    assert [name and name.lower() for name in asked] == [asked_for]


def test_another_name_may_be_expected(certificates: Certificates) -> None:
    tls = certificates.authority.client_tls(server_name="bücher.example", resume=False)
    server = certificates.authority.server_tls("xn--bcher-kva.example")
    client, _ = shake_hands(tls, server)
    assert client["remote_certificate"]


def test_not_to_verify_has_to_be_said(certificates: Certificates) -> None:
    client, _ = shake_hands(TLS(verify=False), certificates.expired.tls())
    assert client["remote_certificate"] == der(certificates.expired.certificate)


@pytest.mark.parametrize("policy", ["optional", "required"])
def test_a_client_s_certificate(certificates: Certificates, policy: str) -> None:
    server_tls = certificates.server.tls(
        client_certificate=policy, authorities=certificates.authority.certificate
    )
    client_tls = certificates.client.tls(authorities=certificates.authority.certificate)
    client, server = shake_hands(client_tls, server_tls)
    assert server["remote_certificate"] == der(certificates.client.certificate)
    assert client["remote_certificate"] == der(certificates.server.certificate)


def test_a_client_needs_none_where_that_is_optional(certificates: Certificates) -> None:
    server_tls = certificates.server.tls(
        client_certificate="optional", authorities=certificates.authority.certificate
    )
    _, server = shake_hands(certificates.client_tls, server_tls)
    assert server["remote_certificate"] is None


def test_what_to_speak_is_agreed_on(certificates: Certificates) -> None:
    client_tls = certificates.authority.client_tls(alpn=["h2", "http/1.1"], resume=False)
    client, server = shake_hands(client_tls, certificates.server.tls(alpn=("http/1.1", "h2")))
    assert client["alpn_protocol"] == server["alpn_protocol"] == "http/1.1"
    client, server = shake_hands(client_tls, certificates.server.tls(alpn=("tea",)))
    assert client["alpn_protocol"] is server["alpn_protocol"] is None
    client, _ = shake_hands(client_tls, certificates.server_tls)
    assert client["alpn_protocol"] is None


def test_contexts_of_python_do_as_well(certificates: Certificates) -> None:
    client, server = shake_hands(
        certificates.client_context("1.2"), certificates.server_context("1.2")
    )
    assert client["tls_version"] == server["tls_version"] == "TLSv1.2"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_goes_on_with_its_session(certificates: Certificates, version: str) -> None:
    client_tls = certificates.authority.client_tls()
    server_tls = certificates.server_context(version)
    outcomes = [shake_hands(client_tls, server_tls) for _ in range(3)]
    assert [client["session_reused"] for client, _ in outcomes] == [False, True, True]
    assert [server["session_reused"] for _, server in outcomes] == [False, True, True]
    assert outcomes[2][0]["remote_certificate"] == der(certificates.server.certificate)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_session_is_asked_for_no_more_than_once(
    certificates: Certificates, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each time, Python makes a copy that it never frees.
    session: Any = Machine.session
    asked: list[Machine] = []

    def ask(machine: Machine) -> Any:
        asked.append(machine)
        return session.fget(machine)

    monkeypatch.setattr(Machine, "session", property(ask))
    client_tls = certificates.authority.client_tls()
    server_tls = certificates.server_context(version)
    outcomes = [shake_hands(client_tls, server_tls) for _ in range(5)]
    assert [client["session_reused"] for client, _ in outcomes] == [False, *[True] * 4]
    assert len(asked) == 1
    shake_hands(client_tls, certificates.server_context(version))  # who does not know it
    assert len(asked) == 2


def test_a_session_is_for_the_same_name_and_if_it_is_wanted(certificates: Certificates) -> None:
    client_tls = certificates.authority.client_tls()
    server_tls = certificates.server_context()
    shake_hands(client_tls, server_tls)
    client, _ = shake_hands(client_tls, server_tls, "127.0.0.1")
    assert not client["session_reused"]
    for _ in range(2):
        client, _ = shake_hands(certificates.client_tls, server_tls)
        assert not client["session_reused"]


# ---- Bad ones ----


def refused(outcome: tuple[Any, Any]) -> tuple[TLSCertificateError, TLSError]:
    """Return what a client says of the server's certificate, and the server of that."""
    client, server = outcome
    assert isinstance(client, TLSCertificateError)
    assert isinstance(client, ssl.SSLCertVerificationError)
    assert client.operation == "handshake"
    assert isinstance(server, TLSError)
    assert server.operation == "handshake"
    assert server.alert is not None
    return client, server


def test_an_expired_certificate(certificates: Certificates) -> None:
    client, server = refused(shake_hands(certificates.client_tls, certificates.expired.tls()))
    assert (client.failed, client.verify_code) == ("chain", 10)
    assert "expired" in client.verify_message
    assert server.alert == "certificate_expired"


def test_a_certificate_of_the_future(certificates: Certificates) -> None:
    future = certificates.authority.issue(not_yet=True)
    client, server = refused(shake_hands(certificates.client_tls, future.tls()))
    assert (client.failed, client.verify_code) == ("chain", 9)
    assert server.alert == "bad_certificate"


def test_another_one_s_certificate(certificates: Certificates) -> None:
    other = certificates.authority.server_tls("other.example")
    client, server = refused(shake_hands(certificates.client_tls, other))
    assert (client.failed, client.server_name, client.verify_code) == ("name", "localhost", 62)
    assert server.alert == "bad_certificate"
    client, _ = refused(shake_hands(certificates.client_tls, other, "127.0.0.1"))
    assert (client.failed, client.server_name, client.verify_code) == ("name", "127.0.0.1", 64)


def test_an_unknown_authority(certificates: Certificates) -> None:
    unknown = certificates.stranger.server_tls()
    client, server = refused(shake_hands(certificates.client_tls, unknown))
    assert (client.failed, client.verify_code) == ("chain", 20)
    assert server.alert == "unknown_ca"


def test_the_defaults_do_not_believe_a_stranger(certificates: Certificates) -> None:
    client, server = refused(shake_hands(True, certificates.server_tls))
    assert client.failed == "chain"
    assert server.alert == "unknown_ca"


@pytest.mark.needs_program("openssl")
def test_a_certificate_that_only_vouches_for_itself(
    certificates: Certificates, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "self.pem", tmp_path / "self.key"
    words = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost"
    )
    argv = [*words.split(), "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    server_tls = TLS(certificate=certificate, key=key)
    client, server = refused(shake_hands(certificates.client_tls, server_tls))
    assert (client.failed, client.verify_code) == ("chain", 18)
    assert server.alert == "unknown_ca"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_without_a_certificate(certificates: Certificates, version: str) -> None:
    server_tls = certificates.server.tls(
        client_certificate="required", authorities=certificates.authority.certificate
    )
    client, server = shake_hands(certificates.client_context(version), server_tls)
    assert isinstance(server, TLSCertificateError)
    assert (server.verify_code, server.reason) == (0, "PEER_DID_NOT_RETURN_A_CERTIFICATE")
    assert isinstance(client, TLSError)
    assert client.alert == {"1.2": "handshake_failure", "1.3": "certificate_required"}[version]


def test_a_client_with_a_certificate_of_a_stranger(certificates: Certificates) -> None:
    server_tls = certificates.server.tls(
        client_certificate="required", authorities=certificates.authority.certificate
    )
    client_tls = certificates.stranger.issue("somebody.example").tls(
        authorities=certificates.authority.certificate
    )
    client, server = shake_hands(client_tls, server_tls)
    assert isinstance(server, TLSCertificateError)
    assert server.server_name is None
    assert isinstance(client, TLSError)
    assert client.alert == "unknown_ca"


def test_a_version_that_is_too_old(certificates: Certificates) -> None:
    client_tls = certificates.client_context("1.2")
    client, server = shake_hands(client_tls, certificates.server.tls(minimum_version="1.3"))
    assert isinstance(client, TLSMismatch)
    assert client.alert == "protocol_version"
    assert isinstance(server, TLSMismatch)
    assert server.alert is None


# ---- Several certificates, and new ones ----


def test_a_client_gets_the_certificate_of_the_name_it_asks_for(certificates: Certificates) -> None:
    authority = certificates.authority
    others = {name: authority.issue(name) for name in ("one.example", "*.two.example")}
    server_tls = certificates.server.tls(
        by_server_name={name: issued.tls() for name, issued in others.items()}, alpn=["x"]
    )
    for asked, issued in [
        ("one.example", others["one.example"]),
        ("ONE.example", others["one.example"]),
        ("a.two.example", others["*.two.example"]),
        ("localhost", certificates.server),
    ]:
        client_tls = authority.client_tls(server_name=asked, alpn=["x"])
        client, _ = shake_hands(client_tls, server_tls)
        assert client["remote_certificate"] == der(issued.certificate)
        assert client["alpn_protocol"] == "x"
    client, _ = shake_hands(authority.client_tls(server_name="b.a.two.example"), server_tls)
    assert isinstance(client, TLSCertificateError)


@pytest.fixture
def files(certificates: Certificates, tmp_path: Path) -> TLS:
    """What a server speaks whose files may be changed."""
    replace_files(tmp_path, certificates.server.certificate, certificates.server.key)
    return TLS(certificate=tmp_path / "certificate", key=tmp_path / "key")


def replace_files(directory: Path, certificate: Path, key: Path) -> None:
    for source, name in ((certificate, "certificate"), (key, "key")):
        shutil.copyfile(source, directory / "new")
        os.replace(directory / "new", directory / name)


def certificate_shown(certificates: Certificates, server_tls: TLS) -> bytes:
    client, _ = shake_hands(certificates.client_tls, server_tls)
    shown: bytes = client["remote_certificate"]
    return shown


def test_new_connections_get_the_new_certificate(
    certificates: Certificates, files: TLS, tmp_path: Path
) -> None:
    context = files.context(server_side=True)
    assert certificate_shown(certificates, files) == der(certificates.server.certificate)
    assert files.context(server_side=True) is context
    new = certificates.authority.issue()
    replace_files(tmp_path, new.certificate, new.key)
    assert certificate_shown(certificates, files) == der(new.certificate)
    assert files.context(server_side=True) is not context


def broken(path: Path) -> None:
    path.write_text("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n")


def missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("spoil", [broken, missing])
@pytest.mark.parametrize("name", ["certificate", "key"])
def test_a_broken_new_file_keeps_the_old_one_and_is_told_once(
    certificates: Certificates,
    files: TLS,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], None],
    name: str,
) -> None:
    old = der(certificates.server.certificate)
    assert certificate_shown(certificates, files) == old
    spoil(tmp_path / name)
    with caplog.at_level(logging.ERROR, "trunkline.tls"):
        for _ in range(3):
            assert certificate_shown(certificates, files) == old
    (record,) = [each for each in caplog.records if each.name == "trunkline.tls"]
    assert str(tmp_path) in record.getMessage()
    with pytest.raises(SocketError) as caught:
        files.reload()
    assert caught.value.operation == "load"
    assert isinstance(caught.value, PathNotFound if spoil is missing else TLSError)
    if spoil is missing:
        assert caught.value.address == str(tmp_path / name)
    assert certificate_shown(certificates, files) == old
    new = certificates.authority.issue()
    replace_files(tmp_path, new.certificate, new.key)
    assert certificate_shown(certificates, files) == der(new.certificate)


def test_a_certificate_whose_key_has_not_come_yet(
    certificates: Certificates, files: TLS, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert certificate_shown(certificates, files) == der(certificates.server.certificate)
    new = certificates.authority.issue()
    shutil.copyfile(new.certificate, tmp_path / "certificate")
    assert certificate_shown(certificates, files) == der(certificates.server.certificate)
    assert "KEY_VALUES_MISMATCH" in caplog.text
    shutil.copyfile(new.key, tmp_path / "key")
    assert certificate_shown(certificates, files) == der(new.certificate)


def test_a_server_is_told_at_once_what_is_wrong_with_its_files(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound) as caught:
        make_socket(
            connect="passive", local_host="127.0.0.1", tls=TLS(certificate=tmp_path / "none")
        )
    assert caught.value.address == str(tmp_path / "none")
    with pytest.raises(ValueError, match="a server needs a certificate"):
        make_socket(connect="passive", local_host="127.0.0.1", tls=TLS())
    with pytest.raises(ValueError, match="tls=True is for clients"):
        make_socket(connect="passive", local_host="127.0.0.1", tls=True)
