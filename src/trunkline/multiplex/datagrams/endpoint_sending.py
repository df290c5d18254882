"""Sending from a datagram endpoint: at once if that works, and else from a queue.

What the system says of a datagram that it does not take is told to the protocol a little later, and
never ends the endpoint. It may be about an earlier one, so that this one is tried again.
"""

from collections.abc import Iterable
from typing import Any

from ..._core.back_off import BackOff
from ..._core.buffers import Buffer, bytes_of
from ..._core.callbacks import call_plainly
from ..._core.datagram_queue import OVERHEAD, QueuedDatagram
from ..._core.timer_queue import Timer
from ..._sys.sockaddr import AF_UNIX
from ..._sys.socket_descriptor import NO_SIGNAL
from ...addresses import AddressLike
from ...errors import (
    DestinationRequired,
    NoBufferSpace,
    NotASocket,
    PermissionDenied,
    SocketClosed,
    SocketError,
    TimedOut,
)
from ...sockets import CLOSE_TIMEOUT
from ...sockets.datagrams import Sender
from ...sockets.datagrams.message_socket import OF_EARLIER_DATAGRAMS, Receiver
from ...sockets.keywords import PathLikeName
from .endpoint_core import CLOSING, OPEN, OPENING, EndpointCore

__all__ = ("SendingEndpoint",)

_MOST_ATTEMPTS = 16
"""How many errors of earlier datagrams are found out at a time before one is given up."""


class SendingEndpoint(EndpointCore):
    """The part of an endpoint that sends."""

    __slots__ = ()

    sent: int
    dropped: int
    failed: int
    _sent_at: float
    _high_water: int
    _low_water: int
    _queue_limit: int
    _writing_is_paused: bool  # the protocol has been asked to pause
    _back_off: BackOff
    _retry: Timer | None  # where the system cannot tell when there is room
    _close_limit: Timer | None
    _send: Any  # the system's own, see `DatagramDescriptor.bare_send_to`
    _has_peer: bool  # even while its name is being looked up

    def send_to(
        self,
        data: Buffer,
        remote_host: AddressLike | Receiver | None = None,
        remote_port: int | str | None = None,
        *,
        remote_filename: PathLikeName | None = None,
    ) -> None:
        """Send a datagram to the peer, or to somebody else; see the contract of `DatagramEndpoint`.

        The receiver is named as in `DatagramSocket.send_to`: by an address and a port, by the
        `Sender` of another datagram, or by a whole name. What is sent after the endpoint was closed
        is dropped.

        Args:
            data: Any object with bytes, which may be changed as soon as this returns; no bytes are
                a datagram, too.
            remote_host: The receiver's address; or who has sent a datagram, or a name, without a
                port beside it. Default: the peer.
            remote_port: The receiver's port, or the name of a UDP service.
            remote_filename: Local: the receiver's path or `LocalAddress`.

        Raises:
            DestinationRequired: The endpoint has no peer, and no receiver was given.
            TypeError, ValueError: An argument is none, or not for this kind of socket; or the
                endpoint is not open yet, and the receiver is not the peer.
        """
        if (
            type(remote_host) is Sender
            and remote_host._family == self._plain_family
            and remote_port is None
            and remote_filename is None
        ):
            # What a server does all the time; `_submit` does the same.
            failure = None
            send = self._send
            try:
                send(data, remote_host._sockaddr)
            except OSError as error:
                failure = error
            except (TypeError, BufferError):
                pass  # it has no bytes, or they do not lie one behind the other
            else:
                self.sent += 1
                return
            self._submit((_bytes_of(data), remote_host._sockaddr, ()), failure)
            return
        datagram = self._prepared(data, remote_host, remote_port, remote_filename)
        if datagram is not None:
            self._submit(datagram)

    def send_many(self, datagrams: Iterable[Buffer | tuple[Buffer, Receiver]]) -> None:
        """Send several datagrams; see `send_to`.

        Args:
            datagrams: Each is the data for the peer, or a pair of data and receiver, as `Received`
                is one.

        Raises:
            Everything that `send_to` raises, before any is sent.
        """
        prepared: list[QueuedDatagram | None] = []
        for each in datagrams:
            data, to = each if isinstance(each, tuple) and len(each) == 2 else (each, None)
            if type(to) is Sender and to._family == self._plain_family and type(data) is bytes:
                prepared.append((data, to._sockaddr, ()))  # what `_prepared` makes of it
            else:
                prepared.append(self._prepared(data, to))
        for datagram in prepared:
            if datagram is None:
                continue
            failure = None
            if self._plain_family >= 0 and datagram[1] is not None:  # as in `send_to`
                try:
                    self._send(datagram[0], datagram[1])
                except OSError as error:
                    failure = error
                else:
                    self.sent += 1
                    continue
            self._submit(datagram, failure)

    def _prepared(
        self, data: Any, host: Any = None, port: Any = None, filename: Any = None
    ) -> QueuedDatagram | None:
        """Return a datagram that can be sent, or queued; None if it cannot, which is told."""
        data = _bytes_of(data)
        names_nobody = host is None and port is None and filename is None
        if self._state == OPENING:
            if not names_nobody:
                raise ValueError(
                    "the endpoint is not open yet, which connection_made() tells: before, only to "
                    "the peer can be sent"
                )
            if not self._has_peer:
                raise DestinationRequired(operation="send", address=self._where)
            return data, None, ()
        if self._socket is None:
            return None  # closed
        try:
            to = None if names_nobody else self._socket._named_receiver(host, port, filename)
            _, target, control = self._socket._outgoing(data, to)
        except DestinationRequired as error:
            if names_nobody:
                raise
            self._failed(error)  # whoever has sent something has no name, which is not our mistake
            return None
        return data, target, control

    def _submit(self, datagram: QueuedDatagram, failure: OSError | None = None) -> None:
        """Send a datagram, or queue it.

        Args:
            datagram: Which one.
            failure: What has gone wrong when this was tried.
        """
        if self._state >= CLOSING:
            return
        if self._may_go_at_once(datagram) and self._send_now(datagram, failure):
            return
        if self._state >= CLOSING:
            return
        queue = self._queue
        if queue.size + len(datagram[0]) + OVERHEAD > self._queue_limit:
            self.dropped += 1
            return
        queue.append(datagram)
        self._choose_way()
        if self._state == OPEN:
            self._wait_for_room()
        if queue.size > self._high_water and not self._writing_is_paused:
            self._writing_is_paused = True
            try:
                call_plainly(self._caller.nested_method("pause_writing"))
            except Exception as error:
                self.event_base._tell_exception(error, self)

    def _may_go_at_once(self, datagram: QueuedDatagram) -> bool:
        if self._state == OPENING:
            return False
        return not self._queue.size or (
            self._each_has_room and not self._queue.has_some_for(datagram[1])
        )

    @property
    def _each_has_room(self) -> bool:
        """Whether room is the receiver's, and not the endpoint's: so it is without a local peer."""
        socket = self._socket
        return socket is not None and socket._descriptor.family == AF_UNIX and not self._has_peer

    def _send_now(self, datagram: QueuedDatagram, failure: OSError | None = None) -> bool:
        """Send a datagram; return whether it is gone, or given up. Else there is no room for it."""
        data, target, control = datagram
        descriptor = self._descriptor
        is_second_try = False
        for _ in range(_MOST_ATTEMPTS):
            if failure is None:
                try:
                    descriptor.bare_send_message(data, NO_SIGNAL, target, control)
                except OSError as error:
                    failure = error
                else:
                    self.sent += 1
                    if self._limits is not None:
                        self._sent_at = self.event_base.now()
                    return True
            if isinstance(failure, BlockingIOError) and not descriptor.is_closed:
                return False
            name = self.remote_name if target is None else descriptor.name_of(target)
            told, is_earlier = descriptor.told_by(failure, "send", name)
            failure = None
            self._tell_postponed()
            if isinstance(told, NoBufferSpace):
                return False
            if isinstance(told, SocketClosed | NotASocket):
                self._lose(told)
                return True
            if not is_earlier:
                if is_second_try or not self._may_be_earlier(told):
                    self._failed(told, tell=not is_second_try)  # it is the same error again
                    return True
                is_second_try = True
            self._tell_soon(told)
        self.failed += 1
        return True

    def _may_be_earlier(self, error: SocketError) -> bool:
        """Return whether an error may be about an earlier datagram: sending again tells that."""
        is_internet = self._descriptor.family != AF_UNIX
        return is_internet and self._has_peer and isinstance(error, OF_EARLIER_DATAGRAMS)

    def _choose_way(self) -> None:
        """Find out whether sending to a sender is no more than a call, so that not each has to."""
        socket = self._socket
        self._plain_family = -1
        if (
            socket is not None
            and self._state == OPEN
            and not (self._queue.size or self._limits or socket._room)
            and socket._descriptor.family != AF_UNIX
        ):
            self._plain_family = socket._descriptor.family

    def _failed(self, error: SocketError, *, tell: bool = True) -> None:
        self.failed += 1
        if not tell:
            return
        if isinstance(error, PermissionDenied) and self._socket is not None:
            error = self._socket._explained(error)
        self._tell_soon(error)

    def _tell_postponed(self) -> None:
        """Tell what was found out of earlier datagrams beside what was looked for."""
        postponed = self._descriptor.postponed
        while postponed:
            self._tell_soon(postponed.pop(0))

    # -- waiting for room ------------------------------------------------------------------------

    def _wait_for_room(self) -> None:
        """Have the queue looked at again when there is room."""
        if self._retry is not None or self._is_waiting_to_send:
            return
        self._is_waiting_to_send = True
        self._update_interest()

    def _wait_a_moment(self) -> None:
        """Have the queue looked at again after some time: the system would say that there is room.

        So it does where room is a receiver's; and where a network interface has none (ENOBUFS).
        """
        if self._is_waiting_to_send:
            self._is_waiting_to_send = False
            self._update_interest()
        if self._retry is None and self._state in (OPEN, CLOSING):
            delay = self._back_off.next_delay()
            self._retry = self.event_base.add_timer(self._try_again, delay, one_shot=True)

    def _try_again(self) -> None:
        self._retry = None
        self._flush()

    def _stop_waiting(self) -> None:
        self._is_waiting_to_send = False
        for timer in (self._retry, self._close_limit):
            if timer is not None:
                self.event_base.remove_timer(timer)
        self._retry = self._close_limit = None

    def _flush(self) -> None:
        """Send what is queued, as far as it goes; then do what was waiting for that."""
        queue = self._queue
        if self._socket is None:
            return
        before = queue.size
        try:
            queue.send(self._send_now, each_has_room=self._each_has_room)
        finally:
            if self._socket is not None:
                if queue.size < before:
                    self._back_off.reset()
                self._go_on_waiting(is_stuck=queue.size == before)
        self._choose_way()
        if self._writing_is_paused and queue.size <= self._low_water:
            self._writing_is_paused = False
            if self._state == OPEN:
                self._call("resume_writing")
        if self._state == CLOSING and not queue.size:
            self._lose(self._error)

    def _go_on_waiting(self, *, is_stuck: bool) -> None:
        """Wait for room, or no more, after as much was sent as could be.

        Where nothing at all went though the system had said that there is room, it is of no use to
        ask it again.
        """
        if not self._queue.size:
            if self._is_waiting_to_send:
                self._is_waiting_to_send = False
                self._update_interest()
        elif is_stuck or self._each_has_room:
            self._wait_a_moment()
        else:
            self._wait_for_room()

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what is queued, and close. Nothing more is delivered. May be repeated.

        What cannot be sent in `CLOSE_TIMEOUT` seconds is dropped, and `connection_lost` gets
        `TimedOut`. An endpoint that is not open yet goes on with that if something is queued, to
        send it, and `connection_made` is not called.
        """
        if self._state >= CLOSING:
            return
        if not self._queue.size:
            self._lose(None)
            return
        self._state = CLOSING
        self._choose_way()
        if self._is_reading:
            self._is_reading = False
            self._update_interest()
        if self._state != CLOSING or self.event_base.closed:  # nobody calls any more
            self._lose(None)
            return
        self._close_limit = self.event_base.add_timer(
            self._give_up_closing, CLOSE_TIMEOUT, one_shot=True
        )

    def _give_up_closing(self) -> None:
        self._close_limit = None
        self._lose(TimedOut.expired("close", self._where))

    def abort(self) -> None:
        """Drop what is queued, and close now. May be repeated."""
        self._lose(None)


def _bytes_of(data: Any) -> bytes:
    """Return a copy, not a view, of what can be changed: the caller may do that."""
    return data if type(data) is bytes else bytes(bytes_of(data, "a datagram is"))
