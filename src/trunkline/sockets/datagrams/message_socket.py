"""What all sockets of whole messages have in common: sending them, and receiving them."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn, TypeAlias, overload

from ..._core.back_off import BackOff
from ..._core.buffers import Buffer, bytes_of, part_of, space_in
from ..._core.counts import check_count
from ..._core.deadline import Deadline
from ..._sys.clock import monotonic
from ..._sys.datagram_descriptor import TRUNCATED, ControlMessage, DatagramDescriptor
from ..._sys.packet_info import from_there
from ..._sys.sockaddr import AF_INET, AF_INET6, AF_UNIX, Name
from ..._sys.socket_descriptor import NO_SIGNAL, PEEK
from ...addresses import Endpoint, LocalAddress, NetlinkAddress
from ...errors import (
    Busy,
    ConnectionRefused,
    ConnectionReset,
    DestinationRequired,
    EndOfFile,
    HostDown,
    HostUnreachable,
    MessageTooLong,
    NetworkUnreachable,
    NoBufferSpace,
    NoNetwork,
    OperationNotSupported,
    OptionNotSupported,
    PermissionDenied,
    ProtocolError,
    SocketClosed,
    SocketError,
    TimedOut,
    WouldBlock,
)
from ...streams.stream import check_buffer_size, check_size
from ..names import kind_of_family, kind_of_name
from ..socket import Socket
from .python_names import PythonDatagramNames
from .received import Received, Sender, sender_of

__all__ = (
    "AT_ONCE",
    "LARGEST_DATAGRAM",
    "OF_EARLIER_DATAGRAMS",
    "WHOLE_NAMES",
    "MessageSocket",
    "Outgoing",
    "Receiver",
    "check_room",
    "deadline_in",
)

LARGEST_DATAGRAM = 65_535
"""Bytes: no datagram of UDP is larger."""

Receiver: TypeAlias = Sender | Endpoint | LocalAddress | NetlinkAddress
"""To whom a datagram goes, as one thing: whoever has sent another one, or a name."""

WHOLE_NAMES = (Endpoint, LocalAddress, NetlinkAddress)

OF_EARLIER_DATAGRAMS = (
    ConnectionRefused,
    ConnectionReset,
    HostDown,
    HostUnreachable,
    MessageTooLong,
    NetworkUnreachable,
    NoNetwork,
    OperationNotSupported,
    OptionNotSupported,
    PermissionDenied,
    ProtocolError,
)
"""What the network, or a receiver's host, can say of a datagram that was sent earlier.

A receiver says what it likes: these are all that the system makes of it.
"""

Outgoing: TypeAlias = tuple[Buffer, Any, Sequence[ControlMessage]]
"""A datagram that is ready for the system calls: data, target, and what goes with it.

There is no target if it is for the peer.
"""

# Nearly all calls do not wait, or wait for ever, which is the same for all of them.
AT_ONCE: Deadline = Deadline(0, monotonic)
"""The deadline of a call that does not wait."""

_NEVER = Deadline(None, monotonic)


def deadline_in(timeout: float | None) -> Deadline:
    """Return the deadline of a call that may take so many seconds."""
    if timeout is None:
        return _NEVER
    return AT_ONCE if type(timeout) is int and timeout == 0 else Deadline(timeout, monotonic)


def check_room(size: int | None, start: int = 0, end: int | None = None) -> None:
    """Check the most bytes that are to be received, None for all that there are.

    Raises:
        TypeError: It is no size; or there are bounds, which only a buffer has.
        ValueError: It is negative, or too large.
    """
    if start != 0 or end is not None:
        raise TypeError("start and end are bounds in a buffer, and a size has none")
    if size:
        check_buffer_size(size)
    elif size is not None:
        check_size(size)


class MessageSocket(Socket, PythonDatagramNames):
    """A socket that sends and receives whole messages, each with a sender and a receiver."""

    _descriptor: DatagramDescriptor

    def __init__(self, descriptor: DatagramDescriptor) -> None:
        super().__init__(descriptor)
        self._room = 0  # for what the system says beside a message

    @property
    def is_bound(self) -> bool:
        """Whether the socket is open and has a name of its own, by `bind` or by connecting."""
        return self._local_name is not None and not self.closed

    # -- sending ---------------------------------------------------------------------------------

    def send_many(
        self, datagrams: Iterable[Buffer | tuple[Buffer, Receiver]], *, timeout: float | None = 0
    ) -> int:
        """Send several datagrams in one call.

        Args:
            datagrams: Each is the data for the peer, or a pair of data and receiver, as `Received`
                is one.
            timeout: Seconds for all of it; see `send_to`.

        Returns:
            How many datagrams were sent, which are all of them.

        Raises:
            Everything that `send_to` raises; its attribute `sent` says how many had gone before.
        """
        prepared = self._prepared(datagrams)
        self._send_in_turn(prepared, 0, deadline_in(timeout))
        return len(prepared)

    def _prepared(self, datagrams: Iterable[Buffer | tuple[Buffer, Receiver]]) -> list[Outgoing]:
        """Return what `send_many` is given, ready for the system calls."""
        return [
            self._outgoing(bytes_of(each[0]), each[1])
            if isinstance(each, tuple) and len(each) == 2
            else self._outgoing(bytes_of(each, "a datagram is"), None)
            for each in datagrams
        ]

    def _send_one(self, outgoing: Outgoing, flags: int, deadline: Deadline) -> int:
        """Send a datagram; return how many bytes it has."""
        try:
            with self._descriptor.writing:
                return self._send(outgoing, flags, deadline)
        except Busy:
            return self._send_in_turn([outgoing], flags, deadline)

    def _send_in_turn(self, prepared: list[Outgoing], flags: int, deadline: Deadline) -> int:
        """Send all of it when other threads have sent what they are sending."""
        sent = count = 0
        try:
            with self._descriptor.writing.in_turn(deadline):
                for outgoing in prepared:
                    count = self._send(outgoing, flags, deadline)
                    sent += 1
        except TimedOut as error:
            told: SocketError = self._would_block("send") if deadline.is_immediate else error
            told.sent = sent
            raise told from None
        except SocketError as error:
            error.sent = sent
            raise
        return count

    def _send(self, outgoing: Outgoing, flags: int, deadline: Deadline) -> int:
        """Send a datagram, with the right to write, when there is room."""
        descriptor = self._descriptor
        if descriptor.postponed:
            self._tell_postponed()
        data, target, control = outgoing
        back_off = None
        while True:
            try:
                return descriptor.bare_send_message(data, flags | NO_SIGNAL, target, control)
            except BlockingIOError:
                descriptor.check_open("send")
                if deadline.is_immediate:
                    raise self._would_block("send") from None
                descriptor.wait_writable(deadline, "send")
                if target is None or descriptor.family != AF_UNIX:
                    continue
            except OSError as error:
                failure = descriptor.failure_or_report(error, "send", descriptor.name_of(target))
                if isinstance(failure, PermissionDenied):
                    raise self._explained(failure) from None
                if deadline.is_immediate or not isinstance(failure, NoBufferSpace):
                    raise failure from None
            # The room is in the receiver's queue, or in that of a network interface, and the system
            # cannot tell when there is some.
            back_off = back_off or BackOff(first=0.001, factor=2.0, last=0.05)
            descriptor.pause(back_off.next_delay(), deadline, "send")

    def _outgoing(self, data: Buffer, to: Any) -> Outgoing:
        """Return a datagram to a sender or a name, or to the peer."""
        if to is None:
            if self._remote_name is None:
                self._descriptor.check_open("send")
                raise DestinationRequired(operation="send", address=self._descriptor.where)
            return data, None, ()
        if isinstance(to, Sender):
            target = to._target_for(self._descriptor.family)
            if target is not None:
                control = from_there(to._control) if to._control and self._room else ()
                return data, target, control
            to = to.name
        if not isinstance(to, WHOLE_NAMES):
            raise TypeError(f"a receiver is a sender or a name, not {type(to).__name__}")
        return data, self._descriptor.sockaddr(self._checked(to), "send"), ()

    def _checked(self, name: Name) -> Name:
        """Return a name that is one of this socket's family.

        Raises:
            TypeError: It is local and the socket is not, or the like.
        """
        kind = kind_of_name(name)
        if kind != kind_of_family(self._descriptor.family):
            raise self._wrong_kind(f"send to {name}", f"address_family={kind!r}")
        return name

    def _wrong_kind(self, what: str, other: str) -> TypeError:
        return TypeError(f"this {self._kind_text()} does not {what}; it is for {other}")

    def _explained(self, error: PermissionDenied) -> PermissionDenied:
        """Return the error with what to do about it, where that is known."""
        is_internet = self._descriptor.family in (AF_INET, AF_INET6)
        if error.errno != errno.EACCES or not is_internet or self.get_option("broadcast"):
            return error
        return PermissionDenied(
            error.errno,
            "sending to all takes broadcast=True, as an argument of make_socket()",
            operation=error.operation,
            address=error.address,
        )

    # -- receiving -------------------------------------------------------------------------------

    @overload
    def receive_from(
        self,
        size_or_buffer: int | None = ...,
        *,
        timeout: float | None = ...,
        peek: bool = ...,
    ) -> Received[bytes]: ...
    @overload
    def receive_from(
        self,
        size_or_buffer: Buffer,
        *,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
        peek: bool = ...,
    ) -> Received[int]: ...
    def receive_from(
        self,
        size_or_buffer: int | Buffer | None = None,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = 0,
        peek: bool = False,
    ) -> Received[Any]:
        """Receive a datagram; see recv(2). It does not wait unless it is told to.

        What does not fit is lost. The result's `Received.truncated` tells that, which is False if
        you leave `size_or_buffer` out: then all datagrams fit.

        Args:
            size_or_buffer: The most bytes to receive; or a writable buffer to receive into.
                Default: as many as a datagram can have.
            start: Where in the buffer to begin.
            end: Where in the buffer to end; None is its end.
            timeout: Seconds to wait until something comes; None is for ever.
            peek: Leave the datagram to be received again.

        Returns:
            A pair, `Received`: the bytes, or how many there are in the buffer; and the `Sender`. No
            bytes are a datagram without any.

        Raises:
            WouldBlock: Nothing is there, and `timeout` is 0.
            TimedOut: Nothing came in time.
            ConnectionRefused, HostUnreachable, SocketError: The peer did not get an earlier
                datagram. Nothing is lost by this.
            SocketClosed: The socket is closed, or is being closed by another thread.
            Busy: Another thread is receiving.
            TooManyOpenFiles: Not all file descriptors that came along could be received. The
                datagram is lost, and those that could are closed.
            TypeError: It is neither a size nor a buffer; or a size, and there are bounds.
            ValueError: The size is negative or too large, or the bounds are not within the buffer.
        """
        deadline = deadline_in(timeout)
        flags = PEEK if peek else 0
        if size_or_buffer is None or isinstance(size_or_buffer, int):
            if size_or_buffer is not None or start != 0 or end is not None:
                check_room(size_or_buffer, start, end)
            with self._descriptor.reading:
                return self._receive(size_or_buffer, flags, deadline)
        with part_of(space_in(size_or_buffer), start, end) as view, self._descriptor.reading:
            return self._receive(view, flags, deadline)

    def receive_many(
        self, count: int, *, size: int | None = None, timeout: float | None = 0
    ) -> list[Received[bytes]]:
        """Wait for a datagram, and receive it and those behind it that have come already.

        Args:
            count: How many at most.
            size: The most bytes of each; see `receive_from`.
            timeout: Seconds to wait until the first one comes; None is for ever.

        Returns:
            At least one.

        Raises:
            Everything that `receive_from` raises.
            ValueError: The count is not positive.
        """
        check_count("a count", count)
        check_room(size)
        with self._descriptor.reading:
            received = [self._receive(size, 0, deadline_in(timeout))]
            self._receive_rest(received, count, size)
            return received

    def _receive_rest(self, received: list[Received[bytes]], count: int, size: int | None) -> None:
        """Receive what has come behind the first, so that there are so many at most."""
        while len(received) < count:
            try:
                received.append(self._receive(size, 0, AT_ONCE))
            except (WouldBlock, EndOfFile):
                break  # the end stays
            except SocketError as error:
                self._descriptor.postponed.append(error)  # the others must not be lost
                break

    def _receive(
        self, into: int | memoryview | None, flags: int, deadline: Deadline
    ) -> Received[Any]:
        """Receive a datagram, with the right to read, when there is one."""
        if self._descriptor.postponed:
            self._tell_postponed()
        while (received := self._receive_now(into, flags)) is None:
            if deadline.is_immediate:
                raise self._would_block("receive")
            self._descriptor.wait_readable(deadline, "receive")
        return received

    def _tell_postponed(self) -> NoReturn:
        """Raise the first error of earlier datagrams that was found out, and not told yet."""
        raise self._descriptor.postponed.pop(0)

    def _receive_now(self, into: int | memoryview | None, flags: int = 0) -> Received[Any] | None:
        """Receive a datagram if there is one."""
        descriptor = self._descriptor
        if into is None:
            size = LARGEST_DATAGRAM
            if descriptor.family not in (AF_INET, AF_INET6):  # these can be larger
                next_size = descriptor.next_size()
                if next_size is None:
                    return None
                size = max(size, next_size)
            elif not self._room:  # nothing is to be known of it but its sender
                datagram = descriptor.receive_from(size, flags)
                if datagram is None:
                    return None
                return Received((datagram[0], sender_of(datagram[1], descriptor.family)))
            message = descriptor.receive_message(size, self._room, flags)
        elif isinstance(into, int):
            message = descriptor.receive_message(into, self._room, flags)
        else:
            message = descriptor.receive_message_into(into, self._room, flags)
        if message is None:
            return None
        data, control, told, sockaddr = message
        received: Received[Any] = Received((data, sender_of(sockaddr, descriptor.family, control)))
        if told & TRUNCATED:
            received.truncated = True
        if descriptor.arrived is not None:
            received.descriptors = descriptor.arrived.take(None, descriptor.where)
        return received

    def __iter__(self) -> Iterator[Received[bytes]]:
        """Receive datagrams until the socket is closed.

        What the network says of earlier datagrams ends it for a socket with a peer, and can be gone
        on from. A socket without one goes on by itself: it may be a server, and has others to
        serve.
        """
        while True:
            try:
                with self._descriptor.reading:
                    received = self._receive(None, 0, _NEVER)
            except SocketClosed:
                return
            except OF_EARLIER_DATAGRAMS:
                if self._remote_name is not None:
                    raise
                continue
            yield received

    def _would_block(self, operation: str) -> WouldBlock:
        return WouldBlock(errno.EAGAIN, operation=operation, address=self._descriptor.where)
