"""Addresses: what they are made of, what is refused, and how they print, compare and travel."""

import copy
import ipaddress
import os
import pickle
import socket
from array import array
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import addresses
from trunkline._sys.sockaddr import name_from_sockaddr
from trunkline.addresses import (
    IPV4_LOOPBACK,
    IPV4_UNSPECIFIED,
    IPV6_INTERFACE_LOCAL_ALL_NODES,
    IPV6_INTERFACE_LOCAL_ALL_ROUTERS,
    IPV6_LINK_LOCAL_ALL_NODES,
    IPV6_LINK_LOCAL_ALL_ROUTERS,
    IPV6_LOOPBACK,
    IPV6_SITE_LOCAL_ALL_ROUTERS,
    IPV6_UNSPECIFIED,
    MAX_IPV4_VALUE,
    Endpoint,
    IPv4Address,
    IPv6Address,
    LocalAddress,
    NetlinkAddress,
    dotted_to_ipaddr,
    ensure_address,
    ipaddr_to_dotted,
    map_ipv4_address_to_ipv6,
    map_ipv6_address_to_ipv4,
)

ensure: Any = ensure_address  # for what a type checker would not let pass


def twins_of(value: Any) -> list[Any]:
    """Return a value as it comes out of copying and pickling."""
    pickled = [
        pickle.loads(pickle.dumps(value, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ]
    return [copy.copy(value), copy.deepcopy(value), *pickled]


# ---- Constants ----


@pytest.mark.parametrize(
    ("constant", "text"),
    [
        (IPV4_UNSPECIFIED, "0.0.0.0"),
        (IPV4_LOOPBACK, "127.0.0.1"),
        (IPV6_UNSPECIFIED, "::"),
        (IPV6_LOOPBACK, "::1"),
        (IPV6_INTERFACE_LOCAL_ALL_NODES, "ff01::1"),
        (IPV6_LINK_LOCAL_ALL_NODES, "ff02::1"),
        (IPV6_INTERFACE_LOCAL_ALL_ROUTERS, "ff01::2"),
        (IPV6_LINK_LOCAL_ALL_ROUTERS, "ff02::2"),
        (IPV6_SITE_LOCAL_ALL_ROUTERS, "ff05::2"),
    ],
)
def test_the_well_known_addresses(constant: IPv4Address | IPv6Address, text: str) -> None:
    assert str(constant) == text
    assert constant == ipaddress.ip_address(text)
    assert ensure_address(text) == constant


def test_the_largest_ipv4_address_as_an_integer() -> None:
    assert MAX_IPV4_VALUE == 4294967295
    assert ensure_address(MAX_IPV4_VALUE) == IPv4Address("255.255.255.255")


def test_the_constants_are_what_their_names_say() -> None:
    assert IPV4_UNSPECIFIED.is_unspecified
    assert IPV6_UNSPECIFIED.is_unspecified
    assert IPV4_LOOPBACK.is_loopback
    assert IPV6_LOOPBACK.is_loopback
    for name in addresses.__all__:
        if "ALL_" in name:
            assert getattr(addresses, name).is_multicast


def test_the_classes_are_the_standard_library_s() -> None:
    assert IPv4Address is ipaddress.IPv4Address
    assert IPv6Address is ipaddress.IPv6Address


# ---- Internet addresses: what is valid ----

VALID: list[tuple[Any, str]] = [
    # text
    ("127.0.0.1", "127.0.0.1"),
    ("242.1.211.3", "242.1.211.3"),
    ("0.0.0.0", "0.0.0.0"),
    ("255.255.255.255", "255.255.255.255"),
    ("::", "::"),
    ("::1", "::1"),
    ("1::", "1::"),
    ("0:0::1", "::1"),
    ("0:0:0:0:0:0:0:0", "::"),
    ("::1.2.3.4", "::102:304"),
    ("::127.0.0.1", "::7f00:1"),
    ("1:2:3:4:5:0:6:7", "1:2:3:4:5:0:6:7"),  # one zero group is not shortened
    ("0:0:0:ff:ff:ff:0:0", "::ff:ff:ff:0:0"),
    ("2001:DB8::ABCD", "2001:db8::abcd"),
    ("fe80::1%eth0", "fe80::1%eth0"),
    ("fe80::1%3", "fe80::1%3"),
    # integers
    (0, "0.0.0.0"),
    (2148679940, "128.18.65.4"),
    (2**32 - 1, "255.255.255.255"),
    (2**32, "::1:0:0"),
    (2**128 - 1, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    # bytes, and what is like bytes
    (b"\x7f\0\0\1", "127.0.0.1"),
    (bytearray(b"\x7f\0\0\1"), "127.0.0.1"),
    (memoryview(b"\x7f\0\0\1"), "127.0.0.1"),
    (b"\0" * 15 + b"\1", "::1"),
    ([127, 0, 0, 1], "127.0.0.1"),
    ((127, 0, 0, 1), "127.0.0.1"),
    (array("B", [127, 0, 0, 1]), "127.0.0.1"),
    ([0] * 15 + [1], "::1"),
    ([0] * 7 + [1], "::1"),
    ([0x2001, 0xDB8, 0, 0, 0, 0, 0, 0xFFFF], "2001:db8::ffff"),
    ((0, 0, 0, 0, 0, 0xFFFF, 0x7F00, 1), str(IPv6Address("::ffff:127.0.0.1"))),
]


@pytest.mark.parametrize(("value", "text"), VALID)
def test_an_address_is_made_of_text_integers_and_bytes(value: Any, text: str) -> None:
    address = ensure_address(value)
    assert str(address) == text
    assert address == ipaddress.ip_address(text)
    assert ensure_address(value, "ipv6" if ":" in text else "ipv4") == address


def test_an_address_object_is_returned_as_it_is() -> None:
    for address in (IPV4_LOOPBACK, IPv6Address("fe80::1%eth0")):
        assert ensure_address(address) is address
        assert ensure(address, f"ipv{address.version}") is address


def test_a_small_integer_is_ipv6_where_that_is_asked_for() -> None:
    assert ensure_address(1, "ipv6") == IPV6_LOOPBACK
    assert ensure_address(1, "internet") == IPv4Address("0.0.0.1")


@given(st.ip_addresses())
@pytest.mark.slow
def test_every_form_of_an_address_makes_the_same_address(
    address: IPv4Address | IPv6Address,
) -> None:
    family: Any = f"ipv{address.version}"
    for form in (
        str(address),
        address.packed,
        list(address.packed),
        int(address),
        address.exploded,
    ):
        assert ensure(form, family) == address


def test_a_scope_is_part_of_an_address() -> None:
    scoped = ensure_address("fe80::1%eth0", "ipv6")
    assert scoped.scope_id == "eth0"
    assert scoped != ensure_address("fe80::1")
    assert scoped != ensure_address("fe80::1%eth1")
    assert {scoped, ensure_address("fe80::1%eth0")} == {scoped}
    for twin in twins_of(scoped):
        assert twin == scoped
        assert twin.scope_id == "eth0"


# ---- Internet addresses: what is not ----

SHORTHAND = ["127.1", "1", "127.0.1", "0x7f.0.0.1", "017.0.0.1", "127.0.0.01", "2130706433"]
NOT_COLON_SEPARATED = [
    ":2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:",
    ":ff::ff:",
    ":1::2:",
    ":1::127.0.0.1",
    "1:2:3:4:5::6:",
    ":2:3:4:5::6:7",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "ff0x::114",
    "::1.2.3",
    "::256.0.0.1",
    "::1%",
    "::1%a%b",
    "[::1]",
    "::1/64",
]
NOT_DOTTED = [
    "",
    " ",
    "256.0.0.1",
    "127.0.256.1",
    "127.0.0.0.0",
    "127.0.0.",
    ".127.0.0.1",
    "127..0.1",
    "-1.0.0.1",
    "+1.0.0.1",
    "1_0.0.0.1",
    "127.0.0.1 ",
    " 127.0.0.1",
    "127.0.0.1\n",
    "127.0.0.1\0",
    "127.0.0.1/8",
    "127.0.0.1%lo",
    "127.0.0.1:80",
    "٣.0.0.1",
    "１27.0.0.1",
    "localhost",
    "a.b.c.d",
    "1e2.0.0.1",
]


@pytest.mark.parametrize("text", SHORTHAND + NOT_COLON_SEPARATED + NOT_DOTTED)
def test_text_that_is_no_address_is_a_value_error_that_shows_it(text: str) -> None:
    with pytest.raises(ValueError, match="not an internet address") as caught:
        ensure_address(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["localhost", "www.example.org", "example.org.", "münchen.example"]
)
def test_a_name_is_told_from_what_is_nothing_at_all(text: str) -> None:
    with pytest.raises(ValueError, match=r"but a name: .*lookup_hostname"):
        ensure_address(text)


@pytest.mark.parametrize("text", ["127.1", "1e2.0.0.1", "/run/x", "a b", "", ".", "x:y"])
def test_what_is_no_name_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match="not an internet address") as caught:
        ensure_address(text)
    assert "name" not in str(caught.value)


@pytest.mark.parametrize("value", [-1, -(2**32), 2**128, 2**200])
def test_an_integer_out_of_range_is_a_value_error(value: int) -> None:
    with pytest.raises(ValueError, match=f"address: {value}"):
        ensure_address(value)
    with pytest.raises(ValueError, match=f"not an IPv6 address: {value}"):
        ensure_address(value, "ipv6")


@pytest.mark.parametrize("size", [0, 1, 3, 5, 8, 15, 17, 32])
def test_so_many_bytes_are_no_address(size: int) -> None:
    for value in (bytes(size), bytearray(size)):
        with pytest.raises(ValueError, match=f"4 or 16 bytes, not {size}"):
            ensure_address(value)
    if size != 8:  # which are eight numbers of 16 bits, in a list
        with pytest.raises(ValueError, match="4 or 16"):
            ensure_address([0] * size)


@pytest.mark.parametrize(
    "vector",
    [[127, 0, 0, 256], [127, 0, 0, -1], [0] * 7 + [65536], [0] * 7 + [-1], [0] * 15 + [256]],
)
def test_a_part_of_a_vector_out_of_range_is_a_value_error(vector: list[int]) -> None:
    with pytest.raises(ValueError, match="out of range") as caught:
        ensure_address(vector)
    assert str(vector) in str(caught.value)


@pytest.mark.parametrize(
    "vector",
    [
        ["127", "0", "0", "1"],
        [127, 0, 0, 1.0],
        [127, 0, 0, True],
        [127, 0, 0, None],
        (b"\x7f", b"\0", b"\0", b"\1"),
        Endpoint(IPV4_LOOPBACK, 80),
        ("127.0.0.1", 80),
    ],
)
def test_a_vector_of_something_else_is_a_type_error(vector: Any) -> None:
    with pytest.raises(TypeError, match="consists of integers"):
        ensure_address(vector)


@pytest.mark.parametrize(
    "value", [None, True, False, 1.0, 1j, object(), {127, 0, 1}, {}, int, Path("/tmp/x")]
)
@pytest.mark.parametrize("family", ["internet", "ipv4", "ipv6"])
def test_what_no_address_can_be_made_of_is_a_type_error(value: Any, family: str) -> None:
    with pytest.raises(TypeError, match=f"not of {type(value).__name__}"):
        ensure(value, family)


@pytest.mark.parametrize(
    ("value", "family", "message"),
    [
        ("127.0.0.1", "ipv6", "not an IPv6 address: 127.0.0.1"),
        ("::1", "ipv4", "not an IPv4 address: ::1"),
        (IPV4_LOOPBACK, "ipv6", "not an IPv6 address"),
        (IPV6_LOOPBACK, "ipv4", "not an IPv4 address"),
        (b"\x7f\0\0\1", "ipv6", "not an IPv6 address"),
        (bytes(16), "ipv4", "not an IPv4 address"),
        ([0] * 8, "ipv4", "not an IPv4 address"),
        (2**32, "ipv4", "not an IPv4 address"),
        (LocalAddress("/tmp/x"), "internet", "not an internet address: LocalAddress"),
        (NetlinkAddress(), "ipv4", "not an internet address: NetlinkAddress"),
        ("::ffff:127.0.0.1", "ipv4", "not an IPv4 address"),
        ("127.0.0.1", "IPv4", "no such address family: 'IPv4'"),
        ("127.0.0.1", "inet", "no such address family"),
        ("127.0.0.1", None, "no such address family: None"),
    ],
)
def test_an_address_of_another_family_is_a_value_error(
    value: Any, family: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ensure(value, family)


@pytest.mark.parametrize("family", ["internet", "ipv4", "ipv6"])
def test_only_a_local_address_can_be_abstract(family: str) -> None:
    with pytest.raises(ValueError, match="only a local address"):
        ensure("127.0.0.1", family, abstract=True)


@given(
    st.one_of(
        st.text(max_size=20),
        st.text("0123456789abcdef.:%", max_size=20),
        st.integers(),
        st.binary(max_size=20),
        st.lists(st.integers(-1, 70000), max_size=17),
        st.floats(),
        st.none(),
        st.booleans(),
    ),
    st.sampled_from(["internet", "ipv4", "ipv6"]),
)
def test_anything_is_an_address_or_one_of_two_errors(value: Any, family: str) -> None:
    try:
        address = ensure(value, family)
    except (TypeError, ValueError) as error:
        text = str(error)
    else:
        text = str(address)
        assert ensure(text, family) == address
    assert text


# ---- Dotted text and integers ----


def test_dotted_text_and_integers_stand_for_each_other() -> None:
    assert dotted_to_ipaddr("128.18.65.4") == 2148679940
    assert ipaddr_to_dotted(2148679940) == "128.18.65.4"
    for dotted in ("0.0.255.0", "0.255.255.0", "0.255.255.1", "0.0.0.0", "255.255.255.255"):
        assert ipaddr_to_dotted(dotted_to_ipaddr(dotted)) == dotted
    assert ipaddr_to_dotted(0) == "0.0.0.0"
    assert ipaddr_to_dotted(MAX_IPV4_VALUE) == "255.255.255.255"


@given(st.integers(0, MAX_IPV4_VALUE))
@pytest.mark.slow
def test_every_integer_makes_the_round_trip(value: int) -> None:
    assert dotted_to_ipaddr(ipaddr_to_dotted(value)) == value


@pytest.mark.parametrize("value", [-1, 2**32, 2**128])
def test_an_integer_that_is_no_ipv4_address_is_a_value_error(value: int) -> None:
    with pytest.raises(ValueError, match=f"not an IPv4 address: {value}"):
        ipaddr_to_dotted(value)


@pytest.mark.parametrize("value", ["1", None, 1.0, True, IPV4_LOOPBACK, b"\x7f\0\0\1"])
def test_what_is_no_integer_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        ipaddr_to_dotted(value)


@pytest.mark.parametrize("text", [*SHORTHAND, *NOT_DOTTED, "::1", "::ffff:1.2.3.4"])
def test_dotted_text_is_four_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an (internet|IPv4) address"):
        dotted_to_ipaddr(text)


@pytest.mark.parametrize("value", [1, None, b"127.0.0.1", IPV4_LOOPBACK, [127, 0, 0, 1]])
def test_dotted_text_is_text(value: Any) -> None:
    with pytest.raises(
        TypeError, match=f"a dotted address is a string, not {type(value).__name__}"
    ):
        dotted_to_ipaddr(value)


# ---- Mapped addresses ----


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_mapped_to_ipv6_and_back(address: IPv4Address) -> None:
    mapped = map_ipv4_address_to_ipv6(address)
    assert mapped == IPv6Address(f"::ffff:{address}")
    assert mapped.ipv4_mapped == address
    assert map_ipv6_address_to_ipv4(mapped) == address


@pytest.mark.parametrize("text", ["::", "::1", "::1.2.3.4", "::fffe:1.2.3.4", "1::ffff:1.2.3.4"])
def test_other_ipv6_addresses_are_not_mapped_ones(text: str) -> None:
    with pytest.raises(ValueError, match="not an IPv4-mapped address"):
        map_ipv6_address_to_ipv4(IPv6Address(text))


@pytest.mark.parametrize("value", [IPV6_LOOPBACK, "127.0.0.1", 1, None, b"\x7f\0\0\1"])
def test_only_an_ipv4_address_can_be_mapped(value: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        map_ipv4_address_to_ipv6(value)


@pytest.mark.parametrize("value", [IPV4_LOOPBACK, "::ffff:1.2.3.4", 1, None])
def test_only_an_ipv6_address_can_be_mapped_back(value: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        map_ipv6_address_to_ipv4(value)


# ---- Local addresses ----


@pytest.mark.parametrize(
    ("address", "text", "representation"),
    [
        (LocalAddress("/run/x"), "/run/x", "LocalAddress('/run/x')"),
        (LocalAddress("name", abstract=True), "@name", "LocalAddress('name', abstract=True)"),
        (LocalAddress("", abstract=True), "(unnamed)", "LocalAddress('', abstract=True)"),
        (LocalAddress("@name"), "@name", "LocalAddress('@name')"),
    ],
)
def test_a_local_address_prints_as_its_path_or_its_name(
    address: LocalAddress, text: str, representation: str
) -> None:
    assert str(address) == text
    assert repr(address) == representation
    assert eval(representation) == address


def test_paths_of_all_kinds_make_the_same_local_address() -> None:
    address = LocalAddress("/run/é")
    for path in ("/run/é", os.fsencode("/run/é"), Path("/run/é"), PurePosixPath("/run/é")):
        assert LocalAddress(path) == address
        assert ensure_address(path, "local") == address
    assert isinstance(LocalAddress(b"/run/x").path, str)


def test_a_path_that_is_no_text_keeps_its_bytes() -> None:
    address = LocalAddress(b"/run/\xff")
    assert os.fsencode(address.path) == b"/run/\xff"
    for twin in twins_of(address):
        assert twin == address


def test_local_addresses_are_equal_by_path_and_kind() -> None:
    one = LocalAddress("name")
    assert one == LocalAddress(b"name")
    assert hash(one) == hash(LocalAddress(b"name"))
    assert one != LocalAddress("name", abstract=True)
    assert one != LocalAddress("./name")
    others: list[object] = ["name", b"name", Path("name"), None]
    assert one not in others
    assert len({one, LocalAddress("name"), LocalAddress("name", abstract=True)}) == 2


@pytest.mark.parametrize("address", [LocalAddress("/run/x"), LocalAddress("a\0b", abstract=True)])
def test_local_addresses_travel_and_cannot_be_changed(address: LocalAddress) -> None:
    before = (address.path, address.abstract)
    for twin in twins_of(address):
        assert type(twin) is LocalAddress
        assert twin == address
        assert (twin.path, twin.abstract) == before
    for name in ("path", "abstract", "anything"):
        with pytest.raises(AttributeError, match="immutable"):
            setattr(address, name, "y")
        with pytest.raises(AttributeError, match="immutable"):
            delattr(address, name)
    assert (address.path, address.abstract) == before


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
@pytest.mark.parametrize("abstract", [False, True])
def test_a_path_takes_107_bytes_and_no_more(letter: str, abstract: bool) -> None:
    size = len(letter.encode())
    path = letter * (107 // size) + "x" * (107 % size)
    assert len(os.fsencode(path)) == 107
    assert LocalAddress(path, abstract=abstract).path == path
    with pytest.raises(ValueError, match="at most 107 bytes"):
        LocalAddress(path + "x", abstract=abstract)
    with pytest.raises(ValueError, match="at most 107 bytes"):
        ensure_address(path + "x", "local", abstract=abstract)


@pytest.mark.parametrize("path", ["", b"", "a\0b", b"\0name", "\0"])
def test_a_path_is_not_empty_and_has_no_nul(path: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"cannot (be empty|contain a NUL character)"):
        LocalAddress(path)
    with pytest.raises(ValueError, match="the path of a local address"):
        ensure_address(path, "local")


def test_an_abstract_name_may_be_empty_and_have_any_bytes() -> None:
    assert LocalAddress("", abstract=True).path == ""
    assert LocalAddress(b"\0\xff\n", abstract=True).path == os.fsdecode(b"\0\xff\n")
    assert LocalAddress("name", abstract=True).abstract is True
    assert LocalAddress("name").abstract is False


@pytest.mark.parametrize("path", [None, 1, 1.0, bytearray(b"x"), ["x"], LocalAddress("x"), True])
def test_what_is_no_path_is_a_type_error(path: Any) -> None:
    with pytest.raises(TypeError):
        LocalAddress(path)


def test_text_that_no_file_name_can_have_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        LocalAddress("/run/\ud800")


def test_ensure_address_makes_local_addresses_only_where_they_are_asked_for() -> None:
    address = LocalAddress("/run/x")
    assert ensure_address(address, "local") is address
    assert ensure_address("127.0.0.1", "local") == LocalAddress("127.0.0.1")
    assert ensure_address("name", "local", abstract=True) == LocalAddress("name", abstract=True)
    with pytest.raises(ValueError, match="not an internet address"):
        ensure_address("/run/x")


@pytest.mark.parametrize(
    "value", [None, 1, IPV4_LOOPBACK, NetlinkAddress(), [1, 2], bytearray(b"x")]
)
def test_a_local_address_is_made_of_a_path_only(value: Any) -> None:
    with pytest.raises(TypeError, match=f"made of a path, not of {type(value).__name__}"):
        ensure(value, "local")


def test_a_name_that_is_longer_than_can_be_asked_for_travels_all_the_same() -> None:
    # The system takes 108 bytes without a NUL, and tells us of clients that have such a name.
    address = name_from_sockaddr("x" * 108, socket.AF_UNIX)
    assert isinstance(address, LocalAddress)
    for twin in twins_of(address):
        assert twin == address


# ---- Endpoints ----


@pytest.mark.parametrize(
    ("host", "port", "text"),
    [
        ("127.0.0.1", 80, "127.0.0.1:80"),
        ("0.0.0.0", 0, "0.0.0.0:0"),
        ("::1", 65535, "[::1]:65535"),
        ("fe80::1%eth0", 9, "[fe80::1%eth0]:9"),
    ],
)
def test_an_endpoint_is_a_pair_and_prints_as_in_an_url(host: str, port: int, text: str) -> None:
    endpoint = Endpoint(ensure_address(host), port)
    assert str(endpoint) == text
    assert f"{endpoint}" == text
    address, number = endpoint
    assert (address, number) == (endpoint.host, endpoint.port) == (ensure_address(host), port)
    assert repr(endpoint).startswith("Endpoint(host=IPv")
    for twin in twins_of(endpoint):
        assert type(twin) is Endpoint
        assert twin == endpoint
        assert str(twin) == text


def test_endpoints_are_equal_by_host_and_port_and_cannot_be_changed() -> None:
    one = Endpoint(IPV4_LOOPBACK, 80)
    assert one == Endpoint(IPv4Address("127.0.0.1"), 80)
    assert hash(one) == hash(Endpoint(IPv4Address("127.0.0.1"), 80))
    assert one != Endpoint(IPV4_LOOPBACK, 81)
    assert one != Endpoint(IPV6_LOOPBACK, 80)
    assert one != Endpoint(map_ipv4_address_to_ipv6(IPV4_LOOPBACK), 80)
    with pytest.raises(AttributeError):
        one.port = 81  # type: ignore[misc]
    assert {one: "there"}[Endpoint(IPV4_LOOPBACK, 80)] == "there"


# ---- Netlink addresses ----


def test_a_netlink_address_is_the_kernel_s_unless_told_otherwise() -> None:
    assert NetlinkAddress() == NetlinkAddress(port=0, groups=0)
    assert str(NetlinkAddress(7, 3)) == "7@3"
    assert repr(NetlinkAddress(7, 3)) == "NetlinkAddress(port=7, groups=3)"
    assert len({NetlinkAddress(7, 3), NetlinkAddress(7, 3), NetlinkAddress(7)}) == 2
    for twin in twins_of(NetlinkAddress(7, 3)):
        assert type(twin) is NetlinkAddress
        assert twin == NetlinkAddress(7, 3)
    with pytest.raises(AttributeError):
        NetlinkAddress().port = 1  # type: ignore[misc]
