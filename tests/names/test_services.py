"""Services of domains: where they are, in which order they are tried, and connecting to them."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sockets.hosts import ONE, TWO, hosts
from support.peers import refusing_port
from support.timing import MS, PATIENCE

from trunkline import (
    IPV4_LOOPBACK,
    ConnectFailed,
    ConnectionRefused,
    NoName,
    NoRecord,
    PassiveSocket,
    ServerFailure,
    TimedOut,
    make_socket,
)
from trunkline._core.service_order import in_order
from trunkline.names import ARecord, DNSResolver, SRVRecord, connect_service, service_hosts
from trunkline.testing.dns import SERVFAIL, DNSServer, Reply

NAME = "_imaps._tcp.mail.test"


@pytest.fixture
def dns() -> Iterator[DNSServer]:
    with DNSServer(ARecord("here.test", 60, IPV4_LOOPBACK)) as server:
        yield server


@pytest.fixture
def listener() -> Iterator[PassiveSocket]:
    with make_socket(connect="passive", local_host="127.0.0.1") as socket:
        yield socket


def resolver_for(dns: DNSServer) -> DNSResolver:
    return DNSResolver([dns.endpoint], config_file=None, hosts_file=None, cache_size=0)


def srv(priority: int, weight: int, port: int, target: str = "here.test") -> SRVRecord:
    return SRVRecord(NAME, 60, priority, weight, port, target)


def connected(dns: DNSServer, **options: Any) -> Any:
    options = {"connect_timeout": PATIENCE, "resolver": resolver_for(dns), **options}
    return connect_service("mail.test", "imaps", **options)


def test_the_service_is_where_the_domain_says(dns: DNSServer, listener: PassiveSocket) -> None:
    dns.add(srv(10, 5, listener.local_port))
    with connected(dns, external_format="latin-1") as stream:
        assert stream.remote_name == listener.local_name
        assert stream.external_format.encoding == "iso8859-1"


def test_the_next_host_is_tried_when_one_is_not_there(
    dns: DNSServer, listener: PassiveSocket
) -> None:
    with refusing_port() as port:
        dns.add(srv(2, 0, listener.local_port), srv(1, 0, port), srv(0, 0, 1, "nobody.test"))
        with connected(dns) as stream:
            assert stream.remote_name == listener.local_name


def test_so_it_is_when_one_is_silent(dns: DNSServer) -> None:
    with hosts(answering=[TWO], hanging=[ONE]) as at:
        dns.add(ARecord("silent.test", 60, ONE), ARecord("there.test", 60, TWO))
        dns.add(srv(1, 0, at.port, "silent.test"), srv(2, 0, at.port, "there.test"))
        with connected(dns, connect_timeout=400 * MS) as stream:
            assert stream.remote_host == TWO


def test_what_has_become_of_all_of_them_is_told(dns: DNSServer) -> None:
    with refusing_port() as one, refusing_port() as other:
        dns.add(srv(1, 0, one), srv(2, 0, other))
        with pytest.raises(ConnectionRefused, match=r"^connect imaps of mail\.test: ") as caught:
            connected(dns)
        addresses = [attempt.address for attempt in caught.value.attempts]
        assert addresses == [(IPV4_LOOPBACK, one), (IPV4_LOOPBACK, other)]
        assert not isinstance(caught.value, ConnectFailed)


def test_none_of_the_hosts_has_an_address(dns: DNSServer) -> None:
    dns.add(srv(1, 0, 1, "nobody.test"))
    with pytest.raises(NoName, match=r"^resolve nobody\.test: "):
        connected(dns)


def test_a_domain_may_not_offer_it(dns: DNSServer) -> None:
    dns.add(srv(0, 0, 0, "."))
    with pytest.raises(NoName, match=r"^resolve _imaps\._tcp\.mail\.test: it does not offer that"):
        connected(dns)


def test_who_says_nothing_is_its_own_host(dns: DNSServer) -> None:
    found = service_hosts("here.test", "imaps", resolver=resolver_for(dns), timeout=PATIENCE)
    assert found == [("here.test", 993)]
    with pytest.raises(NoName):
        service_hosts("here.test", "unheard-of", resolver=resolver_for(dns), timeout=PATIENCE)
    dns.add(ARecord("_unheard-of._tcp.here.test", 60, IPV4_LOOPBACK))
    with pytest.raises(NoRecord):
        service_hosts("here.test", "unheard-of", resolver=resolver_for(dns), timeout=PATIENCE)


@pytest.mark.parametrize("address", ["127.0.0.1", "fe80::1%lo"])
def test_an_address_is_its_own_host_of_which_nobody_is_asked(dns: DNSServer, address: str) -> None:
    found = service_hosts(address, "imaps", resolver=resolver_for(dns), timeout=PATIENCE)
    assert found == [(address, 993)]
    with pytest.raises(NoName):
        service_hosts(address, "unheard-of", resolver=resolver_for(dns), timeout=PATIENCE)
    assert dns.queries == ()


def test_who_cannot_say_is_not_taken_for_silent(dns: DNSServer) -> None:
    dns.script(NAME, Reply(rcode=SERVFAIL))
    with pytest.raises(ServerFailure):
        connected(dns)


def test_the_time_for_all_of_it_is_limited(dns: DNSServer) -> None:
    dns.script(NAME, Reply(silent=True))
    with pytest.raises(TimedOut):
        connected(dns, connect_timeout=0.05)


@pytest.mark.parametrize("target", ["999", "a%b", "a\\032b", "127.1", "x\\000"])
def test_a_target_that_is_no_host_is_left_out(
    dns: DNSServer, listener: PassiveSocket, target: str
) -> None:
    dns.add(srv(1, 0, 1, target))
    with pytest.raises(NoName):
        connected(dns)
    dns.add(srv(2, 0, listener.local_port))
    with connected(dns) as stream:
        assert stream.remote_name == listener.local_name


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"name": None}, TypeError),
        ({"name": 5}, TypeError),
        ({"name": b"mail.test"}, TypeError),
        ({"name": ""}, ValueError),
        ({"name": "a..b"}, ValueError),
        ({"service": 993}, TypeError),
        ({"service": ""}, ValueError),
        ({"service": "imaps.evil"}, ValueError),
        ({"protocol": None}, TypeError),
        ({"protocol": ""}, ValueError),
        ({"resolver": 5}, TypeError),
    ],
)
def test_what_can_be_no_service_is_told_before_anybody_is_asked(
    dns: DNSServer, arguments: Any, error: type[Exception]
) -> None:
    options = {"name": "mail.test", "service": "imaps", "resolver": resolver_for(dns), **arguments}
    for function in (service_hosts, connect_service):
        with pytest.raises(error):
            function(**options)
    assert dns.queries == ()


def test_the_order_is_by_priority_and_drawn_by_weight() -> None:
    records = [srv(2, 0, 5), srv(1, 0, 1), srv(1, 3, 2), srv(1, 1, 3), srv(0, 0, 4)]
    draws = iter([0, 0, 3, 1, 0])
    ordered = in_order(records, lambda least, most: min(next(draws), most))
    assert [record.port for record in ordered] == [4, 1, 2, 3, 5]
    first: Counter[int] = Counter()
    for drawn in range(5):  # of 0 to 4, the sum of the weights
        first[in_order(records, lambda least, most, d=drawn: min(d, most))[1].port] += 1  # type: ignore[misc]
    assert first == {1: 1, 3: 1, 2: 3}
    assert in_order([], lambda least, most: 0) == []
