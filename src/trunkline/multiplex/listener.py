"""Listening on an event base: a transport for each connection that is accepted."""

import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from .._core.accept_policy import (
    AcceptVerdict,
    ShortageEpisodes,
    accept_back_off,
    accept_verdict,
)
from .._core.callbacks import call_plainly, check_callback_or_none
from .._core.counts import check_count
from .._core.deadline import check_timeout
from .._core.log_record import about
from .._core.timer_queue import Timer
from .._sys.readiness import READABLE
from .._sys.registration import Registration
from .._sys.shortage import tell_when_freed
from .._sys.sockaddr import AnyName, Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import Endpoint
from ..errors import SocketClosed, SocketError
from ..sockets.address_limit import AddressLimit
from ..sockets.passive_socket import PassiveSocket
from ..sockets.secured import ready_tls
from .argument_check import check_event_base, check_socket
from .event_base import EventBase
from .protocol import ProtocolLike
from .protocol_check import check_factory
from .python_names import PythonServerNames
from .transport import Transport
from .transport_core import CONNECTING, OPEN
from .transport_options import TransportOptions, check_transport_names, check_transport_options
from .transport_securing import DEFAULT_HANDSHAKE_TIMEOUT

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = ("DEFAULT_DRAIN_TIMEOUT", "Listener", "listen")

DEFAULT_DRAIN_TIMEOUT = 10.0
"""Seconds that clients get when their server ends, unless told otherwise."""

_ACCEPTS_AT_ONCE = 64  # so that a flood of connections does not keep everything else waiting


class Listener(Registration, PythonServerNames):
    """Accepts connections, and makes a transport of each; `listen` makes it.

    It owns its passive socket: closing it closes that. Connections live on, while `stop` ends them,
    too. It survives running out of descriptors: that is logged once, and it accepts again when
    something of ours is closed, or after a growing delay.

    Attributes:
        accepted: How many connections have been accepted in all.
        refused: How many connections were closed at once, as their client had enough of them.
    """

    def __init__(
        self,
        event_base: EventBase,
        socket: PassiveSocket,
        protocol_factory: Callable[[], ProtocolLike],
        error_callback: Callable[[SocketError], object] | None,
        transport_options: TransportOptions,
        *,
        max_connections: int | None = None,
        max_connections_per_address: int | None = None,
        tls: "TLSLike | None" = None,
        handshake_timeout: float | None = None,
    ) -> None:
        super().__init__(socket.fileno())
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._event_base = event_base
        self._socket = socket
        self._local_name = _name_of_accepted(socket)
        self._protocol_factory = protocol_factory
        self._error_callback = error_callback
        self._transport_options = transport_options
        self._connections: set[Transport] = set()
        self._max_connections = float("inf") if max_connections is None else max_connections
        self._addresses = AddressLimit(max_connections_per_address)
        self.accepted: int = 0
        self.refused: int = 0
        self._end_watcher: Callable[[Transport, Exception | None], object] | None = None
        self._refusals = ShortageEpisodes()
        self._is_stopping = False
        self._stopped: list[Callable[[], object]] = []  # who is told that all have ended
        self._drain_timer: Timer | None = None
        self._back_off = accept_back_off()
        self._is_paused = False
        self._retry_timer: Timer | None = None
        self._will_be_told = False  # when something of ours is closed
        socket.watch_closing(self._socket_closing)
        self._start_accepting()

    @property
    def socket(self) -> PassiveSocket:
        """The socket that listens."""
        return self._socket

    @property
    def local_name(self) -> AnyName:
        """The name that it listens at."""
        return self._socket.local_name

    @property
    def connections(self) -> frozenset[Transport]:
        """Those of the connections that are not over, as they are just now."""
        return frozenset(self._connections)

    # -- accepting -------------------------------------------------------------------------------

    @property
    def _may_accept(self) -> bool:
        is_full = len(self._connections) >= self._max_connections
        return not (is_full or self._is_paused or self._socket.closed)

    def _start_accepting(self) -> None:
        if self._may_accept and not self._event_base.closed:
            self._event_base._watch(self, READABLE)

    def _stop_accepting(self) -> None:
        self._event_base._unwatch(self)

    def _socket_closing(self, number: int) -> None:
        """The socket is being closed, in whatever thread."""
        self._event_base._unwatch_for_good(self)

    def _handle_ready(self) -> None:
        """Accept who has connected."""
        self._event_base._note_call()
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                accepted = self._socket._accept_descriptor()
            except SocketError as error:
                if self._socket.closed or not self._survive(error):
                    return
            else:
                self._back_off.reset()
                if accepted is None:
                    return
                self.accepted += 1
                self._welcome(*accepted)
            if not self._may_accept:
                self._stop_accepting()
                return

    def _survive(self, error: SocketError) -> bool:
        """Do what the policy says about an error of accepting; return whether to go on."""
        verdict = accept_verdict(error)
        if verdict is AcceptVerdict.IGNORE:
            return True
        self._stop_accepting()
        if verdict is AcceptVerdict.BACK_OFF:
            self._socket._tell_shortage(error)
            delay = self._back_off.next_delay()
            self._stop_retrying()
            self._retry_timer = self._event_base.add_timer(self._retry, delay, one_shot=True)
            if not self._will_be_told:
                self._will_be_told = True
                tell_when_freed(self._retry_soon)
        else:
            self._give_up(error)
        return False

    def _give_up(self, error: SocketError) -> None:
        if self._error_callback is None:
            self._event_base._tell_exception(error, self)
            return
        try:
            call_plainly(self._error_callback, error)
        except Exception as failure:
            self._event_base._tell_exception(failure, self)

    def _retry_soon(self) -> None:
        """Something of ours was closed, perhaps by another thread."""
        self._will_be_told = False
        with contextlib.suppress(SocketClosed):  # then so is the event base
            self._event_base.call_soon_threadsafe(self._retry)

    def _stop_retrying(self) -> None:
        if self._retry_timer is not None:
            self._event_base.remove_timer(self._retry_timer)
            self._retry_timer = None

    def _retry(self) -> None:
        self._stop_retrying()
        self._start_accepting()

    def _welcome(self, descriptor: SocketDescriptor, name: Name) -> None:
        if not self._addresses.enter(name):
            descriptor.close()
            self._note_refusal(name)
            return
        try:
            protocol = self._protocol_factory()
            transport = self._make_transport(protocol)
        except BaseException as error:
            self._addresses.leave(name)
            descriptor.close()
            if not isinstance(error, Exception):
                raise
            self._event_base._tell_exception(error, self)
        else:
            if self._is_stopping:  # the factory has seen to that
                self._addresses.leave(name)
                descriptor.close()
                return
            self._connections.add(transport)
            transport._owner = self
            if self._tls is None:
                transport._attach(descriptor, name, local_name=self._local_name)
            else:
                transport._attach_with_tls(
                    descriptor,
                    name,
                    self._tls,
                    server_side=True,
                    timeout=self._handshake_timeout,
                    local_name=self._local_name,
                )

    def _make_transport(self, protocol: ProtocolLike) -> Transport:
        """Return the transport of a connection; a shell with transports of its own overrides it."""
        return Transport(self._event_base, protocol, **self._transport_options)

    def _note_refusal(self, name: Name) -> None:
        """Count a connection that was refused, and log that; once for as long as it goes on."""
        self.refused += 1
        if self._refusals.begins(self._event_base.now()):
            logging.getLogger("trunkline.multiplex").warning(
                "connections of %s at %s are refused: it has enough of them",
                name,
                self.local_name,
                extra=about(peer=name, local=self.local_name),
            )

    def _connection_ended(self, transport: Transport) -> None:
        """One of the connections is over, or has been detached."""
        was_full = len(self._connections) >= self._max_connections
        self._connections.discard(transport)
        if self._end_watcher is not None:
            self._end_watcher(transport, transport._error)
        name = transport.remote_name
        assert name is not None
        self._addresses.leave(name)
        if was_full and self._retry_timer is None:
            self._start_accepting()
        if self._is_stopping and not (self._connections or self._event_base.closed):
            self._tell_stopped()

    def _watch_ends(self, callback: Callable[[Transport, Exception | None], object]) -> None:
        """Have something called with each connection that is over, and its error, to count them."""
        self._end_watcher = callback

    # -- the owner's side ------------------------------------------------------------------------

    def pause(self) -> None:
        """Accept nobody until `resume`; up to the backlog, connections wait."""
        self._is_paused = True
        self._stop_accepting()

    def resume(self) -> None:
        """Undo `pause`."""
        self._is_paused = False
        self._start_accepting()

    def stop(
        self,
        drain: float | None = DEFAULT_DRAIN_TIMEOUT,
        *,
        stopped: Callable[[], object] | None = None,
    ) -> None:
        """Stop listening, and end the connections, each in its own time.

        You would want it to end a server in good order, for instance when a signal comes. The
        protocols are told, by `TransportProtocol.stop_requested`; one that knows what is still to
        be said says so, and closes. They are told a little later, so that a callback of theirs may
        stop the listener, too. Those that have not closed when the time is up are aborted.

        It may be repeated, which sets the time anew: an impatient second signal may give 0. On an
        event base that is closed, all are aborted at once, and nobody is told.

        Args:
            drain: Seconds for the connections to end; 0 aborts them at once, None is for ever.
            stopped: Called without arguments when all have ended, and their protocols know.

        Raises:
            TypeError, ValueError: The time is none, or `stopped` cannot be called.
        """
        seconds = check_timeout(drain, "drain")
        check_callback_or_none(stopped, what="stopped")
        is_first = not self._is_stopping
        self._is_stopping = True
        if stopped is not None:
            self._stopped.append(stopped)
        self.close()
        if self._event_base.closed:
            self._abort_all()
            return
        if is_first and seconds != 0:
            for transport in self.connections:
                self._event_base.call_soon(self._request_stop, transport)
        self._stop_draining()
        if not self._connections:
            self._tell_stopped()
        elif seconds == 0:
            self._abort_all()
        elif seconds is not None:
            self._drain_timer = self._event_base.add_timer(self._abort_all, seconds, one_shot=True)

    def _request_stop(self, transport: Transport) -> None:
        if transport._state == OPEN:  # it may have ended meanwhile
            transport._call("stop_requested")
        elif transport._state == CONNECTING:  # it is shaking hands
            transport.abort()

    def _abort_all(self) -> None:
        for transport in self.connections:
            transport.abort()

    def _stop_draining(self) -> None:
        if self._drain_timer is not None:
            self._event_base.remove_timer(self._drain_timer)
            self._drain_timer = None

    def _tell_stopped(self) -> None:
        """Tell that all have ended, after their protocols, which are told by deferred calls."""
        self._stop_draining()
        stopped, self._stopped = self._stopped, []
        for callback in stopped:
            self._event_base.call_soon(callback)

    def close(self) -> None:
        """Stop listening; connections that were accepted live on. May be repeated."""
        self._stop_retrying()
        self._socket.close()

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._socket.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Listener on {self._socket!r}>"


def _name_of_accepted(socket: PassiveSocket) -> Name | None:
    """Return the local name that all connections of a socket have, or None if each has its own."""
    name: Name = socket.local_name
    return None if isinstance(name, Endpoint) and name.host.is_unspecified else name


def listen(
    event_base: EventBase,
    socket: PassiveSocket,
    protocol_factory: Callable[[], ProtocolLike],
    *,
    error_callback: Callable[[SocketError], object] | None = None,
    max_connections: int | None = None,
    max_connections_per_address: int | None = None,
    tls: "TLSLike | None" = None,
    handshake_timeout: float | None = DEFAULT_HANDSHAKE_TIMEOUT,
    **transport_options: Unpack[TransportOptions],
) -> Listener:
    """Accept connections on an event base, and make a transport of each.

    With TLS, `connection_made` is called when the handshake is over. If it fails, `connection_lost`
    is all that the protocol is told. Until then the connection counts, as others do.

    Args:
        event_base: Who does it.
        socket: A socket that listens, see `make_socket`. The listener owns it from now on.
        protocol_factory: Called without arguments for each connection; it returns the protocol.
        error_callback: Called with an error that ends the accepting. By default it goes to the
            event base's `exception_handler`.
        max_connections: How many connections there are at once, None for no limit. More of them
            wait in the backlog.
        max_connections_per_address: How many of them one client may have, None for no such limit.
            More are accepted, and closed at once, which is logged once for as long as it goes on.
            IPv6 addresses with the same first 64 bits are one client, and local sockets are not
            counted.
        tls: Speak TLS: a `TLS` with a certificate, or a context of Python's. Default: as the socket
            was told.
        handshake_timeout: Seconds for a handshake, however much comes meanwhile; None for no limit.
        **transport_options: As for `Transport`: `delivery`, `external_format`, `line_limit`,
            `high_water`, `low_water`, `idle_timeout`, `read_timeout`, `write_timeout`, `context`.

    Returns:
        A `Listener`.

    Raises:
        SocketClosed: The socket, or the event base, is closed.
        TypeError, ValueError: An option is none of the transport's, or is not what it can be; or
            the factory cannot be called, or its protocols cannot, as far as a class tells that; or
            `tls` is a client's, or given to the socket, too.
        TLSError, SocketError: A file of the `TLS` is not as it should be.
    """
    check_event_base(event_base)
    check_socket("listen", socket, PassiveSocket)
    ready = ready_tls(tls, server_side=True, operation="listen")
    if ready is not None and socket.speaks_tls:
        raise ValueError("the socket has been told how to speak TLS: say it once")
    seconds = check_timeout(handshake_timeout, "handshake_timeout")
    check_transport_names(listen, event_base, transport_options, connect="passive")
    check_transport_options(event_base, transport_options)
    check_factory(protocol_factory, transport_options.get("delivery", "bytes"))
    check_callback_or_none(error_callback, "error", what="error_callback")
    for what, count in (
        ("max_connections", max_connections),
        ("max_connections_per_address", max_connections_per_address),
    ):
        if count is not None:
            check_count(what, count)
    return Listener(
        event_base,
        socket,
        protocol_factory,
        error_callback,
        transport_options,
        max_connections=max_connections,
        max_connections_per_address=max_connections_per_address,
        tls=ready or socket._tls,
        handshake_timeout=seconds,
    )
