"""Input buffers: text and bytes from one buffer, changes of format, and anything in any order."""

import codecs
import contextlib
import re
from collections.abc import Callable

import pytest
from _core.helpers import (
    ENCODINGS,
    EOLS,
    HANDLERS,
    MIXING_ENCODINGS,
    alphabet,
    for_each_encoding,
    pieces,
    pieces_of,
    texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline._core.external_format import ExternalFormat
from trunkline._core.input_buffer import InputBuffer
from trunkline.errors import DecodingError, EndOfFile, LineTooLong


def buffer_of(data: bytes, encoding: str = "utf-8", eol: str = "lf") -> InputBuffer:
    """Return a buffer into which some bytes have come, but not their end."""
    buffer = InputBuffer(ExternalFormat(encoding, eol))
    buffer.feed(data)
    return buffer


def ended(data: bytes, encoding: str = "utf-8", eol: str = "lf") -> InputBuffer:
    """Return a buffer into which some bytes, and their end, have come."""
    buffer = buffer_of(data, encoding, eol)
    buffer.feed_eof()
    return buffer


# ---- Bytes ----


def test_bytes_are_taken_as_far_as_they_are_there() -> None:
    buffer = buffer_of(b"abcdef")
    assert buffer.take_bytes(0) == b""
    assert buffer.take_bytes(2) == b"ab"
    assert len(buffer) == 4
    assert buffer.take_bytes(9) == b"cdef"
    assert buffer.take_bytes(9) == b""
    assert not buffer


def test_what_arrives_in_a_memoryview_may_be_overwritten_afterwards() -> None:
    received = bytearray(b"abc")
    buffer = InputBuffer(ExternalFormat())
    with memoryview(received) as view:
        buffer.feed(view[:2])
    received[:] = b"xyz"
    assert buffer.take_bytes(9) == b"ab"


def test_bytes_are_copied_into_a_buffer_of_any_size() -> None:
    buffer = buffer_of(b"abcdef")
    small, large = bytearray(2), bytearray(9)
    assert buffer.take_into(memoryview(small)) == 2
    assert buffer.take_into(memoryview(large)) == 4
    assert bytes(small + large) == b"abcdef\0\0\0\0\0"
    assert buffer.take_into(memoryview(large)) == 0


def test_exactly_so_many_bytes_or_none() -> None:
    buffer = buffer_of(b"abc")
    assert buffer.take_exactly(0) == b""
    assert buffer.take_exactly(4) is None
    assert len(buffer) == 3
    assert buffer.take_exactly(3) == b"abc"


def test_exactly_so_many_bytes_cut_short_are_in_the_error() -> None:
    buffer = ended(b"abc")
    with pytest.raises(EndOfFile) as caught:
        buffer.take_exactly(4)
    assert caught.value.partial == b"abc"
    assert buffer.take_exactly(0) == b""
    with pytest.raises(EndOfFile) as caught:
        buffer.take_exactly(1)
    assert caught.value.partial == b""


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_separator_is_found_wherever_it_is_cut(cut: int) -> None:
    buffer = InputBuffer(ExternalFormat())
    found: list[bytes] = []
    start = 0
    for piece in pieces(b"a--b---c-", [cut]):
        buffer.feed(piece)
        while isinstance(taken := buffer.take_until(b"---", None, start), bytes):
            found.append(taken)
            start = 0
        start = taken
        assert 0 <= start <= len(buffer)
    assert found == [b"a--b---"]
    assert buffer.take_bytes(9) == b"c-"


def test_the_limit_is_for_the_bytes_before_the_separator() -> None:
    buffer = buffer_of(b"abcd\r\n\r\n")
    with pytest.raises(LineTooLong, match="3 bytes"):
        buffer.take_until(b"\r\n\r\n", 3, 0)
    assert buffer.take_until(b"\r\n\r\n", 4, 0) == b"abcd\r\n\r\n"
    # What may be the beginning of the separator does not count yet.
    buffer = buffer_of(b"abcd\r\n\r")
    assert buffer.take_until(b"\r\n\r\n", 4, 0) == 4
    with pytest.raises(LineTooLong):
        buffer.take_until(b"\r\n\r\n", 3, 0)
    buffer.feed(b"x")
    with pytest.raises(LineTooLong):
        buffer.take_until(b"\r\n\r\n", 4, 4)
    assert buffer.take_bytes(9) == b"abcd\r\n\rx"


def test_a_separator_that_never_comes_leaves_what_there_was_in_the_error() -> None:
    buffer = ended(b"abc\r")
    with pytest.raises(EndOfFile) as caught:
        buffer.take_until(b"\r\n", None, 0)
    assert caught.value.partial == b"abc\r"
    assert not buffer


@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_formats_that_mix_allow_bytes_and_others_do_not(errors: str) -> None:
    InputBuffer(ExternalFormat("utf-8", errors=errors)).check_bytes()
    with pytest.raises(ValueError, match=r"utf-16/crlf text: change the external format first"):
        InputBuffer(ExternalFormat("utf-16", "crlf", errors)).check_bytes()


# ---- Text and bytes ----


@pytest.mark.parametrize("encoding", MIXING_ENCODINGS)
@settings(max_examples=20)
@given(data=st.data(), eol=st.sampled_from(EOLS))
@pytest.mark.slow
def test_text_and_bytes_come_from_one_buffer(encoding: str, eol: str, data: st.DataObject) -> None:
    newline = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}[eol]
    message = data.draw(texts(encoding, newlines=""))
    body = data.draw(st.binary(max_size=20))
    raw = (message + newline).encode(encoding) + body + ("x" + newline).encode(encoding)
    buffer = InputBuffer(ExternalFormat(encoding, eol))
    steps: list[Callable[[], object]] = [
        lambda: buffer.take_line(None),
        lambda: buffer.take_exactly(len(body)),
        lambda: buffer.take_char(),
        lambda: buffer.take_until(newline.encode(encoding), None, 0),
    ]
    taken: list[object] = []
    for piece in data.draw(pieces_of(raw)):
        buffer.feed(piece)
        while len(taken) < len(steps):
            result = steps[len(taken)]()
            if result is None or isinstance(result, int):
                break
            taken.append(result)
    assert taken == [message, body, "x", newline.encode(encoding)]
    assert not buffer


@pytest.mark.parametrize(
    ("encoding", "bad"), [("utf-8", b"\xff\xfe"), ("shift_jis", b"\x81\xff"), ("gb18030", b"\xff")]
)
def test_bytes_that_are_no_text_can_be_taken_raw(encoding: str, bad: bytes) -> None:
    buffer = buffer_of(b"a" + bad + b"b\n", encoding)
    with pytest.raises(DecodingError):
        buffer.take_line(None)
    assert buffer.take_char() == "a"
    with pytest.raises(DecodingError):
        buffer.take_char()
    assert buffer.take_bytes(len(bad)) == bad
    assert buffer.take_line(None) == "b"


def test_a_search_for_a_line_does_not_forget_what_bytes_are_taken_meanwhile() -> None:
    buffer = buffer_of(b"abc")
    assert buffer.take_line(None) is None
    assert buffer.take_bytes(2) == b"ab"
    buffer.feed(b"\nd")
    assert buffer.take_line(None) == "c"


def test_what_is_pushed_back_is_searched_again() -> None:
    buffer = buffer_of(b"\nabc")
    assert buffer.take_bytes(1) == b"\n"
    assert buffer.take_line(None) is None
    buffer.push_back(memoryview(b"\n"))
    assert buffer.take_line(None) == ""
    assert buffer.take_bytes(9) == b"abc"


def test_a_character_cannot_be_unread_in_front_of_what_was_pushed_back() -> None:
    buffer = buffer_of(b"abc")
    assert buffer.take_char() == "a"
    buffer.push_back(memoryview(b"xy"))
    with pytest.raises(ValueError, match="no character to unread"):
        buffer.unread_char()
    assert buffer.take_bytes(9) == b"xybc"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_clearing_forgets_text_bytes_and_half_a_character(encoding: str) -> None:
    buffer = buffer_of("ab漢".encode(encoding)[:-1], encoding)
    assert buffer.take_char() == "a"
    assert buffer.take_line(None) is None
    buffer.clear()
    assert not buffer
    assert len(buffer) == 0
    with pytest.raises(ValueError, match="no character to unread"):
        buffer.unread_char()
    buffer.feed("cd\n".encode("utf-16-le" if encoding == "utf-16" else encoding))
    assert buffer.take_line(None) == "cd"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso2022_jp"])
def test_a_buffer_is_empty_when_everything_has_been_read(encoding: str) -> None:
    buffer = buffer_of("ab\n".encode(encoding), encoding)
    assert buffer
    assert buffer.take_char() == "a"
    assert buffer
    assert buffer.take_line(None) == "b"
    assert not buffer
    assert buffer.take_line(None) is None
    buffer.feed("漢".encode(encoding)[:1] if encoding == "utf-8" else b"\x1b")
    assert buffer.take_line(None) is None
    assert buffer  # of half a character


def test_the_count_grows_with_whatever_is_taken_and_with_nothing_else() -> None:
    buffer = buffer_of(b"a\nbcdef|g")

    def taking(take: Callable[[], object]) -> bool:
        before = buffer.taken_count
        take()
        return buffer.taken_count > before

    assert not taking(lambda: buffer.feed(b"h"))
    assert not taking(lambda: buffer.take_exactly(99))
    assert not taking(lambda: buffer.take_until(b"?", None, 0))
    assert taking(lambda: buffer.take_line(None))
    assert not taking(lambda: buffer.take_line(None))
    assert taking(buffer.take_char)
    assert taking(lambda: buffer.take_text(1))
    assert not taking(lambda: buffer.take_text(99))
    assert taking(lambda: buffer.take_bytes(1))
    assert taking(lambda: buffer.take_into(memoryview(bytearray(1))))
    assert taking(lambda: buffer.take_until(b"|", None, 0))
    assert taking(buffer.clear)


# ---- Lines that are skipped ----


def test_a_line_is_skipped_as_it_arrives_and_nothing_of_it_is_kept() -> None:
    buffer = buffer_of(b"one")
    for _ in range(3):
        assert buffer.skip_line() is None
        assert len(buffer) == 0
        buffer.feed(b"more")
    buffer.feed(b"\ntwo\n")
    assert buffer.skip_line() == 3 + 3 * 4 + 1
    assert buffer.take_line(None) == "two"
    assert buffer.skip_line() is None


def test_the_count_of_what_is_skipped_begins_anew_where_something_else_was_taken() -> None:
    buffer = buffer_of(b"one")
    assert buffer.skip_line() is None
    buffer.feed(b"+two\nthree\n")
    assert buffer.take_char() == "+"
    assert buffer.skip_line() == 4
    assert buffer.skip_line() == 6


def test_the_last_line_can_be_skipped_once() -> None:
    buffer = buffer_of(b"last")
    assert buffer.skip_line() is None
    buffer.feed_eof()
    flags = [buffer.missing_newline]
    assert buffer.skip_line() == 4
    assert [*flags, buffer.missing_newline] == [False, True]
    for _ in range(2):
        with pytest.raises(EndOfFile):
            buffer.skip_line()


def test_skipping_is_progress_also_in_the_middle_of_a_line() -> None:
    buffer = buffer_of(b"abc")
    counts = [buffer.taken_count]
    for data in (b"", b"def", b"\n"):
        buffer.skip_line()
        counts.append(buffer.taken_count)
        buffer.feed(data)
        buffer.skip_line()
    counts.append(buffer.taken_count)
    assert counts == [0, 1, 1, 2, 3]


def test_lines_that_were_found_ahead_are_skipped_one_by_one() -> None:
    buffer = buffer_of(b"".join(b"%d\n" % number for number in range(100)))
    coming = iter(range(100))
    for _ in range(20):
        for _ in range(2):
            assert buffer.take_line(None) == str(next(coming))
        for _, line in zip(range(2), buffer.lines_ahead, strict=False):
            assert line == str(next(coming))
        assert buffer.skip_line() == len(f"{next(coming)}\n")


# ---- Changes of format ----


@for_each_encoding
def test_the_format_can_change_where_a_line_ends_however_it_arrived(encoding: str) -> None:
    head = alphabet(encoding)[-3:] + "\n"
    raw = head.encode(encoding) + b"\xff\x00\xd8"
    for cut in range(1, len(raw)):
        buffer = InputBuffer(ExternalFormat(encoding))
        line = None
        for piece in pieces(raw, [cut]):
            buffer.feed(piece)
            line = line or buffer.take_line(None)
        assert line == head[:-1]
        buffer.change_format(ExternalFormat("latin-1"))
        assert buffer.external_format == ExternalFormat("latin-1")
        assert buffer.take_bytes(9) == b"\xff\x00\xd8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-7", "iso2022_jp"])
def test_the_format_cannot_change_within_text_that_was_decoded(encoding: str) -> None:
    buffer = buffer_of("日本".encode(encoding), encoding)
    assert buffer.take_line(None) is None
    with pytest.raises(ValueError, match=f"where a {re.escape(buffer.external_format.encoding)}"):
        buffer.change_format(ExternalFormat())
    assert buffer.take_text(2) == "日本"  # which is as it was


def test_the_format_cannot_change_within_a_character_or_behind_one_that_was_unread() -> None:
    buffer = buffer_of(b"a\0b", "utf-16-le")
    assert buffer.take_text(2) is None
    with pytest.raises(ValueError, match="where a utf-16-le/lf character ends"):
        buffer.change_format(ExternalFormat())
    assert buffer.take_char() == "a"
    with pytest.raises(ValueError, match="character ends"):
        buffer.change_format(ExternalFormat())
    buffer = buffer_of(b"a\0", "utf-16-le")
    assert buffer.take_char() == "a"
    buffer.unread_char()
    with pytest.raises(ValueError, match="character ends"):
        buffer.change_format(ExternalFormat())


def test_what_could_not_be_decoded_can_be_had_as_bytes_in_another_format() -> None:
    buffer = buffer_of(b"a\0\x00\xd8b\0", "utf-16-le")
    assert buffer.take_char() == "a"
    with pytest.raises(DecodingError):
        buffer.take_char()
    buffer.change_format(ExternalFormat("latin-1"))
    assert buffer.take_bytes(9) == b"\x00\xd8b\0"


def test_a_format_that_mixes_can_change_anywhere_and_the_search_begins_anew() -> None:
    buffer = buffer_of(b"a\rb\xe6\xbc\xa2")
    assert buffer.take_line(None) is None
    buffer.change_format(ExternalFormat("utf-8", "cr"))
    assert buffer.take_line(None) == "a"
    buffer.change_format(ExternalFormat("latin-1"))
    assert buffer.take_text(2) == "bæ"
    buffer.change_format(ExternalFormat("utf-16-le"))
    assert buffer.take_char() == "\ua2bc"


def test_the_end_of_file_is_the_same_in_all_formats() -> None:
    buffer = ended(b"ab", "utf-16-be")
    assert buffer.take_line(None) == "\u6162"
    flags = [buffer.missing_newline]
    buffer.change_format(ExternalFormat("latin-1"))
    assert [*flags, buffer.missing_newline] == [True, False]  # in this one no line was read
    with pytest.raises(EndOfFile):
        buffer.take_line(None)


@pytest.mark.parametrize(
    ("encoding", "raw", "bad"),
    [("euc_jis_2004", b"\r\x80", b"\x80"), ("utf-16-le", b"\r\0\0\xdc\0\0", b"\0\xdc\0\0")],
)
def test_a_carriage_return_before_what_is_no_text_is_read_first(
    encoding: str, raw: bytes, bad: bytes
) -> None:
    buffer = InputBuffer(ExternalFormat(encoding, "crlf"))
    buffer.feed(raw)
    buffer.feed_eof()
    assert buffer.take_char() == "\r"
    with pytest.raises(DecodingError):
        buffer.take_char()
    buffer.change_format(ExternalFormat("latin-1"))
    assert buffer.take_bytes(10) == bad


# ---- Anything at all ----


@given(
    data=st.data(),
    raw=st.binary(max_size=30),
    encoding=st.sampled_from(ENCODINGS),
    eol=st.sampled_from(EOLS),
    errors=st.sampled_from(HANDLERS),
)
@pytest.mark.slow
def test_any_bytes_can_be_read_to_their_end_around_whatever_is_no_text(
    raw: bytes, encoding: str, eol: str, errors: str, data: st.DataObject
) -> None:
    external_format = ExternalFormat(encoding, eol, errors)
    buffer = InputBuffer(external_format)
    for piece in data.draw(pieces_of(raw)):
        buffer.feed(piece)
        with contextlib.suppress(LineTooLong, DecodingError):
            buffer.take_line(3)
    buffer.feed_eof()
    for _ in range(len(raw) * 10 + 2):  # a byte may become ten characters, like \N{...}
        try:
            if buffer.take_char() == "":
                break
        except DecodingError:
            buffer.change_format(ExternalFormat("latin-1"))
            assert len(buffer.take_bytes(1)) == 1
            buffer.change_format(external_format)
    else:
        raise AssertionError("it does not come to an end")
    assert not buffer


@given(
    data=st.data(),
    raw=st.binary(max_size=20),
    encoding=st.sampled_from(ENCODINGS),
    eol=st.sampled_from(EOLS),
    errors=st.sampled_from(HANDLERS),
)
@pytest.mark.slow
def test_there_is_a_character_where_one_can_be_read_or_an_error(
    raw: bytes, encoding: str, eol: str, errors: str, data: st.DataObject
) -> None:
    buffer = InputBuffer(ExternalFormat(encoding, eol, errors))
    for piece in [*data.draw(pieces_of(raw)), None]:
        if piece is None:
            buffer.feed_eof()
        else:
            buffer.feed(piece)
        for _ in range(len(raw) * 10 + 2):
            has_char = buffer.has_char()
            try:
                char = buffer.take_char()
            except DecodingError:
                assert has_char
                return
            assert has_char is bool(char)
            if not char:
                break


class Model(RuleBasedStateMachine):
    """Does the same to a buffer and to plain bytes, of which everything is worked out anew."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = b""
        self.at_end = False
        self.last_char = b""  # the bytes of the character that can be unread
        self.skipped = 0  # bytes of a line of which more is to be skipped
        self.external_format = ExternalFormat()
        self.buffer = InputBuffer(self.external_format)

    encodings = st.sampled_from(MIXING_ENCODINGS)
    arriving = st.lists(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b"a", b"bc", "é漢".encode(), b"\xe6", b"\xbc", b"\xff", b"\x81"]
        ),
        min_size=1,
        max_size=5,
    ).map(b"".join)

    @initialize(encoding=encodings, eol=st.sampled_from(EOLS))
    def start(self, encoding: str, eol: str) -> None:
        self.external_format = ExternalFormat(encoding, eol)
        self.buffer = InputBuffer(self.external_format)

    # -- what is expected ----

    def char(self, rest: bytes) -> tuple[str, int] | None:
        """Return the first character and its size, ("", 0) at the end, None before."""
        eol = self.external_format.eol
        if eol != "lf" and rest.startswith(b"\r\n"):
            return ("\n", 2) if eol == "crlf" else ("\n", 1)
        if eol == "cr" and rest.startswith(b"\r"):
            return "\n", 1
        if eol == "crlf" and rest == b"\r" and not self.at_end:
            return None
        decoder = codecs.getincrementaldecoder(self.external_format.encoding)()
        for size in range(len(rest) + 1):
            if text := decoder.decode(rest[size - 1 : size] if size else b""):
                return text, size
        decoder.decode(b"", self.at_end)
        return ("", 0) if self.at_end and not rest else None

    def text(self, count: int) -> tuple[str, int] | None:
        text, size = "", 0
        while len(text) < count:
            unit = self.char(self.rest[size:])
            if unit is None:
                return None
            if not unit[1]:
                break
            text, size = text + unit[0], size + unit[1]
        return text, size

    def line(self, limit: int | None) -> tuple[str, int] | None:
        newline = {"lf": b"\n", "crlf": b"\r?\n", "cr": b"[\r\n]"}[self.external_format.eol]
        found = re.search(newline, self.rest)
        if found:
            end, size = found.span()
        elif self.at_end:
            if not self.rest:
                raise EndOfFile
            end = size = len(self.rest)
        else:
            waits = self.external_format.eol == "crlf" and self.rest.endswith(b"\r")
            if limit is not None and len(self.rest) - waits > limit:
                raise LineTooLong(limit)
            return None
        if limit is not None and end > limit:
            raise LineTooLong(limit)
        return self.rest[:end].decode(self.external_format.encoding), size

    def agree(
        self, take: Callable[[], str | None], expect: Callable[[], tuple[str, int] | None]
    ) -> bytes:
        """Do both, check that they agree, and return what was taken."""
        try:
            expected = expect()
        except UnicodeDecodeError:
            with pytest.raises(DecodingError):
                take()
        except (EndOfFile, LineTooLong) as error:
            with pytest.raises(type(error)):
                take()
        else:
            assert take() == (None if expected is None else expected[0])
            if expected is not None:
                return self.drop(expected[1])
        return b""

    def drop(self, size: int) -> bytes:
        taken, self.rest = self.rest[:size], self.rest[size:]
        self.last_char = b""
        self.skipped = 0  # to take nothing is to take something else, too
        return taken

    # -- what is done ----

    @precondition(lambda self: not self.at_end)
    @rule(data=arriving)
    def feed(self, data: bytes) -> None:
        self.buffer.feed(data)
        self.rest += data

    @precondition(lambda self: len(self.rest) > 8)
    @rule()
    def feed_eof(self) -> None:
        self.buffer.feed_eof()
        self.at_end = True

    @rule(limit=st.one_of(st.none(), st.integers(0, 6)))
    def take_line(self, limit: int | None) -> None:
        taken = self.agree(lambda: self.buffer.take_line(limit), lambda: self.line(limit))
        if taken:
            newlines = (b"\r", b"\n") if self.external_format.eol == "cr" else (b"\n",)
            assert self.buffer.missing_newline is not taken.endswith(newlines)

    @rule()
    def skip_line(self) -> None:
        newline = {"lf": b"\n", "crlf": b"\n", "cr": b"[\r\n]"}[self.external_format.eol]
        found = re.search(newline, self.rest)
        size = found.end() if found else len(self.rest)
        already, self.skipped = self.skipped, 0
        if found or (self.at_end and size + already):
            assert self.buffer.skip_line() == already + size
            assert self.buffer.missing_newline is (found is None)
        elif self.at_end:
            with pytest.raises(EndOfFile):
                self.buffer.skip_line()
        else:
            assert self.buffer.skip_line() is None
            self.skipped = already + size
        if size:
            self.last_char = b""
        self.rest = self.rest[size:]

    @rule()
    def take_char(self) -> None:
        before = self.last_char
        taken = self.agree(self.buffer.take_char, lambda: self.char(self.rest))
        self.last_char = taken or before  # where none was taken, all is as it was

    @rule()
    def unread_char(self) -> None:
        if self.last_char:
            self.buffer.unread_char()
            self.rest = self.last_char + self.rest
            self.last_char = b""
        else:
            with pytest.raises(ValueError, match="no character"):
                self.buffer.unread_char()

    @rule(count=st.integers(0, 8))
    def take_text(self, count: int) -> None:
        self.agree(lambda: self.buffer.take_text(count), lambda: self.text(count))

    @rule(size=st.integers(0, 4))
    def take_bytes(self, size: int) -> None:
        assert self.buffer.take_bytes(size) == self.drop(size)

    @rule(size=st.integers(0, 4))
    def take_into_and_push_back(self, size: int) -> None:
        target = bytearray(size)
        count = self.buffer.take_into(memoryview(target))
        assert target[:count] == self.rest[:size]
        self.skipped = 0
        self.buffer.push_back(memoryview(target)[:count])
        self.last_char = b""

    @rule(separator=st.sampled_from([b"a", b"\r\n", b"bc"]))
    def take_until(self, separator: bytes) -> None:
        found = self.rest.find(separator)
        if found >= 0:
            taken = self.drop(found + len(separator))
            assert self.buffer.take_until(separator, None, 0) == taken
        elif not self.at_end:
            assert isinstance(self.buffer.take_until(separator, None, 0), int)

    @rule(encoding=encodings, eol=st.sampled_from(EOLS))
    def change_format(self, encoding: str, eol: str) -> None:
        self.external_format = ExternalFormat(encoding, eol)
        self.buffer.change_format(self.external_format)
        self.last_char = b""

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.buffer) == len(self.rest)
        assert bool(self.buffer) is bool(self.rest)


TestModel = Model.TestCase
TestModel.settings = settings(stateful_step_count=40)


@pytest.mark.parametrize("errors", ["strict", "ignore"])
def test_a_last_cr_is_a_character_and_no_half_of_a_newline(errors: str) -> None:
    buffer = InputBuffer(ExternalFormat("ascii", "crlf", errors))
    buffer.feed(b"\r")
    assert not buffer.has_char()
    buffer.feed_eof()
    assert buffer.has_char()
    assert buffer.take_char() == "\r"
