"""Socket activation: listening sockets that a service manager has opened; see sd_listen_fds(3).

The manager listens before the program runs. So no client is refused while the program starts, or is
replaced, and the program needs no right to open a privileged port.
"""

import os
import reprlib
from collections.abc import Iterable
from itertools import repeat
from typing import Unpack

from .._printable import printable
from .._sys.processes import keep_from_programs
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import SocketError
from ..sockets.from_descriptor import make_socket_from_fd
from ..sockets.keywords import StreamOptions, check_stream_keywords
from ..sockets.passive_socket import PassiveSocket

__all__ = ("activated_sockets",)

_FIRST = 3  # behind standard input, output and error
_PID, _COUNT, _NAMES = "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"
_UNNAMED = "unknown"  # as sd_listen_fds_with_names(3) has it


def activated_sockets(**options: Unpack[StreamOptions]) -> dict[str, list[PassiveSocket]]:
    """Return the listening sockets that this process was started with, by their names.

    You want it in a program that systemd starts for a ``.socket`` unit. Call it once, early: the
    variables of the protocol (``LISTEN_PID``, ``LISTEN_FDS`` and ``LISTEN_FDNAMES``) are removed
    from the environment, so that no child takes them for its own, and the sockets are the caller's
    to close. Programs that this one starts do not inherit them.

    Args:
        **options: `external_format`, `input_buffer_size`, `output_buffer_size` and `timeout` of
            the connections, as for `make_socket`.

    Returns:
        A list of sockets for each name that the manager has given, in its order; those without a
        name are called ``"unknown"``. Nothing, if there are no sockets or if they are meant for
        another process.

    Raises:
        ValueError: A variable is malformed, or one of the descriptors is not a stream socket that
            listens. All descriptors stay open, and none has been touched.
        SocketError: The same, where one is no socket, or is not open.
        TypeError: An option is none of those that it can be. The variables are still there.
    """
    check_stream_keywords("a passive socket", options)
    variables = {name: os.environ.pop(name, None) for name in (_PID, _COUNT, _NAMES)}
    if variables[_PID] is None or variables[_COUNT] is None:
        return {}
    if _number(_PID, variables[_PID]) != os.getpid():
        return {}
    count = _number(_COUNT, variables[_COUNT])
    names = _names(variables[_NAMES], count)
    numbers = range(_FIRST, _FIRST + count)
    found = []
    for number, name in zip(numbers, names, strict=True):
        _check(number, name)
        found.append((number, name))
    sockets: dict[str, list[PassiveSocket]] = {}
    for number, name in found:
        keep_from_programs(number)
        socket = make_socket_from_fd(number, dup=False, connect="passive", **options)
        sockets.setdefault(name, []).append(socket)
    return sockets


def _number(variable: str, value: str | None) -> int:
    if not (value and value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError(f"{variable} is no number: {reprlib.repr(value)}")
    return int(value)


def _names(value: str | None, count: int) -> Iterable[str]:
    """Return a name for each socket. There may be far fewer than are said, so none is made yet."""
    if value is None:
        return repeat(_UNNAMED, count)
    names = value.split(":") if value or count else []
    if len(names) != count:
        raise ValueError(
            f"{_NAMES} has {len(names)} names for {count} sockets: {reprlib.repr(value)}"
        )
    return [name or _UNNAMED for name in names]


def _check(number: int, name: str) -> None:
    """Raise an error that names the descriptor, unless it is a stream socket that listens."""
    where = f"descriptor {number} ({printable(name)})"
    try:
        descriptor = SocketDescriptor.borrow(number)
    except SocketError as error:
        raise type(error)(error.errno, operation="activate", address=where) from None
    try:
        descriptor.check_kind()
        if not descriptor.listens:
            raise ValueError("the socket does not listen")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
