"""Which keywords which kind of socket takes, and what they cannot be.

The table here is the documentation's, written down once more: what the source says is no witness.
"""

import inspect
from queue import Queue
from typing import Any

import pytest
from support.peers import PeerServer, receive_all
from support.timing import PATIENCE

from trunkline import IPV4_LOOPBACK, Endpoint, make_socket, make_socket_from_fd, make_socket_pair

STREAM = {"external_format", "input_buffer_size", "output_buffer_size", "timeout"}
INTERNET = STREAM | {
    "local_host",
    "local_port",
    "reuse_address",
    "keepalive",
    "nodelay",
    "interface",
    "resolver",
}
ACCEPTED = {
    ("active", "internet"): INTERNET
    | {"remote_host", "remote_port", "attempt_delay", "connect_timeout", "fast_open", "tls"},
    ("passive", "internet"): INTERNET | {"backlog", "fast_open", "reuse_port", "v6_only", "tls"},
    ("active", "local"): STREAM
    | {"local_filename", "remote_filename", "connect_timeout", "tls", "file_descriptors"},
    ("passive", "local"): STREAM
    | {"local_filename", "backlog", "reuse_address", "tls", "file_descriptors"},
}
DATAGRAM_ACCEPTED = {
    "internet": {
        "remote_host",
        "remote_port",
        "local_host",
        "local_port",
        "connect_timeout",
        "broadcast",
        "packet_info",
        "report_errors",
        "reuse_address",
        "reuse_port",
        "v6_only",
        "interface",
        "resolver",
        "protocol",
    },
    "local": {"local_filename", "remote_filename", "file_descriptors", "credentials"},
}
RAW_ACCEPTED = {
    "internet": {
        "remote_host",
        "local_host",
        "connect_timeout",
        "broadcast",
        "packet_info",
        "report_errors",
        "interface",
        "resolver",
        "protocol",
        "include_headers",
    },
    "netlink": {"local_port", "multicast_groups", "protocol"},
}
ALL = set().union(*ACCEPTED.values()) | {"broadcast", "include_headers", "multicast_groups"}
REFUSED = [
    (connect, family, option)
    for (connect, family), accepted in ACCEPTED.items()
    for option in sorted(ALL - accepted)
]

PACKETS_ACCEPTED = {
    "active": {"local_filename", "remote_filename", "connect_timeout", "file_descriptors"},
    "passive": {"local_filename", "backlog", "reuse_address", "file_descriptors"},
}
DATAGRAM_REFUSED = [
    (family, option)
    for family, accepted in DATAGRAM_ACCEPTED.items()
    for option in sorted((ALL | DATAGRAM_ACCEPTED["internet"]) - accepted)
]

make_any_socket: Any = make_socket  # what a type checker would not let through is tried here


@pytest.mark.parametrize(("connect", "family", "option"), REFUSED)
def test_a_keyword_that_a_kind_does_not_take_is_an_error_that_names_both(
    connect: str, family: str, option: str
) -> None:
    with pytest.raises(TypeError, match=rf"{connect} {family} stream socket .* {option}(;|$)"):
        make_any_socket(connect=connect, address_family=family, **{option: None})


@pytest.mark.parametrize(("family", "option"), DATAGRAM_REFUSED)
def test_so_it_is_of_datagrams(family: str, option: str) -> None:
    with pytest.raises(TypeError, match=rf"^an? {family} datagram socket .* {option}(;|$)"):
        make_any_socket(type="datagram", address_family=family, **{option: None})


@pytest.mark.parametrize(
    ("connect", "option"),
    [
        (connect, option)
        for connect, accepted in PACKETS_ACCEPTED.items()
        for option in sorted(ALL - accepted)
    ],
)
def test_so_it_is_of_connections_of_messages(connect: str, option: str) -> None:
    with pytest.raises(TypeError, match=rf"^an? {connect} local seqpacket socket .* {option}(;|$)"):
        make_any_socket(type="seqpacket", connect=connect, address_family="local", **{option: None})


@pytest.mark.parametrize(
    ("family", "option"),
    [
        (family, option)
        for family, accepted in RAW_ACCEPTED.items()
        for option in sorted((ALL | RAW_ACCEPTED["internet"]) - accepted)
    ],
)
def test_so_it_is_of_raw_sockets(family: str, option: str) -> None:
    with pytest.raises(TypeError, match=rf"^an? {family} raw socket .* {option}(;|$)"):
        make_any_socket(type="raw", address_family=family, **{option: None})


@pytest.mark.parametrize(
    ("kind", "family"),
    [("datagram", "internet"), ("datagram", "local"), ("raw", "internet"), ("raw", "netlink")],
)
def test_what_has_no_connections_is_neither_active_nor_passive(kind: str, family: str) -> None:
    with pytest.raises(TypeError, match=rf"{family} {kind} socket is neither active nor passive"):
        make_any_socket(type=kind, connect="passive", address_family=family)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"type": "raw", "address_family": "local"}, "there is no local raw socket: "),
        ({"address_family": "netlink"}, "no active netlink stream socket: .* has raw sockets$"),
        ({"type": "seqpacket"}, "seqpacket socket: address_family='local' has seqpacket sockets$"),
    ],
)
def test_a_kind_that_there_is_not_is_told(options: dict[str, str], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        make_any_socket(**options)


@pytest.mark.parametrize(
    ("family", "label"), [("ipv4", "IPv4"), ("ipv6", "IPv6"), ("internet", "internet")]
)
def test_the_error_calls_the_family_by_its_name(family: str, label: str) -> None:
    with pytest.raises(TypeError, match=f"^an active {label} stream socket does not take backlog;"):
        make_any_socket(address_family=family, backlog=1)


@pytest.mark.parametrize(
    ("connect", "family", "name", "meant"),
    [
        ("active", "internet", "reuse_addr", "reuse_address"),
        ("active", "internet", "host", "remote_host or local_host"),
        ("passive", "internet", "host", "local_host"),
        ("passive", "local", "path", "local_filename"),
        ("active", "local", "encoding", "external_format"),
        ("active", "internet", "wait", "timeout or connect_timeout"),
        ("active", "internet", "listen", "connect"),
        ("active", "internet", "mode", "connect"),
        ("active", "internet", "ipv6", "address_family"),
        ("passive", "ipv6", "v6only", "v6_only"),
    ],
)
def test_a_name_from_elsewhere_is_an_error_that_tells_ours(
    connect: str, family: str, name: str, meant: str
) -> None:
    with pytest.raises(TypeError, match=rf"does not take {name}; perhaps {meant} is meant$"):
        make_any_socket(connect=connect, address_family=family, **{name: None})


@pytest.mark.parametrize(
    ("connect", "family", "name", "meant"),
    [
        ("active", "internet", "reuseport", "reuse_port is meant, for connect='passive'"),
        (
            "active",
            "internet",
            "path",
            "remote_filename or local_filename is meant, for address_family='local'",
        ),
        ("passive", "internet", "delay", "attempt_delay is meant, for connect='active'"),
        ("passive", "local", "host", "local_host is meant, for address_family='internet'"),
    ],
)
def test_so_is_one_that_is_for_another_kind(
    connect: str, family: str, name: str, meant: str
) -> None:
    with pytest.raises(TypeError, match=rf"does not take {name}; perhaps {meant}$"):
        make_any_socket(connect=connect, address_family=family, **{name: None})


def test_a_socket_that_there_is_has_no_use_for_an_address() -> None:
    one, other = make_socket_pair()
    options: Any = {"host": "127.0.0.1"}
    with one, other, pytest.raises(TypeError, match=r"does not take host$"):
        make_socket_from_fd(one.fileno(), **options)


@pytest.mark.parametrize(
    ("connect", "family", "name", "kind"),
    [
        ("active", "internet", "remote_filename", "address_family='local'"),
        ("passive", "ipv6", "local_filename", "address_family='local'"),
        ("active", "local", "remote_host", "address_family='internet'"),
        ("active", "internet", "backlog", "connect='passive'"),
        ("passive", "internet", "remote_port", "connect='active'"),
        ("active", "local", "v6_only", "connect='passive' and address_family='internet'"),
        ("active", "internet", "broadcast", "type='datagram'"),
        ("passive", "local", "packet_info", "type='datagram' and address_family='internet'"),
    ],
)
def test_the_error_says_which_kind_takes_it(
    connect: str, family: str, name: str, kind: str
) -> None:
    with pytest.raises(TypeError, match=f"does not take {name}; it is for {kind}$"):
        make_any_socket(connect=connect, address_family=family, **{name: None})


@pytest.mark.parametrize(
    ("family", "name", "kind"),
    [
        ("internet", "keepalive", "type='stream'"),
        ("internet", "timeout", "type='stream'"),
        ("internet", "backlog", "type='stream' and connect='passive'"),
        ("internet", "local_filename", "address_family='local'"),
        ("local", "reuse_port", "address_family='internet'"),
        ("local", "external_format", "type='stream'"),
        ("local", "nodelay", "type='stream' and address_family='internet'"),
    ],
)
def test_the_error_of_datagrams_says_it_too(family: str, name: str, kind: str) -> None:
    with pytest.raises(TypeError, match=f"does not take {name}; it is for {kind}$"):
        make_any_socket(type="datagram", address_family=family, **{name: None})


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("localhost:80", "give them as 'localhost' and 80$"),
        ("[::1]:80", "give them as '::1' and 80$"),
        ("::1", "give both or neither$"),
        ("localhost", "give both or neither$"),
        (("localhost", 80), r"as by \*name$"),
        (Endpoint(IPV4_LOOPBACK, 80), r"as by \*name$"),
    ],
)
def test_a_host_with_its_port_in_one_is_told_to_be_taken_apart(host: Any, told: str) -> None:
    with pytest.raises(TypeError, match=f"belong together: .*{told}"):
        make_any_socket(host)


def test_all_options_are_in_the_signature() -> None:
    parameters = inspect.signature(make_socket).parameters
    tables = ACCEPTED, DATAGRAM_ACCEPTED, RAW_ACCEPTED
    accepted = set().union(*(each for table in tables for each in table.values()))
    assert accepted | {"connect", "address_family", "type"} == (parameters.keys() - {"others"})


@pytest.mark.parametrize(
    "port",
    ["9" * 5000, 9 * 10**5000, -(10**5000), "x" * 5000],
    ids=["digits", "large", "small", "name"],
)
def test_a_port_that_is_none_is_told_shortly(port: Any) -> None:
    with pytest.raises(ValueError, match=r"port|service") as caught:
        make_any_socket("127.0.0.1", port)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (Endpoint(IPV4_LOOPBACK, 80), r"as by \*name"),
        (("127.0.0.1", 80), r"as by \*name"),
        ("127.0.0.1:80", "as '127.0.0.1' and 80"),
        ("[::1]:80", "as '::1' and 80"),
    ],
)
@pytest.mark.parametrize("call", ["bind", "connect"])
def test_so_it_is_where_only_addresses_are_taken(call: str, address: Any, told: str) -> None:
    with make_any_socket() as sock, pytest.raises((TypeError, ValueError), match=told):
        getattr(sock, call)(address)


@pytest.mark.parametrize("arguments", [("active",), ("127.0.0.1", 80, "active")])
def test_only_the_host_and_the_port_need_no_names(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        make_any_socket(*arguments)


@pytest.mark.parametrize(("connect", "family"), [("passive", "internet"), ("active", "local")])
def test_who_connects_to_no_port_takes_neither(connect: str, family: str) -> None:
    with pytest.raises(TypeError, match="does not take remote_host"):
        make_any_socket("127.0.0.1", 80, connect=connect, address_family=family)


@pytest.mark.parametrize(
    "wrong",
    [
        {"connect": "both"},
        {"connect": None},
        {"address_family": "ipx"},
        {"address_family": "file"},
        {"address_family": []},
        {"type": "rdm"},
    ],
)
def test_a_kind_that_there_is_not_is_an_error_that_says_what_there_is(
    wrong: dict[str, Any],
) -> None:
    (name, value) = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=rf"^{name} is '.*, not ") as caught:
        make_any_socket(**wrong)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("connect", ["active", "passive"])
@pytest.mark.parametrize("family", ["internet", "local"])
@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("external_format", "no-such-encoding", ValueError),
        ("external_format", "utf-8/nl", ValueError),
        ("external_format", 8, TypeError),
        ("input_buffer_size", 0, ValueError),
        ("input_buffer_size", -1, ValueError),
        ("input_buffer_size", "big", TypeError),
        ("output_buffer_size", 0, ValueError),
        ("output_buffer_size", True, TypeError),
        ("timeout", -1, ValueError),
        ("timeout", float("nan"), ValueError),
        ("timeout", "1", TypeError),
    ],
)
def test_what_the_stream_cannot_be(
    connect: str, family: str, option: str, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error):
        make_any_socket(connect=connect, address_family=family, **{option: value})


ACTIVE: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"remote_host": "127.0.0.1"}, TypeError),
    ({"remote_port": 80}, TypeError),
    ({"remote_host": "127.0.0.1", "remote_port": 65_536}, ValueError),
    ({"remote_host": "127.0.0.1", "remote_port": -1}, ValueError),
    ({"remote_host": "127.0.0.1", "remote_port": "no such service"}, ValueError),
    ({"remote_host": "127.0.0.1", "remote_port": 80.0}, TypeError),
    ({"remote_host": "127.0.0.1", "remote_port": True}, TypeError),
    ({"remote_host": "127.1", "remote_port": 80}, ValueError),
    ({"remote_host": "", "remote_port": 80}, ValueError),
    ({"remote_host": "two words", "remote_port": 80}, ValueError),
    ({"remote_host": 3.5, "remote_port": 80}, TypeError),
    ({"remote_host": "localhost", "remote_port": 80, "attempt_delay": -1}, ValueError),
    ({"local_port": 80}, TypeError),
    ({"local_port": 0}, TypeError),
    ({"local_host": "127.1"}, ValueError),
    ({"local_host": "127.0.0.1", "local_port": 65_536}, ValueError),
    ({"address_family": "ipv4", "remote_host": "::1", "remote_port": 80}, ValueError),
    ({"address_family": "local", "local_filename": ""}, ValueError),
    ({"address_family": "local", "remote_filename": "x" * 200}, ValueError),
    ({"address_family": "local", "remote_filename": "a\0b"}, ValueError),
    ({"address_family": "local", "remote_filename": 80}, TypeError),
]
PASSIVE: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"local_port": 80}, TypeError),
    ({"local_port": 0}, TypeError),
    ({"backlog": 5}, TypeError),
    ({"local_host": "127.0.0.1", "backlog": -1}, ValueError),
    ({"local_host": "127.0.0.1", "backlog": 5.0}, TypeError),
    ({"local_host": "127.0.0.1", "backlog": True}, TypeError),
    ({"local_host": "127.0.0.1", "local_port": "no such service"}, ValueError),
    ({"local_host": "127.0.0.1", "v6_only": True}, TypeError),
    ({"address_family": "ipv4", "v6_only": False}, TypeError),
    ({"address_family": "local", "backlog": 5}, TypeError),
    ({"address_family": "local", "local_filename": "x" * 200}, ValueError),
]


@pytest.mark.parametrize(("options", "error"), ACTIVE)
def test_what_an_active_socket_cannot_be(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        make_any_socket(**options)


@pytest.mark.parametrize(("options", "error"), PASSIVE)
def test_what_a_passive_socket_cannot_be(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        make_any_socket(connect="passive", **options)


@pytest.mark.parametrize(
    ("connect", "family", "option"),
    [
        ("active", "ipv4", "keepalive"),
        ("active", "ipv4", "nodelay"),
        ("active", "ipv4", "reuse_address"),
        ("passive", "ipv4", "keepalive"),
        ("passive", "ipv4", "nodelay"),
        ("passive", "ipv4", "reuse_address"),
        ("passive", "ipv4", "reuse_port"),
        ("passive", "ipv6", "v6_only"),
        ("passive", "local", "reuse_address"),
    ],
)
@pytest.mark.parametrize("value", [0, 1, "no", None])
def test_a_switch_is_true_or_false_and_not_what_somebody_may_take_for_it(
    connect: str, family: str, option: str, value: object
) -> None:
    with pytest.raises(TypeError, match=option):
        make_any_socket(connect=connect, address_family=family, **{option: value})


@pytest.mark.parametrize(
    "wrong",
    [
        {"external_format": "no-such-encoding"},
        {"input_buffer_size": 0},
        {"output_buffer_size": "x"},
        {"timeout": -1},
        {"attempt_delay": -1},
        {"connect_timeout": "soon"},
        {"keepalive": "yes"},
        {"interface": 1},
    ],
)
def test_a_callers_mistake_is_found_before_anything_is_connected(wrong: dict[str, Any]) -> None:
    received: Queue[bytes] = Queue()
    with PeerServer(lambda connection: received.put(receive_all(connection))) as server:
        with pytest.raises((TypeError, ValueError)):
            make_any_socket(remote_host="127.0.0.1", remote_port=server.address[1], **wrong)
        # Whoever comes after it is the first one.
        with make_socket(remote_host="127.0.0.1", remote_port=server.address[1]) as sock:
            sock.write("hello")
        assert received.get(timeout=PATIENCE) == b"hello"


def test_a_pair_of_datagram_sockets_takes_nothing() -> None:
    make_any_pair: Any = make_socket_pair
    with pytest.raises(TypeError, match="a pair of datagram sockets does not take timeout"):
        make_any_pair(type="datagram", timeout=1)
    with pytest.raises(ValueError, match=r"type is 'stream' or .*, not 'raw'"):
        make_any_pair(type="raw")


@pytest.mark.parametrize("option", ["keepalive", "local_filename", "backlog", "nonsense"])
def test_a_pair_takes_what_concerns_the_stream_and_nothing_else(option: str) -> None:
    make_any_pair: Any = make_socket_pair
    with pytest.raises(TypeError, match=option):
        make_any_pair(**{option: True})


@pytest.mark.parametrize("option", ["keepalive", "local_host", "nonsense"])
def test_a_socket_of_a_descriptor_takes_what_concerns_the_stream_and_nothing_else(
    option: str,
) -> None:
    make_any_from_fd: Any = make_socket_from_fd
    with pytest.raises(TypeError, match=option):
        make_any_from_fd(0, **{option: True})
