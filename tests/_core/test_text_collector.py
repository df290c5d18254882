"""Text that is put together piece by piece is the text that the whole would have been."""

import pytest
from _core.helpers import ENCODINGS, EOLS, byte_by_byte, pieces_of, text_as_read, texts
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.external_format import ExternalFormat
from trunkline._core.input_buffer import InputBuffer
from trunkline._core.text_collector import TextCollector
from trunkline.errors import DecodingError


def collect_all(external_format: ExternalFormat, arriving: list[bytes]) -> str:
    collector = TextCollector(external_format)
    text = "".join(map(collector.collect, arriving))
    return text + collector.collect(b"", final=True)


@given(st.data(), st.sampled_from(ENCODINGS), st.sampled_from(EOLS))
@pytest.mark.slow
def test_any_text_in_any_pieces(data: st.DataObject, encoding: str, eol: str) -> None:
    text = data.draw(texts(encoding))
    arriving = data.draw(pieces_of(text.encode(encoding)))
    expected = text_as_read(text, eol)
    assert collect_all(ExternalFormat(encoding, eol), arriving) == expected


@given(
    st.data(),
    # In the others, what Python makes of malformed bytes depends on how they are cut.
    st.sampled_from([each for each in ENCODINGS if not each.startswith(("iso2022", "hz"))]),
    st.sampled_from(EOLS),
    st.sampled_from(("replace", "ignore", "backslashreplace", "surrogateescape")),
    st.binary(max_size=30),
)
@pytest.mark.slow
def test_bytes_that_are_made_good(
    data: st.DataObject, encoding: str, eol: str, errors: str, sent: bytes
) -> None:
    external_format = ExternalFormat(encoding, eol, errors)
    arriving = data.draw(pieces_of(sent))
    buffer = InputBuffer(external_format)
    buffer.feed(sent)
    buffer.feed_eof()
    try:
        expected = buffer.take_text(1000)
    except DecodingError:
        return  # not everything can be made good
    assert collect_all(external_format, arriving) == expected


@given(st.data(), st.sampled_from(ENCODINGS), st.sampled_from(EOLS), st.binary(max_size=30))
@pytest.mark.slow
def test_any_bytes_are_text_or_an_error_of_ours(
    data: st.DataObject, encoding: str, eol: str, sent: bytes
) -> None:
    collector = TextCollector(ExternalFormat(encoding, eol))
    for piece in (*data.draw(pieces_of(sent)), None):
        try:
            collector.collect(piece or b"", final=piece is None)
        except DecodingError:
            break


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_missing_byte_order_mark_is_an_error_of_ours(encoding: str) -> None:
    collector = TextCollector(ExternalFormat(encoding))
    with pytest.raises(DecodingError):
        collector.collect(b"no byte order mark")
    assert collector.unread() == b""


def test_nothing_of_a_malformed_piece_is_taken() -> None:
    collector = TextCollector(ExternalFormat("utf-8", "crlf"))
    assert collector.collect(b"a\r") == "a"
    for _ in range(2):
        with pytest.raises(DecodingError) as caught:
            collector.collect(b"b\xff")
        assert caught.value.object == b"b\xff"
    assert collector.collect(b"\nc\xc3") == "\nc"
    with pytest.raises(DecodingError):
        collector.collect(b"x")
    assert collector.collect(b"\xa9") == "é"


def test_the_end_in_the_middle_of_a_character_is_malformed() -> None:
    collector = TextCollector(ExternalFormat())
    assert collector.collect(b"a\xe6\x97") == "a"
    with pytest.raises(DecodingError):
        collector.collect(b"", final=True)
    assert collector.unread() == b"\xe6\x97"


@pytest.mark.parametrize(
    ("data", "text", "rest"),
    [
        (b"a\xe6\x97", "a", b"\xe6\x97"),
        (b"a\r", "a", b"\r"),
        (b"a\r\xe6", "a", b"\r\xe6"),
        (b"a\r\n", "a\n", b""),
        (b"a\r\r", "a\r", b"\r"),
    ],
)
def test_what_waits_can_be_had_as_bytes(data: bytes, text: str, rest: bytes) -> None:
    for arriving in ([data], byte_by_byte(data)):
        collector = TextCollector(ExternalFormat("utf-8", "crlf"))
        assert "".join(map(collector.collect, arriving)) == text
        assert collector.unread() == rest
        assert collector.unread() == b""
        assert collector.collect(b"new") == "new"


def test_a_carriage_return_of_another_encoding_cannot() -> None:
    collector = TextCollector(ExternalFormat("utf-16-le", "crlf"))
    assert collector.collect("a\r".encode("utf-16-le")) == "a"
    with pytest.raises(ValueError, match="decoded"):
        collector.unread()
    assert collector.collect("\n".encode("utf-16-le")) == "\n"
    assert collector.unread() == b""


@pytest.mark.parametrize(
    ("eol", "text"), [("lf", "a\r\nb\rc\r"), ("crlf", "a\nb\rc\r"), ("cr", "a\n\nb\nc\n")]
)
def test_newlines_are_translated_wherever_they_are_cut(eol: str, text: str) -> None:
    data = b"a\r\nb\rc\r"
    for arriving in ([data], byte_by_byte(data)):
        assert collect_all(ExternalFormat("utf-8", eol), arriving) == text


def test_several_errors_at_the_very_end_are_all_made_good() -> None:
    sent = b"\n\xc3\xfe\xff0{"
    expected = sent.decode("gb18030", "surrogateescape")
    assert collect_all(ExternalFormat("gb18030", "lf", "surrogateescape"), [sent]) == expected
