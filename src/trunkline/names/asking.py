"""Carrying an exchange with name servers out on an event base: by datagrams, and by TCP."""

from collections.abc import Callable
from functools import partial

from .._core.dns_exchange import Ask, DNSAnswer, Exchange
from .._core.dns_message import IN_A_CONNECTION
from .._core.timer_queue import Timer
from .._sys.sockaddr import family_of
from .._sys.socket_descriptor import DATAGRAM, SocketDescriptor
from ..errors import EndOfFile, ResolverError, SocketError
from ..multiplex.connector import connect
from ..multiplex.event_base import EventBase
from ..multiplex.protocol import TransportProtocol
from ..multiplex.transport import Transport

__all__ = ("Asking",)

_LARGEST_DATAGRAM = 65_535


class Asking:
    """An exchange that goes on, until it has an answer or an error, or is given up.

    Each datagram has a socket of its own, which is connected: so the system throws away what others
    send, nobody can guess the port, and it is told at once that nobody listens.

    Args:
        event_base: Who waits.
        exchange: What is asked.
        answered: Called with the answer.
        failed: Called with the error.
    """

    def __init__(
        self,
        event_base: EventBase,
        exchange: Exchange,
        answered: Callable[[DNSAnswer], object],
        failed: Callable[[ResolverError], object],
    ) -> None:
        self._event_base = event_base
        self._exchange = exchange
        self._answered = answered
        self._failed = failed
        self._descriptor: SocketDescriptor | None = None
        self._transport: Transport | None = None
        self._limit: Timer | None = None
        self._current: Ask | None = None

    def start(self) -> None:
        """Ask the first server."""
        self._do(self._exchange.ask())

    def give_up(self) -> None:
        """Ask and wait no more. May be repeated."""
        self._current = None
        if self._limit is not None:
            self._event_base.remove_timer(self._limit)
            self._limit = None
        if self._descriptor is not None:
            self._event_base.remove_fd_handlers(self._descriptor)
            self._descriptor.close()
            self._descriptor = None
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.abort()

    def _do(self, ask: Ask) -> None:
        self._current = ask
        self._limit = self._event_base.add_timer(self._expire, ask.timeout, one_shot=True)
        try:
            if ask.transport == "udp":
                self._ask_by_datagram(ask)
            else:
                self._ask_by_connection(ask)
        except SocketError as error:
            # Not from here: all servers may be out of reach, each of them at once.
            self._event_base.call_soon(self._not_reached, ask, error)

    # -- by datagrams ----------------------------------------------------------------------------

    def _ask_by_datagram(self, ask: Ask) -> None:
        descriptor = SocketDescriptor.open(family_of(ask.server), DATAGRAM, address=ask.server)
        self._descriptor = descriptor
        descriptor.where = ask.server
        descriptor.connect(ask.server)
        descriptor.send(ask.message)  # if there is no room for it, it is lost, as on its way
        self._event_base.set_io_handler(descriptor, "read", partial(self._on_datagram, ask))

    def _on_datagram(self, ask: Ask, *_: object) -> None:
        assert self._descriptor is not None
        try:
            data = self._descriptor.receive(_LARGEST_DATAGRAM)
        except SocketError as error:
            self._not_reached(ask, error)
            return
        if data is not None:
            self._take(data)

    # -- in a connection -------------------------------------------------------------------------

    def _ask_by_connection(self, ask: Ask) -> None:
        self._transport = connect(
            self._event_base,
            _Conversation(self, ask),
            remote_host=ask.server.host,
            remote_port=ask.server.port,
            delivery=IN_A_CONNECTION,
        )
        self._transport.write(IN_A_CONNECTION.pack(ask.message))

    def _connection_lost(self, ask: Ask, error: Exception | None) -> None:
        self._not_reached(ask, error or EndOfFile("the server has closed the connection"))

    # -- what comes of it ------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Take note of what the server has sent."""
        try:
            step = self._exchange.received(data)
        except ResolverError as error:
            self.give_up()
            self._failed(error)
            return
        if step is None:
            return
        self.give_up()
        if isinstance(step, Ask):
            self._do(step)
        else:
            self._answered(step)

    def _expire(self) -> None:
        self._limit = None
        self._ask_next("there was no answer")

    def _not_reached(self, ask: Ask, error: Exception) -> None:
        if ask is self._current:  # and not one that has been given up
            self._ask_next(str(error))

    def _ask_next(self, why: str) -> None:
        self.give_up()
        try:
            ask = self._exchange.failed(why)
        except ResolverError as error:
            self._failed(error)
        else:
            self._do(ask)


class _Conversation(TransportProtocol):
    """A connection to a name server, for one question."""

    def __init__(self, asking: Asking, ask: Ask) -> None:
        self._asking = asking
        self._ask = ask

    def frame_received(self, frame: bytes) -> None:
        self._asking._take(frame)

    def connection_lost(self, error: Exception | None) -> None:
        self._asking._connection_lost(self._ask, error)
