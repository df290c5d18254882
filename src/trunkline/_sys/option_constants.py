"""The numbers of socket options and of their levels, by the names that the system has for them."""

import os
import socket
import sys

__all__ = ("constant",)

# What CPython's `socket` lacks, though Linux has it: the constants of <linux/in.h>, <linux/in6.h>,
# <linux/tcp.h> and <linux/udp.h>, which are the same on every machine.
_LINUX = {
    "SOL_RAW": 255,
    "IPPROTO_ICMPV6": 58,
    "ICMP_FILTER": 1,
    "ICMP6_FILTER": 1,
    "IPV6_FREEBIND": 78,
    "IPV6_HDRINCL": 36,
    "IPV6_MINHOPCOUNT": 73,
    "IPV6_MTU": 24,
    "IPV6_MTU_DISCOVER": 23,
    "IPV6_MULTICAST_ALL": 29,
    "IPV6_RECVERR": 25,
    "IPV6_TRANSPARENT": 75,
    "IP_BIND_ADDRESS_NO_PORT": 24,
    "IP_FREEBIND": 15,
    "IP_MINTTL": 21,
    "IP_MTU": 14,
    "IP_MTU_DISCOVER": 10,
    "IP_MULTICAST_ALL": 49,
    "IP_PKTINFO": 8,
    "IP_RECVERR": 11,
    "IP_TRANSPARENT": 19,
    "TCP_FASTOPEN_CONNECT": 30,
    "TCP_FASTOPEN_NO_COOKIE": 34,
    "TCP_RTO_MAX_MS": 44,
    "TCP_SAVE_SYN": 27,
    "TCP_THIN_LINEAR_TIMEOUTS": 16,
    "UDP_SEGMENT": 103,
}

# Those of <asm-generic/socket.h>, which nearly all machines have.
_GENERIC_LINUX = {
    "SO_BUSY_POLL": 46,
    "SO_COOKIE": 57,
    "SO_INCOMING_CPU": 49,
    "SO_MAX_PACING_RATE": 47,
    "SO_PREFER_BUSY_POLL": 69,
    "SO_RCVBUFFORCE": 33,
    "SO_SNDBUFFORCE": 32,
    "SO_ZEROCOPY": 60,
}
_NOT_GENERIC = ("parisc", "sparc")

_MACOS = {"TCP_KEEPIDLE": 0x10}  # which it calls TCP_KEEPALIVE


def _missing_constants() -> dict[str, int]:
    if sys.platform == "darwin":
        return _MACOS
    if sys.platform != "linux":
        return {}
    is_generic = not os.uname().machine.startswith(_NOT_GENERIC)
    return {**_LINUX, **_GENERIC_LINUX} if is_generic else _LINUX


_missing: dict[str, int] | None = None


def constant(name: str) -> int | None:
    """Return a constant of the system's, like ``"SO_KEEPALIVE"``, or None if it has no such."""
    global _missing
    value = getattr(socket, name, None)
    if value is None:
        if _missing is None:
            _missing = _missing_constants()
        value = _missing.get(name)
    return None if value is None else int(value)
