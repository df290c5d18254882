"""Clients and servers that speak TLS."""

import socket
import ssl
from typing import Any

import pytest
from evented.helpers import Start, unwanted
from support.backends import wanted_backends
from support.certificates import Certificates

from trunkline import SocketError, TimedOut, TLSCertificateError, TLSError
from trunkline.evented import (
    AsyncSocket,
    Event,
    EventKind,
    SocketStream,
    SSLSocket,
    TcpServer,
    delay,
    exit_event_loop,
    tcp_connect,
    tcp_ssl_connect,
    tcp_ssl_server,
)


@pytest.fixture
def backend() -> str:
    """The best one: for what is tested here, it does not matter which."""
    return wanted_backends()[0]


def serving(certificates: Certificates, read_cb: Any, event_cb: Any, **options: Any) -> TcpServer:
    options.setdefault("certificate", certificates.server.certificate)
    options.setdefault("key", certificates.server.key)
    server = tcp_ssl_server("127.0.0.1", 0, read_cb, event_cb, **options)
    server.unref()
    return server


def test_a_client_and_a_server_talk(start: Start, certificates: Certificates) -> None:
    sockets: list[AsyncSocket] = []
    answers: list[bytes] = []

    def main() -> None:
        def answer(sock: AsyncSocket, data: bytes) -> None:
            sockets.append(sock)
            sock.write(data.upper())

        def answered(sock: AsyncSocket, data: bytes) -> None:
            answers.append(data)
            if b"".join(answers) == b"HELLO":
                assert isinstance(sock, SSLSocket)
                assert sock.tls_version == "TLSv1.3"
                assert sock.cipher is not None
                assert sock.alpn_protocol is None
                assert isinstance(sock.remote_certificate, bytes)
                sock.close()

        server = serving(certificates, answer, lambda event: None)
        client = tcp_ssl_connect(
            "127.0.0.1",
            server.local_name.port,
            answered,
            unwanted,
            data="hello",
            ssl_ctx=certificates.client_tls,
        )
        assert (client.tls_version, client.cipher, client.remote_certificate) == (None,) * 3
        assert not client.is_connected

    start(main)
    assert b"".join(answers) == b"HELLO"
    assert isinstance(sockets[0], SSLSocket)
    assert sockets[0].remote_certificate is None


def test_streams_talk(start: Start, certificates: Certificates) -> None:
    text: list[bytes] = []

    def main() -> None:
        def read(sock: AsyncSocket, stream: SocketStream) -> None:
            text.append(stream.read_available())

        def over(event: Event) -> None:
            assert event.kind is EventKind.EOF
            exit_event_loop()

        server = serving(certificates, read, over, stream=True)
        client = tcp_ssl_connect(
            "127.0.0.1",
            server.local_name.port,
            None,
            unwanted,
            stream=True,
            ssl_ctx=certificates.client_tls,
        )
        client.write("one\ntwo\n")
        client.close()

    start(main)
    assert b"".join(text) == b"one\ntwo\n"


@pytest.mark.exact_io("an alert is sent at once, or not at all")
def test_nobody_is_believed_who_cannot_prove_it(start: Start, certificates: Certificates) -> None:
    told: list[Event] = []

    def main() -> None:
        def note(event: Event) -> None:
            told.append(event)
            if len(told) == 2:
                exit_event_loop()

        server = serving(certificates, unwanted, note, connect_cb=lambda sock: None)
        tcp_ssl_connect("127.0.0.1", server.local_name.port, unwanted, note, data="secret")
        delay(lambda: None, 10)

    start(main)
    kinds = {type(event.error) for event in told}
    assert kinds == {TLSCertificateError, TLSError}
    assert {event.kind for event in told} == {EventKind.ERROR}
    for event in told:
        assert isinstance(event.source, SSLSocket)
        assert isinstance(event.error, SocketError)
        assert event.source.closed


def test_a_client_that_does_not_shake_hands_is_told(
    start: Start, certificates: Certificates
) -> None:
    told: list[Event] = []

    def main() -> None:
        def note(event: Event) -> None:
            told.append(event)
            exit_event_loop()

        server = serving(certificates, unwanted, note, connect_cb=unwanted, handshake_timeout=0.02)
        tcp_connect("127.0.0.1", server.local_name.port, None, lambda event: None)

    start(main)
    assert [event.kind for event in told] == [EventKind.TIMEOUT]
    assert isinstance(told[0].error, TimedOut)
    assert told[0].error.operation == "handshake"


@pytest.mark.filterwarnings("ignore:ssl.OP_NO_SSL:DeprecationWarning")
def test_ciphers_and_options_count(start: Start, certificates: Certificates) -> None:
    found: list[tuple[str | None, str | None]] = []
    cipher = "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305"

    def main() -> None:
        def connected(sock: AsyncSocket) -> None:
            assert isinstance(sock, SSLSocket)
            found.append((sock.tls_version, sock.cipher))
            sock.close()

        server = serving(
            certificates,
            None,
            lambda event: None,
            ciphers=cipher,
            ssl_options=int(ssl.OP_NO_TLSv1_3),
        )
        tcp_ssl_connect(
            "127.0.0.1",
            server.local_name.port,
            None,
            unwanted,
            connect_cb=connected,
            ssl_ctx=certificates.client_tls,
        )

    start(main)
    assert [version for version, _ in found] == ["TLSv1.2"]
    assert "CHACHA20" in str(found[0][1])


def test_what_cannot_be_is_found_out_at_once(start: Start, certificates: Certificates) -> None:
    tls = certificates.server_tls

    def main() -> None:
        with pytest.raises(TypeError, match="certificate"):
            tcp_ssl_server("127.0.0.1", 0, None)
        with pytest.raises(TypeError, match="says itself what certificate"):
            serving(certificates, None, None, ssl_ctx=tls)
        with pytest.raises(TypeError, match="says itself what ciphers"):
            tcp_ssl_connect("127.0.0.1", 9, None, ssl_ctx=certificates.client_tls, ciphers="ALL")
        with pytest.raises(TLSError, match="set_ciphers"):
            tcp_ssl_connect("127.0.0.1", 9, None, ciphers="NONSENSE")
        with pytest.raises(SocketError, match="nowhere"):
            serving(certificates, None, None, certificate="/nowhere", key=None)
        with pytest.raises(TypeError, match="certificates"):
            tcp_ssl_server("127.0.0.1", 0, None, certificates="x")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="port"):
            tcp_ssl_server("127.0.0.1", None, None, ssl_ctx=tls)
        with pytest.raises(TypeError, match="either an fd"):
            tcp_ssl_server("127.0.0.1", 0, None, ssl_ctx=tls, fd=0)

    start(main)


def test_pythons_client_is_served(start: Start, certificates: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.detach()
    got = bytearray()

    def main() -> None:
        def read(sock: AsyncSocket, data: bytes) -> None:
            got.extend(data)

        server = tcp_ssl_server(
            None,
            None,
            read,
            lambda event: exit_event_loop(),
            fd=number,
            ssl_ctx=certificates.server_tls,
        )
        context = certificates.client_context("1.2")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

        def go_on(sock: AsyncSocket, data: bytes) -> None:
            incoming.write(data)
            try:
                client.do_handshake()
                client.write(b"hello")
                client.unwrap()
            except ssl.SSLWantReadError:
                pass
            sock.write(outgoing.read())

        sock = tcp_connect("127.0.0.1", server.local_name.port, go_on, lambda event: None)
        go_on(sock, b"")

    start(main)
    assert got == b"hello"
