"""The options of transports, for those who make a transport later than they are told how."""

from typing import Any

from ..errors import SocketClosed
from .event_base import EventBase
from .transport import Transport

__all__ = ("TRANSPORT_OPTIONS", "check_transport_options")

TRANSPORT_OPTIONS = frozenset(Transport.__init__.__kwdefaults__ or ())
"""The names of the keyword arguments of `Transport`."""


def check_transport_options(event_base: EventBase, options: dict[str, Any]) -> None:
    """Raise now what making a transport with these options would raise later.

    Raises:
        SocketClosed: The event base is closed.
        TypeError, ValueError: An option is none of the transport's, or is not what it can be.
    """
    if event_base.closed:
        raise SocketClosed(strerror="the event base is closed", operation="transport")
    Transport(event_base, protocol=None, **options).abort()  # it may have started a timer
