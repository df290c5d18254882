"""Which of a host's addresses to try first: destination address selection of RFC 6724, section 6.

What depends on the addresses of this machine is told by the caller. Of those rules that need to
know more of them than which one would be used, nothing is here; nor is the one that prefers what
has more bits in common, since by the order of its answers a name server spreads the load.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network
from typing import TypeAlias

from ..addresses import IPAddress

__all__ = ("AddressOrder",)

_Kind: TypeAlias = tuple[int, int, int, int]
"""The version of an address, its scope, its precedence and its label."""

_Rank: TypeAlias = tuple[bool, bool, bool, int, int]

_REMEMBERED = 1.0  # seconds

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

_IPV4_POLICY = (35, 4)  # as they are mapped to IPv6

_LINK_LOCAL, _SITE_LOCAL, _GLOBAL = 0x2, 0x5, 0xE  # scopes (RFC 4291, section 2.7)


class AddressOrder:
    """Puts addresses in the order in which they are likely to be reached best.

    Args:
        source_of: Returns the address of this machine that would be used to reach one, or None if
            there is no way. It is asked once for all that cannot be told apart, and not again for
            a second, in which many hosts may be looked up.
        clock: Tells the time.
    """

    def __init__(
        self, source_of: Callable[[IPAddress], IPAddress | None], clock: Callable[[], float]
    ) -> None:
        self._source_of = source_of
        self._clock = clock
        self._ranks: dict[_Kind, _Rank] = {}
        self._orders: dict[tuple[_Kind, ...], list[int]] = {}  # of addresses of these kinds
        self._end = 0.0  # of the time for which they are remembered

    def put(self, addresses: Iterable[IPAddress]) -> tuple[IPAddress, ...]:
        """Return the addresses in order; those that are alike keep theirs."""
        wanted = tuple(addresses)
        if len(wanted) < 2:
            return wanted
        kinds = tuple(map(_kind_of, wanted))
        if kinds.count(kinds[0]) == len(kinds):
            return wanted
        now = self._clock()
        if now >= self._end:
            self._ranks, self._orders, self._end = {}, {}, now + _REMEMBERED
        order = self._orders.get(kinds)
        if order is None:
            order = self._orders[kinds] = self._order_of(kinds, wanted)
        return tuple([wanted[index] for index in order])

    def _order_of(self, kinds: Sequence[_Kind], addresses: Sequence[IPAddress]) -> list[int]:
        """Return the indices of addresses of these kinds in order."""
        ranks = self._ranks
        for kind, address in zip(kinds, addresses, strict=True):
            if kind not in ranks:
                ranks[kind] = _rank(kind, self._source_of(address))
        of_each = [ranks[kind] for kind in kinds]
        return sorted(range(len(kinds)), key=of_each.__getitem__)


def _rank(kind: _Kind, source: IPAddress | None) -> _Rank:
    """Return what is smaller for a better address: the rules 1, 2, 5, 6 and 8."""
    _, scope, precedence, label = kind
    if source is None:
        return True, True, True, -precedence, scope
    _, source_scope, _, source_label = _kind_of(source)
    return False, scope != source_scope, label != source_label, -precedence, scope


def _kind_of(address: IPAddress) -> _Kind:
    value = int(address)
    if isinstance(address, IPv4Address):
        return _kind_of_ipv4(value >> 16)
    top = value >> 96 << 96
    return _kind_of_ipv6(top or value)


@lru_cache(256)
def _kind_of_ipv4(top: int) -> _Kind:
    """Return the kind of those with the same first half."""
    scope = _LINK_LOCAL if top >> 8 == 127 or top == 0xA9FE else _GLOBAL
    return 4, scope, *_IPV4_POLICY


@lru_cache(256)
def _kind_of_ipv6(value: int) -> _Kind:
    """Return the kind of an address; for all whose first 32 bits are alike it is the same, unless
    these are 0.
    """
    return 6, _scope(value), *_policy(value)


def _policy(value: int) -> tuple[int, int]:
    """Return the precedence of an address of IPv6, and its label."""
    for prefix, rest, precedence, label in _POLICIES:
        if (value ^ prefix) >> rest == 0:
            return precedence, label
    raise AssertionError("the last prefix fits everything")


def _scope(value: int) -> int:
    """Return how far an address of IPv6 is valid (section 3.1)."""
    top = value >> 112
    if top >= 0xFF00:  # multicast
        return top & 0xF
    if value == 1 or top & 0xFFC0 == 0xFE80:
        return _LINK_LOCAL
    return _SITE_LOCAL if top & 0xFFC0 == 0xFEC0 else _GLOBAL
