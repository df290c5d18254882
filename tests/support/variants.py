"""``--variants N``: run no more than so many variants of each test.

Most tests have many, one for each format, backend or kind of peer. For a quick look a few of each
do, and the same ones each time; they lie apart, since neighbours are much alike.
"""

from collections.abc import Generator

import pytest

OPTION = "--variants"


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
    if most is not None and len(calls) > most:
        calls[:] = [calls[place * len(calls) // most] for place in range(most)]
