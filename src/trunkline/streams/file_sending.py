"""Sending files: by the system where the channel can have it done, and else by reading them.

Which of the two it is, is the channel's to say: one whose bytes are changed on the way, by
encryption for example, has no `send_file`, and gets what was read.
"""

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, cast

from .._core.deadline import Deadline
from .._sys.late_import import late_import
from ..errors import FileTooShort, Hangup, OperationNotSupported, SocketError
from .channel import SendsFromFiles
from .timeout import DEFAULT_TIMEOUT, Timeout

if TYPE_CHECKING:
    from .._sys.source_file import BinaryFile, SourceFile
    from .stream import Stream

__all__ = ("FileSending",)

PIECE_BYTES = 1 << 20
"""How much the system is asked to send at a time; a signal's handler waits no longer than that."""

READ_BYTES = 65_536
"""How much is read at a time, where the system does not send it by itself."""


class FileSending:
    """The part of a stream that sends files."""

    __slots__ = ()

    def send_file(
        self,
        file: "BinaryFile",
        *,
        offset: int | None = None,
        count: int | None = None,
        progress: Callable[[int], object] | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> int:
        """Send a file, or a part of it, after what is queued, and wait until the system has it.

        The system sends it by itself where it can, so that its bytes never come here; see
        sendfile(2). Others, such as pipes, what is compressed or in memory, and whatever goes
        through a channel that changes it, are read piece by piece. Either takes the same little
        memory, however large the file is.

        Args:
            file: A file that was opened in binary mode, like ``open(path, "rb")``.
            offset: Where in the file to begin; the file itself is not moved then. Default: where it
                is, and it is moved behind what was sent, as if that had been read.
            count: How many bytes to send. Default: all that the file has when this is called. What
                is added meanwhile is not sent. Of what nobody knows the size of, like a pipe, all
                up to its end.
            progress: Called after each piece with how many bytes of the file were sent so far. It
                cannot write to this stream.
            timeout: Seconds for the whole call.

        Returns:
            How many bytes of the file were sent.

        Raises:
            Hangup: The peer reads no more.
            TimedOut: The time is up.
            ConnectionReset, SocketClosed, Busy, SocketError: As the names say, or the file cannot
                be read. All of these, and the next one, have an attribute `sent`: how many bytes of
                the file the system had taken. A connection that is still there may go on from that
                place.
            FileTooShort: The file has fewer bytes than `count`, or fewer than it had. What was too
                short from the beginning is not begun.
            TypeError: It is no file in binary mode.
            ValueError: The file is closed, or not open for reading; it cannot have an `offset`; or
                the stream's format does not mix with bytes.
        """
        with late_import("send_file"):  # few programs need it
            from .._core.callbacks import check_callback_or_none
            from .._sys.source_file import SourceFile

        check_callback_or_none(progress, "sent", what="progress")
        stream = cast("Stream", self)
        deadline = stream._deadline(timeout)
        source = SourceFile(file, offset, count)
        with stream._writing:
            try:
                stream._bytes_of(b"")  # says so if its format does not mix with bytes
                stream._flush("send_file", deadline)
                _send_pieces(stream, source, progress, deadline)
                stream._flush("send_file", deadline)  # a channel may hold something back
            except (SocketError, FileTooShort) as error:
                error.sent = source.sent
                error.address = error.address or stream._channel.where
                raise
            finally:
                source.leave()
        return source.sent


def _send_pieces(
    stream: "Stream",
    source: "SourceFile",
    progress: Callable[[int], object] | None,
    deadline: Deadline,
) -> None:
    can_send_itself = source.number is not None and isinstance(stream._channel, SendsFromFiles)
    while source.left != 0:
        if source.sent:
            stream._check_time("send_file", deadline)
        try:
            if can_send_itself:
                count = _send_by_system(stream, source, deadline)
            else:
                count = _read_and_send(stream, source, deadline)
        except OperationNotSupported:
            if not can_send_itself:
                raise
            can_send_itself = False
            continue
        if not count:
            source.check_end()
            return
        if progress is not None:
            progress(source.sent)


def _send_by_system(stream: "Stream", source: "SourceFile", deadline: Deadline) -> int:
    """Have the system send a piece; return how much of it, nothing at the end of the file."""
    channel = cast("SendsFromFiles", stream._channel)
    assert source.number is not None
    while True:
        piece = source.piece(PIECE_BYTES)
        try:
            count = channel.send_file(source.number, source.position, piece)
        except OperationNotSupported:
            raise
        except SocketError as error:
            raise stream._failed(error, "send_file") from None
        if count is not None:
            source.advance(count)
            return count
        stream._channel.wait_writable(deadline, "send_file")


def _read_and_send(stream: "Stream", source: "SourceFile", deadline: Deadline) -> int:
    """Read a piece, and send all of it; return how much that is, nothing at the end."""
    data = source.read(READ_BYTES)
    sent = 0
    with memoryview(data) as view:
        try:
            while sent < len(view):
                with view[sent:] as rest:
                    sent += stream._send(rest, "send_file", deadline)
        except Hangup:
            raise
        except BaseException:
            # What cannot be read again stays queued, and so it is on its way.
            if source.number is None and stream._fatal_error is None:
                stream._written_by = get_ident()
                stream._output += view[sent:]
                sent = len(view)
            raise
        finally:
            source.advance(sent)
    return sent
