"""Bytes on their way out."""

import pytest

from trunkline._core.unsent import Unsent


def test_they_leave_in_order_as_fast_as_they_are_taken() -> None:
    unsent = Unsent(b"abcdef")
    taken: list[bytes] = []

    def take(data: memoryview, most: int) -> int:
        taken.append(bytes(data[:most]))
        return len(taken[-1])

    assert [unsent.send(take, 4), len(unsent)] == [4, 2]
    assert [unsent.send(take, 4), len(unsent)] == [2, 0]
    unsent.refill(lambda: b"gh")
    assert [unsent.send(take, 0), unsent.send(take, 9), len(unsent)] == [0, 2, 0]
    assert b"".join(taken) == b"abcdefgh"


def test_who_fails_has_taken_nothing() -> None:
    unsent = Unsent(b"abc")

    def fail(data: memoryview) -> int:
        raise BlockingIOError

    with pytest.raises(BlockingIOError):
        unsent.send(fail)
    assert len(unsent) == 3


def test_they_can_be_dropped() -> None:
    unsent = Unsent(b"abc")
    unsent.clear()
    assert not unsent
