"""Name servers that answer badly: by TCP, byte by byte or in parts; in datagrams; all at once."""

import contextlib
import random
import socket
import struct
from collections.abc import Callable, Iterator
from functools import partial
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest
from names import helpers
from names.helpers import Way
from support.peers import PeerServer, reset
from support.timing import MS, PATIENCE

from trunkline import EventBase, NoRecord, ResolverError, ServerFailure, TimedOut, TryAgain
from trunkline._core.dns_message import DNSMessage, pack_message, unpack_message
from trunkline.names import AAAARecord, ARecord, CNAMERecord, DNSRecord, DNSResolver
from trunkline.testing.dns import NXDOMAIN, SERVFAIL, DNSServer, Reply

V4 = IPv4Address("192.0.2.1")
WWW = ARecord("www.test", 60, V4)


@pytest.fixture
def good() -> Iterator[DNSServer]:
    with DNSServer(WWW) as server:
        yield server


resolver_for = partial(helpers.resolver_for, attempts=1)


# -- in a connection ------------------------------------------------------------------------------


def answer_to(query: bytes, *records: DNSRecord, **options: Any) -> bytes:
    asked = unpack_message(query)
    message = DNSMessage(id=asked.id, is_response=True, questions=asked.questions, answers=records)
    return pack_message(message._replace(**options))


def framed(message: bytes) -> bytes:
    return struct.pack("!H", len(message)) + message


def byte_by_byte(connection: socket.socket, query: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in framed(answer_to(query, WWW)):
        connection.sendall(bytes([byte]))


def after_nothing(connection: socket.socket, query: bytes) -> None:
    connection.sendall(framed(b"") * 3 + framed(answer_to(query, WWW)))


def after_a_lie(connection: socket.socket, query: bytes) -> None:
    lie = answer_to(query, WWW, id=unpack_message(query).id ^ 1)
    connection.sendall(framed(lie) + framed(answer_to(query, WWW)))


def twice(connection: socket.socket, query: bytes) -> None:
    connection.sendall(framed(answer_to(query, WWW)) * 2)


def not_to_the_end(connection: socket.socket, query: bytes) -> None:
    connection.sendall(framed(answer_to(query, WWW))[:-3])


def another_protocol(connection: socket.socket, query: bytes) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def garbage(connection: socket.socket, query: bytes) -> None:
    connection.sendall(framed(query[:2] + b"\x80garbage"))


def cut_off(connection: socket.socket, query: bytes) -> None:
    connection.sendall(framed(answer_to(query, truncated=True)))


def a_reset(connection: socket.socket, query: bytes) -> None:
    reset(connection)


def badly(how: Callable[[socket.socket, bytes], None]) -> PeerServer:
    """Return a server that answers the first question of each connection somehow."""

    def handle(connection: socket.socket) -> None:
        (size,) = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
        how(connection, connection.recv(size, socket.MSG_WAITALL))

    return PeerServer(handle)


@pytest.mark.parametrize("how", [byte_by_byte, after_nothing, after_a_lie, twice])
def test_in_a_connection_an_answer_may_come_in_any_parts(
    ask: Way, how: Callable[[socket.socket, bytes], None]
) -> None:
    with badly(how) as server:
        answer = ask(resolver_for(server.address, use_tcp=True), "query", "www.test")
        assert answer.records == (WWW,)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        (not_to_the_end, TryAgain),
        (another_protocol, TryAgain),
        (a_reset, TryAgain),
        (garbage, ServerFailure),
        (cut_off, ServerFailure),
    ],
)
def test_or_none_comes_and_the_next_server_is_asked(
    good: DNSServer, ask: Way, how: Callable[[socket.socket, bytes], None], error: type[Exception]
) -> None:
    with badly(how) as server:
        with pytest.raises(error) as caught:
            ask(resolver_for(server.address, use_tcp=True), "query", "www.test")
        assert type(caught.value) is error
        both = resolver_for(server.address, good, use_tcp=True)
        assert ask(both, "query", "www.test").server == good.endpoint


# -- in datagrams ---------------------------------------------------------------------------------

# A record whose name is a pointer to itself, and one that leads behind it.
HEAD_OF_A = b"\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"


def with_a_name(name: bytes) -> Callable[[bytes], bytes]:
    def raw(query: bytes) -> bytes:
        message = bytearray(answer_to(query))
        message[6:8] = b"\0\1"  # answers
        return bytes(message) + name.replace(b"HERE", struct.pack("!H", 0xC000 | len(message)))

    return raw


BAD_DATAGRAMS: dict[str, Callable[[bytes], bytes]] = {
    "a pointer to itself": with_a_name(b"HERE" + HEAD_OF_A),
    "a pointer forwards": with_a_name(b"\xc0\xff" + HEAD_OF_A),
    "a label and back to it": with_a_name(b"\1aHERE" + HEAD_OF_A),
    "half an address": with_a_name(b"\xc0\x0c" + HEAD_OF_A[:-2]),
    "nothing but a head": lambda query: query[:2] + b"\x81\x80" + query[4:12],
    "more records than there are": lambda query: answer_to(query)[:6] + b"\xff\xff" + query[8:],
}


@pytest.mark.parametrize("bad", BAD_DATAGRAMS)
def test_a_bad_datagram_is_a_failure_and_the_next_server_is_asked(
    good: DNSServer, ask: Way, bad: str
) -> None:
    with DNSServer() as server:
        server.script("www.test", Reply(raw=BAD_DATAGRAMS[bad]))
        with pytest.raises(ServerFailure) as caught:
            ask(resolver_for(server), "query", "www.test")
        assert (caught.value.host, caught.value.server) == ("www.test", server.endpoint)
        assert ask(resolver_for(server, good), "query", "www.test").server == good.endpoint


def test_aliases_in_a_circle_end(ask: Way) -> None:
    circle = [CNAMERecord(f"{a}.test", 5, f"{b}.test") for a, b in ("ab", "bc", "ca")]
    with DNSServer(*circle) as server, pytest.raises(NoRecord):
        ask(resolver_for(server), "resolve", "a.test")


@pytest.mark.parametrize(
    "lie", [Reply(wrong_id=True), Reply(wrong_question=True), Reply(wrong_source=True)]
)
def test_a_liar_is_not_believed_and_its_time_is_limited(
    good: DNSServer, ask: Way, lie: Reply
) -> None:
    with DNSServer() as liar:
        liar.script("www.test", lie)
        with pytest.raises(TryAgain):
            ask(resolver_for(liar, server_timeout=20 * MS), "resolve", "www.test")
        with pytest.raises(TimedOut):
            ask(resolver_for(liar), "resolve", "www.test", timeout=20 * MS)
        both = resolver_for(liar, good, server_timeout=20 * MS, attempts=50)
        found = ask(both, "query", "www.test")
        assert (found.records, found.server) == ((WWW,), good.endpoint)


# -- all of it ------------------------------------------------------------------------------------

REPLIES = (
    Reply(),
    Reply(copies=3),
    Reply(delay=2 * MS),
    Reply(truncated=True),
    Reply(truncated=True, delay=2 * MS),
    Reply(records=()),
    Reply(rcode=NXDOMAIN),
    Reply(rcode=SERVFAIL),
    Reply(raw=b"xxgarbage"),
    Reply(silent=True),
    Reply(drops=True),
    Reply(wrong_id=True),
    Reply(wrong_source=True),
)
NAMES = [f"host-{number}.test" for number in range(8)]


class OnPurpose(Exception):
    """Is raised by somebody who was told something."""


class Crowd:
    """Very many who ask on one event base, give up, ask once more, and raise."""

    def __init__(self, draw: random.Random, resolver: DNSResolver, base: EventBase) -> None:
        self._draw = draw
        self._resolver = resolver
        self._base = base
        self.lookups: list[Any] = []
        self.told: list[list[Any]] = []  # by each
        self.given_up: set[int] = set()

    def ask(self) -> None:
        outcomes: list[Any] = []

        def tell(outcome: Any) -> None:
            outcomes.append(outcome)
            self._base.exit()
            chance = self._draw.random()
            if chance < 0.05:
                self.give_one_up()
            elif chance < 0.1 and len(self.lookups) < 300:
                self.ask()
            elif chance < 0.15:
                raise OnPurpose

        self.told.append(outcomes)
        name, timeout = self._draw.choice(NAMES), self._draw.choice((None, None, 5 * MS))
        kind = self._draw.randrange(3)
        if kind == 0:
            lookup = self._resolver.resolve_on(self._base, name, tell, tell, timeout=timeout)
        elif kind == 1:
            record_type = self._draw.choice(("A", "ANY"))
            lookup = self._resolver.query_on(
                self._base, name, tell, tell, record_type=record_type, timeout=timeout
            )
        else:
            address = ip_address(f"192.0.2.{self._draw.randrange(4)}")
            lookup = self._resolver.reverse_on(self._base, address, tell, tell, timeout=timeout)
        self.lookups.append(lookup)

    def give_one_up(self) -> None:
        number = self._draw.randrange(len(self.lookups))
        if not self.told[number]:
            self.lookups[number].cancel()
            self.given_up.add(number)

    @property
    def is_done(self) -> bool:
        return all(outcomes or number in self.given_up for number, outcomes in enumerate(self.told))

    def go_on(self, timeout: float) -> None:
        with contextlib.suppress(OnPurpose):
            self._base.dispatch(timeout=timeout)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_they_do_each_is_told_once_or_not_at_all_if_it_has_given_up(seed: int) -> None:
    draw = random.Random(seed)
    with DNSServer() as one, DNSServer() as two, EventBase() as base:
        for server in (one, two):
            for name in NAMES:
                server.add(ARecord(name, draw.choice((0, 1, 60)), V4))
                server.add(AAAARecord(name, 1, ip_address("2001:db8::1")))  # type: ignore[arg-type]
                server.script(name, *draw.choices(REPLIES, k=50), Reply())
        resolver = resolver_for(one, two, server_timeout=20 * MS, attempts=2, rotate=True)
        crowd = Crowd(draw, resolver, base)
        while len(crowd.lookups) < 200:
            for _ in range(draw.randrange(1, 40)):
                crowd.ask()
            crowd.give_one_up()
            crowd.go_on(draw.choice((0, 1 * MS)))
        while not crowd.is_done:
            crowd.go_on(PATIENCE)
        base.dispatch(timeout=0)
        for number, outcomes in enumerate(crowd.told):
            assert len(outcomes) == (0 if number in crowd.given_up else 1)
        errors = {type(each) for (*told,) in crowd.told for each in told if hasattr(each, "errno")}
        assert all(issubclass(error, (ResolverError, TimedOut)) for error in errors)
        assert base.is_empty
