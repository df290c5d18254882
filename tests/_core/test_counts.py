"""Checking a number of things."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from trunkline._core.counts import check_count

HUGE = 10**5000  # which Python refuses to print


@pytest.mark.parametrize("count", [1, 2, pytest.param(HUGE, id="huge")])
def test_what_is_enough_is_returned(count: int) -> None:
    assert check_count("size", count) is count


@pytest.mark.parametrize(
    "count", [True, 1.0, float("nan"), float("inf"), "5", b"5", [], None, Decimal(5), Fraction(5)]
)
def test_only_an_integer_will_do(count: Any) -> None:
    with pytest.raises(TypeError, match=rf"^size is an integer, not {type(count).__name__}$"):
        check_count("size", count)


@pytest.mark.parametrize(
    ("count", "bounds", "told"),
    [
        (0, {}, "at least 1, not 0"),
        (-1, {"least": 0}, "at least 0, not -1"),
        (4, {"most": 3}, "from 1 to 3, not 4"),
        (0, {"most": 3}, "from 1 to 3, not 0"),
        pytest.param(HUGE, {"most": 3}, "from 1 to 3, not one of that size", id="huge"),
        pytest.param(-HUGE, {}, "at least 1, not one of that size", id="hugely negative"),
    ],
)
def test_one_out_of_bounds_is_told_them(count: int, bounds: Any, told: str) -> None:
    with pytest.raises(ValueError, match=rf"^size is {told}$"):
        check_count("size", count, **bounds)
