"""The multiplexers of the operating systems, in one shape, and the choice between them.

A backend keeps a set of registrations, each with the number of a descriptor and an interest, and
waits for any of them:

* ``register(registration, interest)`` takes one in, ``modify(registration, interest)`` changes what
  it is watched for, ``unregister(registration)`` takes it out, even if its descriptor has been
  closed by then, or it never was in. The interest is `READABLE`, `WRITABLE`, `URGENT`, several of
  these added, or 0 for nothing but errors.
* ``registered`` has those that are in, by their numbers. A number that is registered again belongs
  to the new registration.
* ``wait(timeout)`` waits at most `timeout` seconds, None being for ever, and returns the
  registrations that are ready. Their ``_events`` tell for what: `READABLE`, `WRITABLE`, `URGENT`,
  and, whatever the interest is, `FAULTY`, `HUNG_UP` and `NUMBER_CLOSED`, as far as the system
  tells: select tells no errors from readiness, and kqueue nothing of what is urgent.
* ``rebuild()`` makes the set anew, for a process that has inherited it by a fork.
* ``close()`` gives the backend's own descriptor back.

All of them raise our errors. An interrupted wait goes on for what is left of its time.
"""

import os
import select
from importlib import import_module
from typing import Protocol

from ..registration import Registration

__all__ = ("BACKEND_VARIABLE", "Backend", "available_backends", "make_backend")

BACKEND_VARIABLE = "TRUNKLINE_BACKEND"
"""The environment variable that forces a backend."""


class Backend(Protocol):
    """What the module's text says, for type checkers."""

    name: str
    registered: dict[int, Registration]

    def register(self, registration: Registration, interest: int) -> None:
        """Take a registration in."""

    def modify(self, registration: Registration, interest: int) -> None:
        """Change what one is watched for."""

    def unregister(self, registration: Registration) -> None:
        """Take one out."""

    def wait(self, timeout: float | None) -> list[Registration]:
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
