"""Which of a host's addresses to try first: destination address selection of RFC 6724, section 6.

What depends on the addresses of this machine is told by the caller. Of those rules that need to
know more of them than which one would be used, nothing is here; nor is the one that prefers what
has more bits in common, since by the order of its answers a name server spreads the load.
"""

from collections.abc import Callable, Hashable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import TypeAlias

__all__ = ("IPAddress", "in_order")

IPAddress: TypeAlias = IPv4Address | IPv6Address

# Section 2.1: prefix, precedence, label; the longest prefix that fits counts.
_POLICIES = [
    (int(IPv6Network(prefix).network_address), 128 - IPv6Network(prefix).prefixlen, *values)
    for prefix, *values in (
        ("::1/128", 50, 0),
        ("::ffff:0:0/96", 35, 4),
        ("::/96", 1, 3),
        ("2001::/32", 5, 5),
        ("2002::/16", 30, 2),
        ("3ffe::/16", 1, 12),
        ("fec0::/10", 1, 11),
        ("fc00::/7", 3, 13),
        ("::/0", 40, 1),
    )
]

_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 0x2, 0x5, 0xE  # scopes (RFC 4291, section 2.7)


def in_order(
    addresses: Iterable[IPAddress], source_of: Callable[[IPAddress], IPAddress | None]
) -> tuple[IPAddress, ...]:
    """Return the addresses, those first that are likely to be reached best.

    Those of which nothing better is known than of the others keep their places.

    Args:
        addresses: The addresses of a host.
        source_of: Returns the address of this machine that would be used to reach one, or None if
            there is no way. It is asked once for all that cannot be told apart.
    """
    wanted = tuple(addresses)
    kinds = [(each.version, _scope(each), *_policy(each)) for each in wanted]
    if len({*kinds}) < 2:
        return wanted
    ranks: dict[Hashable, tuple[bool, bool, bool, int, int]] = {}
    for address, kind in zip(wanted, kinds, strict=True):
        if kind not in ranks:
            ranks[kind] = _rank(address, source_of(address))
    order = sorted(range(len(wanted)), key=lambda index: ranks[kinds[index]])
    return tuple(wanted[index] for index in order)


def _rank(address: IPAddress, source: IPAddress | None) -> tuple[bool, bool, bool, int, int]:
    """Return what is smaller for a better address: the rules 1, 2, 5, 6 and 8."""
    scope, (precedence, label) = _scope(address), _policy(address)
    if source is None:
        return True, True, True, -precedence, scope
    return False, scope != _scope(source), label != _policy(source)[1], -precedence, scope


def _policy(address: IPAddress) -> tuple[int, int]:
    """Return the precedence of an address, and its label."""
    value = _as_ipv6(address)
    for prefix, rest, precedence, label in _POLICIES:
        if (value ^ prefix) >> rest == 0:
            return precedence, label
    raise AssertionError("the last prefix fits everything")


def _as_ipv6(address: IPAddress) -> int:
    return int(address) | 0xFFFF << 32 if address.version == 4 else int(address)


def _scope(address: IPAddress) -> int:
    if address.is_loopback or address.is_link_local:  # section 3.2
        return _LINK_LOCAL
    if isinstance(address, IPv6Address):
        if address.is_multicast:
            return address.packed[1] & 0xF
        if address.is_site_local:
            return _SITE_LOCAL
    return _GLOBAL
