"""The comparisons that the tests of the tutorial's programs rest on find what they are for."""

from datetime import datetime, timedelta

import pytest
from support.tutorial import assert_interleaved, assert_is_the_time, daytime_text, time_in_zone

ONE = ["a\n", "b...", "c\n"]
OTHER = ["x\n", "y\n"]


@pytest.mark.parametrize(
    "output",
    [
        "a\nb...c\nx\ny\n",
        "x\ny\na\nb...c\n",
        "a\nb...x\nc\ny\n",
    ],
)
def test_an_interleaving_is_recognized(output: str) -> None:
    assert_interleaved(output, ONE, OTHER)


@pytest.mark.parametrize(
    "output",
    [
        pytest.param("a\nb...c\nx\n", id="something is missing"),
        pytest.param("a\nb...c\nx\ny\nz\n", id="something more at the end"),
        pytest.param("a\nz\nb...c\nx\ny\n", id="something more in the middle"),
        pytest.param("a\nb...c\ny\nx\n", id="another order"),
        pytest.param("a\nb.x\n..c\ny\n", id="within a piece"),
        pytest.param("a\nb...c\nx\ny", id="no newline"),
        pytest.param("ax\n\nb...c\ny\n", id="a newline apart from its line"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_no_interleaving_is_shown(output: str) -> None:
    with pytest.raises(pytest.fail.Exception, match="unexpected after"):
        assert_interleaved(output, ONE, OTHER)


def test_the_time_is_recognized() -> None:
    now = time_in_zone()
    assert_is_the_time(daytime_text(now), now)
    assert_is_the_time("2/3/2010 4:5:6", datetime(2010, 2, 3, 4, 5, 6))


@pytest.mark.parametrize(
    "offset",
    [
        pytest.param(timedelta(hours=-5, minutes=-45), id="UTC"),
        pytest.param(timedelta(minutes=-1), id="too early"),
        pytest.param(timedelta(minutes=2), id="too late"),
    ],
)
def test_another_time_is_refused(offset: timedelta) -> None:
    now = time_in_zone()
    with pytest.raises(AssertionError):
        assert_is_the_time(daytime_text(now + offset), now)


@pytest.mark.parametrize(
    "text",
    [
        "02/3/2010 4:5:6",
        "2/3/2010 4:5:06",
        "2/3/2010 4:5:6\r",
        "2/3/2010 04:05",
        "2/3/10 4:5:6",
        "",
    ],
)
def test_a_time_that_looks_different_is_refused(text: str) -> None:
    with pytest.raises(AssertionError):
        assert_is_the_time(text, datetime(2010, 2, 3))
