"""Which address of the machine a datagram has come to, and answering from there."""

import socket
import sys

import pytest
from sockets.datagrams import NEEDS_IPV6, connected_to, datagrams, receive
from support.timing import PATIENCE

from trunkline import (
    DatagramSocket,
    IPv4Address,
    IPv6Address,
    Received,
    ensure_address,
    make_socket,
    map_ipv4_address_to_ipv6,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says it of IPv4")


def everywhere(host: str = "0.0.0.0") -> DatagramSocket:
    if host == "::":
        return make_socket(type="datagram", local_host=host, packet_info=True, v6_only=False)
    return make_socket(type="datagram", local_host=host, packet_info=True)


def loopback() -> str:
    return next(name for _, name in socket.if_nameindex() if name.startswith("lo"))


def visit(server: DatagramSocket, host: str) -> tuple[DatagramSocket, Received[bytes]]:
    """Send a datagram to one of a server's addresses, and let it receive that."""
    client = make_socket(host, server.local_port, type="datagram")
    client.send_to(b"hello", timeout=PATIENCE)
    return client, receive(server)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9", "127.1.2.3"])
def test_answers_leave_from_the_address_that_was_asked(host: str) -> None:
    with everywhere() as server:
        client, (data, sender) = visit(server, host)
        with client:
            assert (sender.local_host, sender.interface) == (IPv4Address(host), loopback())
            server.send_to(data, sender, timeout=PATIENCE)
            # It would not come here from another address.
            assert receive(client).data == b"hello"
            server.send_many([(b"one", sender), (b"two", sender)], timeout=PATIENCE)
            assert [receive(client).data for _ in range(2)] == [b"one", b"two"]


@NEEDS_IPV6
def test_so_it_is_of_both_families_on_one_socket() -> None:
    with everywhere("::") as server:
        for host in ("::1", "127.0.0.9"):
            client, received = visit(server, host)
            with client:
                asked = ensure_address(host)
                if isinstance(asked, IPv4Address):
                    asked = map_ipv4_address_to_ipv6(asked)
                assert received.sender.local_host == asked
                server.send_to(b"answer", received.sender, timeout=PATIENCE)
                assert receive(client).data == b"answer"


@NEEDS_IPV6
def test_an_address_of_one_link_keeps_its_interface() -> None:
    from trunkline._sys import packet_info

    ask = (41, socket.IPV6_PKTINFO)
    for host, expected in (
        ("fe80::1", ("fe80::1", 3)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("ff02::1", ("::", 3)),
    ):
        came = packet_info._IPV6_PAIR.pack(IPv6Address(host).packed, 3)
        ((level, kind, data),) = packet_info.from_there([(*ask, came)])
        packed, number = packet_info._IPV6_PAIR.unpack(data)
        assert (level, kind) == ask
        assert (str(IPv6Address(packed)), number) == expected


def test_it_is_known_into_a_buffer_too_and_with_a_peek() -> None:
    with everywhere() as server, connected_to_port(server, "127.0.0.9") as client:
        client.send_to(b"hello", timeout=PATIENCE)
        for received in (receive(server, peek=True), receive(server, bytearray(9))):
            assert received.sender.local_host == IPv4Address("127.0.0.9")


def connected_to_port(server: DatagramSocket, host: str) -> DatagramSocket:
    return make_socket(host, server.local_port, type="datagram")


def test_another_socket_answers_as_it_likes() -> None:
    with everywhere() as server, datagrams() as other:
        client, (_, sender) = visit(server, "127.0.0.9")
        with client:
            client.disconnect()
            other.send_to(b"instead", sender, timeout=PATIENCE)


def test_who_does_not_ask_is_not_told() -> None:
    with datagrams() as server, connected_to(server) as client:
        client.send_to(b"hello", timeout=PATIENCE)
        sender = receive(server).sender
        assert (sender.local_host, sender.interface) == (None, None)


@NEEDS_IPV6
@pytest.mark.parametrize("to", ["239.255.0.1", "127.255.255.255"])
def test_what_was_sent_to_a_group_or_to_all_is_answered_on_a_socket_of_both_families(
    to: str,
) -> None:
    with everywhere("::") as server, datagrams(broadcast=True) as client:
        server.join("239.255.0.1", interface=loopback())
        client.multicast_interface = loopback()
        client.send_to(b"hello", to, server.local_port, timeout=PATIENCE)
        data, sender = receive(server)
        assert str(sender.local_host) == str(map_ipv4_address_to_ipv6(IPv4Address(to)))
        server.send_to(data, sender, timeout=PATIENCE)
        assert receive(client).data == b"hello"
