"""Asking name servers on an event base: scripted ones, which answer, lie, and are silent."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import cycle
from typing import Any

import pytest
from support.peers import refusing_port
from support.timing import MS, PATIENCE

from trunkline import (
    IPV4_LOOPBACK,
    Endpoint,
    EventBase,
    NoName,
    NoRecord,
    QueryRefused,
    ResolverError,
    ServerFailure,
    TryAgain,
)
from trunkline._core.dns_exchange import DNSAnswer, Exchange
from trunkline._core.resolver_config import ResolverConfig
from trunkline.names import ARecord, CNAMERecord, RecordType, TXTRecord
from trunkline.names.asking import Asking
from trunkline.testing.dns import NXDOMAIN, REFUSED, SERVFAIL, DNSServer, Reply

WWW = ARecord("www.test", 60, IPv4Address("192.0.2.1"))
ALIAS = CNAMERecord("alias.test", 30, "www.test")
IDS = cycle(range(1, 60_000))


@pytest.fixture
def dns() -> Iterator[DNSServer]:
    with DNSServer(WWW, ALIAS) as server:
        yield server


def begin(
    base: EventBase,
    servers: list[Endpoint],
    name: str = "www.test",
    kind: int = RecordType.A,
    **options: Any,
) -> tuple[Asking, list[Any]]:
    """Begin to ask, and return that, and where the outcome will be."""
    outcomes: list[Any] = []
    config = ResolverConfig(
        servers=tuple(servers), **{"timeout": PATIENCE, "attempts": 1, **options}
    )
    exchange = Exchange(name, kind, config, make_id=IDS.__next__)

    def told(outcome: Any) -> None:
        outcomes.append(outcome)
        base.exit()

    asking = Asking(base, exchange, told)
    asking.start()
    return asking, outcomes


def ask(base: EventBase, servers: list[Endpoint], *args: Any, **options: Any) -> Any:
    """Ask, wait for what comes of it, and return that."""
    _, outcomes = begin(base, servers, *args, **options)
    while not outcomes:
        base.dispatch(timeout=PATIENCE)
    assert base.statistics().handlers == 0
    assert base.statistics().timers == 0
    (outcome,) = outcomes
    return outcome


@pytest.mark.parametrize("use_tcp", [False, True])
def test_the_answer_comes(base: EventBase, dns: DNSServer, use_tcp: bool) -> None:
    answer = ask(base, [dns.endpoint], "alias.test", use_tcp=use_tcp)
    assert answer == DNSAnswer("alias.test", 1, (ALIAS, WWW), "www.test", 30, dns.endpoint)
    (query,) = dns.queries
    assert query.transport == ("tcp" if use_tcp else "udp")


def test_so_it_does_over_ipv6(base: EventBase) -> None:
    with DNSServer(WWW, host="::1") as server:
        assert server.endpoint.host == IPv6Address("::1")
        assert isinstance(ask(base, [server.endpoint]), DNSAnswer)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(rcode=NXDOMAIN), NoName),
        (Reply(records=()), NoRecord),
        (Reply(rcode=SERVFAIL), ServerFailure),
        (Reply(rcode=REFUSED), QueryRefused),
        (Reply(raw=b"xx\x80\0garbage"), ServerFailure),
    ],
)
def test_an_error_is_one_of_a_kind(
    base: EventBase, dns: DNSServer, reply: Reply, kind: type[ResolverError]
) -> None:
    dns.script("www.test", reply)
    error = ask(base, [dns.endpoint])
    assert type(error) is kind
    assert (error.host, error.record_type, error.server) == ("www.test", 1, dns.endpoint)


@pytest.mark.parametrize(
    "lie", [Reply(wrong_id=True), Reply(wrong_question=True), Reply(wrong_source=True)]
)
def test_lies_are_waited_out(base: EventBase, dns: DNSServer, lie: Reply) -> None:
    dns.script("www.test", lie)
    error = ask(base, [dns.endpoint], timeout=30 * MS)
    assert isinstance(error, TryAgain)
    assert "no answer" in str(error)


@pytest.mark.parametrize("use_tcp", [False, True])
def test_a_silent_server_is_followed_by_the_next_one(
    base: EventBase, dns: DNSServer, use_tcp: bool
) -> None:
    with DNSServer() as silent:
        silent.script("www.test", Reply(silent=True))
        answer = ask(base, [silent.endpoint, dns.endpoint], timeout=50 * MS, use_tcp=use_tcp)
        assert answer.server == dns.endpoint


@pytest.mark.parametrize("use_tcp", [False, True])
def test_so_is_one_that_is_not_there(base: EventBase, dns: DNSServer, use_tcp: bool) -> None:
    with refusing_port() as port:
        nobody = Endpoint(IPV4_LOOPBACK, port)
        assert ask(base, [nobody, dns.endpoint], use_tcp=use_tcp).server == dns.endpoint
        error = ask(base, [nobody], use_tcp=use_tcp)
        assert isinstance(error, TryAgain)
        assert "refused" in str(error)


def test_so_is_one_that_hangs_up(base: EventBase, dns: DNSServer) -> None:
    with DNSServer() as rude:
        rude.script("www.test", Reply(drops=True))
        assert ask(base, [rude.endpoint, dns.endpoint], use_tcp=True).server == dns.endpoint


def test_that_it_is_not_there_is_told_to_all_who_have_asked_it(
    base: EventBase, dns: DNSServer
) -> None:
    with refusing_port() as port:
        servers = [Endpoint(IPV4_LOOPBACK, port), dns.endpoint]
        # The system tells it once, perhaps to who asks next.
        names = ("www.test", "alias.test")
        found = [begin(base, servers, name, timeout=9 * PATIENCE)[1] for name in names]
        for _ in names:  # each of which ends a dispatch
            if not all(found):
                base.dispatch(timeout=PATIENCE)
    assert [outcome.server for (outcome,) in found] == [dns.endpoint] * 2


def test_what_does_not_fit_into_a_datagram_is_asked_for_by_tcp(
    base: EventBase, dns: DNSServer
) -> None:
    long = tuple(TXTRecord("long.test", 5, (bytes([number]) * 250,)) for number in range(20))
    dns.add(*long)
    assert ask(base, [dns.endpoint], "long.test", RecordType.TXT).records == long
    assert [query.transport for query in dns.queries] == ["udp", "tcp"]


@pytest.mark.parametrize("use_tcp", [False, True])
def test_it_can_be_given_up(base: EventBase, dns: DNSServer, use_tcp: bool) -> None:
    dns.script("www.test", Reply(silent=True))
    asking, outcomes = begin(base, [dns.endpoint], use_tcp=use_tcp)
    while not dns.queries:
        base.dispatch(timeout=1 * MS)
    asking.give_up()
    asking.give_up()
    base.dispatch(timeout=0)
    assert outcomes == []
    assert base.is_empty


def test_many_are_asked_at_once(base: EventBase, dns: DNSServer) -> None:
    names = [f"host-{number}.test" for number in range(200)]
    dns.add(*(ARecord(name, 5, IPv4Address("192.0.2.9")) for name in names))
    found = [begin(base, [dns.endpoint], name)[1] for name in names]
    while not all(found):
        base.dispatch(timeout=PATIENCE)
    assert [outcome.name for (outcome,) in found] == names
