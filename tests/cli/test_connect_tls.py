"""`trunkline connect` with TLS, at once or later, to servers of Python and of OpenSSL."""

import contextlib
import socket
import ssl
from collections.abc import Callable

import pytest
from cli.helpers import converse
from support.certificates import Certificates
from support.openssl import s_server
from support.peers import PeerServer, echo, receive_exactly, unused_port

from trunkline import TLS, NotTLS, ProtocolError, TLSCertificateError
from trunkline.cli import main
from trunkline.cli.exit_status import ExitStatus

pytestmark = pytest.mark.exact_io("Python's own TLS is at the other end, and gives up")


def secured(
    certificates: Certificates, talk: Callable[[socket.socket], None] = lambda _: None
) -> PeerServer:
    """Return a server that says something in plain text, and then echoes by TLS."""
    context = certificates.server_context()
    context.set_alpn_protocols(["echo"])

    def handle(connection: socket.socket) -> None:
        talk(connection)
        with (
            contextlib.suppress(ssl.SSLError),  # the client may not believe us
            context.wrap_socket(connection.dup(), server_side=True) as inner,
        ):
            echo(inner)
            with contextlib.suppress(OSError):
                inner.unwrap()

    return PeerServer(handle)


def trusting(certificates: Certificates, **options: object) -> TLS:
    return TLS(authorities=certificates.authority.certificate, server_name="localhost", **options)  # type: ignore[arg-type]


def test_by_tls(certificates: Certificates) -> None:
    with secured(certificates) as server:
        ended = converse(
            f"tls:127.0.0.1:{server.address[1]}",
            b"secret" * 100_000,
            tls=trusting(certificates, alpn=("echo",)),
        )
    assert (ended.output, ended.error) == (b"secret" * 100_000, None)
    told = "\n".join(ended.told)
    assert "TLSv1.3, TLS_" in told
    assert ", ALPN echo (" in told
    assert "  for localhost, 127.0.0.1" in told
    assert "  issued by " in told
    assert "  SHA-256 " in told


def test_whom_nobody_vouches_for_is_not_believed_unless_that_was_asked_for(
    certificates: Certificates,
) -> None:
    with secured(certificates) as server:
        target = f"tls:127.0.0.1:{server.address[1]}"
        refused = converse(target, tls=TLS(), retries=5)
        assert isinstance(refused.error, TLSCertificateError)
        assert not any("once more" in line for line in refused.told)
        ended = converse(target, b"hello", tls=TLS(verify=False))
    assert (ended.output, ended.error) == (b"hello", None)
    assert any(line.endswith(", which nobody has vouched for") for line in ended.told)


def test_whom_nobody_vouches_for_is_no_mistake_of_the_user(
    certificates: Certificates, capsys: pytest.CaptureFixture[str]
) -> None:
    with secured(certificates) as server:
        words = ["connect", "--server-name", "localhost", f"tls:127.0.0.1:{server.address[1]}"]
        assert main(words) == ExitStatus.TLS_FAILED
    errors = capsys.readouterr().err
    assert errors.startswith("trunkline: handshake 127.0.0.1:")
    assert errors.count("\n") == 1


def test_a_server_that_does_not_speak_tls_is_told() -> None:
    with PeerServer(lambda connection: connection.sendall(b"220 hello\r\n")) as server:
        error = converse(f"tls:127.0.0.1:{server.address[1]}", tls=TLS(verify=False)).error
    assert isinstance(error, NotTLS)


def smtp(connection: socket.socket) -> None:
    """Say what a mail server does, up to TLS."""
    with connection.makefile("rwb") as file:
        file.write(b"220 mail.example ready\r\n")
        file.flush()
        assert file.readline().startswith(b"EHLO ")
        file.write(b"250-mail.example\r\n250 STARTTLS\r\n")
        file.flush()
        assert file.readline() == b"STARTTLS\r\n"
        file.write(b"220 go ahead\r\n")


def test_after_a_conversation(certificates: Certificates) -> None:
    with secured(certificates, smtp) as server:
        ended = converse(
            f"127.0.0.1:{server.address[1]}",
            b"MAIL",
            tls=trusting(certificates),
            starttls="smtp",
            proxy_header=None,
        )
    assert (ended.output, ended.error) == (b"MAIL", None)
    assert any(line.startswith("agreed on TLS by smtp (") for line in ended.told)


def test_what_somebody_has_put_behind_the_agreement_is_refused(certificates: Certificates) -> None:
    def agree_and_more(connection: socket.socket) -> None:
        assert receive_exactly(connection, 8) == b"\0\0\0\x08\x04\xd2\x16\x2f"
        connection.sendall(b"S+OK injected\r\n")
        connection.recv(100)

    with PeerServer(agree_and_more) as server:
        target = f"127.0.0.1:{server.address[1]}"
        ended = converse(target, tls=trusting(certificates), starttls="postgres")
    assert isinstance(ended.error, NotTLS)
    assert ended.output == b""


def test_a_server_that_says_no_is_told(certificates: Certificates) -> None:
    with PeerServer(lambda connection: connection.sendall(b"-ERR busy\r\n")) as server:
        target = f"127.0.0.1:{server.address[1]}"
        error = converse(target, tls=trusting(certificates), starttls="pop3").error
    assert isinstance(error, ProtocolError)
    assert target in str(error)
    assert "-ERR busy" in str(error)


@pytest.mark.needs_program("openssl")
def test_openssl_at_the_other_end(certificates: Certificates) -> None:
    port = unused_port()
    with s_server(certificates, port, "-rev", "-quiet") as server:
        server.wait_until_idle()
        # It takes a while to listen, without a word.
        ended = converse(
            f"tls:127.0.0.1:{port}", b"one line\n", tls=trusting(certificates), retries=20
        )
    assert (ended.output, ended.error) == (b"enil eno\n", None)
