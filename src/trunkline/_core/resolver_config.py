"""How names are looked up here: whom to ask, how often, what to try besides (resolv.conf(5))."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..addresses import IPV4_LOOPBACK, Endpoint, ensure_address
from .dns_names import ROOT, is_absolute, key_of_name, labels_of_name, name_from_labels
from .host_text import to_ascii

__all__ = ("DNS_PORT", "ResolverConfig", "parse_resolver_config")

DNS_PORT = 53

# What resolv.conf(5) takes for the most, whatever a file says.
_MOST = {"ndots": 15, "timeout": 30, "attempts": 5}


@dataclass(frozen=True, slots=True)
class ResolverConfig:
    """What a resolver has been told.

    Attributes:
        servers: The name servers, in the order in which they are asked.
        search: The domains in which a short name is looked for.
        ndots: From how many dots on a name is looked up as it is, before it is looked for there.
        timeout: Seconds that a server has for an answer.
        attempts: How many times all servers are asked.
        rotate: Begin with another server each time.
        use_tcp: Ask by TCP at once.
    """

    servers: tuple[Endpoint, ...] = (Endpoint(IPV4_LOOPBACK, DNS_PORT),)
    search: tuple[str, ...] = ()
    ndots: int = 1
    timeout: float = 5.0
    attempts: int = 2
    rotate: bool = False
    use_tcp: bool = False

    def candidates(self, name: str) -> tuple[str, ...]:
        """Return the names to ask for, one after the other, where somebody wants this one.

        They are in the form in which names are compared. A dot at the end says that this one is
        whole.

        Raises:
            ValueError: It is no name.
        """
        plain = key_of_name(name)
        if not self.search or plain == ROOT or is_absolute(name):
            return (plain,)
        found = [f"{plain}.{domain}" if domain != ROOT else plain for domain in self.search]
        found = list(_keys_of_names(found))
        is_first = len(labels_of_name(plain)) > self.ndots
        return tuple(dict.fromkeys([plain, *found] if is_first else [*found, plain]))


def _keys_of_names(texts: Iterable[str]) -> Iterable[str]:
    """Yield the form in which names are compared of those that are names."""
    for text in texts:
        try:
            key = key_of_name(text)
        except ValueError:
            continue
        yield key


def parse_resolver_config(
    text: str, *, local_domain: str | None = None, options: str | None = None
) -> ResolverConfig:
    """Return what a resolv.conf says. What is malformed in it, or unknown, is as if it were not.

    Args:
        text: The file's text.
        local_domain: The environment's ``LOCALDOMAIN``, which stands for what the file searches.
        options: The environment's ``RES_OPTIONS``, which come after the file's.
    """
    servers: list[Endpoint] = []
    search: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    for line in text.splitlines():
        if line.startswith(("#", ";")):
            continue
        keyword, *values = line.split() or [""]
        if keyword == "nameserver" and values:
            servers += _servers(values[0])
        elif keyword in ("domain", "search"):
            search = _domains(values)
        elif keyword == "options":
            settings |= _settings(values)
    if local_domain is not None:
        search = _domains(local_domain.split())
    settings |= _settings((options or "").split())
    config = ResolverConfig(search=search, **settings)
    return replace(config, servers=tuple(servers)) if servers else config


def _servers(text: str) -> Iterable[Endpoint]:
    try:
        yield Endpoint(ensure_address(text), DNS_PORT)
    except ValueError:
        return


def _domains(texts: Iterable[str]) -> tuple[str, ...]:
    """Return those that are names, which may be in any script."""
    found = []
    for text in texts:
        try:
            found.append(name_from_labels(labels_of_name(to_ascii(text))))
        except ValueError:
            continue
    return tuple(found)


def _settings(texts: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition(":")
        if name in _MOST and value.isascii() and value.isdecimal():
            most = _MOST[name]
            number = min(int(value), most) if len(value) < 10 else most
            # Who gives no time, or makes no attempt, has never meant it.
            found[name] = number if name == "ndots" else max(1, number)
        elif text == "rotate":
            found["rotate"] = True
        elif text == "use-vc":
            found["use_tcp"] = True
    return found
