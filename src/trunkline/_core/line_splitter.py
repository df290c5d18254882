"""Splitting what arrives into lines, as many at a time as have arrived.

It gives the same lines as `InputBuffer.take_line`, faster: all lines of a chunk are decoded and
split at once. Only where that fails, or a line may be too long, are they looked at one by one.
"""

from typing import Protocol

from ..errors import DecodingError, EndOfFile, LineTooLong, StreamError
from .external_format import ExternalFormat, decoding_errors
from .input_buffer import InputBuffer
from .newlines import content_end, find_newline

__all__ = ("LineSplitter", "make_line_splitter")


class LineSplitter(Protocol):
    """Takes bytes in, and gives lines back, without their newlines."""

    def feed(self, data: bytes) -> None:
        """Add what has been received."""

    def feed_eof(self) -> None:
        """Take note that nothing more comes: what is left is a line, too."""

    def lines(self) -> list[str]:
        """Return the next lines, or none while there is no complete one.

        Call it until there are none: it may return fewer than there are.

        Raises:
            LineTooLong, DecodingError: The next line is bad. It stays.
        """

    def unread(self, count: int) -> bytes:
        """Return what comes behind the first `count` lines that were returned last, and forget it.

        Raises:
            ValueError: A part of it has been decoded, and cannot be had as bytes.
        """


def make_line_splitter(external_format: ExternalFormat, limit: int) -> LineSplitter:
    """Return a splitter for lines in a format, of at most `limit` bytes each."""
    if external_format.mixes_with_bytes:
        return DirectLineSplitter(external_format, limit)
    return DecodingLineSplitter(external_format, limit)


class DirectLineSplitter:
    """Splits text in an encoding that leaves ASCII alone."""

    __slots__ = (
        "_at_end",
        "_data",
        "_encoding",
        "_eol",
        "_errors",
        "_limit",
        "_scanned",
        "_source",
    )

    def __init__(self, external_format: ExternalFormat, limit: int) -> None:
        self._encoding = external_format.encoding
        self._errors = decoding_errors(external_format)
        self._eol = external_format.eol
        self._limit = limit
        self._data: bytes | bytearray = b""
        self._scanned = 0  # there is no newline before this index of `_data`
        self._source = b""  # what the last lines were split from
        self._at_end = False

    def feed(self, data: bytes) -> None:
        """See `LineSplitter`."""
        if not self._data:
            self._data = data
        else:
            # A bytearray can grow without being copied each time.
            self._data = self._data if isinstance(self._data, bytearray) else bytearray(self._data)
            self._data += data

    def feed_eof(self) -> None:
        """See `LineSplitter`."""
        self._at_end = True

    def lines(self) -> list[str]:
        """See `LineSplitter`."""
        self._source = b""
        data = self._data
        if not data:
            return []
        end = data.rfind(b"\n", self._scanned) + 1
        if self._eol == "cr":
            end = max(end, data.rfind(b"\r", self._scanned) + 1)
        if end == 0:
            return self._last_line()
        complete = bytes(data[:end])
        if end > self._limit:
            return self._lines_one_by_one(complete)
        try:
            text = complete.decode(self._encoding, self._errors)
        except UnicodeDecodeError:
            return self._lines_one_by_one(complete)
        self._consume(complete)
        if self._eol != "lf":
            text = text.replace("\r\n" if self._eol == "crlf" else "\r", "\n")
        lines = text.split("\n")
        lines.pop()
        return lines

    def _consume(self, source: bytes) -> None:
        self._source = source
        self._data = bytes(self._data[len(source) :])
        self._scanned = 0

    def _last_line(self) -> list[str]:
        """Return what is left at the end of the file; and no line before that."""
        data = self._data
        if not self._at_end:
            self._scanned = len(data)
            # The CR at the very end may be half of the newline that the limit does not count.
            if (size := len(data)) > self._limit:
                self._check_size(size - (self._eol == "crlf" and data[-1] == 13))
            return []
        line = self._one_line(bytes(data))
        self._consume(bytes(data))
        return [line]

    def _lines_one_by_one(self, complete: bytes) -> list[str]:
        """Return the lines up to the first one that is bad; raise if that is the first."""
        buffer = bytearray(complete)
        lines: list[str] = []
        start = 0
        try:
            while start < len(buffer):
                newline = find_newline(buffer, self._eol, start)
                end = max(start, content_end(buffer, self._eol, newline))
                lines.append(self._one_line(complete[start:end]))
                start = newline + 1
        except StreamError:
            if not lines:
                raise
        self._consume(complete[:start])
        return lines

    def _one_line(self, line: bytes) -> str:
        self._check_size(len(line))
        try:
            return line.decode(self._encoding, self._errors)
        except UnicodeDecodeError as error:
            raise DecodingError.from_unicode_error(error) from None

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise LineTooLong(self._limit)

    def unread(self, count: int) -> bytes:
        """See `LineSplitter`."""
        source = bytearray(self._source)
        start = 0
        for _ in range(count):
            start = find_newline(source, self._eol, start) + 1 or len(source)
        rest = bytes(source[start:]) + self._data
        self._data = self._source = b""
        self._scanned = 0
        return rest


class DecodingLineSplitter:
    """Splits text in other encodings, one line at a time."""

    __slots__ = ("_input", "_limit")

    def __init__(self, external_format: ExternalFormat, limit: int) -> None:
        self._input = InputBuffer(external_format)
        self._limit = limit

    def feed(self, data: bytes) -> None:
        """See `LineSplitter`."""
        self._input.feed(data)

    def feed_eof(self) -> None:
        """See `LineSplitter`."""
        self._input.feed_eof()

    def lines(self) -> list[str]:
        """See `LineSplitter`."""
        try:
            line = self._input.take_line(self._limit)
        except EndOfFile:
            return []
        return [] if line is None else [line]

    def unread(self, count: int) -> bytes:
        """See `LineSplitter`."""
        return self._input.take_rest()
