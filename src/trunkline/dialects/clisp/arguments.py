"""What CLISP's functions have in common: how they are told a time, a host, a port and a socket."""

import contextlib
import errno
from collections.abc import Container
from typing import TypeAlias

from ..._sys.socket_descriptor import SocketDescriptor
from ...addresses import AddressLike, IPAddress
from ...errors import NoName, ResolverError, SocketError
from ...multiplex.descriptor_like import DescriptorLike, number_of
from ...sockets import Socket, lookup_hostname
from ...sockets.resolving import Resolver, literal_address

__all__ = (
    "Seconds",
    "check_port",
    "descriptor_of",
    "host_address",
    "how_it_is_written",
    "no_such_host",
    "time_limit",
)

Seconds: TypeAlias = float | tuple[int, int] | None
"""A limit of time: seconds, or a pair of seconds and microseconds; None is for ever."""


def time_limit(seconds: Seconds, microseconds: int = 0) -> float | None:
    """Return the seconds that a limit of time means, or None for ever.

    Raises:
        TypeError, ValueError: It means none.
    """
    if isinstance(seconds, tuple):
        if len(seconds) != 2:
            raise TypeError("a time is a pair of seconds and microseconds, or seconds alone")
        seconds, microseconds = seconds
    for part in (seconds, microseconds):
        if isinstance(part, bool) or not isinstance(part, (int, float, type(None))):
            raise TypeError(f"a time is a number of seconds, not {type(part).__name__}")
    if seconds is None:
        return None
    total = seconds + microseconds / 1_000_000
    if not (seconds >= 0 and microseconds >= 0):  # NaN is not, either
        raise ValueError(f"a time cannot be negative: {total}")
    return total


def how_it_is_written(keyword: object, known: Container[str]) -> str:
    """Return the end of an error's text for a keyword as it is in Lisp, or nothing for others."""
    here = str(keyword).removeprefix(":").replace("-", "_").lower()
    return f"; here it is {here!r}" if here in known else ""


def check_port(port: int) -> int:
    """Return a port if it is a number of one."""
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"a port is an integer, not {type(port).__name__}")
    if not 0 <= port <= 65_535:
        raise ValueError(f"a port is a number from 0 to 65535, not {port}")
    return port


def host_address(host: AddressLike, operation: str, resolver: Resolver | None) -> IPAddress:
    """Return the address that a host's name or text stands for; of a name the IPv4 one, if any.

    Raises:
        SocketError: It stands for none. The errno is EINVAL, as CLISP says.
        TypeError: It is neither text nor an address.
    """
    try:
        literal = literal_address(host)
        if literal is not None:
            return literal
        with contextlib.suppress(NoName):
            return lookup_hostname(host, family="ipv4", resolver=resolver).address
        return lookup_hostname(host, family="ipv6", resolver=resolver).address
    except (ResolverError, ValueError) as error:
        raise no_such_host(host, operation) from error


def no_such_host(host: AddressLike, operation: str) -> SocketError:
    """Return CLISP's error for a host that there is not."""
    reason = "there is no such host"
    return SocketError(errno.EINVAL, reason, operation=operation, address=host)


def descriptor_of(socket: Socket | DescriptorLike) -> SocketDescriptor:
    """Return the descriptor of a socket of ours, or borrow that of a raw one, which stays as it is.

    Raises:
        SocketClosed: It is closed.
        NotASocket: It is none.
        TypeError: It has no descriptor.
    """
    if isinstance(socket, Socket):
        return socket._descriptor
    return SocketDescriptor.borrow(number_of(socket))
