"""Addresses with a zone: taken, kept in names, and told in errors, wherever there are addresses.

`test_zones` runs this on a network of its own, whose only link-local address is `HERE`.
"""

import pickle
import socket
from collections.abc import Iterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest
from support.timing import PATIENCE

from trunkline import (
    AddressNotAvailable,
    ConnectionRefused,
    Endpoint,
    EventBase,
    NoName,
    NoSuchDevice,
    Resolution,
    Server,
    SocketError,
    ensure_hostname,
    evented,
    lookup_hostname,
    make_socket,
)
from trunkline.dialects import clisp, lispworks
from trunkline.multiplex import Transport, TransportProtocol, connect, listen
from trunkline.names import CachingResolver, DNSResolver, PTRRecord, TXTRecord
from trunkline.testing.dns import DNSServer

HERE = IPv6Address("fe80::1%lo")
ANY_PORT = socket.getservbyname("discard")  # that there is nobody does not matter
NOWHERE = "fe80::1%nowhere"
BY_NUMBER = f"fe80::1%{socket.if_nametoindex('lo')}"


@pytest.fixture
def port() -> Iterator[int]:
    """Yield a port at which a server echoes lines."""

    def echo(connection: Any) -> None:
        for line in connection:
            connection.write_line(f"{connection.remote_host}: {line}")
            connection.finish_output()

    with Server(echo, host=HERE) as server:
        assert server.local_names == (Endpoint(HERE, server.port),)
        server.start()
        yield server.port


@pytest.mark.parametrize("host", [HERE, "fe80::1%lo", BY_NUMBER])
def test_blocking(port: int, host: Any) -> None:
    with make_socket(host, port, timeout=PATIENCE, local_host=host) as sock:
        sock.write_line("hello")
        sock.finish_output()
        assert sock.read_line() == "fe80::1%lo: hello"
        assert (sock.local_host, sock.remote_host) in (
            (HERE, HERE),
            (HERE, IPv6Address(BY_NUMBER)),  # it says what it was given
        )
        assert str(sock.local_name) == f"[fe80::1%lo]:{sock.local_port}"


class Noting(TransportProtocol):
    def __init__(self) -> None:
        self.transport: Transport | None = None
        self.line = b""
        self.error: Exception | None = None
        self.is_over = False

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self.name = transport.remote_name
        transport.write(b"hello\n")

    def data_received(self, data: bytes) -> None:
        self.line += data
        if data.endswith(b"\n"):
            assert self.transport is not None
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.error = error
        self.is_over = True
        if self.transport is not None:
            self.transport.event_base.exit()


def test_on_an_event_base(port: int) -> None:
    noting = Noting()
    with EventBase(exit_when_empty=True) as base:
        connect(base, noting, remote_host="fe80::1%lo", remote_port=port)
        base.dispatch(timeout=PATIENCE)
    assert noting.line == b"fe80::1%lo: hello\n"
    assert noting.name == Endpoint(HERE, port)


def test_listening_on_an_event_base() -> None:
    noting = Noting()
    with EventBase(exit_when_empty=True) as base:
        listening = make_socket(connect="passive", local_host="fe80::1%lo")
        port = listening.local_port
        listener = listen(base, listening, lambda: noting)
        assert listener.local_name == Endpoint(HERE, port)
        with make_socket("fe80::1%lo", port, timeout=PATIENCE) as client:
            name = client.local_name
            client.write(b"bye\n")
            client.finish_output()
            while not noting.is_over:
                base.dispatch(timeout=PATIENCE)
            assert client.read_line() == "hello"
        listener.close()
    assert noting.name == name == Endpoint(HERE, name.port)


def test_with_callbacks(port: int) -> None:
    told: list[Any] = []

    def main() -> None:
        def read(sock: Any, data: bytes) -> None:
            told.append((sock.remote_name, data))
            sock.close()

        evented.tcp_connect("fe80::1%lo", port, read, told.append, data="hello\n")

    evented.start_event_loop(main)
    assert told == [(Endpoint(HERE, port), b"fe80::1%lo: hello\n")]


def test_in_dialects(port: int) -> None:
    with clisp.socket_connect(port, "fe80::1%lo", timeout=PATIENCE) as stream:
        assert clisp.socket_stream_peer(stream, True)[0] == "fe80::1%lo"
    opened = lispworks.open_tcp_stream("fe80::1%lo", port, timeout=PATIENCE)
    with opened as stream:
        assert stream.remote_host == HERE


class Directory:
    """A resolver whose only host has the address that has a zone."""

    def resolve(self, host: str, **options: Any) -> Resolution:
        return Resolution((HERE,), host)

    def reverse(self, address: Any, **options: Any) -> str:
        assert address == HERE
        return "here.test"


def test_an_address_that_was_looked_up(port: int) -> None:
    for resolver in (Directory(), CachingResolver(Directory())):
        assert lookup_hostname("here.test", resolver=resolver).address == HERE
        assert lookup_hostname("fe80::1%lo", resolver=resolver).canonical_name == "here.test"
        with make_socket("here.test", port, resolver=resolver, timeout=PATIENCE) as sock:
            assert sock.remote_name == Endpoint(HERE, port)
    assert ensure_hostname("fe80::1%lo") == HERE


def test_the_table_of_hosts(tmp_path: Path) -> None:
    table = tmp_path / "hosts"
    table.write_text("fe80::1%lo here.test\n")
    resolver = DNSResolver(["::1"], config_file=None, hosts_file=table)
    assert resolver.resolve("here.test").addresses == (HERE,)
    assert resolver.reverse(HERE) == "here.test"


def test_a_name_server(tmp_path: Path) -> None:
    pointer = ".".join("1" + "0" * 28 + "8ef") + ".ip6.arpa"
    text = TXTRecord("text.test", 60, (b"hello",))
    with DNSServer(text, PTRRecord(pointer, 60, "here.test"), host="fe80::1%lo") as server:
        assert server.endpoint == Endpoint(HERE, server.endpoint.port)
        resolver = DNSResolver([server.endpoint], config_file=None, hosts_file=None)
        answer = resolver.query("text.test", "TXT")
        assert answer.server == server.endpoint
        # The zone of an address is this machine's business: nobody else knows it.
        assert resolver.reverse(HERE) == "here.test"
        with pytest.raises(NoName) as caught:
            resolver.reverse(IPv6Address("fe80::2%lo"))
        assert caught.value.host == IPv6Address("fe80::2%lo")
        assert server.queries[0].source.host == HERE
    config = tmp_path / "resolv.conf"
    config.write_text("nameserver fe80::1%lo\n")
    config_resolver = DNSResolver(config_file=config)
    assert config_resolver.config.servers == (Endpoint(HERE, 53),)


def test_errors_say_which_zone() -> None:
    with make_socket(connect="passive", address_family="ipv6") as nobody:
        nobody.bind(HERE)  # and does not listen
        name = nobody.local_name
        with pytest.raises(ConnectionRefused) as refused:
            make_socket(*name)
    assert pickle.loads(pickle.dumps(refused.value)).address == name == Endpoint(HERE, name.port)
    assert str(refused.value).startswith(f"connect [fe80::1%lo]:{name.port}: ")
    with pytest.raises(AddressNotAvailable, match=r"bind \[fe80::2%lo\]:0"):
        make_socket(connect="passive", local_host="fe80::2%lo")


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: make_socket(NOWHERE, ANY_PORT),
        lambda: make_socket(connect="passive", local_host=NOWHERE),
        lambda: make_socket("::1", ANY_PORT, local_host=NOWHERE),
    ],
)
def test_a_zone_that_there_is_not_is_told_at_once(attempt: Any) -> None:
    with pytest.raises(NoSuchDevice) as caught:
        attempt()
    assert "fe80::1%nowhere" in str(caught.value)


def test_and_on_an_event_base_too() -> None:
    noting = Noting()
    with EventBase(exit_when_empty=True) as base:
        connect(base, noting, remote_host=NOWHERE, remote_port=ANY_PORT)
        base.dispatch(timeout=PATIENCE)
    assert isinstance(noting.error, NoSuchDevice)
    assert isinstance(noting.error, SocketError)
    assert noting.error.address == Endpoint(IPv6Address(NOWHERE), ANY_PORT)
