"""The multiplexers of the operating systems, in one shape, and the choice between them.

A backend keeps a set of descriptors, each with an interest, and waits for any of them:

* ``register(number, interest)`` takes a descriptor in, ``modify(number, interest)`` changes what it
  is watched for, ``unregister(number)`` takes it out, even if it has been closed by then. The
  interest is `READABLE`, `WRITABLE`, both added, or 0 for nothing but errors.
* ``wait(timeout)`` waits at most `timeout` seconds, None being for ever, and returns pairs of a
  descriptor and a bit mask, in which the backend's own constants ``readable``, ``writable``,
  ``faulty`` and ``closed`` tell what it is. A hang-up is readable and writable. ``plain_read`` is
  the mask of a descriptor that is readable and nothing else; ``unasked`` has what is reported
  whatever the interest.
* ``rebuild()`` makes the set anew, for a process that has inherited it by a fork.
* ``close()`` gives the backend's own descriptor back.

``reports_errors`` says whether errors are told from readiness: select cannot.

All of them raise our errors. An interrupted wait goes on for what is left of its time.
"""

import os
import select
from collections.abc import Iterable
from importlib import import_module
from typing import Protocol

__all__ = ("BACKEND_VARIABLE", "Backend", "available_backends", "make_backend")

BACKEND_VARIABLE = "TRUNKLINE_BACKEND"
"""The environment variable that forces a backend."""


class Backend(Protocol):
    """What the module's text says, for type checkers."""

    name: str
    readable: int
    writable: int
    faulty: int
    closed: int
    plain_read: int
    unasked: int
    reports_errors: bool

    def register(self, number: int, interest: int) -> None:
        """Take a descriptor in."""

    def modify(self, number: int, interest: int) -> None:
        """Change what a descriptor is watched for."""

    def unregister(self, number: int) -> None:
        """Take a descriptor out."""

    def wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        """Wait, and return what is ready."""

    def rebuild(self) -> None:
        """Make the set anew."""

    def close(self) -> None:
        """Give the backend's descriptor back."""


# Best first. Each is a module of this package, and the name of its function in `select`.
_AVAILABLE = tuple(name for name in ("epoll", "kqueue", "poll", "select") if hasattr(select, name))


def available_backends() -> tuple[str, ...]:
    """Return the names of the backends that this system has, the best one first."""
    return _AVAILABLE


def make_backend(name: str | None = None) -> Backend:
    """Return a new backend.

    Args:
        name: Which one; by default the one that ``TRUNKLINE_BACKEND`` names, or else the best.

    Raises:
        ValueError: This system has no backend of that name.
        TooManyOpenFiles: No descriptor is left.
    """
    name = name or os.environ.get(BACKEND_VARIABLE) or _AVAILABLE[0]
    if name not in _AVAILABLE:
        raise ValueError(f"no such backend here: {name!r}; there are {', '.join(_AVAILABLE)}")
    backend: Backend = import_module(f"{__name__}.{name}").BACKEND()
    return backend
