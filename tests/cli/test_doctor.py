"""`trunkline doctor`: what facts mean, and that those of this machine can be found out."""

import json
import sys
from dataclasses import asdict, replace
from typing import Any

import pytest

from trunkline import available_backends
from trunkline.cli import main
from trunkline.cli.doctor.facts import Facts, look_at_machine
from trunkline.cli.doctor.findings import Finding, findings
from trunkline.cli.exit_status import ExitStatus
from trunkline.tls.library import TLSLibrary

TLS = TLSLibrary("OpenSSL 3.0.15", True, 140, ("/etc/ssl/cert.pem", "/etc/ssl/certs"))

GOOD = Facts(
    python="CPython 3.12.1",
    system="Linux 6.1",
    packages={"click": "8.1", "rich": "13", "idna": "3.7", "trustme": None},
    backends=("epoll", "poll", "select"),
    backend="epoll",
    forced_backend=None,
    offers=("fast open", "splicing"),
    descriptors=(65_536, 1_048_576),
    backlog=4096,
    syn_cookies=True,
    ports=(32_768, 60_999),
    first_free_port=1024,
    memory=(8 << 30, 16 << 30),
    memory_limit=None,
    ipv6=True,
    tls=TLS,
    name_servers=("192.0.2.53:53",),
    search=("example.org",),
    has_resolver_config=True,
)

UNKNOWN = replace(
    GOOD,
    descriptors=None,
    backlog=None,
    syn_cookies=None,
    ports=None,
    first_free_port=None,
    memory=None,
)


def only(facts: Facts) -> Finding:
    """Return the one finding that is not good."""
    (found,) = [each for each in findings(facts) if each.verdict != "good"]
    return found


def test_a_good_machine() -> None:
    found = findings(GOOD)
    assert {each.verdict for each in found} == {"good"}
    assert not any(each.advice for each in found)
    told = {each.what: each.found for each in found}
    assert told["backend"] == "epoll, the best one of epoll, poll, select"
    assert told["descriptors"] == "65,536 for a process, which may ask for 1,048,576"
    assert told["ports"] == "28,232 for connections from here to one server, 32768 to 60999"
    assert told["memory"] == "8.0 GiB available of 16.0 GiB"
    assert told["name servers"] == "192.0.2.53:53; searches example.org"
    assert told["packages"] == "click 8.1, rich 13, idna 3.7"


def test_what_cannot_be_found_out_is_left_out() -> None:
    told = {each.what for each in findings(UNKNOWN)}
    assert not told & {"descriptors", "backlog", "ports", "memory"}
    assert {each.verdict for each in findings(UNKNOWN)} == {"good"}


TROUBLE: list[tuple[dict[str, Any], str, str, str]] = [
    ({"backend": "poll", "forced_backend": "poll"}, "backend", "note", "unset TRUNKLINE_BACKEND"),
    ({"backend": "select", "forced_backend": "select"}, "backend", "bad", "to have epoll"),
    ({"backend": None, "forced_backend": "kqueue"}, "backend", "bad", "one of epoll, poll, select"),
    ({"descriptors": (1024, 1_048_576)}, "descriptors", "note", "ulimit -n 65536"),
    ({"descriptors": (256, 512)}, "descriptors", "bad", "limits.conf"),
    ({"backlog": 64}, "backlog", "note", "net.core.somaxconn"),
    ({"syn_cookies": False}, "SYN cookies", "note", "tcp_syncookies=1"),
    ({"ports": (60_000, 60_999)}, "ports", "note", "ip_local_port_range"),
    ({"memory": (100 << 20, 1 << 30)}, "memory", "note", "max_connections"),
    ({"memory_limit": 16 << 20}, "memory", "bad", "max_connections"),
    ({"ipv6": None}, "IPv6", "note", "fails"),
    ({"ipv6": False}, "IPv6", "note", "IPv4"),
    ({"tls": TLS._replace(has_tls13=False)}, "TLS", "note", "newer OpenSSL"),
    ({"tls": TLS._replace(authorities=0)}, "authorities", "bad", "ca-certificates"),
    ({"has_resolver_config": False}, "name servers", "note", "/etc/resolv.conf"),
]


@pytest.mark.parametrize(("change", "what", "verdict", "advice"), TROUBLE)
def test_what_will_bite(change: dict[str, Any], what: str, verdict: str, advice: str) -> None:
    found = only(replace(GOOD, **change))
    assert (found.what, found.verdict) == (what, verdict)
    assert advice in found.advice


def test_no_limit_is_a_good_one() -> None:
    found = {each.what: each for each in findings(replace(GOOD, descriptors=(sys.maxsize,) * 2))}
    assert (found["descriptors"].found, found["descriptors"].verdict) == ("any number", "good")


def test_this_machine_is_looked_at() -> None:
    facts = look_at_machine()
    assert facts.backends == available_backends()
    assert facts.backend in facts.backends
    assert facts.tls.version.startswith(("OpenSSL", "LibreSSL"))
    assert facts.packages["click"] is not None
    if sys.platform == "linux":
        assert {"shared ports", "abstract names", "splicing"} <= {*facts.offers}
        assert facts.memory is not None
        assert 0 < facts.memory[0] <= facts.memory[1]
    json.dumps(asdict(facts))


def test_a_backend_that_is_not_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_BACKEND", "carrier pigeon")
    facts = look_at_machine()
    assert (facts.backend, facts.forced_backend) == (None, "carrier pigeon")


@pytest.mark.parametrize("is_bad", [False, True])
def test_it_says_so(
    is_bad: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = replace(GOOD, descriptors=(256, 65_536)) if is_bad else GOOD
    monkeypatch.setattr("trunkline.cli.doctor.facts.look_at_machine", lambda: facts)
    status = ExitStatus.FAILED if is_bad else ExitStatus.DONE
    assert main(["doctor"]) == status
    lines = capsys.readouterr().out.splitlines()
    verdict = "bad " if is_bad else "good"
    assert any(line.startswith(f"{verdict}  descriptors        ") for line in lines)
    assert (
        any(line.startswith("descriptors: each connection takes one") for line in lines) == is_bad
    )
    assert main(["doctor", "--json"]) == status
    told = json.loads(capsys.readouterr().out)
    assert told["facts"]["system"] == "Linux 6.1"
    assert {each["verdict"] for each in told["findings"]} == (
        {"good", "bad"} if is_bad else {"good"}
    )
