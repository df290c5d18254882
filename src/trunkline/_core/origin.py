"""Where in a program something was made, for the warning that it was forgotten.

Python tells that by tracemalloc, which slows everything down and is seldom on. In its development
mode (``python -X dev``), which is for such questions, we remember the line ourselves.
"""

import sys
from types import FrameType

__all__ = ("origin",)

_PACKAGE = __name__.partition(".")[0]
_NOWHERE = ""


def origin() -> str:
    """Return ``", made at FILE:LINE"`` in development mode, and nothing without it.

    The line is that of whoever called us: the last one that is not Trunkline's.
    """
    if not sys.flags.dev_mode:
        return _NOWHERE
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    return _NOWHERE if frame is None else f", made at {frame.f_code.co_filename}:{frame.f_lineno}"


def _is_ours(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__"))
    return name.partition(".")[0] == _PACKAGE
