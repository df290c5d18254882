"""The resolver that asks name servers: blocking, and on an event base."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from names.helpers import Told, Way, resolver_for
from support.peers import refusing_port
from support.timing import MS, PATIENCE

from trunkline import (
    IPV4_LOOPBACK,
    IPV6_LOOPBACK,
    Endpoint,
    EventBase,
    NoName,
    NoRecord,
    QueryRefused,
    ResolverError,
    ServerFailure,
    SocketClosed,
    SystemResolver,
    TimedOut,
    TryAgain,
    evented,
    lookup_hostname,
    make_socket,
)
from trunkline.multiplex import Transport, TransportProtocol, connect
from trunkline.names import (
    AAAARecord,
    ARecord,
    CNAMERecord,
    DNSResolver,
    PTRRecord,
    RecordType,
    SOARecord,
    TXTRecord,
    dns_query,
    machine_resolver,
)
from trunkline.sockets import Resolution
from trunkline.testing.clock import ManualClock
from trunkline.testing.dns import NXDOMAIN, REFUSED, SERVFAIL, DNSServer, Reply

V4, V6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")
ZONE = (
    ARecord("www.test", 60, V4),
    AAAARecord("www.test", 30, V6),
    ARecord("v4.test", 60, V4),
    CNAMERecord("alias.test", 30, "www.test"),
    TXTRecord("text.test", 60, (b"hello",)),
    PTRRecord("1.2.0.192.in-addr.arpa", 60, "www.test"),
    ARecord("host.example.test", 60, V4),
)


@pytest.fixture
def dns() -> Iterator[DNSServer]:
    with DNSServer(*ZONE) as server:
        yield server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


# -- addresses ------------------------------------------------------------------------------------


def test_a_host_has_addresses_of_both_families(dns: DNSServer, ask: Way) -> None:
    found = ask(resolver_for(dns), "resolve", "alias.test")
    assert found == ((V6, V4), "www.test")
    assert {query.type for query in dns.queries} == {RecordType.A, RecordType.AAAA}


def test_what_can_be_reached_comes_first(dns: DNSServer, ask: Way) -> None:
    nowhere = IPv4Address("255.255.255.255")  # to which not even a datagram may be sent
    dns.add(ARecord("both.test", 60, nowhere), ARecord("both.test", 60, IPV4_LOOPBACK))
    for is_sorted, expected in (
        (True, (IPV4_LOOPBACK, nowhere)),
        (False, (nowhere, IPV4_LOOPBACK)),
    ):
        found = ask(resolver_for(dns, sort_addresses=is_sorted), "resolve", "both.test")
        assert found.addresses == expected


@pytest.mark.parametrize(("family", "addresses"), [("ipv4", (V4,)), ("ipv6", (V6,))])
def test_or_only_those_that_are_wanted(
    dns: DNSServer, ask: Way, family: Any, addresses: Any
) -> None:
    assert ask(resolver_for(dns), "resolve", "www.test", family=family).addresses == addresses
    assert len(dns.queries) == 1


def test_one_family_is_enough(dns: DNSServer, ask: Way) -> None:
    assert ask(resolver_for(dns), "resolve", "v4.test").addresses == (V4,)
    with pytest.raises(NoRecord, match=r"^resolve v4\.test: "):
        ask(resolver_for(dns), "resolve", "v4.test", family="ipv6")


def test_also_if_the_other_one_cannot_be_found_out(dns: DNSServer, ask: Way) -> None:
    dns.script("www.test", Reply(rcode=SERVFAIL), record_type=RecordType.AAAA)
    assert ask(resolver_for(dns), "resolve", "www.test").addresses == (V4,)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(rcode=NXDOMAIN), NoName),
        (Reply(records=()), NoRecord),
        (Reply(rcode=SERVFAIL), ServerFailure),
        (Reply(rcode=REFUSED), QueryRefused),
    ],
)
def test_errors_say_what_was_wanted_and_who_said_so(
    dns: DNSServer, ask: Way, reply: Reply, kind: type[ResolverError]
) -> None:
    dns.script("www.test", reply)
    with pytest.raises(kind) as caught:
        ask(resolver_for(dns), "resolve", "www.test")
    assert type(caught.value) is kind
    assert (caught.value.operation, caught.value.host) == ("resolve", "www.test")
    assert caught.value.server == dns.endpoint


@pytest.mark.parametrize("reply", [Reply(rcode=NXDOMAIN), Reply(records=())])
@pytest.mark.parametrize(
    ("family", "record_type"),
    [("internet", None), ("ipv6", RecordType.AAAA), ("ipv4", RecordType.A)],
)
def test_that_there_are_no_addresses_is_said_of_the_records_that_were_wanted(
    dns: DNSServer, ask: Way, reply: Reply, family: Any, record_type: RecordType | None
) -> None:
    dns.script("www.test", reply)
    resolver = resolver_for(dns)
    with pytest.raises(NoName):  # what is known then of records of any type, or of others
        resolver.query("www.test", "MX")
    for _ in range(2):
        with pytest.raises(NoName) as caught:
            ask(resolver, "resolve", "www.test", family=family)
        assert caught.value.record_type == record_type


def test_which_records_could_not_be_found_out_is_said(dns: DNSServer, ask: Way) -> None:
    dns.script("v4.test", Reply(records=()))
    dns.script("v4.test", Reply(rcode=REFUSED), record_type=RecordType.A)
    with pytest.raises(QueryRefused) as caught:
        ask(resolver_for(dns), "resolve", "v4.test")
    assert caught.value.record_type == RecordType.A


def test_nobody_there_is_something_to_try_again(ask: Way) -> None:
    with refusing_port() as port, pytest.raises(TryAgain):
        ask(resolver_for((IPV4_LOOPBACK, port)), "resolve", "www.test")


def test_the_time_for_all_of_it_is_kept_to(dns: DNSServer, ask: Way) -> None:
    dns.script("www.test", Reply(silent=True))
    with pytest.raises(TimedOut, match=r"^resolve www\.test: "):
        ask(resolver_for(dns), "resolve", "www.test", timeout=50 * MS)


def test_what_is_known_takes_no_time(dns: DNSServer, ask: Way) -> None:
    dns.script("silent.test", Reply(silent=True))
    resolver = resolver_for(dns)
    with pytest.raises(TimedOut):
        ask(resolver, "resolve", "silent.test", timeout=0)
    found = ask(resolver, "resolve", "www.test")
    assert ask(resolver, "resolve", "www.test", timeout=0) == found
    assert ask(resolver, "resolve", "192.0.2.1", timeout=0).addresses == (V4,)
    assert ask(resolver, "resolve", "localhost", timeout=0).canonical_name == "localhost"
    assert ask(resolver, "query", "www.test", "A", timeout=0).name == "www.test"
    with pytest.raises(NoName):
        ask(resolver, "resolve", "nobody.test")
    with pytest.raises(NoName):
        ask(resolver, "resolve", "nobody.test", timeout=0)


def test_a_short_name_is_looked_for_in_the_domains(dns: DNSServer, ask: Way) -> None:
    resolver = resolver_for(dns, search=["nowhere.test", "example.test"])
    assert ask(resolver, "resolve", "host") == ((V4,), "host.example.test")
    with pytest.raises(NoName, match=r"^resolve nobody: "):
        ask(resolver, "resolve", "nobody")
    with pytest.raises(NoName):
        ask(resolver, "resolve", "host.")


def test_a_name_is_asked_for_as_the_servers_have_it(dns: DNSServer, ask: Way) -> None:
    dns.add(ARecord("xn--bcher-kva.test", 60, V4))
    resolver = resolver_for(dns)
    assert ask(resolver, "resolve", "Bücher.test") == ((V4,), "xn--bcher-kva.test")
    assert ask(resolver, "query", "bücher.test", "A").name == "bücher.test"
    with pytest.raises(NoName, match=r"^resolve faß\.test: "):
        ask(resolver, "resolve", "faß.test")
    assert {query.name for query in dns.queries} == {"xn--bcher-kva.test", "xn--fa-hia.test"}


@pytest.mark.parametrize("host", ["localhost", "LocalHost.", "db.localhost"])
def test_who_is_here_is_known(ask: Way, host: str) -> None:
    with refusing_port() as port:
        resolver = resolver_for((IPV4_LOOPBACK, port))
        assert ask(resolver, "resolve", host).addresses == (IPV6_LOOPBACK, IPV4_LOOPBACK)
        assert ask(resolver, "resolve", host, family="ipv4").addresses == (IPV4_LOOPBACK,)
        assert ask(resolver, "resolve", "192.0.2.7").addresses == (IPv4Address("192.0.2.7"),)


def test_the_table_of_hosts_comes_first(dns: DNSServer, ask: Way, tmp_path: Path) -> None:
    table = tmp_path / "hosts"
    table.write_text("192.0.2.77 www.test w\n")
    resolver = resolver_for(dns, hosts_file=table)
    assert ask(resolver, "resolve", "w") == ((IPv4Address("192.0.2.77"),), "www.test")
    assert ask(resolver, "reverse", IPv4Address("192.0.2.77")) == "www.test"
    assert dns.queries == ()
    table.write_text("")
    os.utime(table, (1, 1))
    assert ask(resolver, "resolve", "www.test").addresses == (V6, V4)


def test_a_file_says_whom_to_ask_and_may_change(tmp_path: Path, dns: DNSServer) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("nameserver 192.0.2.53\nsearch a.test\noptions ndots:3\n")
    resolver = DNSResolver(config_file=path, hosts_file=None)
    assert str(resolver.config.servers[0]) == "192.0.2.53:53"
    assert resolver.config.ndots == 3
    path.write_text("search b.test c.test\n")
    assert resolver.config.search == ("b.test", "c.test")
    own = DNSResolver([dns.endpoint], config_file=path, attempts=1)
    assert own.config.servers == (dns.endpoint,)
    assert own.config.search == ("b.test", "c.test")


def test_a_server_may_be_asked_as_often_as_one_likes(dns: DNSServer, ask: Way) -> None:
    assert ask(resolver_for(dns, attempts=10**30), "resolve", "v4.test").addresses == (V4,)


def test_domains_to_search_may_be_in_any_script_too(dns: DNSServer, ask: Way) -> None:
    dns.add(ARecord("host.xn--bcher-kva.test", 60, V4))
    resolver = resolver_for(dns, search=["Bücher.test."])
    assert ask(resolver, "resolve", "host").addresses == (V4,)


def test_whatever_is_asked_of_something_else_than_an_event_base_is_told_at_once() -> None:
    resolver = resolver_for(IPV4_LOOPBACK)
    not_one: Any = None
    for begin, what in (
        (resolver.resolve_on, "www.test"),
        (resolver.reverse_on, V4),
        (resolver.query_on, "www.test"),
    ):
        with pytest.raises(TypeError, match="the event base comes first"):
            begin(not_one, what, print, print)  # type: ignore[arg-type]


@pytest.mark.parametrize("resolver", [5, "", SystemResolver(), DNSResolver])
def test_only_who_asks_name_servers_is_asked_for_records(resolver: Any) -> None:
    with pytest.raises(TypeError, match="by a DNSResolver"):
        dns_query("www.test", resolver=resolver)


@pytest.mark.parametrize("host", ["", "a..b", "no name", "x" * 64, "1.2.3", "fe80::1%lo%"])
def test_what_is_no_name_is_told_at_once(ask: Way, host: str) -> None:
    with pytest.raises(ValueError, match=r"name|address"):
        ask(resolver_for(IPV4_LOOPBACK), "resolve", host)


@pytest.mark.parametrize("name", ["", "a..b", "☕.test", "x" * 64, f"{'x.' * 127}x", "a\\"])
def test_so_it_is_if_its_records_are_wanted(ask: Way, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        ask(resolver_for(IPV4_LOOPBACK), "query", name)


# -- names and records ----------------------------------------------------------------------------


def test_an_address_has_a_name(dns: DNSServer, ask: Way) -> None:
    assert ask(resolver_for(dns), "reverse", V4) == "www.test"
    with pytest.raises(NoName) as caught:
        ask(resolver_for(dns), "reverse", V6)
    assert (caught.value.operation, caught.value.host) == ("reverse", V6)
    assert caught.value.record_type == RecordType.PTR


@pytest.mark.parametrize("record_type", ["TXT", "txt", RecordType.TXT, 16])
def test_records_are_asked_for_by_their_type(dns: DNSServer, ask: Way, record_type: Any) -> None:
    answer = ask(resolver_for(dns), "query", "Text.test", record_type)
    assert answer.name == "Text.test"
    assert [record.strings for record in answer.records] == [(b"hello",)]
    assert (answer.ttl, answer.server) == (60, dns.endpoint)


@pytest.mark.parametrize(
    ("record_type", "error"),
    [("nothing", ValueError), (0, ValueError), (65_536, ValueError), (True, TypeError)],
)
def test_a_type_that_there_is_not(ask: Way, record_type: Any, error: Any) -> None:
    with pytest.raises(error, match="record type"):
        ask(resolver_for(IPV4_LOOPBACK), "query", "www.test", record_type)


# -- what is known --------------------------------------------------------------------------------


def test_an_answer_is_remembered_for_as_long_as_it_lives(
    dns: DNSServer, ask: Way, clock: ManualClock
) -> None:
    resolver = resolver_for(dns, clock=clock)
    for seconds in (0, 20, 9):
        clock.advance(seconds)
        assert ask(resolver, "resolve", "www.test").addresses == (V6, V4)
        assert len(dns.queries) == 2
    left = ask(resolver, "query", "www.test", "A")
    assert (left.ttl, left.records[0].ttl) == (31, 31)
    clock.advance(2)
    assert ask(resolver, "resolve", "www.test").addresses == (V6, V4)
    assert len(dns.queries) == 3  # the shorter one is asked for again
    resolver.forget()
    assert resolver.known() == []
    ask(resolver, "query", "WWW.test")
    assert [entry[:2] for entry in resolver.known()] == [("www.test", 1)]


def test_so_is_that_there_is_nothing(dns: DNSServer, ask: Way, clock: ManualClock) -> None:
    dns.soa = SOARecord(".", 300, "ns.test", "admin.test", 1, 2, 3, 4, 5)
    resolver = resolver_for(dns, clock=clock)
    for seconds, count in ((0, 2), (4, 2), (2, 4)):
        clock.advance(seconds)
        with pytest.raises(NoName) as caught:
            ask(resolver, "resolve", "nobody.test")
        assert caught.value.server == dns.endpoint
        assert len(dns.queries) == count


def test_a_failure_is_not(dns: DNSServer, ask: Way) -> None:
    resolver = resolver_for(dns, attempts=1)
    dns.script("www.test", Reply(rcode=SERVFAIL), record_type=RecordType.A)
    for count in (1, 2):
        with pytest.raises(ServerFailure):
            ask(resolver, "query", "www.test")
        assert len(dns.queries) == count


def test_other_servers_may_say_something_else(tmp_path: Path, dns: DNSServer) -> None:
    path = tmp_path / "resolv.conf"
    path.write_text("")
    resolver = DNSResolver([dns.endpoint], config_file=path, hosts_file=None)
    resolver.query("www.test")
    path.write_text("options attempts:3\n")
    resolver.query("www.test")
    assert len(dns.queries) == 2


def test_on_an_event_base_they_are_looked_for_in_each_iteration(
    tmp_path: Path, dns: DNSServer, base: EventBase
) -> None:
    config, hosts = tmp_path / "resolv.conf", tmp_path / "hosts"
    config.write_text("")
    hosts.write_text("")
    resolver = DNSResolver([dns.endpoint], config_file=config, hosts_file=hosts)
    found: list[Any] = []

    def change(answer: Any) -> None:
        config.write_text("options attempts:3\n")
        hosts.write_text("192.0.2.7 www.test\n")
        base.call_soon(resolver.query_on, base, "www.test", note, note)
        base.call_soon(resolver.resolve_on, base, "www.test", note, note)

    def note(outcome: Any) -> None:
        found.append(outcome)
        if len(found) == 2:
            base.exit()

    resolver.query_on(base, "www.test", change, note)
    base.dispatch(timeout=PATIENCE)
    assert len(dns.queries) == 2
    assert Resolution((IPv4Address("192.0.2.7"),), "www.test") in found


def test_no_more_is_remembered_than_there_is_room_for(dns: DNSServer, ask: Way) -> None:
    resolver = resolver_for(dns, cache_size=2)
    for name in ("v4.test", "www.test", "v4.test", "host.example.test"):
        ask(resolver, "query", name)
    assert {entry[0] for entry in resolver.known()} == {"v4.test", "host.example.test"}
    assert len(dns.queries) == 3


@pytest.mark.parametrize("rotate", [False, True])
def test_another_server_may_be_the_first_each_time(dns: DNSServer, ask: Way, rotate: bool) -> None:
    with DNSServer(*ZONE) as other:
        resolver = resolver_for(dns, other, rotate=rotate, cache_size=0)
        whom = [ask(resolver, "query", "v4.test").server for _ in range(4)]
        assert whom == [dns.endpoint, (other if rotate else dns).endpoint] * 2


@pytest.mark.parametrize("attempts", [1, 3])
def test_all_servers_are_asked_so_many_times(dns: DNSServer, ask: Way, attempts: int) -> None:
    with DNSServer() as other:
        for server in (dns, other):
            server.script("www.test", Reply(silent=True))
        resolver = resolver_for(dns, other, attempts=attempts, server_timeout=5 * MS)
        with pytest.raises(TryAgain):
            ask(resolver, "query", "www.test")
        for server in (dns, other):
            assert len(server.wait_for_queries(attempts)) == attempts


def test_a_server_may_be_in_a_zone(ask: Way) -> None:
    with DNSServer(*ZONE, host="::1") as server:
        zoned = Endpoint(IPv6Address("::1%lo"), server.endpoint.port)
        answer = ask(resolver_for(zoned), "query", "v4.test")
        assert str(answer.server) == f"[::1%lo]:{zoned.port}"
    with pytest.raises(TryAgain, match=r"\[fe80::1%nonesuch\]:53") as caught:
        ask(resolver_for("fe80::1%nonesuch"), "query", "v4.test")
    assert caught.value.server == Endpoint(IPv6Address("fe80::1%nonesuch"), 53)


def test_nothing_is_remembered_if_nothing_is_to_be(dns: DNSServer, ask: Way) -> None:
    resolver = resolver_for(dns, cache_size=0)
    for count in (1, 2):
        ask(resolver, "query", "www.test")
        assert len(dns.queries) == count


# -- many -----------------------------------------------------------------------------------------


def test_what_many_want_at_once_is_asked_once(base: EventBase, dns: DNSServer) -> None:
    dns.script("www.test", Reply(delay=20 * MS), record_type=RecordType.A)
    resolver = resolver_for(dns, cache_size=0)
    answers = Told(base)
    lookups = [resolver.query_on(base, "www.test", answers, answers) for _ in range(5)]
    lookups[0].cancel()  # the one that has asked
    lookups[3].cancel()
    answers.wait_for(3)
    base.dispatch(timeout=0)
    assert [answer.records[0].address for answer in answers] == [V4] * 3
    assert len(dns.queries) <= 2


def test_an_error_is_told_to_all_of_them_to_each_its_own(base: EventBase, dns: DNSServer) -> None:
    dns.script("www.test", Reply(rcode=SERVFAIL))
    resolver = resolver_for(dns, attempts=1)
    told = Told(base)
    for _ in range(3):
        resolver.query_on(base, "www.test", told, told)
    told.wait_for(3)
    assert {type(error) for error in told} == {ServerFailure}
    assert len({id(error) for error in told}) == 3
    assert len(dns.queries) == 1


@pytest.mark.parametrize("method", ["resolve_on", "query_on", "reverse_on"])
def test_what_was_given_up_is_not_told_and_leaves_nothing(
    base: EventBase, dns: DNSServer, method: str
) -> None:
    asked: Any = V4 if method == "reverse_on" else "www.test"
    names = ("www.test", "1.2.0.192.in-addr.arpa")
    resolver = resolver_for(dns)
    told: list[Any] = []

    def begin_and_give_up(queries: int) -> None:
        lookup = getattr(resolver, method)(base, asked, told.append, told.append, timeout=PATIENCE)
        while len(dns.queries) < queries:
            base.dispatch(timeout=1 * MS)
        lookup.cancel()
        lookup.cancel()
        base.dispatch(timeout=0)
        assert base.is_empty

    for name in names:
        dns.script(name, Reply(silent=True))
    begin_and_give_up(1)
    for name in names:
        dns.script(name)  # the truth, which is known then
    resolver.resolve("www.test")
    resolver.reverse(V4)
    begin_and_give_up(0)
    assert told == []


def test_so_it_is_for_threads(dns: DNSServer) -> None:
    dns.script("www.test", Reply(delay=50 * MS), record_type=RecordType.A)
    resolver = resolver_for(dns, cache_size=0)
    with ThreadPoolExecutor(5) as pool:
        begun = threading.Barrier(5)

        def ask(number: int) -> Any:
            begun.wait(PATIENCE)
            return resolver.query("www.test", timeout=None if number else 1 * MS)

        futures = [pool.submit(ask, number) for number in range(5)]
        for future in futures[1:]:
            assert future.result(PATIENCE).records[0].address == V4
        with pytest.raises(TimedOut):
            futures[0].result(PATIENCE)
    assert len(dns.queries) <= 3


def test_an_event_base_that_is_closed_meanwhile_calls_nobody(dns: DNSServer) -> None:
    dns.script("www.test", Reply(silent=True))
    resolver = resolver_for(dns)
    told: list[Any] = []
    with EventBase() as base:
        resolver.resolve_on(base, "www.test", told.append, told.append, timeout=PATIENCE)
        while len(dns.queries) < 2:
            base.dispatch(timeout=1 * MS)
    assert told == []
    with pytest.raises(SocketClosed):
        resolver.resolve_on(base, "www.test", told.append, told.append)


def test_a_callback_that_raises_leaves_the_others_theirs(base: EventBase, dns: DNSServer) -> None:
    resolver = resolver_for(dns)
    told = Told(base)

    def fail(answer: Any) -> None:
        raise RuntimeError("on purpose")

    for callback in (fail, told):
        resolver.query_on(base, "www.test", callback, told)
    with pytest.raises(RuntimeError, match="on purpose"):
        base.dispatch(timeout=PATIENCE)
    told.wait_for(1)
    assert told[0].records[0].address == V4


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("method", ["resolve_on", "query_on", "reverse_on"])
def test_what_a_callback_raises_is_not_taken_for_the_outcome(
    base: EventBase, dns: DNSServer, method: str, is_known: bool
) -> None:
    asked: Any = V4 if method == "reverse_on" else "www.test"
    resolver = resolver_for(dns)
    if is_known:
        resolver.resolve("www.test")
        resolver.reverse(V4)
    failed: list[Exception] = []

    def answered(answer: Any) -> None:
        resolver_for(dns).resolve("nobody.test")

    getattr(resolver, method)(base, asked, answered, failed.append)
    with pytest.raises(NoName, match=r"nobody\.test"):
        base.dispatch(timeout=PATIENCE)
    base.dispatch(timeout=0)
    assert failed == []


def test_so_it_is_with_who_is_told_of_the_first_addresses(base: EventBase, dns: DNSServer) -> None:
    dns.script("www.test", Reply(delay=20 * MS), record_type=RecordType.A)
    failed: list[Exception] = []
    answered = Told(base)

    def came(addresses: Any) -> None:
        raise NoName(host="on purpose")

    resolver_for(dns).resolve_on(base, "www.test", answered, failed.append, came=came)
    with pytest.raises(NoName, match="on purpose"):
        base.dispatch(timeout=PATIENCE)
    answered.wait_for(1)
    assert (failed, len(answered)) == ([], 1)


def test_that_there_is_no_such_name_is_known_of_all_types(dns: DNSServer, ask: Way) -> None:
    resolver = resolver_for(dns)
    with pytest.raises(NoName):
        ask(resolver, "query", "nobody.test", "TXT")
    for record_type in ("A", "MX", "TXT"):
        with pytest.raises(NoName) as caught:
            ask(resolver, "query", "nobody.test", record_type)
        assert caught.value.record_type == RecordType[record_type]
    with pytest.raises(NoName):
        ask(resolver, "resolve", "nobody.test")
    assert len(dns.queries) == 1
    (known,) = resolver.known()
    assert known[:2] == ("nobody.test", 0)


def test_but_not_if_an_alias_leads_there(dns: DNSServer, ask: Way) -> None:
    dns.add(CNAMERecord("broken.test", 60, "nobody.test"))
    resolver = resolver_for(dns)
    for record_type in ("A", "MX", "A"):
        with pytest.raises(NoName):
            ask(resolver, "query", "broken.test", record_type)
    assert [query.type for query in dns.queries] == [RecordType.A, RecordType.MX]
    assert ask(resolver, "query", "broken.test", "CNAME").records[0].host == "nobody.test"


def test_nor_if_the_name_has_other_records(dns: DNSServer, ask: Way) -> None:
    resolver = resolver_for(dns)
    with pytest.raises(NoRecord):
        ask(resolver, "query", "text.test", "A")
    assert ask(resolver, "query", "text.test", "TXT").records


# -- with the rest of the library -----------------------------------------------------------------


def test_it_serves_wherever_a_resolver_does(dns: DNSServer) -> None:
    dns.add(ARecord("server.test", 60, IPV4_LOOPBACK))
    resolver = resolver_for(dns)
    assert lookup_hostname("www.test", resolver=resolver).canonical_name == "www.test"
    with make_socket(connect="passive", local_host="127.0.0.1", local_port=0) as listener:
        port = listener.local_port
        with make_socket("server.test", port, resolver=resolver) as stream:
            assert stream.remote_host == IPV4_LOOPBACK


def test_a_question_may_be_asked_in_one_call(dns: DNSServer) -> None:
    answer = dns_query("text.test", "TXT", resolver=resolver_for(dns))
    assert [record.ttl for record in answer.records] == [60]
    assert machine_resolver() is machine_resolver()


def test_connecting_on_an_event_base_takes_no_thread(base: EventBase, dns: DNSServer) -> None:
    dns.add(ARecord("server.test", 60, IPV4_LOOPBACK))
    resolver = resolver_for(dns)

    class Client(TransportProtocol):
        def __init__(self) -> None:
            self.told = Told(base)

        def connection_made(self, transport: Transport) -> None:
            self.told(transport.remote_name)

        def connection_lost(self, error: Exception | None) -> None:
            self.told(error)

    with make_socket(connect="passive", local_host="127.0.0.1", local_port=0) as listener:
        where = listener.local_name
        client, lost, given_up = Client(), Client(), Client()
        options: Any = {"remote_port": listener.local_port, "resolver": resolver}
        before = threading.active_count()
        transport = connect(base, client, remote_host="server.test", **options)
        connect(base, lost, remote_host="nobody.test", **options)
        connect(base, given_up, remote_host="www.test", **options).abort()
        assert threading.active_count() == before
        client.told.wait_for(1)
        lost.told.wait_for(1)
        assert client.told == [where]
        assert isinstance(lost.told[0], NoName)
        assert given_up.told == [None]
        transport.abort()
        client.told.wait_for(2)


def test_an_evented_loop_takes_it_too(dns: DNSServer) -> None:
    found: list[Any] = []
    failed: list[Any] = []
    before = threading.active_count()

    def begin() -> None:
        resolver = resolver_for(dns)
        evented.dns_lookup("www.test", found.append, resolver=resolver)
        evented.reverse_dns_lookup(V4, found.append, resolver=resolver)
        evented.dns_lookup("nobody.test", found.append, event_cb=failed.append, resolver=resolver)
        assert threading.active_count() == before

    evented.start_event_loop(begin)
    assert sorted(map(str, found)) == sorted(["www.test", str(Resolution((V6, V4), "www.test"))])
    assert [type(each.error) for each in failed] == [NoName]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"servers": []}, ValueError),
        ({"servers": "192.0.2.1"}, TypeError),
        ({"servers": ["nowhere"]}, ValueError),
        ({"servers": [("192.0.2.1", 0)]}, ValueError),
        ({"servers": [("192.0.2.1", "53")]}, TypeError),
        ({"search": ["a..b"]}, ValueError),
        ({"ndots": -1}, ValueError),
        ({"ndots": 1.5}, TypeError),
        ({"attempts": 0}, ValueError),
        ({"server_timeout": 0}, ValueError),
        ({"server_timeout": -1}, ValueError),
        ({"rotate": 1}, TypeError),
        ({"cache_size": -1}, ValueError),
        ({"search": "example.test"}, TypeError),
        ({"search": [5]}, TypeError),
        ({"search": [b"test"]}, TypeError),
        ({"config_file": 1}, TypeError),
        ({"config_file": "a\0b"}, ValueError),
        ({"hosts_file": True}, TypeError),
        ({"hosts_file": b"a\0b"}, ValueError),
        ({"clock": 5}, TypeError),
    ],
)
def test_what_a_resolver_cannot_be_is_told_at_once(options: Any, error: Any) -> None:
    with pytest.raises(error):
        DNSResolver(**options)
