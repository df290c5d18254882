"""TLS with programs that nobody here has written: OpenSSL's, and curl."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sockets.helpers import Call
from sockets.tls_helpers import VERSIONS
from support import openssl
from support.certificates import Certificates
from support.openssl import renegotiate, s_server, version_option
from support.peers import unused_port
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

from trunkline import (
    TLS,
    ActiveSocket,
    ConnectionReset,
    Hangup,
    PassiveSocket,
    SocketError,
    TLSCertificateError,
    TLSError,
    TLSMismatch,
    TLSTruncated,
    make_socket,
)

pytestmark = [
    pytest.mark.needs_program("openssl"),
    pytest.mark.exact_io("the conversation with the program is not up to faults"),
]

MUCH = 2_000_000  # bytes


def listening(tls: TLS) -> PassiveSocket:
    return make_socket(connect="passive", local_host="127.0.0.1", tls=tls, timeout=PATIENCE)


def s_client(listener: PassiveSocket, certificates: Certificates, *options: str) -> Program:
    assert listener.local_port is not None
    return openssl.s_client(listener.local_port, certificates, *options)


def serve_lines(listener: PassiveSocket) -> list[str]:
    with listener.accept() as client:
        lines = list(client)
        client.write(f"{len(lines)} lines\n")
    return lines


# ---- Clients ----


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_talks_to_us(certificates: Certificates, version: str) -> None:
    with (
        listening(certificates.server_tls) as listener,
        s_client(listener, certificates, "-quiet", version_option(version)) as program,
        listener.accept() as client,
    ):
        program.send("hello\n")
        assert client.read_line() == "hello"
        assert client.tls_version == f"TLSv{version}"
        client.write_line("hello yourself", flush=True)
        program.read_until("hello yourself")
        client.write("x" * MUCH)
        client.shutdown(write=True)
        assert program.read_to_end().count("x") == MUCH
        assert program.wait() == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_reconnects(certificates: Certificates, version: str) -> None:
    def serve() -> list[bool]:
        reused = []
        for _ in range(6):
            with listener.accept() as client:
                assert client.read() == b""
                reused.append(client.session_reused)
        return reused

    with (
        listening(certificates.server_tls) as listener,
        Call(serve) as serving,
        s_client(listener, certificates, "-reconnect", version_option(version)) as program,
    ):
        program.close_stdin()
        text = program.read_to_end()
        is_reused = version == "1.2"  # with 1.3, it does not wait for its tickets
        assert serving.result() == [False, *[is_reused] * 5]
        assert text.count("Reused, ") == 5 * is_reused


@pytest.mark.parametrize("version", VERSIONS)
def test_openssl_comes_back_with_its_session(
    certificates: Certificates, version: str, tmp_path: Path
) -> None:
    session = str(tmp_path / "session")
    for is_again in (False, True):
        options = ["-quiet", version_option(version), "-sess_out", session]
        if is_again:
            options += ["-sess_in", session]
        with (
            listening(certificates.server_tls) as listener,
            s_client(listener, certificates, *options) as program,
            listener.accept() as client,
        ):
            client.write_line("behind the tickets", flush=True)
            program.read_until("behind the tickets")
            assert client.session_reused == is_again
            client.close()
            program.read_to_end()


def test_a_renegotiation_is_refused(certificates: Certificates) -> None:
    with (
        listening(certificates.server_tls) as listener,
        s_client(listener, certificates, "-tls1_2", "-legacy_renegotiation") as program,
        listener.accept() as client,
    ):
        client.handshake()
        program.read_until("---\n")
        program.send("R\n")
        with pytest.raises((TLSError, Hangup)):
            client.read_line()
        program.read_until("no renegotiation")


def test_new_keys_cost_nothing(certificates: Certificates) -> None:
    with (
        listening(certificates.server_tls) as listener,
        s_client(listener, certificates, "-tls1_3") as program,
        listener.accept() as client,
    ):
        client.handshake()
        program.read_until("Early data")
        for number in range(3):
            program.send("K\n")  # and the other end is asked for new ones, too
            program.read_until("KEYUPDATE")
            program.send(f"line {number}\n")
            assert client.read_line() == f"line {number}"
            client.write_line(f"answer {number}", flush=True)
            program.read_until(f"answer {number}")


def test_openssl_shows_a_certificate(certificates: Certificates) -> None:
    tls = certificates.server.tls(
        client_certificate="required", authorities=certificates.authority.certificate
    )
    shown = [
        "-cert",
        str(certificates.client.certificate),
        "-key",
        str(certificates.client.key),
    ]
    with listening(tls) as listener:
        with (
            s_client(listener, certificates, "-quiet", *shown),
            listener.accept() as client,
        ):
            client.handshake()
            assert client.remote_certificate is not None
        with (
            s_client(listener, certificates, "-quiet") as program,
            listener.accept() as client,
        ):
            with pytest.raises(TLSCertificateError, match="has no certificate"):
                client.handshake()
            client.close()
            assert "certificate required" in program.read_to_end()


def test_openssl_is_killed(certificates: Certificates) -> None:
    with (
        listening(certificates.server_tls) as listener,
        s_client(listener, certificates, "-quiet") as program,
        listener.accept() as client,
    ):
        program.send("half a li")
        assert client.read_exactly(9) == b"half a li"
        program.kill()
        program.wait()
        with pytest.raises((TLSTruncated, ConnectionReset)):  # by what it had not read
            client.read_line()


@pytest.mark.needs_program("curl")
@pytest.mark.parametrize("version", VERSIONS)
def test_curl_gets_a_page(certificates: Certificates, version: str) -> None:
    page = "all is well\n" * 10_000

    def serve() -> list[str]:
        with listener.accept() as client:
            request = client.read_until(b"\r\n\r\n").decode()
            client.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\n\r\n{page}")
            return request.splitlines()

    with listening(certificates.server_tls) as listener, Call(serve) as serving:
        argv = [require("curl"), "-sS", "--cacert", str(certificates.authority.certificate)]
        url = f"https://127.0.0.1:{listener.local_port}/page"
        with Program([*argv, f"--tlsv{version}", "--tls-max", version, url]) as program:
            assert program.read_to_end() == page
            assert program.wait() == 0
        assert serving.result()[0] == "GET /page HTTP/1.1"


@pytest.mark.needs_program("curl")
def test_curl_without_tls_is_told_from_one_with(certificates: Certificates) -> None:
    with listening(certificates.server_tls) as listener:
        url = f"http://127.0.0.1:{listener.local_port}/page"
        with Program([require("curl"), "-sS", url]) as program, listener.accept() as client:
            with pytest.raises(TLSError, match="speaks HTTP"):
                client.read_line()
            client.close()
            program.read_to_end()


# ---- Servers ----


def connected(certificates: Certificates, port: int, tls: TLS | None = None) -> ActiveSocket:
    tls = tls or certificates.client_tls
    return make_socket("127.0.0.1", port, tls=tls, timeout=PATIENCE)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.slow
def test_we_talk_to_openssl(certificates: Certificates, version: str) -> None:
    port = unused_port()
    with s_server(certificates, port, "-quiet", version_option(version)) as program:
        with connected_when_there(certificates, port, program) as client:
            assert client.tls_version == f"TLSv{version}"
            client.write_line("hello", flush=True)
            program.read_until("hello")
            program.send("hello yourself\n")
            assert client.read_line() == "hello yourself"
            with Call(client.write, "y" * MUCH + " and no more", flush=True):
                program.read_until("and no more")
            client.shutdown(write=True)
            with pytest.raises((SocketError, EOFError)):  # it just goes away
                client.read_exactly(1)
        program.kill()
        assert program.wait()


def connected_when_there(
    certificates: Certificates, port: int, program: Program, tls: TLS | None = None
) -> ActiveSocket:
    """Connect to a program as soon as it waits for that."""
    program.wait_until_idle()
    return connected(certificates, port, tls)


def test_a_renegotiation_is_over_when_something_is_read(certificates: Certificates) -> None:
    with renegotiating(certificates) as (client, program):
        assert client.read_line() == "line"
        program.send("and on\n")
        assert client.read_line() == "and on"
        client.write_line("and on it goes", flush=True)
        program.read_until("and on it goes")


def test_who_writes_in_the_middle_of_one_is_told(certificates: Certificates) -> None:
    with renegotiating(certificates) as (client, _):
        assert client.read_line() == "line"
        with pytest.raises(TLSError, match="renegotiates") as caught:
            client.write_line("hello", flush=True)
        assert caught.value.operation == "write"
        assert caught.value.address == client.remote_name
        with pytest.raises(TLSError, match="renegotiates"):
            client.read_line()


@contextlib.contextmanager
def renegotiating(certificates: Certificates) -> Iterator[tuple[ActiveSocket, Program]]:
    """Yield a client that lets others renegotiate, and a server that has begun to."""
    port = unused_port()
    context = certificates.client_context("1.2")
    with s_server(certificates, port, "-tls1_2") as program:
        program.wait_until_idle()
        with make_socket("127.0.0.1", port, tls=context, timeout=PATIENCE) as client:
            client.handshake()
            program.read_until("Secure Renegotiation")
            renegotiate(program, client.fileno())
            yield client, program
        program.kill()
        program.wait()


def test_we_come_back_with_our_session(certificates: Certificates) -> None:
    port = unused_port()
    tls = certificates.authority.client_tls()
    with s_server(certificates, port, "-www") as program:
        program.wait_until_idle()
        for is_again in (False, True):
            with connected(certificates, port, tls) as client:
                client.write("GET / HTTP/1.0\r\n\r\n")
                with_reused = "Reused, TLSv1.3" if is_again else "New, TLSv1.3"
                assert re.search(with_reused, "\n".join(client))
                assert client.session_reused == is_again
        program.kill()
        program.wait()


def test_openssl_speaks_nothing_of_what_we_do(certificates: Certificates) -> None:
    port = unused_port()
    tls = certificates.authority.client_tls(alpn=("tea",))
    with s_server(certificates, port, "-quiet", "-alpn", "coffee") as program:
        program.wait_until_idle()
        with pytest.raises(TLSMismatch) as caught:
            connected(certificates, port, tls)
        assert caught.value.alert == "no_application_protocol"
        program.kill()
        program.wait()


def test_openssl_asks_for_a_certificate(certificates: Certificates) -> None:
    port = unused_port()
    asking = ["-Verify", "1", "-verify_return_error"]
    trust = ["-CAfile", str(certificates.authority.certificate)]
    ours = certificates.client.tls(authorities=certificates.authority.certificate)
    with s_server(certificates, port, "-quiet", *asking, *trust) as program:
        program.wait_until_idle()
        with connected(certificates, port, ours) as client:
            client.write_line("who am I?", flush=True)
            program.read_until("who am I")
        with connected(certificates, port) as client:
            with pytest.raises(TLSError) as caught:
                client.read_line()
            assert caught.value.alert == "certificate_required"
        program.kill()
        program.wait()
