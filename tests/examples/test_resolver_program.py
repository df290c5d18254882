"""ex9_resolver, as a process that asks a scripted name server."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest
from support.peers import refusing_port
from support.processes import example
from support.timing import PATIENCE

from trunkline.names import (
    AAAARecord,
    ARecord,
    CNAMERecord,
    MXRecord,
    PTRRecord,
    SRVRecord,
    TXTRecord,
)
from trunkline.testing.dns import REFUSED, DNSServer, Reply

ZONE = (
    ARecord("www.test", 60, IPv4Address("192.0.2.1")),
    AAAARecord("www.test", 30, IPv6Address("2001:db8::1")),
    CNAMERecord("alias.test", 300, "www.test"),
    MXRecord("www.test", 300, 10, "mail.test"),
    TXTRecord("www.test", 5, (b"one", b"two")),
    PTRRecord("1.2.0.192.in-addr.arpa", 7, "www.test"),
    SRVRecord("_imaps._tcp.www.test", 9, 1, 2, 993, "imap.test"),
    ARecord("xn--bcher-kva.test", 60, IPv4Address("192.0.2.2")),
)


@pytest.fixture
def dns() -> Iterator[DNSServer]:
    with DNSServer(*ZONE) as server:
        yield server


def run(port: int, *arguments: str, status: int = 0) -> str:
    server = ["--server", "127.0.0.1", "--port", str(port)]
    with example("ex9_resolver", *server, *arguments) as program:
        program.read_to_end(timeout=2 * PATIENCE)
        assert program.wait() == status, program.transcript
        # The time that is left of an answer depends on the time that it takes to print it.
        return re.sub(r"\b(?:59|60) s\b", "60 s", program.output)


def test_it_tells_what_it_asked_whom_what_came_and_for_how_long(dns: DNSServer) -> None:
    output = run(dns.endpoint.port, "--without-system", "--service", "imaps", "www.test")
    whom = dns.endpoint
    for told in (
        f"Name servers: {whom}.\n",
        "The name of 192.0.2.1: www.test\n",
        f"The name of 2001:db8::1: reverse 2001:db8::1: no such name [{whom}]\n",
        f"A of www.test, says {whom}; good for 60 s:\n  A 192.0.2.1\n",
        f"MX of www.test, says {whom}; good for 300 s:\n  MX 10 mail.test\n",
        f"TXT of www.test, says {whom}; good for 5 s:\n  TXT (b'one', b'two')\n",
        f"SOA of www.test: query www.test: no such record [{whom}]; good for 60 s\n",
        "imaps of www.test:\n  imap.test, port 993\n",
        "  MX of www.test: 1 records, for 300 s\n",
        "  SOA of www.test: nothing, for 60 s\n",
    ):
        assert told in output
    assert "The system" not in output
    asked = {(query.name, query.type) for query in dns.queries}
    assert len(asked) == len(dns.queries)  # nothing twice


def test_an_alias_and_another_script(dns: DNSServer) -> None:
    output = run(dns.endpoint.port, "--without-system", "alias.test")
    assert "  CNAME www.test\n  A 192.0.2.1\n" in output
    output = run(dns.endpoint.port, "--without-system", "Bücher.test")
    assert output.startswith("Bücher.test is asked for as xn--bcher-kva.test.\n")
    assert "  192.0.2.2\n" in output


def test_an_address_has_a_name(dns: DNSServer) -> None:
    output = run(dns.endpoint.port, "--without-system", "192.0.2.1")
    assert "The name of 192.0.2.1: www.test\n" in output
    assert "  PTR of 1.2.0.192.in-addr.arpa: 1 records, for 7 s\n" in output


def test_the_system_is_asked_too(dns: DNSServer) -> None:
    output = run(dns.endpoint.port, "localhost")
    assert re.match(r"The system, asked for localhost:\n  (127\.0\.0\.1|::1)\n", output)


@pytest.mark.thorough
def test_servers_that_are_of_no_use_are_told(dns: DNSServer) -> None:
    dns.script("www.test", Reply(rcode=REFUSED))
    assert "the server refuses to answer" in run(dns.endpoint.port, "--without-system", "www.test")
    dns.script("www.test", Reply(silent=True))
    output = run(dns.endpoint.port, "--without-system", "--timeout", "0.05", "www.test")
    assert output.count("time limit passed") == 9
    with refusing_port() as port:
        assert "Connection refused" in run(port, "--without-system", "www.test")


@pytest.mark.parametrize("host", ["a b", "", "☕.test", "127.1"])
def test_what_can_be_no_name_is_a_mistake_on_the_command_line(dns: DNSServer, host: str) -> None:
    run(dns.endpoint.port, "--without-system", host, status=2)
    assert dns.queries == ()


def test_ctrl_c_ends_it(dns: DNSServer) -> None:
    dns.script("www.test", Reply(silent=True))
    server = ["--server", "127.0.0.1", "--port", str(dns.endpoint.port)]
    with example("ex9_resolver", *server, "--without-system", "www.test") as program:
        program.wait_for_line("The addresses of")
        dns.wait_for_queries(2)
        program.interrupt()
        assert program.wait() == 130
