"""``--variants N``: run no more than so many variants of each test.

Most tests have many, one for each format, backend or kind of peer. For a quick look a few of each
do, and the same ones each time; they lie apart, since neighbours are much alike.
"""

from collections import defaultdict

import pytest

OPTION = "--variants"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take the option."""
    parser.addoption(OPTION, type=int, metavar="N", help="run N variants of each test at most")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what there is too much of."""
    most = config.getoption(OPTION)
    if most is None:
        return
    variants: dict[object, list[pytest.Item]] = defaultdict(list)
    for item in items:
        variants[item.parent, getattr(item, "originalname", item.name)].append(item)
    kept: set[pytest.Item] = set()
    for each in variants.values():
        kept.update(each[place * len(each) // most] for place in range(most))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]
