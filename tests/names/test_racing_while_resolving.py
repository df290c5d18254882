"""Connecting to addresses as they come: the slower family of the two is not waited for.

The same tests for each way to connect, and each kind of resolver that tells one family's addresses
before the other's.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address
from typing import Any, ClassVar, Protocol

import pytest
from sockets.hosts import MULTICAST, ONE, SIX, TWO, hosts
from support.timing import MS, PATIENCE

from trunkline import (
    ConnectFailed,
    ConnectionRefused,
    Endpoint,
    EventBase,
    IPAddress,
    NoName,
    Resolution,
    ResolverError,
    ServerFailure,
    SystemResolver,
    TimedOut,
    make_socket,
)
from trunkline._core import connect_race
from trunkline.multiplex import Transport, TransportProtocol, connect
from trunkline.names import (
    AAAARecord,
    ARecord,
    CachingResolver,
    CNAMERecord,
    DNSRecord,
    DNSResolver,
    RecordType,
)
from trunkline.testing.dns import NXDOMAIN, SERVFAIL, DNSServer, Reply

HOST = "host.test"
NEVER = None


class Directory(Protocol):
    """Who says which addresses `HOST` has."""

    resolver: Any

    def say(self, family: str, *addresses: IPAddress, after: float = 0.0) -> None:
        """Tell a family's addresses; after so many seconds."""

    def fail(self, family: str, *, refused: bool = False) -> None:
        """Tell that there are none, or that it is not known."""

    def be_silent(self, family: str) -> None:
        """Tell nothing of a family."""


class Threaded:
    """A resolver that only blocks, and may be asked for each family on its own."""

    by_family = True

    def __init__(self) -> None:
        self.resolver: Any = self
        self._outcomes: dict[str, Any] = {}
        self._delays: dict[str, float] = {}
        self._silent: set[str] = set()
        self._end = threading.Event()
        self.asked: list[str] = []

    def say(self, family: str, *addresses: IPAddress, after: float = 0.0) -> None:
        self._outcomes[family] = Resolution(addresses, HOST)
        self._delays[family] = after

    def fail(self, family: str, *, refused: bool = False) -> None:
        kind = ServerFailure if refused else NoName
        self._outcomes[family] = kind(strerror="no", operation="resolve", host=HOST)

    def be_silent(self, family: str) -> None:
        self._silent.add(family)

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        self.asked.append(family)
        self._end.wait(PATIENCE if family in self._silent else self._delays.get(family, 0.0))
        outcome = self._outcomes.get(family)
        if isinstance(outcome, Resolution):
            return outcome
        raise outcome or NoName(strerror="no", operation="resolve", host=host)

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        raise NotImplementedError

    def close(self) -> None:
        self._end.set()


class Asked:
    """A `DNSResolver`, and the server that it asks."""

    _TYPES: ClassVar = {"ipv4": RecordType.A, "ipv6": RecordType.AAAA}

    def __init__(self, server: DNSServer) -> None:
        self._server = server
        self.resolver = DNSResolver(
            [server.endpoint], config_file=None, hosts_file=None, server_timeout=PATIENCE
        )
        for family in self._TYPES:
            self.fail(family)

    def say(self, family: str, *addresses: IPAddress, after: float = 0.0) -> None:
        records: list[DNSRecord] = [
            ARecord(HOST, 60, address)
            if isinstance(address, IPv4Address)
            else AAAARecord(HOST, 60, address)
            for address in addresses
        ]
        self._script(family, Reply(records=tuple(records), delay=after))

    def fail(self, family: str, *, refused: bool = False) -> None:
        self._script(family, Reply(rcode=SERVFAIL if refused else NXDOMAIN, records=()))

    def be_silent(self, family: str) -> None:
        self._script(family, Reply(silent=True))

    def _script(self, family: str, reply: Reply) -> None:
        self._server.script(HOST, reply, record_type=self._TYPES[family])


@contextmanager
def threaded() -> Iterator[Directory]:
    directory = Threaded()
    try:
        yield directory
    finally:
        directory.close()
        for thread in threading.enumerate():  # those whose answers nobody has waited for
            if thread.name == "trunkline-resolve":
                thread.join(PATIENCE)


@contextmanager
def cached() -> Iterator[Directory]:
    with threaded() as directory:
        directory.resolver = CachingResolver(directory.resolver)
        yield directory


@contextmanager
def asked() -> Iterator[Directory]:
    with DNSServer() as server:
        yield Asked(server)


@contextmanager
def asked_and_cached() -> Iterator[Directory]:
    with asked() as directory:
        directory.resolver = CachingResolver(directory.resolver)
        yield directory


@pytest.fixture(params=[threaded, cached, asked, asked_and_cached])
def directory(request: pytest.FixtureRequest) -> Iterator[Directory]:
    with request.param() as directory:
        yield directory


Connect = Callable[..., Endpoint]
"""Connects, closes, and returns where it was connected to."""


def by_blocking(directory: Directory, port: int, **options: Any) -> Endpoint:
    options.setdefault("connect_timeout", PATIENCE)
    with make_socket(HOST, port, resolver=directory.resolver, **options) as sock:
        name: Endpoint = sock.remote_name
        return name


class Connecting(TransportProtocol):
    """Takes note of what became of it."""

    def __init__(self) -> None:
        self.name: Endpoint | None = None
        self.error: Exception | None = None

    def connection_made(self, transport: Transport) -> None:
        self.name = transport.remote_name
        transport.abort()

    def data_received(self, data: bytes) -> None:
        """Nothing comes."""

    def connection_lost(self, error: Exception | None) -> None:
        self.error = error


def on_an_event_base(directory: Directory, port: int, **options: Any) -> Endpoint:
    options.setdefault("connect_timeout", PATIENCE)
    protocol = Connecting()
    with EventBase(exit_when_empty=True) as base:
        connect(
            base,
            protocol,
            remote_host=HOST,
            remote_port=port,
            resolver=directory.resolver,
            **options,
        )
        base.dispatch(timeout=PATIENCE)
        assert base.is_empty  # whatever is still unknown is not asked for any more
    if protocol.name is None:
        assert protocol.error is not None
        raise protocol.error
    return protocol.name


@pytest.fixture(params=[by_blocking, on_an_event_base])
def connected(request: pytest.FixtureRequest) -> Connect:
    way: Connect = request.param
    return way


def test_ipv6_does_not_wait_for_ipv4(directory: Directory, connected: Connect) -> None:
    directory.say("ipv6", SIX)
    directory.be_silent("ipv4")
    with hosts(answering=[SIX]) as at:
        assert connected(directory, at.port) == Endpoint(SIX, at.port)


def test_ipv4_waits_for_a_moment_only(directory: Directory, connected: Connect) -> None:
    directory.say("ipv4", ONE)
    directory.be_silent("ipv6")
    with hosts(answering=[ONE]) as at:
        start = time.monotonic()
        assert connected(directory, at.port) == Endpoint(ONE, at.port)
        assert connect_race.RESOLUTION_DELAY <= time.monotonic() - start < PATIENCE


def test_in_which_ipv6_comes_first(
    directory: Directory, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect_race, "RESOLUTION_DELAY", PATIENCE)
    directory.say("ipv4", ONE)
    directory.say("ipv6", SIX, after=5 * MS)
    with hosts(answering=[ONE, SIX]) as at:
        assert connected(directory, at.port) == Endpoint(SIX, at.port)


@pytest.mark.parametrize("absent", ["ipv4", "ipv6"])
def test_nobody_waits_for_what_is_not_there(
    directory: Directory, connected: Connect, absent: str
) -> None:
    family, address = ("ipv4", ONE) if absent == "ipv6" else ("ipv6", SIX)
    directory.fail(absent)
    directory.say(family, address)
    with hosts(answering=[address]) as at:
        assert connected(directory, at.port) == Endpoint(address, at.port)


@pytest.mark.parametrize("unknown", ["ipv4", "ipv6"])
def test_nor_for_what_cannot_be_found_out(
    directory: Directory, connected: Connect, unknown: str
) -> None:
    family, address = ("ipv4", ONE) if unknown == "ipv6" else ("ipv6", SIX)
    directory.fail(unknown, refused=True)
    directory.say(family, address)
    with hosts(answering=[address]) as at:
        assert connected(directory, at.port) == Endpoint(address, at.port)


def test_what_comes_later_is_tried_when_what_came_first_fails(
    directory: Directory, connected: Connect
) -> None:
    directory.say("ipv6", SIX)
    directory.say("ipv4", ONE, after=30 * MS)
    with hosts(answering=[ONE]) as at:
        assert connected(directory, at.port) == Endpoint(ONE, at.port)


def test_and_beside_what_does_not_answer(directory: Directory, connected: Connect) -> None:
    directory.say("ipv6", SIX)
    directory.say("ipv4", ONE, after=30 * MS)
    with hosts(answering=[ONE], hanging=[SIX]) as at:
        assert connected(directory, at.port, attempt_delay=20 * MS) == Endpoint(ONE, at.port)


def test_all_failures_are_told_whenever_their_addresses_came(
    directory: Directory, connected: Connect
) -> None:
    directory.say("ipv6", SIX)
    directory.say("ipv4", ONE, TWO, after=10 * MS)
    with hosts() as at, pytest.raises(ConnectionRefused) as caught:
        connected(directory, at.port)
    assert {attempt.address for attempt in caught.value.attempts} == {
        Endpoint(address, at.port) for address in (SIX, ONE, TWO)
    }
    assert caught.value.address == f"{HOST}:{at.port}"


def test_the_failures_of_one_family_do_not_hide_those_of_the_other(
    directory: Directory, connected: Connect
) -> None:
    directory.say("ipv6", SIX)
    directory.say("ipv4", MULTICAST, after=10 * MS)
    with hosts() as at, pytest.raises(ConnectFailed) as caught:
        connected(directory, at.port)
    assert len(caught.value.attempts) == 2


@pytest.mark.parametrize(
    ("six", "four", "kind"),
    [(False, False, NoName), (True, False, ServerFailure), (False, True, ServerFailure)],
)
def test_without_any_address_the_error_says_what_is_known(
    directory: Directory, connected: Connect, six: bool, four: bool, kind: type[ResolverError]
) -> None:
    directory.fail("ipv6", refused=six)
    directory.fail("ipv4", refused=four)
    with pytest.raises(kind) as caught:
        connected(directory, 1)
    assert type(caught.value) is kind
    assert (caught.value.operation, caught.value.host) == ("resolve", HOST)


@pytest.mark.parametrize("known", [True, False])
def test_the_time_for_all_of_it_is_kept_to(
    directory: Directory, connected: Connect, known: bool
) -> None:
    directory.be_silent("ipv4")
    if known:
        directory.say("ipv6", SIX)
    else:
        directory.be_silent("ipv6")
    with hosts() as at, pytest.raises(TimedOut, match=rf"^connect host\.test:{at.port}: "):
        connected(directory, at.port, connect_timeout=80 * MS)


@pytest.mark.parametrize(("family", "address"), [("ipv4", ONE), ("ipv6", SIX)])
def test_only_one_family_is_asked_for_if_the_other_is_of_no_use(
    directory: Directory, connected: Connect, family: str, address: IPAddress
) -> None:
    for each in ("ipv4", "ipv6"):
        directory.be_silent(each)
    directory.say(family, address)
    with hosts(answering=[address]) as at:
        if isinstance(directory, Threaded):
            directory._silent.discard(family)
        for options in ({"address_family": family}, {"local_host": str(address)}):
            assert connected(directory, at.port, **options) == Endpoint(address, at.port)


# -- names that are searched for ------------------------------------------------------------------


def test_both_families_are_of_one_host_though_each_is_searched_on_its_own(
    connected: Connect,
) -> None:
    with threaded() as directory:
        assert isinstance(directory, Threaded)
        # In the first domain the name has IPv4 addresses only, and IPv6 ones in the second.
        directory._outcomes = {
            "ipv4": Resolution((ONE,), "host.test.one"),
            "ipv6": Resolution((SIX,), "host.test.two"),
            "internet": Resolution((ONE,), "host.test.one"),
        }
        with hosts(answering=[ONE, SIX]) as at:
            assert connected(directory, at.port) == Endpoint(ONE, at.port)
        assert sorted(directory.asked) == ["internet", "ipv4", "ipv6"]


def test_and_if_that_cannot_be_found_out_it_is_an_error(connected: Connect) -> None:
    with threaded() as directory:
        assert isinstance(directory, Threaded)
        directory._outcomes = {
            "ipv4": Resolution((ONE,), "host.test.one"),
            "ipv6": Resolution((SIX,), "host.test.two"),
        }
        with pytest.raises(NoName, match=r"^resolve host\.test: no"):
            connected(directory, 1)


def test_an_alias_may_have_another_name(connected: Connect) -> None:
    with DNSServer(CNAMERecord(HOST, 60, "web.test"), AAAARecord("web.test", 60, SIX)) as server:
        directory = Asked(server)
        server.script(HOST)
        directory.say("ipv6", SIX)
        server.script(HOST, Reply(), record_type=RecordType.AAAA)
        server.script(HOST, Reply(silent=True), record_type=RecordType.A)
        with hosts(answering=[SIX]) as at:
            assert connected(directory, at.port) == Endpoint(SIX, at.port)


# -- others' resolvers ----------------------------------------------------------------------------


@pytest.mark.parametrize("error", [SystemExit("no"), RuntimeError("no")])
def test_whatever_a_resolver_raises_beside_is_told(
    connected: Connect, error: BaseException
) -> None:
    class Raising(Threaded):
        def resolve(self, host: str, **options: Any) -> Resolution:
            raise error

    kind = RuntimeError if isinstance(error, RuntimeError) else ResolverError
    with pytest.raises(kind, match="no"):
        connected(Raising(), 1)


def test_the_systems_is_asked_for_both_at_once_unless_told_otherwise(
    connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def getaddrinfo(host: str, port: object, family: int, *others: object) -> list[Any]:
        asked.append(family)
        if family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "no")
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    directory = Threaded()
    with hosts(answering=[ONE]) as at:
        for by_family in (False, True):
            directory.resolver = SystemResolver(by_family=by_family)
            assert connected(directory, at.port) == Endpoint(ONE, at.port)
    # In one question the system knows which addresses belong together.
    assert asked[0] == socket.AF_UNSPEC
    assert sorted(asked[1:]) == [socket.AF_INET, socket.AF_INET6]


def test_one_that_overrides_the_systems_is_asked(connected: Connect) -> None:
    class Mine(SystemResolver):
        def resolve(self, host: str, **options: Any) -> Resolution:
            assert host == HOST
            return super().resolve("localhost", **options)

    directory = Threaded()
    directory.resolver = Mine(by_family=True)
    with hosts(answering=[ONE, SIX]) as at:
        assert connected(directory, at.port).host in (ONE, SIX)


def test_one_that_does_not_say_so_is_asked_for_both_in_the_callers_thread() -> None:
    threads: list[threading.Thread] = []

    class Plain(Threaded):
        by_family = False

        def resolve(self, host: str, **options: Any) -> Resolution:
            threads.append(threading.current_thread())
            assert options["family"] == "internet"
            return Resolution((IPv6Address("::1"), ONE), None)

    with hosts(answering=[ONE]) as at:
        assert by_blocking(Plain(), at.port) == Endpoint(ONE, at.port)
    assert threads == [threading.current_thread()]


def test_many_connect_while_one_question_is_open() -> None:
    with DNSServer() as server:
        directory = Asked(server)
        directory.say("ipv6", SIX, after=20 * MS)
        directory.say("ipv4", ONE, after=40 * MS)
        with hosts(answering=[SIX, ONE]) as at:
            names: list[Endpoint] = []

            def connect_once() -> None:
                names.append(by_blocking(directory, at.port))

            threads = [threading.Thread(target=connect_once) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(PATIENCE)
            assert names == [Endpoint(SIX, at.port)] * 8
        assert 2 <= len(server.queries) <= 16
