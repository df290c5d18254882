"""`trunkline serve proxy`: what goes through it, and how it ends."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.helpers import assert_bad_usage, command, evented, serving
from support.certificates import Certificates
from support.peers import (
    PeerServer,
    connect,
    echo,
    echo_server,
    exchange,
    receive_all,
    refusing_port,
    reset,
)
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

from trunkline import TLS, EventBase, adopt, make_socket, make_socket_pair
from trunkline.cli.connect.settings import Settings
from trunkline.cli.serve.proxy.connections import ProxyProtocol
from trunkline.cli.serve.proxy.datagrams import SILENCE, DatagramProxy
from trunkline.cli.serve.unfinished import Unfinished
from trunkline.cli.target import parse_target
from trunkline.multiplex.datagrams import adopt_datagrams
from trunkline.testing.clock import ManualClock

Address = tuple[str, int]
LARGE = bytes(range(256)) * 20_000


def text_of(address: Address) -> str:
    host, port = address
    return f"{host}:{port}"


@contextlib.contextmanager
def proxy_to(target: str, **options: Any) -> Iterator[Address]:
    """Forward to a target, and yield where."""
    settings = Settings(target=parse_target(target), timeout=PATIENCE, **options)
    unfinished = Unfinished()
    make = evented(lambda: ProxyProtocol(settings, unfinished), finish=unfinished.when_gone)
    with serving(make) as address:
        yield address


@contextlib.contextmanager
def proxied(handle: Callable[[socket.socket], None], **options: Any) -> Iterator[Address]:
    """Forward to a server that does this with each connection, and yield where."""
    with PeerServer(handle) as server, proxy_to(text_of(server.address), **options) as address:
        yield address


def test_everything_goes_both_ways() -> None:
    with proxied(echo) as address:
        assert exchange(address, LARGE) == LARGE


def test_many_at_once() -> None:
    results: list[bytes] = []
    with proxied(echo) as address:
        threads = [
            threading.Thread(target=lambda: results.append(exchange(address, LARGE)))
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert results == [LARGE] * 5


def test_each_half_ends_by_itself() -> None:
    def answer_at_the_end(connection: socket.socket) -> None:
        asked = receive_all(connection)
        connection.sendall(asked.upper())

    with proxied(answer_at_the_end) as address:
        assert exchange(address, b"question") == b"QUESTION"


def test_the_target_may_end_its_half_first() -> None:
    heard: list[bytes] = []

    def greet_and_listen(connection: socket.socket) -> None:
        connection.sendall(b"hello")
        connection.shutdown(socket.SHUT_WR)
        heard.append(receive_all(connection))

    with proxied(greet_and_listen) as address, connect(address) as client:
        assert receive_all(client) == b"hello"
        client.sendall(b"good bye")
        client.shutdown(socket.SHUT_WR)
    assert heard == [b"good bye"]


def test_a_reset_of_the_target_is_the_clients() -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(1)
        reset(connection)

    with proxied(hang_up) as address, connect(address) as client:
        client.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            receive_all(client)


def test_a_reset_of_the_client_is_the_targets() -> None:
    seen = threading.Event()
    began = threading.Event()

    def wait(connection: socket.socket) -> None:
        assert connection.recv(1) == b"x"
        began.set()
        with contextlib.suppress(ConnectionResetError):
            connection.recv(1)
            return
        seen.set()

    with proxied(wait) as address:
        client = connect(address)
        client.sendall(b"x")
        assert began.wait(PATIENCE)
        reset(client)
        assert seen.wait(PATIENCE)


def test_who_takes_nothing_is_sent_no_more_than_a_few_buffers() -> None:
    """The target is read no faster than the client takes it."""
    with EventBase() as base, socket.create_server(("127.0.0.1", 0)) as listener:
        ours, theirs = make_socket_pair()
        settings = Settings(target=parse_target(text_of(listener.getsockname())), timeout=PATIENCE)
        transport = adopt(base, ProxyProtocol(settings, Unfinished()), ours)
        base.dispatch(timeout=0)
        target, _ = listener.accept()
        with theirs.to_socket() as client, target:
            client.setblocking(False)
            target.setblocking(False)
            sent = received = vain_turns = 0
            while vain_turns < 100:
                vain_turns += 1
                with contextlib.suppress(BlockingIOError):
                    sent += target.send(LARGE)
                    vain_turns = 0
                base.dispatch(timeout=0)
            assert 0 < sent < 50_000_000
            while received < sent:
                with contextlib.suppress(BlockingIOError):
                    received += len(client.recv(1 << 20))
                base.dispatch(timeout=0)
            transport.abort()
            for _ in range(10):
                base.dispatch(timeout=0)


def test_a_target_that_refuses_is_told_to_the_log_and_to_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.INFO, "trunkline.serve"),
        refusing_port() as port,
        proxy_to(f"127.0.0.1:{port}") as address,
        pytest.raises(ConnectionResetError),
        connect(address) as client,
    ):
        client.recv(1)
    (record,) = caplog.records
    assert f"to 127.0.0.1:{port}: 0 bytes sent, 0 bytes received in " in record.message
    assert "Connection refused" in record.message
    assert isinstance(record.error, ConnectionRefusedError)  # type: ignore[attr-defined]


def test_what_went_each_way_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    def answer(connection: socket.socket) -> None:
        receive_all(connection)
        connection.sendall(b"12345")

    with caplog.at_level(logging.INFO, "trunkline.serve"), proxied(answer) as address:
        exchange(address, b"123")
    (record,) = caplog.records
    assert (record.sent, record.received, record.error) == (3, 5, None)  # type: ignore[attr-defined]


@pytest.mark.parametrize("version", [1, 2])
def test_the_target_is_told_who_the_client_is(version: int) -> None:
    heard: list[bytes] = []
    names: list[Address] = []
    with (
        proxied(
            lambda connection: heard.append(receive_all(connection)), proxy_header=version
        ) as address,
        connect(address) as client,
    ):
        names.append(client.getsockname())
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""
    (own,) = names
    if version == 1:
        line = f"PROXY TCP4 {own[0]} {address[0]} {own[1]} {address[1]}\r\n"
        assert heard == [line.encode() + b"hello"]
    else:
        assert heard[0].startswith(b"\r\n\r\n\0\r\nQUIT\n\x21\x11")
        assert socket.inet_aton(own[0]) in heard[0]
        assert heard[0].endswith(b"hello")


def test_a_local_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                echo(connection)

        serving_it = threading.Thread(target=serve)
        serving_it.start()
        with proxy_to(f"unix:{path}") as address:
            assert exchange(address, LARGE) == LARGE
        serving_it.join(PATIENCE)


def test_tls_towards_the_target(certificates: Certificates) -> None:
    paths = certificates.server
    context = TLS(certificate=paths.certificate, key=paths.key).context(server_side=True)

    def echo_by_tls(connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)  # so that Python tries again what would block
        with context.wrap_socket(connection, server_side=True) as secured:
            while data := secured.recv(65536):
                secured.sendall(data)
            secured.unwrap()

    tls = TLS(authorities=certificates.authority.certificate, server_name="localhost")
    with proxied(echo_by_tls, tls=tls) as address:
        assert exchange(address, LARGE) == LARGE


def test_a_target_that_is_not_who_it_shall_be(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    paths = certificates.server
    context = TLS(certificate=paths.certificate, key=paths.key).context(server_side=True)

    def shake_hands(connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
            pass

    tls = TLS(authorities=certificates.authority.certificate, server_name="example.org")
    with (
        caplog.at_level(logging.INFO, "trunkline.serve"),
        proxied(shake_hands, tls=tls) as address,
        pytest.raises(ConnectionResetError),
        connect(address) as client,
    ):
        client.recv(1)
    assert "example.org" in caplog.records[0].message


def test_a_server_that_ends_tls_without_a_word_has_said_everything(
    certificates: Certificates,
) -> None:
    paths = certificates.server
    context = TLS(certificate=paths.certificate, key=paths.key).context(server_side=True)

    def say_and_go(connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        secured = context.wrap_socket(connection, server_side=True)
        secured.recv(1)
        secured.sendall(LARGE)
        secured.close()  # without close_notify

    tls = TLS(authorities=certificates.authority.certificate, server_name="localhost")
    with proxied(say_and_go, tls=tls) as address, connect(address) as client:
        client.sendall(b"x")
        assert receive_all(client) == LARGE


def test_a_client_that_goes_before_there_is_a_target() -> None:
    with EventBase() as base, socket.create_server(("127.0.0.1", 0)) as listener:
        ours, theirs = make_socket_pair()
        settings = Settings(target=parse_target(text_of(listener.getsockname())), timeout=PATIENCE)
        with theirs:
            protocol = ProxyProtocol(settings, Unfinished())
            adopt(base, protocol, ours).abort()
            for _ in range(10):
                base.dispatch(timeout=0)
        assert protocol.is_over
        assert protocol.other.transport is None


# -- datagrams -------------------------------------------------------------------------------------


class Forwarding:
    """A proxy of datagrams, by a clock that is moved by hand."""

    def __init__(self, base: EventBase, clock: ManualClock, target: Address) -> None:
        self.base, self.clock = base, clock
        settings = Settings(target=parse_target(f"udp:{text_of(target)}"), timeout=PATIENCE)
        self.proxy = DatagramProxy(base, settings, 2)
        ours = make_socket(type="datagram", local_host="127.0.0.1", local_port=0)
        self.address: Address = ("127.0.0.1", ours.local_name[1])
        adopt_datagrams(base, self.proxy, ours)

    def turn(self, seconds: float = 0) -> None:
        """Let time pass, and what is due happen."""
        self.clock.advance(seconds)
        for _ in range(10):
            self.base.dispatch(timeout=0)


def udp_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(PATIENCE)
    return made


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with udp_socket() as made:
        yield made


@pytest.fixture
def forwarding(target: socket.socket) -> Iterator[Forwarding]:
    clock = ManualClock()
    with EventBase(clock=clock) as base:
        forwarding = Forwarding(base, clock, target.getsockname())
        yield forwarding
        forwarding.proxy.close()
        forwarding.turn()


@pytest.mark.exact_io("a datagram is there when it was sent")
def test_each_client_gets_the_answers_to_its_own_datagrams(
    forwarding: Forwarding, target: socket.socket
) -> None:
    with udp_socket() as one, udp_socket() as two:
        for client, data in ((one, b"one"), (two, b"two"), (one, b"")):
            client.sendto(data, forwarding.address)
            forwarding.turn()
        heard = [target.recvfrom(100) for _ in range(3)]
        assert [data for data, _ in heard] == [b"one", b"two", b""]
        assert heard[0][1] == heard[2][1] != heard[1][1]
        for data, name in heard:
            target.sendto(data.upper(), name)
        forwarding.turn()
        assert [one.recv(100), two.recv(100), one.recv(100)] == [b"ONE", b"TWO", b""]


@pytest.mark.exact_io("a datagram is there when it was sent")
def test_a_client_that_is_silent_is_forgotten(
    forwarding: Forwarding, target: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with udp_socket() as client, caplog.at_level(logging.INFO, "trunkline.serve"):
        client.sendto(b"one", forwarding.address)
        forwarding.turn()
        _, first = target.recvfrom(100)
        forwarding.turn(SILENCE - 1)
        target.sendto(b"answer", first)
        forwarding.turn()
        forwarding.turn(SILENCE - 1)
        assert not caplog.records
        forwarding.turn(2)
        assert "3 bytes sent, 6 bytes received" in caplog.records[0].message
        client.sendto(b"two", forwarding.address)
        forwarding.turn()
        assert target.recvfrom(100)[1] != first


@pytest.mark.exact_io("a datagram is there when it was sent")
def test_there_are_so_many_clients_and_no_more(
    forwarding: Forwarding, target: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.ExitStack() as opened, caplog.at_level(logging.INFO, "trunkline.serve"):
        clients = [opened.enter_context(udp_socket()) for _ in range(4)]
        for client in clients:
            client.sendto(b"x", forwarding.address)
        forwarding.turn()
        assert {target.recv(100) for _ in range(2)} == {b"x"}
        target.setblocking(False)
        with pytest.raises(BlockingIOError):
            target.recv(100)
    assert [record.message.partition(" ")[2] for record in caplog.records] == [
        "is dropped: there are enough clients"
    ]


# -- the command -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["proxy"], "proxy what?"),
        (["proxy", "localhost"], "has no port"),
        (["proxy", "localhost:80"], "where to listen?"),
        (["proxy", "srv:imap.example.org", "0"], "a proxy has one target"),
        (["proxy", "localhost:80", "0", "--ca", "x"], "write tls:localhost:80"),
        (["proxy", "tls:unix:/x", "0"], "--server-name"),
        (["proxy", "udp:localhost:53", "0", "--workers", "2"], "--workers is for connections"),
        (["proxy", "udp:localhost:53", "0", "--proxy-header", "1"], "--proxy-header is for conn"),
        (["proxy", "udp:localhost:53", "0", "--tls-cert", "x"], "--tls-cert is for connections"),
        (["proxy", "udp:localhost:53", "unix:/x"], "no place for the datagrams"),
        (["http", ".", "0", "--proxy-header", "1"], "--proxy-header is for trunkline serve proxy"),
    ],
)
def test_what_cannot_be_meant_is_told(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_bad_usage(["serve", *words], why, capsys)


@pytest.mark.slow
@pytest.mark.needs_program("openssl")
def test_openssl_speaks_to_a_server_that_speaks_no_tls(certificates: Certificates) -> None:
    paths = certificates.server
    options = ["--tls-cert", str(paths.certificate), "--tls-key", str(paths.key)]
    with (
        echo_server() as server,
        command(
            "serve", "proxy", text_of(server.address), "127.0.0.1:0", *options, "--workers", "2"
        ) as proxy,
    ):
        place = proxy.wait_for_line(r"^listening at (.+)$")[1]
        openssl = [require("openssl"), "s_client", "-connect", place, "-quiet", "-verify_quiet"]
        trust = ["-CAfile", str(certificates.authority.certificate), "-verify_return_error"]
        with Program([*openssl, *trust]) as client:
            client.send("hello\n")
            client.read_until("hello\n")
        proxy.wait_for_line(r" 127\.0\.0\.1:\d+ to .*: 6 bytes sent, 6 bytes received in [\d.]+ s")
        proxy.terminate()
        assert proxy.wait() == 0


@pytest.mark.slow
def test_datagrams_as_a_process(target: socket.socket) -> None:
    where = f"udp:{text_of(target.getsockname())}"
    with command("serve", "proxy", where, "127.0.0.1:0") as proxy, udp_socket() as client:
        port = int(proxy.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$")[1])
        client.sendto(b"hello", ("127.0.0.1", port))
        data, name = target.recvfrom(100)
        target.sendto(data.upper(), name)
        assert client.recv(100) == b"HELLO"
        proxy.terminate()
        assert proxy.wait() == 0
        assert f"to {where}: 5 bytes sent, 5 bytes received" in proxy.output
        assert "Warning" not in proxy.output
