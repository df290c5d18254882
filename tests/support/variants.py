"""Which variants of a test are run: few for a quick look, some in the suite, the rest in thorough.

Most tests have many, one for each format, backend or kind of peer. ``--variants N`` runs N of each.
Without it the suite runs `SOME` of each test, or `SOME_SLOW` of one that is marked `slow`, and all
others are marked `thorough`. They are the same ones each time, and lie apart, since neighbours are
much alike.
"""

from collections.abc import Generator, Sequence
from typing import TypeVar

import pytest

OPTION = "--variants"

SOME, SOME_SLOW = 8, 3

T = TypeVar("T")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the option."""
    parser.addoption(OPTION, type=int, metavar="N", help="run N variants of each test at most")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> Generator[None]:
    """Leave out what there is too much of.

    What is not for everyone's eyes is changed here, because to leave out the tests when they are
    made takes each process that runs tests seconds longer, and there are several.
    """
    yield
    most = metafunc.config.getoption(OPTION)
    calls = metafunc._calls
    if most is not None:
        calls[:] = apart(calls, most)
        return
    is_slow = metafunc.definition.get_closest_marker("slow") is not None
    usual = [call for call in calls if all(mark.name != "thorough" for mark in call.marks)]
    some = list(map(id, apart(usual, SOME_SLOW if is_slow else SOME)))
    for call in usual:
        if id(call) not in some:
            call.marks.append(pytest.mark.thorough.mark)


def apart(things: Sequence[T], most: int) -> Sequence[T]:
    """Return so many of them at most, which lie as far from each other as they can."""
    if len(things) <= most:
        return things
    return [things[place * len(things) // most] for place in range(most)]
