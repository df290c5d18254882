"""Datagrams between two networks, over a real link: what does not exist on loopback.

`test_links` runs this on a network of its own. A second one is made here, as "away"; between them
is a link from `NEAR` to `FAR`, behind which there is a network whose packets have to be smaller.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from multiplex.datagram_helpers import Noting, opened
from multiplex.transport_helpers import run_until, settle
from support.timing import MS, PATIENCE

from trunkline import (
    ConnectionRefused,
    DatagramEndpoint,
    DatagramProtocol,
    Endpoint,
    EventBase,
    HostUnreachable,
    IPv4Address,
    MessageTooLong,
    Sender,
    make_socket,
)

NEAR, FAR, FAR_TOO, BEYOND = "10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.1.2"
NOWHERE = "10.9.2.2"  # to which the far end has no way
GROUP = "239.9.9.9"
DISCOVER, ALWAYS = 10, 2  # IP_MTU_DISCOVER, IP_PMTUDISC_DO: never tear a datagram into pieces
NETWORK = 0x40000000  # CLONE_NEWNET

libc = ctypes.CDLL(None, use_errno=True)


def run(command: str) -> bool:
    """Run a command on the network that we are on; return whether that worked."""
    return not subprocess.run(
        command.split(), capture_output=True, timeout=PATIENCE, check=False
    ).returncode


class Away:
    """The other network; a socket stays on the network on which it was made."""

    def __init__(self) -> None:
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        assert libc.unshare(NETWORK) == 0
        self._away = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._go(self._home)
        self.path = f"/proc/{os.getpid()}/fd/{self._away}"

    @contextmanager
    def there(self) -> Iterator[None]:
        """Be on it for a while."""
        self._go(self._away)
        try:
            yield
        finally:
            self._go(self._home)

    @staticmethod
    def _go(namespace: int) -> None:
        assert libc.setns(namespace, NETWORK) == 0

    def close(self) -> None:
        """Let it end, as soon as nothing is on it any more."""
        os.close(self._home)
        os.close(self._away)


@pytest.fixture(scope="module")
def away() -> Iterator[Away]:
    """Make the other network, and the link."""
    away = Away()
    assert run(f"ip link add near type veth peer name far netns {away.path}")
    assert run(f"ip addr add {NEAR}/24 dev near")
    with away.there():
        for address in (FAR, FAR_TOO):
            assert run(f"ip addr add {address}/24 dev far")
        assert run("ip link set lo up")
        assert run("ip link set far up")
        assert run("ip link add beyond mtu 1000 type veth peer name end")
        assert run("ip addr add 10.9.1.1/24 dev beyond")
        assert run("ip link set end up")
        assert run("ip link set beyond up")
        assert run("ip route add unreachable 10.9.2.0/24")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    assert run("ip link set near up")
    assert run(f"ip route add 10.9.0.0/16 via {FAR}")
    try:
        yield away
    finally:
        run("ip link del near")
        away.close()


@pytest.fixture
def base() -> Iterator[EventBase]:
    with EventBase() as base:
        yield base


@contextmanager
def far_echo(base: EventBase, away: Away, **options: Any) -> Iterator[tuple[DatagramEndpoint, Any]]:
    """Yield an endpoint at the far end that sends back what comes, and its protocol."""

    def echo(data: bytes, sender: Sender) -> None:
        protocol.endpoint.send_to(data, sender)

    protocol = Noting(datagram_received=echo)
    with away.there():
        opening = opened(base, protocol, local_host="0.0.0.0", packet_info=True, **options)
        endpoint = opening.__enter__()
    try:
        yield endpoint, protocol
    finally:
        opening.__exit__(None, None, None)


@contextmanager
def loss() -> Iterator[None]:
    """Have the link lose datagrams: by chance, or where the system cannot do that, all that is more
    than a little at a time.
    """
    ways = ("netem loss 20%", "tbf rate 2mbit burst 3000 limit 6000")
    assert any(run(f"tc qdisc add dev near root {way}") for way in ways)
    try:
        yield
    finally:
        assert run("tc qdisc del dev near root")


class Stubborn(DatagramProtocol):
    """Sends each of many questions until it is answered, and no more than some at a time."""

    def __init__(self, count: int) -> None:
        self.unanswered = {b"%d" % number + bytes(1000) for number in range(count)}

    def connection_made(self, endpoint: DatagramEndpoint) -> None:
        self.endpoint = endpoint
        self.ask()

    def ask(self) -> None:
        for each in sorted(self.unanswered)[:50]:
            self.endpoint.send_to(each)

    def datagram_received(self, data: bytes, sender: Sender) -> None:
        self.unanswered.discard(data)


def test_what_is_lost_is_sent_again(base: EventBase, away: Away) -> None:
    with far_echo(base, away) as (server, _), loss():
        protocol = Stubborn(200)
        port = server.local_name.port
        with opened(base, protocol, remote_host=FAR, remote_port=port) as client:
            base.add_timer(protocol.ask, 20 * MS)
            run_until(base, lambda: not protocol.unanswered, "the last answer")
            settle(base)
            assert server.received < client.sent
            assert client.received >= 200
            assert (client.failed, client.dropped, server.failed) == (0, 0, 0)


def test_answers_leave_from_the_address_that_was_asked(base: EventBase, away: Away) -> None:
    with far_echo(base, away) as (server, protocol):
        for host in (FAR, FAR_TOO):
            name = Endpoint(IPv4Address(host), server.local_name.port)
            with make_socket(*name, type="datagram") as client:
                client.send_to(host.encode())
                run_until(base, lambda: host.encode() in protocol.data)  # noqa: B023 - called here
                assert client.receive_from(timeout=PATIENCE).data == host.encode()
                assert client.local_host == IPv4Address(NEAR)
            sender = protocol.calls[-1][1][1]
            assert (sender.host, sender.local_host) == (IPv4Address(NEAR), name.host)
            with away.there():
                assert sender.interface == "far"


def test_groups_cross_the_link(base: EventBase, away: Away) -> None:
    asking, deaf = Noting(), Noting()
    with far_echo(base, away, reuse_address=True) as (member, protocol):
        with away.there():
            member.join(GROUP, interface="far")
            not_in_it = opened(
                base,
                deaf,
                local_host="0.0.0.0",
                reuse_address=True,
                local_port=member.local_name.port,
            )
            not_in_it.__enter__().join("239.9.9.1", interface="far")
        with opened(base, asking, local_host=NEAR) as client:
            client.multicast_interface = "near"
            client.send_to(b"anybody?", GROUP, member.local_name.port)
            run_until(base, lambda: asking.data)
            assert str(protocol.calls[1][1][1].local_host) == GROUP
            # It is answered from an address of the link, not from that of the group.
            assert asking.calls[1][1][1] == Endpoint(IPv4Address(FAR), member.local_name.port)
            assert deaf.data == []
        not_in_it.__exit__(None, None, None)


def test_what_is_larger_than_a_packet_arrives_whole(base: EventBase, away: Away) -> None:
    with far_echo(base, away) as (server, _):
        protocol = Noting()
        port = server.local_name.port
        with opened(base, protocol, remote_host=FAR, remote_port=port) as client:
            client.send_to(bytes(60_000))
            run_until(base, lambda: protocol.data == [bytes(60_000)])


def test_what_is_too_large_for_the_link_is_told(base: EventBase, away: Away) -> None:
    protocol = Noting()
    with opened(base, protocol, local_host=NEAR, report_errors=True) as client:
        assert client.descriptor is not None
        client.descriptor.set_option(0, DISCOVER, ALWAYS)
        client.send_to(bytes(1472), FAR, 9)
        client.send_to(bytes(1473), FAR, 9)
        run_until(base, lambda: client.failed)
        settle(base)
        told = [each for each in protocol.errors if isinstance(each, MessageTooLong)]
        assert [str(each.address) for each in told] == [f"{FAR}:9"]
        assert client.sent == 1


def test_so_is_what_is_too_large_further_on(base: EventBase, away: Away) -> None:
    protocol = Noting()
    with opened(base, protocol, local_host=NEAR, report_errors=True) as client:
        assert client.descriptor is not None
        client.descriptor.set_option(0, DISCOVER, ALWAYS)
        client.send_to(bytes(1200), BEYOND, 9)  # a router says later that this is too large
        run_until(base, lambda: protocol.errors)
        [error] = protocol.errors
        assert isinstance(error, MessageTooLong)
        assert str(error.address) == f"{BEYOND}:9"
        assert (client.sent, client.failed) == (1, 0)
        client.send_to(bytes(973), BEYOND, 9)  # and from then on the system knows
        client.send_to(bytes(972), BEYOND, 9)
        run_until(base, lambda: client.failed)
        assert (client.sent, client.failed) == (2, 1)
        assert client.is_open


def test_what_hosts_and_routers_say_is_told_with_whom_it_is_about(
    base: EventBase, away: Away
) -> None:
    protocol = Noting()
    with (
        far_echo(base, away) as (server, _),
        opened(base, protocol, local_host=NEAR, report_errors=True) as client,
    ):
        client.send_to(b"anybody there?", FAR_TOO, 9)
        client.send_to(b"anybody there?", NOWHERE, 9)
        client.send_to(b"hello", FAR, server.local_name.port)
        run_until(base, lambda: len(protocol.errors) == 2 and protocol.data)
        told = {(type(each), str(each.address)) for each in protocol.errors}
        assert told == {(ConnectionRefused, f"{FAR_TOO}:9"), (HostUnreachable, f"{NOWHERE}:9")}
        assert protocol.data == [b"hello"]
        assert (client.sent, client.failed) == (3, 0)


def test_so_it_is_for_who_blocks(away: Away) -> None:
    with make_socket(type="datagram", local_host=NEAR, report_errors=True) as client:
        client.send_to(b"anybody there?", NOWHERE, 9)
        with pytest.raises(HostUnreachable) as caught:
            client.receive_from(timeout=PATIENCE)
        assert str(caught.value.address) == f"{NOWHERE}:9"
