"""The options of transports, for those who make a transport later than they are told how."""

from collections.abc import Callable
from contextvars import Context
from typing import Any, Literal, TypedDict

from .._core.external_format import ExternalFormatLike
from .._core.option_names import check_names_for
from ..errors import SocketClosed
from ..sockets.keywords import OPTION_NAMES_OF_KINDS, TLSOptions
from .delivery import Delivery
from .event_base import EventBase
from .protocol import TransportProtocol
from .transport import Transport

__all__ = (
    "BeginningOptions",
    "TransportOptions",
    "check_transport_names",
    "check_transport_options",
)


class TransportOptions(TypedDict, total=False):
    """The keyword arguments of `Transport`."""

    delivery: Delivery
    external_format: ExternalFormatLike
    line_limit: int
    high_water: int
    low_water: int | None
    idle_timeout: float | None
    read_timeout: float | None
    write_timeout: float | None
    context: Context | None


class BeginningOptions(TLSOptions, total=False):
    """What functions take that make transports, and no transport does: how it is to begin."""

    handshake_timeout: float | None


def check_transport_names(
    function: Callable[..., Any],
    event_base: EventBase,
    options: TransportOptions,
    *,
    connect: Literal["active", "passive"],
) -> None:
    """Raise unless there can be a transport, and all of these options are its own.

    Args:
        function: Which function takes the options.
        event_base: The transport's.
        options: What was given besides the function's own arguments.
        connect: Which kind of socket the function takes.

    Raises:
        SocketClosed: The event base is closed.
        TypeError: An option is none of the transport's.
    """
    made_with = OPTION_NAMES_OF_KINDS[connect]
    check_names_for(function, options, TransportOptions.__annotations__, made_with)
    if event_base.closed:
        raise SocketClosed(strerror="the event base is closed", operation="transport")


def check_transport_options(event_base: EventBase, options: TransportOptions) -> None:
    """Raise now what making a transport with these options would raise later.

    Raises:
        TypeError, ValueError: An option is not what it can be.
    """
    transport = Transport(event_base, TransportProtocol(), **options)
    transport._lose(None, tell=False)  # it may have started a timer
