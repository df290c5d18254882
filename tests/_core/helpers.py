"""What the tests of text have in common: texts that an encoding can write, and ways to arrive.

The expected results are worked out here on whole texts, in the plainest way, so that they share
nothing with the code under test.
"""

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import strategies as st

from trunkline._core.external_format import ExternalFormat
from trunkline._core.text_reader import make_text_reader
from trunkline.errors import EndOfFile

# One of each kind: with and without state, byte order marks, ASCII left alone, fixed width.
ENCODINGS = (
    "ascii",
    "utf-8",
    "utf-8-sig",
    "utf-7",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
    "latin-1",
    "cp1252",
    "koi8-r",
    "cp037",
    "gb18030",
    "gbk",
    "big5",
    "big5hkscs",
    "shift_jis",
    "shift_jis_2004",
    "euc_jp",
    "euc_kr",
    "euc_jis_2004",
    "iso2022_jp",
    "iso2022_jp_2004",
    "iso2022_kr",
    "hz",
)
MIXING_ENCODINGS = (
    "utf-8",
    "latin-1",
    "cp1252",
    "gb18030",
    "big5",
    "shift_jis",
    "euc_jp",
    "euc_kr",
)
_USUAL_ENCODINGS = ("utf-8", "utf-16", "latin-1", "iso2022_jp")
for_each_encoding = pytest.mark.parametrize(
    "encoding",
    [
        pytest.param(each, marks=[] if each in _USUAL_ENCODINGS else pytest.mark.slow)
        for each in ENCODINGS
    ],
)
"""Parametrizes a test by all encodings; `make quick` runs it for one of each main kind."""

EOLS = ("lf", "crlf", "cr")
HANDLERS = ("strict", "replace", "ignore", "surrogateescape", "backslashreplace")
NEWLINES = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}

# Not one of these ends a line here, though `str.splitlines` thinks so of many.
_NO_NEWLINES = "\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_ASCII = "aZ09 ~\\\"'+-&{}@\x7f"
_LETTERS = "\x80\xa0£§àéßñœ€ŠžλΩжЯю✓日本語漢字ㄅ中文字简体かカｱ한글각힣😀𝄞𠀋\ufeff\ufffd"
_COMPOSED = "\xca\u0304\u304b\u309a"  # in pairs, one unit of some encodings
_LIKE_NEWLINES = "\u0a0a\u0d0a\u0a0d\u0a41\u410a\u0d41\u410d\u000a\u0100"  # in UTF-16's bytes
_SAMPLE = _NO_NEWLINES + _ASCII + _LETTERS + _COMPOSED + _LIKE_NEWLINES.replace("\n", "")


@cache
def alphabet(encoding: str) -> str:
    """Return those characters of the sample, newlines apart, that an encoding can represent."""
    return "".join(char for char in dict.fromkeys(_SAMPLE) if _survives(char, encoding))


def _survives(char: str, encoding: str) -> bool:
    if char == "~" and encoding == "hz":
        return (
            False  # Python's encoder, when its output has to grow just there, forgets one of two.
        )
    try:
        # Between two others, because a byte order mark is none in the middle of a text.
        return f"a{char}b".encode(encoding).decode(encoding) == f"a{char}b"
    except UnicodeError:
        return False


def texts(encoding: str, newlines: str = "\r\n") -> st.SearchStrategy[str]:
    """Return texts that an encoding can represent, in which newline characters are frequent."""
    char = st.sampled_from(alphabet(encoding))
    if newlines:
        char = st.one_of(char, st.sampled_from(newlines))
    written = st.lists(char, max_size=25).map("".join)
    # What stands for something else at the very start, or beside another one, is out.
    return written.filter(lambda text: text.encode(encoding).decode(encoding) == text)


@st.composite
def pieces_of(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Cut bytes into pieces that are not empty: whole, byte by byte, or anywhere."""
    size = len(data)
    way = draw(st.sampled_from(("whole", "bytes", "anywhere")))
    if way == "whole":
        cuts: Iterable[int] = ()
    elif way == "bytes":
        cuts = range(1, size)
    else:
        cuts = draw(st.sets(st.integers(1, max(1, size - 1)), max_size=8))
    return list(pieces(data, cuts))


def pieces(data: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    """Cut bytes at the given places."""
    start = 0
    for cut in (*sorted(cuts), len(data)):
        if start < cut <= len(data):
            yield data[start:cut]
            start = cut


def byte_by_byte(data: bytes) -> list[bytes]:
    """Cut bytes everywhere."""
    return list(pieces(data, range(1, len(data))))


def lines_of(text: str, eol: str) -> list[tuple[str, bool]]:
    """Return the lines of a whole text, and with each whether its newline is missing."""
    *lines, last = re.split({"lf": "\n", "crlf": "\r?\n", "cr": "[\r\n]"}[eol], text)
    return [(line, False) for line in lines] + ([(last, True)] if last else [])


def text_as_read(text: str, eol: str) -> str:
    r"""Return a text with its newlines as ``"\n"``, as characters are read."""
    return text.replace(NEWLINES[eol], "\n")


class Reading:
    """A reader, and the bytes that arrive for it."""

    def __init__(
        self, encoding: str = "utf-8", eol: str = "lf", errors: str = "strict", data: bytes = b""
    ) -> None:
        self.data = bytearray(data)
        self.reader = make_text_reader(ExternalFormat(encoding, eol, errors), self.data)
        self.at_end = False

    def line(self, limit: int | None = None) -> str | None:
        return self.reader.take_line(limit, self.at_end)

    def char(self) -> str | None:
        return self.reader.take_char(self.at_end)

    def text(self, size: int) -> str | None:
        return self.reader.take_text(size, self.at_end)

    def arrive(self, arriving: Iterable[bytes]) -> Iterator[None]:
        """Let the pieces arrive one by one, and then the end."""
        for piece in arriving:
            self.data += piece
            yield
        self.at_end = True
        yield

    def rest(self) -> str:
        """Let the file end here, and return what is left."""
        self.at_end = True
        return self.text(10**9) or ""


def all_lines(reading: Reading, arriving: Iterable[bytes]) -> list[tuple[str, bool]]:
    """Read all lines, each as soon as it can be had, and with each whether it has no newline."""
    lines = []
    for _ in reading.arrive(arriving):
        try:
            while (line := reading.line()) is not None:
                lines.append((line, reading.reader.missing_newline))
        except EndOfFile:
            assert reading.at_end
    return lines


def all_chars(reading: Reading, arriving: Iterable[bytes]) -> list[str]:
    """Read all characters, each as soon as it can be had."""
    chars = []
    for _ in reading.arrive(arriving):
        while char := reading.char():
            chars.append(char)
    assert reading.char() == ""
    return chars


class Arriving(io.RawIOBase):
    """A file whose reads return what arrives, piece by piece, for `io.TextIOWrapper` to read."""

    def __init__(self, arriving: Iterable[bytes]) -> None:
        super().__init__()
        self._arriving = iter(arriving)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        piece = next(self._arriving, b"")
        buffer[: len(piece)] = piece
        return len(piece)


class DecoderMeter:
    """Stands in for the module `codecs`, and counts the bytes that decoders are given."""

    getincrementalencoder = staticmethod(codecs.getincrementalencoder)

    def __init__(self) -> None:
        self.count = 0

    def getincrementaldecoder(self, encoding: str) -> type[codecs.IncrementalDecoder]:
        """Do as `codecs.getincrementaldecoder`, and count."""
        meter = self
        real: Any = codecs.getincrementaldecoder(encoding)

        class Counting(real):  # type: ignore[misc]  # its base is only known by now
            def decode(self, data: bytes, final: bool = False) -> Any:
                meter.count += len(data)
                return super().decode(data, final)

        return Counting
