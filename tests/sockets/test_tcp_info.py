"""What TCP knows of a connection, and who has no such thing."""

import socket
import sys

import pytest
from sockets.helpers import connected_sockets, listening, stream_and_peer
from support.peers import has_ipv6, reset

from trunkline import (
    ConnectionReset,
    NotConnected,
    OptionNotSupported,
    SocketClosed,
    make_socket,
    make_socket_from_fd,
    make_socket_pair,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="others do not tell")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_knows_what_was_sent(host: str) -> None:
    if ":" in host and not has_ipv6():
        pytest.skip("there is no IPv6 here")
    with connected_sockets({"local_host": host}) as (client, server):
        client.write("x" * 1000, flush=True)
        assert server.read_exactly(1000)
        sent, received = client.tcp_info(), server.tcp_info()
        assert sent.state == received.state == "established"
        assert sent.congestion_state == "open"
        assert received.bytes_received == sent.bytes_sent == 1000
        assert sent.bytes_received == 0
        assert 0 < sent.round_trip_time < 60
        assert sent.send_segment_size > 500
        assert sent.congestion_window > 0
        client.set_option("max_pacing_rate", 1_000_000)
        assert client.tcp_info().max_pacing_rate == 1_000_000
        assert sent.max_pacing_rate is None


def test_the_state_follows_the_connection() -> None:
    with connected_sockets() as (client, server):
        client.shutdown(write=True)
        assert server.read() == b""
        assert client.tcp_info().state in ("fin_wait_1", "fin_wait_2")  # acknowledged or not
        assert server.tcp_info().state == "close_wait"


def test_a_connection_that_was_reset_still_knows() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        reset(peer)
        with pytest.raises(ConnectionReset):
            stream.read()
        assert stream.tcp_info().state == "closed"


def test_whoever_has_no_connection_has_an_error() -> None:
    with make_socket() as sock, pytest.raises(NotConnected, match=r"^getsockopt tcp_info\b"):
        sock.tcp_info()
    with connected_sockets() as (client, _):
        client.close()
        with pytest.raises(SocketClosed, match=r"^getsockopt tcp_info\b"):
            client.tcp_info()
    with listening() as listener:
        assert not hasattr(listener, "tcp_info")


def test_what_is_no_tcp_has_an_error() -> None:
    one, other = make_socket_pair()
    with one, other, pytest.raises(OptionNotSupported, match=r"^getsockopt tcp_info\b"):
        one.tcp_info()


def test_another_descriptor_of_it_knows_the_same() -> None:
    with connected_sockets() as (client, _), make_socket_from_fd(client.fileno()) as other:
        assert other.tcp_info().bytes_sent == client.tcp_info().bytes_sent
