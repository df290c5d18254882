"""Datagrams to await: a datagram socket, with a task waiting instead of a thread.

Nothing is kept here. What has come stays with the system until a task takes it, so that one that is
cancelled loses nothing; and what there is no room for waits in the task that sends it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from .._core.back_off import BackOff
from .._core.buffers import Buffer, part_of, space_in
from .._core.counts import check_count
from .._core.deadline import Deadline
from .._core.uncopied import Uncopied
from .._sys.datagram_descriptor import DatagramDescriptor
from .._sys.socket_descriptor import PEEK
from ..addresses import AddressLike, LocalAddress
from ..errors import Busy, NoBufferSpace, SocketClosed, SocketError, TimedOut, WouldBlock
from ..multiplex.datagrams.adoption import check_datagrams
from ..sockets.datagrams import DatagramSocket, Received
from ..sockets.datagrams.message_socket import (
    AT_ONCE,
    OF_EARLIER_DATAGRAMS,
    Receiver,
    check_room,
)
from ..sockets.datagrams.multicast import Multicast
from ..sockets.datagrams.python_names import PythonDatagramNames
from ..sockets.keywords import PathLikeName
from ..sockets.names import NameLike
from ..sockets.options.with_options import WithOptions
from .settling import succeed
from .socket_facts import SocketFacts
from .watching import Watch, watch_on

__all__ = ("AsyncDatagrams", "adopt_datagrams")

T = TypeVar("T")

# How many datagrams a task may send, or receive, without giving up the processor.
_CREDIT = 64


class AsyncDatagrams(SocketFacts, Multicast, WithOptions, PythonDatagramNames, Uncopied):
    """Datagrams to await: UDP, or local ones, on any loop of asyncio's.

    `open_datagrams` opens them, and `adopt_datagrams`. It is a `DatagramSocket` where what may wait
    is awaited: what the methods of the same names do, raise and leave undone is said there, and
    groups are joined and left as there. What is different:

    * Calls wait, unless they are given a `timeout`.
    * Receiving is one task's at a time; a second one gets `Busy`. Any number may send; where there
      is no room for their datagrams, they take turns.
    * A task that is cancelled has lost nothing: what has come can still be received, and what was
      to be sent is sent whole or not at all.
    * What is there already is returned without giving up the processor; but now and then it is
      given up nevertheless, so that a flood keeps no other task waiting.

    It belongs to its loop's thread. It is an asynchronous context manager, which closes it, and an
    asynchronous iterator over what comes::

        async for data, sender in datagrams:
            await datagrams.send_to(data.upper(), sender)
    """

    _socket: DatagramSocket

    def __init__(self, socket: DatagramSocket) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._credit = _CREDIT
        self._is_being_received = False  # by a task
        self._receiver: asyncio.Future[bool] | None = None  # that waits
        self._reads = False  # the loop watches for input
        self._senders: deque[asyncio.Future[bool]] = deque()  # those that wait, the first one first
        self._watch: Watch = watch_on(self._loop, socket.fileno(), self)
        socket.watch_closing(self._watch.closing)

    @property
    def _descriptor(self) -> DatagramDescriptor:  # type: ignore[override]  # it never changes
        return self._socket._descriptor

    def _descriptor_with_options(self, operation: str) -> DatagramDescriptor:
        return self._descriptor

    def _option_was_set(self, name: str, value: object) -> None:
        self._socket._option_was_set(name, value)

    @property
    def _multicast_interface(self) -> str | None:
        return self._socket._multicast_interface

    @_multicast_interface.setter
    def _multicast_interface(self, interface: str | None) -> None:
        self._socket._multicast_interface = interface

    # -- the peer --------------------------------------------------------------------------------

    @overload
    def connect(self, address: LocalAddress | PathLike[str]) -> None: ...
    @overload
    def connect(self, address: AddressLike, port: int | str = 0) -> None: ...
    def connect(self, address: NameLike, port: int | str = 0) -> None:
        """Make somebody the peer, instead of whoever is; see `DatagramSocket.connect`.

        Nothing is asked of anybody, so that this one is not awaited. To connect to a host by name,
        see `open_datagrams`.
        """
        connect: Callable[..., None] = self._socket.connect
        connect(address, port)

    def disconnect(self) -> None:
        """Have no peer any more: receive from everybody again; see `DatagramSocket.disconnect`."""
        self._socket.disconnect()

    @property
    def is_connected(self) -> bool:
        """Whether it is open and has a peer, who need not be there."""
        return self._socket.is_connected

    @property
    def is_bound(self) -> bool:
        """Whether it is open and has a name of its own."""
        return self._socket.is_bound

    # -- the loop calls --------------------------------------------------------------------------

    def _on_ready(self, is_readable: bool, is_writable: bool) -> None:
        if is_readable:
            if self._receiver is None:
                self._reads = False
            else:
                succeed(self._receiver, True)
        if is_writable:
            self._wake_sender()
        self._update()

    def _wake_sender(self) -> None:
        """Have the first of those who wait for room try."""
        if self._senders:
            succeed(self._senders[0], True)

    def _update(self) -> None:
        """Have the loop watch for what is wanted just now."""
        if not self.closed:
            self._reads = self._reads or self._receiver is not None
            self._watch.want(read=self._reads, write=bool(self._senders))

    def _wake_all(self) -> None:
        """Nobody is to wait any more for a descriptor that is being closed."""
        for waiter in (self._receiver, *self._senders):
            if waiter is not None:
                succeed(waiter, True)

    # -- waiting, in a task ----------------------------------------------------------------------

    def _deadline(self, timeout: float | None) -> Deadline:
        return Deadline(timeout, self._loop.time)

    async def _wait(
        self, waiter: "asyncio.Future[bool]", deadline: Deadline, operation: str
    ) -> None:
        """Wait until the loop has woken a waiter, and the socket may be tried again.

        Raises:
            TimedOut, SocketClosed: As the names say.
        """
        remaining = deadline.remaining()
        if remaining == 0:
            raise TimedOut.expired(operation, self._descriptor.where)
        self._update()
        self._watch.kept = self
        timer = None
        if remaining is not None:
            timer = self._loop.call_later(remaining, succeed, waiter, False)
        try:
            is_ready = await waiter
        finally:
            if timer is not None:
                timer.cancel()
        self._credit = _CREDIT
        self._descriptor.check_open(operation)
        if not is_ready:
            raise TimedOut.expired(operation, self._descriptor.where)

    def _stop_waiting(self) -> None:
        """Need not be kept any longer, if nobody waits."""
        if self._receiver is None and not self._senders:
            self._watch.kept = None

    async def _take_turns(self) -> None:
        """Let others have the processor, if this task has had it for long enough.

        Nothing has been done yet that could be lost.
        """
        self._credit -= 1
        if self._credit <= 0:
            self._credit = _CREDIT
            await asyncio.sleep(0)

    # -- sending ---------------------------------------------------------------------------------

    @overload
    async def send_to(
        self,
        data: Buffer,
        remote_host: Receiver = ...,
        *,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
        dont_route: bool = ...,
        confirm: bool = ...,
    ) -> int: ...
    @overload
    async def send_to(
        self,
        data: Buffer,
        remote_host: AddressLike,
        remote_port: int | str,
        *,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
        dont_route: bool = ...,
        confirm: bool = ...,
    ) -> int: ...
    @overload
    async def send_to(
        self,
        data: Buffer,
        *,
        remote_filename: PathLikeName,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
    ) -> int: ...
    async def send_to(
        self,
        data: Buffer,
        remote_host: AddressLike | Receiver | None = None,
        remote_port: int | str | None = None,
        *,
        remote_filename: PathLikeName | None = None,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = None,
        dont_route: bool = False,
        confirm: bool = False,
    ) -> int:
        """Send a datagram to the peer, or to somebody else, when there is room for it.

        Args:
            data: Any object that has bytes; no bytes are a datagram, too.
            remote_host: The receiver's address, in any form that `ensure_address` takes; or who has
                sent a datagram, or a name, without a port beside it. Default: the peer.
            remote_port: The receiver's port, or the name of a UDP service.
            remote_filename: Local: the receiver's path or `LocalAddress`.
            start: Where to begin in `data`.
            end: Where to end; None is its end.
            timeout: Seconds to wait until there is room; None is for ever, 0 not to wait.
            dont_route, confirm: See `DatagramSocket.send_to`.

        Returns:
            How many bytes were sent, which are all of them.

        Raises:
            Everything that `DatagramSocket.send_to` raises.
        """
        send: Callable[..., int] = self._socket.send_to
        attempt = partial(
            send,
            data,
            remote_host,
            remote_port,
            remote_filename=remote_filename,
            start=start,
            end=end,
            dont_route=dont_route,
            confirm=confirm,
        )
        await self._take_turns()
        return await self._send(attempt, self._deadline(timeout))

    async def send_many(
        self,
        datagrams: Iterable[Buffer | tuple[Buffer, Receiver]],
        *,
        timeout: float | None = None,
    ) -> int:
        """Send several datagrams, each when there is room for it; see `send_to`.

        Args:
            datagrams: Each is the data for the peer, or a pair of data and receiver, as `Received`
                is one.
            timeout: Seconds for all of it.

        Returns:
            How many datagrams were sent, which are all of them.

        Raises:
            Everything that `send_to` raises; its attribute `sent` says how many had gone before.
        """
        deadline = self._deadline(timeout)
        prepared = self._socket._prepared(datagrams)
        sent = 0
        try:
            for outgoing in prepared:
                await self._take_turns()
                await self._send(partial(self._socket._send_one, outgoing, 0, AT_ONCE), deadline)
                sent += 1
        except SocketError as error:
            error.sent = sent
            raise
        return sent

    async def _send(self, attempt: Callable[[], int], deadline: Deadline) -> int:
        """Try to send until there is room, in turn."""
        if not self._senders or deadline.is_immediate:
            try:
                return attempt()
            except (WouldBlock, NoBufferSpace):
                if deadline.is_immediate:
                    raise
        back_off = BackOff(first=0.001, factor=2.0, last=0.05)
        take_turn = self._senders.append
        while True:
            await self._wait_for_room(take_turn, deadline)
            try:
                result = attempt()
            except (WouldBlock, NoBufferSpace):
                # The room is in the receiver's queue, or in that of a network interface, and the
                # system cannot tell when there is some.
                await self._pause(back_off.next_delay(), deadline)
                take_turn = self._senders.appendleft
            else:
                self._wake_sender()
                return result

    async def _wait_for_room(
        self, take_turn: "Callable[[asyncio.Future[bool]], None]", deadline: Deadline
    ) -> None:
        waiter: asyncio.Future[bool] = self._loop.create_future()
        take_turn(waiter)
        try:
            await self._wait(waiter, deadline, "send")
        finally:
            self._senders.remove(waiter)
            self._stop_waiting()

    async def _pause(self, seconds: float, deadline: Deadline) -> None:
        """Wait for some time, and for nothing but to be closed."""
        remaining = deadline.remaining()
        await asyncio.sleep(seconds if remaining is None else min(seconds, remaining))
        self._descriptor.check_open("send")

    # -- receiving -------------------------------------------------------------------------------

    @overload
    async def receive_from(
        self, size_or_buffer: int | None = ..., *, timeout: float | None = ..., peek: bool = ...
    ) -> Received[bytes]: ...
    @overload
    async def receive_from(
        self,
        size_or_buffer: Buffer,
        *,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
        peek: bool = ...,
    ) -> Received[int]: ...
    async def receive_from(
        self,
        size_or_buffer: int | Buffer | None = None,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = None,
        peek: bool = False,
    ) -> Received[Any]:
        """Receive a datagram, when one comes.

        What does not fit is lost, which the result's `Received.truncated` tells.

        Args:
            size_or_buffer: The most bytes to receive; or a writable buffer to receive into, which
                cannot be resized meanwhile. Default: as many as a datagram can have.
            start: Where in the buffer to begin.
            end: Where in the buffer to end; None is its end.
            timeout: Seconds to wait until something comes; None is for ever, 0 not to wait.
            peek: Leave the datagram to be received again.

        Returns:
            A pair, `Received`: the bytes, or how many there are in the buffer; and the `Sender`.

        Raises:
            Busy: Another task is receiving.
            Everything else that `DatagramSocket.receive_from` raises.
        """
        deadline = self._deadline(timeout)
        flags = PEEK if peek else 0
        if size_or_buffer is None or isinstance(size_or_buffer, int):
            check_room(size_or_buffer, start, end)
            return await self._receive(size_or_buffer, flags, deadline)
        with part_of(space_in(size_or_buffer), start, end) as view:
            return await self._receive(view, flags, deadline)

    async def receive_many(
        self, count: int, *, size: int | None = None, timeout: float | None = None
    ) -> list[Received[bytes]]:
        """Wait for a datagram, and receive it and those behind it that have come already.

        Args:
            count: How many at most.
            size: The most bytes of each; see `receive_from`.
            timeout: Seconds to wait until the first one comes.

        Returns:
            At least one.

        Raises:
            Everything that `receive_from` raises.
            ValueError: The count is not positive.
        """
        check_count("a count", count)
        check_room(size)
        received: list[Received[bytes]] = [await self._receive(size, 0, self._deadline(timeout))]
        with self._descriptor.reading:
            self._socket._receive_rest(received, count, size)
        return received

    async def _receive(
        self, into: int | memoryview | None, flags: int, deadline: Deadline
    ) -> Received[Any]:
        descriptor = self._descriptor
        descriptor.check_open("receive")
        if self._is_being_received:
            reason = "another task is receiving"
            raise Busy(strerror=reason, operation="receive", address=descriptor.where)
        self._is_being_received = True
        try:
            await self._take_turns()
            received = self._receive_now(into, flags)
            while received is None:
                if deadline.is_immediate:
                    raise self._socket._would_block("receive")
                await self._wait_for_input(deadline)
                received = self._receive_now(into, flags)
                if received is None:
                    # As long as something is in the queue of errors, no wait lasts.
                    report = descriptor.take_report("receive")
                    if report is not None:
                        raise report
            return received
        finally:
            self._is_being_received = False

    def _receive_now(self, into: int | memoryview | None, flags: int) -> Received[Any] | None:
        with self._descriptor.reading:
            if self._descriptor.postponed:
                self._socket._tell_postponed()
            return self._socket._receive_now(into, flags)

    async def _wait_for_input(self, deadline: Deadline) -> None:
        self._receiver = self._loop.create_future()
        try:
            await self._wait(self._receiver, deadline, "receive")
        finally:
            self._receiver = None
            self._stop_waiting()

    def __aiter__(self) -> Self:
        """Receive datagrams until it is closed.

        What the network says of earlier datagrams is an error of who has a peer, and can be gone on
        from; who has none passes over it, as a server that has others to serve.
        """
        return self

    async def __anext__(self) -> Received[bytes]:
        while True:
            try:
                return await self._receive(None, 0, self._deadline(None))
            except SocketClosed:
                raise StopAsyncIteration from None
            except OF_EARLIER_DATAGRAMS:
                if self.is_connected:
                    raise

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Close it. May be repeated. Tasks that wait for it get `SocketClosed`."""
        self._socket.close()

    def detach(self) -> DatagramSocket:
        """Take the socket out, which is closed here then, to block on it, or for an event base.

        What has come and was not received is still there to be received.

        Raises:
            Busy: A task is receiving, or waits to send.
            SocketClosed: It is closed.
        """
        if self._is_being_received or self._senders:
            reason = "a task is using it"
            raise Busy(strerror=reason, operation="detach", address=self._descriptor.where)
        return self._socket._move("detach")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<AsyncDatagrams, {self._socket!r}>"


def adopt_datagrams(socket: DatagramSocket) -> AsyncDatagrams:
    """Make datagrams to await of a datagram socket, which is closed then, while its port lives on.

    You would want it to set a socket up by blocking, or to get one from elsewhere, and go on by
    awaiting; `AsyncDatagrams.detach` is back.

    Args:
        socket: The socket, with or without a peer: of UDP or ICMP, or a local one.

    Raises:
        RuntimeError: No loop is running.
        Busy: A thread is using the socket.
        SocketClosed: The socket is closed.
        TypeError: It is no datagram socket.
    """
    check_datagrams(socket)
    asyncio.get_running_loop()  # before the socket is closed
    return AsyncDatagrams(socket._move("adopt"))
