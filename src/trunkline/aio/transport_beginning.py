"""The part of a transport that begins, with TLS or without, and that ends what has TLS.

asyncio tells of a beginning twice: the protocol, and whoever awaits the connection. A connection
that ends during its first handshake is told to nobody but the latter.
"""

import asyncio
import logging
from asyncio.sslproto import _SSLProtocolTransport
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from .._core.log_record import about
from .._core.timer_queue import Timer
from .._sys.loop_sockets import peer_of_socket
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import IPAddress
from ..errors import TimedOut
from ..multiplex.delivery import Delivery
from ..multiplex.protocol_caller import ProtocolCaller
from ..multiplex.transport import Transport
from ..multiplex.transport_core import CLOSING, CONNECTING
from ..tls.errors import TLSTruncated
from .securing import Securing, handshake_error, machine_info, plain_machine

if TYPE_CHECKING:
    from ..tls.description import TLSLike
    from ..tls.machine import Machine
    from .calling import CallingLoop

__all__ = ("BeginningTransport", "LooksLikeTransport", "delivery_to")

_logger = logging.getLogger("asyncio")


class LooksLikeTransport:
    """The base of what is an `asyncio.Transport` to `isinstance`; or, with TLS, one for TLS."""

    __slots__ = ()

    _layer: Any

    __class__ = property(
        lambda self: asyncio.Transport if self._layer is None else _SSLProtocolTransport
    )


class BeginningTransport(LooksLikeTransport, Transport):
    """The part of a `StreamTransport` that begins."""

    __slots__ = ("_begun", "_securing", "_shutdown_limit")

    bytes_sent: int  # once more, for type checkers that want it in each class

    _lingers = False  # asyncio's do not: a peer that still sends is told so by a reset
    _can_speak_tls = True
    _nests_tls = True

    def __init__(self, loop: "CallingLoop", protocol: Any, context: Context | None = None) -> None:
        self._begun: Callable[[Exception | None], object] | None = None
        self._securing: Securing | None = None
        self._shutdown_limit: Timer | None = None
        Transport.__init__(
            self,
            loop,
            protocol,
            delivery=delivery_to(protocol),
            context=copy_context() if context is None else context,
        )
        self._writes_plainly = False  # text is none of asyncio's business

    # -- the beginning ---------------------------------------------------------------------------

    def _will_begin(self, begun: Callable[[Exception | None], object]) -> None:
        """Have `begun` called once: with None when the connection has begun, or else with why not.

        With TLS, it begins when the handshake is over.
        """
        self._begun = begun

    def _begin_on(self, descriptor: SocketDescriptor, securing: Securing | None = None) -> None:
        """Begin on a connected socket, which the transport owns from now on."""
        name = peer_of_socket(descriptor)
        if securing is None:
            self._attach(descriptor, name)
            return
        self._securing = securing
        self._attach_with_tls(
            descriptor,
            name,  # type: ignore[arg-type]  # a local socket may have none
            securing.tls,
            server_side=securing.server_side,
            timeout=securing.handshake_timeout,
            server_name=securing.server_name,
        )

    def _secure(
        self, securing: Securing, protocol: Any, begun: Callable[[Exception | None], object]
    ) -> None:
        """Speak TLS from now on, for another protocol; see `EventLoop.start_tls`."""
        before = self._securing
        self._securing, self._begun = securing, begun  # the handshake may be over at once
        try:
            Transport.start_tls(
                self,
                securing.tls,
                server_side=securing.server_side,
                server_name=securing.server_name,
                timeout=securing.handshake_timeout,
            )
        except BaseException:
            self._securing, self._begun = before, None
            raise
        self.set_protocol(protocol)
        self.resume_reading()

    def _make_machine(
        self,
        tls: "TLSLike",
        *,
        server_side: bool,
        server_name: str | IPAddress | None,
        below: "Machine | None" = None,
    ) -> "Machine":
        name = None if server_name is None else str(server_name)
        plain = plain_machine(tls, server_side=server_side, server_name=name, below=below)
        if plain is not None:
            return plain
        return Transport._make_machine(
            self, tls, server_side=server_side, server_name=server_name, below=below
        )

    def _attach(self, *args: Any, **options: Any) -> None:
        begun, self._begun = self._begun, None
        try:
            Transport._attach(self, *args, **options)
        finally:
            if begun is not None:
                begun(None)

    def _give_up(self) -> None:
        """Close it; if there was no connection yet, the protocol is told nothing."""
        if self._state == CONNECTING:
            self._lose(None, tell=False)
        else:
            self.close()

    # -- the end ---------------------------------------------------------------------------------

    def _system_call_failed(self, error: OSError, operation: str) -> None:
        """End a connection for which a system call has failed.

        A TLS connection that is cut off has ended as any other does, to asyncio's users.
        """
        if not isinstance(error, TLSTruncated):
            Transport._system_call_failed(self, error, operation)
        elif operation == "receive":
            self._on_eof()
        else:
            self._lose(None)

    def close_with(self, error: Exception | None) -> None:
        """Send what is queued, and close; see `Transport.close_with`.

        With TLS, that may take so long as was told when the connection was made.
        """
        Transport.close_with(self, error)
        if self._state == CLOSING and self._securing is not None and not self._shutdown_limit:
            seconds = self._securing.shutdown_timeout
            self._shutdown_limit = self.event_base.add_timer(
                self._shutdown_expired, seconds, one_shot=True
            )

    def _shutdown_expired(self) -> None:
        self._shutdown_limit = None
        self._lose(TimedOut.expired("shutdown", self._where))

    def _lose(self, error: Exception | None, *, tell: bool = True) -> None:
        begun, self._begun = self._begun, None
        limit, self._shutdown_limit = self._shutdown_limit, None
        if limit is not None:
            self.event_base.remove_timer(limit)
            limit.callback = _nothing  # the queue may keep it
        if self._state == CONNECTING and self._securing is not None:
            error = handshake_error(error, self._securing.handshake_timeout)
            if begun is None and self._began_at is None and tell:
                self._note_failure(error)
        Transport._lose(self, error, tell=tell and self._began_at is not None)
        if begun is not None and not self.event_base.closed:
            begun(error or handshake_error(None, 0))

    def _forget(self) -> None:
        """Let go of all that knows this transport, so that nothing is left for the collector."""
        self._caller = ProtocolCaller(None, None)
        self._take_in = self._send = self._receive = _nothing
        self._form = None
        if self._layer is not None:
            self._layer.let_go()

    def _note_failure(self, error: Exception) -> None:
        """Tell of a handshake with a client that has failed: nobody awaits it."""
        if not isinstance(error, OSError):
            self._report(error, "TLS cannot begin.")
        elif self.event_base.get_debug():  # type: ignore[attr-defined]
            _logger.debug(
                "%r: SSL handshake failed", self, exc_info=error, extra=about(error=error)
            )

    def _report(self, error: BaseException, message: str) -> None:
        """Tell the loop's exception handler of an error."""
        self.event_base.call_exception_handler(  # type: ignore[attr-defined]
            {
                "message": message,
                "exception": error,
                "transport": self,
                "protocol": self.protocol,
            }
        )

    # -- what was agreed on ----------------------------------------------------------------------

    def _find_tls_info(self, name: str) -> Any:
        """Return what `get_extra_info` tells of TLS, or None."""
        machine = self._machine
        return None if machine is None else machine_info(machine, name)


def _nothing(*_: object) -> Any:
    """Stands for what a connection that is over does no more."""


def delivery_to(protocol: Any) -> Delivery:
    """Return how a protocol of asyncio's takes its input."""
    return "buffer" if isinstance(protocol, asyncio.BufferedProtocol) else "bytes"
