"""What every test gets without asking for it; the work is done by the plugins in `support`."""

import gc

from hypothesis import settings

# They must be loaded here and not imported, or pytest cannot explain their assertions.
pytest_plugins = ("support.again", "support.leaks", "support.programs", "support.processes")

# How long one example takes on a busy machine is no property of the code.
settings.register_profile("trunkline", deadline=None)
settings.load_profile("trunkline")


def pytest_collection_finish() -> None:
    """Keep the tests themselves, a great many objects, out of every garbage collection."""
    gc.collect()
    gc.freeze()
