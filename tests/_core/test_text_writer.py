"""Text writers: what text becomes on the wire, piece by piece, and that it can be read again."""

import codecs

import pytest
from _core.helpers import (
    EOLS,
    NEWLINES,
    Reading,
    all_chars,
    alphabet,
    for_each_encoding,
    pieces_of,
    texts,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline._core.external_format import ExternalFormat
from trunkline._core.text_writer import TextWriter


def written(encoding: str, eol: str, *texts: str, errors: str = "strict") -> bytes:
    """Write some pieces of text, and finish."""
    writer = TextWriter(ExternalFormat(encoding, eol, errors))
    return b"".join([*map(writer.encode, texts), writer.finish()])


@pytest.mark.parametrize(
    ("eol", "text", "data"),
    [
        ("lf", "a\nb\n", b"a\nb\n"),
        ("crlf", "a\nb\n", b"a\r\nb\r\n"),
        ("cr", "a\nb\n", b"a\rb\r"),
        ("lf", "a\r\nb\r", b"a\r\nb\r"),
        ("crlf", "a\r\nb\r", b"a\r\r\nb\r"),
        ("cr", "a\r\nb\r", b"a\r\rb\r"),
        ("crlf", "", b""),
        ("crlf", "\n\n", b"\r\n\r\n"),
        ("crlf", "\x85\x0b\x0c\u2028", "\x85\x0b\x0c\u2028".encode()),
    ],
)
def test_only_line_feeds_become_newlines(eol: str, text: str, data: bytes) -> None:
    assert written("utf-8", eol, text) == data
    assert written("utf-16-le", eol, text) == data.decode().encode("utf-16-le")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_is_written_once_and_before_any_text(encoding: str) -> None:
    assert written(encoding, "lf", "a", "", "bc\n") == "abc\n".encode(encoding)
    writer = TextWriter(ExternalFormat(encoding))
    assert writer.encode("a") == "a".encode(encoding)
    assert writer.encode("a") == "aa".encode(encoding)[len("a".encode(encoding)) :]


@for_each_encoding
@settings(max_examples=20)
@given(data=st.data(), eol=st.sampled_from(EOLS))
@pytest.mark.slow
def test_what_is_written_in_pieces_is_read_again_however_it_arrives(
    encoding: str, eol: str, data: st.DataObject
) -> None:
    # A CR before a newline, or a lone LF in a format that has none, would become another newline.
    text = data.draw(texts(encoding, newlines="\n"))
    cut = data.draw(st.integers(0, len(text)))
    raw = written(encoding, eol, text[:cut], text[cut:])
    assert "".join(all_chars(Reading(encoding, eol), data.draw(pieces_of(raw)))) == text


@for_each_encoding
def test_all_that_a_piece_says_is_in_its_bytes(encoding: str) -> None:
    writer = TextWriter(ExternalFormat(encoding))
    decoder = codecs.getincrementaldecoder(encoding)()
    for char in alphabet(encoding) * 2:
        assert decoder.decode(writer.encode(char)) == char


@for_each_encoding
def test_what_cannot_be_written_leaves_everything_as_it_was(encoding: str) -> None:
    before, after = "日本 a" if "日" in alphabet(encoding) else "a", "b\n"
    writer = TextWriter(ExternalFormat(encoding))
    data = writer.encode(before)
    for impossible in (f"x{before}\ud800", f"{before}\udfff{before}"):
        if encoding == "utf-7":  # It writes anything.
            break
        with pytest.raises(UnicodeEncodeError):
            writer.encode(impossible)
    data += writer.encode(after) + writer.finish()
    assert data == written(encoding, "lf", before, after)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_an_error_in_the_first_piece_does_not_eat_the_byte_order_mark(encoding: str) -> None:
    writer = TextWriter(ExternalFormat(encoding))
    with pytest.raises(UnicodeEncodeError):
        writer.encode("\ud800")
    assert writer.encode("a") == "a".encode(encoding)


@pytest.mark.parametrize(
    ("encoding", "errors", "data"),
    [
        ("ascii", "replace", b"a?b"),
        ("ascii", "ignore", b"ab"),
        ("latin-1", "xmlcharrefreplace", b"a&#28450;b"),
        ("cp1252", "namereplace", rb"a\N{CJK UNIFIED IDEOGRAPH-6F22}b"),
        ("ascii", "backslashreplace", rb"a\u6f22b"),
        ("cp037", "replace", "a?b".encode("cp037")),
        ("iso2022_kr", "replace", "a漢b".encode("iso2022_kr")),
    ],
)
def test_the_error_handler_says_what_becomes_of_what_cannot_be_written(
    encoding: str, errors: str, data: bytes
) -> None:
    assert written(encoding, "lf", "a漢b", errors=errors) == data


def test_undecodable_bytes_make_the_round_trip_where_that_was_asked_for() -> None:
    raw = b"a\xff\xe6\xbc\r\n"
    text = "".join(all_chars(Reading("utf-8", "crlf", "surrogateescape"), [raw]))
    assert written("utf-8", "crlf", text, errors="surrogateescape") == raw


@pytest.mark.parametrize("encoding", ["iso2022_jp", "iso2022_jp_2004", "hz"])
def test_finishing_brings_an_encoding_back_to_where_it_began(encoding: str) -> None:
    external_format = ExternalFormat(encoding)
    writer = TextWriter(external_format)
    data = writer.encode("日") + writer.finish()
    assert (data + b"ascii").decode(encoding) == "日ascii"
    assert writer.finish() == b""


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "cp037"])
def test_finishing_an_encoding_without_state_writes_nothing(encoding: str) -> None:
    writer = TextWriter(ExternalFormat(encoding))
    assert writer.encode("a")
    assert writer.finish() == b""


@for_each_encoding
def test_finishing_text_that_there_has_not_been_writes_nothing(encoding: str) -> None:
    writer = TextWriter(ExternalFormat(encoding))
    assert writer.finish() == b""
    assert writer.encode("a") == "a".encode(encoding)  # with its byte order mark


@pytest.mark.parametrize("eol", EOLS)
def test_a_long_line_has_one_newline_at_its_end(eol: str) -> None:
    data = written("utf-8", eol, "x" * 100_000 + "\n")
    assert data == b"x" * 100_000 + NEWLINES[eol].encode()
