"""Looking at the machine: what it offers, and what it limits."""

import os
import platform
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..._sys.backends import BACKEND_VARIABLE
from ..._sys.option_constants import constant
from ...errors import SocketError
from ...multiplex import EventBase, available_backends
from ...names import if_addresses, machine_resolver
from ...tls.library import TLSLibrary, tls_library

__all__ = ("Facts", "look_at_machine")

PACKAGES = ("click", "rich", "idna", "prometheus_client", "trustme")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a machine is like. None stands for what cannot be found out here.

    Attributes:
        python: The version of Python, and which one it is.
        system: The system, and its version.
        packages: The versions of what comes with extras, and of what is needed.
        backends: The multiplexers that there are, the best first.
        backend: The one that is used.
        forced_backend: The one that the environment asks for.
        offers: What the kernel can do that not all can.
        descriptors: How many descriptors the process may have; and how many it may ask for.
        backlog: How many connections may wait to be accepted.
        syn_cookies: Whether the kernel answers more clients than it can remember.
        ports: The first and the last of the ports for connections from here.
        first_free_port: The first port that anybody may listen at.
        memory: How many bytes are available; and how many there are.
        memory_limit: How many bytes this process and its like may have together.
        ipv6: Whether there is an address of IPv6 that leads further than to this machine; None if
            there is none at all.
        tls: The TLS of this Python.
        name_servers: Whom the machine asks for names.
        search: The domains in which it looks for short names.
        has_resolver_config: Whether it has been told so.
    """

    python: str
    system: str
    packages: dict[str, str | None]
    backends: tuple[str, ...]
    backend: str | None
    forced_backend: str | None
    offers: tuple[str, ...]
    descriptors: tuple[int, int] | None
    backlog: int | None
    syn_cookies: bool | None
    ports: tuple[int, int] | None
    first_free_port: int | None
    memory: tuple[int, int] | None
    memory_limit: int | None
    ipv6: bool | None
    tls: TLSLibrary
    name_servers: tuple[str, ...]
    search: tuple[str, ...]
    has_resolver_config: bool


def look_at_machine() -> Facts:
    """Return what this machine is like."""
    resolver = machine_resolver().config
    ports = _numbers("/proc/sys/net/ipv4/ip_local_port_range")
    cookies = _number("/proc/sys/net/ipv4/tcp_syncookies")
    return Facts(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()}",
        packages={name: _version(name) for name in PACKAGES},
        backends=available_backends(),
        backend=_backend(),
        forced_backend=os.environ.get(BACKEND_VARIABLE) or None,
        offers=tuple(name for name, is_there in OFFERS.items() if is_there()),
        descriptors=_descriptors(),
        backlog=_number("/proc/sys/net/core/somaxconn"),
        syn_cookies=None if cookies is None else cookies > 0,
        ports=(ports[0], ports[1]) if len(ports) == 2 else None,
        first_free_port=_number("/proc/sys/net/ipv4/ip_unprivileged_port_start"),
        memory=_memory(),
        memory_limit=_number("/sys/fs/cgroup/memory.max"),
        ipv6=_ipv6(),
        tls=tls_library(),
        name_servers=tuple(map(str, resolver.servers)),
        search=resolver.search,
        has_resolver_config=Path("/etc/resolv.conf").exists(),
    )


def _has_option(name: str) -> Callable[[], bool]:
    return lambda: constant(name) is not None


def _opens_without_asking() -> bool:
    """Whether a server may take what comes with the first packet of a client (RFC 7413)."""
    bits = _number("/proc/sys/net/ipv4/tcp_fastopen")
    return bits is not None and bits & 2 > 0


OFFERS: dict[str, Callable[[], bool]] = {
    "shared ports": _has_option("SO_REUSEPORT"),
    "TCP facts": _has_option("TCP_INFO"),
    "user timeouts": _has_option("TCP_USER_TIMEOUT"),
    "fast open": _opens_without_asking,
    "sending files": lambda: hasattr(os, "sendfile"),
    "splicing": lambda: sys.platform == "linux",
    "abstract names": lambda: sys.platform == "linux",
    "watching processes": lambda: hasattr(os, "pidfd_open"),
}
"""What not every kernel does, and how to find out."""


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(package)
    return None


def _backend() -> str | None:
    """Return what is really used; None if the environment asks for what is not there."""
    try:
        with EventBase() as event_base:
            return event_base.statistics().backend
    except ValueError:
        return None


def _numbers(path: str) -> list[int]:
    with suppress(OSError, ValueError):
        return [int(word) for word in Path(path).read_text(encoding="ascii").split()]
    return []


def _number(path: str) -> int | None:
    return next(iter(_numbers(path)), None)


def _descriptors() -> tuple[int, int] | None:
    try:
        import resource
    except ImportError:  # there is no POSIX
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = sys.maxsize
    return tuple(most if each == resource.RLIM_INFINITY else each for each in (soft, hard))  # type: ignore[return-value]


def _memory() -> tuple[int, int] | None:
    with suppress(OSError, KeyError):
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        sizes = {
            name: int(size) << 10 for name, size in re.findall(r"^(\w+): +(\d+) kB", text, re.M)
        }
        return sizes["MemAvailable"], sizes["MemTotal"]
    return None


def _ipv6() -> bool | None:
    with suppress(SocketError):
        found = [each for each in if_addresses() if each.address.version == 6]
        if found:
            return any(not (each.is_loopback or each.address.is_link_local) for each in found)
    return None
