"""A file that waits in a transport's queue, and what has become of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from .._core.output_queue import PieceOfFile
from .._core.uncopied import Uncopied
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import OperationNotSupported, WouldBlock

if TYPE_CHECKING:
    from .._sys.source_file import SourceFile
    from .tls_layer import TLSLayer

__all__ = ("FileTransfer",)

BYTES_AT_ONCE = 262_144
"""How much of a file is sent in one turn of the event base; the disk may make it wait for that."""

READ_BYTES = 65_536
"""How much is read at a time, where the system does not send it by itself."""


class FileTransfer(PieceOfFile, Uncopied):
    """A file that is being sent by a transport; `Transport.send_file` returns it.

    Attributes:
        offset: Where in the file it begins.
        count: How many bytes of it are to be sent.
    """

    __slots__ = (
        "_done",
        "_error",
        "_is_done",
        "_is_telling_due",
        "_is_told",
        "_progress",
        "_source",
        "_told",
        "count",
        "offset",
    )

    def __init__(
        self,
        source: "SourceFile",
        progress: "FileCallback | None" = None,
        done: "FileCallback | None" = None,
    ) -> None:
        assert source.left is not None
        super().__init__(source.left)
        self.offset: int = source.position
        self.count: int = source.left
        self._source = source
        self._progress = progress
        self._done = done
        self._error: Exception | None = None
        self._is_done = False
        self._is_telling_due = False
        self._told = 0  # how much was sent when the application was told last
        self._is_told = False  # that it is done

    @property
    def sent(self) -> int:
        """How many bytes of it the system has taken; `offset` and this are where to go on."""
        return self._source.sent

    @property
    def is_done(self) -> bool:
        """Whether it is over: all was sent, or `error` says why not."""
        return self._is_done

    @property
    def error(self) -> Exception | None:
        """Why it is over before all was sent; `SocketClosed` if you have ended the connection."""
        return self._error

    def _send(self, descriptor: "SocketDescriptor | TLSLayer") -> int:
        """Send what fits, but not too much at once, and return how many bytes that was.

        Raises:
            BlockingIOError: Nothing fits.
            FileTooShort: There is no more of it.
            SocketError, ValueError: It cannot be sent, or not be read.
        """
        source = self._source
        assert source.number is not None
        try:
            sent = descriptor.send_file(source.number, source.position, source.piece(BYTES_AT_ONCE))
            is_over = sent == 0
        except OperationNotSupported:
            # It is read once more next time, as far as it does not fit.
            data = source.read(READ_BYTES)
            is_over = not data
            sent = descriptor.send(data) if data else 0
        if is_over:
            source.check_end()
        if sent is None:
            raise WouldBlock(operation="send_file", address=descriptor.where)
        source.advance(sent)
        if source.left == 0:
            self._end(None)
        return sent

    def _end(self, error: Exception | None) -> None:
        self._error = error
        self._is_done = True
        self._source.close()

    def _tell(self, call: Callable[[Any, "FileTransfer"], object]) -> None:
        """Have the application told, by `call`, what it does not know yet."""
        self._is_telling_due = False
        if self._progress is not None and self.sent > self._told:
            self._told = self.sent
            call(self._progress, self)
        if self._is_done and not self._is_told:
            self._is_told = True
            if self._done is not None:
                call(self._done, self)

    def __repr__(self) -> str:
        state = "done" if self._error is None and self._is_done else self._error or "waiting"
        return f"<FileTransfer, {self.sent} of {self.count} bytes sent, {state}>"


FileCallback: TypeAlias = Callable[[FileTransfer], object]
"""What is called with a transfer."""
