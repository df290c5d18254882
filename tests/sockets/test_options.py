"""Every socket option: which kind of socket has it, of which type it is, and what it cannot be."""

import socket
import sys
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from sockets.helpers import connected_sockets, listening
from support.peers import refusing_port
from support.timing import PATIENCE

from trunkline import (
    OPTION_NAMES,
    NoSuchDevice,
    NotConnected,
    OptionNotSupported,
    PermissionDenied,
    Socket,
    SocketClosed,
    SocketError,
    make_socket,
)
from trunkline._sys.option_constants import constant
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.sockets.options import get_option, names, set_option
from trunkline.sockets.options.table import OPTIONS
from trunkline.sockets.options.values import MTU_DISCOVERY_CHOICES

# What can be set on a TCP socket, to which value, and what is read then.
TCP: dict[str, tuple[Any, Any]] = {
    "bind_address_no_port": (True, True),
    "broadcast": (True, True),
    "busy_poll": (50, 50),
    "debug": (True, True),
    "dont_route": (True, True),
    "dscp": (46, 46),
    "free_bind": (True, True),
    "hops": (33, 33),
    "incoming_cpu": (0, 0),
    "keepalive": (True, True),
    "linger": (7, 7),
    "mark": (2**32 - 1, 2**32 - 1),
    "max_pacing_rate": (100_000, 100_000),
    "min_hops": (3, 3),
    "mtu_discovery": ("do", "do"),
    "nodelay": (False, False),
    "oob_inline": (True, True),
    "prefer_busy_poll": (True, True),
    "priority": (3, 3),
    "receive_buffer": (20_000, 40_000),  # Linux sets twice as much, see socket(7)
    "receive_low_water": (5, 5),
    "receive_timeout": (1.5, 1.5),
    "report_errors": (True, True),
    "reuse_address": (True, True),
    "reuse_port": (True, True),
    "send_buffer": (20_000, 40_000),
    "send_timeout": (0.5, 0.5),
    "tcp_congestion": ("reno", "reno"),
    "tcp_cork": (True, True),
    "tcp_defer_accept": (1, 1),
    "tcp_fastopen": (5, 5),
    "tcp_fastopen_connect": (True, True),
    "tcp_fastopen_no_cookie": (True, True),
    "tcp_keepcnt": (4, 4),
    "tcp_keepidle": (5, 5),
    "tcp_keepintvl": (6, 6),
    "tcp_linger2": (7, 7),
    "tcp_notsent_lowat": (16_384, 16_384),
    "tcp_quickack": (False, False),
    "tcp_rto_max": (30_000, 30_000),
    "tcp_save_syn": (1, 1),
    "tcp_syncnt": (2, 2),
    "tcp_thin_linear_timeouts": (True, True),
    "tcp_user_timeout": (1234, 1234),
    "tcp_window_clamp": (50_000, 50_000),
    "traffic_class": (0xB8, 0xB8),
    "transparent": (True, True),
    "zero_copy": (True, True),
}
UDP: dict[str, tuple[Any, Any]] = {
    "multicast_all": (False, False),
    "multicast_hops": (9, 9),
    "multicast_loop": (False, False),
    "packet_info": (True, True),
    "udp_segment": (1200, 1200),
}
READ_ONLY = {"accept_connections": False, "error": 0, "type": int(socket.SOCK_STREAM)}
ABSENT = {"no_sigpipe", "tcp_noopt", "tcp_nopush", "use_loopback"}  # the BSDs have them
SPECIAL = {
    "bind_to_device",
    "cookie",
    "icmp_types",
    "include_headers",
    "mtu",
    "receive_buffer_force",
    "send_buffer_force",
    "send_low_water",
    "tcp_maxseg",
    "v6_only",
}

# What not all kernels have that we run on, and from when on.
NEWER = {"tcp_rto_max": "6.15", "prefer_busy_poll": "5.11"}

BOOLS = {name for name, (value, _) in TCP.items() if isinstance(value, bool)} | {"v6_only"}
INTS = {name for name, (value, _) in TCP.items() if type(value) is int} - {"linger"} | {
    "tcp_maxseg",
    "receive_buffer_force",
    "send_buffer_force",
}
OR_NONE = {"hops", "max_pacing_rate"}
TIMES = {"receive_timeout", "send_timeout"}
INTERNET_ONLY = {name for name, option in OPTIONS.items() if option.kinds != "all"}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the table here is Linux's")


@pytest.fixture(params=["ipv4", "ipv6"])
def tcp(request: pytest.FixtureRequest) -> Iterator[Socket]:
    with make_socket(address_family=request.param) as sock:
        yield sock


@pytest.fixture(params=["ipv4", "ipv6"])
def udp(request: pytest.FixtureRequest) -> Iterator[Socket]:
    with make_socket(type="datagram", address_family=request.param) as sock:
        yield sock


@pytest.fixture
def local() -> Iterator[Socket]:
    with make_socket(address_family="local") as sock:
        yield sock


def test_the_tables_here_know_every_option() -> None:
    assert set(OPTION_NAMES) == TCP.keys() | UDP.keys() | READ_ONLY.keys() | ABSENT | SPECIAL
    assert list(OPTION_NAMES) == sorted(OPTION_NAMES)


def test_the_names_for_type_checkers_are_those_of_the_table() -> None:
    assert set(OPTION_NAMES) == set(OPTIONS)
    kinds: dict[Any, str] = {
        names.SwitchOption: "bool",
        names.ReadOnlySwitchOption: "bool",
        names.ReadOnlyNumberOption: "int",
        names.NumberOption: "int",
        names.NumberOrDefaultOption: "int",
        names.NumberOrNoneOption: "int",
        names.LingerOption: "int",
        names.TimeOption: "float",
        names.TextOption: "str",
        names.ICMPTypesOption: "set of int",
        names.MTUDiscoveryOption: "str",
    }
    for literal, kind in kinds.items():
        for name in get_args(literal):
            assert OPTIONS[name].value.label.split(",")[0].split(";")[0] == kind, name
            assert (OPTIONS[name].access == "read") == name_of(literal).startswith("ReadOnly"), name
            takes_none = "None" in OPTIONS[name].value.label
            assert takes_none == (kind in ("float", "set of int") or "Or" in name_of(literal)), name
    assert get_args(names.MTUDiscovery) == MTU_DISCOVERY_CHOICES


def name_of(literal: Any) -> str:
    """Return what a literal of `names` is called there; those of two types are "Or"."""
    found = next(name for name, each in vars(names).items() if each is literal)
    return f"{found}Or" if found == "LingerOption" else found


def set_if_allowed(sock: Socket, name: Any, value: Any) -> None:
    """Set an option, or skip the test where that takes a privilege, or a newer system."""
    try:
        sock.set_option(name, value)
    except PermissionDenied:
        pytest.skip("setting it takes a privilege here")
    except OptionNotSupported:
        if name not in NEWER:
            raise
        pytest.skip(f"Linux has it from {NEWER[name]} on")


def assert_is_set(sock: Socket, name: Any, value: Any, expected: Any) -> None:
    """Set an option, and check that it changes to what it is set to."""
    if name in NEWER:
        set_if_allowed(sock, name, value)
    else:
        before = sock.get_option(name)
        assert before != expected
        set_if_allowed(sock, name, value)
    after = sock.get_option(name)
    assert after == expected
    assert type(after) is type(expected)


@pytest.mark.parametrize("name", TCP)
def test_what_is_set_is_read(tcp: Socket, name: Any) -> None:
    assert_is_set(tcp, name, *TCP[name])


@pytest.mark.parametrize("name", UDP)
def test_what_is_set_on_a_datagram_socket_is_read(udp: Socket, name: Any) -> None:
    assert_is_set(udp, name, *UDP[name])


@pytest.mark.parametrize("name", sorted(set(TCP) & INTERNET_ONLY))
def test_what_belongs_to_ip_all_internet_sockets_have(udp: Socket, name: Any) -> None:
    if OPTIONS[name].kinds == "internet":
        assert_is_set(udp, name, *TCP[name])
    else:
        with pytest.raises(OptionNotSupported, match=rf"^getsockopt {name}\b"):
            udp.get_option(name)


@pytest.mark.parametrize("name", UDP)
def test_what_belongs_to_datagrams_no_stream_has(tcp: Socket, name: Any) -> None:
    with pytest.raises(OptionNotSupported, match=rf"^getsockopt {name}\b"):
        tcp.get_option(name)
    with pytest.raises(OptionNotSupported, match=rf"^setsockopt {name}\b"):
        tcp.set_option(name, UDP[name][0])


# Where IPv6 has an option of its own for it, to which value, and what IPv4 then has.
BOTH = {
    "dscp": (10, 40),
    "free_bind": (True, 1),
    "hops": (31, 31),
    "min_hops": (2, 2),
    "mtu_discovery": ("probe", 3),
    "multicast_hops": (5, 5),
    "multicast_loop": (False, 0),
    "report_errors": (True, 1),
    "traffic_class": (7, 7),
}


@pytest.mark.parametrize("name", BOTH)
def test_an_ipv6_socket_gets_it_for_mapped_addresses_too(name: Any) -> None:
    value, expected = BOTH[name]
    with make_socket(type="datagram", address_family="ipv6") as sock:
        set_if_allowed(sock, name, value)
        number = constant(OPTIONS[name].constant)
        assert number is not None
        assert sock._descriptor.get_option(socket.IPPROTO_IP, number) == expected


def test_the_largest_segment_is_set(tcp: Socket) -> None:
    tcp.set_option("tcp_maxseg", 700)
    # Older kernels tell the default until there is a connection.
    assert tcp.get_option("tcp_maxseg") in (700, 536)


@pytest.mark.parametrize("name", sorted(BOOLS - {"v6_only"}))
def test_a_switch_is_set_both_ways(tcp: Socket, name: Any) -> None:
    for value in (True, False, True):
        set_if_allowed(tcp, name, value)
        assert tcp.get_option(name) is value


@pytest.mark.parametrize("name", READ_ONLY)
def test_what_can_only_be_read(tcp: Socket, name: Any) -> None:
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


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_what_the_platform_has_not_is_an_error_that_names_it(tcp: Socket, name: Any) -> None:
    with pytest.raises(OptionNotSupported, match=f"^getsockopt {name}: "):
        tcp.get_option(name)
    with pytest.raises(OptionNotSupported, match=f"^setsockopt {name}: "):
        tcp.set_option(name, True)


@pytest.mark.parametrize("name", sorted(INTERNET_ONLY))
def test_a_local_socket_has_not_what_is_the_internets(local: Socket, name: Any) -> None:
    with pytest.raises(OptionNotSupported, match=rf"^getsockopt {name}\b"):
        local.get_option(name)
    if OPTIONS[name].access == "read":
        return
    values = {**TCP, **UDP, "tcp_maxseg": (700, 0), "icmp_types": ([1], 0)}
    with pytest.raises(OptionNotSupported, match=rf"^setsockopt {name}\b"):
        local.set_option(name, values.get(name, (True, True))[0])


def test_what_the_system_refuses_to_a_kind_of_socket_is_the_same_error() -> None:
    # The system has several ways to say so: ENOPROTOOPT, and EOPNOTSUPP.
    with make_socket(address_family="ipv4") as sock:
        for refused in ("v6_only", "include_headers"):
            with pytest.raises(OptionNotSupported, match=rf"^setsockopt {refused}\b"):
                sock.set_option(refused, True)
        with pytest.raises(OptionNotSupported, match=r"^setsockopt send_low_water\b"):
            sock.set_option("send_low_water", 1)
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
    tcp: Socket, name: Any, told: str
) -> None:
    for call in (lambda: tcp.get_option(name), lambda: tcp.set_option(name, True)):
        with pytest.raises(ValueError, match=f"^no such option: {name!r}{told}"):
            call()


def test_the_default_of_hops_is_the_systems(tcp: Socket) -> None:
    default = tcp.get_option("hops")
    tcp.set_option("hops", 1)
    tcp.set_option("hops", None)
    assert tcp.get_option("hops") == default


def test_code_point_and_traffic_class_are_one_byte(udp: Socket) -> None:
    udp.set_option("traffic_class", 0xB9)
    assert udp.get_option("dscp") == 46
    udp.set_option("dscp", 10)
    assert udp.get_option("traffic_class") == 40


def test_a_rate_has_no_limit_until_one_is_set(tcp: Socket) -> None:
    assert tcp.get_option("max_pacing_rate") is None
    for rate in (1, 2**32 - 2, 2**32 - 1, 2**32, 2**40, None):
        tcp.set_option("max_pacing_rate", rate)
        assert tcp.get_option("max_pacing_rate") == rate


def test_each_socket_has_a_cookie_of_its_own(tcp: Socket, local: Socket) -> None:
    assert 0 < tcp.get_option("cookie") == tcp.get_option("cookie") != local.get_option("cookie")
    with pytest.raises(ValueError, match=r"^the option cookie cannot be set$"):
        tcp.set_option("cookie", 1)  # type: ignore[call-overload]


@pytest.mark.parametrize("direction", ["receive", "send"])
def test_a_buffer_can_be_forced_to_a_size(tcp: Socket, direction: str) -> None:
    forced: Any = f"{direction}_buffer_force"
    buffer: Any = f"{direction}_buffer"
    with pytest.raises(ValueError, match=f"^the option {forced} cannot be read$"):
        tcp.get_option(forced)
    tcp.set_option(buffer, 2**30)
    most = tcp.get_option(buffer)
    set_if_allowed(tcp, forced, most)
    assert tcp.get_option(buffer) == 2 * most


def test_the_largest_packet_is_known_of_connections(tcp: Socket) -> None:
    with pytest.raises(NotConnected, match=r"^getsockopt mtu\b"):
        tcp.get_option("mtu")
    with connected_sockets() as (client, _):
        assert client.get_option("mtu") >= 1280
        with pytest.raises(ValueError, match=r"^the option mtu cannot be set$"):
            client.set_option("mtu", 1500)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("family", "protocol", "most"),
    [(socket.AF_INET, socket.IPPROTO_ICMP, 32), (socket.AF_INET6, socket.IPPROTO_ICMPV6, 256)],
    ids=["ipv4", "ipv6"],
)
def test_raw_sockets_filter_what_they_receive(family: int, protocol: int, most: int) -> None:
    try:
        descriptor = SocketDescriptor(socket.socket(family, socket.SOCK_RAW, protocol))
    except PermissionError:
        pytest.skip("raw sockets take a privilege here")
    try:
        assert get_option(descriptor, "icmp_types") is None
        for types in ({3}, set(), {most - 1, 8}, range(most - 1)):
            set_option(descriptor, "icmp_types", types)
            assert get_option(descriptor, "icmp_types") == frozenset(types)
        for every_one in (range(most), None):
            set_option(descriptor, "icmp_types", every_one)
            assert get_option(descriptor, "icmp_types") is None
        set_option(descriptor, "include_headers", True)
        assert get_option(descriptor, "include_headers") is True
    finally:
        descriptor.close()


def test_a_congestion_control_that_the_system_has_not_is_not_supported(tcp: Socket) -> None:
    with pytest.raises(OptionNotSupported, match=r"^setsockopt tcp_congestion\b.* no 'swiftest'"):
        tcp.set_option("tcp_congestion", "swiftest")


@pytest.mark.exact_io("a message is cut, or not sent")
def test_whoever_asks_for_packet_info_later_gets_it(udp: Any) -> None:
    loopback = "127.0.0.1" if udp.address_family == "ipv4" else "::1"
    udp.bind(loopback)
    for value in (True, False):
        udp.set_option("packet_info", value)
        udp.send_to(b"x", loopback, udp.local_port)
        _, sender = udp.receive_from(timeout=PATIENCE)
        assert (str(sender.local_host) == loopback) is value


# -- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BOOLS))
@pytest.mark.parametrize("value", [1, 0, None, "yes", 1.0])
def test_what_a_switch_cannot_be(tcp: Socket, name: Any, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{name}: "):
        tcp.set_option(name, value)


@pytest.mark.parametrize("name", sorted(INTS))
@pytest.mark.parametrize("value", [True, None, "1", 1.0])
def test_what_a_number_cannot_be(tcp: Socket, name: Any, value: Any) -> None:
    if value is None and name in OR_NONE:
        tcp.set_option(name, value)
        return
    with pytest.raises(TypeError, match=f"^{name}: "):
        tcp.set_option(name, value)


@pytest.mark.parametrize(
    "value", [2**31, -(2**31) - 1, 10**400], ids=["too large", "too small", "huge"]
)
def test_a_number_fits_into_a_c_int(tcp: Socket, value: int) -> None:
    for name in ("priority", "linger"):
        with pytest.raises(ValueError, match=f"^{name}: "):
            tcp.set_option(name, value)


# The bounds that an option has by itself, and not by what a system makes of it.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("busy_poll", -1),
        ("dscp", 64),
        ("dscp", -1),
        ("hops", 0),
        ("hops", 256),
        ("incoming_cpu", -2),
        ("mark", 2**32),
        ("mark", -1),
        ("max_pacing_rate", 0),
        ("max_pacing_rate", 2**63),
        ("min_hops", 256),
        ("mtu_discovery", "maybe"),
        ("priority", -1),
        ("receive_buffer", -1),
        ("tcp_keepcnt", 0),
        ("tcp_keepidle", 0),
        ("tcp_notsent_lowat", 2**32),
        ("tcp_save_syn", 3),
        ("tcp_user_timeout", -1),
        ("traffic_class", 256),
        ("udp_segment", 65_536),
        ("multicast_hops", -1),
    ],
)
def test_what_is_out_of_bounds_is_told_at_once(tcp: Socket, name: Any, value: Any) -> None:
    before = None if OPTIONS[name].kinds == "UDP" or "multicast" in name else tcp.get_option(name)
    with pytest.raises(ValueError, match=f"^{name}: the option is "):
        tcp.set_option(name, value)
    if before is not None:
        assert tcp.get_option(name) == before


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({32}, ValueError),
        ({-1}, ValueError),
        (["echo"], TypeError),
        ("0", TypeError),
        (0, TypeError),
    ],
)
def test_types_of_icmp_are_numbers(tcp: Socket, value: Any, error: type[Exception]) -> None:
    if tcp.address_family == "ipv6" and value == {32}:
        value = {256}
    with pytest.raises(error, match=r"^icmp_types: (a type of ICMP|the option) is "):
        tcp.set_option("icmp_types", value)


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
def test_what_a_time_cannot_be(tcp: Socket, name: Any, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{name}: "):
        tcp.set_option(name, value)


@pytest.mark.parametrize("name", sorted(TIMES))
def test_a_time_is_in_seconds_or_none(tcp: Socket, name: Any) -> None:
    assert tcp.get_option(name) is None
    tcp.set_option(name, 2)
    assert tcp.get_option(name) == 2.0
    tcp.set_option(name, None)
    assert tcp.get_option(name) is None


def test_a_time_that_is_tiny_is_not_none(tcp: Socket) -> None:
    tcp.set_option("receive_timeout", 1e-9)
    limit = tcp.get_option("receive_timeout")
    assert limit is not None
    assert limit > 0


@pytest.mark.parametrize(
    ("value", "expected"), [(True, 15), (False, None), (None, None), (0, 0), (3, 3)]
)
def test_lingering_is_a_number_of_seconds_or_none(
    tcp: Socket, value: Any, expected: int | None
) -> None:
    tcp.set_option("linger", 9)
    tcp.set_option("linger", value)
    assert tcp.get_option("linger") == expected


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (1.5, TypeError), ("1", TypeError)])
def test_what_lingering_cannot_be(tcp: Socket, value: Any, error: type[Exception]) -> None:
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
def test_what_a_device_cannot_be(tcp: Socket, value: Any, error: type[Exception]) -> None:
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
