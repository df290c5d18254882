"""What a port and an address to bind or connect to may be given as."""

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from trunkline import Endpoint, LocalAddress, Socket, make_socket
from trunkline.sockets.families import family_label, family_number
from trunkline.sockets.names import check_port, ensure_name


@pytest.fixture
def internet() -> Iterator[Socket]:
    with make_socket() as sock:
        yield sock


@pytest.fixture
def local() -> Iterator[Socket]:
    with make_socket(address_family="local") as sock:
        yield sock


@pytest.mark.parametrize(
    ("port", "number"),
    [(0, 0), (65_535, 65_535), ("0", 0), ("8080", 8080), ("ssh", 22)],
)
def test_a_port_is_a_number_or_a_service(port: int | str, number: int) -> None:
    assert check_port(port) == number


@pytest.mark.parametrize(
    ("port", "error"),
    [
        (-1, ValueError),
        (65_536, ValueError),
        ("65536", ValueError),
        ("-1", ValueError),
        ("", ValueError),
        ("80 ", ValueError),
        ("0x50", ValueError),
        ("no such service", ValueError),
        ("ss\0h", ValueError),
        (80.0, TypeError),
        (True, TypeError),
        (None, TypeError),
        (b"80", TypeError),
    ],
)
def test_what_is_no_port(port: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_port(port)


@pytest.mark.parametrize(
    "address",
    ["192.0.2.1", 3221225985, b"\xc0\0\2\1", (192, 0, 2, 1), IPv4Address("192.0.2.1")],
)
def test_an_address_may_be_given_in_any_form(internet: Socket, address: Any) -> None:
    name = ensure_name(internet._descriptor, address, 80)
    assert name == Endpoint(IPv4Address("192.0.2.1"), 80)


@pytest.mark.parametrize("address", ["localhost", "192.0.2", LocalAddress("x"), ""])
def test_an_internet_socket_has_internet_addresses(internet: Socket, address: Any) -> None:
    with pytest.raises(ValueError, match="internet address"):
        ensure_name(internet._descriptor, address, 80)


def test_a_local_socket_has_local_addresses(local: Socket) -> None:
    for address in ("x", b"x", Path("x"), LocalAddress("x")):
        assert ensure_name(local._descriptor, address, 0) == LocalAddress("x")


def test_a_local_address_has_no_port(local: Socket) -> None:
    with pytest.raises(ValueError, match="a local address has no port"):
        ensure_name(local._descriptor, "x", 80)


@pytest.mark.parametrize("address", [80, IPv6Address("::1"), None, ("a",)])
def test_what_is_no_local_address(local: Socket, address: Any) -> None:
    with pytest.raises(TypeError):
        ensure_name(local._descriptor, address, 0)


def test_families_have_names_and_numbers() -> None:
    assert family_label(socket.AF_INET) == "IPv4"
    assert family_label(socket.AF_INET6) == "IPv6"
    assert family_label(socket.AF_UNIX) == "local"
    assert family_label(9999) == "9999"
    assert family_number("internet") == socket.AF_UNSPEC
    assert family_number("ipv6") == socket.AF_INET6


@pytest.mark.parametrize("family", ["local", "inet", None, []])
def test_other_families_are_an_error_that_says_which_there_are(family: Any) -> None:
    with pytest.raises(ValueError, match="internet, ipv4, ipv6"):
        family_number(family)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "www.example"])
def test_a_host_in_the_place_of_the_port_is_told(host: str) -> None:
    with pytest.raises(ValueError, match=r"; the host comes before the port$"):
        make_socket(80, host)


def test_a_scope_has_no_null_byte() -> None:
    with pytest.raises(ValueError, match="not an internet address"):
        make_socket("::1%lo\0", 0)
