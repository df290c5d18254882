"""Bytes that are whole lines are these lines, however a build finds them."""

from typing import Any

import pytest
from _core.helpers import EOLS, MIXING_ENCODINGS, NEWLINES, lines_of, texts
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.decoded_lines import decoded_lines
from trunkline._core.newlines import Eol

eols = st.sampled_from(EOLS)


@given(st.data(), st.sampled_from(MIXING_ENCODINGS), eols, st.booleans())
def test_they_are_the_lines_of_the_text(
    data: st.DataObject, encoding: str, eol: Eol, is_growing: bool
) -> None:
    before, text, behind = (data.draw(texts(encoding)) for _ in range(3))
    lines = [line for line, _ in lines_of(text + NEWLINES[eol], eol)]
    first, middle = before.encode(encoding), (text + NEWLINES[eol]).encode(encoding)
    whole = first + middle + behind.encode(encoding)
    kept = bytearray(whole) if is_growing else whole
    start, end = len(first), len(first) + len(middle)
    assert decoded_lines(kept, start, end, encoding, "strict", eol) == lines


@given(st.binary(max_size=20), eols, st.sampled_from(("strict", "replace", "ignore")))
def test_what_is_no_text_is_treated_as_asked_for(data: bytes, eol: Eol, errors: str) -> None:
    data += NEWLINES[eol].encode()
    try:
        text = data.decode("utf-8", errors)
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            decoded_lines(data, 0, len(data), "utf-8", errors, eol)
    else:
        lines = [line for line, _ in lines_of(text, eol)]
        assert decoded_lines(data, 0, len(data), "utf-8", errors, eol) == lines


def test_the_carriage_return_of_the_line_before_is_not_taken() -> None:
    # It lies before the first of the bytes that are asked for.
    assert decoded_lines(b"a\r\nb\r\n", 2, 6, "utf-8", "strict", "crlf") == ["", "b"]


def test_bytes_that_grow_may_grow_again() -> None:
    data = bytearray(b"one\ntwo\xff\n")
    assert decoded_lines(data, 0, 4, "utf-8", "strict", "lf") == ["one"]
    with pytest.raises(UnicodeDecodeError):
        decoded_lines(data, 0, len(data), "utf-8", "strict", "lf")
    data += b"more"


WRONG: tuple[object, ...] = (object(), b"bytes", 1.5, [], "\0")


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("wrong", [*WRONG, None, 2**70])
def test_what_is_wrong_is_an_error(place: int, wrong: Any) -> None:
    arguments: list[Any] = [b"one\n", 0, 4, "utf-8", "strict", "lf"]
    arguments[place] = wrong
    if (place == 0 and type(wrong) is bytes) or (place in (1, 2) and wrong not in WRONG):
        return  # it is none, or means something where slices are made
    with pytest.raises((AttributeError, LookupError, OverflowError, TypeError, ValueError)):
        decoded_lines(*arguments)
