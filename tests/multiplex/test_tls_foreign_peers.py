"""Transports that speak TLS with programs that nobody here has written: OpenSSL's, and curl."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from multiplex.tls_helpers import VERSIONS
from multiplex.transport_helpers import Recorder, run_until
from sockets.helpers import Call
from support.backends import wanted_backends
from support.certificates import Certificates
from support.openssl import renegotiate, s_client, s_server, version_option
from support.peers import unused_port
from support.processes import Program
from support.programs import require

from trunkline import (
    TLS,
    EventBase,
    TLSError,
    TLSTruncated,
    Transport,
    TransportProtocol,
    connect,
    listen,
    make_socket,
)

pytestmark = [
    pytest.mark.needs_program("openssl"),
    pytest.mark.exact_io("the conversation with the program is not up to faults"),
]

MUCH = 2_000_000  # bytes

each_version = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
def backend() -> str:
    """The best one: for what is tested here, it does not matter which."""
    return wanted_backends()[0]


@contextlib.contextmanager
def dispatching(base: EventBase) -> Iterator[None]:
    """Dispatch in a thread, so that the test can wait for programs."""
    with Call(base.dispatch):
        try:
            yield
        finally:
            base.call_soon_threadsafe(base.exit)


@contextlib.contextmanager
def serving(base: EventBase, make: Any, tls: TLS) -> Iterator[int]:
    """Serve in a thread, and yield the port; all connections have ended with the block."""
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as sock,
        listen(base, sock, make, tls=tls, delivery="lines") as listener,
    ):
        assert sock.local_port is not None
        with dispatching(base):
            yield sock.local_port
        listener.stop(drain=0)
        base.dispatch(timeout=0)


class Answers(TransportProtocol):
    """Answers lines, and keeps what it has found out about the connection."""

    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self.seen.append((transport.tls_version, transport.session_reused))

    def line_received(self, line: str) -> None:
        if line == "much":
            self.transport.write("x" * MUCH + "!\n")
        elif line == "bye":
            self.transport.close()
        else:
            self.transport.write(f"{line} yourself\n")

    def connection_lost(self, error: Exception | None) -> None:
        self.seen.append(error)


class Page(TransportProtocol):
    """Gives each client a page, when its request is over."""

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def line_received(self, line: str) -> None:
        if not line.rstrip("\r"):
            page = "all is well\n" * 10_000
            self.transport.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\n\r\n{page}")
            self.transport.close()


# ---- Clients ----


@each_version
def test_openssl_talks_to_us(base: EventBase, certificates: Certificates, version: str) -> None:
    seen: list[Any] = []
    with serving(base, lambda: Answers(seen), certificates.server_tls) as port:
        quietly = ["-quiet", version_option(version)]
        with s_client(port, certificates, *quietly) as program:
            program.send("hello\n")
            program.read_until("hello yourself\n")
            program.send("much\n")
            program.read_until("!\n")
            assert f"\n{'x' * MUCH}!\n" in program.output
            program.send("bye\n")
            program.read_to_end()
            assert program.wait() == 0
    assert seen == [(f"TLSv{version}", False), None]


@each_version
def test_openssl_reconnects(base: EventBase, certificates: Certificates, version: str) -> None:
    seen: list[Any] = []
    with serving(base, lambda: Answers(seen), certificates.server_tls) as port:
        again = ["-reconnect", version_option(version)]
        with s_client(port, certificates, *again) as program:
            program.close_stdin()
            text = program.read_to_end()
            assert program.wait() == 0
    is_reused = version == "1.2"  # with 1.3, it does not wait for its tickets
    made = [each for each in seen if isinstance(each, tuple)]
    assert made == [(f"TLSv{version}", False), *[(f"TLSv{version}", is_reused)] * 5]
    assert text.count("Reused, ") == 5 * is_reused


def test_a_renegotiation_is_refused(base: EventBase, certificates: Certificates) -> None:
    seen: list[Any] = []
    with (
        serving(base, lambda: Answers(seen), certificates.server_tls) as port,
        s_client(port, certificates, "-tls1_2", "-legacy_renegotiation") as program,
    ):
        program.read_until("---\n")
        program.send("hello\n")
        program.read_until("hello yourself")
        program.send("R\n")
        program.read_until("no renegotiation")


def test_openssl_asks_for_other_keys(base: EventBase, certificates: Certificates) -> None:
    with (
        serving(base, lambda: Answers([]), certificates.server_tls) as port,
        s_client(port, certificates, "-tls1_3") as program,
    ):
        program.read_until("Early data")
        for number in range(3):
            program.send("K\n")
            program.read_until("KEYUPDATE")
            program.send(f"hello {number}\n")
            program.read_until(f"hello {number} yourself\n")
        program.close_stdin()
        program.read_to_end()


def test_openssl_shows_a_certificate_or_is_refused(
    base: EventBase, certificates: Certificates
) -> None:
    asking = certificates.server.tls(
        client_certificate="required", authorities=certificates.authority.certificate
    )
    shown = ["-cert", str(certificates.client.certificate), "-key", str(certificates.client.key)]
    with serving(base, lambda: Answers([]), asking) as port:
        with s_client(port, certificates, "-quiet", *shown) as program:
            program.send("hello\n")
            program.read_until("hello yourself\n")
            program.send("bye\n")
            program.read_to_end()
        with s_client(port, certificates, "-quiet") as program:
            assert "certificate required" in program.read_to_end()


def test_openssl_is_killed(base: EventBase, certificates: Certificates) -> None:
    seen: list[Any] = []
    with serving(base, lambda: Answers(seen), certificates.server_tls) as port:
        with s_client(port, certificates, "-quiet") as program:
            program.send("hello\n")
            program.read_until("hello yourself\n")
            program.kill()
            program.wait()
        with s_client(port, certificates, "-quiet") as program:  # others are served
            program.send("hello\n")
            program.read_until("hello yourself\n")
            program.send("bye\n")
            program.read_to_end()
    assert [type(each) for each in seen if not isinstance(each, tuple)] == [
        TLSTruncated,
        type(None),
    ]


@pytest.mark.needs_program("curl")
@each_version
def test_curl_gets_a_page(base: EventBase, certificates: Certificates, version: str) -> None:
    argv = [require("curl"), "-sS", "--cacert", str(certificates.authority.certificate)]
    with serving(base, Page, certificates.server_tls) as port:
        url = f"https://127.0.0.1:{port}/page"
        with Program([*argv, f"--tlsv{version}", "--tls-max", version, url]) as program:
            assert program.read_to_end() == "all is well\n" * 10_000
            assert program.wait() == 0


# ---- Servers ----


@each_version
def test_we_talk_to_openssl(base: EventBase, certificates: Certificates, version: str) -> None:
    port = unused_port()
    made = Recorder()
    with s_server(certificates, port, "-quiet", version_option(version)) as program:
        program.wait_until_idle()
        transport = connect(
            base,
            made,
            remote_host="127.0.0.1",
            remote_port=port,
            tls=certificates.client_tls,
            delivery="lines",
        )
        transport.write("hello\n")
        with dispatching(base):
            program.read_until("hello\n")
            program.send("hello yourself\n")
            base.call_soon_threadsafe(transport.write, "x" * MUCH + "!\n")
            program.read_until("!\n")
            assert f"\n{'x' * MUCH}!\n" in program.output
            base.call_soon_threadsafe(transport.write_eof)
        run_until(base, lambda: made.is_lost)
        program.kill()
        program.wait()
    assert made.lines == ["hello yourself"]
    assert transport.tls_version == f"TLSv{version}"
    assert made.loss is None or isinstance(made.loss, (TLSError, OSError))  # it just goes away


def ask(base: EventBase, port: int, line: str, tls: TLS) -> Recorder:
    """Send a line, and wait for the answer, and for the end."""
    made = Recorder(line_received=lambda line: transport.close())
    transport = connect(
        base, made, remote_host="127.0.0.1", remote_port=port, tls=tls, delivery="lines"
    )
    transport.write(f"{line}\n")
    run_until(base, lambda: made.is_lost)
    return made


def test_openssl_asks_for_a_certificate(base: EventBase, certificates: Certificates) -> None:
    port = unused_port()
    asking = ["-Verify", "1", "-verify_return_error"]
    trust = ["-CAfile", str(certificates.authority.certificate)]
    ours = certificates.client.tls(authorities=certificates.authority.certificate)
    with s_server(certificates, port, "-rev", *asking, *trust) as program:
        program.wait_until_idle()
        known, unknown = (
            ask(base, port, "who am I?", tls) for tls in (ours, certificates.client_tls)
        )
        assert (known.lines, known.loss) == (["?I ma ohw"], None)
        assert isinstance(unknown.loss, TLSError)
        assert unknown.loss.alert == "certificate_required"
        program.kill()
        program.wait()


def test_who_writes_in_the_middle_of_a_renegotiation_is_told(
    base: EventBase, certificates: Certificates
) -> None:
    port = unused_port()
    context = certificates.client_context("1.2")  # which lets the peer
    made = Recorder(line_received=lambda line: transport.write("hello\n"))
    with s_server(certificates, port, "-tls1_2") as program:
        program.wait_until_idle()
        transport = connect(
            base, made, remote_host="127.0.0.1", remote_port=port, tls=context, delivery="lines"
        )
        run_until(base, lambda: made.calls)
        program.read_until("Secure Renegotiation")
        renegotiate(program, transport.fileno())
        run_until(base, lambda: made.is_lost)
        assert isinstance(made.loss, TLSError)
        assert "renegotiates" in str(made.loss)
        assert (made.loss.operation, made.loss.address) == ("write", transport.remote_name)
        program.kill()
        program.wait()
