"""The line splitter gives exactly the lines that `InputBuffer.take_line` gives, only faster."""

from collections.abc import Callable, Sequence
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
from support.memory import memory_held

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
@pytest.mark.slow
def test_any_text_in_any_pieces(
    data: st.DataObject, external_format: ExternalFormat, limit: int
) -> None:
    text = data.draw(texts(external_format.encoding))
    arriving = data.draw(pieces_of(text.encode(external_format.encoding)))
    expected = expected_lines(external_format, limit, arriving)
    assert split_lines(external_format, limit, arriving) == expected


@given(st.data(), formats, limits, some_bytes)
@pytest.mark.slow
def test_any_bytes_in_any_pieces(
    data: st.DataObject, external_format: ExternalFormat, limit: int, sent: bytes
) -> None:
    arriving = data.draw(pieces_of(sent))
    expected = expected_lines(external_format, limit, arriving)
    assert split_lines(external_format, limit, arriving) == expected


@given(st.data(), direct_formats, some_bytes)
@pytest.mark.slow
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
                splitter.put_back(count)
                assert splitter.take_rest() == buffer.take_bytes(len(buffer))
                assert splitter.take_rest() == b""  # it is forgotten
                return
            if not lines:
                break


@given(st.data(), formats, limits, some_bytes)
@pytest.mark.slow
def test_lines_that_are_put_back_come_again(
    data: st.DataObject, external_format: ExternalFormat, limit: int, sent: bytes
) -> None:
    arriving = data.draw(pieces_of(sent))
    splitter = make_line_splitter(external_format, limit)
    outcomes: list[Outcome] = []
    for piece in (*arriving, None):
        splitter.feed_eof() if piece is None else splitter.feed(piece)
        outcomes.append([])
        try:
            while lines := splitter.lines():
                taken = data.draw(st.integers(1, len(lines)))
                outcomes[-1] += lines[:taken]
                splitter.put_back(taken)
        except StreamError as error:
            outcomes[-1].append(type(error))
            break
    assert outcomes == split_lines(external_format, limit, arriving)


@pytest.mark.parametrize("eol", EOLS)
def test_what_was_returned_before_is_never_given_back(eol: str) -> None:
    splitter = make_line_splitter(ExternalFormat("utf-8", eol), PLENTY)
    splitter.feed(b"one\ntwo\nhalf")
    assert splitter.lines() == ["one", "two"]
    assert splitter.lines() == []
    splitter.put_back(0)
    assert splitter.take_rest() == b"half"


def test_it_can_be_fed_again_after_unreading() -> None:
    splitter = make_line_splitter(ExternalFormat(), PLENTY)
    splitter.feed(b"one\ntwo\nthree\nhalf")
    assert splitter.lines() == ["one", "two", "three"]
    splitter.put_back(1)
    rest = splitter.take_rest()
    assert rest == b"two\nthree\nhalf"
    splitter.feed(rest)
    assert splitter.lines() == ["two", "three"]
    assert splitter.take_rest() == b"half"


def test_the_last_line_needs_no_newline() -> None:
    splitter = make_line_splitter(ExternalFormat(), PLENTY)
    splitter.feed(b"a\nb")
    splitter.feed_eof()
    assert [splitter.lines(), splitter.lines(), splitter.lines()] == [["a"], ["b"], []]
    assert splitter.take_rest() == b""


def test_the_bytes_of_a_last_line_without_newline_can_be_had_too() -> None:
    splitter = make_line_splitter(ExternalFormat(), PLENTY)
    splitter.feed(b"ab")
    splitter.feed_eof()
    assert splitter.lines() == ["ab"]
    splitter.put_back(0)
    assert splitter.take_rest() == b"ab"


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
    assert splitter.take_rest() == data[5:]


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
        splitter.take_rest()
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


# ---- What it costs ----


def count_split(splitter: LineSplitter, taken: Callable[[int], int]) -> tuple[int, int]:
    """Return in how many batches how many lines come, when a part of each is put back."""
    batches = split = 0
    while lines := splitter.lines():
        batches += 1
        split += len(lines)
        splitter.put_back(min(taken(batches), len(lines)))
    return batches, split


@pytest.mark.parametrize("size", [2, 64, 65, 100, 1000])
def test_lines_of_any_usual_length_come_many_at_a_time(size: int) -> None:
    splitter = DirectLineSplitter(ExternalFormat(), PLENTY)
    splitter.feed(b"x" * (size - 1) + b"\n" + (b"y" * (size - 1) + b"\n") * 999)
    batches = 0
    while splitter.lines():
        batches += 1
    assert batches <= 8 + size * 1000 // 8000


@pytest.mark.parametrize("eol", EOLS)
@pytest.mark.parametrize(
    "taken",
    [lambda batch: 1, lambda batch: 10, lambda batch: 1 if batch % 10 == 0 else PLENTY],
    ids=["one", "ten", "most"],
)
def test_what_is_put_back_was_not_much_more_than_what_was_taken(
    eol: str, taken: Callable[[int], int]
) -> None:
    splitter = DirectLineSplitter(ExternalFormat("utf-8", eol), PLENTY)
    splitter.feed(b"x\n" * 30_000)
    batches, split = count_split(splitter, taken)
    assert split <= 3 * 30_000 + 32 * batches  # the first batch has no more than 32 such lines


@pytest.mark.alone
def test_lines_that_are_put_back_are_bytes_and_no_objects() -> None:
    splitter = DirectLineSplitter(ExternalFormat(), PLENTY)
    data = b"xy\n" * 20_000
    splitter.feed(data)
    while len(splitter.lines()) < 1000:
        pass
    with memory_held() as held:
        assert len(splitter.lines()) > 1000
        splitter.put_back(1)
        assert held() < 1000


@pytest.mark.parametrize("arriving", [1, 3])
@pytest.mark.parametrize("half", [b"", b"half"])
@pytest.mark.alone
def test_what_has_been_taken_takes_no_room(half: bytes, arriving: int) -> None:
    splitter = DirectLineSplitter(ExternalFormat(), PLENTY)
    with memory_held() as held:
        for _ in range(arriving):
            splitter.feed(bytes(b"line\n" * 10_000 + half))  # a fresh object, that nobody else has
            while splitter.lines():
                pass
        assert held() < 2000
    assert splitter.take_rest() == half
