"""The event loop: asyncio's, on an event base."""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any, Never, TypeVar

from .._core.option_names import check_names_for
from .._sys.clock import Clock, monotonic
from .._sys.send_file import CanNotSendFile, FilePart
from ..sockets.resolving import Resolver
from .processes import ProcessLoop
from .settling import succeed_or_fail
from .sock_calls import check_part_of_file
from .transports import StreamTransport

__all__ = ("EventLoop", "run", "running_loop")

T = TypeVar("T")

_READ_BYTES = 65_536  # of a file, at a time, where the system does not send it by itself


class EventLoop(ProcessLoop):
    """An asyncio event loop that is an event base.

    You would want it for speed, and to have asyncio's tasks and libraries in one thread with what
    stands on an event base: handlers, timers, transports, the callbacks of `trunkline.evented`, a
    resolver. Give it to whatever takes an event base. Use it like any other loop of asyncio's::

        asyncio.Runner(loop_factory=trunkline.aio.EventLoop)

    An exception of a callback of asyncio's goes to the exception handler, see
    `call_exception_handler`. What a handler or a timer of the event base raises comes out of
    `run_forever`, as it comes out of `dispatch`.

    Args:
        resolver: Who looks names up for `getaddrinfo`, and so for `create_connection`; by default
            the system, in threads.
        backend, clock, collect_timing: As for `EventBase`.

    Raises:
        ValueError: There is no such backend.
        TooManyOpenFiles: No descriptors are left for it.
    """

    def __init__(
        self,
        *,
        resolver: Resolver | None = None,
        backend: str | None = None,
        clock: Clock = monotonic,
        collect_timing: bool = False,
        **misspelt: Never,
    ) -> None:
        if misspelt:
            check_names_for(EventLoop, misspelt)
        super().__init__(
            resolver=resolver, backend=backend, clock=clock, collect_timing=collect_timing
        )

    # -- files -----------------------------------------------------------------------------------

    async def sendfile(
        self,
        transport: asyncio.WriteTransport,
        file: Any,
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool = True,
    ) -> int:
        """Send a file on a transport, by the system itself where it can; see `sock_sendfile`.

        What was written before goes before it. Nothing can be written, and nothing is read, until
        it is sent.

        Raises:
            RuntimeError: The transport is closing, or is none that files can be sent on; or it
                speaks TLS, and `fallback` is False.
            asyncio.SendfileNotAvailableError: The system cannot, and `fallback` is False.
            ConnectionError: The connection has ended.
        """
        if transport.is_closing():
            raise RuntimeError("Transport is closing")
        target: Any = transport  # to type checkers it cannot be both
        is_ours = isinstance(target, StreamTransport)
        is_native = is_ours and not target.speaks_tls
        if not (is_native or fallback):
            raise RuntimeError(
                f"fallback is disabled and native sendfile is not supported for {transport!r}"
            )
        if not is_ours:
            raise RuntimeError(f"sendfile is not supported for transport {transport!r}")
        check_part_of_file(file, offset, count)
        was_reading = target.is_reading()
        target.pause_reading()
        try:
            try:
                if is_native:
                    return await self._sendfile_native(target, file, offset, count)
            except asyncio.SendfileNotAvailableError:
                if not fallback:
                    raise
            return await self._send_file_by_reading(target, file, offset, count)
        finally:
            if was_reading:
                target.resume_reading()

    async def _sendfile_native(
        self, transport: StreamTransport, file: Any, offset: int, count: int | None
    ) -> int:
        """Send a file without reading it."""
        sent = self.create_future()
        try:
            part = FilePart(file, offset, count)
            transport._send_file(part, partial(succeed_or_fail, sent))
            try:
                await sent
            finally:
                part.show_position()
        except CanNotSendFile as error:
            raise asyncio.SendfileNotAvailableError(str(error)) from None
        return part.sent

    async def _send_file_by_reading(
        self, transport: StreamTransport, file: Any, offset: int, count: int | None
    ) -> int:
        """Write what is read of a file, as fast as the peer takes it."""
        gate = _Gate(self, transport)

        async def send(data: bytes) -> None:
            await gate.wait()
            transport.write(data)

        try:
            return await self._send_by_reading(send, file, offset, count, _READ_BYTES)
        finally:
            gate.remove()

    def __repr__(self) -> str:
        return (
            f"<EventLoop on {self._backend.name} running={self.is_running()} "
            f"closed={self.is_closed()} debug={self.get_debug()}>"
        )


class _Gate(asyncio.Protocol):
    """Stands in for a transport's protocol while a file is written, to know when to go on."""

    def __init__(self, loop: EventLoop, transport: StreamTransport) -> None:
        self._loop = loop
        self._transport = transport
        self._protocol = transport.get_protocol()
        self._waiting: asyncio.Future[None] | None = None
        self._was_paused = self._is_paused = transport._writing_is_paused
        transport.set_protocol(self)

    async def wait(self) -> None:
        """Wait until more may be written.

        Raises:
            ConnectionError: The connection has ended.
        """
        if self._is_paused and not self._transport.is_closing():
            self._waiting = self._loop.create_future()
            await self._waiting
        if self._transport.is_closing():
            raise ConnectionError("the connection is closed")

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._wake(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wake(exc or ConnectionError("the connection is closed"))
        self._protocol.connection_lost(exc)

    def _wake(self, error: Exception | None) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            succeed_or_fail(waiting, error)

    def remove(self) -> None:
        """Give the transport back to its protocol, which hears of what has changed."""
        self._transport.set_protocol(self._protocol)
        if self._is_paused != self._was_paused:
            self._transport._call("pause_writing" if self._is_paused else "resume_writing")


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """Run a coroutine on an `EventLoop` of its own, and return its result; see `asyncio.run`.

    Args:
        main: The coroutine.
        debug: Whether the loop is in debug mode. Default: as Python was asked.

    Raises:
        RuntimeError: A loop is running in this thread.
        Whatever the coroutine raises.
    """
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("run() cannot be called while a loop is running in this thread")
    with asyncio.Runner(debug=debug, loop_factory=EventLoop) as runner:
        return runner.run(main)


def running_loop() -> EventLoop:
    """Return the `EventLoop` that is running: for what takes an event base, and for type checkers.

    Raises:
        RuntimeError: No loop is running in this thread, or another one than ours.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, EventLoop):
        raise RuntimeError(f"the loop that is running is no EventLoop: {loop!r}")
    return loop
