"""`socket_options`: asking for options of a socket, and setting them, several in one call."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ...multiplex.descriptor_like import DescriptorLike
from ...sockets import Socket
from ...sockets.options import get_option, set_option
from ...sockets.options.names import OptionName
from .arguments import descriptor_of, how_it_is_written

__all__ = ("socket_options",)


class _Option(NamedTuple):
    name: OptionName
    shown: Callable[[Any], Any] = lambda value: value  # as CLISP has it


_OPTIONS = {
    "so_debug": _Option("debug"),
    "so_acceptconn": _Option("accept_connections"),
    "so_broadcast": _Option("broadcast"),
    "so_reuseaddr": _Option("reuse_address"),
    "so_dontroute": _Option("dont_route"),
    "so_keepalive": _Option("keepalive"),
    "so_error": _Option("error", bool),
    "so_oobinline": _Option("oob_inline"),
    "so_type": _Option("type", bool),
    "so_linger": _Option("linger"),
    "so_rcvbuf": _Option("receive_buffer"),
    "so_sndbuf": _Option("send_buffer"),
    "so_rcvlowat": _Option("receive_low_water"),
    "so_sndlowat": _Option("send_low_water"),
    "so_rcvtimeo": _Option("receive_timeout", lambda seconds: seconds or 0),
    "so_sndtimeo": _Option("send_timeout", lambda seconds: seconds or 0),
}


def socket_options(socket: Socket | DescriptorLike, *options: object) -> tuple[Any, ...]:
    """Return the values of options of a socket, and set those that are followed by a new one.

    ``socket_options(stream, "so_linger", 1, "so_rcvlowat")`` sets the first, and asks for both.

    Args:
        socket: The server or the stream, or the descriptor of any other socket.
        *options: Names of options, like ``"so_keepalive"``, of which each may be followed by its
            new value: True or False, or a number, of bytes or seconds. ``so_linger`` takes True,
            None and False, too. ``so_acceptconn``, ``so_error`` and ``so_type`` can only be asked
            for; the last two are told as True or False.

    Returns:
        For each option its value, and where there is a new one, the value before. ``so_linger`` is
        None where it is off, and the limits of time are 0 where there is none.

    Raises:
        ValueError: There is no such option, or no such value.
        TypeError: It is no option but a value; or the value is of the wrong type.
        OptionNotSupported, SocketError: The system says no.
        SocketClosed: The socket is closed.
        NotASocket: It is no socket.
    """
    asked = _parse(options)
    values = []
    descriptor = descriptor_of(socket)
    for option, new in asked:
        values.append(option.shown(get_option(descriptor, option.name)))
        if new:
            set_option(descriptor, option.name, new[0])
    return tuple(values)


def _parse(options: tuple[object, ...]) -> list[tuple[_Option, list[object]]]:
    """Return the options, each with its new value, if it has one."""
    asked: list[tuple[_Option, list[object]]] = []
    for each in options:
        if isinstance(each, str):
            if each not in _OPTIONS:
                hint = how_it_is_written(each, _OPTIONS) or f"; there are {', '.join(_OPTIONS)}"
                raise ValueError(f"no such option: {each!r}{hint}")
            asked.append((_OPTIONS[each], []))
        elif asked and not asked[-1][1]:
            asked[-1][1].append(each)
        else:
            raise TypeError(f"a value comes after the name of its option, and {each!r} does not")
    return asked
