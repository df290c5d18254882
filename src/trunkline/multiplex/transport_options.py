"""The options of transports, for those who make a transport later than they are told how."""

from contextvars import Context
from typing import TypedDict

from .._core.external_format import ExternalFormatLike
from ..errors import SocketClosed
from .delivery import Delivery
from .event_base import EventBase
from .protocol import TransportProtocol
from .transport import Transport

__all__ = ("TransportOptions", "check_transport_options")


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


def check_transport_options(event_base: EventBase, options: TransportOptions) -> None:
    """Raise now what making a transport with these options would raise later.

    Raises:
        SocketClosed: The event base is closed.
        TypeError, ValueError: An option is none of the transport's, or is not what it can be.
    """
    if event_base.closed:
        raise SocketClosed(strerror="the event base is closed", operation="transport")
    Transport(event_base, TransportProtocol(), **options).abort()  # it may have started a timer
