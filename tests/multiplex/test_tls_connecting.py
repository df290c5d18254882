"""Connecting and listening with TLS on an event base."""

import socket
import ssl
from functools import partial
from typing import Any

import pytest
from multiplex.transport_helpers import (
    Recorder,
    run_until,
    settle,
)
from support.backends import wanted_backends
from support.certificates import Certificates
from support.timing import PATIENCE

from trunkline import (
    EventBase,
    TimedOut,
    TLSCertificateError,
    TLSError,
    Transport,
    connect,
    listen,
    make_socket,
)
from trunkline.testing.clock import ManualClock


@pytest.fixture
def backend() -> str:
    """The best one: for what is tested here, it does not matter which."""
    return wanted_backends()[0]


# ---- Connecting and listening ----


def serve(base: EventBase, certificates: Certificates, make: Any, **options: Any) -> Any:
    socket = make_socket(connect="passive", local_host="127.0.0.1")
    return listen(base, socket, make, tls=certificates.server_tls, **options)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_two_of_ours(base: EventBase, certificates: Certificates, host: str) -> None:
    client, server = Recorder(), Recorder()
    with serve(base, certificates, lambda: server, delivery="lines") as listener:
        transport = connect(
            base,
            client,
            remote_host=host,
            remote_port=listener.local_name.port,
            address_family="ipv4",
            tls=certificates.client_tls,
        )
        transport.write("before there is anything\n")
        run_until(base, lambda: server.lines)
        assert server.lines == ["before there is anything"]
        server.transport.write("answer")
        run_until(base, lambda: client.data == b"answer")
        transport.close()
        run_until(base, lambda: client.is_lost and server.is_lost)
        assert client.loss is server.loss is None
        assert not listener.connections
        run_until(base, lambda: not base._lingering)


def test_the_name_is_checked(base: EventBase, certificates: Certificates) -> None:
    client, server = Recorder(), Recorder()
    tls = certificates.authority.client_tls(server_name="other.example")
    with serve(base, certificates, lambda: server) as listener:
        port = listener.local_name.port
        connect(base, client, remote_host="127.0.0.1", remote_port=port, tls=tls)
        run_until(base, lambda: client.is_lost and server.is_lost)
        assert isinstance(client.loss, TLSCertificateError)
        assert (client.loss.failed, client.loss.server_name) == ("name", "other.example")
        assert server.names == ["connection_lost"]
        assert isinstance(server.loss, TLSError)
        run_until(base, lambda: not base._lingering)


def test_sessions_are_gone_on_with(base: EventBase, certificates: Certificates) -> None:
    tls = certificates.authority.client_tls()
    reused = []
    with serve(base, certificates, lambda: Recorder(connection_made=greet)) as listener:
        for _ in range(2):
            client = Recorder()
            transport = connect(
                base,
                client,
                remote_host="127.0.0.1",
                remote_port=listener.local_name.port,
                tls=tls,
            )
            run_until(base, partial(has, client, b"hello"))
            reused.append(transport.session_reused)
            transport.close()
            run_until(base, partial(is_done_with, base, client))
    assert reused == [False, True]


def has(client: Recorder, data: bytes) -> bool:
    return bool(client.data == data)


def is_done_with(base: EventBase, client: Recorder) -> bool:
    return bool(client.is_lost and not base._lingering)


def greet(transport: Transport) -> None:
    transport.write(b"hello")


def test_the_socket_may_know_how_to_speak(base: EventBase, certificates: Certificates) -> None:
    client, server = Recorder(), Recorder()
    socket = make_socket(connect="passive", local_host="127.0.0.1", tls=certificates.server_tls)
    with listen(base, socket, lambda: server) as listener:
        transport = connect(
            base,
            client,
            remote_host="127.0.0.1",
            remote_port=listener.local_name.port,
            tls=certificates.client_tls,
        )
        run_until(base, lambda: client.calls and server.calls)
        assert server.transport.tls_version == "TLSv1.3"
        with pytest.raises(ValueError, match="say it once"):
            listen(base, socket, lambda: server, tls=certificates.server_tls)
        for each in (transport, server.transport):
            each.abort()
        settle(base)


def test_connecting_shares_its_limit_with_the_handshake(
    timed_base: EventBase, clock: ManualClock, certificates: Certificates
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Recorder()
        connect(
            timed_base,
            client,
            remote_host="127.0.0.1",
            remote_port=silent.getsockname()[1],
            tls=certificates.client_tls,
            connect_timeout=5,
        )
        settle(timed_base)
        silent.settimeout(PATIENCE)
        accepted, _ = silent.accept()
        with accepted:
            settle(timed_base)
            clock.advance(4.9)
            settle(timed_base)
            assert not client.calls
            clock.advance(0.2)
            run_until(timed_base, lambda: client.is_lost)
            assert isinstance(client.loss, TimedOut)


def test_connections_that_shake_hands_count_and_are_ended_by_stopping(
    base: EventBase, certificates: Certificates
) -> None:
    protocols: list[Recorder] = []

    def make() -> Recorder:
        protocols.append(Recorder())
        return protocols[-1]

    with serve(base, certificates, make, max_connections=1) as listener:
        address = ("127.0.0.1", listener.local_name.port)
        with socket.create_connection(address), socket.create_connection(address):
            run_until(base, lambda: protocols)
            settle(base)
            assert len(protocols) == len(listener.connections) == 1
            stopped: list[bool] = []
            listener.stop(drain=None, stopped=lambda: stopped.append(True))
            run_until(base, lambda: stopped)
            assert protocols[0].names == ["connection_lost"]


@pytest.mark.slow
def test_many_that_never_finish_their_handshake_delay_nobody(
    base: EventBase, certificates: Certificates
) -> None:
    with serve(base, certificates, lambda: Recorder(connection_made=greet)) as listener:
        address = ("127.0.0.1", listener.local_name.port)
        hello = client_hello(certificates)
        silent = []
        try:
            for number in range(300):
                silent.append(socket.create_connection(address))
                silent[-1].send(hello[: number * 2])
                base.dispatch(timeout=0)
            run_until(base, lambda: len(listener.connections) == 300)
            client = Recorder()
            transport = connect(
                base,
                client,
                remote_host="127.0.0.1",
                remote_port=address[1],
                tls=certificates.client_tls,
            )
            run_until(base, lambda: client.data == b"hello")
            transport.close()
            listener.stop(drain=0)
            run_until(base, lambda: not (listener.connections or base._lingering))
        finally:
            for each in silent:
                each.close()


def client_hello(certificates: Certificates) -> bytes:
    outgoing = ssl.MemoryBIO()
    client = certificates.client_context().wrap_bio(
        ssl.MemoryBIO(), outgoing, server_hostname="localhost"
    )
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_what_cannot_be_is_found_out_at_once(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    here: Any = {"remote_host": "127.0.0.1", "remote_port": 9}
    wrong: Any = "yes"
    with make_socket(connect="passive", local_host="127.0.0.1") as passive:
        with pytest.raises(TypeError, match="tls is"):
            connect(base, protocol, tls=wrong, **here)
        with pytest.raises(ValueError, match="a server's"):
            connect(base, protocol, tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), **here)
        with pytest.raises(ValueError, match="certificate"):
            listen(base, passive, Recorder, tls=certificates.client_tls)
        with pytest.raises(ValueError, match="for clients"):
            listen(base, passive, Recorder, tls=True)
        with pytest.raises(ValueError, match="server_name"):
            connect(base, protocol, address_family="local", remote_filename="/nowhere", tls=True)
        with pytest.raises(ValueError, match="handshake_timeout"):
            connect(base, protocol, tls=True, handshake_timeout=-1, **here)
        assert not passive.closed
    assert base.is_empty
