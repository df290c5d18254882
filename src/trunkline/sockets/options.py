"""Socket options by name, with the type that each really has.

One table says what there is. A name that is not in it is a `ValueError`; one that this platform or
this kind of socket does not have is `OptionNotSupported`.
"""

import math
import struct
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from .._core.counts import shown_number
from .._core.meant import meant_instead
from .._sys.sockaddr import AF_INET, AF_INET6
from .._sys.socket_descriptor import SocketDescriptor, constant
from ..errors import OperationNotSupported, OptionNotSupported, SocketError

__all__ = ("OPTION_NAMES", "OptionName", "get_option", "set_option")

DEFAULT_LINGER = 15
"""Seconds for which ``linger`` set to True lets close(2) wait for the peer's acknowledgement."""


class _Kind(NamedTuple):
    """How values of one type are checked, read and written."""

    read: Callable[[SocketDescriptor, int, int], Any]
    write: Callable[[Any], int | bytes]


class _Option(NamedTuple):
    level: str
    constant: str
    kind: _Kind
    access: str = "read, write"


# -- types of value -------------------------------------------------------------------------------


def _read_int(descriptor: SocketDescriptor, level: int, option: int) -> int:
    return descriptor.get_option(level, option)


def _read_bool(descriptor: SocketDescriptor, level: int, option: int) -> bool:
    return bool(descriptor.get_option(level, option))


def _write_bool(value: object) -> int:
    if not isinstance(value, bool):
        raise TypeError(f"the option is True or False, not {value!r}")
    return int(value)


def _write_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"the option is an integer, not {value!r}")
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"the option does not fit into a C int: {shown_number(value)}")
    return value


_LINGER = struct.Struct("ii")


def _read_linger(descriptor: SocketDescriptor, level: int, option: int) -> int | None:
    on, seconds = _LINGER.unpack(descriptor.get_option_bytes(level, option, _LINGER.size))
    return seconds if on else None


def _write_linger(value: object) -> bytes:
    if value is None or value is False:
        return _LINGER.pack(0, 0)
    if value is True:
        return _LINGER.pack(1, DEFAULT_LINGER)
    seconds = _write_int(value)
    if seconds < 0:
        raise ValueError(f"linger is a number of seconds, which cannot be negative: {seconds}")
    return _LINGER.pack(1, seconds)


_TIMEVAL = struct.Struct("@ll")


def _read_time(descriptor: SocketDescriptor, level: int, option: int) -> float | None:
    data = descriptor.get_option_bytes(level, option, _TIMEVAL.size)
    seconds, microseconds = _TIMEVAL.unpack(data)
    return seconds + microseconds / 1_000_000 or None


def _write_time(value: object) -> bytes:
    if value is None:
        return _TIMEVAL.pack(0, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"the option is a number of seconds or None, not {value!r}")
    if not 0 <= value < 2**31:  # NaN is not, either
        raise ValueError(
            f"the option is a number of seconds, from 0 to 2**31: {shown_number(value)}"
        )
    microseconds = math.ceil(value * 1_000_000)  # rounded down, a tiny limit would mean none
    return _TIMEVAL.pack(*divmod(microseconds, 1_000_000))


def _read_text(descriptor: SocketDescriptor, level: int, option: int) -> str:
    return descriptor.get_option_bytes(level, option, 64).rstrip(b"\0").decode()


def _write_text(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"the option is a string, not {value!r}")
    if "\0" in value:
        raise ValueError(f"the option cannot contain a NUL character: {value!r}")
    return value.encode() + b"\0"


_BOOL = _Kind(_read_bool, _write_bool)
_INT = _Kind(_read_int, _write_int)
_LINGERING = _Kind(_read_linger, _write_linger)
_SECONDS = _Kind(_read_time, _write_time)
_TEXT = _Kind(_read_text, _write_text)

_SOCKET, _TCP, _IP, _IPV6 = "SOL_SOCKET", "IPPROTO_TCP", "IPPROTO_IP", "IPPROTO_IPV6"

# -- the table ------------------------------------------------------------------------------------

_OPTIONS = {
    "accept_connections": _Option(_SOCKET, "SO_ACCEPTCONN", _BOOL, "read"),
    "error": _Option(_SOCKET, "SO_ERROR", _INT, "read"),
    "type": _Option(_SOCKET, "SO_TYPE", _INT, "read"),
    "bind_to_device": _Option(_SOCKET, "SO_BINDTODEVICE", _TEXT),
    "broadcast": _Option(_SOCKET, "SO_BROADCAST", _BOOL),
    "debug": _Option(_SOCKET, "SO_DEBUG", _BOOL),
    "dont_route": _Option(_SOCKET, "SO_DONTROUTE", _BOOL),
    "keepalive": _Option(_SOCKET, "SO_KEEPALIVE", _BOOL),
    "linger": _Option(_SOCKET, "SO_LINGER", _LINGERING),
    "no_sigpipe": _Option(_SOCKET, "SO_NOSIGPIPE", _BOOL),
    "oob_inline": _Option(_SOCKET, "SO_OOBINLINE", _BOOL),
    "priority": _Option(_SOCKET, "SO_PRIORITY", _INT),
    "receive_buffer": _Option(_SOCKET, "SO_RCVBUF", _INT),
    "receive_low_water": _Option(_SOCKET, "SO_RCVLOWAT", _INT),
    "receive_timeout": _Option(_SOCKET, "SO_RCVTIMEO", _SECONDS),
    "reuse_address": _Option(_SOCKET, "SO_REUSEADDR", _BOOL),
    "reuse_port": _Option(_SOCKET, "SO_REUSEPORT", _BOOL),
    "send_buffer": _Option(_SOCKET, "SO_SNDBUF", _INT),
    "send_low_water": _Option(_SOCKET, "SO_SNDLOWAT", _INT),
    "send_timeout": _Option(_SOCKET, "SO_SNDTIMEO", _SECONDS),
    "use_loopback": _Option(_SOCKET, "SO_USELOOPBACK", _BOOL),
    "nodelay": _Option(_TCP, "TCP_NODELAY", _BOOL),
    "tcp_cork": _Option(_TCP, "TCP_CORK", _BOOL),
    "tcp_defer_accept": _Option(_TCP, "TCP_DEFER_ACCEPT", _INT),
    "tcp_keepcnt": _Option(_TCP, "TCP_KEEPCNT", _INT),
    "tcp_keepidle": _Option(_TCP, "TCP_KEEPIDLE", _INT),
    "tcp_keepintvl": _Option(_TCP, "TCP_KEEPINTVL", _INT),
    "tcp_linger2": _Option(_TCP, "TCP_LINGER2", _INT),
    "tcp_maxseg": _Option(_TCP, "TCP_MAXSEG", _INT),
    "tcp_noopt": _Option(_TCP, "TCP_NOOPT", _BOOL),
    "tcp_nopush": _Option(_TCP, "TCP_NOPUSH", _BOOL),
    "tcp_quickack": _Option(_TCP, "TCP_QUICKACK", _BOOL),
    "tcp_syncnt": _Option(_TCP, "TCP_SYNCNT", _INT),
    "tcp_user_timeout": _Option(_TCP, "TCP_USER_TIMEOUT", _INT),
    "tcp_window_clamp": _Option(_TCP, "TCP_WINDOW_CLAMP", _INT),
    "ip_header_include": _Option(_IP, "IP_HDRINCL", _BOOL),
    "ip_receive_error": _Option(_IP, "IP_RECVERR", _BOOL),
    "v6_only": _Option(_IPV6, "IPV6_V6ONLY", _BOOL),
}

OptionName: TypeAlias = Literal[
    "accept_connections",
    "bind_to_device",
    "broadcast",
    "debug",
    "dont_route",
    "error",
    "ip_header_include",
    "ip_receive_error",
    "keepalive",
    "linger",
    "no_sigpipe",
    "nodelay",
    "oob_inline",
    "priority",
    "receive_buffer",
    "receive_low_water",
    "receive_timeout",
    "reuse_address",
    "reuse_port",
    "send_buffer",
    "send_low_water",
    "send_timeout",
    "tcp_cork",
    "tcp_defer_accept",
    "tcp_keepcnt",
    "tcp_keepidle",
    "tcp_keepintvl",
    "tcp_linger2",
    "tcp_maxseg",
    "tcp_noopt",
    "tcp_nopush",
    "tcp_quickack",
    "tcp_syncnt",
    "tcp_user_timeout",
    "tcp_window_clamp",
    "type",
    "use_loopback",
    "v6_only",
]
"""The names of all options, for type checkers."""

OPTION_NAMES: tuple[OptionName, ...] = get_args(OptionName)
"""The names of all options."""


def get_option(descriptor: SocketDescriptor, name: OptionName) -> Any:
    """Return the value of an option; see `Socket.get_option`."""
    option, level, number = _look_up(descriptor, name, "getsockopt")
    try:
        return option.kind.read(descriptor, level, number)
    except SocketError as error:
        raise _of_option(error, f"getsockopt {name}") from None


def set_option(descriptor: SocketDescriptor, name: OptionName, value: object) -> None:
    """Set an option; see `Socket.set_option`."""
    option, level, number = _look_up(descriptor, name, "setsockopt")
    if "write" not in option.access:
        raise ValueError(f"the option {name} cannot be set")
    try:
        data = option.kind.write(value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    try:
        descriptor.set_option(level, number, data)
    except SocketError as error:
        raise _of_option(error, f"setsockopt {name}") from None


def _of_option(error: SocketError, operation: str) -> SocketError:
    """Return the error of a system call with the name of the option in it."""
    if isinstance(error, OperationNotSupported):
        # Linux says this, too, of an option that a kind of socket does not have.
        return OptionNotSupported(error.errno, operation=operation, address=error.address)
    error.operation = operation
    return error


def _look_up(descriptor: SocketDescriptor, name: str, operation: str) -> tuple[_Option, int, int]:
    option = _OPTIONS.get(name)
    if option is None:
        constants = {option.constant: known for known, option in _OPTIONS.items()}
        meant = meant_instead(
            str(name), OPTION_NAMES, {str(name): constants.get(str(name).upper(), "")}
        )
        all_of_them = f"; there are {', '.join(OPTION_NAMES)}"
        raise ValueError(f"no such option: {name!r}{meant or all_of_them}")
    is_internet = descriptor.family in (AF_INET, AF_INET6)
    level, number = constant(option.level), constant(option.constant)
    if level is None or number is None or not (is_internet or option.level == _SOCKET):
        raise OptionNotSupported(operation=f"{operation} {name}", address=descriptor.where)
    return option, level, number
