"""The ends of pipes as transports: each is one direction of the event base's own transport."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, cast

from .._sys.piped_file import PipedFile, PipeFile
from .._sys.readiness import WRITABLE
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import BrokenPipe
from ..multiplex.transport_core import OPEN
from .serving import ServingLoop
from .transports import StreamTransport

__all__ = ("PipeLoop", "ReadPipeTransport", "WritePipeTransport")

P = TypeVar("P", bound=asyncio.BaseProtocol)


class _PipeTransport(StreamTransport):
    """What both have in common."""

    def __init__(self, loop: Any, protocol: Any, pipe: PipeFile) -> None:
        StreamTransport.__init__(self, loop, protocol)
        self._extra = {"pipe": pipe}

    _can_speak_tls = False

    def _begin_on(self, descriptor: SocketDescriptor, securing: None = None) -> None:  # type: ignore[override]
        """Begin on the descriptor, which the transport owns from now on."""
        self._attach(descriptor, None)

    def _find_info(self, name: str) -> Any:
        return None


class ReadPipeTransport(_PipeTransport):
    """The end of a pipe that is read; see `asyncio.ReadTransport`."""

    __class__ = property(lambda self: asyncio.ReadTransport)

    def _deliver_eof(self) -> None:
        StreamTransport._deliver_eof(self)
        if self._eof_told:
            self.close()  # whatever the protocol says: there is no other half


class WritePipeTransport(_PipeTransport):
    """The end of a pipe that is written to; see `asyncio.WriteTransport`.

    That the other end is closed is noticed even if nothing is written: what the system calls
    readable then is not input.
    """

    __class__ = property(lambda self: asyncio.WriteTransport)

    def _begin_on(self, descriptor: SocketDescriptor, securing: None = None) -> None:  # type: ignore[override]
        """Begin on the descriptor; a device has nobody at the other end."""
        if cast("Any", descriptor).is_device:
            self._is_paused = True
        _PipeTransport._begin_on(self, descriptor)

    def _handle_ready(self) -> None:
        self.event_base._note_call()
        if self._events & ~WRITABLE and self._state == OPEN:
            self._lose(BrokenPipe(operation="write") if self._queue.size else None)
        elif self._is_waiting_to_write:
            self._flush()

    def write_eof(self) -> None:
        """Close it after what is queued: there is no other half."""
        self.close()


class PipeLoop(ServingLoop):
    """The part of an event loop that has pipes; see `EventLoop`."""

    async def connect_read_pipe(
        self, protocol_factory: Callable[[], P], pipe: Any
    ) -> tuple[asyncio.ReadTransport, P]:
        """Make a transport of a file object that is a pipe, or something like that, to read from.

        Args:
            protocol_factory: Called without arguments for the protocol.
            pipe: The file object, which the transport owns: a pipe, a socket or a terminal.

        Raises:
            ValueError: It is a regular file, for example.
        """
        return await self._connect_pipe(ReadPipeTransport, protocol_factory, pipe)

    async def connect_write_pipe(
        self, protocol_factory: Callable[[], P], pipe: Any
    ) -> tuple[asyncio.WriteTransport, P]:
        """The same, to write to."""
        return await self._connect_pipe(WritePipeTransport, protocol_factory, pipe)

    async def _connect_pipe(
        self, kind: type[_PipeTransport], protocol_factory: Callable[[], P], pipe: PipeFile
    ) -> tuple[Any, P]:
        descriptor = PipedFile(pipe)
        protocol = protocol_factory()
        transport = kind(self, protocol, pipe)
        # It has what a transport asks of a socket, in one direction.
        await self._until_made(transport, cast("SocketDescriptor", descriptor))
        return transport, protocol
