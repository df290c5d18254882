"""What the kernel tells of interfaces and addresses, taken apart."""

import errno
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import OperationNotSupported, PermissionDenied, ProtocolError, SocketError
from trunkline._core.interfaces import Interface, InterfaceAddress
from trunkline._core.route_messages import GET_ADDRESSES, GET_LINKS, Dump, interface_addresses

NEW_LINK, NEW_ADDRESS, ERROR, DONE = 16, 20, 2, 3
IPV4, IPV6 = 2, 10
FAR, OWN, BROADCAST = 1, 2, 4
UP, LOOPBACK, MULTICAST = 0x1, 0x8, 0x1000
INTERRUPTED = 0x10


def message(kind: int, payload: bytes, *, sequence: int = 7, flags: int = 2) -> bytes:
    data = struct.pack("=IHHII", 16 + len(payload), kind, flags, sequence, 0) + payload
    return data + bytes(-len(data) % 4)


def attribute(kind: int, value: bytes) -> bytes:
    data = struct.pack("=HH", 4 + len(value), kind) + value
    return data + bytes(-len(data) % 4)


def link(index: int, name: bytes, flags: int = UP) -> bytes:
    head = struct.pack("=BxHiII", 0, 1, index, flags, 0)
    return head + attribute(13, struct.pack("=I", 1000)) + attribute(3, name + b"\0")


def address(index: int, prefix_length: int, **texts: str) -> bytes:
    values = {name: ip_address(text) for name, text in texts.items()}
    family = IPV4 if next(iter(values.values())).version == 4 else IPV6
    kinds = {"far": FAR, "own": OWN, "broadcast": BROADCAST}
    head = struct.pack("=BBBBI", family, prefix_length, 0x80, 0, index)
    return head + b"".join(attribute(kinds[name], it.packed) for name, it in values.items())


LO, ETH0 = Interface("lo", 1), Interface("eth0", 2)
LINKS = [link(1, b"lo", UP | LOOPBACK), link(2, b"eth0", MULTICAST)]


def test_the_question() -> None:
    request = Dump(GET_LINKS, 7).request
    assert struct.unpack("=IHHII", request[:16]) == (len(request), 18, 0x301, 7, 0)


def test_an_answer_comes_in_several_datagrams() -> None:
    dump = Dump(GET_LINKS, 7)
    was_done = []
    for data in (
        message(NEW_LINK, b"first") + message(NEW_LINK, b"second"),
        b"",
        message(NEW_LINK, b"of others", sequence=8) + message(99, b"what is new"),
        message(DONE, bytes(4)) + b"whatever",
    ):
        was_done.append(dump.is_done)
        dump.feed(data)
    assert was_done == [False] * 4
    assert dump.is_done
    assert not dump.was_interrupted
    assert dump.entries == [b"first", b"second"]


def test_only_entries_of_the_table_count() -> None:
    dump = Dump(GET_ADDRESSES, 7)
    dump.feed(message(NEW_LINK, b"") + message(NEW_ADDRESS, b"entry") + message(DONE, b""))
    assert dump.is_done
    assert dump.entries == [b"entry"]


@pytest.mark.parametrize("kind", [NEW_LINK, DONE])
def test_a_table_that_has_changed_meanwhile_is_told(kind: int) -> None:
    dump = Dump(GET_LINKS, 7)
    dump.feed(message(kind, bytes(4), flags=INTERRUPTED))
    assert dump.was_interrupted


@pytest.mark.parametrize("kind", [ERROR, DONE])
@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.EPERM, PermissionDenied), (errno.EOPNOTSUPP, OperationNotSupported)],
)
def test_the_kernel_says_no(kind: int, code: int, error: type[SocketError]) -> None:
    dump = Dump(GET_LINKS, 7)
    with pytest.raises(error, match=r"^if_addresses: ") as caught:
        dump.feed(message(kind, struct.pack("=i", -code) + dump.request))
    assert caught.value.errno == code


def test_addresses_have_interfaces() -> None:
    addresses = [
        address(2, 24, far="192.0.2.7", own="192.0.2.7", broadcast="192.0.2.255"),
        address(1, 8, far="127.0.0.1", own="127.0.0.1"),
        address(2, 64, far="2001:db8::7"),
        address(2, 64, far="fe80::7"),
    ]
    found = interface_addresses(LINKS, addresses)
    assert found == (
        InterfaceAddress(LO, IPv4Address("127.0.0.1"), 8, is_loopback=True),
        InterfaceAddress(
            ETH0,
            IPv4Address("192.0.2.7"),
            24,
            IPv4Address("192.0.2.255"),
            is_up=False,
            is_multicast=True,
        ),
        InterfaceAddress(ETH0, IPv6Address("2001:db8::7"), 64, is_up=False, is_multicast=True),
        InterfaceAddress(ETH0, IPv6Address("fe80::7%eth0"), 64, is_up=False, is_multicast=True),
    )
    assert [str(each.netmask) for each in found] == [
        "255.0.0.0",
        "255.255.255.0",
        "ffff:ffff:ffff:ffff::",
        "ffff:ffff:ffff:ffff::",
    ]


def test_an_interface_may_lead_to_one_host_only() -> None:
    four, six = interface_addresses(
        LINKS,
        [
            address(2, 32, far="192.0.2.8", own="192.0.2.7"),
            address(2, 128, far="fe80::8", own="fe80::7"),
        ],
    )
    assert (four.address, four.peer) == (IPv4Address("192.0.2.7"), IPv4Address("192.0.2.8"))
    assert (six.address, six.peer) == (IPv6Address("fe80::7%eth0"), IPv6Address("fe80::8%eth0"))


def test_what_has_no_interface_any_more_is_left_out() -> None:
    assert interface_addresses(LINKS, [address(3, 24, far="192.0.2.7")]) == ()


def test_addresses_of_other_families_are_left_out() -> None:
    entry = struct.pack("=BBBBI", 7, 0, 0, 0, 2) + attribute(FAR, b"phone")
    assert interface_addresses(LINKS, [entry]) == ()


def test_the_name_of_an_interface_may_be_any_bytes() -> None:
    links = [link(1, b"caf\xe9"), link(2, b"")]
    named, nameless = interface_addresses(
        links, [address(1, 64, far="fe80::1"), address(2, 64, far="fe80::2")]
    )
    assert named.interface.name == "caf\udce9"
    assert str(named.address) == "fe80::1%caf\udce9"
    assert str(nameless.address) == "fe80::2%2"


BROKEN_ADDRESSES = [
    b"short",
    address(2, 24, far="192.0.2.7")[:-1],
    address(2, 33, far="192.0.2.7"),
    address(2, 24, broadcast="192.0.2.7"),
    struct.pack("=BBBBI", IPV4, 24, 0, 0, 2) + attribute(FAR, b"12345"),
    struct.pack("=BBBBI", IPV4, 24, 0, 0, 2) + struct.pack("=HH", 3, FAR),
]


@pytest.mark.parametrize("entry", BROKEN_ADDRESSES)
def test_what_is_malformed_is_told(entry: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^if_addresses: a malformed message"):
        interface_addresses(LINKS, [entry])


@pytest.mark.parametrize("data", [b"short", message(NEW_LINK, b"cut")[:-4], bytes(16)])
def test_a_malformed_datagram_is_told(data: bytes) -> None:
    with pytest.raises(ProtocolError, match=r"^if_addresses: a malformed message"):
        Dump(GET_LINKS, 7).feed(data)


PIECES = st.one_of(
    st.binary(max_size=40),
    st.builds(
        message,
        st.sampled_from([NEW_LINK, NEW_ADDRESS, ERROR, DONE]),
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from([*LINKS, *BROKEN_ADDRESSES, address(2, 64, far="fe80::7")]),
        ),
    ),
)


@given(st.lists(PIECES, max_size=4).map(b"".join))
@pytest.mark.slow
def test_any_bytes_are_taken_apart_or_told(data: bytes) -> None:
    tables = []
    for table in (GET_LINKS, GET_ADDRESSES):
        dump = Dump(table, 7)
        try:
            dump.feed(data)
        except SocketError:
            return
        tables.append(dump.entries)
    try:
        interface_addresses(*tables)
    except ProtocolError:
        return
