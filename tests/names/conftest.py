"""What the tests of resolvers have in common."""

import pytest
from names.helpers import Way, blocking, on_a_base


@pytest.fixture(params=[blocking, on_a_base])
def ask(request: pytest.FixtureRequest) -> Way:
    """The way in which a resolver is asked."""
    way: Way = request.param
    return way
