"""Taking characters, lines and stretches of text off the front of what has arrived.

There are two ways, and which one a format needs is `ExternalFormat.mixes_with_bytes`:

* `DirectTextReader` looks at the bytes themselves. Nothing is decoded before it is asked for, so
  that the next read may as well be one of bytes.
* `DecodingTextReader` runs an incremental decoder ahead of the reads, for encodings with state and
  for those that do not leave ASCII alone. It decodes no further than it has to.

All methods leave everything as it was when they return None (there is not enough yet) or raise.
"""

import codecs
import re
from typing import TypeAlias

from ..errors import DecodingError, EndOfFile, LineTooLong
from .decoded_lines import decoded_lines
from .external_format import ExternalFormat, decoding_errors
from .newlines import (
    NEWLINES,
    content_end,
    find_last_newline,
    find_newline,
    skip_lines,
)

__all__ = (
    "AnyTextReader",
    "DecodingTextReader",
    "DirectTextReader",
    "TextReader",
    "make_text_reader",
)

_ENOUGH_FOR_A_CHAR = 64  # bytes: a sign, several shifts and a mark may come before it
_LONGEST_NEWLINE = 8  # bytes: CR LF in UTF-32
_MOST_PENDING = 8192  # bytes that are kept of a line that is skipped, if they are no text yet


class _Gathered:
    """Text that has been found at the front, and stays there because it is not enough yet."""

    __slots__ = ("count", "index", "parts")

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.count = 0  # of its characters
        self.index = 0  # where it ends


class TextReader:
    """What both ways have in common: where lines end, and what a newline is.

    `_buffer` is what the text is taken from: bytes in the one, decoded text in the other.
    """

    __slots__ = (
        "_buffer",
        "_eol",
        "_errors",
        "_gathered",
        "_last_char",
        "_scanned",
        "external_format",
        "missing_newline",
    )

    def __init__(self, external_format: ExternalFormat, buffer: bytearray | str) -> None:
        self.external_format: ExternalFormat = external_format
        self._buffer: bytearray | str = buffer
        self.missing_newline: bool = False
        self._eol = external_format.eol
        self._errors = decoding_errors(external_format)
        self.start_over()

    def start_over(self) -> None:
        """Take note that the front is not what it was: forget what is known about it."""
        self._scanned = 0  # no newline before this index
        self._last_char: bytes | str | None = None  # what `take_char` took, for `unread_char`
        self._gathered: _Gathered | None = None  # what `take_text` need not decode again

    def forget(self, count: int) -> None:
        """Take note that `count` units have been taken off the front."""
        self._scanned = max(0, self._scanned - count)
        self._last_char = None
        self._gathered = None

    # -- what differs ----------------------------------------------------------------------------

    def _decode(self, start: int, stop: int) -> str:
        """Return the text of a whole line."""
        raise NotImplementedError

    def _decode_some(self, start: int, stop: int) -> tuple[str, int]:
        """Return the whole characters from `start` to at most `stop`, and how long they are."""
        raise NotImplementedError

    def _char_at(self, index: int, at_end: bool) -> tuple[str, int] | None:
        """Return the character at `index`, which is not part of a newline, and its length."""
        raise NotImplementedError

    def _put_back(self, raw: bytes | str) -> None:
        raise NotImplementedError

    def _drop(self, count: int) -> None:
        """Take `count` units off the front of the buffer."""
        raise NotImplementedError

    def _size(self, stop: int, newline: int) -> int:
        """Return how many bytes the text before `stop` came from, its last ones not counted,
        which are `newline` characters of a newline.
        """
        raise NotImplementedError

    def clear(self) -> None:
        """Forget all text, and half a character; what it was taken from is cleared already."""
        self.missing_newline = False
        self.start_over()

    # -- reading ---------------------------------------------------------------------------------

    def lines_at_front(self, size: int) -> tuple[list[str], int]:
        """Return lines that are complete within the first `size` bytes, and how long they are.

        They stay. There are none where this is not worth the trouble, or where one is malformed.
        """
        return [], 0

    def begin_batch(self) -> None:
        """Take note that complete lines are being taken off the front, and are still there."""
        self.missing_newline = False
        self.start_over()

    def skip_lines(self, count: int) -> int:
        """Return how long the first lines are; there are so many."""
        raise NotImplementedError

    def take_line(self, limit: int | None, at_end: bool) -> str | None:
        """Return the next line without its newline, or None while it is incomplete.

        Raises:
            LineTooLong, DecodingError, EndOfFile: Nothing is consumed.
        """
        buffer = self._buffer
        newline = find_newline(buffer, self._eol, self._scanned)
        if newline >= 0:
            stop = newline + 1
            end = content_end(buffer, self._eol, newline)
        else:
            self._scanned = end = stop = len(buffer)
            if not at_end:
                # The CR at the very end may be half of the newline that the limit does not count.
                self._check_limit(content_end(buffer, self._eol, stop), stop, limit)
                return None
            if not buffer:
                raise EndOfFile
        self._check_limit(end, stop, limit)
        line = self._decode(0, end)
        self.missing_newline = newline < 0
        self._drop(stop)
        return line

    def skip_line(self, at_end: bool) -> tuple[int, bool]:
        """Drop what there is of the next line, its newline included.

        Returns:
            How many bytes that was, and whether a newline was among them.
        """
        if not self._buffer:  # what has been decoded to nothing belongs to what comes next
            return 0, False
        newline = find_newline(self._buffer, self._eol, self._scanned)
        stop = newline + 1 if newline >= 0 else len(self._buffer)
        size = self._size(stop, 0)
        self._drop(stop)
        return size, newline >= 0

    def _check_limit(self, end: int, stop: int, limit: int | None) -> None:
        if limit is not None and self._size(stop, stop - end) > limit:
            raise LineTooLong(limit)

    def take_char(self, at_end: bool) -> str | None:
        """Return the next character, "" at the end of file, or None while it is incomplete."""
        if not self._buffer:
            return "" if at_end else None
        unit = self._unit_at(0, at_end)
        if unit is None:
            return None
        char, size = unit
        raw = self._buffer[:size]
        self._drop(size)
        self._last_char = raw if isinstance(raw, str) else bytes(raw)
        return char

    def has_char(self, at_end: bool) -> bool:
        """Return whether a character can be taken, or what is no text told, from what is there."""
        try:
            return bool(self._buffer) and self._unit_at(0, at_end) is not None
        except DecodingError:
            return True

    def unread_char(self) -> None:
        """Put back what the last `take_char` took.

        Raises:
            ValueError: The last thing that was done is something else.
        """
        if self._last_char is None:
            raise ValueError("there is no character to unread: the last read was not of one")
        self._put_back(self._last_char)
        self.start_over()

    def take_text(self, size: int, at_end: bool) -> str | None:
        """Return `size` characters, fewer only at the end of file, or None while there are less."""
        gathered = self._gathered
        if gathered is None or gathered.count > size:
            gathered = self._gathered = _Gathered()
        while gathered.count < size:
            if gathered.index >= len(self._buffer):
                if not at_end:
                    return None
                break
            unit = self._stretch_at(gathered.index, size - gathered.count, at_end)
            if unit is None:
                return None
            text, length = unit
            gathered.parts.append(text)
            gathered.count += len(text)
            gathered.index += length
        self._drop(gathered.index)
        return "".join(gathered.parts)

    def _stretch_at(self, index: int, size: int, at_end: bool) -> tuple[str, int] | None:
        """Return up to `size` characters before the next CR, or the unit at `index`."""
        stop = min(len(self._buffer), index + size)
        if self._eol != "lf":
            carriage_return = self._find_carriage_return(index, stop)
            if carriage_return >= 0:
                stop = carriage_return
        if stop > index:
            text, length = self._decode_some(index, stop)
            if text:
                return text, length
        return self._unit_at(index, at_end)

    def _find_carriage_return(self, start: int, stop: int) -> int:
        if isinstance(self._buffer, str):
            return self._buffer.find("\r", start, stop)
        return self._buffer.find(13, start, stop)

    def _unit_at(self, index: int, at_end: bool) -> tuple[str, int] | None:
        """Return the character at `index`, a whole newline being one, and its length."""
        buffer = self._buffer
        if self._eol == "lf" or buffer[index] not in (13, "\r"):
            return self._char_at(index, at_end)
        if self._eol == "cr":
            return "\n", 1
        if index + 1 < len(buffer):
            return ("\n", 2) if buffer[index + 1] in (10, "\n") else ("\r", 1)
        return ("\r", 1) if at_end else None


class DirectTextReader(TextReader):
    """Reads text from the bytes, in an encoding that leaves ASCII alone."""

    __slots__ = ("_encoding", "_make_decoder")

    _buffer: bytearray

    def __init__(self, external_format: ExternalFormat, data: bytearray) -> None:
        super().__init__(external_format, data)
        self._encoding = external_format.encoding
        self._make_decoder = codecs.getincrementaldecoder(self._encoding)

    def lines_at_front(self, size: int) -> tuple[list[str], int]:
        """See `TextReader`."""
        buffer = self._buffer
        end = find_last_newline(buffer, self._eol, 0, size) + 1
        if self._scanned or end == buffer.find(10) + 1:
            return [], 0  # it is at most one
        try:
            lines = decoded_lines(buffer, 0, end, self._encoding, self._errors, self._eol)
        except UnicodeDecodeError:
            return [], end
        return lines, end

    def skip_lines(self, count: int) -> int:
        """See `TextReader`."""
        return skip_lines(self._buffer, self._eol, 0, count)

    def take_line(self, limit: int | None, at_end: bool) -> str | None:
        """See `TextReader`. What is usual is done here, without calling anything of ours."""
        buffer = self._buffer
        newline = buffer.find(10, self._scanned) if self._eol != "cr" else -1
        if newline < 0:
            return super().take_line(limit, at_end)
        end = newline
        if self._eol == "crlf" and newline > 0 and buffer[newline - 1] == 13:
            end -= 1
        if limit is not None and end > limit:
            raise LineTooLong(limit)
        try:
            line = buffer[:end].decode(self._encoding, self._errors)
        except UnicodeDecodeError as error:
            raise DecodingError.from_unicode_error(error) from None
        del buffer[: newline + 1]
        self.missing_newline = False
        self._scanned = 0
        self._last_char = None
        self._gathered = None
        return line

    def _decode(self, start: int, stop: int) -> str:
        try:
            return self._buffer[start:stop].decode(self._encoding, self._errors)
        except UnicodeDecodeError as error:
            raise DecodingError.from_unicode_error(error) from None

    def _decode_some(self, start: int, stop: int) -> tuple[str, int]:
        decoder = self._make_decoder(self._errors)
        try:
            text = decoder.decode(bytes(self._buffer[start:stop]))
        except UnicodeDecodeError as error:
            raise DecodingError.from_unicode_error(error) from None
        return text, stop - start - len(decoder.getstate()[0])

    def _char_at(self, index: int, at_end: bool) -> tuple[str, int] | None:
        data = self._buffer
        if data[index] < 128:
            return chr(data[index]), 1
        decoder = self._make_decoder("strict")
        try:
            for stop in range(index, len(data)):
                char = decoder.decode(bytes(data[stop : stop + 1]))
                if char:
                    return char, stop + 1 - index
            if not at_end:
                return None
            return decoder.decode(b"", final=True), len(data) - index
        except UnicodeDecodeError as error:
            if self._errors == "replace":
                return "\ufffd", error.end - error.start
            raise DecodingError.from_unicode_error(error) from None

    def _put_back(self, raw: bytes | str) -> None:
        self._buffer[:0] = raw  # type: ignore[assignment]  # what was taken from here is bytes

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self.forget(count)

    def _size(self, stop: int, newline: int) -> int:
        return stop - newline


class DecodingTextReader(TextReader):
    """Reads text through an incremental decoder that is kept from one read to the next."""

    __slots__ = (
        "_buffer_size",
        "_data",
        "_decoder",
        "_dropped_size",
        "_encoding",
        "_finished",
        "_flags",
        "_newline",
        "_pending",
        "_unit",
    )

    _buffer: str

    def __init__(self, external_format: ExternalFormat, data: bytearray) -> None:
        super().__init__(external_format, "")
        self._data = data
        self._buffer_size = 0  # how many bytes `_buffer` came from
        self._dropped_size = 0  # and how many the text that was last taken
        self._encoding = external_format.encoding
        self._decoder = codecs.getincrementaldecoder(self._encoding)(self._errors)
        # What the decoder keeps of a character that is incomplete, and what else it has in mind.
        self._pending, self._flags = self._decoder.getstate()
        self._finished = False  # whether the decoder has been told that nothing more comes
        self._unit = len(self._encoded("\n"))
        self._newline = self._newline_pattern()

    def _encoded(self, char: str) -> bytes:
        encoder = codecs.getincrementalencoder(self._encoding)()
        encoder.encode("a")  # behind it comes no byte order mark
        return encoder.encode(char)

    def _newline_pattern(self) -> re.Pattern[bytes]:
        """Return what the last character of a newline looks like, as a good place to stop."""
        last = "\r\n" if self._eol == "cr" else NEWLINES[self._eol][-1]
        units = {self._encoded(char) for char in last}
        # A byte order mark may have said that the bytes come the other way round.
        units |= {unit[::-1] for unit in units}
        return re.compile(b"|".join(map(re.escape, units)))

    @property
    def at_boundary(self) -> bool:
        """Whether nothing has been decoded that has not been read."""
        return not self._buffer and not self._pending

    def clear(self) -> None:
        super().clear()
        self._buffer = ""
        self._buffer_size = 0
        self._set_state(b"", self._flags)  # a byte order that was announced goes on

    def take_line(self, limit: int | None, at_end: bool) -> str | None:
        while True:
            line = super().take_line(limit, self._exhausted(at_end))
            if line is not None or not self._decode_to_newline(limit, at_end):
                return line

    def skip_line(self, at_end: bool) -> tuple[int, bool]:
        """See `TextReader`. What is malformed is dropped like everything else."""
        skipped = 0
        self._decoder.errors = "ignore" if self._errors == "ignore" else "replace"
        try:
            while True:
                size, has_ended = super().skip_line(at_end)
                skipped += size
                if has_ended or not self._decode_to_newline(None, at_end):
                    return skipped, has_ended
                if len(self._pending) > _MOST_PENDING:  # as in UTF-7, behind a plus
                    skipped += len(self._pending)
                    self._set_state(b"", self._flags)
        finally:
            self._decoder.errors = self._errors

    def has_char(self, at_end: bool) -> bool:
        if super().has_char(self._exhausted(at_end)):
            return True
        # Another decoder looks ahead, so that nothing is decoded here that is not read.
        decoder = codecs.getincrementaldecoder(self._encoding)(self._errors)
        decoder.setstate(self._decoder.getstate())
        data = bytes(self._data[:_ENOUGH_FOR_A_CHAR])
        is_rest = at_end and len(data) == len(self._data)
        try:
            text = self._buffer + decoder.decode(data, is_rest)
        except UnicodeError:
            return True
        is_half = text == "\r" and self._eol == "crlf" and not is_rest
        return bool(text) and not is_half

    def take_char(self, at_end: bool) -> str | None:
        while True:
            char = super().take_char(self._exhausted(at_end))
            if char is not None:
                return char
            try:
                has_more = self._decode_more(1, at_end)
            except DecodingError:
                if not self._buffer:
                    raise
                return super().take_char(True)  # a CR, of which that makes no newline
            if not has_more:
                return None

    def take_text(self, size: int, at_end: bool) -> str | None:
        while True:
            text = super().take_text(size, self._exhausted(at_end))
            if text is not None:
                return text
            # No encoding has more characters than bytes: this many bytes are not too many.
            gathered = self._gathered
            assert gathered is not None  # that is why it was not enough
            waiting = len(self._buffer) - gathered.index
            if not self._decode_more(max(1, size - gathered.count - waiting), at_end):
                return None

    def _exhausted(self, at_end: bool) -> bool:
        return at_end and self._finished and not self._data

    def _decode_to_newline(self, limit: int | None, at_end: bool) -> bool:
        stop = len(self._data)
        if limit is not None:
            # What is beyond the limit need not be decoded to know that the line is too long.
            stop = limit + _LONGEST_NEWLINE - self._buffer_size - len(self._pending)
            if stop <= 0:
                raise LineTooLong(limit)
        found = self._newline.search(self._data, 0, stop)
        if found:
            stop = found.end()
        if self._pending and self._unit > 1:
            stop = 1  # what is pending may be the first part of a newline
        return self._decode_more(stop, at_end)

    def _decode_more(self, size: int, at_end: bool) -> bool:
        """Decode up to `size` bytes more; return whether there was anything to do."""
        chunk = bytes(self._data[:size])
        final = at_end and len(chunk) == len(self._data)
        if not chunk and (not final or self._finished):
            return False
        pending = self._pending
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeError as error:
            # Nothing is half decoded then, so that the bytes may be read in another format.
            self._data[:0] = pending
            self._set_state(b"", self._flags)
            raise _decoding_error(error, self._encoding, pending + chunk) from None
        del self._data[: len(chunk)]
        self._pending, self._flags = self._decoder.getstate()
        size = len(pending) + len(chunk) - len(self._pending)
        self._buffer_size += size
        # Some decoders stop behind the first error that a handler has made good, even then.
        self._finished = final and not (self._pending and size)
        # Python adds to text in place, without copying it, where nobody else refers to it.
        buffer, self._buffer = self._buffer, ""
        buffer += text
        self._buffer = buffer
        return True

    def _set_state(self, pending: bytes, flags: int) -> None:
        self._decoder.setstate((pending, flags))
        self._pending, self._flags = pending, flags

    def _decode(self, start: int, stop: int) -> str:
        return self._buffer[start:stop]

    def _decode_some(self, start: int, stop: int) -> tuple[str, int]:
        return self._buffer[start:stop], stop - start

    def _char_at(self, index: int, at_end: bool) -> tuple[str, int] | None:
        return self._buffer[index], 1

    def _put_back(self, raw: bytes | str) -> None:
        assert isinstance(raw, str)
        self._buffer = raw + self._buffer
        self._buffer_size += self._dropped_size

    def _drop(self, count: int) -> None:
        self._dropped_size = self._size(count, 0)
        self._buffer_size -= self._dropped_size
        self._buffer = self._buffer[count:]
        self.forget(count)

    def _size(self, stop: int, newline: int) -> int:
        # Exact where all text goes, as with a line that has just been decoded, and for encodings of
        # a fixed width; near enough for a limit in the others.
        size = self._buffer_size
        if stop < len(self._buffer):
            size = size * stop // len(self._buffer)
        return size - newline * self._unit


def _decoding_error(error: UnicodeError, encoding: str, data: bytes) -> DecodingError:
    """Return our error for a decoder's, which in one case is nothing but words: for UTF-16 without
    a byte order mark.
    """
    if isinstance(error, UnicodeDecodeError):
        return DecodingError.from_unicode_error(error)
    return DecodingError(encoding, data, 0, len(data), str(error))


AnyTextReader: TypeAlias = DirectTextReader | DecodingTextReader


def make_text_reader(external_format: ExternalFormat, data: bytearray) -> AnyTextReader:
    """Return the reader that a format needs, for text that arrives in `data`."""
    if external_format.mixes_with_bytes:
        return DirectTextReader(external_format, data)
    return DecodingTextReader(external_format, data)
