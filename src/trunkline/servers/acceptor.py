"""Accepting connections as sockets that block, on an event base."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from .._core.external_format import ExternalFormat
from .._sys.readiness import READABLE, wait_for_one
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import SocketError
from ..multiplex.event_base import EventBase
from ..multiplex.listener import Listener
from ..sockets.passive_socket import PassiveSocket
from .limits import LimitedChannel, TimeLimits
from .server_connection import ServerConnection

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = ("Acceptor",)


class Acceptor(Listener):
    """A `Listener` that makes a socket of each connection, and no transport.

    Args:
        event_base: Who accepts.
        socket: A socket that listens. The acceptor owns it from now on.
        external_format: The connections' external format; None is the listening socket's.
        limits: The connections' limits of time.
        make: Called for each connection, with the channel that keeps its limits, and then like
            `ActiveSocket`.
        welcome: Called with what that has returned, and how to speak TLS, or None.
        failed: Called with an error that ends the accepting; the acceptor is closed then.
        finished: Called when the acceptor is closed after `finish`.
    """

    def __init__(
        self,
        event_base: EventBase,
        socket: PassiveSocket,
        *,
        external_format: ExternalFormat | None,
        limits: TimeLimits,
        make: Callable[..., ServerConnection],
        welcome: Callable[[ServerConnection, "TLSLike | None"], object],
        failed: Callable[[SocketError], object],
        finished: Callable[[], object],
    ) -> None:
        self._external_format = external_format
        self._finished = finished
        self._left: int | None = None  # how many more are accepted, once the end has begun
        self._waits = False
        self._will_look_again = False
        self._limits = limits
        self._make = make
        self._welcome_connection = welcome
        super().__init__(event_base, socket, _no_protocol, failed, {})

    def _welcome(self, descriptor: SocketDescriptor, name: Name) -> None:
        make = partial(self._make, LimitedChannel(descriptor, self._limits))
        try:
            connection = self.socket._wrap_accepted(
                make,
                descriptor,
                name,
                external_format=self._external_format,
                begin_tls=False,
            )
        except Exception as error:
            self._event_base._tell_exception(error, self)
            return
        if self._left is not None:
            self._left -= 1
        self._welcome_connection(connection, self.socket._tls)

    def _give_up(self, error: SocketError) -> None:
        self.close()
        super()._give_up(error)

    # -- the end ---------------------------------------------------------------------------------

    def finish(self, most: int, *, waits: bool) -> None:
        """Accept who waits to be accepted, and close when nobody does any more.

        Without descriptors they go on waiting.

        Args:
            most: How many to accept, roughly: clients who go on connecting must not keep the end
                from coming.
            waits: Let them go on waiting when the acceptor is paused, too. Otherwise it closes.
        """
        self._left, self._waits = most, waits
        self._close_if_finished()

    def _start_accepting(self) -> None:
        super()._start_accepting()
        self._close_if_finished()

    def _handle_ready(self) -> None:
        """Accept who has connected, and end the accepting where that was the last of them."""
        super()._handle_ready()
        self._close_if_finished()

    def _close_if_finished(self) -> None:
        if self._left is None or self.closed:
            return
        has_room = self._waits or not self._is_paused
        is_wanted = self._left > 0 and has_room
        if not (is_wanted and wait_for_one(self.socket.fileno(), READABLE, 0)):
            self.close()
            self._finished()
        elif self._may_accept and self._retry_timer is None and not self._will_look_again:
            # Whom others who have the socket accept first, nothing tells of here.
            self._will_look_again = True
            self._event_base.call_soon(self._look_again)

    def _look_again(self) -> None:
        self._will_look_again = False
        self._close_if_finished()


def _no_protocol() -> NoReturn:
    raise AssertionError("an acceptor makes no transports")
