"""Text readers: limits, what is decoded ahead of the reads, and how much work that is."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from _core.helpers import (
    EOLS,
    HANDLERS,
    NEWLINES,
    DecoderMeter,
    Reading,
    all_chars,
    all_lines,
    alphabet,
    byte_by_byte,
    for_each_encoding,
    lines_of,
    pieces,
    pieces_of,
    text_as_read,
    texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline._core import text_reader
from trunkline._core.newlines import Eol, find_newline
from trunkline._core.text_reader import DecodingTextReader, DirectTextReader
from trunkline.errors import DecodingError, EndOfFile, LineTooLong

# Encodings in which every character ends where it seems to, so that reading can stop there.
WITH_BOUNDARIES = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037", "utf-8-sig", "big5hkscs")

for_each_eol = pytest.mark.parametrize("eol", EOLS)
few_examples = settings(max_examples=6)  # with each of many formats
eols = st.sampled_from(EOLS)


def first_line(reading: Reading, arriving: Iterable[bytes], limit: int | None) -> str | None:
    """Try to read a line after each arrival, and return it, or None if it is too long."""
    for _ in reading.arrive(arriving):
        try:
            line = reading.line(limit)
        except LineTooLong:
            return None
        if line is not None:
            return line
    raise AssertionError("neither a line nor an error")


def unit(encoding: str) -> int:
    """Return how many bytes a CR, a LF, or an ASCII character has."""
    return len("aa".encode(encoding)) - len("a".encode(encoding))


# ---- Limits ----


@for_each_eol
@for_each_encoding
@pytest.mark.parametrize("newline", [True, False])
def test_a_line_may_be_as_long_as_the_limit_and_no_byte_longer(
    encoding: str, eol: str, newline: bool
) -> None:
    line = alphabet(encoding)[-6:] * 3
    data = (line + NEWLINES[eol] * newline).encode(encoding)
    # Not the same as that of the line alone, which some encodings bring to its end by more bytes.
    size = len(data) - newline * len(NEWLINES[eol]) * unit(encoding)
    for arriving in ([data], byte_by_byte(data), list(pieces(data, [size - 1, size, size + 1]))):
        assert first_line(Reading(encoding, eol), arriving, size) == line
        assert first_line(Reading(encoding, eol), arriving, size - 1) is None
        assert first_line(Reading(encoding, eol), arriving, None) == line


@few_examples
@for_each_encoding
@given(data=st.data(), eol=eols, limit=st.integers(0, 40))
def test_nothing_is_lost_when_a_line_is_too_long(
    encoding: str, eol: str, limit: int, data: st.DataObject
) -> None:
    text = data.draw(texts(encoding))
    reading = Reading(encoding, eol)
    lines: list[tuple[str, bool]] = []
    for _ in reading.arrive(data.draw(pieces_of(text.encode(encoding)))):
        try:
            while True:
                try:
                    line = reading.line(limit)
                except LineTooLong:
                    line = reading.line(None)
                if line is None:
                    break
                lines.append((line, reading.reader.missing_newline))
        except EndOfFile:
            assert reading.at_end
    assert lines == lines_of(text, eol)


@for_each_eol
@for_each_encoding
@few_examples
@given(data=st.data(), wanted=st.lists(st.booleans(), min_size=30, max_size=30))
def test_any_of_the_lines_can_be_skipped(
    encoding: str, eol: str, wanted: list[bool], data: st.DataObject
) -> None:
    text = data.draw(texts(encoding))
    reading = Reading(encoding, eol)
    lines: list[tuple[str, bool] | None] = []
    skipped = 0
    for _ in reading.arrive(data.draw(pieces_of(text.encode(encoding)))):
        with contextlib.suppress(EndOfFile):
            while True:
                if wanted[len(lines)]:
                    line = reading.line()
                    if line is None:
                        break
                    lines.append((line, reading.reader.missing_newline))
                    continue
                size, has_ended = reading.reader.skip_line(reading.at_end)
                skipped += size
                if not has_ended and not (reading.at_end and skipped):
                    break
                lines.append(None)
                skipped = 0
    expected = lines_of(text, eol)
    assert lines == [it if wanted[number] else None for number, it in enumerate(expected)]


@few_examples
@for_each_encoding
@given(raw=st.binary(max_size=30), data=st.data(), eol=eols, errors=st.sampled_from(HANDLERS))
def test_a_line_is_skipped_whatever_is_in_it(
    encoding: str, eol: str, errors: str, raw: bytes, data: st.DataObject
) -> None:
    if encoding in ("utf-16", "utf-32"):  # in which there is no text without a byte order
        raw = "\ufeff".encode(encoding) + raw
    reading = Reading(encoding, eol, errors)
    skipped = 0
    for _ in reading.arrive(data.draw(pieces_of(raw))):
        has_ended = True
        while has_ended:
            size, has_ended = reading.reader.skip_line(reading.at_end)
            skipped += size
    assert not reading.data
    assert skipped <= len(raw)
    if isinstance(reading.reader, DirectTextReader):
        assert skipped == len(raw)


def test_malformed_text_is_malformed_again_in_the_line_behind_one_that_was_skipped() -> None:
    reading = Reading("utf-16-le", data=b"\x00\xd8a\0\n\0" + b"\x00\xd8b\0\n\0")
    assert reading.reader.skip_line(False) == (6, True)
    with pytest.raises(DecodingError):
        reading.line()


def test_a_text_without_the_byte_order_that_it_needs_has_no_lines_to_skip() -> None:
    reading = Reading("utf-16", data=b"a\0\n\0")
    with pytest.raises(DecodingError, match="BOM"):
        reading.reader.skip_line(False)
    assert reading.data == b"a\0\n\0"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be", "cp037"])
@for_each_eol
def test_what_is_skipped_is_counted_in_bytes(encoding: str, eol: str) -> None:
    line = ("abc" + NEWLINES[eol]).encode(encoding)
    reading = Reading(encoding, eol, data=line * 3)
    assert reading.line() == "abc"
    assert reading.char() == "a"
    reading.reader.unread_char()
    assert reading.reader.skip_line(False) == (len(line), True)
    assert reading.text(1) == "a"
    assert reading.reader.skip_line(False) == (len(line) - unit(encoding), True)


def test_not_even_what_is_no_text_yet_is_kept_of_a_line_that_is_skipped() -> None:
    reading, skipped = Reading("utf-7", data=b"+"), 0
    for _ in range(100):
        reading.data += b"AGEAYQBh" * 200
        size, has_ended = reading.reader.skip_line(False)
        skipped += size
        assert not has_ended
        assert len(reading.data) == 0
    assert skipped > 100 * 1600 - 10_000
    reading.data += b"-\nthe next one\n"
    assert reading.reader.skip_line(False)[1]
    assert reading.line() == "the next one"


def test_the_error_says_what_the_limit_was() -> None:
    reading = Reading(data=b"abcdef")
    with pytest.raises(LineTooLong, match="limit of 5 bytes") as caught:
        reading.line(5)
    assert caught.value.limit == 5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "cp037"])
def test_the_carriage_return_that_waits_for_its_line_feed_is_not_counted(encoding: str) -> None:
    content = "abcd".encode(encoding)
    reading = Reading(encoding, "crlf", data=content + "\r".encode(encoding))
    assert reading.line(len(content)) is None
    reading.data += "\n".encode(encoding)
    assert reading.line(len(content)) == "abcd"
    # If no LF follows, it is part of the line.
    reading = Reading(encoding, "crlf", data=content + "\r".encode(encoding))
    assert reading.line(len(content)) is None
    reading.data += "x".encode(encoding)
    with pytest.raises(LineTooLong):
        reading.line(len(content))
    assert reading.line(len(content) + 2 * unit(encoding)) is None
    reading = Reading(encoding, "crlf", data=content + "\r".encode(encoding))
    reading.at_end = True
    with pytest.raises(LineTooLong):
        reading.line(len(content))
    assert reading.line(len(content) + unit(encoding)) == "abcd\r"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-be"])
def test_the_limit_is_exact_after_characters_were_read_and_unread(encoding: str) -> None:
    width = unit(encoding)
    reading = Reading(encoding, data="abcdef\nabcdef".encode(encoding))
    with pytest.raises(LineTooLong):
        reading.line(3 * width)
    assert reading.char() == "a"
    reading.reader.unread_char()
    with pytest.raises(LineTooLong):
        reading.line(6 * width - 1)
    assert reading.line(6 * width) == "abcdef"
    assert reading.text(2) == "ab"
    with pytest.raises(LineTooLong):
        reading.line(4 * width - 1)
    assert reading.line(4 * width) is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-32-le", "cp037"])
@for_each_eol
def test_an_empty_line_is_within_any_limit(encoding: str, eol: str) -> None:
    data = NEWLINES[eol].encode(encoding)
    for arriving in ([data], byte_by_byte(data)):
        assert first_line(Reading(encoding, eol), arriving, 0) == ""


@pytest.mark.parametrize(
    ("encoding", "errors", "endless"),
    [
        ("utf-8", "strict", b"x"),
        ("utf-16-le", "strict", b"x\0"),
        ("utf-16-le", "ignore", b"\x00\xdc"),  # all of it is ignored
        ("utf-8", "ignore", b"\xff"),
        ("iso2022_jp", "strict", b"\x1b$B\x1b(B"),  # changes to and fro, and no character
        ("utf-7", "strict", b"AGEAYQBh"),  # behind a plus, characters only where it ends
    ],
)
def test_no_line_without_an_end_is_taken_in_beyond_the_limit(
    encoding: str, errors: str, endless: bytes
) -> None:
    arrived = 0

    def arriving() -> Iterator[bytes]:
        nonlocal arrived
        for _ in range(200):
            arrived += len(endless)
            yield endless

    reading = Reading(encoding, errors=errors, data=b"+" if encoding == "utf-7" else b"")
    assert first_line(reading, arriving(), 100) is None
    assert 100 < arrived <= 100 + 8 + 2 * len(endless)
    with pytest.raises(LineTooLong):
        reading.line(100)


# ---- What is decoded ahead ----


@pytest.mark.parametrize("encoding", WITH_BOUNDARIES)
@few_examples
@given(data=st.data(), eol=eols)
def test_nothing_behind_a_line_is_decoded_with_it(
    encoding: str, eol: str, data: st.DataObject
) -> None:
    lines = data.draw(st.lists(texts(encoding, newlines=""), min_size=1, max_size=3))
    newline = data.draw(st.sampled_from(("\r", "\n") if eol == "cr" else (NEWLINES[eol],)))
    behind = data.draw(st.binary(max_size=8))
    raw = "".join(line + newline for line in lines).encode(encoding) + behind
    reading, taken = Reading(encoding, eol), 0
    for _ in reading.arrive(data.draw(pieces_of(raw))):
        while taken < len(lines) and (line := reading.line()) is not None:
            assert line == lines[taken]
            taken += 1
    assert at_boundary(reading)
    assert reading.data == behind


def at_boundary(reading: Reading) -> bool:
    """Say whether no more is decoded than was read."""
    assert isinstance(reading.reader, DecodingTextReader)
    return reading.reader.at_boundary


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("cut", range(1, 16))
def test_the_byte_order_mark_decides_what_a_newline_looks_like(order: str, cut: int) -> None:
    raw = "\ufeffab\nc\nd".encode(f"utf-16-{order}")
    reading = Reading("utf-16")
    lines: list[str] = []
    for piece in pieces(raw, [cut]):
        reading.data += piece
        while len(lines) < 2 and (line := reading.line()) is not None:
            lines.append(line)
            assert at_boundary(reading)
    assert lines == ["ab", "c"]
    assert reading.data == "d".encode(f"utf-16-{order}")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32-le", "cp037", "utf-8-sig"])
@few_examples
@given(data=st.data(), eol=eols, size=st.integers(0, 12))
def test_nothing_behind_a_stretch_is_decoded_with_it(
    encoding: str, eol: str, size: int, data: st.DataObject
) -> None:
    text = text_as_read(data.draw(texts(encoding)), eol)[:size]
    if text.endswith("\r"):
        text += "."  # or it has to be seen what follows
    behind = data.draw(st.binary(max_size=8))
    raw = text.replace("\n", NEWLINES[eol]).encode(encoding) + behind
    reading, stretch = Reading(encoding, eol), None
    for piece in data.draw(pieces_of(raw)):
        reading.data += piece
        if stretch is None:
            stretch = reading.text(len(text))
    assert stretch == (text if raw else None)
    if text:
        assert at_boundary(reading)
        assert reading.data == behind


@pytest.mark.parametrize(
    ("encoding", "good", "bad"),
    [
        ("utf-8-sig", b"ab", b"\xff\n"),
        ("utf-16-le", b"a\0b\0", b"\x00\xdcc\0\n\0"),
        ("utf-16-le", b"a\0b\0", b"\x00\xd8c\0\n\0"),
        ("utf-16-be", b"\0a\0b", b"\xd8\0\0c\0\n"),
        ("utf-32-le", b"a\0\0\0b\0\0\0", b"\0\0\x11\0\n\0\0\0"),
        ("utf-7", b"ab", b"\xff\n"),
        ("shift_jis_2004", b"ab", b"\x81\xff\n"),
        ("big5hkscs", b"ab", b"\x88\xff\n"),
        ("iso2022_jp", b"ab", b"\xff\n"),
    ],
)
def test_an_error_leaves_no_half_of_a_character_in_the_decoder(
    encoding: str, good: bytes, bad: bytes
) -> None:
    for arriving in ([good + bad], byte_by_byte(good + bad)):
        reading = Reading(encoding)
        for piece in arriving:
            reading.data += piece
        assert reading.text(2) == "ab"
        with pytest.raises(DecodingError):
            reading.char()
        assert at_boundary(reading)
        assert reading.data == bad


def test_clearing_keeps_the_byte_order() -> None:
    reading = Reading("utf-16", data=b"\xfe\xff\0a\0b\0")
    assert reading.char() == "a"
    assert reading.line() is None
    reading.data.clear()
    reading.reader.clear()
    assert at_boundary(reading)
    reading.data += b"\0c\0\n"
    assert reading.line() == "c"


# ---- Which reader, and how much work ----


def test_formats_that_mix_with_bytes_are_read_from_the_bytes() -> None:
    assert isinstance(Reading("utf-8").reader, DirectTextReader)
    assert isinstance(Reading("latin-1", errors="replace").reader, DirectTextReader)
    assert isinstance(Reading("utf-16").reader, DecodingTextReader)
    assert isinstance(Reading("utf-8", errors="ignore").reader, DecodingTextReader)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
@for_each_eol
@pytest.mark.slow
def test_a_long_line_in_small_pieces_is_searched_once(
    encoding: str, eol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = 0
    meter = DecoderMeter()

    def count(buffer: str | bytearray, eol: Eol, start: int) -> int:
        nonlocal searched
        searched += len(buffer) - start
        return find_newline(buffer, eol, start)

    monkeypatch.setattr(text_reader, "find_newline", count)
    monkeypatch.setattr(text_reader, "codecs", meter)
    line = "x" * 2**20
    data = (line + NEWLINES[eol]).encode(encoding)
    arriving = pieces(data, range(64, len(data), 64))
    assert all_lines(Reading(encoding, eol), arriving) == [(line, False)]
    assert searched <= 2 * len(data)
    assert meter.count <= 2 * len(data)


@pytest.mark.parametrize(
    ("encoding", "eol", "errors", "unit"),
    [
        ("utf-8", "lf", "strict", "x"),
        ("utf-8", "crlf", "strict", "漢\r\n"),
        ("utf-8", "crlf", "ignore", "漢\r\n"),
        ("gb18030", "cr", "strict", "漢\n"),
        ("utf-16-le", "crlf", "strict", "x\r\n"),
    ],
)
@pytest.mark.parametrize("step", [16, 10**9])
def test_a_long_text_is_decoded_once_however_it_arrives(
    encoding: str,
    eol: str,
    errors: str,
    unit: str,
    step: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    meter = DecoderMeter()
    monkeypatch.setattr(text_reader, "codecs", meter)
    text = unit * 2000
    data = text.encode(encoding)
    expected = text_as_read(text, eol)
    reading = Reading(encoding, eol, errors)
    stretch = None
    for piece in pieces(data, range(step, len(data), step)):
        reading.data += piece
        stretch = stretch or reading.text(len(expected))
    assert stretch == expected
    assert meter.count <= 3 * len(data)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_long_text_of_newlines_is_gone_through_once(encoding: str) -> None:
    stretches = 0

    def count(
        self: text_reader.TextReader, index: int, size: int, at_end: bool
    ) -> tuple[str, int] | None:
        nonlocal stretches
        stretches += 1
        return text_reader.TextReader._stretch_at(self, index, size, at_end)

    text = "x\r\n" * 1000
    reading = Reading(encoding, "crlf", data=text.encode(encoding))
    counting: Any = type("Counting", (type(reading.reader),), {"_stretch_at": count})
    reading.reader = counting(reading.reader.external_format, reading.data)
    assert reading.text(2000) == "x\n" * 1000
    assert 1000 <= stretches <= 4 * 1000


@pytest.mark.parametrize("errors", ["replace", "ignore", "backslashreplace"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_garbage_is_decoded_once_and_not_kept(
    encoding: str, errors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = DecoderMeter()
    monkeypatch.setattr(text_reader, "codecs", meter)
    data = b"\xff\xfe\x80" * 1000
    reading = Reading(encoding, errors=errors)
    chars = all_chars(reading, pieces(data, range(7, len(data), 7)))
    assert "".join(chars) == data.decode(encoding, errors)
    assert not reading.data
    assert meter.count <= 3 * len(data)
