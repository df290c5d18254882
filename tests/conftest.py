"""What every test gets without asking for it; the work is done by the plugins in `support`."""

import gc

import pytest
from hypothesis import settings

# They must be loaded here and not imported, or pytest cannot explain their assertions.
pytest_plugins = ("support.again", "support.leaks", "support.programs", "support.processes")

# How long one example takes on a busy machine is no property of the code.
settings.register_profile("trunkline", deadline=None)
settings.load_profile("trunkline")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    line = "soak: does the same thing for a long time; `make soak` runs it and nothing else does"
    config.addinivalue_line("markers", line)


def pytest_collection_finish() -> None:
    """Keep the tests themselves, a great many objects, out of every garbage collection."""
    gc.collect()
    gc.freeze()
