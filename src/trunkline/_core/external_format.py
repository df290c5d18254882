"""External formats: how text looks on the wire, which is an encoding and a newline style."""

import codecs
from functools import lru_cache
from typing import TypeAlias

from .newlines import EOL_STYLES, Eol

__all__ = (
    "ExternalFormat",
    "ExternalFormatLike",
    "decoding_errors",
    "ensure_external_format",
    "is_composing",
)

# One unit of these is two characters at times: when decoded, these have no bytes of their own, and
# when encoded, a character has to wait for the next one.
_COMPOSING = {
    "big5hkscs",
    "euc_jis_2004",
    "euc_jisx0213",
    "iso2022_jp_2004",
    "iso2022_jp_3",
    "shift_jis_2004",
    "shift_jisx0213",
}

# Python's error handlers that refuse to decode.
_FOR_ENCODING_ONLY = {"namereplace", "xmlcharrefreplace"}


class ExternalFormat:
    """How text is written on the wire: the encoding, the newlines, and what to do with bad bytes.

    Args:
        encoding: Any text encoding that Python knows.
        eol: What a newline is on the wire: ``"lf"``, ``"crlf"`` or ``"cr"``. When reading, a lone
            LF ends a line in every style.
        errors: What to do with what cannot be decoded or encoded, as for `bytes.decode` and
            `str.encode`. Where it is for encoding only, like ``"xmlcharrefreplace"``, decoding is
            strict.

    Formats are immutable and can be compared. Wherever one is asked for, text like
    ``"utf-8/crlf"`` or ``"latin-1"`` will do. The default is ``"utf-8/lf"``.

    Raises:
        TypeError: An argument is not a string.
        ValueError: There is no such encoding, newline style or error handler, or the encoding is
            not one of text or cannot be decoded piece by piece.
    """

    __slots__ = ("_is_plain", "encoding", "eol", "errors", "mixes_with_bytes")

    _is_plain: bool  # whether text is written as `str.encode` does it, which is what costs least

    encoding: str
    eol: Eol
    errors: str
    mixes_with_bytes: bool
    """Whether text and bytes may be read and written alternately.

    It holds for encodings without state that leave ASCII alone, where the bytes of each character
    are known; for others, like UTF-16 or ISO-2022-JP, and where malformed bytes are to be ignored
    or become something longer, the stream's format has to be changed first.
    """

    def __init__(self, encoding: str = "utf-8", eol: str = "lf", errors: str = "strict") -> None:
        for name, value in (("encoding", encoding), ("eol", eol), ("errors", errors)):
            if not isinstance(value, str):
                raise TypeError(f"{name} is a string, not {type(value).__name__}")
        if eol not in EOL_STYLES:
            raise ValueError(f"eol is one of {', '.join(EOL_STYLES)}, not {eol!r}")
        try:
            codecs.lookup_error(errors)
        except LookupError:
            raise ValueError(f"no such error handler: {errors!r}") from None
        name = _text_encoding(encoding)
        self._set("encoding", name)
        self._set("eol", eol)
        self._set("errors", errors)
        self._set("mixes_with_bytes", _mixes_with_bytes(name, decoding_errors(self)))
        self._set("_is_plain", (name, eol, errors) == ("utf-8", "lf", "strict"))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an ExternalFormat is immutable: cannot set {name}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"an ExternalFormat is immutable: cannot delete {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExternalFormat):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, str, str]:
        return self.encoding, self.eol, self.errors

    def __reduce__(self) -> tuple[object, ...]:
        return ExternalFormat, self._key()

    def __str__(self) -> str:
        return f"{self.encoding}/{self.eol}"

    def __repr__(self) -> str:
        errors = "" if self.errors == "strict" else f", errors={self.errors!r}"
        return f"ExternalFormat({self.encoding!r}, eol={self.eol!r}{errors})"


ExternalFormatLike: TypeAlias = ExternalFormat | str


def ensure_external_format(value: ExternalFormatLike) -> ExternalFormat:
    """Return the format that a value stands for: a format, or text like ``"utf-8/crlf"``.

    Raises:
        TypeError, ValueError: See `ExternalFormat`.
    """
    if isinstance(value, ExternalFormat):
        return value
    if not isinstance(value, str):
        raise TypeError(
            f"an external format is an ExternalFormat or text, not {type(value).__name__}"
        )
    return _parse(value)


@lru_cache(maxsize=64)
def _parse(text: str) -> ExternalFormat:
    encoding, slash, eol = text.partition("/")
    return ExternalFormat(encoding, eol if slash else "lf")


@lru_cache(maxsize=256)
def _text_encoding(encoding: str) -> str:
    """Return the normal name of an encoding that can be used on a stream."""
    try:
        info = codecs.lookup(encoding)
    except (LookupError, ValueError):
        raise ValueError(f"no such encoding: {encoding!r}") from None
    if not getattr(info, "_is_text_encoding", True):
        raise ValueError(f"not an encoding of text: {encoding!r}")
    if info.incrementaldecoder is None or info.incrementalencoder is None:
        raise ValueError(f"the encoding cannot be used piece by piece: {encoding!r}")
    if not _works_piece_by_piece(info.incrementaldecoder("strict"), info.incrementalencoder()):
        raise ValueError(f"the encoding cannot be used piece by piece: {encoding!r}")
    return info.name


def _works_piece_by_piece(
    decoder: codecs.IncrementalDecoder, encoder: codecs.IncrementalEncoder
) -> bool:
    """Whether newlines, at least, survive: those of IDNA and Punycode, made for names, do not."""
    text = "a\r\nb\n"
    try:
        data = b"".join(map(encoder.encode, text)) + encoder.encode("", True)
        return "".join(decoder.decode(bytes((byte,))) for byte in data) == text
    except UnicodeError:
        return False


def decoding_errors(external_format: ExternalFormat) -> str:
    """Return what to do with bytes that cannot be decoded."""
    errors = external_format.errors
    return "strict" if errors in _FOR_ENCODING_ONLY else errors


def is_composing(encoding: str) -> bool:
    """Whether an encoding has characters for which its encoder waits for the next one."""
    return encoding in _COMPOSING


@lru_cache(maxsize=256)
def _mixes_with_bytes(encoding: str, errors: str) -> bool:
    if encoding in _COMPOSING or not _leaves_ascii_alone(encoding):
        return False
    if errors == "strict":
        return True
    # Only then does each malformed byte, or piece of a character, become one character.
    return errors == "replace" and (encoding == "utf-8" or _has_one_byte_a_character(encoding))


def _leaves_ascii_alone(encoding: str) -> bool:
    """Whether each ASCII byte, on its own, is that character, both ways, and leaves no state."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    before = decoder.getstate()
    for code in range(128):
        byte = bytes((code,))
        try:
            if decoder.decode(byte) != chr(code) or chr(code).encode(encoding) != byte:
                return False
        except UnicodeError:
            return False
        if decoder.getstate() != before:
            return False
    return True


def _has_one_byte_a_character(encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return all(len(decoder.decode(bytes((code,)))) == 1 for code in range(256))
