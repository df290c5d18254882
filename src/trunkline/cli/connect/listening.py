"""Waiting for a client instead of connecting to a server: the first one is whom one talks to."""

from collections.abc import Callable

from ...errors import TimedOut
from ...multiplex import EventBase, Listener, Transport, TransportProtocol, listen
from ..binding import bind_place
from .settings import Settings
from .telling import Teller

__all__ = ("Listening",)


class Listening:
    """Waits for a client, and hands over its transport.

    Whoever fails to shake hands is not taken for one. Nobody else is accepted afterwards.

    Args:
        event_base: Who does it.
        settings: What the user has said; the target is where to listen.
        teller: Who is told how it goes.
        made: Called with the transport.
        failed: Called with the error, if there is no client in time.

    Raises:
        AddressInUse, PermissionDenied, SocketError, ResolverError: It cannot listen there.
    """

    def __init__(
        self,
        event_base: EventBase,
        settings: Settings,
        teller: Teller,
        made: Callable[[Transport], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self._event_base = event_base
        self._place = settings.target
        self._teller = teller
        self._made = made
        self._failed = failed
        self._is_over = False
        self._listeners: list[Listener] = [
            listen(event_base, socket, self._client, max_connections=1, tls=settings.tls)
            for socket in bind_place(settings.target)
        ]
        for listener in self._listeners:
            teller.listening(listener.local_name)
        if settings.timeout is not None:
            event_base.add_timer(self._time_is_up, settings.timeout, one_shot=True)

    def _client(self) -> "_Client":
        return _Client(self._take)

    def _take(self, transport: Transport) -> None:
        if self._is_over:  # another one was faster, at another address
            transport.abort()
            return
        self._stop()
        self._teller.accepted(transport.remote_name)
        if transport.speaks_tls:
            self._teller.secured(transport)
        self._made(transport)

    def _time_is_up(self) -> None:
        if not self._is_over:
            self._stop()
            self._failed(TimedOut.expired("accept", str(self._place)))

    def _stop(self) -> None:
        self._is_over = True
        for listener in self._listeners:
            listener.close()


class _Client(TransportProtocol):
    """Tells of a client, once it can be talked to."""

    def __init__(self, made: Callable[[Transport], object]) -> None:
        self._made = made

    def connection_made(self, transport: Transport) -> None:
        self._made(transport)
