"""The contestants. Each module here defines `CONTESTANTS`, a tuple; adding one is adding a file."""

from bench.collect import collect
from bench.model import Contestant


def all_contestants() -> tuple[Contestant, ...]:
    """Return every contestant, in the order of their modules' names."""
    return collect(__name__, "CONTESTANTS", Contestant)
