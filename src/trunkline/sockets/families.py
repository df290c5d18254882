"""The address families under the names that Trunkline has for them."""

from typing import Literal, TypeAlias

from .._sys.sockaddr import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, ANY_FAMILY

__all__ = ("AddressFamily", "InternetFamily", "family_label", "family_number")

InternetFamily: TypeAlias = Literal["internet", "ipv4", "ipv6"]
"""``"internet"`` is either of the two."""
AddressFamily: TypeAlias = Literal["internet", "ipv4", "ipv6", "local"]

_LABELS = {AF_INET: "IPv4", AF_INET6: "IPv6"}
if AF_UNIX is not None:
    _LABELS[AF_UNIX] = "local"
if AF_NETLINK is not None:
    _LABELS[AF_NETLINK] = "netlink"

_NUMBERS = {
    "internet": ANY_FAMILY,
    "ipv4": AF_INET,
    "ipv6": AF_INET6,
}


def family_label(number: int) -> str:
    """Return what an ``AF_`` constant is called in a `repr`."""
    return _LABELS.get(number, str(number))


def family_number(family: InternetFamily) -> int:
    """Return the ``AF_`` constant of an internet family; ``"internet"`` is ``AF_UNSPEC``.

    Raises:
        ValueError: There is no such family.
    """
    try:
        return _NUMBERS[family]
    except (KeyError, TypeError):
        raise ValueError(f"the family is one of {', '.join(_NUMBERS)}, not {family!r}") from None
