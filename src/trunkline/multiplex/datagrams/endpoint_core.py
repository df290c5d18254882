"""What all parts of a datagram endpoint share: its state, its socket, whom it calls, and its end.

`DatagramEndpoint` says what an endpoint is. It is made of layers, each of which builds on the one
before: this one, sending (`endpoint_sending`), and the endpoint itself, which receives.
"""

import contextlib
from collections.abc import Callable
from contextvars import Context
from typing import Any

from ..._core.callbacks import check_result
from ..._core.datagram_queue import DatagramQueue
from ..._sys.datagram_descriptor import DatagramDescriptor
from ..._sys.readiness import READABLE, WRITABLE
from ..._sys.registration import Registration
from ..._sys.sockaddr import AnyName, Name
from ...errors import SocketClosed, SocketError, TimedOut
from ...sockets.datagrams import DatagramSocket
from ..event_base import EventBase
from ..protocol_caller import ProtocolCaller
from ..time_limits import TimeLimits
from .protocol import DatagramDelivery

__all__ = ("CLOSED", "CLOSING", "OPEN", "OPENING", "STATES", "EndpointCore")

# How far an endpoint has come: plain integers, since those of an enumeration cost more to compare.
OPENING = 0  # names are being looked up; what is sent to the peer is queued
OPEN = 1
CLOSING = 2  # what is queued is still to be sent; nothing is delivered
CLOSED = 3  # the socket is gone, and the protocol has been told, or is about to be
STATES = ("opening", "open", "closing", "closed")

MOST_UNTOLD = 1000
"""How many errors are kept until they can be told: whoever sends in a loop sees no more of them."""


class EndpointCore(Registration):
    """A datagram socket on an event base, which calls it when the socket is ready."""

    # An instance of so many attributes would otherwise be slow.
    __slots__ = """
        __weakref__ _back_off _caller _cancel_opening _close_limit _context _delivery _error _family
        _has_peer _high_water _is_paused _is_reading _is_waiting_to_send _limits _local_name
        _low_water _multicast_interface _plain_family _queue _queue_limit _receive _received_at
        _retry _send _sent_at _size _socket _state _take_in _takes_plainly _untold _where
        _writing_is_paused dropped event_base failed received remote_name sent
    """.split()  # noqa: SIM905 - one name a line would take a page

    _number: int
    event_base: EventBase
    remote_name: AnyName
    _socket: DatagramSocket | None  # None before it is open, and after it is closed
    _local_name: Name | None
    _where: object  # what errors call the endpoint
    _state: int
    _error: Exception | None  # what is told in the end
    _cancel_opening: Callable[[], object] | None
    _caller: ProtocolCaller
    _limits: TimeLimits | None
    _untold: list[SocketError]  # errors that will be told when nothing else is being called
    _queue: DatagramQueue
    _is_reading: bool  # the event base is to call for input
    _is_waiting_to_send: bool  # the event base is to call when there is room
    _context: Context | None
    _delivery: DatagramDelivery
    _family: int  # the socket's
    _size: int | None
    _take_in: Callable[..., Any]  # what is called with what is received
    _takes_plainly: bool  # nothing is to be known of a datagram but its sender
    _receive: Callable[[int], tuple[bytes, Any]]  # see `DatagramDescriptor.bare_receive_from`
    _received_at: float
    _is_paused: bool
    _plain_family: int  # that of the socket, while sending to a sender takes no more than a call

    # -- being called ----------------------------------------------------------------------------

    @property
    def _descriptor(self) -> DatagramDescriptor:
        """The socket's descriptor, which is what all that is common to sockets works with."""
        if self._socket is None:
            what = "not open yet" if self._state == OPENING else "closed"
            raise SocketClosed(strerror=f"the endpoint is {what}", address=self._where)
        return self._socket._descriptor

    def _update_interest(self) -> None:
        """Have the event base call for what is wanted just now.

        An event base that is closed, or that cannot take another descriptor, is this endpoint's
        trouble, and not that of whoever has called.
        """
        interest = (READABLE if self._is_reading else 0) | (
            WRITABLE if self._is_waiting_to_send else 0
        )
        if not interest:
            self.event_base._unwatch(self)
            return
        try:
            self.event_base._watch(self, interest)
        except SocketError as error:
            self._lose(error)

    def _take_socket(self, socket: DatagramSocket) -> None:
        self._socket = socket
        self._number = socket.fileno()
        socket.watch_closing(self._socket_closing)

    def _release_socket(self) -> DatagramSocket | None:
        """Let go of the socket, and return it."""
        socket, self._socket = self._socket, None
        self._plain_family = -1
        if socket is not None:
            self._is_reading = self._is_waiting_to_send = False
            self.event_base._unwatch(self)
            socket.unwatch_closing(self._socket_closing)
        return socket

    def _socket_closing(self, number: int) -> None:
        """Somebody else closes the socket, in whatever thread.

        The event base must not watch the number any longer, which may be another file's in a
        moment; all else is for its own thread.
        """
        self.event_base._unwatch_for_good(self)
        error = SocketClosed(operation="endpoint", address=self._where)
        with contextlib.suppress(SocketClosed):  # the event base is closed: nobody is told any more
            self.event_base.call_soon_threadsafe(self._lose, error)

    # -- calling the protocol --------------------------------------------------------------------

    @property
    def protocol(self) -> Any:
        """Whom the endpoint calls."""
        return self._caller.protocol

    def _call(self, name: str, *args: Any) -> Any:
        """Call the protocol; an exception of its goes to the event base's handler, and no further.

        The endpoint goes on: it has many peers, and one of them must not end it for the others.
        """
        try:
            method = self._caller.nested_method(name)
            result = method(*args)
            if result is not None:
                check_result(result, method)
            return result
        except Exception as error:
            self.event_base._tell_exception(error, self)
            return None

    def _tell_soon(self, error: SocketError) -> None:
        """Tell the protocol of an error, from outside of whatever it is just doing."""
        if self.event_base.closed:
            return
        if not self._untold:
            self.event_base.call_soon(self._tell_errors)
        if len(self._untold) < MOST_UNTOLD:
            self._untold.append(error)

    def _tell_errors(self) -> None:
        untold, self._untold = self._untold, []
        for error in untold:
            self._call("error_received", error)

    # -- the end ---------------------------------------------------------------------------------

    def _lose(self, error: Exception | None, *, tell: bool = True) -> None:
        """Close at once, and tell the protocol a little later."""
        if self._state == CLOSED:
            return
        self._state = CLOSED
        self._error = error
        self._queue.clear()
        self._stop_waiting()
        if self._limits is not None:
            self._limits.stop()
        cancel, self._cancel_opening = self._cancel_opening, None
        if cancel is not None:
            cancel()
        socket = self._release_socket()
        if socket is not None:
            socket.close()
        if tell and not self.event_base.closed:
            self.event_base.call_soon(self._call, "connection_lost", error)

    def _stop_waiting(self) -> None:
        """Wait no more for room, by a timer or otherwise."""
        raise NotImplementedError

    # -- time limits -----------------------------------------------------------------------------

    def _active_since(self, which: str) -> float | None:
        raise NotImplementedError

    def _time_is_up(self, which: str) -> None:
        if not self._call("timed_out", which):
            self._lose(TimedOut.expired(which, self._where))
