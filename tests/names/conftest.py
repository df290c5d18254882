"""What the tests of resolvers have in common."""

from collections.abc import Iterator

import pytest
from names.helpers import Way, blocking, on_a_base

from trunkline import EventBase


@pytest.fixture(params=[blocking, on_a_base])
def ask(request: pytest.FixtureRequest) -> Way:
    """The way in which a resolver is asked."""
    way: Way = request.param
    return way


@pytest.fixture
def base() -> Iterator[EventBase]:
    """An event base."""
    with EventBase() as base:
        yield base
