"""What becomes of exceptions that an application's callbacks raise."""

import logging
from collections.abc import Callable
from typing import Any

from .._core.callbacks import call_plainly
from .._core.log_record import about
from .events import Event, EventCallback, EventKind

__all__ = ("AppErrors", "log_app_error")

_logger = logging.getLogger("trunkline.evented")


class AppErrors:
    """Where errors go.

    Args:
        catch: False if they are to leave the loop; True if they are to be logged, or a function
            that is called with them.
        send_to_event_cb: Whether those that are caught go to the operation's `event_cb` first.
    """

    def __init__(self, catch: bool | Callable[[Exception], object], send_to_event_cb: bool) -> None:
        self._catch = catch
        self._send_to_event_cb = send_to_event_cb

    def deal_with(self, error: Exception, event_cb: EventCallback | None, source: Any) -> None:
        """Give an error to whom it belongs, or raise what is to leave the loop.

        An `event_cb` gets it once. What that raises, the same error perhaps, goes further.
        """
        if self._catch is False:
            raise error
        if event_cb is not None and self._send_to_event_cb:
            try:
                call_plainly(event_cb, Event(EventKind.ERROR, source, error))
                return
            except Exception as further_error:
                error = further_error
        if self._catch is True:
            log_app_error(error, source)
        else:
            call_plainly(self._catch, error)


def log_app_error(error: Exception, source: object) -> None:
    """Log an exception that an application's callback has raised, and that goes nowhere else."""
    extra = about(peer=getattr(source, "remote_name", None), error=error)
    _logger.error("a callback of %r has failed", source, exc_info=error, extra=extra)
