"""Where control sockets are: a directory for each user, and in it a socket for each process."""

import os
import stat
import tempfile
from pathlib import Path

__all__ = ("UnsafeDirectory", "control_path", "make_directory", "pids")

_SUFFIX = ".socket"


class UnsafeDirectory(OSError):
    """Others than its owner could do something in the directory; the text says what to do."""


def _directory() -> Path:
    """Return the directory, which may not exist yet."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        return Path(runtime, "trunkline")
    return Path(tempfile.gettempdir(), f"trunkline-{os.geteuid()}")


def make_directory() -> None:
    """Make the directory, or see to it that nobody else has made it.

    Raises:
        UnsafeDirectory: It belongs to somebody else, or others may write there.
        OSError: It cannot be made.
    """
    path = _directory()
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        if not is_ours or found.st_mode & 0o077:
            raise UnsafeDirectory(
                f"{path} is not a directory that only you can use: remove it, or set "
                "XDG_RUNTIME_DIR to one that is"
            ) from None


def control_path(pid: int) -> Path:
    """Return where the control socket of a process is."""
    return _directory() / f"{pid}{_SUFFIX}"


def pids() -> list[int]:
    """Return the processes that have left a control socket, whether they run or not."""
    try:
        names = [each.name for each in _directory().iterdir()]
    except OSError:
        return []
    numbers = [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]
    return sorted(int(number) for number in numbers if number.isascii() and number.isdecimal())
