"""What every test gets without asking for it; the work is done by the plugins in `support`."""

import gc
import os

import pytest
from hypothesis import settings

# Of the sources, unless others are asked for: what was compiled once may be older than they are.
os.environ.setdefault("TRUNKLINE_IMPL", "pure")

# They must be loaded here and not imported, or pytest cannot explain their assertions.
pytest_plugins = (
    "support.again",
    "support.certificates",
    "support.leaks",
    "support.programs",
    "support.processes",
    "support.variants",
)

# How long one example takes on a busy machine is no property of the code. They are others in each
# run, so that few are enough in one; `--hypothesis-profile=many` has more.
settings.register_profile("trunkline", deadline=None, max_examples=30)
settings.register_profile("many", deadline=None, max_examples=1000)
settings.load_profile("trunkline")


# The tests themselves, a great many objects, are no garbage, neither while they come nor later.
gc.disable()


def pytest_collection_finish() -> None:
    """Collect garbage from now on, and keep the tests out of it."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Keep out what the tests of a module leave to each other, like syntax trees."""
    if nextitem is not None and nextitem.path != item.path:
        gc.collect()
        gc.freeze()  # some tests collect a thousand times
