"""Exceptions of signal handlers, at a place of one's choice.

Python runs signal handlers in the main thread, when a function written in Python begins, when a
call of one that is not has returned, and when a loop starts over. A profiler is called at the first
two, and may raise there, which looks the same from the outside.
"""

import gc
import sys
from collections.abc import Callable
from types import FrameType

from trunkline import implementation

__all__ = ("FEWEST", "Interruption", "collect_what_was_lost", "interrupted_at", "struck_at")

FEWEST = 6 if implementation().name == "pure" else 1
"""How many places there are at least in what a test does. A compiled function has none inside:
Python does not look for signals there.
"""


class Interruption(BaseException):
    """What a signal handler raises, like `KeyboardInterrupt`."""


def struck_at(point: int, action: Callable[[], object], strike: Callable[[], object]) -> bool:
    """Do something, and have `strike` called at a place in the middle; return whether it was.

    Args:
        point: The number of the place, from 0. Behind the last one, nothing strikes.
        action: What to do.
        strike: Stands for the signal handler.
    """
    left = point

    def pass_by(frame: FrameType, event: str, argument: object) -> None:
        nonlocal left
        if event in ("call", "c_return", "c_exception"):
            left -= 1
            if left == -1:
                sys.setprofile(None)
                strike()

    was_enabled = gc.isenabled()
    gc.disable()  # what is collected meanwhile is not a part of the action
    sys.setprofile(pass_by)
    try:
        action()
    finally:
        sys.setprofile(None)
        if was_enabled:
            gc.enable()
    return left < 0


def interrupted_at(point: int, action: Callable[[], object]) -> bool:
    """Do something, and raise `Interruption` at a place in the middle; see `struck_at`."""

    def interrupt() -> None:
        raise Interruption

    try:
        return struck_at(point, action, interrupt)
    except Interruption:
        return True


def collect_what_was_lost() -> None:
    """Collect what an interrupted action has lost, as often as there are places in it.

    It is young. To collect everything as often takes a minute where many tests have run before.
    """
    gc.collect(1)
