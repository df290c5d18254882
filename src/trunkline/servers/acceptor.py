"""Accepting connections as sockets that block, on an event base."""

from collections.abc import Callable

from .._core.external_format import ExternalFormat
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import SocketError
from ..multiplex.event_base import EventBase
from ..multiplex.listener import Listener
from ..sockets.active_socket import ActiveSocket
from ..sockets.passive_socket import PassiveSocket
from .limits import LimitedChannel, TimeLimits

__all__ = ("Acceptor",)

# How often what waits in the backlog is asked for at the end; each time takes a number of them, and
# clients who go on connecting must not keep the end from coming.
_LAST_ROUNDS = 4


class Acceptor(Listener):
    """A `Listener` that makes an `ActiveSocket` of each connection, and no transport.

    Args:
        event_base: Who accepts.
        socket: A socket that listens. The acceptor owns it from now on.
        external_format: The connections' external format; None is the listening socket's.
        limits: The connections' limits of time.
        welcome: Called with each connection, and the channel that keeps its limits.
        failed: Called with an error that ends the accepting.
    """

    def __init__(
        self,
        event_base: EventBase,
        socket: PassiveSocket,
        *,
        external_format: ExternalFormat | None,
        limits: TimeLimits,
        welcome: Callable[[ActiveSocket, LimitedChannel], object],
        failed: Callable[[SocketError], object],
    ) -> None:
        self._external_format = external_format
        self._limits = limits
        self._welcome_connection = welcome
        super().__init__(event_base, socket, _no_protocol, failed, {})

    def _welcome(self, descriptor: SocketDescriptor, name: Name) -> None:
        try:
            connection = self.socket.wrap_accepted(
                descriptor, name, external_format=self._external_format
            )
        except Exception as error:
            self._event_base.exception_handler(error, self)
            return
        channel = LimitedChannel(descriptor, self._limits)
        connection.go_through(channel)
        self._welcome_connection(connection, channel)

    def accept_waiting(self) -> None:
        """Accept the connections that wait already, as far as that is possible at once."""
        for _ in range(_LAST_ROUNDS):
            if self._is_paused or self.closed:
                return
            self._on_readable(self.socket.fileno(), "read", None)


def _no_protocol() -> None:
    raise AssertionError("an acceptor makes no transports")
