"""Very many look-ups at once: all are answered, ended by closing, and there after a fork."""

import os
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from names.helpers import Told, resolver_for
from support.timing import MS

from trunkline import EventBase, TryAgain
from trunkline.names import AAAARecord, ARecord, DNSResolver
from trunkline.testing.dns import DNSServer, Reply

V4, V6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")
ZONE = (
    ARecord("www.test", 60, V4),
    AAAARecord("www.test", 30, V6),
    ARecord("v4.test", 60, V4),
)


@pytest.fixture
def dns() -> Iterator[DNSServer]:
    with DNSServer(*ZONE) as server:
        yield server


def ask_for_many(
    base: EventBase, dns: DNSServer, count: int, **options: Any
) -> tuple[DNSResolver, list[str], Told]:
    """Ask for the addresses of so many hosts at once."""
    names = [f"host-{number}.test" for number in range(count)]
    dns.add(*(ARecord(name, 60, V4) for name in names))
    # One or the other may get lost, and is asked for again; not most of them, as in one heap.
    resolver = resolver_for(dns, **{"server_timeout": 1.0, "attempts": 2, **options})
    told = Told(base)
    for name in names:
        resolver.query_on(base, name, told, told)
    return resolver, names, told


TEN_THOUSAND = pytest.param(
    10_000, marks=[pytest.mark.slow, pytest.mark.exact_io("with each fault it takes longer")]
)


@pytest.mark.parametrize("count", [500, TEN_THOUSAND])
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_thousands_at_once(base: EventBase, dns: DNSServer, count: int) -> None:
    threads = threading.active_count()
    resolver, names, told = ask_for_many(base, dns, count, cache_size=20_000)
    assert threading.active_count() == threads
    told.wait_for(count)
    assert [each for each in told if isinstance(each, Exception)] == []
    assert len(told) == count
    assert {answer.name for answer in told} == set(names)
    assert (base.statistics().handlers, base.statistics().timers) == (0, 0)
    assert len(resolver.known()) == count


@pytest.mark.slow
def test_nobody_waits_for_a_turn_because_others_get_no_answer(
    base: EventBase, dns: DNSServer
) -> None:
    names = [f"silent-{number}.test" for number in range(250)]
    for name in names:
        dns.script(name, Reply(silent=True))
    resolver = resolver_for(dns)  # in which a server has a long time for its answer
    told = Told(base)
    lookups = [resolver.query_on(base, name, told, told) for name in [*names, "v4.test"]]
    told.wait_for(1)
    assert [answer.name for answer in told] == ["v4.test"]
    for lookup in lookups:
        lookup.cancel()
    assert (base.statistics().handlers, base.statistics().timers) == (0, 0)


def test_connections_to_a_server_are_few(base: EventBase, dns: DNSServer) -> None:
    counts = []

    def told(outcome: Any) -> None:
        counts.append(base.statistics().handlers)
        answers(outcome)

    answers = Told(base)
    names = [f"host-{number}.test" for number in range(100)]
    dns.add(*(ARecord(name, 60, V4) for name in names))
    resolver = resolver_for(dns, use_tcp=True)
    for name in names:
        resolver.query_on(base, name, told, told)
    answers.wait_for(100)
    assert {answer.name for answer in answers} == set(names)
    assert 0 < max(counts) <= 2 * 20  # some of which are being closed


def test_a_server_that_takes_connections_and_is_silent_is_waited_for_by_all_at_once(
    base: EventBase, dns: DNSServer
) -> None:
    names = [f"silent-{number}.test" for number in range(200)]
    for name in names:
        dns.script(name, Reply(silent=True))
    resolver = resolver_for(dns, use_tcp=True, server_timeout=100 * MS, attempts=1)
    told = Told(base)
    for name in names:
        resolver.query_on(base, name, told, told)
    told.wait_for(200)
    assert {type(each) for each in told} == {TryAgain}
    assert len(dns.queries) < 200  # most have had no connection before it was clear


@pytest.mark.slow
def test_closing_in_the_midst_of_them_ends_them_all(dns: DNSServer) -> None:
    with EventBase() as base:
        resolver, names, told = ask_for_many(base, dns, 10_000)
        told.wait_for(200)
    count = len(told)
    assert 200 <= count < 10_000
    # Whoever asks now gets an answer, and those who have been given up none.
    assert resolver.resolve(names[-1]).addresses == (V4,)
    assert len(told) == count


@pytest.mark.parametrize(
    "count", [1000, pytest.param(10_000, marks=[*TEN_THOUSAND.marks, pytest.mark.thorough])]
)
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_both_processes_get_all_of_them_after_a_fork(dns: DNSServer, count: int) -> None:
    with EventBase() as base:
        # Two processes at once may be too many for the server, also a second time.
        _, names, told = ask_for_many(base, dns, count, attempts=10)
        told.wait_for(count // 10)
        pid = os.fork()
        told.wait_for(count)
        is_good = len(told) == count and {answer.name for answer in told} == set(names)
        if pid == 0:
            os._exit(not is_good)
    assert is_good
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_child_gets_its_own_answers(dns: DNSServer) -> None:
    resolver = resolver_for(dns, cache_size=0)
    dns.script("www.test", Reply(delay=50 * MS))
    with EventBase() as base:
        told = Told(base)
        resolver.resolve_on(base, "www.test", told, told)
        base.dispatch(timeout=0)
        pid = os.fork()
        told.wait_for(1)
        if pid == 0:
            os._exit(told != [((V6, V4), "www.test")])
    assert told == [((V6, V4), "www.test")]
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert len(dns.queries) == 4
