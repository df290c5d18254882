"""Addresses: what a socket is bound to, or connected to.

Internet addresses are the standard library's `ipaddress` objects, which decide what is valid and
how it prints (RFC 5952). This module adds what they lack: the addresses of local sockets and of
netlink sockets, a pair of address and port with a readable form, one function that makes an address
of whatever a caller has, and the well-known constants.
"""

import os
import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Literal, NamedTuple, TypeAlias, overload

from ._printable import printable

__all__ = (
    "IPV4_LOOPBACK",
    "IPV4_UNSPECIFIED",
    "IPV6_INTERFACE_LOCAL_ALL_NODES",
    "IPV6_INTERFACE_LOCAL_ALL_ROUTERS",
    "IPV6_LINK_LOCAL_ALL_NODES",
    "IPV6_LINK_LOCAL_ALL_ROUTERS",
    "IPV6_LOOPBACK",
    "IPV6_SITE_LOCAL_ALL_ROUTERS",
    "IPV6_UNSPECIFIED",
    "MAX_IPV4_VALUE",
    "Address",
    "AddressLike",
    "Endpoint",
    "IPAddress",
    "IPv4Address",
    "IPv6Address",
    "LocalAddress",
    "NetlinkAddress",
    "dotted_to_ipaddr",
    "ensure_address",
    "ipaddr_to_dotted",
    "map_ipv4_address_to_ipv6",
    "map_ipv6_address_to_ipv4",
)

IPAddress: TypeAlias = IPv4Address | IPv6Address

IPV4_UNSPECIFIED = IPv4Address("0.0.0.0")
IPV4_LOOPBACK = IPv4Address("127.0.0.1")
IPV6_UNSPECIFIED = IPv6Address("::")
IPV6_LOOPBACK = IPv6Address("::1")
IPV6_INTERFACE_LOCAL_ALL_NODES = IPv6Address("ff01::1")  # RFC 4291, section 2.7.1
IPV6_LINK_LOCAL_ALL_NODES = IPv6Address("ff02::1")
IPV6_INTERFACE_LOCAL_ALL_ROUTERS = IPv6Address("ff01::2")
IPV6_LINK_LOCAL_ALL_ROUTERS = IPv6Address("ff02::2")
IPV6_SITE_LOCAL_ALL_ROUTERS = IPv6Address("ff05::2")
MAX_IPV4_VALUE = 2**32 - 1

LOCAL_PATH_BYTES = 107
"""The longest path, in bytes, that fits beside its NUL into Linux's `sockaddr_un` (see unix(7))."""


# What somebody who gives it takes for a host's address: the last part begins with a letter.
_LIKE_A_NAME = re.compile(r"([\w-]+\.)*[^\W\d_][\w-]*\.?")


class LocalAddress:
    """The address of a local ("Unix") socket: a path in the file system, or a name in Linux's
    abstract namespace.

    Args:
        path: The path, or the abstract name without its leading NUL. Bytes are decoded as file
            names are.
        abstract: Whether it is a name in the abstract namespace, which has no file and ends with
            its last socket.

    An abstract address with an empty name is what the peer of a socket without a name has.
    Addresses are immutable, can be compared and hashed, and print as the path, or as ``@name``. The
    peer has chosen its name, so what is not printable in it prints as an escape, like ``\\n``; the
    attribute `path` has it as it is.

    Raises:
        TypeError: `path` is not a path.
        ValueError: The path is empty, contains a NUL, or is longer than the system takes (107
            bytes).
    """

    __slots__ = ("abstract", "path")

    path: str
    abstract: bool

    def __init__(self, path: str | bytes | os.PathLike[str], *, abstract: bool = False) -> None:
        text = os.fsdecode(path)
        if not abstract and not text:
            raise ValueError("the path of a local address cannot be empty")
        if not abstract and "\0" in text:
            raise ValueError("the path of a local address cannot contain a NUL character")
        if len(os.fsencode(text)) > LOCAL_PATH_BYTES:
            raise ValueError(
                f"the path of a local address takes at most {LOCAL_PATH_BYTES} bytes: {text!r}"
            )
        object.__setattr__(self, "path", text)
        object.__setattr__(self, "abstract", bool(abstract))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a LocalAddress is immutable: cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"a LocalAddress is immutable: cannot delete {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LocalAddress):
            return NotImplemented
        return (self.path, self.abstract) == (other.path, other.abstract)

    def __hash__(self) -> int:
        return hash((self.path, self.abstract))

    def __reduce__(self) -> tuple[object, ...]:
        return _make_local_address, (self.path, self.abstract)

    def __str__(self) -> str:
        if self.abstract and not self.path:
            return "(unnamed)"
        return printable(f"@{self.path}" if self.abstract else self.path)

    def __repr__(self) -> str:
        return f"LocalAddress({self.path!r}{', abstract=True' if self.abstract else ''})"


def _make_local_address(path: str, abstract: bool) -> LocalAddress:
    # Not checked again: the system has longer paths at times than can be asked for.
    address = object.__new__(LocalAddress)
    object.__setattr__(address, "path", path)
    object.__setattr__(address, "abstract", abstract)
    return address


class NetlinkAddress(NamedTuple):
    """The address of a netlink socket, see netlink(7).

    Args:
        port: The port number: 0 is the kernel, or lets the kernel choose.
        groups: The multicast groups, a bit mask.
    """

    port: int = 0
    groups: int = 0

    def __str__(self) -> str:
        return f"{self.port}@{self.groups}"


class Endpoint(NamedTuple):
    """One end of an internet connection: an address and a port.

    It is a pair, so that ``host, port = socket.remote_name`` works, and prints as ``127.0.0.1:80``
    or ``[::1]:80``.

    Attributes:
        host: The address.
        port: The port.
    """

    host: IPAddress
    port: int

    def __str__(self) -> str:
        if isinstance(self.host, IPv6Address):
            return printable(f"[{self.host}]:{self.port}")  # a scope may be any text
        return f"{self.host}:{self.port}"


Address: TypeAlias = IPv4Address | IPv6Address | LocalAddress | NetlinkAddress
AddressLike: TypeAlias = Address | str | int | bytes | bytearray | Sequence[int]
Family: TypeAlias = Literal["internet", "ipv4", "ipv6", "local"]


@overload
def ensure_address(value: AddressLike, family: Literal["internet"] = ...) -> IPAddress: ...
@overload
def ensure_address(value: AddressLike, family: Literal["ipv4"]) -> IPv4Address: ...
@overload
def ensure_address(value: AddressLike, family: Literal["ipv6"]) -> IPv6Address: ...
@overload
def ensure_address(
    value: AddressLike | os.PathLike[str], family: Literal["local"], *, abstract: bool = ...
) -> LocalAddress: ...
def ensure_address(
    value: AddressLike | os.PathLike[str], family: Family = "internet", *, abstract: bool = False
) -> IPAddress | LocalAddress:
    """Return the address that a value stands for; no name is looked up.

    Args:
        value: An address object, which is returned as it is; text, as in ``"192.0.2.1"``,
            ``"2001:db8::1"`` or ``"fe80::1%eth0"``; an integer, which is IPv4 up to 2**32 - 1
            unless `family` is ``"ipv6"``; or the bytes in network order, four for IPv4 and sixteen
            for IPv6, as bytes or as a sequence of integers; eight integers of 16 bits are IPv6 too.
            For ``"local"``: a path or abstract name.
        family: What the address must be: ``"internet"`` (IPv4 or IPv6), ``"ipv4"``, ``"ipv6"`` or
            ``"local"``.
        abstract: For ``"local"``: the value is a name in the abstract namespace.

    Returns:
        An `IPv4Address`, an `IPv6Address` or a `LocalAddress`.

    Raises:
        TypeError: The value is of a type that no address can be made of.
        ValueError: The value is no valid address, or one of another family. Shorthand like
            ``"127.1"`` is not valid.
    """
    if family == "local":
        return _ensure_local_address(value, abstract)
    if abstract:
        raise ValueError("only a local address can be abstract")
    if family not in ("internet", "ipv4", "ipv6"):
        raise ValueError(f"no such address family: {family!r}")
    address = _internet_address(value, family)
    if family == "ipv4" and not isinstance(address, IPv4Address):
        raise ValueError(f"not an IPv4 address: {printable(address)}")
    if family == "ipv6" and not isinstance(address, IPv6Address):
        raise ValueError(f"not an IPv6 address: {address}")
    return address


def _ensure_local_address(value: object, abstract: bool) -> LocalAddress:
    if isinstance(value, LocalAddress):
        return value
    if isinstance(value, (str, bytes, os.PathLike)):
        return LocalAddress(value, abstract=abstract)
    raise TypeError(f"a local address is made of a path, not of {_type_name(value)}")


def _internet_address(value: object, family: str) -> IPAddress:
    if isinstance(value, (IPv4Address, IPv6Address)):
        return value
    if isinstance(value, (LocalAddress, NetlinkAddress)):
        raise ValueError(f"not an internet address: {value!r}")
    if isinstance(value, str):
        return _address_from_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _address_from_integer(value, family)
    if isinstance(value, (bytes, bytearray)):
        return _address_from_bytes(bytes(value))
    if isinstance(value, Sequence):
        return _address_from_sequence(value)
    raise TypeError(f"an address is made of text, an integer or bytes, not of {_type_name(value)}")


def _address_from_text(text: str) -> IPAddress:
    if "\0" in text:  # in a scope nobody else minds it, and no system call takes it
        raise ValueError(f"not an internet address: {text!r} (it has a NUL character)")
    try:
        return IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError as error:
        if _LIKE_A_NAME.fullmatch(text):
            raise ValueError(
                f"not an internet address but a name: {text!r}; lookup_hostname() tells its "
                "addresses, and make_socket() takes it as it is"
            ) from None
        hint = how_to_take_apart(text) or str(error)
        raise ValueError(f"not an internet address: {text!r} ({hint})") from None


def _address_from_integer(value: int, family: str) -> IPAddress:
    if family == "ipv6" or value > MAX_IPV4_VALUE:
        if not 0 <= value < 2**128:
            raise ValueError(f"not an IPv6 address: {value}")
        return IPv6Address(value)
    if value < 0:
        raise ValueError(f"not an internet address: {value}")
    return IPv4Address(value)


def _address_from_bytes(value: bytes) -> IPAddress:
    if len(value) == 4:
        return IPv4Address(value)
    if len(value) == 16:
        return IPv6Address(value)
    raise ValueError(f"an address has 4 or 16 bytes, not {len(value)}")


def _address_from_sequence(value: Sequence[object]) -> IPAddress:
    if not all(isinstance(part, int) and not isinstance(part, bool) for part in value):
        hint = how_to_take_apart(value)
        told = f"a host and its port are two arguments: {hint}" if hint else repr(value)
        raise TypeError(f"an address vector consists of integers: {told}")
    width = 2 if len(value) == 8 else 1
    try:
        return _address_from_bytes(b"".join(int(part).to_bytes(width) for part in value))  # type: ignore[call-overload]
    except OverflowError:
        raise ValueError(f"a part of the address vector is out of range: {value!r}") from None


def how_to_take_apart(value: object) -> str:
    """Return what to do about a value in which a host is together with its port, or nothing."""
    if isinstance(value, tuple):
        return "take them apart, as by *name" if len(value) in (2, 4) else ""
    pattern = r"(?:\[([^]]+)\]|([^:]+)):([0-9]+)"
    found = re.fullmatch(pattern, value) if isinstance(value, str) else None
    if found is None:
        return ""
    return f"give them as {printable(repr(found[1] or found[2]))} and {found[3]}"


def _type_name(value: object) -> str:
    return type(value).__name__


def dotted_to_ipaddr(dotted: str) -> int:
    """Return an IPv4 address as an integer: ``"128.18.65.4"`` is 2148679940.

    Raises:
        TypeError: `dotted` is not a string.
        ValueError: It is not four decimal numbers of at most 255, separated by dots.
    """
    if not isinstance(dotted, str):
        raise TypeError(f"a dotted address is a string, not {_type_name(dotted)}")
    return int(ensure_address(dotted, "ipv4"))


def ipaddr_to_dotted(ipaddr: int) -> str:
    """Return the dotted text of an IPv4 address given as an integer from 0 to 2**32 - 1.

    Raises:
        TypeError: `ipaddr` is not an integer.
        ValueError: It is out of range.
    """
    if not isinstance(ipaddr, int) or isinstance(ipaddr, bool):
        raise TypeError(f"an IPv4 address is an integer here, not {_type_name(ipaddr)}")
    if not 0 <= ipaddr <= MAX_IPV4_VALUE:
        raise ValueError(f"not an IPv4 address: {ipaddr}")
    return str(IPv4Address(ipaddr))


def map_ipv4_address_to_ipv6(address: IPv4Address) -> IPv6Address:
    """Return the IPv6 form of an IPv4 address, ``::ffff:a.b.c.d`` (RFC 4291, section 2.5.5.2).

    Raises:
        TypeError: `address` is not an `IPv4Address`.
    """
    if not isinstance(address, IPv4Address):
        raise TypeError(f"only an IPv4Address can be mapped, not {_type_name(address)}")
    return IPv6Address(0xFFFF << 32 | int(address))


def map_ipv6_address_to_ipv4(address: IPv6Address) -> IPv4Address:
    """Return the IPv4 address inside an IPv4-mapped IPv6 address.

    Raises:
        TypeError: `address` is not an `IPv6Address`.
        ValueError: The address is not IPv4-mapped.
    """
    if not isinstance(address, IPv6Address):
        raise TypeError(f"only an IPv6Address is IPv4-mapped, not {_type_name(address)}")
    mapped = address.ipv4_mapped
    if mapped is None:
        raise ValueError(f"not an IPv4-mapped address: {printable(address)}")
    return mapped
