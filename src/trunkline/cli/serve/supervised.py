"""Servers as a supervisor wants them, for the ways that are no `Server`: callbacks and tasks."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import SocketClosed, SocketError, StreamError, TimedOut
from ...multiplex import Delivery, EventBase, Listener, Transport, listen
from ...servers import OpenConnection, ServerStatistics, Traffic
from ...servers.connection import Outcome
from ...servers.proxy import Preamble
from ...servers.traffic import TrafficCounts
from ...sockets.passive_socket import PassiveSocket
from .behind_proxy import listening_behind

if TYPE_CHECKING:
    from ... import aio

__all__ = ("AwaitedServer", "EventedServer", "outcome_of")


class EventedServer:
    """Serves by callbacks, on an event base in a thread of its own.

    Args:
        sockets: Where it listens.
        factory: Called for each connection, returns its protocol.
        delivery: How input is delivered.
        max_connections: How many there may be at each of the sockets.
        preamble: Which proxies are believed that say for whom they connect; None is none.
        finish: Called when all connections have ended with what is to be called when everything
            else has, too.
    """

    def __init__(
        self,
        sockets: Sequence[PassiveSocket],
        factory: Callable[[], Any],
        *,
        delivery: Delivery,
        max_connections: int,
        preamble: Preamble | None = None,
        finish: Callable[[Callable[[], object]], object] | None = None,
    ) -> None:
        self._finish = finish
        self._over = threading.Event()
        self._ended: Counter[str] = Counter()
        self._peak = 0
        self._traffic = TrafficCounts()
        self._event_base = EventBase()
        self._listeners: list[Listener] = []
        for socket in sockets:
            make, form = listening_behind(socket, factory, delivery, preamble)
            self._listeners.append(
                listen(
                    self._event_base, socket, make, delivery=form, max_connections=max_connections
                )
            )
        for listener in self._listeners:
            listener._watch_ends(self._note_end)
        self._left = len(self._listeners)

    def start(self) -> None:
        """Begin to serve."""
        threading.Thread(target=self._run, name="serving").start()

    def _run(self) -> None:
        try:
            with self._event_base:
                self._event_base.dispatch()
        finally:
            self._over.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended."""
        return self._over.wait(timeout)

    def statistics(self) -> ServerStatistics:
        """Return what it has counted; those who shake hands are active."""
        active = self._active()
        self._peak = max(self._peak, active)
        accepted = sum(listener.accepted for listener in self._listeners)
        refused = sum(listener.refused for listener in self._listeners)
        return ServerStatistics(
            accepted=accepted, active=active, peak=self._peak, refused=refused, **self._ended
        )

    def traffic(self) -> Traffic:
        """Return what has gone through it.

        Receptions are all calls of the event base, of which each is mostly for something that has
        come.
        """
        counted = self._traffic.with_open(_look(each) for each in self._connections())
        return replace(counted, receptions=self._event_base.statistics().callbacks)

    def _connections(self) -> list[Transport]:
        return [each for listener in self._listeners for each in listener.connections]

    def _active(self) -> int:
        return sum(len(listener._connections) for listener in self._listeners)

    def _note_end(self, transport: Transport, error: Exception | None) -> None:
        """Count a connection that has ended, and how; on the event base."""
        self._peak = max(self._peak, self._active() + 1)
        self._ended[outcome_of(error).value] += 1
        self._traffic.note_end(_look(transport), None if error is None else type(error))

    def shutdown(self, timeout: float | None) -> bool:
        """Stop accepting, give the clients `timeout` seconds, and return when it has ended."""
        with suppress(SocketClosed):  # it has ended by itself
            self._event_base.call_soon_threadsafe(self._stop, timeout)
        return self._over.wait()

    def _stop(self, timeout: float | None) -> None:
        for listener in self._listeners:
            listener.stop(timeout, stopped=self._one_has_stopped)

    def _one_has_stopped(self) -> None:
        self._left -= 1
        if not self._left:
            if self._finish is None:
                self._event_base.exit()
            else:
                self._finish(self._event_base.exit)


def _look(transport: Transport) -> OpenConnection:
    name = transport.remote_name
    peer = "" if name is None else name
    duration = transport.duration
    return OpenConnection(peer, duration, transport.bytes_received, transport.bytes_sent)


def outcome_of(error: Exception | None) -> Outcome:
    """Say how a connection counts that has ended with an error, or without one."""
    if error is None:
        return Outcome.FINISHED
    # Who has not loaded it has met none of its errors.
    tls = sys.modules.get("trunkline.tls.errors")
    if tls is not None and isinstance(error, tls.TLSError):
        return Outcome.REJECTED
    if isinstance(error, TimedOut) and error.deadline:
        return Outcome.TIMED_OUT
    return Outcome.BROKEN if isinstance(error, SocketError | StreamError) else Outcome.FAILED


class AwaitedServer:
    """Serves by tasks, on a loop of asyncio's in a thread of its own.

    Args:
        handler: Called, and awaited, with each connection.
        **options: As for `aio.serve`.
    """

    def __init__(self, handler: Any, **options: Any) -> None:
        self._handler = handler
        self._options = options
        self._began, self._over = threading.Event(), threading.Event()
        self._failure: BaseException | None = None
        self._server: aio.AsyncServer | None = None

    def start(self) -> None:
        """Begin to serve; what is wrong with that is raised here."""
        threading.Thread(target=self._run, name="serving").start()
        self._began.wait()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        from ... import aio

        try:
            aio.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._over.set()
            self._began.set()

    async def _serve(self) -> None:
        from ... import aio

        self._server = aio.serve(self._handler, **self._options)
        self._server.start()
        self._began.set()
        await self._server.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has ended."""
        has_ended = self._over.wait(timeout)
        if has_ended and self._failure is not None:
            raise self._failure
        return has_ended

    def statistics(self) -> ServerStatistics:
        """Return what it has counted."""
        assert self._server is not None
        return self._server.statistics()

    def traffic(self) -> Traffic:
        """Return what has gone through it."""
        assert self._server is not None
        return self._server.traffic()

    def shutdown(self, timeout: float | None) -> bool:
        """Stop accepting, give the clients `timeout` seconds, and return when it has ended."""
        assert self._server is not None
        with suppress(RuntimeError):  # the loop is closed, for it has ended by itself
            self._server._loop.call_soon_threadsafe(self._server.shutdown, timeout)
        return self._over.wait()
