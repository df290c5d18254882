"""Where in a program something was made, for the warning that it was forgotten.

Python tells that by tracemalloc, which slows everything down and is seldom on. In its development
mode (``python -X dev``), which is for such questions, we remember the line ourselves. There we also
remember what has been made, since what lives until the interpreter ends is collected when most of
what could tell of it is gone.
"""

import atexit
import sys
import weakref
from types import FrameType
from typing import Protocol

__all__ = ("origin",)


class Forgettable(Protocol):
    """What is to be closed by those who have made it."""

    def _tell_if_forgotten(self) -> bool:
        """Warn if it is not closed; return whether that is so."""


_PACKAGE = __name__.partition(".")[0]
_NOWHERE = ""


_made: "weakref.WeakSet[Forgettable]" = weakref.WeakSet()


def origin(thing: Forgettable) -> str:
    """Return ``", made at FILE:LINE"`` in development mode, and nothing without it.

    It is told of there, too, if it is not closed when the interpreter ends.

    The line is that of whoever called us: the last one that is not Trunkline's.
    """
    if not sys.flags.dev_mode:
        return _NOWHERE
    _made.add(thing)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    return _NOWHERE if frame is None else f", made at {frame.f_code.co_filename}:{frame.f_lineno}"


def _tell_of_all() -> None:
    for thing in list(_made):
        thing._tell_if_forgotten()


if sys.flags.dev_mode:  # this early, so that it is called after what a program registers itself
    atexit.register(_tell_of_all)


def _is_ours(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__"))
    return name.partition(".")[0] == _PACKAGE
