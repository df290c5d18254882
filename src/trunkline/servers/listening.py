"""Where one socket is to listen, said as LispWorks says it: a service, an address, and `ipv6`."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal, TypeAlias

from ..addresses import (
    IPV4_LOOPBACK,
    IPV4_UNSPECIFIED,
    IPV6_LOOPBACK,
    IPV6_UNSPECIFIED,
    AddressLike,
    IPAddress,
    map_ipv4_address_to_ipv6,
)
from ..errors import AddressFamilyNotSupported, AddressNotAvailable
from ..sockets.families import InternetFamily
from ..sockets.make_socket import make_socket
from ..sockets.names import check_port
from ..sockets.passive_socket import PassiveSocket
from ..sockets.resolving import Resolver, literal_address, lookup_hostname

__all__ = ("IPV6_CHOICES", "IPv6Choice", "ListeningPlace", "check_ipv6", "check_literal")

IPv6Choice: TypeAlias = Literal["any", "both"] | bool | None

IPV6_CHOICES: tuple[IPv6Choice, ...] = ("any", "both", True, False, None)

# What a machine says that does not have a family, or not that address of it.
_NOT_HERE = (AddressFamilyNotSupported, AddressNotAvailable)


class ListeningPlace:
    """A place for one socket to listen at.

    Args:
        service: A port, or a service's name; None lets the system choose.
        address: An address or a name of this machine; None is all of its addresses.
        ipv6: What text, and None, may become: False or None is IPv4; True is IPv6, and takes no
            IPv4 connections; ``"any"`` is the first of both that this machine has; ``"both"`` is
            IPv6, and takes IPv4 connections.
        loopback_only: None is the loopback address, and all other addresses are mistakes.
        resolver: Who looks a name up; None is the system's resolver.
        **options: Further options of `make_socket`.

    Raises:
        TypeError, ValueError: An argument is none of those that it can be.
    """

    def __init__(
        self,
        service: int | str | None,
        address: AddressLike | None,
        ipv6: IPv6Choice,
        *,
        loopback_only: bool = False,
        resolver: Resolver | None = None,
        **options: Any,
    ) -> None:
        self._port = 0 if service is None else check_port(service)
        self._ipv6 = check_ipv6(ipv6, IPV6_CHOICES)
        self._address = address
        self._loopback_only = loopback_only
        self._resolver = resolver
        self._options = options
        self._found = self._without_looking_up()

    def _without_looking_up(self) -> list[IPAddress] | None:
        """Return the addresses to try; None if that takes a resolver."""
        if self._address is None:
            return self._checked(self._default_addresses())
        literal = literal_address(self._address)
        if literal is None:
            return None
        if isinstance(self._address, str):
            literal = check_literal(literal, self._ipv6)
        return self._checked([literal])

    def _default_addresses(self) -> list[IPAddress]:
        if not self._loopback_only:
            both: list[IPAddress] = [IPV4_UNSPECIFIED, IPV6_UNSPECIFIED]
        elif self._ipv6 == "both":
            raise ValueError("no loopback address takes both IPv4 and IPv6: name one")
        else:
            both = [IPV4_LOOPBACK, IPV6_LOOPBACK]
        if self._ipv6 == "any":
            return both
        return both[1:] if self._ipv6 else both[:1]

    def _look_up(self) -> list[IPAddress]:
        families: dict[IPv6Choice, InternetFamily] = {"any": "internet"}
        family = families.get(self._ipv6, "ipv6" if self._ipv6 else "ipv4")
        found = lookup_hostname(str(self._address), family=family, resolver=self._resolver)
        return self._checked([found.address, *found.addresses])

    def _checked(self, addresses: list[IPAddress]) -> list[IPAddress]:
        for address in addresses:
            if self._loopback_only and not _is_loopback(address):
                raise ValueError(f"{address} can be reached from other machines")
        return addresses

    def open(self, port: int | None = None) -> PassiveSocket:
        """Return a socket that listens there.

        Args:
            port: Another port than that of the service.

        Raises:
            NoName, ResolverError: The address is a name, and cannot be looked up.
            AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: It cannot listen.
            ValueError: The name is one of an address that is a mistake.
        """
        addresses = self._look_up() if self._found is None else self._found
        at = self._port if port is None else port
        *others, last = addresses
        for address in others:
            try:
                return self._open(address, at)
            except _NOT_HERE:
                continue
        return self._open(last, at)

    def _open(self, address: IPAddress, port: int) -> PassiveSocket:
        options = dict(self._options)
        if address.version == 6:
            options["v6_only"] = self._ipv6 != "both"
        return make_socket(connect="passive", local_host=address, local_port=port, **options)


def check_ipv6(ipv6: IPv6Choice, choices: tuple[IPv6Choice, ...]) -> IPv6Choice:
    """Return a choice of families; raise `ValueError` if it is none of these."""
    # In Python, 1 is True.
    if ipv6 not in choices or (isinstance(ipv6, int | float) and not isinstance(ipv6, bool)):
        raise ValueError(f"ipv6 is one of {', '.join(map(repr, choices))}, not {ipv6!r}")
    return ipv6


def check_literal(address: IPAddress, ipv6: IPv6Choice) -> IPAddress:
    """Return an address that was given as text, in the family that was chosen.

    Raises:
        ValueError: It is of the other family.
    """
    if isinstance(address, IPv4Address) and ipv6 == "both":
        return map_ipv4_address_to_ipv6(address)
    if ipv6 != "any" and isinstance(address, IPv6Address) is not bool(ipv6):
        wanted = "IPv6" if ipv6 else "IPv4"
        raise ValueError(f"{address} is not of {wanted}, which ipv6={ipv6!r} asks for")
    return address


def _is_loopback(address: IPAddress) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
