"""External formats: what they are made of, what they refuse, and which of them mix with bytes."""

import codecs
import copy
import pickle
from typing import Any

import pytest
from _core.helpers import ENCODINGS, EOLS, for_each_encoding

from trunkline._core.external_format import (
    ExternalFormat,
    decoding_errors,
    ensure_external_format,
    is_composing,
)

# ---- What they are made of ----


def test_the_default_is_utf_8_with_line_feeds_and_strict() -> None:
    external_format = ExternalFormat()
    assert (external_format.encoding, external_format.eol) == ("utf-8", "lf")
    assert external_format.errors == "strict"


@pytest.mark.parametrize(
    ("text", "encoding", "eol"),
    [
        ("utf-8", "utf-8", "lf"),
        ("utf-8/lf", "utf-8", "lf"),
        ("utf-8/crlf", "utf-8", "crlf"),
        ("utf-8/cr", "utf-8", "cr"),
        ("UTF8/crlf", "utf-8", "crlf"),
        ("latin-1", "iso8859-1", "lf"),
        ("Latin_1/cr", "iso8859-1", "cr"),
        ("utf-16-le/crlf", "utf-16-le", "crlf"),
        ("cp037", "cp037", "lf"),
    ],
)
def test_text_stands_for_a_format_and_names_are_normalized(
    text: str, encoding: str, eol: str
) -> None:
    found = ensure_external_format(text)
    assert (found.encoding, found.eol, found.errors) == (encoding, eol, "strict")
    assert found == ExternalFormat(encoding, eol)


def test_a_format_stands_for_itself() -> None:
    external_format = ExternalFormat("utf-16", errors="replace")
    assert ensure_external_format(external_format) is external_format


def test_its_text_makes_the_same_format_again() -> None:
    for encoding in ENCODINGS:
        for eol in EOLS:
            external_format = ExternalFormat(encoding, eol)
            assert ensure_external_format(str(external_format)) == external_format


def test_its_repr_makes_the_same_format_again_with_its_error_handler() -> None:
    for external_format in (ExternalFormat("latin-1", "crlf"), ExternalFormat(errors="ignore")):
        assert eval(repr(external_format)) == external_format
    assert repr(ExternalFormat()) == "ExternalFormat('utf-8', eol='lf')"
    assert repr(ExternalFormat(errors="ignore")).endswith("eol='lf', errors='ignore')")


def test_equal_formats_are_those_with_the_same_three_parts() -> None:
    one = ExternalFormat("UTF8", "crlf")
    assert one == ExternalFormat("utf-8", "crlf", "strict")
    assert hash(one) == hash(ExternalFormat("utf-8", "crlf", "strict"))
    assert one != ExternalFormat("utf-8", "lf")
    assert one != ExternalFormat("latin-1", "crlf")
    assert one != ExternalFormat("utf-8", "crlf", "replace")
    assert one != "utf-8/crlf"
    assert len({one, ExternalFormat("utf8", eol="crlf"), ExternalFormat("utf8")}) == 2


@pytest.mark.parametrize(
    "external_format",
    [ExternalFormat(), ExternalFormat("utf-16", "crlf", "replace"), ExternalFormat("gbk", "cr")],
)
def test_formats_survive_pickling_and_copying(external_format: ExternalFormat) -> None:
    for twin in (
        pickle.loads(pickle.dumps(external_format)),
        copy.copy(external_format),
        copy.deepcopy(external_format),
    ):
        assert twin == external_format
        assert twin.mixes_with_bytes == external_format.mixes_with_bytes


@pytest.mark.parametrize("name", ["encoding", "eol", "errors", "mixes_with_bytes", "anything"])
def test_formats_are_immutable(name: str) -> None:
    external_format = ExternalFormat("utf-8", "crlf")
    with pytest.raises(AttributeError, match="immutable"):
        setattr(external_format, name, "x")
    with pytest.raises(AttributeError, match="immutable"):
        delattr(external_format, name)
    assert external_format == ExternalFormat("utf-8", "crlf")


# ---- What they refuse ----


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no-such-encoding",), "no such encoding: 'no-such-encoding'"),
        (("",), "no such encoding: ''"),
        (("utf-8\0",), "no such encoding"),
        (("\udcff",), "no such encoding"),
        (("hex",), "not an encoding of text"),
        (("rot13",), "not an encoding of text"),
        (("zlib",), "not an encoding of text"),
        (("idna",), "piece by piece"),
        (("punycode",), "piece by piece"),
        (("undefined",), "piece by piece"),
        (("utf-8", "LF"), "eol is one of lf, crlf, cr, not 'LF'"),
        (("utf-8", ""), "eol is one of"),
        (("utf-8", "lfcr"), "eol is one of"),
        (("utf-8", "\r\n"), "eol is one of"),
        (("utf-8", "lf", "no-such-handler"), "no such error handler: 'no-such-handler'"),
        (("utf-8", "lf", ""), "no such error handler"),
    ],
)
def test_what_does_not_exist_is_a_value_error_that_names_it(
    arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ExternalFormat(*arguments)


@pytest.mark.parametrize(
    "text", ["", "/", "/crlf", "utf-8/", "utf-8/crlf/", "utf-8/crlf/strict", "utf-8/ crlf", "x/lf"]
)
def test_text_that_is_no_format_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"no such encoding|eol is one of"):
        ensure_external_format(text)


@pytest.mark.parametrize("position", range(3))
@pytest.mark.parametrize("value", [None, 8, b"utf-8", ["lf"], ExternalFormat()])
def test_parts_that_are_not_text_are_a_type_error(position: int, value: Any) -> None:
    arguments: list[Any] = ["utf-8", "lf", "strict"]
    arguments[position] = value
    with pytest.raises(TypeError, match=r"(encoding|eol|errors) is a string, not \w+"):
        ExternalFormat(*arguments)


@pytest.mark.parametrize("value", [None, 8, b"utf-8", ("utf-8", "lf"), ["utf-8"]])
def test_what_is_neither_a_format_nor_text_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(value).__name__}"):
        ensure_external_format(value)


def test_an_encoding_without_incremental_codecs_is_refused() -> None:
    utf_8 = codecs.lookup("utf-8")
    name = "trunkline-test-whole-only"

    def search(wanted: str) -> codecs.CodecInfo | None:
        if wanted.replace("_", "-") != name:
            return None
        return codecs.CodecInfo(utf_8.encode, utf_8.decode, name=name)

    codecs.register(search)
    try:
        with pytest.raises(ValueError, match="piece by piece"):
            ExternalFormat(name)
    finally:
        codecs.unregister(search)


# ---- Which of them mix with bytes ----


@pytest.mark.parametrize(
    ("encoding", "mixes"),
    [
        ("ascii", True),
        ("utf-8", True),
        ("latin-1", True),
        ("iso8859-15", True),
        ("cp1252", True),
        ("koi8-r", True),
        ("mac-roman", True),
        ("gbk", True),
        ("gb18030", True),
        ("big5", True),
        ("shift_jis", True),
        ("cp932", True),
        ("euc_jp", True),
        ("euc_kr", True),
        ("utf-8-sig", False),  # a mark at the start
        ("utf-16", False),
        ("utf-16-le", False),  # ASCII has two bytes
        ("utf-32-be", False),
        ("utf-7", False),  # state
        ("iso2022_jp", False),
        ("iso2022_kr", False),
        ("hz", False),
        ("cp037", False),  # EBCDIC
        ("cp500", False),
        ("cp864", False),  # ASCII but for the per cent sign
        ("big5hkscs", False),  # two characters of one unit
        ("shift_jis_2004", False),
        ("euc_jis_2004", False),
        ("unicode_escape", False),
    ],
)
def test_strict_formats_mix_with_bytes_if_they_have_no_state_and_leave_ascii_alone(
    encoding: str, mixes: bool
) -> None:
    assert ExternalFormat(encoding).mixes_with_bytes is mixes
    assert ExternalFormat(encoding, "crlf").mixes_with_bytes is mixes


@pytest.mark.parametrize(
    ("encoding", "errors", "mixes"),
    [
        ("utf-8", "replace", True),
        ("latin-1", "replace", True),
        ("cp1252", "replace", True),
        ("gb18030", "replace", False),  # how many malformed bytes become one is not known
        ("utf-8", "ignore", False),  # ignored bytes belong to no character
        ("cp1252", "ignore", False),
        ("utf-8", "surrogateescape", False),  # three malformed bytes are three characters
        ("utf-8", "surrogatepass", False),
        ("utf-8", "backslashreplace", False),
        ("latin-1", "backslashreplace", False),
        ("utf-8", "xmlcharrefreplace", True),  # which is strict when decoding
        ("utf-16", "xmlcharrefreplace", False),
    ],
)
def test_lenient_formats_mix_with_bytes_where_each_malformed_one_is_one_character(
    encoding: str, errors: str, mixes: bool
) -> None:
    assert ExternalFormat(encoding, errors=errors).mixes_with_bytes is mixes


@pytest.mark.parametrize(
    "encoding", [name for name in ENCODINGS if ExternalFormat(name).mixes_with_bytes]
)
def test_where_text_mixes_with_bytes_no_character_contains_a_newline_s_byte(encoding: str) -> None:
    everything = "".join(map(chr, range(0x80, 0x30000)))
    data = everything.encode(encoding, "ignore")
    assert data or encoding == "ascii"
    assert not {*b"\n\r"} & {*data}


# ---- What readers and writers ask ----


@pytest.mark.parametrize("errors", ["xmlcharrefreplace", "namereplace"])
def test_a_handler_for_encoding_only_is_strict_when_decoding(errors: str) -> None:
    assert decoding_errors(ExternalFormat(errors=errors)) == "strict"


@pytest.mark.parametrize("errors", ["strict", "ignore", "replace", "surrogateescape"])
def test_other_handlers_are_for_decoding_too(errors: str) -> None:
    assert decoding_errors(ExternalFormat(errors=errors)) == errors


@for_each_encoding
def test_the_encodings_that_compose_are_those_whose_encoder_waits(encoding: str) -> None:
    external_format = ExternalFormat(encoding)
    waits = False
    for char in "\xca\u304b":  # each might be followed by a combining character
        encoder = codecs.getincrementalencoder(external_format.encoding)("ignore")
        encoder.encode("a")
        now = encoder.encode(char)
        waits |= not now and bool(encoder.encode("a")[1:])
    assert is_composing(external_format.encoding) is waits
