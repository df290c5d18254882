"""The line splitter gives exactly the lines that `InputBuffer.take_line` gives, only faster."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from _core.helpers import (
    ENCODINGS,
    EOLS,
    HANDLERS,
    MIXING_ENCODINGS,
    byte_by_byte,
    pieces_of,
    texts,
)
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.external_format import ExternalFormat
from trunkline._core.input_buffer import InputBuffer
from trunkline._core.line_splitter import (
    DecodingLineSplitter,
    DirectLineSplitter,
    LineSplitter,
    make_line_splitter,
)
from trunkline.errors import DecodingError, EndOfFile, LineTooLong, StreamError

PLENTY = 1 << 20

Outcome = list[str | type[StreamError]]


def expected_lines(
    external_format: ExternalFormat, limit: int, arriving: Sequence[bytes]
) -> list[Outcome]:
    """Return the lines after each piece, and after the end, up to the first that is bad."""
    buffer = InputBuffer(external_format)
    outcomes: list[Outcome] = []
    for piece in (*arriving, None):
        buffer.feed_eof() if piece is None else buffer.feed(piece)
        outcomes.append([])
        try:
            while (line := buffer.take_line(limit)) is not None:
                outcomes[-1].append(line)
        except EndOfFile:
            break
        except StreamError as error:
            outcomes[-1].append(type(error))
            break
    return outcomes


def lines_now(splitter: LineSplitter) -> Outcome:
    """Return all lines that there are now, and the error that comes behind them."""
    outcome: Outcome = []
    try:
        while lines := splitter.lines():
            outcome += lines
    except StreamError as error:
        outcome.append(type(error))
    return outcome


def split_lines(
    external_format: ExternalFormat, limit: int, arriving: Sequence[bytes]
) -> list[Outcome]:
    """Do the same with a splitter."""
    splitter = make_line_splitter(external_format, limit)
    outcomes: list[Outcome] = []
    for piece in (*arriving, None):
        splitter.feed_eof() if piece is None else splitter.feed(piece)
        outcomes.append(lines_now(splitter))
        if outcomes[-1] and isinstance(outcomes[-1][-1], type):
            break
    return outcomes


formats = st.builds(
    ExternalFormat, st.sampled_from(ENCODINGS), st.sampled_from(EOLS), st.sampled_from(HANDLERS)
)
direct_formats = st.builds(
    ExternalFormat,
    st.sampled_from(MIXING_ENCODINGS),
    st.sampled_from(EOLS),
    st.sampled_from(("strict", "replace")),
).filter(lambda each: each.mixes_with_bytes)
limits = st.one_of(st.just(PLENTY), st.integers(0, 12))
some_bytes = st.one_of(
    st.binary(max_size=40),
    st.lists(st.sampled_from(b"ab\r\n\xc3\xa9\x81\xff\x00\n\n\r"), max_size=40).map(bytes),
)


@given(st.data(), formats, limits)
def test_any_text_in_any_pieces(
    data: st.DataObject, external_format: ExternalFormat, limit: int
) -> None:
    text = data.draw(texts(external_format.encoding))
    arriving = data.draw(pieces_of(text.encode(external_format.encoding)))
    expected = expected_lines(external_format, limit, arriving)
    assert split_lines(external_format, limit, arriving) == expected


@given(st.data(), formats, limits, some_bytes)
def test_any_bytes_in_any_pieces(
    data: st.DataObject, external_format: ExternalFormat, limit: int, sent: bytes
) -> None:
    arriving = data.draw(pieces_of(sent))
    expected = expected_lines(external_format, limit, arriving)
    assert split_lines(external_format, limit, arriving) == expected


@given(st.data(), direct_formats, some_bytes)
def test_what_comes_behind_any_line_can_be_had_as_bytes(
    data: st.DataObject, external_format: ExternalFormat, sent: bytes
) -> None:
    arriving = data.draw(pieces_of(sent))
    splitter = make_line_splitter(external_format, PLENTY)
    buffer = InputBuffer(external_format)
    for piece in arriving:
        splitter.feed(piece)
        buffer.feed(piece)
        while True:
            try:
                lines = splitter.lines()
            except StreamError:
                lines = []
            count = data.draw(st.integers(0, len(lines)))
            taken = [buffer.take_line(None) for _ in range(count)]
            assert taken == lines[:count]
            if count < len(lines) or data.draw(st.booleans()):
                rest = splitter.unread(count)
                assert rest == buffer.take_bytes(len(buffer))
                assert splitter.unread(0) == b""  # it is forgotten
                return
            if not lines:
                break


@pytest.mark.parametrize("eol", EOLS)
def test_what_was_returned_before_is_never_given_back(eol: str) -> None:
    splitter = make_line_splitter(ExternalFormat("utf-8", eol), PLENTY)
    splitter.feed(b"one\ntwo\nhalf")
    assert splitter.lines() == ["one", "two"]
    assert splitter.lines() == []
    assert splitter.unread(0) == b"half"


def test_it_can_be_fed_again_after_unreading() -> None:
    splitter = make_line_splitter(ExternalFormat(), PLENTY)
    splitter.feed(b"one\ntwo\nthree\nhalf")
    assert splitter.lines() == ["one", "two", "three"]
    rest = splitter.unread(1)
    assert rest == b"two\nthree\nhalf"
    splitter.feed(rest)
    assert splitter.lines() == ["two", "three"]
    assert splitter.unread(2) == b"half"


def test_the_last_line_needs_no_newline() -> None:
    splitter = make_line_splitter(ExternalFormat(), PLENTY)
    splitter.feed(b"a\nb")
    splitter.feed_eof()
    assert [splitter.lines(), splitter.lines(), splitter.lines()] == [["a"], ["b"], []]
    assert splitter.unread(0) == b""


def test_the_bytes_of_a_last_line_without_newline_can_be_had_too() -> None:
    splitter = make_line_splitter(ExternalFormat(), PLENTY)
    splitter.feed(b"ab")
    splitter.feed_eof()
    assert splitter.lines() == ["ab"]
    assert splitter.unread(0) == b"ab"


@pytest.mark.parametrize(
    ("encoding", "data", "error"),
    [("utf-8", b"good\n\xff\nmore\n", DecodingError), ("utf-8", b"good\nlonger\n", LineTooLong)],
)
def test_a_bad_line_stays(encoding: str, data: bytes, error: type[StreamError]) -> None:
    splitter = make_line_splitter(ExternalFormat(encoding), 5)
    splitter.feed(data)
    assert splitter.lines() == ["good"]
    for _ in range(2):
        with pytest.raises(error):
            splitter.lines()
    assert splitter.unread(0) == data[5:]


@pytest.mark.parametrize(
    ("eol", "data", "is_good"),
    [
        ("lf", b"12345", True),
        ("lf", b"12345\n", True),
        ("lf", b"123456", False),
        ("crlf", b"12345\r\n", True),
        ("crlf", b"123456\r", False),
        ("cr", b"12345\r", True),
        ("lf", b"12345\n12345\n12345\n", True),
    ],
)
def test_the_limit_counts_bytes_without_the_newline(eol: str, data: bytes, is_good: bool) -> None:
    for arriving in ([data], byte_by_byte(data)):
        outcomes = split_lines(ExternalFormat("utf-8", eol), 5, arriving)
        assert any(LineTooLong in outcome for outcome in outcomes) is not is_good


def test_the_limit_counts_bytes_and_not_characters() -> None:
    assert split_lines(ExternalFormat(), 3, ["éé\n".encode()])[0] == [LineTooLong]


def test_decoded_text_cannot_be_had_as_bytes_and_says_so() -> None:
    splitter = make_line_splitter(ExternalFormat("utf-16-le"), PLENTY)
    splitter.feed("line\nhalf".encode("utf-16-le"))
    assert splitter.lines() == ["line"]
    assert splitter.lines() == []
    with pytest.raises(ValueError, match="utf-16-le"):
        splitter.unread(0)
    splitter.feed(" more\n".encode("utf-16-le"))
    assert splitter.lines() == ["half more"]


def test_each_format_has_the_splitter_that_it_needs() -> None:
    kinds = {
        encoding: type(make_line_splitter(ExternalFormat(encoding), 1)) for encoding in ENCODINGS
    }
    for encoding, kind in kinds.items():
        is_direct = ExternalFormat(encoding).mixes_with_bytes
        assert kind is (DirectLineSplitter if is_direct else DecodingLineSplitter)


def test_a_long_line_is_not_searched_again_and_again() -> None:
    splitter = DirectLineSplitter(ExternalFormat(), PLENTY)
    sizes = []
    for _ in range(5):
        splitter.feed(b"x" * 1000)
        assert splitter.lines() == []
        sizes.append(splitter._scanned)
    assert all(later - earlier == 1000 for earlier, later in pairwise(sizes))
    splitter.feed(b"\n")
    assert splitter.lines() == ["x" * 5000]
