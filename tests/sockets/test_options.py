"""Every socket option: which kind of socket has it, of which type it is, and what it cannot be."""

import socket
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from sockets.helpers import listening
from support.peers import refusing_port

from trunkline import (
    OPTION_NAMES,
    NoSuchDevice,
    OptionNotSupported,
    PermissionDenied,
    Socket,
    SocketClosed,
    SocketError,
    make_socket,
)
from trunkline.sockets.options import OptionName

# What can be set on a TCP socket, to which value, and what is read then.
TCP: dict[str, tuple[Any, Any]] = {
    "broadcast": (True, True),
    "debug": (True, True),
    "dont_route": (True, True),
    "ip_receive_error": (True, True),
    "keepalive": (True, True),
    "linger": (7, 7),
    "nodelay": (False, False),
    "oob_inline": (True, True),
    "priority": (3, 3),
    "receive_buffer": (20_000, 40_000),  # Linux sets twice as much, see socket(7)
    "receive_low_water": (5, 5),
    "receive_timeout": (1.5, 1.5),
    "reuse_address": (True, True),
    "reuse_port": (True, True),
    "send_buffer": (20_000, 40_000),
    "send_timeout": (0.5, 0.5),
    "tcp_cork": (True, True),
    "tcp_defer_accept": (1, 1),
    "tcp_keepcnt": (4, 4),
    "tcp_keepidle": (5, 5),
    "tcp_keepintvl": (6, 6),
    "tcp_linger2": (7, 7),
    "tcp_quickack": (False, False),
    "tcp_syncnt": (2, 2),
    "tcp_user_timeout": (1234, 1234),
    "tcp_window_clamp": (50_000, 50_000),
}
READ_ONLY = {"accept_connections": False, "error": 0, "type": int(socket.SOCK_STREAM)}
ABSENT = {"no_sigpipe", "tcp_noopt", "tcp_nopush", "use_loopback"}  # the BSDs have them
SPECIAL = {"bind_to_device", "ip_header_include", "send_low_water", "tcp_maxseg", "v6_only"}

BOOLS = {name for name, (value, _) in TCP.items() if isinstance(value, bool)} | {"v6_only"}
INTS = {name for name, (value, _) in TCP.items() if type(value) is int} - {"linger"} | {
    "tcp_maxseg"
}
TIMES = {"receive_timeout", "send_timeout"}
INTERNET_ONLY = {name for name in OPTION_NAMES if name.startswith("tcp_")} | {
    "ip_header_include",
    "ip_receive_error",
    "nodelay",
    "v6_only",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the table here is Linux's")


@pytest.fixture(params=["ipv4", "ipv6"])
def tcp(request: pytest.FixtureRequest) -> Iterator[Socket]:
    with make_socket(address_family=request.param) as sock:
        yield sock


@pytest.fixture
def local() -> Iterator[Socket]:
    with make_socket(address_family="local") as sock:
        yield sock


def test_the_tables_here_know_every_option() -> None:
    assert set(OPTION_NAMES) == TCP.keys() | READ_ONLY.keys() | ABSENT | SPECIAL
    assert list(OPTION_NAMES) == sorted(OPTION_NAMES)


@pytest.mark.parametrize("name", TCP)
def test_what_is_set_is_read(tcp: Socket, name: OptionName) -> None:
    value, expected = TCP[name]
    before = tcp.get_option(name)
    try:
        tcp.set_option(name, value)
    except PermissionDenied:
        pytest.skip("setting it takes a privilege here")
    after = tcp.get_option(name)
    assert after == expected
    assert type(after) is type(expected)
    assert before != after


def test_the_largest_segment_is_set(tcp: Socket) -> None:
    tcp.set_option("tcp_maxseg", 700)
    # Older kernels tell the default until there is a connection.
    assert tcp.get_option("tcp_maxseg") in (700, 536)


@pytest.mark.parametrize("name", sorted(BOOLS - {"v6_only"}))
def test_a_switch_is_set_both_ways(tcp: Socket, name: OptionName) -> None:
    for value in (True, False, True):
        try:
            tcp.set_option(name, value)
        except PermissionDenied:
            pytest.skip("setting it takes a privilege here")
        assert tcp.get_option(name) is value


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_can_only_be_read(tcp: Socket, name: OptionName) -> None:
    value = tcp.get_option(name)
    assert value == READ_ONLY[name]
    assert type(value) is type(READ_ONLY[name])
    with pytest.raises(ValueError, match=f"^the option {name} cannot be set$"):
        tcp.set_option(name, value)


def test_a_socket_that_listens_says_so() -> None:
    with listening() as listener:
        assert listener.get_option("accept_connections") is True


def test_reading_the_error_clears_it() -> None:
    with refusing_port() as port, make_socket() as sock:
        sock.connect("127.0.0.1", port, timeout=0)
        with sock._descriptor.writing:
            sock._descriptor.wait_writable(sock._deadline(10), "connect")
        assert sock.get_option("error") == 111
        assert sock.get_option("error") == 0


@pytest.mark.parametrize("name", ABSENT)
def test_what_the_platform_has_not_is_an_error_that_names_it(tcp: Socket, name: OptionName) -> None:
    with pytest.raises(OptionNotSupported, match=f"^getsockopt {name}: "):
        tcp.get_option(name)
    with pytest.raises(OptionNotSupported, match=f"^setsockopt {name}: "):
        tcp.set_option(name, True)


@pytest.mark.parametrize("name", sorted(INTERNET_ONLY))
def test_a_local_socket_has_not_what_is_the_internets(local: Socket, name: OptionName) -> None:
    with pytest.raises(OptionNotSupported, match=rf"^getsockopt {name}\b"):
        local.get_option(name)
    with pytest.raises(OptionNotSupported, match=rf"^setsockopt {name}\b"):
        local.set_option(name, True)


def test_what_the_system_refuses_to_a_kind_of_socket_is_the_same_error() -> None:
    # The system has several ways to say so: ENOPROTOOPT, and EOPNOTSUPP.
    with make_socket(address_family="ipv4") as sock:
        for refused in ("v6_only", "ip_header_include", "send_low_water"):
            with pytest.raises(OptionNotSupported, match=rf"^setsockopt {refused}\b"):
                sock.set_option(refused, 1 if refused == "send_low_water" else True)
        with pytest.raises(OptionNotSupported, match=r"^getsockopt v6_only\b"):
            sock.get_option("v6_only")


def test_a_local_socket_that_cannot_share_says_that_it_cannot(local: Socket) -> None:
    try:
        local.set_option("reuse_port", True)
    except OptionNotSupported as error:
        refusal = str(error)
    else:
        pytest.skip("local sockets can share their names here")
    assert refusal.startswith("setsockopt reuse_port")


def test_v6_only_is_an_option_of_ipv6_sockets() -> None:
    with make_socket(address_family="ipv6") as sock:
        for value in (True, False):
            sock.set_option("v6_only", value)
            assert sock.get_option("v6_only") is value


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "; there are .*keepalive, linger"),
        ("SO_KEEPALIVE", "; perhaps keepalive is meant$"),
        ("so_rcvbuf", "; perhaps receive_buffer is meant$"),
        ("keep_alive", "; perhaps keepalive is meant$"),
        ("tcp_nodelay", "; perhaps nodelay is meant$"),
        ("no_delay", "; perhaps nodelay is meant$"),
    ],
)
def test_an_option_that_there_is_not_is_an_error_that_says_what_there_is(
    tcp: Socket, name: OptionName, told: str
) -> None:
    for call in (lambda: tcp.get_option(name), lambda: tcp.set_option(name, True)):
        with pytest.raises(ValueError, match=f"^no such option: {name!r}{told}"):
            call()


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BOOLS))
@pytest.mark.parametrize("value", [1, 0, None, "yes", 1.0])
def test_what_a_switch_cannot_be(tcp: Socket, name: OptionName, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name}: "):
        tcp.set_option(name, value)


@pytest.mark.parametrize("name", sorted(INTS))
@pytest.mark.parametrize("value", [True, None, "1", 1.0])
def test_what_a_number_cannot_be(tcp: Socket, name: OptionName, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{name}: "):
        tcp.set_option(name, value)


@pytest.mark.parametrize(
    "value", [2**31, -(2**31) - 1, 10**400], ids=["too large", "too small", "huge"]
)
def test_a_number_fits_into_a_c_int(tcp: Socket, value: int) -> None:
    for name in ("priority", "linger"):
        with pytest.raises(ValueError, match=f"^{name}: "):
            tcp.set_option(name, value)


@pytest.mark.parametrize("name", sorted(TIMES))
@pytest.mark.parametrize(
    ("value", "error"),
    [
        (True, TypeError),
        ("1", TypeError),
        (-1, ValueError),
        (-0.001, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (1e30, ValueError),
        pytest.param(10**400, ValueError, id="huge"),
    ],
)
def test_what_a_time_cannot_be(
    tcp: Socket, name: OptionName, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=f"^{name}: "):
        tcp.set_option(name, value)


@pytest.mark.parametrize("name", sorted(TIMES))
def test_a_time_is_in_seconds_or_none(tcp: Socket, name: OptionName) -> None:
    assert tcp.get_option(name) is None
    tcp.set_option(name, 2)
    assert tcp.get_option(name) == 2.0
    tcp.set_option(name, None)
    assert tcp.get_option(name) is None


def test_a_time_that_is_tiny_is_not_none(tcp: Socket) -> None:
    tcp.set_option("receive_timeout", 1e-9)
    assert tcp.get_option("receive_timeout") > 0


@pytest.mark.parametrize(
    ("value", "expected"), [(True, 15), (False, None), (None, None), (0, 0), (3, 3)]
)
def test_lingering_is_a_number_of_seconds_or_none(
    tcp: Socket, value: object, expected: int | None
) -> None:
    tcp.set_option("linger", 9)
    tcp.set_option("linger", value)
    assert tcp.get_option("linger") == expected


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (1.5, TypeError), ("1", TypeError)])
def test_what_lingering_cannot_be(tcp: Socket, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^linger: "):
        tcp.set_option("linger", value)


def test_a_socket_is_bound_to_a_device_by_name(tcp: Socket) -> None:
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    assert tcp.get_option("bind_to_device") == ""
    try:
        tcp.set_option("bind_to_device", loopback)
    except PermissionDenied:
        pytest.skip("binding to a device takes a privilege here")
    assert tcp.get_option("bind_to_device") == loopback
    tcp.set_option("bind_to_device", "")
    assert tcp.get_option("bind_to_device") == ""


def test_a_device_that_there_is_not_is_an_error_that_names_the_option(tcp: Socket) -> None:
    with pytest.raises((NoSuchDevice, PermissionDenied), match=r"^setsockopt bind_to_device\b"):
        tcp.set_option("bind_to_device", "nonesuch0")


@pytest.mark.parametrize(
    ("value", "error"), [(7, TypeError), (b"lo", TypeError), ("lo\0x", ValueError)]
)
def test_what_a_device_cannot_be(tcp: Socket, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^bind_to_device: "):
        tcp.set_option("bind_to_device", value)


# -- sockets in other states ----------------------------------------------------------------------


def test_a_closed_socket_has_no_options() -> None:
    sock = make_socket()
    sock.close()
    with pytest.raises(SocketClosed, match=r"^getsockopt keepalive\b.*: the socket is closed"):
        sock.get_option("keepalive")
    with pytest.raises(SocketClosed, match=r"^setsockopt keepalive\b.*: the socket is closed"):
        sock.set_option("keepalive", True)


def test_what_the_system_refuses_for_other_reasons_names_option_and_address() -> None:
    with listening() as listener:
        with pytest.raises(SocketError) as caught:
            listener.set_option("tcp_maxseg", 1)
        assert str(caught.value).startswith(f"setsockopt tcp_maxseg {listener.local_name}: ")
