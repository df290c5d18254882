"""Newlines: where lines end in text and in bytes, for each style."""

import pytest
from _core.helpers import EOLS, NEWLINES, lines_of
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.newlines import EOL_STYLES, Eol, content_end, find_newline
from trunkline._core.newlines import NEWLINES as REAL_NEWLINES

# Where the first newline has its last character, and where the content before it ends.
FOUND: list[tuple[Eol, str, int, int]] = [
    ("lf", "", -1, 0),
    ("lf", "abc", -1, 0),
    ("lf", "\n", 0, 0),
    ("lf", "ab\n", 2, 2),
    ("lf", "ab\r\n", 3, 3),
    ("lf", "ab\rcd\n", 5, 5),
    ("lf", "ab\r", -1, 0),
    ("crlf", "\r\n", 1, 0),
    ("crlf", "ab\r\ncd\r\n", 3, 2),
    ("crlf", "ab\ncd\r\n", 2, 2),
    ("crlf", "\n\r\n", 0, 0),
    ("crlf", "ab\r", -1, 0),
    ("crlf", "a\rb\r\n", 4, 3),
    ("crlf", "a\r\r\n", 3, 2),
    ("crlf", "\n", 0, 0),
    ("cr", "ab\rcd", 2, 2),
    ("cr", "ab\ncd\r", 2, 2),
    ("cr", "ab\rcd\n", 2, 2),
    ("cr", "\r\n", 0, 0),
    ("cr", "abc", -1, 0),
    ("lf", "a\x0b\x0c\x1c\x1d\x1e", -1, 0),
    ("crlf", "a\x0b\x0c\x1c\x1d\x1e", -1, 0),
    ("cr", "a\x0b\x0c\x1c\x1d\x1e", -1, 0),
]


@pytest.mark.parametrize(("eol", "text", "newline", "end"), FOUND)
def test_the_first_newline_is_found_in_text_and_in_bytes(
    eol: Eol, text: str, newline: int, end: int
) -> None:
    for buffer in (text, bytearray(text, "ascii")):
        assert find_newline(buffer, eol) == newline
        if newline >= 0:
            assert content_end(buffer, eol, newline) == end


@pytest.mark.parametrize("eol", EOL_STYLES)
@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
def test_what_unicode_calls_a_line_separator_is_a_character_like_any_other(
    eol: Eol, char: str
) -> None:
    assert find_newline(f"a{char}b", eol) == -1
    assert find_newline(bytearray(f"a{char}b", "utf-8"), eol) == -1


def test_an_earlier_newline_is_not_found_again() -> None:
    assert find_newline("a\nb\nc", "lf", 2) == 3
    assert find_newline(bytearray(b"a\rb\nc"), "cr", 2) == 3
    assert find_newline("a\nb", "crlf", 2) == -1


def test_the_styles_are_three_and_each_has_its_newline() -> None:
    assert EOL_STYLES == EOLS
    assert REAL_NEWLINES == NEWLINES


@given(st.text("ab\r\n"), st.sampled_from(EOL_STYLES))
def test_repeated_searches_split_a_text_into_its_lines(text: str, eol: Eol) -> None:
    for buffer in (text, bytearray(text, "ascii")):
        lines = []
        rest = buffer
        while (newline := find_newline(rest, eol)) >= 0:
            lines.append((rest[: content_end(rest, eol, newline)], False))
            rest = rest[newline + 1 :]
        if rest:
            lines.append((rest, True))
        found = [
            (line if isinstance(line, str) else line.decode(), missing) for line, missing in lines
        ]
        assert found == lines_of(text, eol)


class Searched(bytearray):
    """Bytes that remember how many of them `find` had to look at."""

    looked_at = 0

    def find(self, sub: object, start: object = 0, end: object = None) -> int:
        assert isinstance(sub, int)
        assert isinstance(start, int)
        assert end is None or isinstance(end, int)
        stop = len(self) if end is None else end
        found = super().find(sub, start, stop)
        self.looked_at += (stop if found < 0 else found + 1) - start
        return found


@pytest.mark.parametrize("newline", [b"\r", b"\n"])
def test_what_never_comes_is_not_searched_for_once_a_line(newline: bytes) -> None:
    buffer = Searched((b"x" * 9 + newline) * 100)
    position, lines = 0, 0
    while (found := find_newline(buffer, "cr", position)) >= 0:
        position, lines = found + 1, lines + 1
    assert lines == 100
    assert buffer.looked_at <= 2 * len(buffer)
