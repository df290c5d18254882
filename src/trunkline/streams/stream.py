"""Streams of text and bytes, that block.

A stream puts two buffers and an external format onto a `Channel`. What is clever about that, taking
lines and characters off the front of a buffer, is in `trunkline._core`; here are the loops around
it, the time limits, and what becomes of the channel's errors.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from threading import get_ident
from typing import TypeVar

from .._core.buffers import Buffer, bytes_of, space_in
from .._core.counts import check_count
from .._core.deadline import Deadline, check_timeout
from .._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from .._core.input_buffer import InputBuffer
from .._core.text_reader import AnyTextReader
from .._core.text_writer import TextWriter, make_text_writer
from .._core.uncopied import Uncopied
from .._sys.clock import monotonic
from ..errors import (
    BrokenPipe,
    Busy,
    EndOfFile,
    Hangup,
    SocketError,
    StreamError,
    TimedOut,
)
from .channel import Channel, RecordChannel
from .file_sending import FileSending
from .io_adapter import StreamIO
from .python_names import PythonStreamNames
from .timeout import DEFAULT_TIMEOUT, Timeout

__all__ = ("DEFAULT_BUFFER_SIZE", "DEFAULT_LIMIT", "DEFAULT_TIMEOUT", "Stream", "Timeout")

DEFAULT_LIMIT = 65_536
"""The most bytes that a read takes for one line, or one block, unless told otherwise."""

DEFAULT_BUFFER_SIZE = 16_384
"""How much is received at a time, and how much output is gathered before it is sent, in bytes."""


# A read looks first whether something is there. To look in vain costs nearly as much as to wait,
# and where one look was in vain, others mostly will be: so some are left out then, more each time,
# but no more than this.
_MOST_LOOKS_LEFT_OUT = 31

T = TypeVar("T")


class Stream(Uncopied, FileSending, PythonStreamNames):
    """Reads and writes text, lines and bytes.

    Reading and writing are independent: one thread may read while another writes. A second reader,
    or a second writer, gets `Busy`.

    Every reading call has a `timeout`, in seconds for the whole call: None is for ever, 0 takes
    only what has arrived, and the default is the stream's own `timeout`. When it passes, `TimedOut`
    is raised and nothing is lost: what has arrived will be there for the next call. The same goes
    for the `limit` of a line or block, in bytes, which raises `LineTooLong`. Only `skip_line` is
    there to lose something.

    All calls raise `SocketClosed` when the stream is closed, also if that happens while they wait;
    `ConnectionReset` when the peer has thrown the connection away; and `Busy`.
    """

    def __init__(
        self,
        channel: Channel,
        *,
        external_format: ExternalFormatLike = "utf-8",
        input_buffer_size: int = DEFAULT_BUFFER_SIZE,
        output_buffer_size: int = DEFAULT_BUFFER_SIZE,
        timeout: float | None = None,
    ) -> None:
        external_format = ensure_external_format(external_format)
        self._go_through(channel)
        self._records: RecordChannel | None = None  # the channel, if it is one
        self._input = InputBuffer(external_format)
        self._input_buffer_size = check_buffer_size(input_buffer_size)
        self._received: memoryview | None = None
        self._writer = make_text_writer(external_format)
        self._output = bytearray()
        self._output_buffer_size = check_buffer_size(output_buffer_size)
        self._timeout = check_timeout(timeout)
        self._fatal_error: SocketError | None = None
        self._has_obstacle = False  # whether `_check_alive` has to be asked
        self._written_by: int | None = None  # the thread that has written last
        self._looks_to_leave_out = 0
        self._vain_look_costs = 0  # how many are left out after the next one that is in vain
        self.sends_before_waiting: bool = True
        """Whether a read that has to receive sends first what the same thread has written.

        A forgotten `finish_output` is then no deadlock. Set it to False where you shall decide
        alone what leaves in one piece.
        """

    # -- settings --------------------------------------------------------------------------------

    def _go_through(self, channel: Channel) -> None:
        """Read and write through another channel from now on, which stands before the first one."""
        self._channel = channel
        self._reading: AbstractContextManager[None] = channel.reading
        self._writing: AbstractContextManager[None] = channel.writing

    def _go_through_records(self, channel: RecordChannel) -> None:
        """Do so through one that has buffers of its own."""
        self._go_through(channel)
        self._records = channel

    @property
    def timeout(self) -> float | None:
        """The time limit, in seconds, of calls that are not given one; None is for ever."""
        return self._timeout

    @timeout.setter
    def timeout(self, timeout: float | None) -> None:
        self._timeout = check_timeout(timeout)

    @property
    def external_format(self) -> ExternalFormat:
        """How text looks on the wire; it can be changed where a character ends.

        Setting it raises `ValueError` where text has been decoded in the old format and not been
        read, which only happens with formats that do not mix with bytes.
        """
        return self._writer.external_format

    @external_format.setter
    def external_format(self, value: ExternalFormatLike) -> None:
        external_format = ensure_external_format(value)
        writer = make_text_writer(external_format)
        self._exchange_text(self._input.reader_for(external_format), writer)

    def _exchange_text(
        self, reader: AnyTextReader, writer: TextWriter
    ) -> tuple[AnyTextReader, TextWriter]:
        """Read and write text with others from now on, and return those so far, to go on later."""
        # Of a direction that has ended, too: the rights are the channel's.
        with self._channel.reading, self._channel.writing:
            so_far = self._input.exchange_reader(reader), self._writer
            self._output += self._writer.finish()
            self._writer = writer
        return so_far

    # -- reading text ----------------------------------------------------------------------------

    def read_line(
        self, *, limit: int | None = DEFAULT_LIMIT, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> str:
        """Read a line, and return it without its newline.

        Where the peer ends without a newline, what came after the last one is a line too, and
        `missing_newline` is then True.

        Args:
            limit: The most bytes that the line may have, its newline not counted; None for no
                limit, which is dangerous with peers that are not trusted.
            timeout: Seconds for the whole call.

        Raises:
            EndOfFile: The peer has finished, and nothing is left.
            LineTooLong: There is no newline within the limit. The line stays to be read.
            DecodingError: The line is not text in the stream's encoding. It stays to be read, for
                example as bytes.
            TimedOut: The time is up. What there is of the line stays.
        """
        if limit is DEFAULT_LIMIT and timeout is DEFAULT_TIMEOUT:
            line = next(self._input.lines_ahead, None)
            if line is not None:
                return line
            deadline = Deadline(self._timeout, monotonic)
        else:
            check_limit(limit)
            deadline = self._deadline(timeout)
        with self._reading:
            has_received = False
            while True:
                try:
                    line = self._input.take_line(limit)
                except StreamError as error:
                    raise self._named(error, "read_line") from None
                if line is not None:
                    return line
                if has_received:
                    self._check_time("read_line", deadline)
                self._receive("read_line", deadline)
                has_received = True

    def skip_line(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> int:
        """Drop everything up to the next newline, and the newline, and return how many bytes.

        You would want it after `LineTooLong` or `DecodingError`, to go on with the next line: it
        takes a line of whatever size, keeps nothing of it, and does not mind what is no text.

        Where the peer ends without a newline, what came after the last one is dropped, and
        `missing_newline` is then True.

        Args:
            timeout: Seconds for the whole call. Give one where the peer is not trusted, and could
                send a line that never ends.

        Returns:
            How many bytes the line had, its newline included. What was read of it in other ways
            does not count.

        Raises:
            EndOfFile: The peer has finished, and nothing is left.
            TimedOut: The time is up. What there was of the line is gone; another call goes on in
                the same line, and counts on.
            DecodingError: The text has no byte order mark, which its encoding needs.
        """
        return self._read("skip_line", self._input.skip_line, timeout)

    @property
    def missing_newline(self) -> bool:
        """Whether the last line that was read had no newline, because the peer ended."""
        return self._input.missing_newline

    def __iter__(self) -> Iterator[str]:
        """Iterate over the lines that are still to come, until the peer ends."""
        try:
            while True:
                yield self.read_line()
                yield from self._input.lines_ahead
        except EndOfFile:
            return

    def __next__(self) -> str:
        try:
            return self.read_line()
        except EndOfFile:
            raise StopIteration from None

    def read_char(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> str:
        r"""Read a character; a newline of any style is one, ``"\n"``.

        Raises:
            EndOfFile: The peer has finished, and nothing is left.
            DecodingError: What comes is not a character in the stream's encoding. It stays.
            TimedOut: The time is up.
        """
        return self._some_char(self._read("read_char", self._input.take_char, timeout), "read_char")

    def peek_char(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> str:
        """Return the next character and leave it to be read; see `read_char`."""
        char = self._read("peek_char", self._take_and_unread_char, timeout)
        return self._some_char(char, "peek_char")

    def _take_and_unread_char(self) -> str | None:
        char = self._input.take_char()
        if char:
            self._input.unread_char()
        return char

    def unread_char(self) -> None:
        """Put the character back that `read_char` has just returned.

        Raises:
            ValueError: The last read was something else, or the character has been put back.
        """
        with self._reading:
            self._input.unread_char()

    def read_char_no_hang(self) -> str | None:
        """Read a character if a whole one has arrived, and return None if not; see `read_char`."""
        with self._reading:
            char = self._take("read_char_no_hang", self._input.take_char)
            while char is None and self._receive_at_once("read_char_no_hang"):
                char = self._take("read_char_no_hang", self._input.take_char)
            return None if char is None else self._some_char(char, "read_char_no_hang")

    def _some_char(self, char: str, operation: str) -> str:
        if not char:
            raise EndOfFile(operation=operation, address=self._channel.where)
        return char

    def read_text(self, size: int, *, timeout: Timeout = DEFAULT_TIMEOUT) -> str:
        """Read `size` characters, or fewer where the peer ends: "" when nothing is left.

        Raises:
            DecodingError: One of them is malformed. All of them stay.
            TimedOut: The time is up. What has arrived stays.
        """
        check_size(size)
        return self._read("read_text", lambda: self._input.take_text(size), timeout)

    # -- reading bytes ---------------------------------------------------------------------------

    def read(self, size: int = DEFAULT_LIMIT, *, timeout: Timeout = DEFAULT_TIMEOUT) -> bytes:
        """Read bytes: whatever has arrived, at least one and at most `size`, ``b""`` at the end.

        Raises:
            ValueError: The stream's format does not mix with bytes.
            TimedOut: The time is up.
        """
        check_size(size)
        return self._read("read", lambda: self._input.take_some(size), timeout, of_bytes=True)

    def read_exactly(self, size: int, *, timeout: Timeout = DEFAULT_TIMEOUT) -> bytes:
        """Read `size` bytes, neither more nor less.

        Raises:
            EndOfFile: The peer ended before; its `partial` has what there was.
            ValueError: The stream's format does not mix with bytes.
            TimedOut: The time is up. What has arrived stays.
        """
        check_size(size)
        return self._read(
            "read_exactly", lambda: self._input.take_exactly(size), timeout, of_bytes=True
        )

    def read_until(
        self,
        separator: bytes,
        *,
        limit: int | None = DEFAULT_LIMIT,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> bytes:
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
        return self._read("read_until", self._until(separator, limit), timeout, of_bytes=True)

    def _until(self, separator: Buffer, limit: int | None) -> Callable[[], bytes | None]:
        """Return what takes bytes up to a separator, and searches none of them twice."""
        wanted = bytes(bytes_of(separator, "a separator is"))
        if not wanted:
            raise ValueError("the separator cannot be empty")
        check_limit(limit)
        searched = 0

        def take() -> bytes | None:
            nonlocal searched
            found = self._input.take_until(wanted, limit, searched)
            if isinstance(found, int):
                searched = found
                return None
            return found

        return take

    def read_into(self, buffer: Buffer, *, timeout: Timeout = DEFAULT_TIMEOUT) -> int:
        """Fill a writable buffer, and return how many bytes that were: fewer where the peer ends.

        Raises:
            ValueError: The stream's format does not mix with bytes.
            TimedOut: The time is up. What has arrived stays to be read.
        """
        deadline = self._deadline(timeout)
        with self._reading, space_in(buffer) as target:
            self._input.check_bytes()
            count = self._input.take_into(target)
            try:
                while count < len(target) and not self._input.at_end:
                    with target[count:] as rest:
                        received = self._receive_into(rest, "read_into", deadline)
                    assert received is not None  # it has waited
                    count += received
                    if not received:
                        self._input.feed_eof()
                    elif count < len(target):
                        self._check_time("read_into", deadline)
            except BaseException:
                self._input.push_back(target[:count])
                raise
            self._take_pending()
            return count

    def clear_input(self) -> None:
        """Throw away what has been received and not been read."""
        with self._reading:
            self._input.clear()

    @property
    def has_buffered_input(self) -> bool:
        """Whether something has been received that no read has returned yet.

        A multiplexer does not see it: the descriptor need not be readable.
        """
        return bool(self._input)

    @property
    def _input_buffer(self) -> InputBuffer:
        """What has been received and not been read, for a multiplexer to look at."""
        return self._input

    # -- the reading loop ------------------------------------------------------------------------

    def _read(
        self,
        operation: str,
        take: Callable[[], T | None],
        timeout: Timeout,
        *,
        of_bytes: bool = False,
    ) -> T:
        """Receive until `take` returns something, and return that."""
        deadline = self._deadline(timeout)
        with self._reading:
            if of_bytes:
                self._input.check_bytes()
            result = self._take(operation, take)
            if result is None:
                result = self._receive_until(operation, take, deadline)
            return result

    def _receive_until(self, operation: str, take: Callable[[], T | None], deadline: Deadline) -> T:
        while True:
            self._receive(operation, deadline)
            result = self._take(operation, take)
            if result is not None:
                return result
            self._check_time(operation, deadline)

    def _take(self, operation: str, take: Callable[[], T]) -> T:
        try:
            return take()
        except StreamError as error:
            raise self._named(error, operation) from None

    def _named(self, error: StreamError, operation: str) -> StreamError:
        error.operation = operation
        error.address = self._channel.where
        return error

    def _receive(self, operation: str, deadline: Deadline | None) -> bool:
        """Receive something into the input buffer, or the end of file; see `_receive_into`."""
        if self._received is None:
            self._received = memoryview(bytearray(self._input_buffer_size))
        count = self._receive_into(self._received, operation, deadline)
        if count:
            self._input.feed(self._received[:count])
            if self._records is not None:
                self._take_pending()
        elif count is None:
            return False
        else:
            self._input.feed_eof()
        return True

    def _take_pending(self) -> None:
        """Take in what the channel has received too, so that all of it is where one looks."""
        if self._records is not None and self._records.has_pending:
            if self._received is None:
                self._received = memoryview(bytearray(self._input_buffer_size))
            while count := self._records.receive_pending(self._received):
                self._input.feed(self._received[:count])

    def _receive_at_once(self, operation: str) -> bool:
        """Receive what has arrived; return whether there was anything, the end included."""
        if self._input.at_end:
            return False
        return self._receive(operation, None)

    def _has_input(self, operation: str) -> bool:
        """Whether a read would find something, or the end, in what has come through records.

        What the descriptor has of these need not be anything for a reader.
        """
        if self._input or self._input.at_end:
            return True
        return self._records is not None and self._receive(operation, None)

    def _check_time(self, operation: str, deadline: Deadline) -> None:
        """Raise `TimedOut` if the time is up although there was never anything to wait for.

        With a timeout of 0 it always is, and all that has arrived is taken nevertheless.
        """
        if not deadline.is_immediate and deadline.remaining() == 0:
            raise TimedOut.expired(operation, self._channel.where)

    def _receive_into(
        self, target: memoryview, operation: str, deadline: Deadline | None
    ) -> int | None:
        """Receive; without a deadline only what is there, and None if nothing is."""
        if self._has_obstacle:
            self._check_alive(operation)
        channel = self._channel
        has_waited = False
        while True:
            # What is left leaves as soon as there is room; the peer may wait for it.
            wait = channel.wait_ready if self._output and self._is_left_to_send(operation) else None
            try:
                if has_waited or wait is not None or deadline is None or deadline.is_immediate:
                    count = channel.receive_into(target)
                else:
                    count = self._receive_or_wait_a_little(target, deadline)
            except SocketError as error:
                raise self._failed(error, operation) from None
            if count is not None or deadline is None:
                return count
            (wait or channel.wait_readable)(deadline, operation)
            has_waited = True

    def _receive_or_wait_a_little(self, target: memoryview, deadline: Deadline) -> int | None:
        if self._looks_to_leave_out:
            self._looks_to_leave_out -= 1
            return self._channel.receive_soon(target, deadline)
        count = self._channel.receive_into(target)
        if count is not None:
            self._vain_look_costs = 0
        else:
            self._looks_to_leave_out = self._vain_look_costs
            self._vain_look_costs = min(2 * self._vain_look_costs + 1, _MOST_LOOKS_LEFT_OUT)
        return count

    def _is_left_to_send(self, operation: str) -> bool:
        """Send what is queued, as far as that goes at once; return whether there is more of it.

        A read that waited for an answer would wait for ever while the question is still here.

        That the peer reads no more is not the read's affair: what is queued stays, and whoever
        sends it next is told. All other errors are of both directions, and the system tells them
        once.
        """
        if not self.sends_before_waiting:
            return False
        # What another thread has written is left to that: it may be about to write more.
        if self._written_by is not None and self._written_by != get_ident():
            return False
        try:
            with self._writing:
                # What a channel has taken is left to that: receiving sends it, too.
                while self._output and self._fatal_error is None:
                    sent = self._channel.send(self._output)
                    if sent is None:
                        return True
                    del self._output[:sent]
        except (Busy, BrokenPipe):
            pass  # If another thread is writing, it does what is to be done.
        except SocketError as error:
            raise self._failed(error, operation) from None
        return False

    # -- writing ---------------------------------------------------------------------------------

    def write(
        self, data: str | Buffer, *, flush: bool = False, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        r"""Write text, or bytes.

        Small pieces are gathered in the output buffer; `finish_output` sends them, and so does a
        read that has to wait, see `sends_before_waiting`. What does not fit is sent, and waited
        for.

        Args:
            data: Text, in which each ``"\n"`` becomes a newline of the external format; or any
                object that has bytes.
            flush: Send what is queued, and wait until the system has all of it.
            timeout: Seconds for the whole call.

        Raises:
            Hangup: The peer reads no more. What was queued for it is dropped.
            TimedOut: The time is up. What was not sent stays queued, so that nothing is lost and
                `finish_output` may go on with it.
            UnicodeEncodeError: The text cannot be written in the stream's encoding. Nothing of it
                was queued.
            TypeError: The data is neither text nor bytes.
            ValueError: It is bytes, and the stream's format does not mix with bytes.
        """
        deadline = None if timeout is DEFAULT_TIMEOUT else self._deadline(timeout)
        with self._writing:
            if self._has_obstacle:
                self._check_alive("write")
            data = self._writer.encode(data) if isinstance(data, str) else self._bytes_of(data)
            self._written_by = get_ident()
            fits = len(self._output) + len(data) <= self._output_buffer_size
            if fits:
                self._output += data
                if not flush:
                    return
                if self._flush_at_once("write"):
                    return
            if deadline is None:
                deadline = self._deadline(timeout)
            if not fits:
                self._write_through(data, deadline)
            if flush:
                self._flush("write", deadline)

    def write_line(
        self, line: str = "", *, flush: bool = False, timeout: Timeout = DEFAULT_TIMEOUT
    ) -> None:
        """Write text and a newline; see `write`."""
        if not isinstance(line, str):
            raise TypeError(f"a line is text, not {type(line).__name__}")
        self.write(line + "\n", flush=flush, timeout=timeout)

    def finish_output(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
        """Send what is queued, and wait until the system has all of it.

        Raises:
            Hangup: The peer reads no more. What was queued for it is dropped.
            TimedOut: The time is up. What was not sent stays queued.
        """
        deadline = None if timeout is DEFAULT_TIMEOUT else self._deadline(timeout)
        with self._writing:
            if not self._flush_at_once("finish_output"):
                self._flush("finish_output", deadline or self._deadline(timeout))

    def force_output(self) -> bool:
        """Send what can be sent at once; return whether nothing is queued any more.

        Raises:
            Hangup: The peer reads no more. What was queued for it is dropped.
        """
        with self._writing:
            return self._flush_at_once("force_output")

    def clear_output(self) -> None:
        """Throw away what is queued and not sent."""
        with self._writing:
            self._output.clear()

    @property
    def has_buffered_output(self) -> bool:
        """Whether something has been written that has not been sent."""
        return bool(self._output) or self._channel_holds_output

    @property
    def _channel_holds_output(self) -> bool:
        return self._records is not None and self._records.holds_output

    def _bytes_of(self, data: Buffer) -> memoryview:
        view = bytes_of(data, "what is written is text or")
        if not self._writer.external_format.mixes_with_bytes:
            raise ValueError(
                f"bytes cannot be written in the middle of {self._writer.external_format} text: "
                "change the external format first, for example to 'latin-1'"
            )
        return view

    def _write_through(self, data: bytes | memoryview, deadline: Deadline) -> None:
        """Send what is queued and then `data`, which is queued as far as it cannot be sent."""
        sent = 0
        # No view of what the caller has given survives, not even in the traceback of an error.
        with data if isinstance(data, memoryview) else memoryview(data) as view:
            try:
                self._flush("write", deadline)
                while sent < len(view):
                    with view[sent:] as rest:
                        sent += self._send(rest, "write", deadline)
                if self._records is not None:
                    self._flush("write", deadline)
            except Hangup:
                raise
            except BaseException:
                if self._fatal_error is None:
                    self._output += view[sent:]
                raise

    def _write_some(self, data: memoryview) -> int:
        """Send what is queued and then `data`; return how much of `data` was sent in time.

        Raises:
            TimedOut: Nothing of it was.
        """
        deadline = self._deadline(DEFAULT_TIMEOUT)
        sent = 0
        with self._writing:
            self._flush("write", deadline)
            while sent < len(data):
                try:
                    with data[sent:] as rest:
                        sent += self._send(rest, "write", deadline)
                except TimedOut as error:
                    if not (error.deadline and sent):
                        raise
                    break
            if self._records is not None:
                self._flush("write", deadline)
        return sent

    def _flush_at_once(self, operation: str) -> bool:
        """Send what can be sent at once, which needs no limit; return whether that was all."""
        if self._has_obstacle:
            self._check_alive(operation)
        output, records = self._output, self._records
        try:
            while output or (records is not None and records.holds_output):
                sent = self._channel.send(output)
                if sent is None:
                    return False
                del output[:sent]
        except SocketError as error:
            raise self._failed(error, operation) from None
        return True

    def _flush(self, operation: str, deadline: Deadline) -> None:
        if self._has_obstacle:
            self._check_alive(operation)
        while self._output or self._channel_holds_output:
            sent = self._send(self._output, operation, deadline)
            del self._output[:sent]

    def _send(self, data: bytearray | memoryview, operation: str, deadline: Deadline) -> int:
        while True:
            try:
                sent = self._channel.send(data)
            except SocketError as error:
                raise self._failed(error, operation) from None
            if sent is not None:
                return sent
            self._channel.wait_writable(deadline, operation)

    # -- errors ----------------------------------------------------------------------------------

    def _deadline(self, timeout: Timeout) -> Deadline:
        return Deadline(self._timeout if timeout is DEFAULT_TIMEOUT else timeout, monotonic)

    def _failed(self, error: SocketError, operation: str) -> SocketError:
        """Return the stream's error for one of the channel's, and remember that it is over."""
        error.operation = operation
        if isinstance(error, BrokenPipe):
            # There is nobody to send it to. Were it kept, closing would fail for the same reason.
            self._output = bytearray()
            return Hangup(error.errno, operation=operation, address=error.address)
        if isinstance(error, TimedOut) and error.deadline:
            return error  # a limit that the channel has, which says nothing of the connection
        if error._ends_connection:
            self._fatal_error = error
            self._has_obstacle = True
            self._output = bytearray()
        return error

    def _check_alive(self, operation: str) -> None:
        """Raise again what has ended the connection, if something has."""
        error = self._fatal_error
        if error is not None:
            raise error._told_again(operation)

    # -- other shapes ----------------------------------------------------------------------------

    def raw_io(self) -> StreamIO:
        """Return an `io.RawIOBase` on this stream, for code that wants a file.

        Wrap it in an `io.BufferedRWPair` (or `io.BufferedReader`, `io.BufferedWriter`), and that in
        an `io.TextIOWrapper` where text is wanted: like all raw files, this one may write less than
        it is given, namely when the stream's timeout passes. Closing it leaves the stream open.

        Raises:
            ValueError: The stream's format does not mix with bytes.
        """
        self._input.check_bytes()
        return StreamIO(self)


def check_buffer_size(size: int) -> int:
    """Return a buffer's size in bytes if it is one.

    Raises:
        TypeError, ValueError: It is not an integer, not positive, or more than Python can address.
    """
    return check_count("a buffer's size", size, most=sys.maxsize)


def check_size(size: int) -> None:
    """Raise `TypeError` or `ValueError` unless `size` is a number of things to read."""
    if type(size) is not int or size < 0:  # each read asks
        check_count("a size", size, least=0)


def check_limit(limit: int | None) -> None:
    """Raise `TypeError` or `ValueError` unless `limit` is a number of bytes, or None."""
    if limit is not None:
        check_size(limit)
