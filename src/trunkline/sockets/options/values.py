"""The types that values of socket options have: how each is checked, read and written.

Whatever is wrong with a value is found out here, before there is any system call.
"""

import math
import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..._core.counts import check_count, shown_number
from ..._sys.socket_descriptor import SocketDescriptor

__all__ = (
    "COOKIE",
    "DSCP",
    "LINGER",
    "MTU_DISCOVERY",
    "MTU_DISCOVERY_CHOICES",
    "NUMBER",
    "PACING_RATE",
    "SECONDS",
    "SWITCH",
    "TEXT",
    "UNSIGNED",
    "ValueType",
    "icmp_types",
    "number",
    "number_or_default",
)

DEFAULT_LINGER = 15
"""Seconds for which ``linger`` set to True lets close(2) wait for the peer's acknowledgement."""


class ValueType(NamedTuple):
    """How values of one type are told to people, read and written.

    Attributes:
        label: What the documentation calls it, the Python type first.
        read: Asks a descriptor for an option, by level and number.
        write: Returns what setsockopt(2) is given for a value.
    """

    label: str
    read: Callable[[SocketDescriptor, int, int], Any]
    write: Callable[[Any], int | bytes]


# -- switches and numbers -------------------------------------------------------------------------


def _read_bool(descriptor: SocketDescriptor, level: int, option: int) -> bool:
    return bool(descriptor.get_option(level, option))


def _write_bool(value: object) -> int:
    if not isinstance(value, bool):
        raise TypeError(f"the option is True or False, not {value!r}")
    return int(value)


SWITCH = ValueType("bool", _read_bool, _write_bool)


def _read_int(descriptor: SocketDescriptor, level: int, option: int) -> int:
    return descriptor.get_option(level, option)


def _write_int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"the option is an integer, not {value!r}")
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"the option does not fit into a C int: {shown_number(value)}")
    return value


NUMBER = ValueType("int", _read_int, _write_int)


def number(least: int = 0, most: int = 2**31 - 1, *, unit: str = "") -> ValueType:
    """Return the type of integers within bounds; by default of those that are not negative."""
    limits = f"{least} to {most}" if most < 2**31 - 1 else "" if least == 0 else f"from {least}"
    label = ", ".join(filter(None, ("int", unit, limits)))

    def write(value: Any) -> int:
        return check_count("the option", value, least=least, most=most)

    return ValueType(label, _read_int, write)


def number_or_default(least: int, most: int) -> ValueType:
    """Return the same for those that can be set to None, too, for the system's default."""
    within = number(least, most)

    def write(value: Any) -> int | bytes:
        return -1 if value is None else within.write(value)

    return ValueType(f"{within.label}; None is the default", _read_int, write)


_UNSIGNED = struct.Struct("@I")
_UNSIGNED_LONG = struct.Struct("@Q")


def _read_unsigned(descriptor: SocketDescriptor, level: int, option: int) -> int:
    return descriptor.get_option(level, option) & (2**32 - 1)


def _write_unsigned(value: Any) -> bytes:
    return _UNSIGNED.pack(check_count("the option", value, least=0, most=2**32 - 1))


UNSIGNED = ValueType("int, 32 bits", _read_unsigned, _write_unsigned)


def _read_cookie(descriptor: SocketDescriptor, level: int, option: int) -> int:
    data = descriptor.get_option_bytes(level, option, _UNSIGNED_LONG.size)
    return int(_UNSIGNED_LONG.unpack(data)[0])


COOKIE = ValueType("int, 64 bits", _read_cookie, _write_int)


def _read_rate(descriptor: SocketDescriptor, level: int, option: int) -> int | None:
    data = descriptor.get_option_bytes(level, option, _UNSIGNED_LONG.size)
    if data.count(0xFF) == len(data):  # 4 bytes of older systems, or 8
        return None
    packed = _UNSIGNED_LONG if len(data) == _UNSIGNED_LONG.size else _UNSIGNED
    return int(packed.unpack(data)[0])


def _write_rate(value: Any) -> bytes:
    if value is None:
        return _UNSIGNED.pack(2**32 - 1)
    rate = check_count("the option", value, most=2**63 - 1)
    return (_UNSIGNED if rate < 2**32 - 1 else _UNSIGNED_LONG).pack(rate)


PACING_RATE = ValueType("int, bytes a second; None is no limit", _read_rate, _write_rate)


# -- bits of a byte, and of many ------------------------------------------------------------------

_ECN_BITS = 2  # which follow the code point in the byte, see RFC 3168


def _read_dscp(descriptor: SocketDescriptor, level: int, option: int) -> int:
    return descriptor.get_option(level, option) >> _ECN_BITS


def _write_dscp(value: Any) -> int:
    return check_count("the option", value, least=0, most=63) << _ECN_BITS


DSCP = ValueType("int, 0 to 63", _read_dscp, _write_dscp)


def icmp_types(count: int) -> ValueType:
    """Return the type of sets of ICMP types that are received, of so many that there are.

    The system has a bit for each that is not, in words of 32.
    """
    words = struct.Struct(f"@{count // 32}I")
    all_types = range(count)

    def read(descriptor: SocketDescriptor, level: int, option: int) -> frozenset[int] | None:
        blocked = words.unpack(descriptor.get_option_bytes(level, option, words.size))
        if not any(blocked):
            return None
        return frozenset(each for each in all_types if not blocked[each // 32] >> each % 32 & 1)

    def write(value: Any) -> bytes:
        if value is None:
            return bytes(words.size)
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise TypeError(f"the option is a set of numbers or None, not {value!r}")
        blocked = [2**32 - 1] * (count // 32)
        for each in value:
            check_count("a type of ICMP", each, least=0, most=count - 1)
            blocked[each // 32] &= ~(1 << each % 32)
        return words.pack(*blocked)

    return ValueType(f"set of int, 0 to {count - 1}; None is all", read, write)


# -- times ----------------------------------------------------------------------------------------

_LINGER = struct.Struct("@ii")


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


LINGER = ValueType("int, seconds; None is off, True is 15", _read_linger, _write_linger)

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


SECONDS = ValueType("float, seconds; None is for ever", _read_time, _write_time)


# -- names ----------------------------------------------------------------------------------------


def _read_text(descriptor: SocketDescriptor, level: int, option: int) -> str:
    return descriptor.get_option_bytes(level, option, 64).partition(b"\0")[0].decode()


def _write_text(value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"the option is a string, not {value!r}")
    if "\0" in value:
        raise ValueError(f"the option cannot contain a NUL character: {value!r}")
    return value.encode() + b"\0"


TEXT = ValueType("str", _read_text, _write_text)

MTU_DISCOVERY_CHOICES = ("dont", "want", "do", "probe", "interface", "omit")
"""IP_PMTUDISC_DONT and so on, each at its number; see ip(7)."""


def _read_mtu_discovery(descriptor: SocketDescriptor, level: int, option: int) -> str:
    return MTU_DISCOVERY_CHOICES[descriptor.get_option(level, option)]


def _write_mtu_discovery(value: object) -> int:
    if not isinstance(value, str):
        raise TypeError(f"the option is a string, not {value!r}")
    if value not in MTU_DISCOVERY_CHOICES:
        raise ValueError(f"the option is one of {', '.join(MTU_DISCOVERY_CHOICES)}, not {value!r}")
    return MTU_DISCOVERY_CHOICES.index(value)


MTU_DISCOVERY = ValueType(
    "str, one of " + ", ".join(MTU_DISCOVERY_CHOICES), _read_mtu_discovery, _write_mtu_discovery
)
