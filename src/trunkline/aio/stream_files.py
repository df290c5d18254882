"""Sending files by an awaited stream: between what is queued before, and what is queued meanwhile.

The system sends them by itself where it can, and a task waits for it in the loop. What other tasks
write while a file is on its way stays queued until all of it has left.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .._core.callbacks import check_callback_or_none
from .._core.deadline import Deadline
from .._sys.late_import import late_import
from ..errors import Busy, FileTooShort, Hangup, OperationNotSupported, SocketError
from ..streams.channel import SendsFromFiles
from ..streams.timeout import DEFAULT_TIMEOUT, Timeout
from .stream_pump import NOTHING, StreamPump

if TYPE_CHECKING:
    from .._sys.source_file import BinaryFile, SourceFile

__all__ = ("FileSendingPump",)

_PIECE_BYTES = 262_144  # that the system sends at a time; the disk may make the loop wait for that

_READ_BYTES = 65_536  # at a time, where the system does not send it by itself


class FileSendingPump(StreamPump):
    """The part of an `AsyncStream` that sends files."""

    async def send_file(
        self,
        file: "BinaryFile",
        *,
        offset: int | None = None,
        count: int | None = None,
        progress: Callable[[int], object] | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> int:
        """Send a file, or a part of it, after what is queued, and wait until the system has it.

        The system sends it by itself where it can, see sendfile(2); else it is read piece by piece.
        After each piece the other tasks have their turns. What they write meanwhile comes behind
        the file; and ending the writing, closing and `start_tls` wait for it.

        Args:
            file: A file on a disk that was opened in binary mode, like ``open(path, "rb")``.
            offset: Where in the file to begin; the file itself is not moved then. Default: where it
                is, and it is moved behind what was sent, as if that had been read.
            count: How many bytes to send. Default: all that the file has when this is called. What
                is added meanwhile is not sent.
            progress: Called after each piece with how many bytes of the file were sent so far.
            timeout: Seconds for the whole call.

        Returns:
            How many bytes of the file were sent.

        Raises:
            Hangup: The peer reads no more.
            TimedOut: The time is up.
            ConnectionReset, SocketClosed, SocketError: As the names say, or the file cannot be
                read. All of these, and the next one, have an attribute `sent`: how many bytes of
                the file the system had taken. A connection that is still there may go on from that
                place; and so it may when the task was cancelled, of which the file's own place, or
                `progress`, tells how far it had come.
            FileTooShort: The file has fewer bytes than `count`, or fewer than it had. What was too
                short from the beginning is not begun.
            Busy: Another task is sending a file.
            TypeError: It is no file in binary mode, or none that can be read at any place.
            ValueError: The file is closed, or not open for reading; its size is not known, and
                there is no `count`; or the stream's format does not mix with bytes.
        """
        with late_import("send_file"):  # few programs need it
            from .._sys.source_file import SourceFile
        check_callback_or_none(progress, "sent", what="progress")
        deadline = self._deadline(timeout)
        with self._socket._writing:
            self._check_output("send_file")
            if self._sends_file:
                reason = "another task is sending a file"
                raise Busy(strerror=reason, operation="send_file", address=self._descriptor.where)
            self._socket._bytes_of(b"")  # says so if its format does not mix with bytes
        source = SourceFile(file, offset, count)
        source.take()
        self._sends_file = True
        try:
            await self._send_what_was_queued(deadline)
            await self._send_pieces(source, progress, deadline)
            if self._socket._records is not None:  # which may hold something back
                await self._until_sent(partial(self._send_bytes, NOTHING), deadline)
        except (SocketError, FileTooShort) as error:
            error.sent = source.sent
            error.address = error.address or self._descriptor.where
            raise
        finally:
            self._sends_file = False
            source.go_back()
            source.close()
            if not self._socket.closed:
                self._flush_in_background()
                self._update()
        return source.sent

    async def _send_what_was_queued(self, deadline: Deadline) -> None:
        socket = self._socket
        left = len(socket._output)
        while left := min(left, len(socket._output)):  # it may be dropped meanwhile
            with memoryview(socket._output)[:left] as first:
                taken = bytes(first)
            sent = await self._until_sent(partial(self._send_bytes, taken), deadline)
            del socket._output[:sent]
            left -= sent

    async def _send_pieces(
        self, source: "SourceFile", progress: Callable[[int], object] | None, deadline: Deadline
    ) -> None:
        while source.left:
            sent = await self._until_sent(partial(self._send_piece, source), deadline)
            source.advance(sent)
            if not sent:
                source.check_end()
            if progress is not None:
                progress(source.sent)
            if source.left:
                await asyncio.sleep(0)
                self._check_output("send_file")
                self._socket._check_time("send_file", deadline)

    async def _until_sent(self, send: Callable[[], int | None], deadline: Deadline) -> int:
        """Try to send until something goes, or has ended."""
        while (sent := send()) is None:
            self._awaits_room = True
            try:
                await self._wait_for_output(deadline, "send_file")
            finally:
                self._awaits_room = False
            self._check_output("send_file")
        return sent

    def _send_piece(self, source: "SourceFile") -> int | None:
        """Send what fits of a file, 0 at its end; None if nothing does."""
        assert source.number is not None
        channel = self._socket._channel
        if isinstance(channel, SendsFromFiles):
            number, position, most = source.number, source.position, source.piece(_PIECE_BYTES)
            try:
                return self._send_by(lambda: channel.send_file(number, position, most))
            except OperationNotSupported:
                pass  # it cannot with this file
        # What does not fit is read once more next time.
        return self._send_bytes(data) if (data := source.read(_READ_BYTES)) else 0

    def _send_bytes(self, data: "bytes | memoryview") -> int | None:
        with memoryview(data) as view:
            return self._send_by(lambda: self._socket._channel.send(view))

    def _send_by(self, send: Callable[[], int | None]) -> int | None:
        """Send something, with the right to write."""
        try:
            with self._socket._writing:
                return send()
        except OperationNotSupported:
            raise
        except SocketError as error:
            failure = self._socket._failed(error, "send_file")
            if isinstance(failure, Hangup):
                self._hangup = failure
            raise failure from None
