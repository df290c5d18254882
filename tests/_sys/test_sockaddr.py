"""Names to what the system calls take, and back."""

import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from trunkline import AddressFamilyNotSupported, Endpoint, LocalAddress, NoSuchDevice
from trunkline._sys.sockaddr import Name, family_of, name_from_sockaddr, sockaddr_from_name

LOOPBACK_NUMBER = next(number for number, name in socket.if_nameindex() if name.startswith("lo"))
LOOPBACK = socket.if_indextoname(LOOPBACK_NUMBER)

V4 = Endpoint(IPv4Address("192.0.2.7"), 80)
V6 = Endpoint(IPv6Address("2001:db8::7"), 80)
SCOPED = Endpoint(IPv6Address(f"fe80::7%{LOOPBACK}"), 80)

# Names, the families of sockets that can have them, and what the system calls them there.
SAME_BOTH_WAYS: list[tuple[Name, int, Any]] = [
    (V4, socket.AF_INET, ("192.0.2.7", 80)),
    (V6, socket.AF_INET6, ("2001:db8::7", 80, 0, 0)),
    (SCOPED, socket.AF_INET6, ("fe80::7", 80, 0, LOOPBACK_NUMBER)),
    (LocalAddress("/run/x"), socket.AF_UNIX, "/run/x"),
    (LocalAddress("x", abstract=True), socket.AF_UNIX, b"\0x"),
    (LocalAddress(b"\xff\0\n", abstract=True), socket.AF_UNIX, b"\0\xff\0\n"),
]


@pytest.mark.parametrize(("name", "family", "sockaddr"), SAME_BOTH_WAYS)
def test_a_name_is_what_the_system_calls_it(name: Name, family: int, sockaddr: Any) -> None:
    assert sockaddr_from_name(name, family, "bind") == sockaddr
    assert name_from_sockaddr(sockaddr, family) == name
    assert family_of(name) == family


def test_an_ipv4_address_is_mapped_for_an_ipv6_socket() -> None:
    sockaddr = sockaddr_from_name(V4, socket.AF_INET6, "connect")
    assert sockaddr == ("::ffff:192.0.2.7", 80, 0, 0) or sockaddr[0] == "::ffff:c000:207"


def test_a_scope_may_be_a_number() -> None:
    name = Endpoint(IPv6Address("fe80::7%4242"), 80)
    assert sockaddr_from_name(name, socket.AF_INET6, "bind") == ("fe80::7", 80, 0, 4242)


def test_the_number_of_an_interface_that_is_gone_stays_a_number() -> None:
    assert name_from_sockaddr(("fe80::7", 80, 0, 424242), socket.AF_INET6) == Endpoint(
        IPv6Address("fe80::7%424242"), 80
    )


def test_the_system_may_name_the_scope_itself() -> None:
    # Some systems append it to the text, too.
    sockaddr = (f"fe80::7%{LOOPBACK}", 80, 0, LOOPBACK_NUMBER)
    assert name_from_sockaddr(sockaddr, socket.AF_INET6) == SCOPED


def test_a_scope_that_is_no_interface_is_an_error_that_names_the_operation() -> None:
    name = Endpoint(IPv6Address("fe80::7%nonesuch0"), 80)
    with pytest.raises(NoSuchDevice, match=r"^connect \[fe80::7%nonesuch0\]:80: "):
        sockaddr_from_name(name, socket.AF_INET6, "connect")


@pytest.mark.parametrize("sockaddr", ["", b"", None])
def test_a_local_socket_without_a_name_has_an_empty_one(sockaddr: Any) -> None:
    name = name_from_sockaddr(sockaddr, socket.AF_UNIX)
    assert name == LocalAddress("", abstract=True)


def test_a_path_longer_than_we_would_bind_to_is_still_a_name() -> None:
    name = name_from_sockaddr("x" * 108, socket.AF_UNIX)
    assert str(name) == "x" * 108


@pytest.mark.parametrize(
    ("name", "family"),
    [
        (V6, socket.AF_INET),
        (LocalAddress("x"), socket.AF_INET),
        (LocalAddress("x"), socket.AF_INET6),
        (V4, socket.AF_UNIX),
    ],
)
def test_a_socket_of_another_family_cannot_have_the_name(name: Name, family: int) -> None:
    with pytest.raises(AddressFamilyNotSupported, match=r"^bind ") as caught:
        sockaddr_from_name(name, family, "bind")
    assert caught.value.address == name
