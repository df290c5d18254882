"""Text readers: lines, characters and stretches of text, however the bytes arrive."""

import codecs
import io
from collections.abc import Callable, Iterable

import pytest
from _core.helpers import (
    ENCODINGS,
    EOLS,
    HANDLERS,
    NEWLINES,
    Arriving,
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

from trunkline.errors import DecodingError, EndOfFile

for_each_eol = pytest.mark.parametrize("eol", EOLS)
few_examples = settings(max_examples=6)  # with each of many formats
eols = st.sampled_from(EOLS)


# ---- Whole, byte by byte and at random cuts ----


@for_each_encoding
@few_examples
@given(data=st.data(), eol=eols)
def test_lines_are_the_same_however_they_arrive(
    encoding: str, eol: str, data: st.DataObject
) -> None:
    text = data.draw(texts(encoding))
    arriving = data.draw(pieces_of(text.encode(encoding)))
    assert all_lines(Reading(encoding, eol), arriving) == lines_of(text, eol)


@for_each_encoding
@few_examples
@given(data=st.data(), eol=eols)
def test_characters_are_the_same_however_they_arrive(
    encoding: str, eol: str, data: st.DataObject
) -> None:
    text = data.draw(texts(encoding))
    arriving = data.draw(pieces_of(text.encode(encoding)))
    assert all_chars(Reading(encoding, eol), arriving) == list(text_as_read(text, eol))


@for_each_encoding
@few_examples
@given(data=st.data(), eol=eols, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_stretches_are_the_same_however_they_arrive(
    encoding: str, eol: str, sizes: list[int], data: st.DataObject
) -> None:
    text = data.draw(texts(encoding))
    arriving = data.draw(pieces_of(text.encode(encoding)))
    reading, expected, taken = Reading(encoding, eol), text_as_read(text, eol), ""
    wanted = iter(sizes * len(text) + [1])
    size = next(wanted)
    for _ in reading.arrive(arriving):
        while (stretch := reading.text(size)) is not None:
            taken += stretch
            assert expected.startswith(taken)
            if len(stretch) < size:
                assert reading.at_end
                break
            size = next(wanted)
    assert taken == expected
    assert reading.text(1) == ""


@for_each_encoding
@few_examples
@given(data=st.data(), eol=eols)
def test_all_ways_of_reading_take_turns_without_losing_anything(
    encoding: str, eol: str, data: st.DataObject
) -> None:
    text = data.draw(texts(encoding))
    ways = data.draw(st.lists(st.sampled_from(["line", "char", "text", "again"]), min_size=1))
    reading, taken, ended = Reading(encoding, eol), "", False
    for turn, _ in enumerate(reading.arrive(data.draw(pieces_of(text.encode(encoding))))):
        for way in ways[turn % len(ways) :]:
            if way == "text":
                taken += reading.text(2) or ""
            elif way == "line" and not ended:
                try:
                    line = reading.line()
                except EndOfFile:
                    ended = True
                else:
                    if line is not None:
                        taken += line + "\n" * (not reading.reader.missing_newline)
            elif char := reading.char():
                if way == "again":
                    reading.reader.unread_char()
                    assert reading.char() == char
                taken += char
    taken += reading.rest()
    assert taken == text_as_read(text, eol)


# ---- The standard library agrees ----


def oracle_lines(
    arriving: Iterable[bytes], encoding: str, eol: str, errors: str = "strict"
) -> list[str]:
    newline = NEWLINES[eol]
    wrapper = io.TextIOWrapper(io.BufferedReader(Arriving(arriving)), encoding, errors, newline)
    return [line.removesuffix(newline) for line in wrapper]


@for_each_encoding
@for_each_eol
@settings(max_examples=8)
@given(data=st.data())
def test_lines_are_those_of_text_io_wrapper(encoding: str, eol: str, data: st.DataObject) -> None:
    # It takes a lone LF, or CR, for a character where ours, too, ends a line.
    line = texts(encoding, newlines="\r" if eol == "lf" else "").filter(lambda x: x[-1:] != "\r")
    text = NEWLINES[eol].join(data.draw(st.lists(line, max_size=5)))
    arriving = data.draw(pieces_of(text.encode(encoding)))
    lines = all_lines(Reading(encoding, eol), arriving)
    assert [line for line, _ in lines] == oracle_lines(arriving, encoding, eol)


@pytest.mark.parametrize("errors", HANDLERS[1:])
@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "utf-16-le", "cp1252", "gb18030", "utf-7"])
@few_examples
@given(data=st.data())
def test_malformed_lines_are_replaced_as_text_io_wrapper_does(
    encoding: str, errors: str, data: st.DataObject
) -> None:
    byte = st.one_of(
        st.sampled_from(b"\n\r+-aA0\xe6\xbc\xa2\xf0\x9f\xff\x00\xd8"), st.integers(0, 255)
    )
    raw = bytes(data.draw(st.lists(byte, max_size=20)))
    arriving = data.draw(pieces_of(raw))
    try:
        expected = oracle_lines(arriving, encoding, "lf", errors)
    except UnicodeDecodeError:  # The handler cannot do everything for this encoding.
        with pytest.raises(DecodingError):
            all_lines(Reading(encoding, "lf", errors), arriving)
    else:
        lines = all_lines(Reading(encoding, "lf", errors), arriving)
        assert [line for line, _ in lines] == expected


# ---- Partial last lines, lone CR and LF ----


@pytest.mark.parametrize(
    ("eol", "text", "lines"),
    [
        ("lf", "one\ntwo", ["one", "two"]),
        ("lf", "one\r\ntwo\r", ["one\r", "two\r"]),
        ("lf", "\r", ["\r"]),
        ("crlf", "one\r\ntwo", ["one", "two"]),
        ("crlf", "one\ntwo\n\r\n\n", ["one", "two", "", ""]),
        ("crlf", "one\rtwo\r\n", ["one\rtwo"]),
        ("crlf", "one\r\r\ntwo\r", ["one\r", "two\r"]),
        ("crlf", "\r", ["\r"]),
        ("crlf", "\r\r", ["\r\r"]),
        ("cr", "one\rtwo", ["one", "two"]),
        ("cr", "one\r\ntwo\nthree\r", ["one", "", "two", "three"]),
        ("cr", "\n\r", ["", ""]),
        ("lf", "a\x0bb\x0cc\x85d\u2028e\u2029f\x1cg\n", ["a\x0bb\x0cc\x85d\u2028e\u2029f\x1cg"]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_lone_carriage_returns_and_line_feeds(
    encoding: str, eol: str, text: str, lines: list[str]
) -> None:
    data = text.encode(encoding)
    for arriving in ([data], byte_by_byte(data)):
        assert [line for line, _ in all_lines(Reading(encoding, eol), arriving)] == lines


@for_each_eol
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_flag_for_a_missing_newline_is_that_of_the_last_line(encoding: str, eol: str) -> None:
    newline = NEWLINES[eol]
    reading = Reading(encoding, eol, data=f"one{newline}two".encode(encoding))
    flags = [reading.reader.missing_newline]
    assert reading.line() == "one"
    flags.append(reading.reader.missing_newline)
    assert reading.line() is None
    flags.append(reading.reader.missing_newline)
    reading.at_end = True
    assert reading.line() == "two"
    flags.append(reading.reader.missing_newline)
    with pytest.raises(EndOfFile):
        reading.line()
    flags.append(reading.reader.missing_newline)
    assert flags == [False, False, False, True, True]


@for_each_encoding
def test_at_the_end_of_file_there_is_nothing_again_and_again(encoding: str) -> None:
    reading = Reading(encoding)
    assert (reading.line(), reading.char(), reading.text(1)) == (None, None, None)
    reading.at_end = True
    for _ in range(2):
        with pytest.raises(EndOfFile):
            reading.line()
        assert reading.char() == ""
        assert reading.text(1) == ""
        assert reading.text(0) == ""


@for_each_eol
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be"])
def test_a_carriage_return_waits_only_where_a_line_feed_may_follow(encoding: str, eol: str) -> None:
    reading = Reading(encoding, eol, data="\r".encode(encoding))
    waiting, whole = {"lf": ("\r", "\r"), "crlf": (None, "\r"), "cr": ("\n", "\n")}[eol]
    assert reading.char() == waiting
    reading = Reading(encoding, eol, data="\r".encode(encoding))
    assert reading.text(1) == waiting
    reading = Reading(encoding, eol, data="\r".encode(encoding))
    reading.at_end = True
    assert reading.text(5) == whole


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "iso2022_jp"])
@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("cut", range(1, 24))
def test_a_size_never_splits_a_newline_and_an_arrival_may(
    encoding: str, size: int, cut: int
) -> None:
    text, expected = "ab\r\n\r\n漢\r\rd\r\n", "ab\n\n漢\r\rd\n"
    reading = Reading(encoding, "crlf")
    stretches = []
    for _ in reading.arrive(pieces(text.encode(encoding), [cut])):
        while stretch := reading.text(size):
            stretches.append(stretch)
    assert stretches == [expected[start : start + size] for start in range(0, len(expected), size)]


# ---- Unreading ----


@pytest.mark.parametrize("eol", EOLS)
@for_each_encoding
def test_a_character_that_was_unread_is_read_again(encoding: str, eol: str) -> None:
    chars = alphabet(encoding)[-4:]
    text = chars + NEWLINES[eol] + "a"
    reading = Reading(encoding, eol, data=text.encode(encoding))
    reading.at_end = True
    for expected in [*chars, "\n", "a"]:
        for _ in range(2):
            assert reading.char() == expected
            reading.reader.unread_char()
        assert reading.char() == expected
    assert reading.char() == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_only_the_last_character_can_be_unread_and_only_once(encoding: str) -> None:
    reading = Reading(encoding, data="abc\ndef".encode(encoding))
    with pytest.raises(ValueError, match="no character to unread"):
        reading.reader.unread_char()
    assert (reading.char(), reading.char()) == ("a", "b")
    reading.reader.unread_char()
    with pytest.raises(ValueError, match="no character to unread"):
        reading.reader.unread_char()
    assert reading.line() == "bc"
    with pytest.raises(ValueError, match="no character to unread"):
        reading.reader.unread_char()
    assert (reading.char(), reading.text(1)) == ("d", "e")
    with pytest.raises(ValueError, match="no character to unread"):
        reading.reader.unread_char()
    assert reading.rest() == "f"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_an_unread_newline_still_ends_the_line(encoding: str) -> None:
    reading = Reading(encoding, "crlf", data="\r\nab".encode(encoding))
    assert reading.char() == "\n"
    assert reading.line() is None  # which has searched all there is
    reading = Reading(encoding, "crlf", data="a\r\nb".encode(encoding))
    assert (reading.char(), reading.char()) == ("a", "\n")
    reading.reader.unread_char()
    assert reading.line() == ""
    assert reading.line() is None
    assert reading.char() == "b"
    reading.reader.unread_char()
    assert reading.rest() == "b"


def test_a_unit_of_two_characters_can_be_unread_in_its_middle() -> None:
    reading = Reading("shift_jis_2004", data="か゚x".encode("shift_jis_2004"))
    assert reading.char() == "か"
    reading.reader.unread_char()
    assert [reading.char() for _ in range(3)] == ["か", "\u309a", "x"]


# ---- Malformed and truncated characters ----

MALFORMED = [
    ("utf-8", b"ab\xffcd\n"),
    ("utf-8", b"ab\xe6\xbccd\n"),
    ("utf-8", b"ab\xed\xa0\x80\n"),
    ("utf-8-sig", b"\xef\xbb\xbfab\xff\n"),
    ("ascii", b"ab\x80\n"),
    ("cp1252", b"ab\x81\n"),
    ("gb18030", b"ab\xff\n"),
    ("shift_jis", b"ab\x81\xff\n"),
    ("euc_jp", b"ab\x8f\xa1\n\n"),
    ("shift_jis_2004", b"ab\x81\xff\n"),
    ("utf-16-le", b"a\0b\0\x00\xdcc\0\n\0"),
    ("utf-16-be", b"\0a\0b\xd8\0\0c\0\n"),
    ("utf-32-le", b"a\0\0\0b\0\0\0\0\0\x11\0\n\0\0\0"),
    ("utf-7", b"ab\xff\n"),
    ("iso2022_jp", b"ab\xff\n"),
    ("hz", b"ab\xff\n"),
]


@pytest.mark.parametrize(("encoding", "data"), MALFORMED)
@pytest.mark.parametrize("cut", [0, 1, 5, 7])
def test_an_error_consumes_nothing_and_comes_again(encoding: str, data: bytes, cut: int) -> None:
    reading = Reading(encoding)
    for _ in reading.arrive(pieces(data, [cut])):
        pass
    for _ in range(2):
        with pytest.raises(DecodingError) as caught:
            reading.line()
        assert caught.value.object[caught.value.start : caught.value.end]
    for _ in range(2):
        with pytest.raises(DecodingError):
            reading.text(10)
    # What is well-formed is still there.
    assert reading.text(2) == "ab"
    for _ in range(2):
        with pytest.raises(DecodingError):
            reading.char()
        with pytest.raises(DecodingError):
            reading.line()


TRUNCATED = [
    ("utf-8", b"a\xe6\xbc"),
    ("utf-8", b"a\xf0\x9f\x98"),
    ("gb18030", b"a\x81\x30\x81"),
    ("shift_jis", b"a\x81"),
    ("utf-16", b"\xff\xfea\0b"),
    ("utf-16-le", b"a\0\x00\xd8"),
    ("utf-32", b"\xff\xfe\0\0a\0\0\0b\0"),
    ("big5hkscs", b"a\x88"),
    ("iso2022_jp", b"a\x1b$B\x30"),
]


@pytest.mark.parametrize(("encoding", "data"), TRUNCATED)
def test_a_character_that_the_end_cuts_short_is_malformed_only_then(
    encoding: str, data: bytes
) -> None:
    for arriving in ([data], byte_by_byte(data)):
        reading = Reading(encoding)
        for piece in arriving:
            reading.data += piece
            assert reading.line() is None
            assert reading.text(2) is None
        assert reading.char() == "a"
        assert reading.char() is None
        reading.at_end = True
        for _ in range(2):
            with pytest.raises(DecodingError):
                reading.char()
            with pytest.raises(DecodingError):
                reading.line()
            with pytest.raises(DecodingError):
                reading.text(1)


@pytest.mark.parametrize(("encoding", "data"), TRUNCATED)
def test_a_truncated_character_is_replaced_where_that_was_asked_for(
    encoding: str, data: bytes
) -> None:
    for arriving in ([data], byte_by_byte(data)):
        assert all_lines(Reading(encoding, errors="replace"), arriving) == [("a\ufffd", True)]
        assert all_lines(Reading(encoding, errors="ignore"), arriving) == [("a", True)]


def test_what_a_decoder_leaves_at_the_end_is_not_lost() -> None:
    # The codec of GB 18030 needs to be told twice that nothing more comes.
    for arriving in ([b"\x800"], [b"\x80", b"0"]):
        lines = all_lines(Reading("gb18030", errors="surrogateescape"), arriving)
        assert lines == [("\udc800", True)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_missing_byte_order_mark_is_a_decoding_error_too(encoding: str) -> None:
    data = "ab\n".encode(f"{encoding}-le")
    reads: list[Callable[[Reading], object]] = [Reading.line, Reading.char, lambda it: it.text(1)]
    for read in reads:
        reading = Reading(encoding, data=data)
        for _ in range(2):
            with pytest.raises(DecodingError, match="BOM") as caught:
                read(reading)
            assert data.startswith(caught.value.object[:2])
        assert reading.data == data


@pytest.mark.parametrize("errors", ["xmlcharrefreplace", "namereplace"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le"])
def test_a_handler_that_cannot_decode_is_no_reason_for_another_error(
    encoding: str, errors: str
) -> None:
    reading = Reading(encoding, errors=errors, data=b"\xff\xdf\n\0")
    with pytest.raises(DecodingError):
        reading.line()


@pytest.mark.parametrize(
    ("data", "chars"),
    [
        (b"\xffa", "\ufffda"),
        (b"\xe6\xbca", "\ufffda"),
        (b"\xe6\xe6\xbc\xa2", "\ufffd漢"),
        (b"\xf0\x9f\xf0\x9f\x98\x80", "\ufffd😀"),
        (b"\xf0\x9f\xff\xff", "\ufffd\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),
        (b"\xe6\r\n", "\ufffd\n"),
        (b"\xf0\x9f\x98", "\ufffd"),
    ],
)
def test_each_malformed_sequence_is_replaced_by_one_character(data: bytes, chars: str) -> None:
    for arriving in ([data], byte_by_byte(data)):
        assert "".join(all_chars(Reading("utf-8", "crlf", "replace"), arriving)) == chars
        reading = Reading("utf-8", "crlf", "replace")
        for _ in reading.arrive(arriving):
            pass
        assert reading.text(10) == chars


@given(
    data=st.data(),
    raw=st.binary(max_size=30),
    encoding=st.sampled_from(ENCODINGS),
    eol=eols,
    errors=st.sampled_from(HANDLERS),
)
@pytest.mark.slow
def test_any_bytes_are_read_or_are_a_decoding_error(
    raw: bytes, encoding: str, eol: str, errors: str, data: st.DataObject
) -> None:
    reads: tuple[Callable[[Reading, Iterable[bytes]], object], ...] = (all_lines, all_chars)
    for read in reads:
        try:
            read(Reading(encoding, eol, errors), data.draw(pieces_of(raw)))
        except DecodingError:
            with pytest.raises(UnicodeError):  # so that it is right to complain
                codecs.getincrementaldecoder(encoding)(errors).decode(raw, True)
