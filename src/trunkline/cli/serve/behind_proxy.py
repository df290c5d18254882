"""Callbacks behind a proxy that says, in the PROXY protocol, for whom it connects.

Its header comes before anything else, TLS too. It is taken byte by byte: what is behind it stays in
the transport, and is delivered to the protocol as that wants it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..._core.framing import Blocks
from ..._core.proxy_protocol import ProxyHeaderParser
from ..._core.timer_queue import Timer
from ...errors import BadProxyHeader, SocketError, TimedOut
from ...multiplex import Delivery, Transport, TransportProtocol
from ...servers.proxy import Preamble
from ...sockets.passive_socket import PassiveSocket
from .connection_log import note

if TYPE_CHECKING:
    from ...tls.description import TLSLike

__all__ = ("BehindProxy", "listening_behind")


class BehindProxy(TransportProtocol):
    """Reads a header where a proxy is believed, and makes way for the protocol that is served by.

    Args:
        preamble: Who is believed.
        factory: Makes that protocol.
        delivery: How input is delivered to it.
        tls: How to speak TLS, behind the header; None is not at all.
    """

    def __init__(
        self,
        preamble: Preamble,
        factory: Callable[[], Any],
        delivery: Delivery,
        tls: "TLSLike | None",
    ) -> None:
        self._preamble = preamble
        self._factory = factory
        self._delivery = delivery
        self._tls = tls
        self._parser = ProxyHeaderParser(preamble.max_size)
        self._timer: Timer | None = None
        self._transport: Transport

    def connection_made(self, transport: Transport) -> None:
        """Wait for the header, or not."""
        self._transport = transport
        if not self._preamble.trusts(transport.remote_name):
            self._go_on()
        elif self._preamble.timeout is not None:
            self._timer = transport.event_base.add_timer(
                self._took_too_long, self._preamble.timeout, one_shot=True
            )

    def block_received(self, block: bytes) -> None:
        """Take a byte of the header."""
        try:
            self._parser.feed(block)
        except BadProxyHeader as error:
            self._drop(error)
            return
        header = self._parser.header
        if header is not None:
            self._transport._take_names(header.source, header.destination)
            self._go_on()

    def _go_on(self) -> None:
        self._stop_timer()
        if self._tls is None:
            self._make_way()
        else:
            self._transport.start_tls(self._tls, server_side=True)

    def tls_started(self, transport: Transport) -> None:
        """There is nothing more to be done."""
        self._make_way()

    def _make_way(self) -> None:
        protocol = self._factory()
        self._transport.set_protocol(protocol)
        self._transport.set_delivery(self._delivery)
        begin = getattr(protocol, "connection_made", None)
        if begin is not None:
            begin(self._transport)

    def eof_received(self) -> None:
        """That was no header."""
        self._drop(BadProxyHeader("the connection ended before the header did"))

    def _took_too_long(self) -> None:
        self._timer = None
        self._drop(TimedOut.expired("read_proxy_header", self._transport.remote_name))

    def _drop(self, error: SocketError | BadProxyHeader) -> None:
        note(f"is dropped: {error}", server="proxy", peer=self._transport.remote_name, error=error)
        self._transport.abort(reset=True)

    def stop_requested(self) -> None:
        """Nobody has asked for anything."""
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._transport.event_base.remove_timer(self._timer)
            self._timer = None


def listening_behind(
    socket: PassiveSocket,
    factory: Callable[[], Any],
    delivery: Delivery,
    preamble: Preamble | None,
) -> tuple[Callable[[], Any], Delivery]:
    """Return the factory and the delivery to listen with, perhaps behind proxies.

    Args:
        socket: Where to listen. If there is a preamble, and it would speak TLS, it does so no more:
            what is made by the factory does.
        factory: Makes the protocols.
        delivery: How input is delivered to them.
        preamble: Which proxies are believed; None is none.
    """
    if preamble is None:
        return factory, delivery
    tls, socket._tls = socket._tls, None
    return lambda: BehindProxy(preamble, factory, delivery, tls), Blocks(1)
