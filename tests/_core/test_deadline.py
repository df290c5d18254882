"""Deadlines, on a clock that only moves when it is told to."""

import threading
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.deadline import Deadline, check_seconds, check_timeout


class Clock:
    """A clock that counts how often it is read."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return self.now


# ---- Timeouts ----


@pytest.mark.parametrize("timeout", [0, 0.0, -0.0, 1, 0.25, 3e9, 5e-324])
def test_a_number_that_is_not_negative_is_a_timeout(timeout: float) -> None:
    assert check_timeout(timeout) == timeout


@pytest.mark.parametrize(
    "timeout", [None, 4e9, 9.3e9, 1e300, float("inf"), pytest.param(10**400, id="huge")]
)
def test_what_nobody_lives_to_see_is_for_ever(timeout: float | None) -> None:
    assert check_timeout(timeout) is None
    assert Deadline(timeout, Clock()).remaining() is None


def test_what_no_clock_can_reckon_with_is_infinite() -> None:
    assert check_seconds(10**400) == float("inf")
    assert check_seconds(1e300) == 1e300


@pytest.mark.parametrize(
    "timeout",
    [-1, -0.001, -5e-324, float("-inf"), float("nan"), pytest.param(-(10**400), id="huge")],
)
def test_a_negative_timeout_is_a_value_error(timeout: float) -> None:
    with pytest.raises(ValueError, match="a timeout cannot be negative"):
        check_timeout(timeout)
    with pytest.raises(ValueError, match="a timeout cannot be negative"):
        Deadline(timeout, Clock())


@pytest.mark.parametrize(
    "timeout", [True, False, "1", b"1", "", [], (1,), 1j, Decimal(1), Fraction(1), object]
)
def test_what_is_no_number_is_a_type_error(timeout: Any) -> None:
    with pytest.raises(TypeError, match=f"or None, not {type(timeout).__name__}"):
        check_timeout(timeout)
    with pytest.raises(TypeError, match="a timeout is a number of seconds"):
        Deadline(timeout, Clock())


def test_what_is_a_limit_is_one_that_a_thread_can_wait_for() -> None:
    longest = check_timeout(3.2e9)
    assert longest is not None
    assert longest < threading.TIMEOUT_MAX


# ---- Deadlines ----


def test_the_clock_is_not_read_before_somebody_has_to_wait() -> None:
    clock = Clock()
    deadline = Deadline(5, clock)
    assert not deadline.is_immediate
    assert clock.reads == 0
    clock.now += 100  # does not count: nobody has waited
    assert deadline.remaining() == 5
    assert clock.reads == 1


def test_what_remains_is_for_all_waits_together() -> None:
    clock = Clock()
    deadline = Deadline(5, clock)
    assert deadline.remaining() == 5
    clock.now += 2
    assert deadline.remaining() == 3
    assert deadline.remaining() == 3
    clock.now += 2.5
    assert deadline.remaining() == 0.5
    clock.now += 0.5
    assert deadline.remaining() == 0
    clock.now += 100
    assert deadline.remaining() == 0


def test_without_a_limit_the_clock_is_never_read() -> None:
    clock = Clock()
    deadline = Deadline(None, clock)
    for _ in range(3):
        assert deadline.remaining() is None
    assert not deadline.is_immediate
    assert clock.reads == 0


@pytest.mark.parametrize(
    ("timeout", "immediate"), [(0, True), (0.0, True), (-0.0, True), (5e-324, False)]
)
def test_a_timeout_of_zero_is_not_to_wait_at_all(timeout: float, immediate: bool) -> None:
    deadline = Deadline(timeout, Clock())
    assert deadline.is_immediate is immediate
    assert deadline.remaining() == timeout
    assert deadline.remaining() == 0  # a clock is not that exact


@given(
    timeout=st.floats(0, 1e9),
    start=st.floats(-1e9, 1e9),
    steps=st.lists(st.floats(0, 1e8), max_size=10),
)
@pytest.mark.slow
def test_what_remains_never_grows_and_is_never_negative(
    timeout: float, start: float, steps: list[float]
) -> None:
    clock = Clock(start)
    deadline = Deadline(timeout, clock)
    left = [deadline.remaining()]
    for step in steps:
        clock.now += step
        left.append(deadline.remaining())
    seconds = [each for each in left if each is not None]
    assert len(seconds) == len(left)
    assert seconds[0] == timeout
    assert all(each >= 0 for each in seconds)
    # The first one is exact; the others are as exact as the clock.
    assert all(later <= earlier + 1e-6 for earlier, later in pairwise(seconds))


@pytest.mark.parametrize(
    ("timeout", "passed", "seconds", "left"),
    [(None, 0, 5, 5), (10, 2, 5, 5), (10, 8, 5, 2), (10, 20, 5, 0), (0, 0, 5, 0), (10, 0, 0, 0)],
)
def test_another_is_within_it(
    timeout: float | None, passed: float, seconds: float, left: float
) -> None:
    clock = Clock()
    deadline = Deadline(timeout, clock)
    deadline.remaining()
    clock.now += passed
    assert deadline.within(seconds).remaining() == left
