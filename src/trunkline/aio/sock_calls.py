"""The part of the loop that awaits calls of Python's sockets: `sock_recv` and the like.

A call is tried at once, and again when the socket is ready. What has come is taken when the task
goes on, not before: so cancelling loses nothing.
"""

import asyncio
import errno
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from .._core.back_off import BackOff
from .._core.buffers import Buffer
from .._sys.loop_sockets import connect_error, is_local, is_stream, take_error
from .._sys.python_socket import PythonSocket
from .._sys.send_file import CanNotSendFile, FilePart
from ..errors import SocketError
from .names import NameLoop
from .settling import succeed

__all__ = ("SockLoop", "check_not_tls", "check_part_of_file")

T = TypeVar("T")

_READ_BYTES = 262_144  # of a file, at a time, where the system does not send it by itself


class SockLoop(NameLoop):
    """The part of an event loop that awaits sockets; see `EventLoop`."""

    async def sock_recv(self, sock: PythonSocket, nbytes: int) -> bytes:
        """Receive up to `nbytes` bytes from a socket that never blocks; see recv(2)."""
        return await self._retry(sock, "reader", lambda: sock.recv(nbytes))

    async def sock_recv_into(self, sock: PythonSocket, buf: Buffer) -> int:
        """Receive into a buffer, and return how many bytes came."""
        return await self._retry(sock, "reader", lambda: sock.recv_into(buf))

    async def sock_recvfrom(self, sock: PythonSocket, bufsize: int) -> tuple[bytes, Any]:
        """Receive a datagram, and return it with its sender's address."""
        return await self._retry(sock, "reader", lambda: sock.recvfrom(bufsize))

    async def sock_recvfrom_into(
        self, sock: PythonSocket, buf: Buffer, nbytes: int = 0
    ) -> tuple[int, Any]:
        """Receive a datagram into a buffer, and return its size and its sender's address."""
        return await self._retry(
            sock, "reader", lambda: sock.recvfrom_into(buf, nbytes or memoryview(buf).nbytes)
        )

    async def sock_sendto(self, sock: PythonSocket, data: Buffer, address: Any) -> int:
        """Send a datagram, and return how many bytes went."""
        return await self._retry(sock, "writer", lambda: sock.sendto(data, address))

    async def sock_sendall(self, sock: PythonSocket, data: Buffer) -> None:
        """Send all of some bytes. After an exception, a part of them may have been sent."""
        self._check_sock(sock)
        with memoryview(data) as given, given.cast("B") as left:
            start = 0
            while start < len(left):
                start += await self._retry(sock, "writer", partial(_send_from, sock, left, start))

    async def sock_accept(self, sock: PythonSocket) -> tuple[PythonSocket, Any]:
        """Accept a connection; return its socket, which never blocks, and the peer's address."""
        connection, address = await self._retry(sock, "reader", sock.accept)
        connection.setblocking(False)
        return connection, address

    async def sock_connect(self, sock: PythonSocket, address: Any) -> None:
        """Connect a socket; a name in the address is looked up.

        Raises:
            SocketError: It cannot be connected, in the way that the class says.
        """
        self._check_sock(sock)
        if not is_local(sock) and isinstance(address, tuple):
            found = await self._address_infos(
                address, family=sock.family, type=sock.type, proto=sock.proto
            )
            address = found[0][4]
        try:
            await self._connect(sock, address)
        except SocketError:
            raise
        except OSError as error:
            raise connect_error(error, address) from None

    async def _connect(self, sock: PythonSocket, address: Any) -> None:
        """Connect to a socket address."""
        back_off = BackOff(first=0.005, factor=2.0, last=0.1)
        while True:
            try:
                sock.connect(address)
                return
            except InterruptedError:  # it goes on by itself, see connect(2)
                break
            except BlockingIOError as error:
                if error.errno != errno.EAGAIN:
                    break
            # The backlog of a local socket is full. The system cannot tell when there is room.
            await asyncio.sleep(back_off.next_delay())
        await self._until_ready(sock.fileno(), "writer")
        code = take_error(sock)
        if code:
            raise SocketError.from_errno(code, operation="connect", address=address)

    # -- waiting ---------------------------------------------------------------------------------

    def _check_sock(self, sock: PythonSocket) -> None:
        """Raise unless it is a socket that can be awaited."""
        check_not_tls(sock)
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")

    async def _retry(self, sock: PythonSocket, direction: Any, function: Callable[[], T]) -> T:
        """Call a function until it would not block, and return what it returns."""
        self._check_sock(sock)
        while True:
            try:
                return function()
            except (BlockingIOError, InterruptedError):
                pass
            await self._until_ready(sock.fileno(), direction)

    async def _until_ready(self, number: int, direction: Any) -> None:
        """Wait until a descriptor is ready."""
        ready = self.create_future()
        call = self._watch_file(number, direction, succeed, (ready, None))
        try:
            await ready
        finally:
            if not self._is_closed:
                self._unwatch_file(number, direction, call)

    # -- files -----------------------------------------------------------------------------------

    async def sock_sendfile(
        self,
        sock: PythonSocket,
        file: Any,
        offset: int = 0,
        count: int | None = None,
        *,
        fallback: bool | None = True,
    ) -> int:
        """Send a file to a socket, by the system itself where it can; return how many bytes went.

        The file's position is behind what was sent, also after an exception.

        Args:
            sock: A stream socket that never blocks.
            file: A file that was opened for bytes.
            offset: Where to begin.
            count: How many bytes to send at most; None is to the file's end.
            fallback: Whether to read the file and send that, where the system cannot.

        Raises:
            asyncio.SendfileNotAvailableError: The system cannot, and `fallback` is False.
            TypeError, ValueError: An argument is not what it can be.
        """
        self._check_sock(sock)
        check_part_of_file(file, offset, count)
        if not is_stream(sock):
            raise ValueError("only SOCK_STREAM type sockets are supported")
        try:
            part = FilePart(file, offset, count)
            return await self._send_part(sock, part)
        except CanNotSendFile as error:
            if not fallback:
                raise asyncio.SendfileNotAvailableError(str(error)) from None
        send = partial(self.sock_sendall, sock)
        return await self._send_by_reading(send, file, offset, count, _READ_BYTES)

    async def _send_part(self, sock: PythonSocket, part: FilePart) -> int:
        """Send a file without reading it; see `sock_sendfile`."""
        try:
            while await self._retry(sock, "writer", lambda: part.send_to(sock.fileno())):
                pass
        finally:
            part.show_position()
        return part.sent

    async def _send_by_reading(
        self,
        send: Callable[[bytes], Awaitable[object]],
        file: Any,
        offset: int,
        count: int | None,
        most: int,
    ) -> int:
        """Send what is read of a file, `most` bytes at a time; see `sock_sendfile`."""
        file.seek(offset)
        sent = 0
        try:
            while count is None or sent < count:
                wanted = most if count is None else min(most, count - sent)
                data = await self.run_in_executor(None, file.read, wanted)
                if not data:
                    break
                await send(data)
                sent += len(data)
        finally:
            file.seek(offset + sent)
        return sent


def check_not_tls(sock: PythonSocket) -> None:
    """Raise `TypeError` for a socket with TLS on it, which others cannot read."""
    ssl = sys.modules.get("ssl")
    if ssl is not None and isinstance(sock, ssl.SSLSocket):
        raise TypeError("Socket cannot be of type SSLSocket")


def check_part_of_file(file: Any, offset: int, count: int | None) -> None:
    """Raise `TypeError` or `ValueError` for what cannot be sent of a file."""
    if "b" not in getattr(file, "mode", "b"):
        raise ValueError("file should be opened in binary mode")
    if count is not None:
        if not isinstance(count, int):
            raise TypeError(f"count must be a positive integer (got {count!r})")
        if count <= 0:
            raise ValueError(f"count must be a positive integer (got {count!r})")
    if not isinstance(offset, int):
        raise TypeError(f"offset must be a non-negative integer (got {offset!r})")
    if offset < 0:
        raise ValueError(f"offset must be a non-negative integer (got {offset!r})")


def _send_from(sock: PythonSocket, data: memoryview, start: int) -> int:
    with data[start:] as part:
        return sock.send(part)
