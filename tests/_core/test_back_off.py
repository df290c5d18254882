"""Delays that grow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.back_off import BackOff


def test_each_delay_is_longer_than_the_one_before_until_the_last() -> None:
    back_off = BackOff(first=1, factor=2, last=5)
    assert [back_off.next_delay() for _ in range(5)] == [1, 2, 4, 5, 5]


def test_after_a_success_it_begins_anew() -> None:
    back_off = BackOff(first=1, factor=3, last=100)
    assert [back_off.next_delay() for _ in range(3)] == [1, 3, 9]
    back_off.reset()
    assert [back_off.next_delay() for _ in range(2)] == [1, 3]


@pytest.mark.parametrize(("first", "last"), [(5, 5), (9, 5)])
def test_no_delay_is_longer_than_the_last_not_even_the_first(first: float, last: float) -> None:
    back_off = BackOff(first=first, factor=2, last=last)
    assert [back_off.next_delay() for _ in range(3)] == [last, last, last]


@given(
    first=st.floats(0.001, 1),
    factor=st.floats(1, 10),
    last=st.floats(1, 60),
    failures=st.integers(1, 400),
)
@pytest.mark.slow
def test_delays_grow_and_stay_within_their_bounds(
    first: float, factor: float, last: float, failures: int
) -> None:
    back_off = BackOff(first, factor, last)
    delays = [back_off.next_delay() for _ in range(failures)]
    assert delays == sorted(delays)
    assert delays[0] == first
    assert max(delays) <= last
