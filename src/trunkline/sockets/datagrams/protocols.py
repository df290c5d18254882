"""The protocols of raw sockets, by number and by name."""

from ..._core.counts import check_count
from ..._sys.netdb import find_protocol
from ..._sys.raw_descriptor import ICMP, ICMPV6
from ..._sys.sockaddr import AF_INET6

__all__ = ("icmp_of", "internet_protocol", "netlink_protocol")

# See netlink(7); the numbers are those of linux/netlink.h.
_NETLINK = {
    "route": 0,
    "usersock": 2,
    "sock_diag": 4,
    "nflog": 5,
    "xfrm": 6,
    "selinux": 7,
    "iscsi": 8,
    "audit": 9,
    "fib_lookup": 10,
    "connector": 11,
    "netfilter": 12,
    "dnrtmsg": 14,
    "kobject_uevent": 15,
    "generic": 16,
    "crypto": 21,
}


def icmp_of(family: int) -> int:
    """Return the number of a family's ICMP."""
    return ICMPV6 if family == AF_INET6 else ICMP


def internet_protocol(asked: int | str, family: int) -> int:
    """Return the number of an internet protocol; ``"icmp"`` is that of the family.

    Raises:
        TypeError: It is neither a number nor a name.
        ValueError: There is no such protocol.
    """
    if isinstance(asked, str):
        if asked == "icmp":
            return icmp_of(family)
        found = find_protocol(asked)
        if found is None:
            raise ValueError(f"there is no internet protocol of the name {asked!r}")
        return found.number
    return check_count("a protocol", asked, least=0, most=255)


def netlink_protocol(asked: int | str) -> int:
    """Return the number of a netlink protocol.

    Raises:
        TypeError, ValueError: As for `internet_protocol`.
    """
    if isinstance(asked, str):
        if asked not in _NETLINK:
            raise ValueError(
                f"a netlink protocol is one of {', '.join(_NETLINK)}, or a number, not {asked!r}"
            )
        return _NETLINK[asked]
    return check_count("a netlink protocol", asked, least=0, most=31)
