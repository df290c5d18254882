"""What happens to an operation, as one small object: the argument of every `event_cb`."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self, TypeAlias

from .._core.log_record import about
from .._printable import printable
from ..errors import ConnectionRefused, ConnectionReset, TimedOut, TrunklineError

__all__ = ("Event", "EventCallback", "EventKind", "HandleFreed", "default_event_handler")

_logger = logging.getLogger("trunkline.evented")


class HandleFreed(TrunklineError, RuntimeError):
    """The timer, notifier, handler or lookup has been freed, or its loop has ended."""


class EventKind(Enum):
    """What has happened."""

    EOF = "eof"
    """The peer sends no more; this is no error."""
    TIMEOUT = "timeout"
    """Time ran out, while connecting, reading or writing."""
    REFUSED = "refused"
    """Nobody listens there."""
    RESET = "reset"
    """The peer threw the connection away."""
    ACCEPT_ERROR = "accept_error"
    """A server could not accept a connection."""
    ERROR = "error"
    """Anything else, also what your own callback has raised."""


_KINDS = (
    (TimedOut, EventKind.TIMEOUT),
    (ConnectionRefused, EventKind.REFUSED),
    (ConnectionReset, EventKind.RESET),
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened, which is told once.

    Attributes:
        kind: What it is.
        source: What it has happened to: the socket, the server, the lookup, the timer, …
        error: The error, or None for what is none, like end of file.
    """

    kind: EventKind
    source: Any
    error: Exception | None = None

    @classmethod
    def _from_error(cls, error: Exception, source: Any) -> Self:
        """Return the event for an error, of the kind that it is."""
        for error_class, kind in _KINDS:
            if isinstance(error, error_class):
                return cls(kind, source, error)
        return cls(EventKind.ERROR, source, error)

    def __str__(self) -> str:
        reason = "" if self.error is None else f" ({printable(self.error)})"
        return f"{self.kind.value}{reason} on {self.source!r}"


EventCallback: TypeAlias = Callable[[Event], object]
"""Called with what happens to an operation."""


def default_event_handler(event: Event) -> None:
    """Log an event that nobody asked for: what every loop does with those, until told otherwise.

    What is no error is logged for debugging only. What an application's own callback has raised
    comes with its traceback.
    """
    extra = about(peer=getattr(event.source, "remote_name", None), error=event.error)
    if event.error is None:
        _logger.debug("%s", event, extra=extra)
    elif isinstance(event.error, TrunklineError):
        _logger.warning("%s", event, extra=extra)
    else:
        _logger.error("%s", event, exc_info=event.error, extra=extra)
