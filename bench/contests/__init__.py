"""The contests. Each module here defines `CONTESTS`, a tuple; adding one is adding a file."""

from bench.collect import collect
from bench.model import Contest


def all_contests() -> tuple[Contest, ...]:
    """Return every contest, in the order of their modules' names."""
    return collect(__name__, "CONTESTS", Contest)
