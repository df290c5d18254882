"""The scripted name server: the truth as its zone has it, and all the lies that can be told."""

import contextlib
import random
import socket
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from support.peers import receive_exactly
from support.timing import MS, PATIENCE
from support.zone import OF_EACH_TYPE

from trunkline._core.dns_message import DNSMessage, DNSQuestion, pack_message, unpack_message
from trunkline.names import (
    AAAARecord,
    ARecord,
    CNAMERecord,
    RecordType,
    TXTRecord,
)
from trunkline.testing.dns import (
    NOERROR,
    NXDOMAIN,
    REFUSED,
    SERVFAIL,
    DNSServer,
    Reply,
)

WWW = ARecord("www.test", 60, IPv4Address("192.0.2.1"))
WWW6 = AAAARecord("www.test", 60, IPv6Address("2001:db8::1"))
ALIAS = CNAMERecord("alias.test", 30, "www.test")


@pytest.fixture
def dns() -> Iterator[DNSServer]:
    with DNSServer(WWW, WWW6, ALIAS) as server:
        yield server


class Client:
    """Asks over one socket, and returns whatever comes."""

    def __init__(self, server: DNSServer, kind: str = "udp") -> None:
        self._endpoint = server.endpoint
        self._is_tcp = kind == "tcp"
        family = socket.AF_INET6 if server.endpoint.host.version == 6 else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM if self._is_tcp else socket.SOCK_DGRAM)
        self.sock.settimeout(PATIENCE)
        if self._is_tcp:
            self.sock.connect((str(self._endpoint.host), self._endpoint.port))

    def send(self, name: str, kind: int, **options: Any) -> int:
        """Send a question, and return its id."""
        number = random.randrange(65_536)
        question = DNSQuestion(name, kind)
        data = pack_message(
            DNSMessage(id=number, recursion_desired=True, questions=(question,), **options)
        )
        if self._is_tcp:
            self.sock.sendall(len(data).to_bytes(2) + data)
        else:
            self.sock.sendto(data, (str(self._endpoint.host), self._endpoint.port))
        return number

    def receive(self) -> DNSMessage:
        """Receive an answer."""
        return unpack_message(self.receive_bytes())

    def receive_bytes(self) -> bytes:
        """Receive an answer, whatever it is."""
        if self._is_tcp:
            return receive_exactly(self.sock, int.from_bytes(receive_exactly(self.sock, 2)))
        data, self.source = self.sock.recvfrom(65_535)
        return data


@pytest.fixture(params=["udp", "tcp"])
def client(dns: DNSServer, request: pytest.FixtureRequest) -> Iterator[Client]:
    client = Client(dns, request.param)
    with client.sock:
        yield client


def ask(client: Client, name: str, kind: int = RecordType.A, **options: Any) -> DNSMessage:
    number = client.send(name, kind, **options)
    answer = client.receive()
    assert answer.id == number
    assert answer.is_response
    assert answer.questions == (DNSQuestion(name, kind),)
    return answer


# -- the truth ------------------------------------------------------------------------------------


def test_what_is_in_the_zone_is_answered(client: Client, dns: DNSServer) -> None:
    assert ask(client, "www.test").answers == (WWW,)
    assert ask(client, "WWW.Test", RecordType.AAAA).answers == (WWW6,)
    assert ask(client, "www.test", RecordType.ANY).answers == (WWW, WWW6)
    first = dns.wait_for_queries(3)[0]
    assert (first.name, first.type, first.source.host) == ("www.test", 1, dns.endpoint.host)


def test_what_is_not_there_is_told_with_the_time_that_this_is_true(
    client: Client, dns: DNSServer
) -> None:
    no_name = ask(client, "nowhere.test")
    assert (no_name.rcode, no_name.answers, no_name.authority) == (NXDOMAIN, (), (dns.soa,))
    no_record = ask(client, "www.test", RecordType.MX)
    assert (no_record.rcode, no_record.answers, no_record.authority) == (NOERROR, (), (dns.soa,))


def test_aliases_are_followed(client: Client, dns: DNSServer) -> None:
    assert ask(client, "alias.test").answers == (ALIAS, WWW)
    assert ask(client, "alias.test", RecordType.CNAME).answers == (ALIAS,)
    dns.add(CNAMERecord("dangling.test", 1, "nowhere.test"))
    dangling = ask(client, "dangling.test")
    assert (dangling.rcode, len(dangling.answers)) == (NXDOMAIN, 1)
    dns.add(CNAMERecord("one.test", 1, "two.test"), CNAMERecord("two.test", 1, "one.test"))
    assert len(ask(client, "one.test").answers) == 16


def test_the_zone_can_be_changed(client: Client, dns: DNSServer) -> None:
    dns.script("www.test", Reply(rcode=REFUSED))
    dns.remove("www.test")
    assert ask(client, "www.test").rcode == NXDOMAIN
    dns.add(WWW)
    assert ask(client, "www.test").answers == (WWW,)


def test_what_is_too_long_for_a_datagram_comes_over_tcp(dns: DNSServer) -> None:
    many = tuple(TXTRecord("long.test", 1, (bytes([number]) * 200,)) for number in range(5))
    dns.add(*many)
    udp, tcp = Client(dns), Client(dns, "tcp")
    with udp.sock, tcp.sock:
        short = ask(udp, "long.test", RecordType.TXT)
        assert (short.truncated, short.answers) == (True, ())
        assert ask(udp, "long.test", RecordType.TXT, payload_size=4096).answers == many
        assert ask(tcp, "long.test", RecordType.TXT).answers == many


def test_ipv6_has_such_servers_too() -> None:
    with DNSServer(WWW, host="::1") as server:
        client = Client(server)
        with client.sock:
            assert ask(client, "www.test").answers == (WWW,)


# -- what it is told to say -----------------------------------------------------------------------


def test_replies_come_one_after_the_other_and_the_last_for_ever(
    client: Client, dns: DNSServer
) -> None:
    dns.script("www.test", Reply(rcode=SERVFAIL), Reply(records=(), rcode=NXDOMAIN), Reply())
    assert ask(client, "www.test").rcode == SERVFAIL
    assert ask(client, "www.test").rcode == NXDOMAIN
    for _ in range(3):
        assert ask(client, "www.test").answers == (WWW,)


def test_a_script_may_be_for_one_type(client: Client, dns: DNSServer) -> None:
    dns.script("www.test", Reply(rcode=REFUSED), record_type=RecordType.AAAA)
    assert ask(client, "www.test").answers == (WWW,)
    assert ask(client, "www.test", RecordType.AAAA).rcode == REFUSED
    dns.script("www.test", record_type=RecordType.AAAA)
    assert ask(client, "www.test", RecordType.AAAA).answers == (WWW6,)


def test_records_are_answered_that_nobody_has_asked_for(client: Client, dns: DNSServer) -> None:
    lie = ARecord("bank.test", 86_400, IPv4Address("192.0.2.66"))
    dns.script("www.test", Reply(records=(lie,), authority=(lie,), additional=(lie,)))
    answer = ask(client, "www.test")
    assert (answer.answers, answer.authority, answer.additional) == ((lie,), (lie,), (lie,))


def test_an_answer_may_be_late(client: Client, dns: DNSServer) -> None:
    dns.script("www.test", Reply(delay=30 * MS))
    began = time.monotonic()
    assert ask(client, "www.test").answers == (WWW,)
    assert time.monotonic() - began >= 29 * MS


def test_an_answer_may_be_for_another_question(client: Client, dns: DNSServer) -> None:
    dns.script("www.test", Reply(wrong_id=True), Reply(wrong_question=True))
    number = client.send("www.test", RecordType.A)
    assert client.receive().id == number ^ 0xFFFF
    client.send("www.test", RecordType.A)
    assert client.receive().questions[0].name == "not.asked.test"


def test_there_may_be_no_answer_and_several(client: Client, dns: DNSServer) -> None:
    dns.script("www.test", Reply(silent=True), Reply(copies=3))
    first = client.send("www.test", RecordType.A)
    second = client.send("www.test", RecordType.A)
    assert [client.receive().id for _ in range(3)] == [second] * 3
    assert first in [query.message.id for query in dns.queries]


def test_an_answer_may_be_no_message(client: Client, dns: DNSServer) -> None:
    dns.script(
        "www.test", Reply(raw=b"xx\xc0garbage"), Reply(raw=lambda data: data), Reply(raw=b"x")
    )
    number = client.send("www.test", RecordType.A)
    assert client.receive_bytes() == number.to_bytes(2) + b"\xc0garbage"
    number = client.send("www.test", RecordType.A)
    assert client.receive_bytes()[:2] == number.to_bytes(2)
    client.send("www.test", RecordType.A)
    assert client.receive_bytes() == b"x"


def test_a_datagram_may_come_from_elsewhere_or_be_cut_off(dns: DNSServer) -> None:
    dns.script("www.test", Reply(wrong_source=True), Reply(truncated=True))
    client = Client(dns)
    with client.sock:
        assert ask(client, "www.test").answers == (WWW,)
        assert client.source[1] != dns.endpoint.port
        assert ask(client, "www.test").truncated
        assert client.source[1] == dns.endpoint.port


def test_a_connection_may_be_closed_in_place_of_an_answer(dns: DNSServer) -> None:
    dns.script("www.test", Reply(drops=True))
    client = Client(dns, "tcp")
    with client.sock:
        client.send("www.test", RecordType.A)
        with contextlib.suppress(ConnectionResetError):
            assert client.sock.recv(1) == b""


@pytest.mark.parametrize(
    "options",
    [
        {"rcode": -1},
        {"rcode": 4096},
        {"copies": -1},
        {"copies": 1.5},
        {"delay": -1},
        {"delay": None},
        {"delay": float("inf")},
        {"raw": "text"},
        {"raw": lambda: b""},
        {"records": ("www.test",)},
        {"records": (ARecord("a..b", 60, IPv4Address("192.0.2.1")),)},
        {"authority": (TXTRecord("a", -1, (b"",)),)},
    ],
)
def test_a_reply_that_cannot_be_is_told_at_once(options: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Reply(**options)


ADDRESS: Any = "192.0.2.1"


@pytest.mark.parametrize("record", ["www.test", None, ARecord("a", 60, ADDRESS)])
def test_so_is_a_record(dns: DNSServer, record: Any) -> None:
    with pytest.raises(TypeError, match=r"a record is|has a value"):
        dns.add(record)
    with pytest.raises(ValueError, match="out of range"):
        DNSServer(negative_ttl=-1)


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_what_goes_wrong_with_a_reply_is_told_in_the_end_and_the_others_come(kind: str) -> None:
    def fail(question: bytes) -> bytes:
        raise ArithmeticError("one of the test's own")

    with pytest.raises(ArithmeticError, match="own"), DNSServer(WWW) as server:  # noqa: PT012
        server.script("other.test", Reply(raw=fail))
        client = Client(server, kind)
        with client.sock:
            client.send("other.test", RecordType.A)
            assert ask(client, "www.test").answers == (WWW,)


def test_what_is_no_question_is_not_answered(dns: DNSServer) -> None:
    client = Client(dns)
    with client.sock:
        for data in (b"", b"x", b"\0" * 12, pack_message(DNSMessage(is_response=True))):
            client.sock.sendto(data, (str(dns.endpoint.host), dns.endpoint.port))
        assert ask(client, "www.test").answers == (WWW,)
    assert len(dns.queries) == 1


# -- for those who test ---------------------------------------------------------------------------


def test_questions_are_waited_for_and_forgotten(client: Client, dns: DNSServer) -> None:
    with pytest.raises(TimeoutError, match="0 of 1"):
        dns.wait_for_queries(1, timeout=0)
    ask(client, "www.test")
    (query,) = dns.wait_for_queries(1)
    assert query.transport in ("udp", "tcp")
    dns.forget_queries()
    assert dns.queries == ()


def test_a_server_that_was_never_entered_leaves_nothing() -> None:
    server = DNSServer()
    for _ in range(2):
        server.close()


# -- somebody else understands it -----------------------------------------------------------------


@pytest.mark.needs_program("dig")
@pytest.mark.parametrize("text", OF_EACH_TYPE)
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
def test_dig_reads_each_type(dns: DNSServer, text: str, transport: str) -> None:
    record = OF_EACH_TYPE[text]
    dns.add(record)
    kind = RecordType(record.type).name
    port = str(dns.endpoint.port)
    options = [transport, "+noall", "+answer", "+nomultiline", "+nosplit"]
    command = ["dig", "@127.0.0.1", "-p", port, *options, record.name, kind]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    name, ttl, _, shown, value = said.stdout.strip().split(None, 4)
    assert (name, int(ttl), shown) == (record.name + ".", record.ttl, kind)
    assert value == text
