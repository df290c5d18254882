"""Splitting what arrives into lines, many at a time.

It gives the same lines as `InputBuffer.take_line`, and all that it has found at once: a batch of
lines is decoded and split together, see there. Lines that nobody takes for now are put back: they
wait as bytes, of which a megabyte of objects could be made.
"""

from typing import Protocol

from ..errors import DecodingError, EndOfFile, LineTooLong, StreamError
from .decoded_lines import decoded_lines
from .external_format import ExternalFormat, decoding_errors
from .input_buffer import FIRST_BATCH_BYTES, MOST_BATCH_BYTES, InputBuffer
from .newlines import content_end, find_last_newline, find_newline, skip_lines

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

    def put_back(self, taken: int) -> None:
        """Return all but the first `taken` of the lines that were returned last once more."""

    def take_rest(self) -> bytes:
        """Return the bytes of what has not been returned as lines, and forget it.

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
        "_batch_bytes",
        "_batch_start",
        "_data",
        "_encoding",
        "_eol",
        "_errors",
        "_limit",
        "_most_batch_bytes",
        "_scanned",
        "_start",
    )

    def __init__(self, external_format: ExternalFormat, limit: int) -> None:
        self._encoding = external_format.encoding
        self._errors = decoding_errors(external_format)
        self._eol = external_format.eol
        self._limit = limit
        self._data: bytes | bytearray = b""
        self._start = 0  # where in `_data` the next line begins
        self._batch_start = 0  # and where those begin that were returned last
        self._scanned = 0  # there is no newline between `_start` and this index of `_data`
        # In a batch within the limit, no line can be too long.
        self._most_batch_bytes = min(MOST_BATCH_BYTES, limit)
        self._batch_bytes = min(FIRST_BATCH_BYTES, limit)
        self._at_end = False

    def feed(self, data: bytes) -> None:
        """See `LineSplitter`."""
        rest, start = self._data, self._start
        if start == len(rest):
            self._data = data
            self._scanned = 0
        else:
            # A bytearray can grow, and lose its front, without being copied each time.
            if isinstance(rest, bytearray):
                del rest[:start]
            else:
                rest = self._data = bytearray(rest[start:])
            rest += data
            self._scanned = max(0, self._scanned - start)
        self._start = self._batch_start = 0

    def feed_eof(self) -> None:
        """See `LineSplitter`."""
        self._at_end = True

    def lines(self) -> list[str]:
        """See `LineSplitter`."""
        data = self._data
        start = self._batch_start = self._start
        if start == len(data):
            self._data = b""  # who has nothing to do keeps nothing
            self._start = self._batch_start = 0
            return []
        size = self._batch_bytes
        stop = start + size
        end = find_last_newline(data, self._eol, start, stop) + 1
        if not end:
            end = find_newline(data, self._eol, max(stop, self._scanned)) + 1
            if not end:
                return self._last_line()
            if end - start > self._limit:
                return self._lines_one_by_one(end)
        try:
            lines = decoded_lines(data, start, end, self._encoding, self._errors, self._eol)
        except UnicodeDecodeError:
            return self._lines_one_by_one(end)
        self._start = end
        if size < self._most_batch_bytes:
            self._batch_bytes = min(2 * size, self._most_batch_bytes)
        return lines

    def _last_line(self) -> list[str]:
        """Return what is left at the end of the file; and no line before that."""
        data, start = self._data, self._start
        if self._at_end:
            line = self._one_line(start, len(data))
            self._start = len(data)
            return [line]
        if start:  # what is before the line is not kept until it is complete
            self._data = data = data[start:]
            self._start = self._batch_start = 0
        self._scanned = len(data)
        # The CR at the very end may be half of the newline that the limit does not count.
        if len(data) > self._limit:
            self._check_size(len(data) - (self._eol == "crlf" and data[-1] == 13))
        return []

    def _lines_one_by_one(self, end: int) -> list[str]:
        """Return the lines up to the first one that is bad; raise if that is the first."""
        lines: list[str] = []
        try:
            while self._start < end:
                newline = find_newline(self._data, self._eol, self._start)
                stop = max(self._start, content_end(self._data, self._eol, newline))
                lines.append(self._one_line(self._start, stop))
                self._start = newline + 1
        except StreamError:
            if not lines:
                raise
        return lines

    def _one_line(self, start: int, end: int) -> str:
        self._check_size(end - start)
        try:
            return self._data[start:end].decode(self._encoding, self._errors)
        except UnicodeDecodeError as error:
            raise DecodingError.from_unicode_error(error) from None

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise LineTooLong(self._limit)

    def put_back(self, taken: int) -> None:
        """See `LineSplitter`."""
        end = skip_lines(self._data, self._eol, self._batch_start, taken)
        size = max(FIRST_BATCH_BYTES, end - self._batch_start)
        self._batch_bytes = min(size, self._most_batch_bytes)
        self._start = end
        self._scanned = 0

    def take_rest(self) -> bytes:
        """See `LineSplitter`."""
        rest = bytes(self._data[self._start :])
        self._data = b""
        self._start = self._batch_start = self._scanned = 0
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

    def put_back(self, taken: int) -> None:
        """See `LineSplitter`: of a single line, nothing is left when it is taken."""

    def take_rest(self) -> bytes:
        """See `LineSplitter`."""
        return self._input.take_rest()
