"""Stream mode: what has arrived is taken from a stream, in whatever portions suit the application.

It is the stream of the blocking sockets, on a channel that never has anything: what arrives is put
into the stream's buffer by the socket, so that no read ever waits.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NoReturn

from .._core.buffers import Buffer
from .._core.deadline import Deadline
from .._core.external_format import ExternalFormatLike
from .._core.meant import Elsewhere
from .._core.text_writer import TextWriter
from ..errors import SocketClosed, TimedOut
from ..streams import DEFAULT_LIMIT, DEFAULT_TIMEOUT, Stream
from ..streams.stream import Timeout, check_size

if TYPE_CHECKING:
    from .async_socket import AsyncSocket

__all__ = ("SocketStream",)


class SocketStream(Stream):
    """A stream of what has arrived at an `AsyncSocket`, and to it.

    Reading takes what is there and never waits: whatever a call's `timeout` is, it raises
    `TimedOut` at once if not enough has arrived, and nothing is lost. So try, and if it fails, try
    again in the next read callback. `read_available` is never too early. Writing is like
    `AsyncSocket.write`, and has nothing to flush.

    Attributes:
        socket: The socket.
    """

    def __init__(
        self, socket: "AsyncSocket", *, external_format: ExternalFormatLike = "utf-8"
    ) -> None:
        super().__init__(_Channel(socket), external_format=external_format, timeout=0)
        self._input.stop_looking_ahead()  # the socket is told of each line that is read
        self.socket: AsyncSocket = socket
        self._limit = DEFAULT_LIMIT

    @property
    def limit(self) -> int:
        """How many bytes may have arrived, and wait to be read: with more, the socket reads no
        further. Raise it if you wait for more than that to be there at once.
        """
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        check_size(limit)
        self._limit = limit
        self.socket._note_input()

    def read_available(self) -> bytes:
        """Return all bytes that have arrived, none if there are none.

        Raises:
            ValueError: The stream's format does not mix with bytes.
            SocketClosed: The socket is closed.
        """
        with self._reading:
            self._input.check_bytes()
            return self._input.take_bytes(len(self._input))

    def write(
        self, data: str | Buffer, *, flush: bool = False, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        """Write text in the stream's external format, or bytes; it never waits, and keeps nothing.

        Raises:
            SocketClosed: The socket is closed.
            UnicodeEncodeError: The text cannot be written in the stream's encoding.
            TypeError: The data is neither text nor bytes.
            ValueError: It is bytes, and the stream's format does not mix with bytes.
        """
        super().write(data)
        self.force_output()

    if not TYPE_CHECKING:  # which takes it for what it is in the class above
        # It would not wait for anybody, and have all of the file in memory.
        send_file = Elsewhere("Transport.send_file() sends files without waiting")

    @property
    def _text_writer(self) -> TextWriter:
        """What text is written by."""
        return self._writer

    @property
    def at_eof(self) -> bool:
        """Whether the peer has finished, and everything has been read."""
        return self._input.at_end and not self._input

    @property
    def closed(self) -> bool:
        """Whether the socket has been closed."""
        closed: bool = self.socket.closed
        return closed

    def close(self) -> None:
        """Close the socket, see `AsyncSocket.close`."""
        self.socket.close()

    def abort(self) -> None:
        """Drop what was written and not sent, and close now; see `AsyncSocket.abort`."""
        self.socket.abort()

    def fileno(self) -> int:
        """Return the number of the socket's descriptor, or -1 if there is none."""
        number: int = self.socket.fileno()
        return number

    def __repr__(self) -> str:
        return f"<SocketStream of {self.socket!r}>"


class _Channel:
    """A channel with nothing in it, that writes to a socket, and tells it when something was read.

    See `Channel` in the layer of streams.
    """

    def __init__(self, socket: "AsyncSocket") -> None:
        self._socket = socket
        self.reading: AbstractContextManager[None] = _Right(self, "read")
        self.writing: AbstractContextManager[None] = _Right(self, "write")

    @property
    def where(self) -> Any:
        return self._socket.remote_name

    @where.setter
    def where(self, address: object) -> None:
        raise AttributeError("the socket knows its peer")

    def check_open(self, operation: str) -> None:
        """Raise `SocketClosed` if the socket is closed."""
        if self._socket.closed:
            raise SocketClosed(operation=operation, address=self.where)

    def note_input(self) -> None:
        """Tell the socket that something may have been read."""
        self._socket._note_input()

    def receive_into(self, buffer: memoryview, /) -> None:
        return None

    def receive_soon(self, buffer: memoryview, deadline: Deadline, /) -> None:
        return None

    def send(self, data: bytearray | memoryview, /) -> int:
        self._socket.write(data)
        return len(data)

    def wait_readable(self, deadline: Deadline, operation: str) -> NoReturn:
        raise TimedOut.expired(operation, self.where)

    def wait_ready(self, deadline: Deadline, operation: str) -> NoReturn:
        raise TimedOut.expired(operation, self.where)

    def wait_writable(self, deadline: Deadline, operation: str) -> NoReturn:
        raise AssertionError("writing never waits")


class _Right:
    """The right to read or write, which everybody has while the socket is open."""

    def __init__(self, channel: _Channel, operation: str) -> None:
        self._channel = channel
        self._operation = operation

    def __enter__(self) -> None:
        self._channel.check_open(self._operation)

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if self._operation == "read":  # in vain, it may have dropped a part of a line
            self._channel.note_input()
