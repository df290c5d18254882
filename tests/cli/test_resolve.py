"""`trunkline resolve`: what a scripted name server says, and what this machine knows."""

import json
import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest
from cli.helpers import ARGV, ENVIRONMENT
from support.processes import Program
from support.terminal import ON_A_TERMINAL

from trunkline import names
from trunkline.cli import main
from trunkline.cli.exit_status import ExitStatus
from trunkline.cli.resolve.record_text import record_data, type_name
from trunkline.names import (
    AAAARecord,
    ARecord,
    CAARecord,
    CNAMERecord,
    DNSRecord,
    HTTPSRecord,
    MXRecord,
    NAPTRRecord,
    NSRecord,
    PTRRecord,
    SOARecord,
    SRVRecord,
    SVCBRecord,
    TLSARecord,
    TXTRecord,
    UnknownRecord,
)
from trunkline.testing.dns import REFUSED, DNSServer, Reply

WWW = "www.example.test"
RECORDS: tuple[DNSRecord, ...] = (
    CNAMERecord("alias.example.test", 30, WWW),
    ARecord(WWW, 60, IPv4Address("192.0.2.1")),
    AAAARecord(WWW, 600, IPv6Address("2001:db8::1")),
    ARecord("four.example.test", 60, IPv4Address("192.0.2.4")),
    MXRecord("example.test", 3600, 10, "mail.example.test"),
    TXTRecord("bad.example.test", 60, (b"\x1b[2J\nforged",)),
    PTRRecord("1.2.0.192.in-addr.arpa", 60, WWW),
)


@pytest.fixture(scope="module")
def dns() -> Iterator[DNSServer]:
    with DNSServer(*RECORDS) as server:
        yield server


class Asked:
    """Runs the command in this process."""

    def __init__(self, server: DNSServer, capsys: pytest.CaptureFixture[str]) -> None:
        self._server = str(server.endpoint)
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        status = main(["resolve", *words, "--server", self._server])
        return status, *self._capsys.readouterr()


@pytest.fixture
def ask(dns: DNSServer, capsys: pytest.CaptureFixture[str]) -> Asked:
    return Asked(dns, capsys)


def test_the_addresses_of_a_name(ask: Asked) -> None:
    status, output, errors = ask(WWW)
    lines = ["www.example.test  60   A     192.0.2.1", "www.example.test  600  AAAA  2001:db8::1"]
    assert (status, output.splitlines(), errors) == (0, lines, "")


def test_one_family_is_enough(ask: Asked) -> None:
    assert ask("four.example.test")[:2] == (0, "four.example.test  60  A  192.0.2.4\n")


def test_an_alias_is_shown_once(ask: Asked) -> None:
    _, output, _ = ask("alias.example.test")
    kinds = [line.split()[2] for line in output.splitlines()]
    assert kinds == ["CNAME", "A", "AAAA"]


@pytest.mark.parametrize("kind", ["MX", "mx", "15", "TYPE15"])
def test_a_type_is_a_name_or_a_number(ask: Asked, kind: str) -> None:
    assert ask("example.test", kind)[1] == "example.test  3600  MX  10 mail.example.test\n"


@pytest.mark.parametrize(
    "words", [("192.0.2.1",), ("192.0.2.1", "PTR"), ("--reverse", "192.0.2.1")]
)
def test_the_name_of_an_address(ask: Asked, words: tuple[str, ...]) -> None:
    assert ask(*words)[1] == "1.2.0.192.in-addr.arpa  60  PTR  www.example.test\n"


def test_for_another_program(ask: Asked, dns: DNSServer) -> None:
    status, output, _ = ask(WWW, "A", "--json")
    found = json.loads(output)
    assert status == 0
    assert found.pop("seconds") >= 0
    assert found == {
        "name": WWW,
        "server": str(dns.endpoint),
        "records": [{"name": WWW, "ttl": 60, "type": "A", "data": "192.0.2.1"}],
    }


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("no.example.test",), ExitStatus.NO_SUCH_NAME),
        (("four.example.test", "AAAA"), ExitStatus.NO_SUCH_NAME),
        ((WWW, "FOO"), ExitStatus.BAD_USAGE),
        ((WWW, "TYPE65536"), ExitStatus.BAD_USAGE),
        (("a..b", "A"), ExitStatus.BAD_USAGE),
        (("--reverse", WWW), ExitStatus.BAD_USAGE),
        (("192.0.2.1", "MX"), ExitStatus.BAD_USAGE),
    ],
)
def test_what_cannot_be_found_or_asked(
    ask: Asked, words: tuple[str, ...], status: ExitStatus
) -> None:
    ended, output, errors = ask(*words)
    assert (ended, output) == (status, "")
    assert "Traceback" not in errors
    assert errors


def test_a_server_that_refuses_or_is_silent(ask: Asked, dns: DNSServer) -> None:
    dns.script("refused.example.test", Reply(rcode=REFUSED))
    dns.script("silent.example.test", Reply(silent=True))
    assert ask("refused.example.test", "A")[0] == ExitStatus.NOT_RESOLVED
    assert ask("silent.example.test", "A", "--timeout", "0.05")[0] == ExitStatus.TIMED_OUT


def test_what_a_record_says_forges_nothing(ask: Asked) -> None:
    _, output, _ = ask("bad.example.test", "TXT")
    assert output == 'bad.example.test  60  TXT  "\\027[2J\\010forged"\n'


@pytest.mark.parametrize("server", ["127.0.0.1:99999", "[::1]:x", "a b"])
def test_what_is_no_server(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", WWW, "--server", server]) == ExitStatus.BAD_USAGE
    assert capsys.readouterr().out == ""


# -- this machine ----------------------------------------------------------------------------------


def test_this_machine_is_asked_as_its_programs_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resolve", "localhost"]) == 0
    output = capsys.readouterr().out
    assert re.search(r"^localhost +(A +127\.0\.0\.1|AAAA +::1)$", output, re.M)
    assert main(["resolve", "127.0.0.1", "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)["records"]
    assert (record["name"], record["type"], record["ttl"]) == ("127.0.0.1", "PTR", None)


@pytest.mark.slow
def test_on_a_terminal_it_is_a_table(dns: DNSServer) -> None:
    words = ["resolve", WWW, "--server", str(dns.endpoint)]
    with Program([*ON_A_TERMINAL, *ARGV, *words], env={**ENVIRONMENT, "NO_COLOR": "1"}) as program:
        output = program.read_to_end()
        assert program.wait() == 0
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in output.splitlines()]
    assert lines[:3] == [
        "name              ttl  type  data",
        "www.example.test  60   A     192.0.2.1",
        "www.example.test  600  AAAA  2001:db8::1",
    ]
    assert re.fullmatch(rf"2 records from {re.escape(str(dns.endpoint))} in \d+\.\d ms", lines[3])
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", output)  # no colours


# -- records as text -------------------------------------------------------------------------------

TEXTS: list[tuple[DNSRecord, str]] = [
    (ARecord("a", 1, IPv4Address("192.0.2.1")), "192.0.2.1"),
    (AAAARecord("a", 1, IPv6Address("2001:db8::1")), "2001:db8::1"),
    (NSRecord("a", 1, "ns.test"), "ns.test"),
    (SOARecord("a", 1, "ns.test", "me.test", 1, 2, 3, 4, 5), "ns.test me.test 1 2 3 4 5"),
    (SRVRecord("a", 1, 1, 2, 3, "b.test"), "1 2 3 b.test"),
    (
        TXTRecord("a", 1, (b'say "hi"', b"back\\slash", b"\xff")),
        r'"say \"hi\"" "back\\slash" "\255"',
    ),
    (TLSARecord("a", 1, 3, 1, 1, b"\xab\xcd"), "3 1 1 abcd"),
    (CAARecord("a", 1, 128, "issue", b"ca.test"), '128 issue "ca.test"'),
    (NAPTRRecord("a", 1, 1, 2, b"s", b"SIP+D2U", b"", "b.test"), '1 2 "s" "SIP+D2U" "" b.test'),
    (SVCBRecord("a", 1, 0, "b.test"), "0 b.test"),
    (
        HTTPSRecord(
            "a",
            1,
            1,
            ".",
            (
                (0, b"\0\x01\x02\x00"),
                (1, b"\x02h2\x08http/1.1"),
                (2, b""),
                (3, b"\x01\xbb"),
                (4, bytes([192, 0, 2, 1, 192, 0, 2, 2])),
                (6, IPv6Address("2001:db8::1").packed),
                (9, b"?"),
            ),
        ),
        "1 . mandatory=alpn,key512 alpn=h2,http/1.1 no-default-alpn port=443 "
        'ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1 key9="?"',
    ),
    (
        HTTPSRecord("a", 1, 1, ".", ((1, b"\x09h2"), (2, b"x"), (3, b"x"), (4, b"xyz"))),
        r'1 . alpn="\009h2" no-default-alpn="x" port="x" ipv4hint="xyz"',
    ),
    (UnknownRecord("a", 1, 999, b"\x01\x02"), r"\# 2 0102"),
    (UnknownRecord("a", 1, 999, b""), r"\# 0"),
]


@pytest.mark.parametrize(("record", "text"), TEXTS, ids=lambda each: type(each).__name__)
def test_a_record_as_text(record: DNSRecord, text: str) -> None:
    assert record_data(record) == text


def test_each_kind_of_record_has_a_text() -> None:
    kinds = {getattr(names, name) for name in names.__all__ if name.endswith("Record")}
    shown = {type(record) for record, _ in TEXTS} | {MXRecord, CNAMERecord, PTRRecord}
    assert kinds - {DNSRecord} == shown


def test_a_type_has_a_name() -> None:
    assert [type_name(number) for number in (1, 65, 999)] == ["A", "HTTPS", "TYPE999"]
