"""Shaking hands with many clients at once, in the accepting thread.

Who has not shaken hands is nobody yet: it has no thread, and does not count among the connections
that are served. So clients that are slow about it, or never end it, keep nobody else waiting. There
is a limit on how many of them there are. Beyond that nobody is accepted for a moment; then the one
that has been at it for longest has to go, for the next one.
"""

from collections import deque
from collections.abc import Callable
from functools import partial

from .._core.timer_queue import Timer
from .._sys.clock import monotonic
from ..errors import SocketError, TimedOut
from ..multiplex.event_base import EventBase
from ..multiplex.handlers import Cause, Event
from .connection import Connection, Outcome
from .limits import TimeLimits

__all__ = ("LEAST_AT_ONCE", "Handshakes")

LEAST_AT_ONCE = 128
"""How many clients may shake hands at once, even where fewer may be served."""

_FAIR_TIME = 1.0  # seconds that a client has for its handshake, however many others there are


class Handshakes:
    """The connections that are shaking hands, and those that have, and wait for room.

    All calls but `expect` are for the accepting thread.

    Attributes:
        closed: Whether nobody may begin any more.

    Args:
        event_base: Who does it.
        timeout: Seconds that a handshake may take; None is for ever.
        limits: The connections' limits of time.
        most: How many clients may shake hands at once.
        done: Called with a connection that has shaken hands.
        ended: Called with one for which that was the end, and how it ended.
        pause: Called when nobody is to be accepted, before one of these two was called.
    """

    def __init__(
        self,
        event_base: EventBase,
        timeout: float | None,
        limits: TimeLimits,
        most: int,
        done: Callable[[Connection], object],
        ended: Callable[[Connection, Outcome], object],
        pause: Callable[[], object],
    ) -> None:
        self._event_base = event_base
        self._limits = {"handshake_timeout": timeout, "lifetime": limits.lifetime}
        self._idle = limits.idle_timeout
        self._most = most
        self._done = done
        self._ended = ended
        self._pause = pause
        self._expected: set[Connection] = set()
        self._began: dict[Connection, float] = {}  # the oldest first
        self._timers: dict[Connection, list[Timer]] = {}
        self._waiting: deque[Connection] = deque()
        self.closed: bool = False
        self._room_timer: Timer | None = None

    def __len__(self) -> int:
        """Return how many connections there are here."""
        return len(self._expected) + len(self._began) + len(self._waiting)

    @property
    def have_room(self) -> bool:
        """Whether one more client may begin."""
        return len(self._began) < self._most

    # -- shaking hands ---------------------------------------------------------------------------

    def expect(self, connection: Connection) -> None:
        """Count a connection that is about to begin; from any thread."""
        self._expected.add(connection)

    def begin(self, connection: Connection) -> None:
        """Shake hands with a client, when it says something."""
        if self.closed:
            return
        self._expected.discard(connection)
        self._began[connection] = monotonic()
        self._timers[connection] = [
            self._event_base.add_timer(
                partial(self._expire, connection, name), seconds, one_shot=True
            )
            for name, seconds in self._limits.items()
            if seconds is not None
        ]

        def on_readable(number: int, event: Event, cause: Cause | None) -> None:
            if cause is Cause.TIMEOUT:
                self._expire(connection, "idle_timeout")
            else:
                self._go_on(connection)

        try:
            self._event_base.set_io_handler(
                connection.socket, "read", on_readable, timeout=self._idle
            )
        except SocketError as error:  # one descriptor too many, for the backend
            self._fail(connection, error, Outcome.REJECTED)
        self._make_room()

    def _go_on(self, connection: Connection) -> None:
        """Do what can be done at once."""
        socket = connection.socket
        try:
            is_over = connection.shake_hands()
            if not is_over and socket.has_buffered_output:
                self._go_on_when_writable(connection)
        except TimedOut as error:
            self._fail(connection, error, Outcome.TIMED_OUT)
        except SocketError as error:
            self._fail(connection, error, Outcome.REJECTED)
        except Exception as error:
            self._fail(connection, error, Outcome.FAILED)
        else:
            if is_over:
                self._forget(connection)
                self._done(connection)

    def _go_on_when_writable(self, connection: Connection) -> None:
        def on_writable(number: int, event: Event, cause: Cause | None) -> None:
            self._go_on(connection)

        self._event_base.remove_fd_handlers(connection.socket, read=False, write=True)
        self._event_base.set_io_handler(connection.socket, "write", on_writable, one_shot=True)

    def _forget(self, connection: Connection) -> None:
        del self._began[connection]
        for timer in self._timers.pop(connection):
            self._event_base.remove_timer(timer)
        self._event_base.remove_fd_handlers(connection.socket)

    def _expire(self, connection: Connection, limit: str) -> None:
        where = connection.socket.remote_name
        error = TimedOut.expired("handshake", where, limit=f"the {limit} has passed")
        self._fail(connection, error, Outcome.TIMED_OUT)

    def _fail(self, connection: Connection, error: Exception, outcome: Outcome) -> None:
        self._forget(connection)
        connection.end_handshake(error, outcome)
        self._ended(connection, outcome)

    # -- room ------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """If there is none, drop who has been at it for longest, as soon as that is fair."""
        self._stop_waiting_for_room()
        if self.have_room:
            return
        oldest, began = next(iter(self._began.items()))
        left = began + _FAIR_TIME - monotonic()
        if left > 0:
            self._room_timer = self._event_base.add_timer(self._make_room, left, one_shot=True)
            self._pause()
            return
        where = oldest.socket.remote_name
        error = TimedOut.expired("handshake", where, limit="others wait for their handshakes")
        self._fail(oldest, error, Outcome.REFUSED)

    def _stop_waiting_for_room(self) -> None:
        if self._room_timer is not None:
            self._event_base.remove_timer(self._room_timer)
            self._room_timer = None

    def wait_for_room(self, connection: Connection) -> None:
        """Keep a connection that has shaken hands until there is room to serve it."""
        self._waiting.append(connection)

    def next_waiting(self) -> Connection | None:
        """Take the connection that has waited for longest, if one does."""
        return self._waiting.popleft() if self._waiting else None

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> int:
        """Close all connections, and return how many there were."""
        self.closed = True
        found = [*self._expected, *self._began, *self._waiting]
        self._stop_waiting_for_room()
        for connection in list(self._began):
            self._forget(connection)
        self._expected.clear()
        self._waiting.clear()
        for connection in found:
            connection.leave()
            connection.cut()
        return len(found)
