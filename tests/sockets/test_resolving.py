"""Names of hosts: the four values of a lookup, literal addresses, and what can be no name."""

import socket
import threading
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from sockets.hosts import NO_ANSWERS, Misbehaving
from support.peers import refusing_port
from support.timing import MS, PATIENCE

from trunkline import (
    IPV4_LOOPBACK,
    IPV6_LOOPBACK,
    ConnectionRefused,
    Endpoint,
    HostEntry,
    IPAddress,
    NoName,
    Resolution,
    ResolverError,
    ServerFailure,
    SystemResolver,
    TimedOut,
    TryAgain,
    ensure_hostname,
    lookup_hostname,
    make_socket,
)

V4, OTHER_V4, V6 = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2"), IPv6Address("2001:db8::1")


class Directory:
    """A resolver with one host in it, which notes what it is asked."""

    def __init__(self, canonical: str | None = "real.example") -> None:
        self.canonical = canonical
        self.asked: list[tuple[Any, ...]] = []

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        self.asked.append((host, family, timeout))
        if host not in ("host.example", "real.example"):
            raise NoName(strerror="no such host", operation="resolve", host=host)
        every = (V6, V4, OTHER_V4)
        found = tuple(each for each in every if family in ("internet", f"ipv{each.version}"))
        return Resolution(found, self.canonical)

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        self.asked.append((address, timeout))
        if address != V4:
            raise NoName(strerror="no name", operation="reverse", host=address)
        return "real.example"


@pytest.fixture
def directory() -> Directory:
    return Directory()


# -- looking up -----------------------------------------------------------------------------------


def test_a_lookup_has_four_values(directory: Directory) -> None:
    address, addresses, canonical, names = lookup_hostname("host.example", resolver=directory)
    assert address == V6
    assert addresses == (V4, OTHER_V4)
    assert canonical == "real.example"
    assert names == tuple(
        (name, each) for name in ("real.example", "host.example") for each in (V6, V4, OTHER_V4)
    )


def test_the_values_have_names(directory: Directory) -> None:
    entry = lookup_hostname("host.example", resolver=directory)
    assert isinstance(entry, HostEntry)
    assert entry.address == V6
    assert entry.addresses == (V4, OTHER_V4)
    assert entry.canonical_name == "real.example"
    assert len(entry.names) == 6


def test_a_host_under_its_own_name_has_it_once(directory: Directory) -> None:
    entry = lookup_hostname("real.example", resolver=directory)
    assert entry.names == (
        ("real.example", V6),
        ("real.example", V4),
        ("real.example", OTHER_V4),
    )


def test_where_the_official_name_is_not_known_it_is_none() -> None:
    entry = lookup_hostname("host.example", resolver=Directory(canonical=None))
    assert entry.canonical_name is None
    assert entry.names[0] == ("host.example", V6)


@pytest.mark.parametrize(
    ("family", "first", "others"), [("ipv4", V4, (OTHER_V4,)), ("ipv6", V6, ())]
)
def test_one_family_only(
    directory: Directory, family: Any, first: IPAddress, others: tuple[IPAddress, ...]
) -> None:
    entry = lookup_hostname("host.example", family=family, resolver=directory)
    assert (entry.address, entry.addresses) == (first, others)
    assert directory.asked == [("host.example", family, None)]


def test_the_resolver_is_given_the_time_limit(directory: Directory) -> None:
    lookup_hostname("host.example", resolver=directory, timeout=3)
    lookup_hostname(V4, resolver=directory, timeout=4)
    ensure_hostname("host.example", resolver=directory, timeout=5)
    assert directory.asked == [
        ("host.example", "internet", 3),
        (V4, 4),
        ("host.example", "internet", 5),
    ]


def test_a_host_that_does_not_exist_is_an_error(directory: Directory) -> None:
    with pytest.raises(NoName, match=r"^resolve nonesuch\.example: no such host$") as caught:
        lookup_hostname("nonesuch.example", resolver=directory)
    assert caught.value.host == "nonesuch.example"
    assert isinstance(caught.value, socket.gaierror)


@pytest.mark.parametrize("error", [TryAgain, ServerFailure])
def test_what_the_resolver_raises_comes_out(error: Any) -> None:
    class Failing(Directory):
        def resolve(self, host: str, **options: Any) -> Resolution:
            raise error(strerror="sorry", operation="resolve", host=host)

    with pytest.raises(error, match=r"^resolve host\.example: sorry$"):
        lookup_hostname("host.example", resolver=Failing())


# -- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize("literal", ["192.0.2.1", 3221225985, b"\xc0\0\2\1", [192, 0, 2, 1], V4])
def test_of_an_address_the_name_is_looked_up(directory: Directory, literal: Any) -> None:
    assert lookup_hostname(literal, resolver=directory) == HostEntry(
        V4, (), "real.example", (("real.example", V4),)
    )
    assert directory.asked == [(V4, None)]


def test_an_address_without_a_name_is_an_address_all_the_same(directory: Directory) -> None:
    assert lookup_hostname("192.0.2.9", resolver=directory) == HostEntry(
        IPv4Address("192.0.2.9"), (), None, ()
    )
    assert lookup_hostname("2001:db8::9", resolver=directory).address == IPv6Address("2001:db8::9")


def test_other_errors_of_a_reverse_lookup_come_out() -> None:
    class Failing(Directory):
        def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
            raise TryAgain(strerror="later", operation="reverse", host=address)

    with pytest.raises(TryAgain):
        lookup_hostname(V4, resolver=Failing())


@pytest.mark.parametrize(("literal", "family"), [((127, 0, 0, 1), "ipv6"), ("::1", "ipv4")])
def test_an_address_of_the_wrong_family_does_not_exist_in_the_other(
    directory: Directory, literal: Any, family: Any
) -> None:
    for function in (lookup_hostname, ensure_hostname):
        with pytest.raises(NoName):
            function(literal, family=family, resolver=directory)
    assert directory.asked == []


def test_ensuring_looks_up_only_names(directory: Directory) -> None:
    assert ensure_hostname("192.0.2.9", resolver=directory) == IPv4Address("192.0.2.9")
    assert ensure_hostname(V6, family="ipv6", resolver=directory) == V6
    assert directory.asked == []
    assert ensure_hostname("host.example", family="ipv4", resolver=directory) == V4
    assert directory.asked == [("host.example", "ipv4", None)]


# -- what is neither ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.1",
        "1",
        "256.0.0.1",
        "127.0.0.256",
        "1.2.3.4.5",
        "127.0.0.1.",
        "192.0.2.1:80",
        "0x7f.1",
        "0X7F000001",
        "0x7f.0.0.0x1",
        "017700000001",
        "①",
        "①27.0.0.1",
        "１２７.０.０.１",
        "127。0。0。1",
        "0ⅹ7f.1",
        "127\u00ad.1",  # a soft hyphen: invisible, and dropped on the way
        "127\u200b.1",
        "0x7f\u00ad000001",
        "1\u034f27.1",
        "12\ufe0f7.1",
        "127.0.0.1\u2060",
        "\u200d2130706433",
        "\u200b",
        "ff0x::114",
        ":::",
        "[::1]",
        "two words",
        "tab\there",
        "line\nbreak",
        "a\0b",
        "http://host/",
        "host/24",
        "fe80%eth0",
        "a..b",
        ".example",
        "a" * 64 + ".example",
        "a.a" * 84 + "aaa",
        "☕.example",
        "ü" * 60,
        "host\\",
        "host\\999",
        "\x7f.example",
        "a." * 127 + "a",
    ],
)
def test_what_is_meant_to_be_an_address_is_not_taken_for_a_name(
    directory: Directory, host: str
) -> None:
    # The system's resolver would understand half of them, and connect to somewhere.
    for function in (lookup_hostname, ensure_hostname):
        with pytest.raises(ValueError, match=r"not|empty"):
            function(host, resolver=directory)
    assert directory.asked == []


@pytest.mark.parametrize(
    "host",
    ["1and1.example", "3com", "a.1", "0xg", "0x", "xn--bcher-kva.example", "_srv.x", "ß", "host."],
)
def test_names_with_digits_are_names(directory: Directory, host: str) -> None:
    with pytest.raises(NoName):
        lookup_hostname(host, resolver=directory)
    assert [asked for asked, *_ in directory.asked] == [host]


@pytest.mark.parametrize(
    ("host", "error"),
    [(None, TypeError), (1.5, TypeError), (True, TypeError), ((127, 0, 0), ValueError)],
)
def test_what_can_be_neither(directory: Directory, host: Any, error: type[Exception]) -> None:
    for function in (lookup_hostname, ensure_hostname):
        with pytest.raises(error):
            function(host, resolver=directory)


@pytest.mark.parametrize("resolver", [5, "", [], Directory])
def test_a_resolver_is_one_or_that_is_told_at_once(resolver: Any) -> None:
    for call in (
        partial(lookup_hostname, "host.example"),
        partial(lookup_hostname, V4),
        partial(ensure_hostname, V4),
        partial(make_socket, "host.example", 80),
        partial(make_socket, "127.0.0.1", 1),
    ):
        with pytest.raises(TypeError, match="resolver"):
            call(resolver=resolver)


@pytest.mark.parametrize("family", ["local", "ipv5", None])
def test_a_family_that_there_is_not_is_an_error(family: Any) -> None:
    for host in ("localhost", V4):
        with pytest.raises(ValueError, match="the family is one of"):
            lookup_hostname(host, family=family)


# -- the system's resolver ------------------------------------------------------------------------


def test_the_systems_resolver_is_the_default() -> None:
    entry = lookup_hostname("localhost", timeout=PATIENCE)
    assert entry.address.is_loopback
    assert ("localhost", entry.address) in entry.names
    assert lookup_hostname(IPV4_LOOPBACK, timeout=PATIENCE).address == IPV4_LOOPBACK
    assert lookup_hostname("::1").address == IPV6_LOOPBACK


def test_the_systems_resolver_is_asked_for_the_name_that_is_in_the_dns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def getaddrinfo(host: str, *others: object) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert SystemResolver().resolve("faß.example").addresses
    assert asked == ["xn--fa-hia.example"]
    with pytest.raises(ValueError, match=r"not the name of a host: '☕"):
        lookup_hostname("☕.example")


def test_the_systems_resolver_takes_what_any_other_takes_and_nothing_else() -> None:
    resolver: Any = SystemResolver()
    for host in (V4, str(V4), V4.packed):
        assert resolver.resolve(host).addresses == (V4,)
    for host in ("", "127.1", "a b", "a" * 64):
        with pytest.raises(ValueError, match=r"not|empty"):
            resolver.resolve(host)
    for neither in (None, 1.5):
        with pytest.raises(TypeError):
            resolver.resolve(neither)
        with pytest.raises(TypeError):
            resolver.reverse(neither)
    with pytest.raises(ValueError, match="not"):
        resolver.reverse("host.example")
    by_family: Any = 1
    with pytest.raises(TypeError, match="by_family"):
        SystemResolver(by_family=by_family)


def test_a_name_without_addresses_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: [])
    with pytest.raises(NoName, match=r"^resolve host\.example: no address$"):
        SystemResolver().resolve("host.example")


def test_the_systems_resolver_is_asked_for_the_family(monkeypatch: pytest.MonkeyPatch) -> None:
    families: list[int] = []

    def getaddrinfo(host: str, port: object, family: int, *others: object) -> list[Any]:
        families.append(family)
        return [(socket.AF_INET, 1, 6, "", ("192.0.2.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    resolver = SystemResolver()
    for family in ("internet", "ipv4", "ipv6"):
        resolver.resolve("host.example", family=family)
    assert families == [socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6]


def test_the_systems_resolver_is_not_waited_for_longer_than_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finish = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: finish.wait(PATIENCE) and [])
    with pytest.raises(TimedOut, match=r"^resolve host\.example: time limit passed") as caught:
        lookup_hostname("host.example", timeout=20 * MS)
    assert caught.value.deadline
    finish.set()


def test_a_name_that_is_too_long_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="not the name of a host"):
        lookup_hostname("a" * 64)


# -- resolvers that misbehave ---------------------------------------------------------------------


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_an_error_that_shows_it(name: str) -> None:
    resolver = Misbehaving(NO_ANSWERS[name])
    for look_up in (
        partial(lookup_hostname, "host.example", resolver=resolver),
        partial(ensure_hostname, "host.example", resolver=resolver),
        partial(make_socket, "host.example", 9, resolver=resolver),
        partial(make_socket, "127.0.0.1", 9, local_host="host.example", resolver=resolver),
    ):
        with pytest.raises(ResolverError) as caught:
            look_up()
        assert caught.value.host == "host.example"
        assert caught.value.operation == "resolve"
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", [None, "", 5, b"name", ()])
def test_what_is_no_name_is_an_error_that_shows_it(name: Any) -> None:
    with pytest.raises(ResolverError, match="the resolver has returned") as caught:
        lookup_hostname("127.0.0.1", resolver=Misbehaving(name))
    assert caught.value.operation == "reverse"


def test_addresses_of_the_wrong_family_are_none() -> None:
    both = Misbehaving(Resolution((IPv6Address("::1"), IPv4Address("127.0.0.1")), None))
    assert ensure_hostname("host.example", family="ipv4", resolver=both) == IPv4Address("127.0.0.1")
    with pytest.raises(NoName):
        ensure_hostname(
            "host.example",
            family="ipv6",
            resolver=Misbehaving(Resolution((IPv4Address("127.0.0.1"),), None)),
        )


def test_an_address_that_is_told_twice_is_one() -> None:
    twice = Misbehaving(Resolution((IPv4Address("127.0.0.1"),) * 300, "name"))
    assert lookup_hostname("host.example", resolver=twice).addresses == ()


def test_of_hundreds_of_addresses_some_are_tried() -> None:
    many = [IPv4Address("127.0.0.1") + number for number in range(300)]
    with refusing_port() as port, pytest.raises(ConnectionRefused) as caught:
        make_socket(
            "host.example",
            port,
            resolver=Misbehaving(Resolution(tuple(many), None)),
            attempt_delay=None,
        )
    addresses = [Endpoint(host, port) for host in many[:32]]
    assert [attempt.address for attempt in caught.value.attempts] == addresses
