"""Shaking hands on an event base, before a transport begins, or goes on, with TLS."""

from typing import TYPE_CHECKING

from .._core.timer_queue import Timer
from .._sys.readiness import READABLE, WRITABLE
from .._sys.registration import Registration
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import SocketClosed, SocketError, TimedOut
from .event_base import EventBase
from .lingering import linger
from .tls_layer import TLSLayer

if TYPE_CHECKING:
    from .transport_securing import SecuringTransport

__all__ = ("Handshake",)


class Handshake(Registration):
    """Has the descriptor until the handshake is over.

    Args:
        event_base: Who calls it.
        transport: Which begins when it is over, or is lost when it has failed.
        descriptor: The connection, which is given on, or closed.
        layer: What speaks TLS.
        timeout: Seconds for all of it, however much comes meanwhile; None for no limit.
    """

    __slots__ = ("__weakref__", "_descriptor", "_event_base", "_layer", "_limit", "_transport")

    def __init__(
        self,
        event_base: EventBase,
        transport: "SecuringTransport",
        descriptor: SocketDescriptor,
        layer: TLSLayer,
        timeout: float | None,
    ) -> None:
        super().__init__(descriptor.number)
        self._event_base = event_base
        self._transport = transport
        self._descriptor: SocketDescriptor | None = descriptor
        self._layer = layer
        self._limit: Timer | None = None
        if timeout is not None and not event_base.closed:
            self._limit = event_base.add_timer(self._expire, timeout, one_shot=True)

    def start(self) -> None:
        """Begin; it may fail at once, and call so."""
        assert self._descriptor is not None
        self._descriptor.watch_closing(self._descriptor_closing)
        self._go_on()

    def cancel(self) -> None:
        """Close the descriptor, and call nothing any more. May be repeated."""
        descriptor = self._let_go()
        if descriptor is not None:
            descriptor.close()

    def _handle_ready(self) -> None:
        """Go on with what has come."""
        self._event_base._note_call()
        self._go_on()

    def _go_on(self) -> None:
        descriptor = self._descriptor
        if descriptor is None:
            return
        try:
            is_over = self._layer.advance()
            if not is_over:
                wanted = 0 if self._layer.machine.is_established else READABLE
                wanted |= WRITABLE if self._layer.holds_output else 0
                self._event_base._watch(self, wanted)
                return
        except OSError as error:
            self._fail(self._explained(error, descriptor))
            return
        self._event_base._pass_on(self, self._transport)
        self._let_go()
        self._layer.begin()

    def _explained(self, error: OSError, descriptor: SocketDescriptor) -> Exception:
        if isinstance(error, (BrokenPipeError, ConnectionResetError)):
            alert = self._layer.last_words()
            if alert is not None:
                return alert
        if isinstance(error, SocketError):
            return error
        return descriptor.failure(error, "handshake")

    def _fail(self, error: Exception) -> None:
        descriptor = self._let_go()
        if descriptor is not None:
            # Or the alert may be destroyed.
            linger(self._event_base, descriptor, flush=self._layer.flush)
            self._transport._lose(error)

    def _expire(self) -> None:
        if self._descriptor is not None:
            where = self._descriptor.where
            self.cancel()
            self._transport._lose(TimedOut.expired("handshake", where))

    def _descriptor_closing(self, number: int) -> None:
        """Somebody else closes the descriptor, in whatever thread; see `TransportCore`."""
        self._event_base._unwatch_for_good(self)
        if not self._event_base.closed:
            self._event_base.call_soon_threadsafe(self._found_closed)

    def _found_closed(self) -> None:
        if self._descriptor is not None:
            self._fail(SocketClosed(operation="handshake", address=self._descriptor.where))

    def _let_go(self) -> SocketDescriptor | None:
        """Return the descriptor, which is not watched any more; None if it has gone before."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._event_base._unwatch(self)
            descriptor.unwatch_closing(self._descriptor_closing)
        if self._limit is not None:
            self._event_base.remove_timer(self._limit)
            self._limit.callback = _nothing  # the queue may keep it, but not the connection
            self._limit = None
        return descriptor


def _nothing() -> None:
    """What a timer calls that was removed."""
