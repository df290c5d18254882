"""Which open file a descriptor's number stands for just now.

There is no telling some files apart: those that have no place of their own in a file system, like
the masters of all terminals, or, on Linux, all event and timer descriptors; and a file that was
closed and opened again by its path, like a named pipe.
"""

import os
import stat
from typing import TypeAlias

from ..errors import SocketError

__all__ = ("Identity", "identify", "same_file")

Identity: TypeAlias = tuple[int, int]


def identify(number: int) -> Identity:
    """Return what tells the file of a descriptor from others, if one can wait for it.

    Raises:
        ValueError: It is a regular file or a directory. They are always ready, and not all systems
            let one wait for them.
        SocketClosed: There is no such descriptor.
    """
    try:
        status = os.fstat(number)
    except OSError as error:
        raise SocketError.from_errno(
            error.errno or 0, operation="monitor", address=f"descriptor {number}"
        ) from None
    if stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode):
        kind = "regular file" if stat.S_ISREG(status.st_mode) else "directory"
        raise ValueError(f"descriptor {number} is a {kind}, which is always ready: nobody can wait")
    return status.st_dev, status.st_ino


def same_file(number: int, identity: Identity) -> bool:
    """Return whether the descriptor still stands for the file that `identify` has seen."""
    try:
        status = os.fstat(number)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == identity
