"""Beginning with TLS on a live connection: STARTTLS, in both roles."""

import contextlib
import select
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from multiplex.tls_helpers import ROLES, Peer, context_of, spoken
from multiplex.transport_helpers import Recorder, connected, run_until, settle
from support.backends import wanted_backends
from support.certificates import Certificates
from support.timing import PATIENCE

from trunkline import (
    EventBase,
    NotConnected,
    NotTLS,
    TimedOut,
    TLSTruncated,
    Transport,
    adopt,
    connect,
    listen,
    make_socket,
)
from trunkline.testing.clock import ManualClock


@pytest.fixture
def backend() -> str:
    """The best one: for what is tested here, it does not matter which."""
    return wanted_backends()[0]


FORMS = ["lines", "bytes", "text", "buffer"]


def upgrade(transport: Transport, certificates: Certificates, role: str, **options: Any) -> None:
    name = "localhost" if role == "client" else None
    is_server = role == "server"
    tls = spoken(certificates, role)
    transport.start_tls(tls, server_side=is_server, server_name=name, **options)


@contextlib.contextmanager
def plain(
    base: EventBase, protocol: Recorder, certificates: Certificates, role: str, **options: Any
) -> Iterator[tuple[Transport, Peer]]:
    """Yield a transport that speaks no TLS yet, and its peer."""
    with connected(base, protocol, socket.AF_INET, **options) as (transport, sock):
        peer = Peer(base, sock, context_of(certificates, role, "1.3"), server_side=role == "client")
        yield transport, peer
        transport.abort()
        sock.close()
        run_until(base, lambda: not base._lingering)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("delivery", FORMS)
def test_a_conversation_goes_on_with_tls(
    base: EventBase, certificates: Certificates, role: str, delivery: Any
) -> None:
    def on_request(_: object) -> None:
        transport = protocol.transport
        if not transport.speaks_tls and protocol.everything == b"STARTTLS\n":
            transport.write("go ahead\n")
            upgrade(transport, certificates, role)
            transport.write("inside\n")

    protocol = Recorder(
        line_received=on_request,
        data_received=on_request,
        text_received=on_request,
        buffer_updated=on_request,
    )
    with plain(base, protocol, certificates, role, delivery=delivery) as (transport, peer):
        peer.send_plainly(b"STARTTLS\n")
        run_until(base, lambda: "connection_made" in protocol.names and not transport.is_connected)
        assert peer.receive_plainly(9) == b"go ahead\n"
        assert (transport.fileno(), transport.speaks_tls) == (-1, False)
        peer.shake_hands()
        assert peer.read_exactly(7) == b"inside\n"
        assert protocol.got("tls_started") == [transport]
        assert transport.tls_version == "TLSv1.3"
        peer.write(b"more\n")
        peer.until(lambda: protocol.everything == b"STARTTLS\nmore\n")
        peer.end()
        peer.until(lambda: protocol.is_lost)
        assert protocol.loss is None
        assert protocol.names.count("connection_made") == 1


def test_a_handshake_that_has_come_already_is_taken(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    protocol.then["line_received"] = lambda _: upgrade(protocol.transport, certificates, "server")
    with plain(base, protocol, certificates, "server", delivery="lines") as (transport, peer):
        with pytest.raises(ssl.SSLWantReadError):
            peer.object.do_handshake()
        peer.unsent = b"STARTTLS\n" + peer.outgoing.read()
        peer.shake_hands()
        peer.until(lambda: transport.speaks_tls)
        assert protocol.lines == ["STARTTLS"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.exact_io("what is behind the line may come later")
def test_plain_text_behind_the_upgrade_is_refused(
    base: EventBase, certificates: Certificates, role: str
) -> None:
    protocol = Recorder()
    protocol.then["line_received"] = lambda _: upgrade(protocol.transport, certificates, role)
    with plain(base, protocol, certificates, role, delivery="lines") as (_, peer):
        peer.send_plainly(b"STARTTLS\nMAIL FROM:<somebody.else>\n")
        run_until(base, lambda: protocol.is_lost)
        assert protocol.lines == ["STARTTLS"]
        assert isinstance(protocol.loss, NotTLS)
        assert "26 bytes have come before TLS began" in str(protocol.loss)
        assert "127.0.0.1" in str(protocol.loss)


def test_plain_text_that_a_client_receives_later_is_refused(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with plain(base, protocol, certificates, "client", delivery="lines") as (transport, peer):
        upgrade(transport, certificates, "client")
        peer.send_plainly(b"250 this is not it\n")
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, NotTLS)


def test_what_is_queued_is_sent_first_though_it_is_much(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with plain(base, protocol, certificates, "server", high_water=1000) as (transport, peer):
        much = bytes(range(256)) * 20_000
        transport.write(much)
        assert "pause_writing" in protocol.names
        upgrade(transport, certificates, "server")
        transport.write(b"inside")
        assert peer.receive_plainly(len(much)) == much
        peer.shake_hands()
        assert peer.read_exactly(6) == b"inside"
        assert protocol.names[-2:] == ["tls_started", "resume_writing"]


def test_the_limit_of_time_is_for_all_of_it(
    timed_base: EventBase, clock: ManualClock, certificates: Certificates
) -> None:
    protocol = Recorder()
    with plain(timed_base, protocol, certificates, "server") as (transport, _):
        upgrade(transport, certificates, "server", timeout=5)
        clock.advance(4)
        settle(timed_base)
        assert not protocol.is_lost
        clock.advance(2)
        run_until(timed_base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TimedOut)


def test_a_peer_that_goes_away_is_told(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    with plain(base, protocol, certificates, "server") as (transport, peer):
        upgrade(transport, certificates, "server")
        peer.socket.shutdown(socket.SHUT_WR)
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TLSTruncated)


def test_what_cannot_be_leaves_all_as_it_was(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    with plain(base, protocol, certificates, "server") as (transport, peer):
        with pytest.raises(TypeError, match="tls is"):
            transport.start_tls(None)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="for clients"):
            transport.start_tls(True, server_side=True)
        with pytest.raises(ValueError, match="timeout"):
            upgrade(transport, certificates, "server", timeout=-1)
        transport.hold_output()
        transport.write(b"held")
        with pytest.raises(ValueError, match="release_output"):
            upgrade(transport, certificates, "server")
        transport.release_output()
        assert peer.receive_plainly(4) == b"held"
        transport.write_eof()
        with pytest.raises(ValueError, match="write_eof"):
            upgrade(transport, certificates, "server")
        transport.close()
        with pytest.raises(NotConnected):
            upgrade(transport, certificates, "server")


def test_a_client_expects_the_host_that_it_connected_to(
    base: EventBase, certificates: Certificates
) -> None:
    client = Recorder()
    server = Recorder()
    with listen(
        base, make_socket(connect="passive", local_host="127.0.0.1"), lambda: server
    ) as listener:
        transport = connect(
            base,
            client,
            remote_host="localhost",
            remote_port=listener.local_name.port,
            address_family="ipv4",
        )
        run_until(base, lambda: client.calls and server.calls)
        upgrade(server.transport, certificates, "server")
        transport.start_tls(certificates.client_tls)
        run_until(base, lambda: transport.speaks_tls and server.transport.speaks_tls)
        transport.write(b"hello")
        run_until(base, lambda: server.data == b"hello")
        transport.close()
        run_until(base, lambda: client.is_lost and server.is_lost and not base._lingering)


@pytest.mark.exact_io("a line that is waited for while nothing is dispatched comes whole")
def test_a_blocking_conversation_goes_on_with_tls_on_an_event_base(
    base: EventBase, certificates: Certificates
) -> None:
    client, server = Recorder(), Recorder()
    with make_socket(connect="passive", local_host="127.0.0.1") as listener:
        one = make_socket("localhost", listener.local_port, address_family="ipv4", timeout=PATIENCE)
        other = listener.accept()
    other.timeout = PATIENCE
    one.write_line("STARTTLS", flush=True)
    assert other.read_line() == "STARTTLS"
    other.write_line("go ahead", flush=True)
    other.write("and this is queued\n", flush=False)
    assert one.read_line() == "go ahead"
    adopt(base, server, other, tls=certificates.server_tls, server_side=True)
    run_until(base, lambda: one.has_buffered_input or select.select([one], [], [], 0)[0])
    assert one.read_line() == "and this is queued"
    transport = adopt(base, client, one, tls=certificates.client_tls)
    transport.write(b"hello")
    run_until(base, lambda: server.data == b"hello")
    transport.close()
    run_until(base, lambda: client.is_lost and server.is_lost and not base._lingering)


def test_a_socket_that_speaks_tls_is_not_adopted(
    base: EventBase, certificates: Certificates
) -> None:
    with (
        make_socket(
            connect="passive", local_host="127.0.0.1", tls=certificates.server_tls
        ) as listener,
        socket.create_connection(("127.0.0.1", listener.local_port)),
        listener.accept() as accepted,
    ):
        with pytest.raises(ValueError, match="its keys stay"):
            adopt(base, Recorder(), accepted)
        assert not accepted.closed
