"""What has arrived and not been read: bytes, which can be taken as bytes, text or lines.

The buffer does no input itself. Whoever has received something calls `feed`, or `feed_eof` when
nothing more will come. Each ``take_…`` method returns None while there is not enough and takes
nothing then; nor does it when it raises.
"""

from ..errors import EndOfFile, LineTooLong
from .external_format import ExternalFormat
from .text_reader import DecodingTextReader, DirectTextReader, make_text_reader

__all__ = ("InputBuffer",)


class InputBuffer:
    """The input side of a stream, without the input."""

    __slots__ = ("_data", "_text", "at_end", "taken_count")

    def __init__(self, external_format: ExternalFormat) -> None:
        self._data = bytearray()
        self._text = make_text_reader(external_format, self._data)
        self.at_end: bool = False
        self.taken_count: int = 0  # how many times something was taken: it grows with progress

    # -- filling ---------------------------------------------------------------------------------

    def feed(self, data: bytes | memoryview) -> None:
        """Add what has been received."""
        self._data += data

    def feed_eof(self) -> None:
        """Take note that nothing more will be received."""
        self.at_end = True

    def push_back(self, data: memoryview) -> None:
        """Put bytes that have been taken back to the front."""
        self._data[:0] = data
        self._text.start_over()

    def clear(self) -> None:
        """Forget what has not been read, half a character included."""
        self.taken_count += 1
        self._data.clear()
        self._text.clear()

    def __len__(self) -> int:
        """The number of bytes that have not been looked at yet."""
        return len(self._data)

    def __bool__(self) -> bool:
        """Whether there is anything that has not been read, half a character included."""
        return bool(self._data) or not (
            isinstance(self._text, DirectTextReader) or self._text.at_boundary
        )

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
        if isinstance(self._text, DecodingTextReader) and not self._text.at_boundary:
            raise ValueError(
                f"the format can only be changed where a {self.external_format} character ends "
                "and all text before it has been read"
            )
        self._text = make_text_reader(external_format, self._data)

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
        line = self._text.take_line(limit, self.at_end)
        if line is not None:
            self.taken_count += 1
        return line

    def take_char(self) -> str | None:
        """Return the next character, or "" at the end of file.

        Raises:
            DecodingError: What comes is not a character.
        """
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
        return self._noted(self._text.take_text(size, self.at_end))

    def _noted(self, taken: str | None) -> str | None:
        if taken is not None:
            self.taken_count += 1
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
        data = bytes(self._data[:size])
        self._drop(len(data))
        return data

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
        size = min(len(self._data), len(target))
        target[:size] = self._data[:size]
        self._drop(size)
        return size

    def take_exactly(self, size: int) -> bytes | None:
        """Return `size` bytes.

        Raises:
            EndOfFile: The file ended before; `partial` has what there was, which is taken.
        """
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
        self.taken_count += 1
        del self._data[:count]
        if isinstance(self._text, DirectTextReader):
            self._text.forget(count)
