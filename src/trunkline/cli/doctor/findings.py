"""What the facts of a machine mean for who runs servers and clients on it, and what to do."""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from ...sockets.listening_socket import DEFAULT_BACKLOG
from ..sizes import amount
from .facts import Facts

__all__ = ("Finding", "Verdict", "findings")

Verdict: TypeAlias = Literal["good", "note", "bad"]
"""How something is: good; worth to know, for it may bite some day; or bad."""

MANY = 4096  # connections, of which a small server may well have as many
FEW = 1024
_MIB = 1 << 20
_UNLIMITED = 1 << 40  # descriptors


class Finding(NamedTuple):
    """Something about the machine.

    Attributes:
        what: What was looked at.
        found: What it is like.
        verdict: How that is.
        advice: What to do about it; "" for nothing.
    """

    what: str
    found: str
    verdict: Verdict = "good"
    advice: str = ""


def findings(facts: Facts) -> list[Finding]:
    """Return what there is to say, in the order in which to read it."""
    return [
        Finding("system", facts.system),
        Finding("Python", facts.python),
        _backend(facts),
        Finding("kernel offers", ", ".join(facts.offers) or "nothing besides"),
        *_descriptors(facts),
        *_backlog(facts),
        *_ports(facts),
        *_memory(facts),
        _ipv6(facts),
        *_tls(facts),
        _resolver(facts),
        *_packages(facts),
    ]


def _backend(facts: Facts) -> Finding:
    there = ", ".join(facts.backends)
    if facts.backend is None:
        advice = f"unset TRUNKLINE_BACKEND, or set it to one of {there}"
        return Finding("backend", f"no {facts.forced_backend} here", "bad", advice)
    if facts.backend == facts.backends[0]:
        why = "the best one" if len(facts.backends) > 1 else "the only one"
        return Finding("backend", f"{facts.backend}, {why} of {there}")
    advice = f"unset TRUNKLINE_BACKEND to have {facts.backends[0]}"
    verdict: Verdict = "bad" if facts.backend == "select" else "note"
    found = f"{facts.backend}, because TRUNKLINE_BACKEND says so"
    if facts.backend == "select":
        found += "; it knows 1,024 descriptors"
    return Finding("backend", found, verdict, advice)


def _descriptors(facts: Facts) -> Iterator[Finding]:
    if facts.descriptors is None:
        return
    soft, hard = facts.descriptors
    most = "any number" if hard >= _UNLIMITED else f"{hard:,}"
    found = f"{soft:,} for a process, which may ask for {most}"
    if soft >= _UNLIMITED:
        found = "any number"
    if soft >= MANY:
        yield Finding("descriptors", found)
        return
    advice = "each connection takes one: `ulimit -n 65536` before a server, or LimitNOFILE="
    if hard < MANY:
        advice += "; the hard limit is root's to raise, in limits.conf(5)"
    yield Finding("descriptors", found, "bad" if soft < FEW else "note", advice)


def _backlog(facts: Facts) -> Iterator[Finding]:
    if facts.backlog is not None:
        found = f"up to {facts.backlog:,} connections wait to be accepted"
        if facts.backlog < DEFAULT_BACKLOG:
            advice = f"`sysctl net.core.somaxconn={MANY}`, or bursts of clients have to come again"
            yield Finding("backlog", found, "note", advice)
        else:
            yield Finding("backlog", found)
    if facts.syn_cookies is False:
        advice = "`sysctl net.ipv4.tcp_syncookies=1`, or a flood of SYNs keeps everybody out"
        yield Finding("SYN cookies", "off", "note", advice)


def _ports(facts: Facts) -> Iterator[Finding]:
    if facts.ports is not None:
        first, last = facts.ports
        count = last - first + 1
        found = f"{count:,} for connections from here to one server, {first} to {last}"
        if count < 10_000:
            advice = "`sysctl net.ipv4.ip_local_port_range='32768 60999'`, or a proxy runs out"
            yield Finding("ports", found, "note", advice)
        else:
            yield Finding("ports", found)
    if facts.first_free_port is not None:
        yield Finding("ports for anybody", f"{facts.first_free_port} and up")


def _memory(facts: Facts) -> Iterator[Finding]:
    if facts.memory is None:
        return
    available, total = facts.memory
    found = f"{amount(available)} available of {amount(total)}"
    least = available
    if facts.memory_limit is not None:
        found += f", limited to {amount(facts.memory_limit)}"
        least = min(least, facts.memory_limit)
    if least >= 256 * _MIB:
        yield Finding("memory", found)
        return
    advice = "a connection may queue 64 KiB and more: limit max_connections to what fits"
    yield Finding("memory", found, "bad" if least < 32 * _MIB else "note", advice)


def _ipv6(facts: Facts) -> Finding:
    if facts.ipv6:
        return Finding("IPv6", "there are addresses of it")
    if facts.ipv6 is None:
        advice = "servers listen at IPv4 only; a listener at :: fails"
        return Finding("IPv6", "no interface has an address of it", "note", advice)
    return Finding("IPv6", "only within this machine", "note", "clients will use IPv4")


def _tls(facts: Facts) -> Iterator[Finding]:
    tls = facts.tls
    if tls.has_tls13:
        yield Finding("TLS", tls.version)
    else:
        advice = "a Python with a newer OpenSSL speaks TLS 1.3"
        yield Finding("TLS", f"{tls.version}, without TLS 1.3", "note", advice)
    if tls.authorities:
        yield Finding("authorities", f"{tls.authorities} are believed")
    else:
        where = " or ".join(tls.places)
        advice = "install ca-certificates, or say which: --ca, TLS(authorities=…)"
        yield Finding("authorities", f"nobody is believed: none in {where}", "bad", advice)


def _resolver(facts: Facts) -> Finding:
    servers = ", ".join(facts.name_servers)
    if not facts.has_resolver_config:
        advice = "write /etc/resolv.conf, unless a name server runs on this machine"
        return Finding("name servers", f"{servers}, for nobody has said any", "note", advice)
    search = f"; searches {', '.join(facts.search)}" if facts.search else ""
    return Finding("name servers", servers + search)


def _packages(facts: Facts) -> Iterator[Finding]:
    there = [f"{name} {found}" for name, found in facts.packages.items() if found is not None]
    yield Finding("packages", ", ".join(there))
