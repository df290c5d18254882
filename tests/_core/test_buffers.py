"""Objects that have bytes: what is taken, and what is said of the others."""

import array
from typing import Any

import pytest

from trunkline._core.buffers import bytes_of, space_in


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"abc", b"abc"),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (memoryview(b"abc")[::-1], b"cba"),
        (memoryview(b"abcdef").cast("B", (2, 3)), b"abcdef"),
        (array.array("H", [0x6161, 0x6262]), b"aabb"),
        (memoryview(b"")[::2], b""),
        (array.array("i"), b""),
    ],
)
def test_the_bytes_of_an_object_are_those_that_it_shows(data: Any, expected: bytes) -> None:
    assert bytes_of(data) == expected
    assert bytes_of(data).format == "B"


@pytest.mark.parametrize("data", ["text", 3, None, [1, 2], 1.5])
def test_what_has_no_bytes_is_called_what_it_is(data: Any) -> None:
    with pytest.raises(TypeError, match=rf"^a separator is bytes, not {type(data).__name__}$"):
        bytes_of(data, "a separator is")


def test_a_buffer_is_filled_through_a_view_of_its_bytes() -> None:
    numbers = array.array("H", [0, 0])
    with space_in(numbers) as view:
        view[:] = b"aabb"
    assert numbers.tobytes() == b"aabb"
    assert len(space_in(bytearray())) == 0


@pytest.mark.parametrize(
    ("buffer", "error", "message"),
    [
        (5, TypeError, "a buffer, not int"),
        ("text", TypeError, "a buffer, not str"),
        (None, TypeError, "a buffer, not NoneType"),
        (b"abc", TypeError, "that can be changed, like a bytearray, not bytes"),
        (memoryview(b"abc"), TypeError, "that can be changed, like a bytearray, not memoryview"),
        (memoryview(bytearray(8))[::2], ValueError, "a buffer with gaps"),
    ],
)
def test_what_cannot_be_filled_is_told_why(
    buffer: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        space_in(buffer)
