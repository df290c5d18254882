"""The stream to await: that of the blocking world, with a task waiting instead of a thread."""

from asyncio import get_running_loop
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from .._core.buffers import Buffer, space_in
from .._core.deadline import Deadline
from .._core.external_format import ExternalFormat, ExternalFormatLike
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import IPAddress
from ..errors import (
    BrokenPipe,
    Busy,
    ConnectionReset,
    EndOfFile,
    EndpointShutdown,
    SocketClosed,
    SocketError,
    StreamError,
    TimedOut,
)
from ..sockets.active_socket import CLOSE_TIMEOUT, LINGER_TIMEOUT, ActiveSocket, check_linger
from ..sockets.options.with_options import ConnectionWithOptions
from ..sockets.secured import ready_tls
from ..sockets.tls_facts import TLSFacts
from ..streams.python_names import PythonStreamNames
from ..streams.stream import (
    DEFAULT_LIMIT,
    DEFAULT_TIMEOUT,
    Timeout,
    check_limit,
    check_size,
)
from .socket_facts import SocketFacts
from .stream_files import FileSendingPump
from .stream_pump import NOTHING, NOW

if TYPE_CHECKING:
    from ..tls.description import TLSLike
    from ..tls.machine import Machine

__all__ = ("AsyncStream", "Later", "adopt")

T = TypeVar("T")


class AsyncStream(FileSendingPump, SocketFacts, TLSFacts, ConnectionWithOptions, PythonStreamNames):
    """A connection, to read and to write text, lines and bytes; what may wait is awaited.

    `open_stream` makes streams, and `adopt`. They work on any loop of asyncio's. It is the stream
    of an `ActiveSocket`: what the methods of the same names do, raise and leave undone is said
    there. What is different:

    * Reading is one task's at a time; a second one gets `Busy`. Any task may write meanwhile.
    * What is written leaves by itself, in the same turn of the loop. To await `write` is to wait
      until there is room; to await `finish_output`, until the system has all.
    * A task that is cancelled has lost nothing: what has arrived stays to be read, and what was
      written leaves.
    * What is there already is returned without giving up the processor; but now and then it is
      given up nevertheless, for the sake of the other tasks.

    A stream belongs to its loop's thread. It is an asynchronous context manager: leaving the
    ``async with`` block closes it in good order, and leaving it by an exception aborts. It is an
    asynchronous iterator, too, over the lines that are still to come.
    """

    # -- settings --------------------------------------------------------------------------------

    @property
    def timeout(self) -> float | None:
        """The time limit, in seconds, of calls that are not given one; None is for ever."""
        return self._socket.timeout

    @timeout.setter
    def timeout(self, timeout: float | None) -> None:
        self._socket.timeout = timeout

    @property
    def external_format(self) -> ExternalFormat:
        """How text looks on the wire; see `Stream.external_format`."""
        return self._socket.external_format

    @external_format.setter
    def external_format(self, value: ExternalFormatLike) -> None:
        before = len(self._socket._output)
        self._socket.external_format = value
        self._note_written(len(self._socket._output) - before)

    # -- reading text ----------------------------------------------------------------------------

    async def read_line(
        self, *, limit: int | None = DEFAULT_LIMIT, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> str:
        """Read a line, and return it without its newline; see `Stream.read_line`.

        Args:
            limit: The most bytes that the line may have, its newline not counted; None for no
                limit, which is dangerous with peers that are not trusted.
            timeout: Seconds for the whole call.

        Raises:
            EndOfFile: The peer has finished, and nothing is left.
            LineTooLong: There is no newline within the limit. The line stays to be read.
            DecodingError: The line is not text in the stream's encoding. It stays to be read.
            TimedOut: The time is up. What there is of the line stays.
            ConnectionReset, SocketClosed, Busy, SocketError: As the names say.
        """
        unread = self._socket._input
        if limit is not DEFAULT_LIMIT:
            check_limit(limit)
        elif timeout is DEFAULT_TIMEOUT and self._credit > 0:
            line = next(unread.lines_ahead, None)
            if line is not None:
                self._credit -= 1
                return line
        return await self._read("read_line", timeout, unread.take_line, limit)

    def skip_line(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> Coroutine[Any, Any, int]:
        """Drop everything up to the next newline, and the newline, and return how many bytes.

        See `Stream.skip_line`.
        """
        return self._read("skip_line", timeout, self._socket._input.skip_line)

    @property
    def missing_newline(self) -> bool:
        """Whether the last line that was read had no newline, because the peer ended."""
        return self._socket.missing_newline

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        if self._credit > 0:
            line = next(self._socket._input.lines_ahead, None)
            if line is not None:
                self._credit -= 1
                return line
        take = self._socket._input.take_line
        try:
            return await self._read("read_line", DEFAULT_TIMEOUT, take, DEFAULT_LIMIT)
        except EndOfFile:
            raise StopAsyncIteration from None

    async def read_char(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> str:
        r"""Read a character; a newline of any style is one, ``"\n"``.

        Raises:
            EndOfFile: The peer has finished, and nothing is left.
            DecodingError: What comes is not a character in the stream's encoding. It stays.
            TimedOut: The time is up.
        """
        char = await self._read("read_char", timeout, self._socket._input.take_char)
        return self._socket._some_char(char, "read_char")

    async def peek_char(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> str:
        """Return the next character and leave it to be read; see `read_char`."""
        char = await self._read("peek_char", timeout, self._socket._take_and_unread_char)
        return self._socket._some_char(char, "peek_char")

    def unread_char(self) -> None:
        """Put the character back that `read_char` has just returned.

        Raises:
            ValueError: The last read was something else, or the character has been put back.
        """
        self._socket.unread_char()

    def read_char_no_hang(self) -> str | None:
        """Read a character if a whole one has arrived, and return None if not; see `read_char`.

        This one is not awaited.
        """
        self._begin_to_read("read_char_no_hang")
        try:
            return self._socket.read_char_no_hang()
        finally:
            self._end_reading()

    def read_text(
        self, size: int, *, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> Coroutine[Any, Any, str]:
        """Read `size` characters, or fewer where the peer ends: "" when nothing is left.

        Raises:
            DecodingError: One of them is malformed. All of them stay.
            TimedOut: The time is up. What has arrived stays.
        """
        check_size(size)
        return self._read("read_text", timeout, self._socket._input.take_text, size)

    # -- reading bytes ---------------------------------------------------------------------------

    def read(
        self, size: int = DEFAULT_LIMIT, *, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> Coroutine[Any, Any, bytes]:
        """Read bytes: whatever has arrived, at least one and at most `size`, ``b""`` at the end.

        Raises:
            ValueError: The stream's format does not mix with bytes.
            TimedOut: The time is up.
        """
        check_size(size)
        take = self._socket._input.take_some
        return self._read("read", timeout, take, size, of_bytes=True)

    def read_exactly(
        self, size: int, *, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> Coroutine[Any, Any, bytes]:
        """Read `size` bytes, neither more nor less.

        Raises:
            EndOfFile: The peer ended before; its `partial` has what there was.
            ValueError: The stream's format does not mix with bytes.
            TimedOut: The time is up. What has arrived stays.
        """
        check_size(size)
        take = self._socket._input.take_exactly
        return self._read("read_exactly", timeout, take, size, of_bytes=True)

    def read_until(
        self,
        separator: bytes,
        *,
        limit: int | None = DEFAULT_LIMIT,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> Coroutine[Any, Any, bytes]:
        r"""Read bytes up to a separator, and return them with it.

        Args:
            separator: At least one byte, like ``b"\r\n\r\n"``.
            limit: The most bytes before the separator; None for no limit.
            timeout: Seconds for the whole call.

        Raises:
            EndOfFile: The peer ended before; its `partial` has what there was.
            LineTooLong: The separator is not within the limit. The bytes stay.
            ValueError: The separator is empty, or the stream's format does not mix with bytes.
            TimedOut: The time is up. What has arrived stays.
        """
        take = self._socket._until(separator, limit)
        return self._read("read_until", timeout, take, of_bytes=True)

    async def read_into(self, buffer: Buffer, *, timeout: Timeout = DEFAULT_TIMEOUT) -> int:
        """Fill a writable buffer, and return how many bytes that were: fewer where the peer ends.

        The buffer cannot be resized meanwhile.

        Raises:
            ValueError: The stream's format does not mix with bytes.
            TimedOut: The time is up. What has arrived stays to be read.
        """
        deadline = self._deadline(timeout)
        self._begin_to_read("read_into")
        unread = self._socket._input
        try:
            self._credit -= 1
            if self._credit <= 0:
                await self._take_turns()
                self._descriptor.check_open("read_into")
            with space_in(buffer) as target:
                unread.check_bytes()
                count = unread.take_into(target)
                try:
                    while count < len(target) and not unread.at_end:
                        await self._receive_more("read_into", deadline)
                        self._descriptor.check_open("read_into")
                        with target[count:] as rest:
                            count += unread.take_into(rest)
                        if count < len(target):
                            self._socket._check_time("read_into", deadline)
                except BaseException:
                    unread.push_back(target[:count])
                    raise
                return count
        finally:
            self._end_reading()

    def clear_input(self) -> None:
        """Throw away what has been received and not been read."""
        self._socket.clear_input()

    @property
    def has_buffered_input(self) -> bool:
        """Whether something has been received that no read has returned yet."""
        return self._socket.has_buffered_input

    # -- the reading loop ------------------------------------------------------------------------

    def _begin_to_read(self, operation: str) -> None:
        """Take the right to read, which `_is_being_read` is, and `_end_reading` gives back.

        Raises:
            SocketClosed, EndpointShutdown, Busy: As the names say.
        """
        self._check_may_read(operation)
        self._is_being_read = True

    def _check_may_read(self, operation: str) -> None:
        if not self._socket.is_input_open:
            with self._socket._reading:
                pass  # to enter is what raises
        if self._is_being_read:
            reason = "another task is reading"
            raise Busy(strerror=reason, operation=operation, address=self._descriptor.where)

    async def _read(
        self,
        operation: str,
        timeout: Timeout,
        take: Callable[..., T | None],
        *arguments: Any,
        of_bytes: bool = False,
    ) -> T:
        """Receive until `take`, called with the arguments, returns something, and return that."""
        # Each read costs this: so `_begin_to_read` and `_end_reading` are here, for what is usual.
        deadline = self._deadline(timeout)
        socket = self._socket
        if self._is_being_read or socket._has_obstacle or self._descriptor.is_closed:
            self._check_may_read(operation)
        self._is_being_read = True
        try:
            if of_bytes:
                socket._input.check_bytes()
            self._credit -= 1
            if self._credit <= 0:
                await self._take_turns()
                self._descriptor.check_open(operation)
            result = take(*arguments)
            while result is None:
                await self._receive_more(operation, deadline)
                if self._descriptor.is_closed:
                    self._descriptor.check_open(operation)
                result = take(*arguments)
                if result is None:
                    socket._check_time(operation, deadline)
            return result
        except StreamError as error:
            raise socket._named(error, operation) from None
        finally:
            self._is_being_read = False
            if self._reader is not None:
                self._give_up_waiting()

    async def _wait_for_something(
        self, is_interrupted: Callable[[], bool], waiting: set[Any], deadline: Deadline
    ) -> bool:
        """Wait until something can be read; return False if that was interrupted before.

        Args:
            is_interrupted: Whether it was; see `_wake_reader`.
            waiting: Where the stream is meanwhile, to be found by who interrupts.
            deadline: The limit of the whole call.
        """
        self._begin_to_read("wait_for_input")
        unread = self._socket._input
        waiting.add(self)
        try:
            while not (unread or unread.at_end):
                if is_interrupted():
                    return False
                await self._receive_more("wait_for_input", deadline, is_call=False)
                self._descriptor.check_open("wait_for_input")
            return True
        finally:
            waiting.discard(self)
            self._end_reading()

    # -- writing ---------------------------------------------------------------------------------

    def write(
        self, data: str | Buffer, *, flush: bool = False, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> Awaitable[None]:
        r"""Write text, or bytes, and return what waits until there is room for more.

        The data is queued at once, and what little there is leaves together, in the same turn of
        the loop. To await what this returns takes no time while little is queued. Who does not
        await it writes all the same, however slow the peer is, and should know how much that is.

        Args:
            data: Text, in which each ``"\n"`` becomes a newline of the external format; or any
                object that has bytes.
            flush: Send what is queued, and wait until the system has all of it.
            timeout: Seconds to wait.

        Raises:
            Hangup: The peer reads no more. What was queued for it is dropped.
            TimedOut: The time is up. What was not sent stays queued, and goes on leaving.
            UnicodeEncodeError: The text cannot be written in the stream's encoding. Nothing of it
                was queued.
            TypeError: The data is neither text nor bytes.
            ValueError: It is bytes, and the stream's format does not mix with bytes.
            ConnectionReset, SocketClosed, SocketError: As the names say.
        """
        deadline = None if timeout is DEFAULT_TIMEOUT else self._deadline(timeout)
        socket = self._socket
        if socket._has_obstacle or self._hangup is not None or self._descriptor.is_closed:
            with socket._writing:  # to enter is what raises
                self._check_output("write")
        if socket._machine is not None and socket._machine.output_ended:
            reason = "the writing is being ended"  # by a task that waits for room
            raise EndpointShutdown(strerror=reason, operation="write", address=self.remote_name)
        encoded = socket._writer.encode(data) if isinstance(data, str) else socket._bytes_of(data)
        output = socket._output
        output += encoded
        self._written += len(encoded)
        if not self._flush_is_due:
            self._flush_soon()
        if flush:
            return self._flush("write", deadline or self._deadline(timeout))
        most = socket._output_buffer_size
        if len(output) > most:
            self._flush_now("write")
            self._update()
            if len(output) > most:
                return Later(partial(self._wait_for_room, deadline or self._deadline(timeout)))
        self._credit = credit = self._credit - 1
        return NOW if credit > 0 else Later(self._take_turns)

    def _note_written(self, count: int) -> None:
        if count:
            self._written += count
            self._flush_soon()

    async def _wait_for_room(self, deadline: Deadline) -> None:
        socket = self._socket
        while len(socket._output) > socket._output_buffer_size:
            await self._wait_for_output(deadline, "write")
            self._check_output("write")

    def write_line(
        self, line: str = "", *, flush: bool = False, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> Awaitable[None]:
        """Write text and a newline; see `write`."""
        if not isinstance(line, str):
            raise TypeError(f"a line is text, not {type(line).__name__}")
        return self.write(line + "\n", flush=flush, timeout=timeout)

    async def finish_output(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
        """Send what is queued, and wait until the system has all of it.

        Raises:
            Hangup: The peer reads no more. What was queued for it is dropped.
            TimedOut: The time is up. What was not sent stays queued, and goes on leaving.
            ConnectionReset, SocketClosed, SocketError: As the names say.
        """
        await self._flush("finish_output", self._deadline(timeout))

    def force_output(self) -> bool:
        """Send what can be sent at once; return whether nothing is queued any more.

        This one is not awaited.

        Raises:
            Hangup: The peer reads no more. What was queued for it is dropped.
            ConnectionReset, SocketClosed, SocketError: As the names say.
        """
        self._check_output("force_output")
        try:
            return self._flush_now("force_output")
        finally:
            self._update()

    def clear_output(self) -> None:
        """Throw away what is queued and not sent."""
        self._socket.clear_output()
        self._flush_now("clear_output")  # so that nobody waits for it any longer

    @property
    def has_buffered_output(self) -> bool:
        """Whether something has been written that has not been sent."""
        return self._socket.has_buffered_output

    @property
    def buffered_output(self) -> int:
        """How many bytes are queued, not counting the few records that TLS has made of some.

        Who does not await `write` looks here whether the peer takes what it gets.
        """
        return len(self._socket._output)

    # -- TLS -------------------------------------------------------------------------------------

    async def start_tls(
        self,
        tls: "TLSLike" = True,
        *,
        server_side: bool = False,
        server_name: str | IPAddress | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> None:
        """Speak TLS from now on, on a connection that has begun without; see
        `ActiveSocket.start_tls`.

        Args:
            tls: How to speak: a `TLS`, a context of Python's, or True for a client's defaults.
            server_side: Whether this end is the server, who waits for the other one to begin.
            server_name: For a client: whom to ask for and to expect. Default: that of the `TLS`, or
                the host that the stream was told to connect to.
            timeout: Seconds for the queue and the handshake. When they have passed, `handshake`
                goes on with it.

        Raises:
            Everything that `ActiveSocket.start_tls` raises.
        """
        deadline = self._deadline(timeout)
        ready = ready_tls(tls, server_side=server_side, operation="start_tls")
        if ready is None:
            raise TypeError(f"tls is a TLS, a context of Python's, or True, not {tls!r}")
        self._begin_to_read("start_tls")
        socket = self._socket
        try:
            if socket._machine is not None:
                raise ValueError("the connection speaks TLS already")
            await self._end_text("start_tls", deadline)
            socket._put_in_tls(ready, server_side=server_side, server_name=server_name)
            await self._shake_hands("start_tls", deadline)
        finally:
            self._end_reading()

    async def handshake(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
        """Wait until the TLS handshake is over; see `ActiveSocket.handshake`."""
        deadline = self._deadline(timeout)
        if self._socket._machine is None:
            raise ValueError("the connection does not speak TLS: see start_tls()")
        self._check_output("handshake")
        await self._shake_hands("handshake", deadline)

    async def _shake_hands(self, operation: str, deadline: Deadline) -> None:
        channel = self._socket._channel
        await self._try_until_done(lambda: channel.send(NOTHING) is not None, deadline, operation)

    @property
    def speaks_tls(self) -> bool:
        """Whether the connection speaks TLS; see `handshake` for whether it has begun to."""
        return self._socket.speaks_tls

    @property
    def _machine(self) -> "Machine | None":
        return self._socket._machine

    # -- the end ---------------------------------------------------------------------------------

    async def _end_text(self, operation: str, deadline: Deadline) -> None:
        """Bring an encoding with state back to where it began, and send all that is queued.

        What other tasks write meanwhile is sent, too: afterwards it could not be any more.
        """
        socket = self._socket
        while True:
            while self._sends_file:
                await self._wait_for_output(deadline, operation)
                self._check_output(operation)
            with socket._writing:
                end = socket._writer.finish()
                socket._output += end
                self._note_written(len(end))
            await self._flush(operation, deadline)
            if not socket._output:
                return

    async def _end_records(self, operation: str, deadline: Deadline) -> None:
        """Say by TLS that nothing more will be sent."""
        records = self._socket._records
        if records is not None:
            await self._try_until_done(records.end_output, deadline, operation)

    async def shutdown(
        self, *, read: bool = False, write: bool = False, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        """End one direction of the connection, or both, and keep the stream.

        Ending the writing sends what is queued first; the peer then reads end of file, and may go
        on sending. See `ActiveSocket.shutdown`.

        Args:
            read: End the reading. What has arrived and was not read is lost. A task that is reading
                gets the end of file.
            write: End the writing.
            timeout: Seconds to wait for the queue to be sent.

        Raises:
            ValueError: Neither direction was named.
            Everything that `finish_output` raises, if `write` is True.
        """
        if write and self._socket.is_output_open:
            deadline = self._deadline(timeout)
            await self._end_text("shutdown", deadline)
            await self._end_records("shutdown", deadline)
        elif not (read or write):
            raise ValueError("shutdown ends reading, writing or both: name one")
        self._socket._end_directions(read=read, write=write)

    @property
    def is_input_open(self) -> bool:
        """Whether this end may read: it is open, and `shutdown` has not ended its reading."""
        return self._socket.is_input_open

    @property
    def is_output_open(self) -> bool:
        """Whether this end may write: it is open, and `shutdown` has not ended its writing."""
        return self._socket.is_output_open

    async def close(
        self, *, linger: float = LINGER_TIMEOUT, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        """Close the stream in good order: send what is queued first. May be repeated.

        The stream is closed even if this raises, and even if it is cancelled. See
        `ActiveSocket.close` for what becomes of a peer that is still sending.

        Args:
            linger: Seconds for taking in the peer's data; 0 is not to.
            timeout: Seconds for sending what is queued. Default: the stream's `timeout`, or 10
                seconds if it has none.

        Raises:
            TimedOut: What was queued could not be sent in time; `unsent` is how much of it.
            Hangup, ConnectionReset: The peer does not read it.
            TypeError, ValueError: One of the times is not a number, or negative. Nothing is done.
        """
        if timeout is DEFAULT_TIMEOUT and self.timeout is None:
            timeout = CLOSE_TIMEOUT
        deadline = self._deadline(timeout)
        grace = check_linger(linger)
        socket = self._socket
        try:
            if socket.is_output_open and socket._fatal_error is None:
                await self._end_output_to_close(deadline)
            elif self._holds_alert:
                await self._send_alert_to_close(deadline.within(grace))
            if self._sends_file and not socket.closed:
                raise self._expired("close")
            socket.close(linger=grace, timeout=0)
        except BaseException:
            socket.close(abort=True)
            raise

    async def _end_output_to_close(self, deadline: Deadline) -> None:
        try:
            if self._hangup is None or self._socket._output:
                await self._end_text("close", deadline)
            if self._socket._has_records_to_end:
                with suppress(BrokenPipe, ConnectionReset):
                    await self._end_records("close", deadline)
        except SocketClosed:
            pass  # another task has closed it meanwhile
        except TimedOut as error:
            if not error.deadline:
                raise
            # Closing the socket now tells how much was left.

    async def _send_alert_to_close(self, deadline: Deadline) -> None:
        """Wait until the rest of an alert has left: it does so by itself, if the peer takes it."""
        with suppress(SocketError):
            while self._holds_alert:
                await self._wait_for_output(deadline, "close")

    def abort(self, *, reset: bool = False) -> None:
        """Drop what is queued, and close now. May be repeated.

        Tasks that wait for the stream get `SocketClosed`.

        Args:
            reset: Reset the connection, so that the peer notices at once.
        """
        self._socket.close(abort=True, reset=reset)

    def detach(self) -> ActiveSocket:
        """Take the connection out of the stream, which is closed then, for the other ways.

        What was received and not read, and what was not sent yet, goes with it.

        Raises:
            Busy: A task is reading, or waits for output to be sent.
            ConnectionReset, SocketClosed, SocketError: As the names say.
            ValueError: Text has been decoded and not been read, in a format that does not mix with
                bytes; or it speaks TLS.
        """
        if self._is_being_read or self._writers or self._sends_file:
            reason = "a task is using the stream"
            raise Busy(strerror=reason, operation="detach", address=self._descriptor.where)
        return _moved(self._socket, "detach")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # As when a socket is left.
        if kind is None or (issubclass(kind, Exception) and self._socket._has_failed_tls):
            await self.close()
        else:
            self.abort()

    def _descriptor_with_options(self, operation: str) -> SocketDescriptor:
        return self._descriptor

    def _descriptor_of_connection(self, operation: str) -> SocketDescriptor:
        return self._descriptor

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<AsyncStream {self.remote_name}, {state}>"


class Later:
    """What waits for something when it is awaited, and does not mind if it never is."""

    __slots__ = ("_begin",)

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin

    def __await__(self) -> Generator[Any, Any, None]:
        result: Generator[Any, Any, None] = self._begin().__await__()
        return result


def adopt(socket: ActiveSocket) -> AsyncStream:
    """Make a stream of a connected socket, which is closed then, while the connection lives on.

    You would want it to begin a conversation by blocking, or by callbacks (see
    `Transport.detach`), and go on by awaiting; `AsyncStream.detach` is back. What the socket has
    received and not returned is read first, and what it has not sent yet is sent first.

    Raises:
        RuntimeError: No loop is running.
        TypeError: It is no active socket.
        ValueError: Text has been decoded and not been read, in a format that does not mix with
            bytes; or it speaks TLS, which cannot be moved.
        NotConnected, ConnectionReset, SocketClosed, Busy, SocketError: As the names say.
    """
    if not isinstance(socket, ActiveSocket):
        raise TypeError(f"adopt takes an active socket, not {type(socket).__name__}")
    get_running_loop()  # before the socket is closed
    stream = AsyncStream(_moved(socket, "adopt"))
    if stream.has_buffered_output:
        stream._flush_soon()
    return stream


def _moved(socket: ActiveSocket, operation: str) -> ActiveSocket:
    """Return another socket for the same connection, and close the one so far."""
    descriptor, remote_name, external_format, unread, unsent = socket._detach(operation)
    made = ActiveSocket(
        descriptor,
        remote_name=remote_name,
        external_format=external_format,
        input_buffer_size=socket._input_buffer_size,
        output_buffer_size=socket._output_buffer_size,
        timeout=socket.timeout,
    )
    made._host = socket._host
    made._attach(unread, unsent)
    return made
