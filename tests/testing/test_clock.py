"""A clock that stands still until it is told to go on."""

import math

import pytest

from trunkline.testing.clock import ManualClock


def test_a_clock_stands_still() -> None:
    clock = ManualClock()
    assert [clock(), clock()] == [0.0, 0.0]


def test_a_clock_begins_where_it_is_told_to() -> None:
    assert ManualClock(5.5)() == 5.5


def test_time_passes_by_hand() -> None:
    clock = ManualClock(1.0)
    clock.advance(0.25)
    clock.advance(0)
    assert clock() == 1.25


@pytest.mark.parametrize("seconds", [-0.5, math.nan])
def test_a_clock_does_not_go_backwards(seconds: float) -> None:
    clock = ManualClock(1.0)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(seconds)
    assert clock() == 1.0


def test_a_clock_shows_its_time() -> None:
    assert repr(ManualClock(2.0)) == "<ManualClock at 2.0>"
