"""Sending files by a transport: they wait in its queue, and take no memory there."""

from typing import TYPE_CHECKING, Any

from .._core.callbacks import check_callback_or_none, check_result
from .._sys.late_import import late_import
from .._sys.socket_descriptor import MORE
from ..errors import FileTooShort, SocketClosed
from .transport_core import CLOSING, CONNECTING
from .transport_writing import WritingTransport

if TYPE_CHECKING:
    from .._sys.source_file import BinaryFile
    from .file_transfer import FileCallback, FileTransfer

__all__ = ("FileSendingTransport",)


class FileSendingTransport(WritingTransport):
    """The part of a transport that sends files."""

    __slots__ = ()

    def send_file(
        self,
        file: "BinaryFile",
        *,
        offset: int | None = None,
        count: int | None = None,
        progress: "FileCallback | None" = None,
        done: "FileCallback | None" = None,
    ) -> "FileTransfer":
        """Send a file, or a part of it, after what was written, and before what is written next.

        It waits in the queue without being read, counts as if it had been written, and so asks the
        protocol to pause writing until it has nearly all been sent. The system sends it by itself
        where it can, see sendfile(2); else it is read piece by piece. In one turn of the event base
        no more is sent than 256 KiB, so that others have their turn, too.

        A file that cannot be read, or has become too short, ends the connection with that error,
        for the peer would take what comes next for a part of it.

        Args:
            file: A file on a disk that was opened in binary mode, like ``open(path, "rb")``. You
                may close it as soon as this returns.
            offset: Where in the file to begin; the file itself is not moved then. Default: where it
                is, and it is moved behind what is sent, as if that had been read.
            count: How many bytes to send. Default: all that the file has now. What is added later
                is not sent.
            progress: Called with the `FileTransfer` when some of it has been sent.
            done: Called with it once: when all was sent, or before `connection_lost` when the
                connection ends before that. What either of them raises ends the connection, like
                any callback.

        Returns:
            What tells how much was sent, and what has become of it. When the connection is closed
            already, it is over at once, nothing is sent, and nothing is called.

        Raises:
            FileTooShort: The file has fewer bytes than `count`, or than `offset`.
            TypeError: It is no file in binary mode, or none that can be read at any place.
            ValueError: The file is closed, or not open for reading; its size is not known, and
                there is no `count`; or the writing half has been ended by `write_eof`.
            TooManyOpenFiles: No descriptor is left, of which each file in the queue has one.
        """
        check_callback_or_none(progress, "transfer", what="progress")
        check_callback_or_none(done, "transfer", what="done")
        if self._is_refusing:
            self._refuse_to_write()
        with late_import("send_file"):
            from .._sys.source_file import SourceFile
            from .file_transfer import FileTransfer
        source = SourceFile(file, offset, count)
        source.take()
        transfer = FileTransfer(source, progress, done)
        if self._state >= CLOSING:
            transfer._end(SocketClosed(operation="send_file", address=self._where))
            return transfer
        if not transfer.count:
            transfer._end(None)
            self._tell_soon(transfer)
            return transfer
        self._queue_file(transfer)
        return transfer

    def _queue_file(self, transfer: "FileTransfer") -> None:
        if self._files is None:
            self._files = []
        self._files.append(transfer)
        queue = self._queue
        is_alone = not queue.size
        queue.append(transfer)
        self._choose_send()
        if is_alone and not self._is_delivering and self._state != CONNECTING:
            self._start_waiting_to_write()
        if queue.size > self._high_water and not self._writing_is_paused:
            self._ask_to_pause()

    def _send_piece(self, piece: Any, flags: int) -> int:
        """Stand for the descriptor's `send` while there are files in the queue."""
        assert self.descriptor is not None
        assert self._files
        transfer = self._files[0]
        if piece is not transfer:
            if self._queue.pieces[1:2] == [transfer]:
                flags |= MORE  # what the file begins with may go along
            sent: int = self._own_send(piece, flags)
            return sent
        try:
            sent = transfer._send(self._layer or self.descriptor)
        except (FileTooShort, ValueError) as error:
            self._lose(error)
            raise BlockingIOError from None
        if transfer.is_done:
            del self._files[0]
            self._choose_send()
        self._tell_soon(transfer)
        return sent

    def _tell_soon(self, transfer: "FileTransfer") -> None:
        """Tell the application later how far it is: nothing is called from inside of a send."""
        if not transfer._is_telling_due and not self.event_base.closed:
            transfer._is_telling_due = True
            self.event_base.call_soon(transfer._tell, self._call_for_file)

    def _call_for_file(self, callback: "FileCallback", transfer: "FileTransfer") -> None:
        context = self._caller.context
        try:
            result = callback(transfer) if context is None else context.run(callback, transfer)
            if result is not None:
                check_result(result, callback)
        except Exception as error:
            self._callback_failed(error)

    def _files_lost(self, error: Exception | None) -> None:
        files, self._files = self._files or (), None
        self._choose_send()
        for transfer in files:
            transfer._end(error or SocketClosed(operation="send_file", address=self._where))
            self._tell_soon(transfer)
