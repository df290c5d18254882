"""Watching how a connection is made, for who wants to tell people."""

from collections.abc import Iterable
from typing import Protocol

from .._sys.clock import Clock
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import Endpoint, IPAddress
from ..errors import SocketError
from .connect_plan import Route
from .connecting import Attempts

__all__ = ("WatchedAttempts", "Watcher")


class Watcher(Protocol):
    """Who wants to know how a race goes."""

    def addresses_found(self, names: tuple[Endpoint, ...], /) -> object:
        """These are to be tried; some may have been told before, while others were looked for."""

    def attempt_started(self, name: Endpoint, /) -> object:
        """One is being tried."""

    def attempt_failed(self, name: Endpoint, error: SocketError, /) -> object:
        """It has failed."""


class WatchedAttempts(Attempts):
    """A race that somebody watches.

    Args:
        route: See `Attempts`, as for the next two.
        delay: Seconds between the starts of two attempts.
        clock: What tells when the next attempt is due.
        watcher: Who is told how it goes.
    """

    def __init__(self, route: Route, delay: float | None, clock: Clock, watcher: Watcher) -> None:
        super().__init__(route, delay, clock)
        self._watcher = watcher

    def offer(self, addresses: Iterable[IPAddress]) -> None:
        """See `Attempts.offer`."""
        some = tuple(addresses)
        self._watcher.addresses_found(self._route.names_of(some))
        super().offer(some)

    def complete(self, addresses: Iterable[IPAddress]) -> None:
        """See `Attempts.complete`."""
        some = tuple(addresses)
        if some:
            self._watcher.addresses_found(self._route.names_of(some))
        super().complete(some)

    def _open(self, name: Endpoint) -> SocketDescriptor:
        self._watcher.attempt_started(name)
        return super()._open(name)

    def _give_up(self, name: Endpoint, error: SocketError) -> None:
        self._watcher.attempt_failed(name, error)
        super()._give_up(name, error)
