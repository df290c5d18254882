"""Believing proxies: whose header is read, how much of the connection that is, and the names."""

import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from sockets.helpers import Call, connected_sockets, stream_and_peer
from support.peers import has_ipv6, reset
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    BadProxyHeader,
    ConnectionReset,
    Endpoint,
    IPv4Address,
    LocalAddress,
    ProxyHeader,
    ProxyTLV,
    TimedOut,
    fd_readable,
    make_socket,
    proxy_header,
    proxy_protocol,
)

CLIENT = Endpoint(IPv4Address("192.0.2.7"), 56324)
SERVICE = Endpoint(IPv4Address("198.51.100.1"), 443)
V1 = ProxyHeader(CLIENT, SERVICE, version=1)
V2 = ProxyHeader(CLIENT, SERVICE, tlvs=((ProxyTLV.AUTHORITY, b"example.org"),))
HEADERS = [V1.encode(), V2.encode(), V2.encode(checksum=True)]
LOOPBACK = ["127.0.0.0/8"]


@pytest.fixture(params=HEADERS, ids=["v1", "v2", "v2 with checksum"])
def header(request: pytest.FixtureRequest) -> bytes:
    data: bytes = request.param
    return data


@pytest.fixture
def connection() -> Iterator[tuple[ActiveSocket, ActiveSocket]]:
    """Yield the server's end of a TCP connection, and the proxy's."""
    with connected_sockets() as (proxy, server):
        yield server, proxy


def send(proxy: ActiveSocket, data: bytes) -> None:
    proxy.write(data)
    proxy.finish_output(timeout=PATIENCE)


def wait_until_received(server: ActiveSocket) -> None:
    """Wait until another thread has taken all that has come."""
    deadline = time.monotonic() + PATIENCE
    while fd_readable(server):
        assert time.monotonic() < deadline


# ---- Who is believed ----


def test_the_client_s_name_is_the_header_s(
    connection: tuple[ActiveSocket, ActiveSocket], header: bytes
) -> None:
    server, proxy = connection
    send(proxy, header)
    assert proxy_protocol(LOOPBACK)(server) == CLIENT
    assert server.local_name == SERVICE
    said = proxy_header(server)
    assert said is not None
    assert (said.source, said.destination) == (CLIENT, SERVICE)
    assert said.get(ProxyTLV.AUTHORITY) == (b"example.org" if said.version == 2 else None)


@pytest.mark.parametrize(
    "trusted",
    [
        ["192.0.2.0/24", "127.0.0.1"],
        [ip_network("127.0.0.0/8")],
        [ip_address("127.0.0.1")],
        (each for each in ["0.0.0.0/0"]),
    ],
    ids=["text", "a network", "an address", "everybody"],
)
def test_trust_is_given_to_addresses_and_networks(
    connection: tuple[ActiveSocket, ActiveSocket], trusted: Any
) -> None:
    server, proxy = connection
    send(proxy, V1.encode())
    assert proxy_protocol(trusted)(server) == CLIENT


@pytest.mark.parametrize("trusted", [["192.0.2.0/24", "::/0", "local"], ["127.0.0.2"]])
def test_whoever_is_not_trusted_is_a_client_like_any_other(
    connection: tuple[ActiveSocket, ActiveSocket], header: bytes, trusted: list[str]
) -> None:
    server, proxy = connection
    names = server.remote_name, server.local_name
    preamble = proxy_protocol(trusted)
    assert preamble(server) is None  # which does not even wait for something to come
    send(proxy, header)
    assert server.read_exactly(len(header), timeout=PATIENCE) == header
    assert (server.remote_name, server.local_name) == names
    assert proxy_header(server) is None


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
def test_an_ipv4_proxy_is_known_by_its_ipv4_mapped_address() -> None:
    with make_socket(connect="passive", local_host="::", v6_only=False) as listener:
        port = listener.local_port
        with (
            make_socket(remote_host="127.0.0.1", remote_port=port) as proxy,
            listener.accept() as server,
        ):
            send(proxy, V1.encode())
            assert proxy_protocol(LOOPBACK)(server) == CLIENT


def test_local_proxies_are_trusted_by_that_name() -> None:
    names = LocalAddress("/client"), LocalAddress("/server")
    for header in (V1, ProxyHeader(*names)):
        with stream_and_peer() as (server, proxy):
            proxy.sendall(header.encode())
            assert proxy_protocol(["local"])(server) == header.source
    with stream_and_peer() as (server, proxy):
        assert proxy_protocol(["0.0.0.0/0", "::/0"])(server) is None


def test_a_proxy_may_name_nobody(connection: tuple[ActiveSocket, ActiveSocket]) -> None:
    server, proxy = connection
    names = server.remote_name, server.local_name
    preamble = proxy_protocol(LOOPBACK)
    for nobody in (
        ProxyHeader(None, None, version=1),
        ProxyHeader(None, None),
        ProxyHeader(None, None, local=True),
    ):
        send(proxy, nobody.encode())
        assert preamble(server) is None
        assert (server.remote_name, server.local_name) == names
        assert proxy_header(server) == nobody


# ---- How much is read ----


def test_what_follows_the_header_stays_with_the_system(
    connection: tuple[ActiveSocket, ActiveSocket], header: bytes
) -> None:
    server, proxy = connection
    send(proxy, header + b"rest\n")
    proxy_protocol(LOOPBACK)(server)
    assert not server.has_buffered_input
    assert server.receive_from(100, timeout=PATIENCE)[0] == b"rest\n"


def test_the_header_may_come_in_any_pieces(header: bytes) -> None:
    preamble = proxy_protocol(LOOPBACK, timeout=PATIENCE)
    with connected_sockets() as (proxy, server), Call(preamble, server) as reading:
        for number in range(len(header)):
            assert reading.is_running
            send(proxy, header[number : number + 1])
        assert reading.result() == CLIENT
        send(proxy, b"rest\n")
        assert server.read_line(timeout=PATIENCE) == "rest"


def test_a_second_header_is_input(connection: tuple[ActiveSocket, ActiveSocket]) -> None:
    server, proxy = connection
    send(proxy, V1.encode() * 2)
    proxy_protocol(LOOPBACK)(server)
    assert server.read_line(timeout=PATIENCE).startswith("PROXY TCP4")


# ---- Proxies that send something else ----

WRONG = [
    b"GET / HTTP/1.0\r\n",
    b"PROXY TCP4 nonsense\r\n",
    b"\r\n\r\nhello",
    V2.encode()[:12] + b"1",
]


@pytest.mark.parametrize("data", WRONG)
def test_without_a_header_there_is_no_connection(
    connection: tuple[ActiveSocket, ActiveSocket], data: bytes
) -> None:
    server, proxy = connection
    peer = server.remote_name
    send(proxy, data)
    with pytest.raises(BadProxyHeader) as error:
        proxy_protocol(LOOPBACK)(server)
    assert error.value.address == peer
    assert str(peer) in str(error.value)
    assert proxy_header(server) is None


@pytest.mark.parametrize("start", [b"", b"PRO", HEADERS[0][:-1], HEADERS[1][:-1]])
def test_a_connection_that_ends_early_is_an_error(
    connection: tuple[ActiveSocket, ActiveSocket], start: bytes
) -> None:
    server, proxy = connection
    send(proxy, start)
    proxy.close()
    with pytest.raises(BadProxyHeader, match="ended"):
        proxy_protocol(LOOPBACK)(server)


def test_a_reset_is_a_reset() -> None:
    with stream_and_peer(socket.AF_INET) as (server, proxy):
        reset(proxy)
        with pytest.raises(ConnectionReset):
            proxy_protocol(LOOPBACK)(server)


@pytest.mark.parametrize("start", [b"", b"PRO", HEADERS[0][:-1], HEADERS[1][:-1]])
def test_the_time_is_limited(connection: tuple[ActiveSocket, ActiveSocket], start: bytes) -> None:
    server, proxy = connection
    send(proxy, start)
    with pytest.raises(TimedOut):
        proxy_protocol(LOOPBACK, timeout=20 * MS)(server)


def test_a_long_header_is_refused_before_it_has_come(
    connection: tuple[ActiveSocket, ActiveSocket],
) -> None:
    server, proxy = connection
    long = ProxyHeader(CLIENT, SERVICE, tlvs=((ProxyTLV.NOOP, bytes(1000)),)).encode()
    send(proxy, long[:16])
    with pytest.raises(BadProxyHeader, match="1000 are allowed"):
        proxy_protocol(LOOPBACK, max_size=1000)(server)


# ---- Proxies that may send something else ----


@pytest.mark.parametrize(
    "pieces",
    [
        [b"GET /\n"],
        [b"P", b"ING\n"],
        [b"PROX", b"IMA\n"],
        [b"PROXY ", b"hello\n"],
        [b"PROXY T", b"CP5 1 2\n"],
        [b"PROXY UNKNOWN", b"S\n"],
    ],
)
def test_where_no_header_is_required_a_plain_client_loses_nothing(pieces: list[bytes]) -> None:
    preamble = proxy_protocol(LOOPBACK, required=False, grace=PATIENCE)
    with connected_sockets() as (proxy, server), Call(preamble, server) as reading:
        peer = server.remote_name
        for piece in pieces:
            assert reading.is_running
            send(proxy, piece)
            if piece is not pieces[-1]:
                wait_until_received(server)
        assert reading.result() is None
        assert server.read_line(timeout=PATIENCE) == b"".join(pieces).decode().strip()
        assert server.remote_name == peer


# What might still become a header, of either version.
STARTS = [b"", b"P", b"PROXY TCP4", b"\r\n", HEADERS[1][:11]]


@pytest.mark.parametrize("start", STARTS)
def test_where_none_is_required_a_client_that_waits_is_served(
    connection: tuple[ActiveSocket, ActiveSocket], start: bytes
) -> None:
    server, proxy = connection
    peer = server.remote_name
    send(proxy, start)
    assert proxy_protocol(LOOPBACK, required=False, grace=20 * MS)(server) is None
    assert server.remote_name == peer
    server.write(b"hello\n")
    server.finish_output()
    assert proxy.read_line(timeout=PATIENCE) == "hello"
    send(proxy, b"!")
    assert server.read_exactly(len(start) + 1, timeout=PATIENCE) == start + b"!"


def test_a_header_that_comes_too_late_is_input(
    connection: tuple[ActiveSocket, ActiveSocket],
) -> None:
    server, proxy = connection
    assert proxy_protocol(LOOPBACK, required=False, grace=0)(server) is None
    send(proxy, HEADERS[0])
    assert server.read_exactly(len(HEADERS[0]), timeout=PATIENCE) == HEADERS[0]
    assert proxy_header(server) is None


@pytest.mark.parametrize("start", STARTS)
def test_where_none_is_required_a_client_may_end_early(
    connection: tuple[ActiveSocket, ActiveSocket], start: bytes
) -> None:
    server, proxy = connection
    send(proxy, start)
    proxy.close()
    assert proxy_protocol(LOOPBACK, required=False, grace=None)(server) is None
    assert server.read_exactly(len(start), timeout=PATIENCE) == start
    assert server.read(timeout=PATIENCE) == b""


def test_where_none_is_required_a_check_of_health_may_end_by_a_reset() -> None:
    with stream_and_peer(socket.AF_INET) as (server, proxy):
        reset(proxy)
        assert proxy_protocol(LOOPBACK, required=False)(server) is None
        assert server.read(timeout=PATIENCE) == b""


def test_the_time_to_begin_is_no_longer_than_that_for_the_whole(
    connection: tuple[ActiveSocket, ActiveSocket],
) -> None:
    preamble = proxy_protocol(LOOPBACK, required=False, grace=10 * PATIENCE, timeout=20 * MS)
    with Call(preamble, connection[0]) as reading:
        assert reading.result() is None


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_has_begun_has_the_whole_time(header: bytes) -> None:
    preamble = proxy_protocol(LOOPBACK, required=False, grace=PATIENCE / 2, timeout=PATIENCE)
    with connected_sockets() as (proxy, server), Call(preamble, server) as reading:
        send(proxy, header[:-1])
        wait_until_received(server)
        send(proxy, header[-1:])
        assert reading.result() is not None


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_that_has_begun_must_come_whole_and_in_time(
    connection: tuple[ActiveSocket, ActiveSocket], header: bytes
) -> None:
    server, proxy = connection
    send(proxy, header[:-1])
    with pytest.raises(TimedOut):
        proxy_protocol(LOOPBACK, required=False, grace=PATIENCE, timeout=20 * MS)(server)
    assert proxy_header(server) is None


def test_what_has_begun_as_a_header_must_be_one(
    connection: tuple[ActiveSocket, ActiveSocket],
) -> None:
    server, proxy = connection
    send(proxy, b"PROXY TCP4 nonsense\r\n")
    with pytest.raises(BadProxyHeader):
        proxy_protocol(LOOPBACK, required=False)(server)


# ---- Mistakes ----


@pytest.mark.parametrize(
    ("trusted", "options", "error"),
    [
        ("10.0.0.0/8", {}, TypeError),
        ([], {}, ValueError),
        ([1], {}, TypeError),
        ([b"127.0.0.1"], {}, TypeError),
        (["localhost"], {}, ValueError),
        (["10.0.0.1/8"], {}, ValueError),
        (["127.0.0.1"], {"timeout": -1}, ValueError),
        (["127.0.0.1"], {"timeout": "1"}, TypeError),
        (["127.0.0.1"], {"grace": -1}, ValueError),
        (["127.0.0.1"], {"max_size": 106}, ValueError),
        (["127.0.0.1"], {"max_size": 65_552}, ValueError),
    ],
)
def test_mistakes_are_found_at_once(
    trusted: Any, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        proxy_protocol(trusted, **options)
