"""Carrying an exchange with name servers out on an event base: by datagrams, and by TCP."""

import os
from collections.abc import Callable

from .._core.dns_exchange import Ask, DNSAnswer, Exchange
from .._core.dns_message import IN_A_CONNECTION
from ..errors import EndOfFile, ResolverError, SocketError
from ..multiplex.connector import connect
from ..multiplex.event_base import EventBase
from ..multiplex.protocol import TransportProtocol
from ..multiplex.transport import Transport
from .datagrams import Channel
from .patience import Patience
from .turns import Turns, forget_all_turns, turns_for

__all__ = ("Asking",)


class Asking:
    """An exchange that goes on, until it has an answer or an error, or is given up.

    A child process asks once more, as the answer goes to its parent. Whoever has it gives it up
    when the event base is closed.

    Args:
        event_base: Who waits.
        exchange: What is asked.
        told: Called with the answer, or the error.
    """

    __slots__ = (
        "_channel",
        "_current",
        "_event_base",
        "_exchange",
        "_is_over",
        "_patience",
        "_told",
        "_transport",
        "_turns",
    )

    def __init__(
        self,
        event_base: EventBase,
        exchange: Exchange,
        told: Callable[[DNSAnswer | ResolverError], object],
    ) -> None:
        self._event_base = event_base
        self._exchange = exchange
        self._told = told
        self._turns: Turns | None = None
        self._channel: Channel | None = None
        self._transport: Transport | None = None
        self._patience: Patience | None = None
        self._current: Ask | None = None
        self._is_over = False

    def start(self) -> None:
        """Ask the first server."""
        self._do(self._exchange.ask())

    def give_up(self) -> None:
        """Ask and wait no more. May be repeated."""
        self._is_over = True
        self._stop()

    def _stop(self) -> None:
        """Wait no more for the server that was asked last."""
        ask, self._current = self._current, None
        if ask is None:
            return
        if self._patience is not None:
            self._patience.end(self)
            self._patience = None
        if self._channel is not None:
            self._channel.forget(ask)
            self._channel = None
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        if self._turns is not None:
            self._turns.give_back(self)  # who is next may ask
            self._turns = None

    def _do(self, ask: Ask) -> None:
        self._current = ask
        self._turns = turns_for(self._event_base, ask.server, ask.transport)
        self._turns.take(self)

    def _wait_for_turn(self) -> None:
        """Be as patient as with an answer, unless others get theirs."""
        ask, turns = self._current, self._turns
        assert ask is not None and turns is not None  # noqa: PT018
        self._patience = turns.patience_for(ask)
        self._patience.begin(self)

    def _ask_now(self) -> None:
        """It is our turn."""
        ask, turns = self._current, self._turns
        assert ask is not None and turns is not None  # noqa: PT018
        if self._patience is None:
            self._patience = turns.patience_for(ask)
        self._patience.begin(self)
        try:
            if ask.transport == "udp":
                self._channel = turns.channel_for(ask)
                self._channel.send(ask, self)
            else:
                self._ask_by_connection(ask)
        except SocketError as error:
            # Not from here, either; see `Channel.send`.
            self._event_base.call_soon(self._is_not_reached, ask, error)

    def _after_fork(self) -> None:
        if self._current is not None:
            self._stop()
            self._event_base.call_soon(self._ask_again)

    def _ask_again(self) -> None:
        if not self._is_over and self._current is None:
            self._do(self._exchange.ask())

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
        self._is_not_reached(ask, error or EndOfFile("the server has closed the connection"))

    # -- what comes of it ------------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """Take note of what the server has sent."""
        try:
            step = self._exchange.received(data)
        except ResolverError as error:
            self._note_answer()
            self._end(error)
            return
        if step is not None:
            self._note_answer()
        if isinstance(step, Ask):
            self._stop()
            self._do(step)
        elif step is not None:
            self._end(step)

    def _end(self, outcome: DNSAnswer | ResolverError) -> None:
        self.give_up()
        self._told(outcome)

    def not_reached(self, error: Exception) -> None:
        """Take note that the server that was asked last cannot be reached."""
        self._ask_next(str(error))

    def _is_not_reached(self, ask: Ask, error: Exception) -> None:
        if ask is self._current:  # and not one that has been given up
            self.not_reached(error)

    def _note_answer(self) -> None:
        if self._turns is not None:
            self._turns.note_answer()

    def _expire(self) -> None:
        if self._turns is not None and self._turns.has_hope(self):
            self._wait_for_turn()
        else:
            self._ask_next("there was no answer")

    def _ask_next(self, why: str) -> None:
        self._stop()
        try:
            ask = self._exchange.failed(why)
        except ResolverError as error:
            self._end(error)
        else:
            self._do(ask)


class _Conversation(TransportProtocol):
    """A connection to a name server, for one question."""

    def __init__(self, asking: Asking, ask: Ask) -> None:
        self._asking = asking
        self._ask = ask

    def frame_received(self, frame: bytes) -> None:
        self._asking.take(frame)

    def connection_lost(self, error: Exception | None) -> None:
        self._asking._connection_lost(self._ask, error)


def _after_fork_in_child() -> None:
    for asking in forget_all_turns():
        asking._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
