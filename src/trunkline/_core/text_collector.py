"""Turning what arrives into text, piece by piece, newlines translated."""

import codecs

from ..errors import DecodingError
from .external_format import ExternalFormat, decoding_errors

__all__ = ("TextCollector",)


class TextCollector:
    """Takes bytes in, and gives the text back that they complete.

    Half a character, and a CR that may become half a newline, wait for what comes next.
    """

    __slots__ = ("_decoder", "_encoding", "_eol", "_held_cr", "_mixes_with_bytes")

    def __init__(self, external_format: ExternalFormat) -> None:
        self._decoder = codecs.getincrementaldecoder(external_format.encoding)(
            decoding_errors(external_format)
        )
        self._encoding = external_format.encoding
        self._mixes_with_bytes = external_format.mixes_with_bytes
        self._eol = external_format.eol
        self._held_cr = False

    def collect(self, data: bytes, *, final: bool = False) -> str:
        """Return the text that `data` completes; all that is left, if it is the final piece.

        Raises:
            DecodingError: It is malformed. Nothing of it is taken.
        """
        before = self._decoder.getstate()
        try:
            text = self._decode(data, final)
        except UnicodeDecodeError as error:
            self._decoder.setstate(before)
            raise DecodingError.from_unicode_error(error) from None
        except UnicodeError as error:  # UTF-16 without a byte order mark: nothing but words
            self._decoder.setstate(before)
            bad = before[0] + data
            raise DecodingError(self._encoding, bad, 0, len(bad), str(error)) from None
        if self._eol == "lf":
            return text
        if self._eol == "cr":
            return text.replace("\r", "\n")
        if self._held_cr:
            text = "\r" + text
        self._held_cr = not final and text.endswith("\r")
        if self._held_cr:
            text = text[:-1]
        return text.replace("\r\n", "\n")

    def _decode(self, data: bytes, final: bool) -> str:
        text = self._decoder.decode(data, final)
        while final and (rest := self._decoder.getstate()[0]):
            # Some decoders stop behind the first error that a handler has made good.
            text += self._decoder.decode(b"", final)
            if len(self._decoder.getstate()[0]) >= len(rest):
                break
        return text

    def unread(self) -> bytes:
        """Return the bytes of what waits, and forget it.

        Raises:
            ValueError: A CR waits, and only an encoding that mixes with bytes is known to write it
                as one.
        """
        if self._held_cr and not self._mixes_with_bytes:
            raise ValueError("a part of the text has been decoded, and cannot be had as bytes")
        rest = self._decoder.getstate()[0]
        if self._held_cr:
            rest = b"\r" + rest
        self._decoder.reset()
        self._held_cr = False
        return rest
