"""Names of hosts: the protocol that whoever resolves them follows, the system's resolver, and
`lookup_hostname`.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple, Protocol

from .._core.deadline import Deadline
from .._core.dns_names import is_usual_name, labels_of_name
from .._core.host_text import to_ascii
from .._sys.clock import monotonic
from .._sys.host_names import addresses_of, name_of
from ..addresses import AddressLike, IPAddress, ensure_address
from ..errors import NoName, ResolverError
from .families import InternetFamily, family_number

__all__ = (
    "HostEntry",
    "Resolution",
    "Resolver",
    "SystemResolver",
    "ask_for_addresses",
    "ask_for_name",
    "check_family",
    "check_name",
    "check_resolution",
    "check_resolver",
    "ensure_hostname",
    "entry_of",
    "host_as_text",
    "literal_address",
    "lookup_hostname",
    "plain_error",
)


_LONGEST_ANSWER_SHOWN = 80

_NO_NAME = re.compile(r"[\s\0/%]")  # what is in no name of a host, though it may be in another one


class Resolution(NamedTuple):
    """What a resolver found out about a name.

    Attributes:
        addresses: At least one address, the best first.
        canonical_name: The host's official name, where the resolver knows it.
    """

    addresses: tuple[IPAddress, ...]
    canonical_name: str | None


class Resolver(Protocol):
    """Whoever finds the addresses of a host, and its name.

    One whose attribute `by_family` is true may be called by several threads at a time. Whoever
    connects then asks it for IPv6 and IPv4 at once, and does not wait for the slower answer.
    """

    def resolve(
        self, host: str, *, family: InternetFamily = "internet", timeout: float | None = None
    ) -> Resolution:
        """Return the addresses of a host.

        Raises:
            ResolverError: `NoName` where there are none, `TryAgain`, `ServerFailure`.
            TimedOut: It took longer than `timeout` seconds.
            ValueError: The text cannot be the name of a host.
        """

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        """Return the name of the host with an address; raises as `resolve` does."""


class SystemResolver:
    """The system's own resolver, getaddrinfo(3): hosts files, DNS, and what else it is set up for.

    With a timeout it works in a thread of its own, which is left behind when the time is up.

    Args:
        by_family: Whether connecting asks for IPv6 and IPv4 at the same time, in a thread each, and
            does not wait for the slower answer; see `Resolver`. It is not what the system does:
            where the table of hosts has only an IPv4 address, the IPv6 one comes from whoever is
            asked next.
    """

    by_family: bool = False

    def __init__(self, *, by_family: bool = False) -> None:
        if not isinstance(by_family, bool):
            raise TypeError(f"by_family is True or False, not {by_family!r}")
        self.by_family = by_family

    def resolve(
        self, host: str, *, family: InternetFamily = "internet", timeout: float | None = None
    ) -> Resolution:
        """See `Resolver.resolve`."""
        host = host_as_text(host)
        canonical_name, addresses = addresses_of(host, family_number(family), timeout)
        if not addresses:
            raise NoName(strerror="no address", operation="resolve", host=host)
        return Resolution(tuple(addresses), canonical_name)

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        """See `Resolver.reverse`."""
        return name_of(ensure_address(address), timeout)


def check_resolver(resolver: Resolver | None) -> Resolver:
    """Return a resolver, the system's if it is None.

    Raises:
        TypeError: It is no resolver, but for example the class of one.
    """
    if resolver is None:
        return SystemResolver()
    if isinstance(resolver, type):
        raise TypeError(f"resolver is an object, like {resolver.__name__}(), and not its class")
    if not callable(getattr(resolver, "resolve", None)):
        raise TypeError(f"{type(resolver).__name__} is no resolver: it has no method resolve")
    return resolver


class HostEntry(NamedTuple):
    """What `lookup_hostname` returns: four values, which can be unpacked.

    Attributes:
        address: The address to use.
        addresses: The further addresses of the host, if there are any.
        canonical_name: The host's official name, or None where it is not known.
        names: Pairs of each name of the host and the address that it belongs to.
    """

    address: IPAddress
    addresses: tuple[IPAddress, ...]
    canonical_name: str | None
    names: tuple[tuple[str, IPAddress], ...]


def lookup_hostname(
    host: AddressLike,
    *,
    family: InternetFamily = "internet",
    resolver: Resolver | None = None,
    timeout: float | None = None,
) -> HostEntry:
    """Look up the addresses of a host; or, given an address, the name of the host.

    To connect to a host by name, give the name to `make_socket` as `remote_host` instead: it tries
    all addresses.

    Args:
        host: A name, or an address in any form that `ensure_address` takes.
        family: Which addresses are wanted: ``"internet"`` for both families, ``"ipv4"``,
            ``"ipv6"``.
        resolver: Who looks it up; the system's resolver by default.
        timeout: Seconds for the whole call.

    Returns:
        A `HostEntry`. Given an address, it has that address; where no name belongs to it,
        `canonical_name` is None and `names` is empty.

    Raises:
        NoName: The name does not exist, or has no address of that family.
        TryAgain, ServerFailure, ResolverError: The resolver could not find out.
        TimedOut: The time is up.
        ValueError, TypeError: `host` is neither a name nor an address.
    """
    deadline = Deadline(timeout, monotonic)
    resolver = check_resolver(resolver)
    address = literal_address(host)
    if address is None:
        assert isinstance(host, str)
        found = ask_for_addresses(resolver, host, family=family, timeout=deadline.remaining())
        return entry_of((found.canonical_name, host), *found)
    check_family(address, family)
    try:
        name = ask_for_name(resolver, address, timeout=deadline.remaining())
    except NoName:
        name = None
    return entry_of((name,), (address,), name)


def entry_of(
    names: tuple[str | None, ...], addresses: tuple[IPAddress, ...], canonical_name: str | None
) -> HostEntry:
    """Return the entry of a host with these names, but for None, and addresses."""
    pairs = tuple((name, each) for name in dict.fromkeys(names) if name for each in addresses)
    return HostEntry(addresses[0], addresses[1:], canonical_name, pairs)


def ensure_hostname(
    host: AddressLike,
    *,
    family: InternetFamily = "internet",
    resolver: Resolver | None = None,
    timeout: float | None = None,
) -> IPAddress:
    """Return the address that a value stands for, looking it up only if it is a name.

    The arguments and errors are those of `lookup_hostname`.
    """
    resolver = check_resolver(resolver)
    address = literal_address(host)
    if address is None:
        return lookup_hostname(host, family=family, resolver=resolver, timeout=timeout)[0]
    check_family(address, family)
    return address


def ask_for_addresses(
    resolver: Resolver | None,
    host: str,
    *,
    family: InternetFamily = "internet",
    timeout: float | None = None,
) -> Resolution:
    """Ask a resolver, the system's by default, for the addresses of a host; see `Resolver.resolve`.

    Resolvers are written by others. Whatever an answer is, what is returned here is one.

    Raises:
        ResolverError: The answer is none; and all that the resolver raises.
    """
    answer = check_resolver(resolver).resolve(host, family=family, timeout=timeout)
    return check_resolution(answer, host, family)


def check_resolution(answer: Any, host: str, family: InternetFamily) -> Resolution:
    """Return what a resolver has answered, if it is an answer.

    Raises:
        ResolverError: It is none.
    """
    canonical_name = getattr(answer, "canonical_name", None)
    try:
        addresses = dict.fromkeys(map(_checked_address, answer.addresses))
    except (AttributeError, TypeError):
        raise _no_answer("resolve", host, answer) from None
    if family != "internet":
        addresses = {each: None for each in addresses if family == f"ipv{each.version}"}
    if not addresses:
        raise NoName(strerror="no address", operation="resolve", host=host)
    return Resolution(tuple(addresses), canonical_name if isinstance(canonical_name, str) else None)


def ask_for_name(
    resolver: Resolver | None, address: IPAddress, *, timeout: float | None = None
) -> str:
    """Ask a resolver, the system's by default, for the name of a host; see `ask_for_addresses`."""
    return check_name(check_resolver(resolver).reverse(address, timeout=timeout), address)


def check_name(answer: object, address: IPAddress) -> str:
    """Return what a resolver has answered, if it is a name.

    Raises:
        ResolverError: It is none.
    """
    if not isinstance(answer, str) or not answer:
        raise _no_answer("reverse", address, answer)
    return answer


def _checked_address(address: object) -> IPAddress:
    if not isinstance(address, (IPv4Address, IPv6Address)):
        raise TypeError
    return address


def plain_error(error: BaseException, operation: str, host: object) -> Exception:
    """Return what stands for whatever a resolver has raised beside whoever waits for it.

    Like asyncio's CancelledError, what is no `Exception` is not meant for anybody there.
    """
    if isinstance(error, Exception):
        return error
    failure = ResolverError(
        strerror=f"the resolver has raised {error!r}", operation=operation, host=host
    )
    failure.__cause__ = error
    return failure


def _no_answer(operation: str, host: object, answer: object) -> ResolverError:
    text = repr(answer)
    if len(text) > _LONGEST_ANSWER_SHOWN:
        text = f"{text[:_LONGEST_ANSWER_SHOWN]}…"
    return ResolverError(
        strerror=f"the resolver has returned {text}", operation=operation, host=host
    )


def literal_address(host: AddressLike) -> IPAddress | None:
    """Return the address that `host` is, or None if it is text that can only be a name.

    Raises:
        TypeError, ValueError: It can be neither.
    """
    if not isinstance(host, str):
        return ensure_address(host)
    if host[-1:].isalpha() and ":" not in host:  # as nearly all names, and no addresses
        _check_host_name(host)
        return None
    try:
        return ensure_address(host)
    except ValueError:
        _check_host_name(host)
        return None


def host_as_text(host: AddressLike) -> str:
    """Return a host's name or address as text.

    Raises:
        TypeError, ValueError: It can be neither.
    """
    address = literal_address(host)
    return host if isinstance(host, str) else str(address)


def _check_host_name(host: str) -> None:
    """Raise `ValueError` for what is meant to be an address, and is not, or can be no name."""
    if not host:
        raise ValueError("the name of a host cannot be empty")
    # The system's resolver would take "127.1" and "0x7f.1" for 127.0.0.1, and "1" for 0.0.0.1.
    plain = to_ascii(host)
    if ":" in plain or all(map(_is_numeric, plain.split("."))):
        raise ValueError(f"not an internet address: {host!r}")
    if is_usual_name(plain):
        return
    try:
        labels_of_name(plain)
        is_name = True
    except ValueError:
        is_name = False
    if not is_name or _NO_NAME.search(plain):
        raise ValueError(f"not the name of a host: {host!r}")


def _is_numeric(label: str) -> bool:
    """Return whether a part of a name is a decimal or hexadecimal number, or empty."""
    if label[:2] in ("0x", "0X") and len(label) > 2:
        return not label[2:].strip("0123456789abcdefABCDEF")
    return not label or label.isdecimal()


def check_family(address: IPAddress, family: InternetFamily) -> None:
    """Raise `NoName` if an address is of another family."""
    family_number(family)
    if family != "internet" and family != f"ipv{address.version}":
        raise NoName(
            strerror=f"not an IP{family[2:]} address",
            operation="resolve",
            host=address,
        )
