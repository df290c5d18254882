r"""What happens to text on its way: encodings, newlines, and what a terminal must not get.

A terminal does what it is told by control characters. What comes from a network is therefore shown
with these as escapes, like ``\x1b``, and so is what is no text. A pipe gets what has come.
"""

import codecs
import re
from typing import Protocol

from ..._printable import printable
from ...errors import DecodingError, TrunklineError

__all__ = ("Filter", "Incoming", "Outgoing", "unchanged")

_LINE_OR_TAB = re.compile("([\n\t])")
_BARE_NEWLINE = re.compile(b"\r?\n")
_BARE_NEWLINE_TEXT = re.compile("\r?\n")


class Filter(Protocol):
    """Something that bytes go through, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """Take a piece, and return what comes out of it."""

    def finish(self) -> bytes:
        """Return what is left when there are no more pieces."""


class _Unchanged:
    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


unchanged: Filter = _Unchanged()
"""What lets everything through."""


class Incoming:
    """From the network to the standard output.

    Args:
        encoding: What text on the network is in; None is UTF-8 for a terminal, and else nothing is
            looked at.
        shown_in: The encoding of the standard output.
        on_terminal: Whether that is a terminal.
    """

    def __init__(self, encoding: str | None, *, shown_in: str, on_terminal: bool) -> None:
        decoder = codecs.getincrementaldecoder(encoding or "utf-8")
        self._decoder = decoder("backslashreplace" if on_terminal else "strict")
        self._shown_in = shown_in
        self._on_terminal = on_terminal
        self._held = ""  # a CR, of which it is not known what follows

    def feed(self, data: bytes) -> bytes:
        """Take what has come, and return what is to be printed.

        Raises:
            DecodingError: It is no text in that encoding, and a pipe was to get it.
        """
        return self._shown(data, final=False)

    def finish(self) -> bytes:
        """Return what is left to be printed; raises as `feed` does."""
        return self._shown(b"", final=True)

    def _shown(self, data: bytes, *, final: bool) -> bytes:
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise DecodingError.from_unicode_error(error) from None
        if self._on_terminal:
            text = self._held + text
            self._held = ""
            if text.endswith("\r") and not final:
                text, self._held = text[:-1], "\r"
            text = harmless(text.replace("\r\n", "\n"))
        return text.encode(self._shown_in, "backslashreplace")


def harmless(text: str) -> str:
    """Return text with all that could make a terminal do something as escapes."""
    parts = _LINE_OR_TAB.split(text)
    parts[::2] = map(printable, parts[::2])
    return "".join(parts)


class Outgoing:
    """From the standard input to the network.

    Args:
        encoding: What text on the network is to be in; None is to leave the bytes as they are.
        typed_in: The encoding of the standard input.
        crlf: Whether lines end in CR LF on the network.
    """

    def __init__(self, encoding: str | None, *, typed_in: str, crlf: bool) -> None:
        self._encoding = encoding
        self._crlf = crlf
        self._held = b""  # a CR, of which it is not known what follows
        if encoding is not None:
            self._decoder = codecs.getincrementaldecoder(typed_in)()
            self._encoder = codecs.getincrementalencoder(encoding)()

    def feed(self, data: bytes) -> bytes:
        """Take what was typed, and return what is to be sent.

        Raises:
            TrunklineError: It is no text, or none that the encoding has characters for.
        """
        return self._changed(data, final=False)

    def finish(self) -> bytes:
        """Return what is left to be sent; raises as `feed` does."""
        return self._changed(b"", final=True)

    def _changed(self, data: bytes, *, final: bool) -> bytes:
        if self._crlf:
            data = self._held + data
            self._held = b""
            if data.endswith(b"\r") and not final:
                data, self._held = data[:-1], b"\r"
        if self._encoding is None:
            return _BARE_NEWLINE.sub(b"\r\n", data) if self._crlf else data
        try:
            text = self._decoder.decode(data, final)
            if self._crlf:
                text = _BARE_NEWLINE_TEXT.sub("\r\n", text)
            return self._encoder.encode(text, final)
        except UnicodeError as error:
            raise TrunklineError(
                f"what is to be sent is not text in that encoding: {error}"
            ) from None
