"""Turning text into the bytes of an external format."""

import codecs
from functools import lru_cache

from .external_format import ExternalFormat, is_composing
from .newlines import NEWLINES

__all__ = ("TextWriter", "make_text_writer")


class TextWriter:
    """Encodes text piece by piece; a byte order mark is written once, at the start.

    The bytes of each piece are complete: nothing is kept back until the next one.

    A piece that cannot be encoded raises `UnicodeEncodeError` and leaves everything as it was.
    """

    __slots__ = (
        "_encoder",
        "_encoding",
        "_errors",
        "_finishes_pieces",
        "_fresh",
        "_newline",
        "external_format",
    )

    def __init__(self, external_format: ExternalFormat) -> None:
        self.external_format = external_format
        self._encoding = external_format.encoding
        self._errors = external_format.errors
        self._newline = NEWLINES[external_format.eol]
        self._encoder: codecs.IncrementalEncoder | None = None
        if not external_format.mixes_with_bytes:
            self._encoder = codecs.getincrementalencoder(self._encoding)(self._errors)
        self._fresh = None if self._encoder is None else self._encoder.getstate()
        # Otherwise, a last character that might be combined with another one would be kept back.
        self._finishes_pieces = is_composing(self._encoding)

    def encode(self, text: str) -> bytes:
        r"""Return the bytes for `text`, each ``"\n"`` being one newline of the format."""
        if self._newline != "\n":
            text = text.replace("\n", self._newline)
        if self._encoder is None:
            return text.encode(self._encoding, self._errors)
        before = self._encoder.getstate()
        try:
            return self._encoder.encode(text, self._finishes_pieces)
        except UnicodeError:
            self._encoder.setstate(before)
            raise

    def finish(self) -> bytes:
        """Return the bytes that bring an encoding with state back to where it began."""
        # Some encoders would write the byte order mark of text that there has not been.
        if self._encoder is None or self._encoder.getstate() == self._fresh:
            return b""
        return self._encoder.encode("", final=True)


def make_text_writer(external_format: ExternalFormat) -> TextWriter:
    """Return a writer for a format, which streams share unless it has something to remember."""
    if external_format.mixes_with_bytes:
        return _shared_writer(external_format)
    return TextWriter(external_format)


_shared_writer = lru_cache(maxsize=64)(TextWriter)
