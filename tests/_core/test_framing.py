"""Blocks and frames: whatever pieces they come in, they are given out whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.framing import Blocks, Frames, Splitter
from trunkline.errors import FrameTooLong


def take_all(splitter: Splitter) -> list[bytes]:
    """Return all pieces that are complete."""
    taken = []
    while (piece := splitter.take()) is not None:
        taken.append(piece)
    return taken


@given(st.binary(max_size=300), st.lists(st.integers(1, 50)), st.integers(1, 70))
@pytest.mark.slow
def test_blocks_have_their_size_however_they_come(data: bytes, cuts: list[int], size: int) -> None:
    splitter = Splitter(Blocks(size))
    taken, rest = [], data
    for cut in [*cuts, len(data)]:
        splitter.feed(rest[:cut])
        rest = rest[cut:]
        taken += take_all(splitter)
    splitter.feed(rest)
    taken += take_all(splitter)
    whole = len(data) // size
    assert taken == [data[number * size : (number + 1) * size] for number in range(whole)]
    assert splitter.take_rest() == data[whole * size :]
    assert splitter.take_rest() == b""


@given(
    st.lists(st.binary(max_size=90)),
    st.integers(1, 8),
    st.sampled_from(["big", "little"]),
    st.booleans(),
    st.integers(1, 20),
)
@pytest.mark.slow
def test_frames_are_what_was_packed(
    frames: list[bytes], prefix_size: int, byte_order: Any, counts_itself: bool, cut: int
) -> None:
    form = Frames(prefix_size, byte_order, counts_itself=counts_itself)
    wire = b"".join(map(form.pack, frames))
    splitter, taken = Splitter(form), []
    for start in range(0, len(wire), cut):
        splitter.feed(wire[start : start + cut])
        taken += take_all(splitter)
    assert taken == frames
    assert splitter.take_rest() == b""


@pytest.mark.parametrize(
    ("form", "wire"),
    [
        (Frames(), b"\0\0\0\3abc"),
        (Frames(2), b"\0\3abc"),
        (Frames(2, "little"), b"\3\0abc"),
        (Frames(1, counts_itself=True), b"\4abc"),
    ],
)
def test_the_length_is_where_and_what_it_was_said_to_be(form: Frames, wire: bytes) -> None:
    assert form.pack(b"abc") == wire
    assert form.pack(memoryview(b"a-b-c-")[::2]) == wire


def test_a_frame_that_is_too_long_is_told_before_it_has_come_and_stays() -> None:
    splitter = Splitter(Frames(2, limit=10))
    splitter.feed(b"\0\2ok\0\x0b")
    assert splitter.take() == b"ok"
    for _ in range(2):
        with pytest.raises(FrameTooLong, match="a frame of 11 bytes, where 10 are the limit") as c:
            splitter.take()
        assert (c.value.size, c.value.limit) == (11, 10)
    assert splitter.take_rest() == b"\0\x0b"


def test_a_length_that_counts_itself_and_is_less_than_that_is_told() -> None:
    splitter = Splitter(Frames(4, counts_itself=True))
    splitter.feed(b"\0\0\0\3")
    with pytest.raises(FrameTooLong) as caught:
        splitter.take()
    assert caught.value.size == -1


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (Frames(1), bytes(256)),
        (Frames(1, counts_itself=True), bytes(255)),
        (Frames(limit=10), bytes(11)),
    ],
)
def test_what_no_frame_can_have_is_not_packed(form: Frames, data: bytes) -> None:
    with pytest.raises(ValueError, match=r"at most|cannot say"):
        form.pack(data)


def test_a_frame_is_bytes() -> None:
    with pytest.raises(TypeError, match="a frame is bytes, not str"):
        Frames().pack("text")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Blocks(0), ValueError),
        (lambda: Blocks(-1), ValueError),
        (lambda: Blocks(True), TypeError),
        (lambda: Blocks(1.5), TypeError),  # type: ignore[arg-type]
        (lambda: Frames(0), ValueError),
        (lambda: Frames(9), ValueError),
        (lambda: Frames("4"), TypeError),  # type: ignore[arg-type]
        (lambda: Frames(byte_order="network"), ValueError),  # type: ignore[arg-type]
        (lambda: Frames(limit=0), ValueError),
        (lambda: Frames(limit=None), TypeError),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_is_refused_at_once(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


@pytest.mark.slow
def test_much_that_waits_is_not_moved_again_and_again() -> None:
    splitter = Splitter(Blocks(1))
    splitter.feed(bytes(300_000))
    assert len(take_all(splitter)) == 300_000
    splitter = Splitter(Frames(limit=1_000_000))
    wire = Frames(limit=1_000_000).pack(bytes(1_000_000))
    for start in range(0, len(wire), 10):
        assert splitter.take() is None
        splitter.feed(wire[start : start + 10])
    assert splitter.take() == bytes(1_000_000)
