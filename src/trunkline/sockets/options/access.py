"""Asking a descriptor for an option, and setting it."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

from ..._core.meant import meant_instead
from ..._sys.option_constants import constant
from ..._sys.sockaddr import AF_INET, AF_INET6
from ..._sys.socket_descriptor import DATAGRAM, RAW, STREAM, SocketDescriptor
from ...errors import OperationNotSupported, OptionNotSupported, PathNotFound, SocketError
from .names import OPTION_NAMES, OptionName
from .table import OPTIONS, Option
from .values import ValueType

__all__ = ("get_option", "set_option")

_INTERNET = (AF_INET, AF_INET6)


def _is_internet(descriptor: SocketDescriptor, *kinds: int) -> bool:
    return descriptor.family in _INTERNET and (not kinds or descriptor.kind in kinds)


# What the table calls the kinds of sockets. What the system says of others is not always an error.
_IS_OF: dict[str, Callable[[SocketDescriptor], bool]] = {
    "all": lambda descriptor: True,
    "internet": _is_internet,
    "IPv6": lambda descriptor: descriptor.family == AF_INET6,
    "TCP": lambda descriptor: _is_internet(descriptor, STREAM),
    "UDP": lambda descriptor: _is_internet(descriptor, DATAGRAM),
    "UDP, raw": lambda descriptor: _is_internet(descriptor, DATAGRAM, RAW),
    "raw": lambda descriptor: _is_internet(descriptor, RAW),
}


class _Place(NamedTuple):
    """Where the system has an option of a socket."""

    level: int
    number: int
    ipv4: tuple[int, int] | None = None  # where an IPv6 socket has it for IPv4-mapped addresses


def get_option(descriptor: SocketDescriptor, name: OptionName) -> Any:
    """Return the value of an option; see `WithOptions.get_option`."""
    option = _look_up(name)
    if option.access == "write":
        raise ValueError(f"the option {name} cannot be read")
    operation = f"getsockopt {name}"
    place = _find(descriptor, option, operation)
    try:
        return _type_of(option, descriptor).read(descriptor, place.level, place.number)
    except SocketError as error:
        raise _of_option(error, operation) from None


def set_option(descriptor: SocketDescriptor, name: OptionName, value: object) -> None:
    """Set an option; see `WithOptions.set_option`."""
    option = _look_up(name)
    if option.access == "read":
        raise ValueError(f"the option {name} cannot be set")
    try:
        data = _type_of(option, descriptor).write(value)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from None
    operation = f"setsockopt {name}"
    place = _find(descriptor, option, operation)
    try:
        descriptor.set_option(place.level, place.number, data)
    except PathNotFound as error:  # of what is chosen by its name
        text = f"the system has no {value!r}"
        raise OptionNotSupported(
            error.errno, text, operation=operation, address=error.address
        ) from None
    except SocketError as error:
        raise _of_option(error, operation) from None
    if place.ipv4 is not None:
        with contextlib.suppress(SocketError):  # not every system lets an IPv6 socket do that
            descriptor.set_option(*place.ipv4, data)


def _of_option(error: SocketError, operation: str) -> SocketError:
    """Return the error of a system call with the name of the option in it."""
    if isinstance(error, OperationNotSupported):
        # Linux says this, too, of an option that a kind of socket does not have.
        return OptionNotSupported(error.errno, operation=operation, address=error.address)
    error.operation = operation
    return error


def _look_up(name: str) -> Option:
    option = OPTIONS.get(name)
    if option is None:
        known = str(name)
        constants = {
            constant: ours
            for ours, option in OPTIONS.items()
            for constant in (option.constant, option.ipv6 or option.constant)
        }
        meant = meant_instead(known, OPTION_NAMES, {known: constants.get(known.upper(), "")})
        all_of_them = f"; there are {', '.join(OPTION_NAMES)}"
        raise ValueError(f"no such option: {name!r}{meant or all_of_them}")
    return option


def _type_of(option: Option, descriptor: SocketDescriptor) -> ValueType:
    if option.ipv6_value is not None and descriptor.family == AF_INET6:
        return option.ipv6_value
    return option.value


def _find(descriptor: SocketDescriptor, option: Option, operation: str) -> _Place:
    """Return where the system has an option of a socket.

    Raises:
        OptionNotSupported: The system has none, or not for this kind of socket.
    """
    ipv4 = None
    level, number = constant(option.level), constant(option.constant)
    if option.ipv6 is not None and descriptor.family == AF_INET6:
        if option.level == "IPPROTO_IP" and level is not None and number is not None:
            ipv4 = level, number
        level, number = constant(option.ipv6_level), constant(option.ipv6)
    if level is None or number is None or not _IS_OF[option.kinds](descriptor):
        descriptor.check_open(operation)
        raise OptionNotSupported(operation=operation, address=descriptor.where)
    return _Place(level, number, ipv4)
