"""The standard streams of this process, to be waited for without a change to anybody else's.

Whether a descriptor blocks is a property not of the process but of what is open: of the terminal
for all who have it, the shell too, which would be told "try again" by what it has always waited
for. So the stream is opened once more, where the system lets us, and only that does not block.
Where it does not, as for sockets, the one stream is all there is, and gets its property back.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from .owned_number import OwnedNumber

__all__ = ("can_be_waited_for", "drop_output", "is_pipe", "standard_stream")

_FLAGS = {"r": os.O_RDONLY, "w": os.O_WRONLY}


@contextmanager
def standard_stream(number: int, mode: Literal["r", "w"]) -> Iterator[OwnedNumber]:
    """Yield a file of its own for one of the standard streams; at the end it is closed.

    Args:
        number: 0, 1 or 2.
        mode: What it is for: ``"r"`` or ``"w"``.

    Raises:
        OSError: It is closed.
    """
    again = _opened_again(number, mode) if can_be_waited_for(number) else None
    if again is not None:
        with again:
            yield again
        return
    with OwnedNumber.of(os.dup, number, mode=mode) as same:
        was_blocking = os.get_blocking(number)
        try:
            yield same
        finally:
            if os.get_blocking(number) != was_blocking:
                os.set_blocking(number, was_blocking)


def _opened_again(number: int, mode: Literal["r", "w"]) -> OwnedNumber | None:
    # A pipe that nobody reads cannot be opened for writing, and could be waited for in vain.
    with suppress(OSError):
        if mode == "r" and is_pipe(number):
            # Who opens a pipe with a name when nobody writes is not told of its end: somebody does.
            with _opened(number, "w"):
                return _opened(number, "r")
        return _opened(number, mode)
    return None


def _opened(number: int, mode: Literal["r", "w"]) -> OwnedNumber:
    flags = _FLAGS[mode] | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    return OwnedNumber.of(os.open, f"/proc/self/fd/{number}", flags, mode=mode)


def can_be_waited_for(number: int) -> bool:
    """Whether an event base can tell when a descriptor is ready: files, say, always are.

    Raises:
        OSError: It is closed.
    """
    mode = os.fstat(number).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(number)


def is_pipe(number: int) -> bool:
    """Whether a descriptor is a pipe, which tells the end of whoever reads it."""
    return stat.S_ISFIFO(os.fstat(number).st_mode)


def drop_output(number: int = 1) -> None:
    """Let a standard stream lead nowhere, which nobody reads or which takes no more.

    Otherwise Python would try once more to print what is left, when the process ends, and complain.

    Args:
        number: The standard output, or 2 for the error stream.
    """
    with suppress(OSError), OwnedNumber.of(os.open, os.devnull, os.O_WRONLY, mode="w") as nowhere:
        os.dup2(nowhere.fileno(), number)
