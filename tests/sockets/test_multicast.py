"""Groups: joining and leaving them, sources, interfaces, and how far what is sent goes."""

import contextlib
import socket
import sys
from collections.abc import Iterable
from typing import Any

import pytest
from sockets.datagrams import FAMILIES, NEEDS_IPV6, datagrams, receive
from support.timing import MS, PATIENCE

from trunkline import (
    AddressFamilyNotSupported,
    AddressInUse,
    AddressNotAvailable,
    DatagramSocket,
    NoSuchDevice,
    SocketError,
    TimedOut,
    ensure_address,
    make_socket,
)

GROUPS = {socket.AF_INET: "239.255.77.1", socket.AF_INET6: "ff15::7701"}
OTHERS = {socket.AF_INET: "239.255.77.2", socket.AF_INET6: "ff15::7702"}
ANYWHERE = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}


def speaker(family: socket.AddressFamily, interface: str) -> DatagramSocket:
    """Return a socket whose datagrams to groups stay on this machine."""
    made = make_socket(
        type="datagram", address_family="ipv6" if family == socket.AF_INET6 else "ipv4"
    )
    made.multicast_interface = interface
    made.multicast_hops = 0
    return made


def member(family: socket.AddressFamily, **options: Any) -> DatagramSocket:
    options.setdefault("reuse_address", True)
    made: Any = make_socket(type="datagram", local_host=ANYWHERE[family], **options)
    assert isinstance(made, DatagramSocket)
    return made


def carries(family: socket.AddressFamily, interface: str) -> bool:
    """Say whether what is sent to a group by an interface comes back to this machine."""
    with (
        contextlib.suppress(SocketError),
        speaker(family, interface) as sender,
        member(family) as receiver,
    ):
        receiver.join(GROUPS[family], interface=interface)
        sender.send_to(b"", GROUPS[family], receiver.local_port, timeout=PATIENCE)
        receiver.receive_from(timeout=100 * MS)
        return True
    return False


@pytest.fixture
def interface(family: socket.AddressFamily) -> str:
    return first_carrier(family, (name for _, name in socket.if_nameindex()))


@pytest.fixture
def network(family: socket.AddressFamily) -> str:
    """Another interface than the one that returns whatever is sent by it."""
    names = (name for _, name in socket.if_nameindex() if not name.startswith("lo"))
    return first_carrier(family, names)


def first_carrier(family: socket.AddressFamily, names: Iterable[str]) -> str:
    for name in names:
        if carries(family, name):
            return name
    pytest.skip("no such interface of this machine carries what is sent to groups")


def is_silent(receiver: DatagramSocket) -> bool:
    try:
        receiver.receive_from(timeout=50 * MS)
    except TimedOut:
        return True
    return False


@FAMILIES
def test_members_receive_what_is_sent_to_their_group(
    family: socket.AddressFamily, interface: str
) -> None:
    group = GROUPS[family]
    with speaker(family, interface) as sender, member(family) as one:
        port = one.local_port
        with member(family, local_port=port) as other:
            one.join(group, interface=interface)
            other.join(group, interface=socket.if_nametoindex(interface))
            sender.send_to(b"hello", group, port, timeout=PATIENCE)
            assert [receive(each).data for each in (one, other)] == [b"hello", b"hello"]
            one.leave(group, interface=interface)
            sender.send_to(b"again", group, port, timeout=PATIENCE)
            assert receive(other).data == b"again"
            assert is_silent(one)


@FAMILIES
def test_what_others_have_joined_does_not_come(
    family: socket.AddressFamily, interface: str
) -> None:
    with speaker(family, interface) as sender, member(family) as one:
        port = one.local_port
        with member(family, local_port=port) as other:
            one.join(GROUPS[family], interface=interface)
            other.join(OTHERS[family], interface=interface)
            sender.send_to(b"to the others", OTHERS[family], port, timeout=PATIENCE)
            assert receive(other).data == b"to the others"
            assert is_silent(one)


@FAMILIES
def test_only_the_sources_that_were_named_are_heard(
    family: socket.AddressFamily, interface: str
) -> None:
    group = GROUPS[family]
    with speaker(family, interface) as sender, member(family) as one:
        one.join(group, interface=interface)
        sender.send_to(b"", group, one.local_port, timeout=PATIENCE)
        source = receive(one).sender.host
        one.leave(group, interface=interface)
        nobody = ensure_address("192.0.2.77" if family == socket.AF_INET else "2001:db8::77")
        one.join(group, source=nobody, interface=interface)
        sender.send_to(b"not heard", group, one.local_port, timeout=PATIENCE)
        assert is_silent(one)
        one.join(group, source=source, interface=interface)
        sender.send_to(b"heard", group, one.local_port, timeout=PATIENCE)
        assert receive(one).data == b"heard"
        one.leave(group, source=source, interface=interface)
        sender.send_to(b"not any more", group, one.local_port, timeout=PATIENCE)
        assert is_silent(one)
        with pytest.raises(AddressNotAvailable):
            one.leave(group, source=source, interface=interface)


@FAMILIES
def test_the_sender_says_whether_this_machine_gets_it(
    family: socket.AddressFamily, network: str
) -> None:
    group = GROUPS[family]
    with speaker(family, network) as sender, member(family) as one:
        one.join(group, interface=network)
        assert sender.multicast_loop
        assert sender.multicast_interface == network
        sender.multicast_loop = False
        loops = [sender.multicast_loop]
        sender.send_to(b"not here", group, one.local_port, timeout=PATIENCE)
        assert is_silent(one)
        sender.multicast_loop = True
        loops.append(sender.multicast_loop)
        sender.send_to(b"here", group, one.local_port, timeout=PATIENCE)
        assert receive(one).data == b"here"
        assert loops == [False, True]


@FAMILIES
def test_hops_are_counted_and_limited(family: socket.AddressFamily) -> None:
    with datagrams(family) as sock:
        assert sock.multicast_hops == 1
        sock.multicast_hops = 255
        assert sock.multicast_hops == 255
        for wrong, error in ((256, ValueError), (-1, ValueError), ("1", TypeError)):
            with pytest.raises(error, match="multicast_hops"):
                sock.multicast_hops = wrong  # type: ignore[assignment]
        with pytest.raises(TypeError, match="multicast_loop"):
            sock.multicast_loop = 1  # type: ignore[assignment]


@pytest.mark.parametrize("family", [socket.AF_INET])
def test_what_cannot_be_joined_is_told(family: socket.AddressFamily, interface: str) -> None:
    with datagrams(family) as sock:
        group = ensure_address(GROUPS[family])
        sock.join(group, interface=interface)
        with pytest.raises(AddressInUse) as caught:
            sock.join(group, interface=interface)
        assert (caught.value.operation, caught.value.address) == ("join", group)
        with pytest.raises(AddressNotAvailable) as late:
            sock.leave(OTHERS[family], interface=interface)
        assert late.value.operation == "leave"
        for missing in ("no-such-thing", 2**31 - 1):
            with pytest.raises(NoSuchDevice):
                sock.join(group, interface=missing)
        with pytest.raises(NoSuchDevice):
            sock.multicast_interface = "no-such-thing"
        sock.multicast_interface = interface
        sock.multicast_interface = None
        assert sock.multicast_interface is None


@pytest.mark.parametrize(
    ("group", "options", "error"),
    [
        ("127.0.0.1", {}, ValueError),
        ("not.a.group", {}, ValueError),
        ("239.255.77.1", {"source": "::1"}, ValueError),
        ("239.255.77.1", {"interface": 0}, ValueError),
        ("239.255.77.1", {"interface": 1.5}, TypeError),
        ("ff15::7701", {}, AddressFamilyNotSupported),
    ],
)
def test_what_is_no_group_is_told(
    group: str, options: dict[str, Any], error: type[Exception]
) -> None:
    with datagrams() as sock:
        for call in (sock.join, sock.leave):
            with pytest.raises(error):
                call(group, **options)


@NEEDS_IPV6
@pytest.mark.parametrize("family", [socket.AF_INET])
@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep the families apart")
def test_an_ipv6_socket_can_be_in_groups_of_ipv4(
    family: socket.AddressFamily, interface: str
) -> None:
    group = GROUPS[family]
    with (
        speaker(family, interface) as sender,
        make_socket(type="datagram", local_host="::", v6_only=False) as both,
    ):
        both.join(group, interface=interface)
        sender.send_to(b"hello", group, both.local_port, timeout=PATIENCE)
        assert receive(both).data == b"hello"


@pytest.mark.parametrize("family", [pytest.param(socket.AF_INET6, marks=NEEDS_IPV6)])
def test_the_scope_of_a_group_is_the_interface(
    family: socket.AddressFamily, interface: str
) -> None:
    with speaker(family, interface) as sender, member(family) as one:
        group = f"ff12::7701%{interface}"
        one.join(group)
        sender.multicast_interface = None
        sender.send_to(b"hello", group, one.local_port, timeout=PATIENCE)
        assert receive(one).data == b"hello"
        one.leave(f"ff12::7701%{socket.if_nametoindex(interface)}")
