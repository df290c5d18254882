"""Which build of the package runs: its Python sources alone, or some of them compiled.

The sources are the whole library. Where it was built with a compiler, each of the busiest modules
has a compiled one that lies beside its source, and wins by Python's own rule. It is all of them or
none: compiled modules know the inside of each other, and do not work with each other's sources.

The environment variable ``TRUNKLINE_IMPL`` says ``pure`` or ``native``. Without it, the compiled
modules are used where they are. `_choice` reads it, once.
"""

from ._choice import CHOSEN

__all__ = ("Implementation", "implementation")


class Implementation:
    """Which build of the package runs, and why; see `implementation`. It cannot be changed.

    As text it is both: ``native (the compiled modules are here)``.

    Attributes:
        name: ``"pure"`` for Python sources alone, ``"native"`` where some of them are compiled.
        reason: Why it is this one.
    """

    __slots__ = ("name", "reason")

    name: str
    reason: str

    def __init__(self, name: str, reason: str) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "reason", reason)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name!r} of an Implementation cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name!r} of an Implementation cannot be deleted")

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"

    def __repr__(self) -> str:
        return f"<Implementation {self}>"


def implementation() -> Implementation:
    """Return which build of the package runs, and why.

    You would want it in a report of an error, or to see whether you got what you wanted to install.
    The environment variable ``TRUNKLINE_IMPL`` chooses: with ``pure``, nothing compiled is used;
    with ``native``, importing the package is an `ImportError` where that cannot be used.

    Returns:
        An `Implementation`, always the same one.
    """
    return _IMPLEMENTATION


_IMPLEMENTATION = Implementation(*CHOSEN)
