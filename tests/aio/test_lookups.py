"""Names with await: by any resolver, on any loop, and without a thread where that can be."""

import asyncio
import threading
from ipaddress import ip_address
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on, until, until_it_waits
from aio.test_names import Book
from sockets.hosts import NO_ANSWERS, ONE, SIX, Misbehaving, Names, hosts
from support.peers import has_ipv6
from support.timing import MS, PATIENCE

from trunkline import (
    HostEntry,
    IPAddress,
    IPv4Address,
    NoName,
    Resolution,
    ResolverError,
    TimedOut,
    TryAgain,
    aio,
    lookup_hostname,
)
from trunkline.aio import EventLoop, open_stream
from trunkline.names import (
    AAAARecord,
    ARecord,
    CachingResolver,
    DNSResolver,
    MXRecord,
    PTRRecord,
    RecordType,
)
from trunkline.testing.dns import DNSServer, Reply

MAIL = MXRecord("example.test", 60, 10, "mail.example.test")


def asking(server: DNSServer, **options: Any) -> DNSResolver:
    """Return a resolver that asks a server, and looks nowhere else."""
    name = (server.endpoint.host, server.endpoint.port)
    return DNSResolver([name], config_file=None, hosts_file=None, **options)


class Blocking:
    """A resolver whose answer to some questions is waited for."""

    by_family = True

    def __init__(self, *waits_for: str) -> None:
        self.asked = threading.Event()
        self.goes_on = threading.Event()
        self._waits_for = waits_for

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        if family in self._waits_for:
            self.asked.set()
            assert self.goes_on.wait(PATIENCE)
        return Resolution((ONE if family != "ipv6" else SIX,), host)

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        raise NotImplementedError


# -- hosts ----------------------------------------------------------------------------------------


@each_loop
def test_a_host_is_looked_up_as_it_is_by_blocking(make_loop: LoopFactory) -> None:
    async def main() -> None:
        book = Book(both="192.0.2.1 2001:db8::1")
        for host in ("both", "192.0.2.1", ip_address("192.0.2.9")):
            expected = lookup_hostname(host, resolver=book)
            assert await aio.lookup_hostname(host, resolver=book) == expected
        entry = await aio.lookup_hostname("both", family="ipv6", resolver=book)
        assert entry.address == ip_address("2001:db8::1")

    run_on(make_loop, main())


@each_loop
def test_the_system_knows_the_machine_itself(make_loop: LoopFactory) -> None:
    async def main() -> HostEntry:
        return await aio.lookup_hostname("localhost", family="ipv4", timeout=PATIENCE)

    assert run_on(make_loop, main()).address == IPv4Address("127.0.0.1")


@each_loop
@pytest.mark.parametrize("error", [TryAgain(operation="resolve"), ZeroDivisionError()], ids=type)
def test_what_a_resolver_raises_is_raised(make_loop: LoopFactory, error: Exception) -> None:
    async def main() -> None:
        with pytest.raises(type(error)):
            await aio.lookup_hostname("somebody", resolver=Misbehaving(error))

    run_on(make_loop, main())


@each_loop
@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_answer_is_told(make_loop: LoopFactory, answer: Any) -> None:
    async def main() -> None:
        with pytest.raises(ResolverError):
            await aio.lookup_hostname("somebody", resolver=Misbehaving(answer))

    run_on(make_loop, main())


@each_loop
@pytest.mark.parametrize(
    ("host", "options", "error"),
    [
        ("", {}, ValueError),
        (None, {}, TypeError),
        ("somebody", {"timeout": -1}, ValueError),
        ("somebody", {"resolver": Book}, TypeError),
        ("127.0.0.1", {"family": "ipv6"}, NoName),
        ("127.0.0.1", {"family": "ipv5"}, ValueError),
    ],
)
def test_what_cannot_be_looked_up(
    make_loop: LoopFactory, host: Any, options: Any, error: type[Exception]
) -> None:
    async def main() -> None:
        with pytest.raises(error):
            await aio.lookup_hostname(host, **options)

    run_on(make_loop, main())


@each_loop
def test_nobody_waits_longer_than_he_wants(make_loop: LoopFactory) -> None:
    resolver = Blocking("internet")

    async def main() -> None:
        try:
            with pytest.raises(TimedOut) as caught:
                await aio.lookup_hostname("somebody", resolver=resolver, timeout=5 * MS)
            assert caught.value.deadline
            assert (caught.value.operation, caught.value.address) == ("resolve", "somebody")
            waiting = asyncio.create_task(aio.lookup_hostname("somebody", resolver=resolver))
            await until_it_waits(waiting)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        finally:
            resolver.goes_on.set()

    run_on(make_loop, main())


def test_a_loop_has_a_resolver_for_all_that_happens_on_it() -> None:
    book = Book(here="127.0.0.1", there="192.0.2.1")

    async def main() -> None:
        assert (await aio.lookup_hostname("there")).address == ip_address("192.0.2.1")
        with hosts(answering=[ONE]) as found:
            async with await open_stream("here", found.port) as stream:
                assert stream.remote_host == ONE
        others = Book(there="192.0.2.2")
        entry = await aio.lookup_hostname("there", resolver=others)
        assert entry.address == ip_address("192.0.2.2")

    with asyncio.Runner(loop_factory=lambda: EventLoop(resolver=book)) as runner:
        runner.run(main())


# -- name servers ---------------------------------------------------------------------------------


@each_loop
def test_name_servers_are_asked(make_loop: LoopFactory) -> None:
    with DNSServer() as server:
        server.add(ARecord("www.example.test", 60, IPv4Address("192.0.2.1")), MAIL)
        server.add(PTRRecord("1.2.0.192.in-addr.arpa", 60, "www.example.test"))
        resolver = asking(server)

        async def main() -> None:
            entry = await aio.lookup_hostname("www.example.test", family="ipv4", resolver=resolver)
            assert entry.address == ip_address("192.0.2.1")
            assert (await aio.lookup_hostname("192.0.2.1", resolver=resolver)).names
            for _ in range(2):  # the second answer is remembered
                answer = await aio.dns_query("example.test", "MX", resolver=resolver)
                assert answer.records == (MAIL,)
            with pytest.raises(NoName):
                await aio.dns_query("nobody.test", resolver=resolver)

        run_on(make_loop, main())


def test_on_our_loop_they_take_no_thread() -> None:
    with DNSServer() as server:
        server.add(ARecord("www.example.test", 60, ONE), MAIL)
        resolver = asking(server)

        async def main() -> None:
            before = threading.active_count()
            await aio.lookup_hostname("www.example.test", family="ipv4", resolver=resolver)
            await aio.dns_query("example.test", "MX", resolver=resolver)
            with hosts(answering=[ONE]) as found:
                stream = await open_stream("www.example.test", found.port, resolver=resolver)
                stream.abort()
            assert threading.active_count() == before

        run_on(EventLoop, main())


@each_loop
def test_a_silent_name_server_has_a_limit_of_time(make_loop: LoopFactory) -> None:
    with DNSServer() as server:
        server.script("www.example.test", Reply(silent=True))
        resolver = asking(server)

        async def main() -> None:
            with pytest.raises(TimedOut):
                await aio.dns_query("www.example.test", resolver=resolver, timeout=5 * MS)

        run_on(make_loop, main())


@each_loop
def test_records_take_a_resolver_that_asks_for_them(make_loop: LoopFactory) -> None:
    async def main() -> None:
        wrong: Any = Book()
        with pytest.raises(TypeError, match="DNSResolver"):
            await aio.dns_query("www.example.test", resolver=wrong)

    run_on(make_loop, main())


# -- connecting -----------------------------------------------------------------------------------


@each_loop
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_connecting_does_not_wait_for_the_other_family(make_loop: LoopFactory) -> None:
    resolver = Blocking("ipv4")

    async def main() -> None:
        with hosts(answering=[SIX]) as found:
            try:
                stream = await open_stream("somebody", found.port, resolver=resolver)
                assert stream.remote_host == SIX
                assert not resolver.goes_on.is_set()
                stream.abort()
            finally:
                resolver.goes_on.set()

    run_on(make_loop, main())


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_on_our_loop_neither_does_it_with_name_servers() -> None:
    with DNSServer() as server:
        server.add(AAAARecord("www.example.test", 60, SIX))
        server.script("www.example.test", Reply(silent=True), record_type=RecordType.A)
        resolver = CachingResolver(asking(server))

        async def main() -> None:
            with hosts(answering=[SIX]) as found:
                stream = await open_stream("www.example.test", found.port, resolver=resolver)
                assert stream.remote_host == SIX
                stream.abort()

        run_on(EventLoop, main())


@each_loop
def test_an_address_to_connect_from_is_looked_up_first(make_loop: LoopFactory) -> None:
    resolver = Names(ONE)

    async def main() -> None:
        with hosts(answering=[ONE]) as found:
            options: dict[str, Any] = {"local_host": "here", "resolver": resolver}
            stream = await open_stream("there", found.port, **options)
            assert (stream.local_host, stream.remote_host) == (ONE, ONE)
            stream.abort()
            assert [host for host, *_ in resolver.asked] == ["here", "there"]

    run_on(make_loop, main())


@each_loop
def test_who_gives_up_connecting_gives_up_looking_up(make_loop: LoopFactory) -> None:
    resolver = Blocking("internet", "ipv4", "ipv6")

    async def main() -> None:
        try:
            connecting = asyncio.create_task(open_stream("somebody", 1, resolver=resolver))
            await until(resolver.asked.is_set)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            with pytest.raises(TimedOut, match=r"^connect "):
                await open_stream("somebody", 1, resolver=resolver, connect_timeout=5 * MS)
        finally:
            resolver.goes_on.set()

    run_on(make_loop, main())


@each_loop
def test_no_address_of_the_family_that_is_connected_from(make_loop: LoopFactory) -> None:
    class OnlySix(Names):
        def resolve(self, host: str, **options: Any) -> Resolution:
            return Resolution((SIX,), None)

    async def main() -> None:
        with pytest.raises(NoName):
            await open_stream("somebody", 1, local_host="127.0.0.1", resolver=OnlySix())

    run_on(make_loop, main())
