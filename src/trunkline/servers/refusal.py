"""Turning connections away in good order, without holding anybody up.

A client that is refused has often sent something already. If its connection were just closed, the
system would reset it, and the client might never read why. So the writing is ended, and what still
comes is thrown away, until the client closes too or its time is up. All of that happens on the
event base, beside the accepting.
"""

from collections.abc import Callable

from .._core.timer_queue import Timer
from ..errors import SocketError, TimedOut
from ..multiplex.event_base import EventBase
from ..multiplex.handlers import Cause, Event
from ..sockets.active_socket import LINGER_TIMEOUT, ActiveSocket

__all__ = ("Refusal",)

# The most that linger at a time. In a flood of connections the oldest are closed for the newest.
_MOST_LINGERING = 128


class Refusal:
    """Turns connections away.

    Args:
        event_base: Who does it.
        text: What a connection is sent first.
        ended: Called whenever one of them has been closed.
    """

    def __init__(self, event_base: EventBase, text: bytes, ended: Callable[[], object]) -> None:
        self._event_base = event_base
        self._text = text
        self._ended = ended
        self._lingering: dict[ActiveSocket, Timer] = {}

    def refuse(self, connection: ActiveSocket, *, says_so: bool) -> None:
        """Tell a client that it is refused, and close its connection when it has heard.

        If `says_so` is False, its connection is only closed.
        """
        while len(self._lingering) >= _MOST_LINGERING:
            self._end(next(iter(self._lingering)))
        self._lingering[connection] = self._event_base.add_timer(
            lambda: self._end(connection), LINGER_TIMEOUT, one_shot=True
        )
        if says_so:
            connection._attach(b"", self._text)
        self._send(connection)

    def _send(self, connection: ActiveSocket) -> None:
        """Send what there is room for, and the rest later; then wait for the client's end."""

        def on_writable(number: int, event: Event, cause: Cause | None) -> None:
            self._send(connection)

        def on_readable(number: int, event: Event, cause: Cause | None) -> None:
            if _has_ended(connection, self._event_base._scratch):
                self._end(connection)

        try:
            if _end_writing(connection):
                self._event_base.set_io_handler(connection, "read", on_readable)
            else:
                self._event_base.set_io_handler(connection, "write", on_writable, one_shot=True)
        except SocketError:  # it is gone
            self._end(connection)

    def _end(self, connection: ActiveSocket) -> None:
        self._event_base.remove_timer(self._lingering.pop(connection))
        connection.close(abort=True)
        self._ended()

    @property
    def is_busy(self) -> bool:
        """Whether there is a client that has not closed its end yet."""
        return bool(self._lingering)

    def close(self) -> None:
        """Close all connections that are left, now."""
        while self._lingering:
            connection, timer = self._lingering.popitem()
            self._event_base.remove_timer(timer)
            connection.close(abort=True)


def _end_writing(connection: ActiveSocket) -> bool:
    """End it after what is queued, if there is room for that; return whether there was."""
    try:
        connection.shutdown(write=True, timeout=0)
    except TimedOut:
        return False
    return True


def _has_ended(connection: ActiveSocket, scratch: memoryview) -> bool:
    try:
        # Below TLS, too: what comes is of no interest.
        return connection._descriptor.receive_into(scratch) == 0
    except SocketError:
        return True
