"""TARGET: how one writes, in one word, what to connect to; `FORMS` has the ways to.

Nothing is looked up here. What can be none is told at once, and so is how to write what was meant.
"""

import re
from dataclasses import dataclass, replace
from ipaddress import IPv6Address
from typing import Literal, TypeAlias

from ..addresses import IPAddress, LocalAddress

__all__ = ("FORMS", "PLACES", "BadTarget", "Kind", "Target", "parse_place", "parse_target")

FORMS: tuple[tuple[str, str], ...] = (
    ("host:port", "TCP, to a name or an address. A port is a number or a service's name."),
    ("[v6]:port", "The same to an IPv6 address, perhaps with a zone: [fe80::1%eth0]:80."),
    ("unix:path", "A local socket."),
    ("abstract:name", "The same, by its name in Linux's abstract namespace."),
    ("udp:host:port", "Datagrams."),
    ("tls:host:port", "TLS. It goes before unix:, abstract: and srv:, too."),
    ("srv:service.name", "Where a domain has a service, like srv:imaps.example.org."),
)
"""The ways to write a target, and what each means."""

PLACES: tuple[tuple[str, str], ...] = (
    ("port", "That port of this machine, for itself only: 9999 is localhost:9999."),
    ("host:port", "An address of this machine, or its name; [v6]:port is one, too."),
    ("*:port", "Every address that this machine has."),
    ("unix:path", "A local socket."),
    ("abstract:name", "The same, by its name in Linux's abstract namespace."),
)
"""The ways to write where to listen, and what each means. Port 0 is any that is free."""

Kind: TypeAlias = Literal["tcp", "udp", "local", "service"]

_PREFIX = re.compile(r"(tcp|udp|tls|unix|abstract|srv):", re.IGNORECASE)
_SERVICE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE)  # RFC 6335, section 5.1
_PORTS = re.compile("[0-9]+-[0-9]+")
_HIGHEST_PORT = 65_535


class BadTarget(ValueError):
    """What was written is no target; the text says why, and what was meant."""


@dataclass(frozen=True)
class Target:
    """What to connect to.

    Attributes:
        kind: ``"tcp"``, ``"udp"``, ``"local"`` or ``"service"``.
        host: The name or the address, for ``"tcp"`` and ``"udp"``; the domain of a service.
        port: The number, or the name of what has it; the name of the service.
        address: The address of a local socket.
        tls: Whether to speak TLS.
    """

    kind: Kind
    host: str | IPAddress = ""
    port: int | str = 0
    address: LocalAddress | None = None
    tls: bool = False

    def __str__(self) -> str:
        prefix = "tls:" if self.tls else ""
        if self.kind == "local":
            assert self.address is not None
            space = "abstract" if self.address.abstract else "unix"
            return f"{prefix}{space}:{str(self.address).removeprefix('@')}"
        if self.kind == "service":
            return f"{prefix}srv:{self.port}.{self.host}"
        host = f"[{self.host}]" if ":" in str(self.host) else str(self.host)
        return f"{prefix}{'udp:' if self.kind == 'udp' else ''}{host}:{self.port}"


def parse_target(text: str, port: str | None = None) -> Target:
    """Return what a word means, or two words: a host and its port, as for `nc`.

    Args:
        text: The word; the host, if there are two.
        port: The second word.

    Raises:
        BadTarget: It means nothing.
    """
    found = _PREFIX.match(text)
    prefix, rest = (found[1].lower(), text[found.end() :]) if found else ("", text)
    if prefix == "tls":
        target = parse_target(rest, port)
        if target.tls or target.kind == "udp":
            raise BadTarget(f"{text!r}: TLS is for connections, once: tls:host:port")
        return replace(target, tls=True)
    if prefix in ("unix", "abstract", "srv") and port is not None:
        raise BadTarget(f"{text!r} is a whole target, and needs no port beside it: {port!r}")
    if prefix in ("unix", "abstract"):
        return Target("local", address=_local_address(text, rest, abstract=prefix == "abstract"))
    if prefix == "srv":
        return _service(text, rest)
    try:
        return _internet(text, rest, port, "udp" if prefix == "udp" else "tcp")
    except BadTarget:
        from .as_usual import TARGETS  # here, since few have use for it

        word = text.partition(":")[0].lower()
        if word not in TARGETS:
            raise
        raise BadTarget(f"{text!r}: write {TARGETS[word]}") from None


def parse_place(text: str) -> Target:
    """Return where to listen.

    Raises:
        BadTarget: It can be nowhere.
    """
    if text.isascii() and text.isdecimal():
        return Target("tcp", "localhost", _check_port(text, text, least=0))
    host, colon, port = text.partition(":")
    if colon and host in ("*", ""):
        return Target("tcp", "*", _check_port(text, port, least=0))
    if text.endswith(":0"):
        return replace(parse_place(f"{text[:-1]}1"), port=0)
    target = parse_target(text)
    if target.tls:
        raise BadTarget(f"{text!r}: to speak TLS, say which certificate: --tls-cert")
    if target.kind not in ("tcp", "local"):
        raise BadTarget(f"{text!r} is nowhere to listen: host:port is, or unix:path")
    return target


def _local_address(text: str, path: str, *, abstract: bool) -> LocalAddress:
    if not path:
        what = "name" if abstract else "path"
        raise BadTarget(f"{text!r} has no {what} behind the colon")
    try:
        return LocalAddress(path, abstract=abstract)
    except ValueError as error:
        raise BadTarget(f"{text!r}: {error}") from None


def _service(text: str, name: str) -> Target:
    """Take ``service.domain`` apart, or ``_service._tcp.domain``, as it stands in the DNS."""
    service, _, domain = name.partition(".")
    if service.startswith("_"):
        protocol, _, domain = domain.partition(".")
        service = service[1:]
        if protocol != "_tcp":
            raise BadTarget(f"{text!r} is no service that is spoken over TCP")
    if not domain or not _SERVICE.fullmatch(service):
        raise BadTarget(f"{text!r} is not srv:service.domain, like srv:xmpp-client.example.org")
    _check_host(text, domain)
    return Target("service", domain, service)


def _internet(text: str, rest: str, port: str | None, kind: Kind) -> Target:
    if "//" in rest:
        raise BadTarget(f"{text!r} is a URL: write its host and port, like example.org:443")
    if port is None:
        host, port = _host_and_port(text, rest)
    else:
        host = rest.removeprefix("[").removesuffix("]")
    return Target(kind, _check_host(text, host), _check_port(text, port))


def _host_and_port(text: str, rest: str) -> tuple[str, str]:
    if not rest:
        raise BadTarget("a target is host:port, [v6]:port, unix:path, … ; this one is empty")
    if rest.startswith("["):
        host, bracket, behind = rest[1:].partition("]")
        if not bracket or not behind.startswith(":"):
            raise BadTarget(f"{text!r} is not [address]:port")
        return host, behind[1:]
    host, colon, port = rest.rpartition(":")
    if not colon:
        hint = f"{rest}:port"
        if "/" in rest:
            hint = f"unix:{rest}"
        elif rest.isdecimal():
            hint = f"localhost:{rest}"
        raise BadTarget(f"{text!r} has no port: write {hint}")
    if ":" in host:
        raise BadTarget(
            f"{text!r} has several colons: an IPv6 address stands in brackets, [address]:port"
        )
    return host, port


def _check_host(text: str, host: str) -> str | IPAddress:
    if "/" in host:
        raise BadTarget(f"{text!r} has a path for a host: write unix:path")
    from ..sockets.resolving import literal_address  # here, since help has no use for it

    try:
        address = literal_address(host)
    except ValueError as error:
        raise BadTarget(f"{text!r}: {error}") from None
    if isinstance(address, IPv6Address) and address.is_link_local and address.scope_id is None:
        raise BadTarget(f"{text!r} may be in any network: say in which one, like {host}%eth0")
    return address or host


def _check_port(text: str, port: str, *, least: int = 1) -> int | str:
    if port.isascii() and port.isdecimal():
        if not least <= int(port[:6]) <= _HIGHEST_PORT:
            raise BadTarget(
                f"{text!r}: a port is a number from {least} to {_HIGHEST_PORT}, not {port}"
            )
        return int(port)
    if _PORTS.fullmatch(port):
        raise BadTarget(f"{text!r}: one port at a time, and not {port}")
    if not _SERVICE.fullmatch(port):
        raise BadTarget(f"{text!r}: a port is a number or the name of a service, not {port!r}")
    return port
