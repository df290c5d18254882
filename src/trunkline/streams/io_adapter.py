"""A real file object on a stream, for the code of others that wants one."""

import io
from typing import TYPE_CHECKING

from .._core.buffers import Buffer, bytes_of, space_in
from .._core.uncopied import Uncopied

if TYPE_CHECKING:
    from .stream import Stream

__all__ = ("StreamIO",)


class StreamIO(Uncopied, io.RawIOBase):
    """The raw layer of `io` on a stream; `Stream.raw_io` makes it.

    Reads take what the stream has buffered before they receive; writes are sent at once, after
    what the stream has queued. The stream's timeout holds. What a write has not sent by then it
    leaves to the caller, for `io.BufferedWriter` keeps that and tries again.
    """

    def __init__(self, stream: "Stream") -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        with space_in(buffer) as target:
            data = self._stream.read(len(target))
            target[: len(data)] = data
            return len(data)

    def write(self, data: Buffer) -> int:
        with bytes_of(data, "what is written is") as view:
            return self._stream._write_some(view)
