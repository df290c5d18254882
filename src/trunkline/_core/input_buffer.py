"""What has arrived and not been read: bytes, which can be taken as bytes, text or lines.

The buffer does no input itself. Whoever has received something calls `feed`, or `feed_eof` when
nothing more will come. Each ``take_…`` method returns None while there is not enough and takes
nothing then; nor does it when it raises. `skip_line`, which may have to drop more than there is
room for, drops what there is.

Whoever takes lines mostly takes many. So a batch of them is decoded and split at once, and their
bytes stay where they are until all of its lines were taken, or something else is wanted. A batch is
as large as what was taken of those before it, and twice that if all was: whoever takes one line and
then something else does not have all of the rest split in vain, each time.
"""

from collections.abc import Iterator
from operator import length_hint

from ..errors import EndOfFile, LineTooLong
from .external_format import ExternalFormat
from .text_reader import AnyTextReader, DecodingTextReader, DirectTextReader, make_text_reader

__all__ = ("FIRST_BATCH_BYTES", "MOST_BATCH_BYTES", "InputBuffer")

FIRST_BATCH_BYTES = 64
MOST_BATCH_BYTES = 16_384

_NO_LINES: Iterator[str] = iter(())


class InputBuffer:
    """The input side of a stream, without the input.

    Attributes:
        at_end: Whether nothing more will be received.
        lines_ahead: The next lines, of at most `MOST_BATCH_BYTES`, if they were found already.
            Whoever has no smaller limit may take them from here, and need not ask anybody: when
            somebody does something else with the buffer, they are taken out of it.
    """

    __slots__ = (
        "_batch",
        "_batch_bytes",
        "_batch_count",
        "_data",
        "_is_direct",
        "_left",
        "_looks_ahead",
        "_next_batch_bytes",
        "_skipped",
        "_skipped_at",
        "_taken_count",
        "_takes_lines",
        "_text",
        "at_end",
        "lines_ahead",
    )

    def __init__(self, external_format: ExternalFormat) -> None:
        self._data = bytearray()
        self._text = make_text_reader(external_format, self._data)
        self._is_direct = isinstance(self._text, DirectTextReader)
        self.at_end: bool = False
        self._taken_count = 0
        self._skipped = 0  # bytes of a line that is being skipped
        self._skipped_at = 0  # and what `_taken_count` was then
        self._looks_ahead = True
        self.lines_ahead: Iterator[str] = _NO_LINES
        self._batch = _NO_LINES
        self._left: list[str] = []  # those lines of it that are to become bytes again
        self._batch_count = 0  # of all its lines
        self._batch_bytes = 0  # of `_data`, at the front, from which it was made; 0 without one
        self._next_batch_bytes = FIRST_BATCH_BYTES
        self._takes_lines = False  # whether a line was taken of what was fed last

    @property
    def taken_count(self) -> int:
        """How many times something was taken: it grows with progress."""
        left = len(self._left) + length_hint(self._batch)
        return self._taken_count + self._batch_count - left

    # -- filling ---------------------------------------------------------------------------------

    def feed(self, data: bytes | memoryview) -> None:
        """Add what has been received."""
        self._data += data
        self._takes_lines = False

    def feed_eof(self) -> None:
        """Take note that nothing more will be received."""
        self.at_end = True

    def push_back(self, data: memoryview) -> None:
        """Put bytes that have been taken back to the front."""
        if self._batch_bytes:
            self._end_batch()
        self._data[:0] = data
        self._text.start_over()

    def clear(self) -> None:
        """Forget what has not been read, half a character included."""
        if self._batch_bytes:
            self._end_batch()
        self._taken_count += 1
        self._data.clear()
        self._text.clear()

    def __len__(self) -> int:
        """The number of bytes that have not been looked at yet."""
        if self._batch_bytes:
            self._end_batch()
        return len(self._data)

    def __bool__(self) -> bool:
        """Whether there is anything that has not been read, half a character included."""
        if self._batch_bytes:
            has_lines = bool(self._left) or length_hint(self._batch) > 0
            return has_lines or len(self._data) > self._batch_bytes
        if self._is_direct or self._data:
            return bool(self._data)
        return isinstance(self._text, DecodingTextReader) and not self._text.at_boundary

    def has_char(self) -> bool:
        """Return whether a character can be read without anything more, or an error be told.

        That is not so of half a character, and of the CR that may begin a newline.
        """
        if self._batch_bytes:
            self._end_batch()
        return self._text.has_char(self.at_end)

    # -- formats ---------------------------------------------------------------------------------

    @property
    def external_format(self) -> ExternalFormat:
        """The format in which text is read."""
        return self._text.external_format

    def change_format(self, external_format: ExternalFormat) -> None:
        """Read what comes next in another format.

        Raises:
            ValueError: Some of it has been decoded in the old format already.
        """
        self.exchange_reader(self.reader_for(external_format))

    def reader_for(self, external_format: ExternalFormat) -> AnyTextReader:
        """Return what reads text in a format from this buffer, for `exchange_reader`."""
        return make_text_reader(external_format, self._data)

    def exchange_reader(self, reader: AnyTextReader) -> AnyTextReader:
        """Read what comes next with another reader, and return the one so far.

        It may come back, and goes on where it was then: behind a byte order mark, for example.

        Raises:
            ValueError: Some of what comes next has been decoded already.
        """
        if self._batch_bytes:
            self._end_batch()
        if isinstance(self._text, DecodingTextReader) and not self._text.at_boundary:
            raise ValueError(
                f"the format can only be changed where a {self.external_format} character ends "
                "and all text before it has been read"
            )
        before, self._text = self._text, reader
        reader.start_over()
        self._is_direct = isinstance(reader, DirectTextReader)
        return before

    # -- text ------------------------------------------------------------------------------------

    @property
    def missing_newline(self) -> bool:
        """Whether the last line that was taken had no newline, because the file ended."""
        return self._text.missing_newline

    def take_line(self, limit: int | None) -> str | None:
        """Return the next line without its newline.

        Raises:
            LineTooLong: More than `limit` bytes are there without a newline.
            DecodingError: The line is malformed.
            EndOfFile: Nothing is left.
        """
        if not (self._data or self.at_end) and self._is_direct:
            return None
        if self._takes_lines and self._looks_ahead and (limit is None or limit >= MOST_BATCH_BYTES):
            line = next(self.lines_ahead, None)
            if line is None:
                line = self._look_ahead()
            if line is not None:
                return line
        elif self._batch_bytes:
            self._end_batch()
        # Of what has just arrived, the first line is mostly the only one.
        line = self._text.take_line(limit, self.at_end)
        if line is not None:
            self._taken_count += 1
            self._takes_lines = True
        return line

    def skip_line(self) -> int | None:
        """Drop the next line, its newline included, and return how many bytes it had.

        What there is of it is dropped also where None is returned. The next call goes on in this
        line, and counts on, unless something else has been taken meanwhile.

        Raises:
            DecodingError: The decoder cannot even tell where the line ends.
            EndOfFile: Nothing is left.
        """
        if self._batch_bytes:
            self._end_batch()
        if self._skipped_at != self._taken_count:
            self._skipped = 0
        size, has_ended = self._text.skip_line(self.at_end)
        self._skipped += size
        if size:
            self._taken_count += 1
        self._skipped_at = self._taken_count
        if not has_ended:
            if not self.at_end:
                return None
            if not self._skipped:
                raise EndOfFile
        self._text.missing_newline = not has_ended
        size, self._skipped = self._skipped, 0
        return size

    def _look_ahead(self) -> str | None:
        """Find many lines, and return the first of them."""
        if self._batch_bytes:
            self._end_batch()
        size = self._next_batch_bytes
        lines, batch_bytes = self._text.lines_at_front(size)
        is_malformed = batch_bytes > 0 and not lines
        self._next_batch_bytes = (
            FIRST_BATCH_BYTES if is_malformed else min(2 * size, MOST_BATCH_BYTES)
        )
        if not lines:
            return None
        self._text.begin_batch()
        batch = iter(lines)
        line = next(batch)
        self._batch_count = len(lines)
        self._batch_bytes = batch_bytes
        self._batch = batch
        self.lines_ahead = batch
        if not self._looks_ahead:  # which another thread may have said just now
            self._withdraw()
        return line

    def _withdraw(self) -> None:
        """Take the lines ahead away, also from those who have begun to take them one by one."""
        self.lines_ahead = _NO_LINES
        self._left.extend(self._batch)

    def _end_batch(self) -> None:
        """Drop the bytes of the lines that were taken; the others are bytes again."""
        self._withdraw()
        taken = self._batch_count - len(self._left)
        size = self._batch_bytes
        if self._left:
            size = self._text.skip_lines(taken)
            self._next_batch_bytes = min(max(size, FIRST_BATCH_BYTES), MOST_BATCH_BYTES)
        # An exception of a signal handler may strike before this, and not in the middle.
        del self._data[:size]
        self._batch_bytes = 0
        self._batch_count = 0
        self._batch = _NO_LINES
        self._left = []
        self._taken_count += taken

    def stop_looking_ahead(self) -> None:
        """Have `lines_ahead` stay empty, whoever is using the buffer: all lines are asked for."""
        self._looks_ahead = False
        self._withdraw()

    def take_char(self) -> str | None:
        """Return the next character, or "" at the end of file.

        Raises:
            DecodingError: What comes is not a character.
        """
        if self._batch_bytes:
            self._end_batch()
        return self._noted(self._text.take_char(self.at_end))

    def unread_char(self) -> None:
        """Put back the character that has just been taken.

        Raises:
            ValueError: Something else has been done since.
        """
        self._text.unread_char()

    def take_text(self, size: int) -> str | None:
        """Return `size` characters, fewer only where the file ends.

        Raises:
            DecodingError: One of them is malformed.
        """
        if self._batch_bytes:
            self._end_batch()
        return self._noted(self._text.take_text(size, self.at_end))

    def _noted(self, taken: str | None) -> str | None:
        if taken is not None:
            self._taken_count += 1
        return taken

    # -- bytes -----------------------------------------------------------------------------------

    def check_bytes(self) -> None:
        """Raise `ValueError` unless the format allows bytes to be read here."""
        if isinstance(self._text, DecodingTextReader):
            raise ValueError(
                f"bytes cannot be read in the middle of {self.external_format} text: "
                "change the external format first, for example to 'latin-1'"
            )

    def take_bytes(self, size: int) -> bytes:
        """Return up to `size` bytes, of those that are there."""
        if self._batch_bytes:
            self._end_batch()
        data = bytes(self._data[:size])
        self._drop(len(data))
        return data

    def take_some(self, size: int) -> bytes | None:
        """Return up to `size` bytes, at least one unless the file ends."""
        if self._batch_bytes:
            self._end_batch()
        return self.take_bytes(size) if self._data or self.at_end or not size else None

    def take_rest(self) -> bytes:
        """Return all that has not been read, whatever the format.

        Raises:
            ValueError: A part of it has been decoded, and cannot be had as bytes.
        """
        external_format = self.external_format
        self.change_format(ExternalFormat("latin-1"))
        rest = self.take_bytes(len(self._data))
        self.change_format(external_format)
        return rest

    def take_into(self, target: memoryview) -> int:
        """Copy bytes into `target`, and return how many there were."""
        if self._batch_bytes:
            self._end_batch()
        size = min(len(self._data), len(target))
        target[:size] = self._data[:size]
        self._drop(size)
        return size

    def take_exactly(self, size: int) -> bytes | None:
        """Return `size` bytes.

        Raises:
            EndOfFile: The file ended before; `partial` has what there was, which is taken.
        """
        if self._batch_bytes:
            self._end_batch()
        if len(self._data) < size:
            if self.at_end:
                raise EndOfFile(partial=self.take_bytes(size))
            return None
        return self.take_bytes(size)

    def take_until(self, separator: bytes, limit: int | None, start: int) -> bytes | int:
        """Return the bytes up to and with `separator`, or from where to search the next time.

        Raises:
            LineTooLong: More than `limit` bytes are there before the separator.
            EndOfFile: The file ended before; `partial` has what there was, which is taken.
        """
        if self._batch_bytes:
            self._end_batch()
        found = self._data.find(separator, start)
        size = found if found >= 0 else max(0, len(self._data) - len(separator) + 1)
        if limit is not None and size > limit:
            raise LineTooLong(limit)
        if found >= 0:
            return self.take_bytes(found + len(separator))
        if self.at_end:
            raise EndOfFile(partial=self.take_bytes(len(self._data)))
        return size

    def _drop(self, count: int) -> None:
        self._taken_count += 1
        del self._data[:count]
        if isinstance(self._text, DirectTextReader):
            self._text.forget(count)
