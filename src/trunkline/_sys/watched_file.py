"""A file of the system's that may change: read when it has."""

import os
from collections.abc import Callable
from os import PathLike
from stat import S_ISDIR
from typing import Generic, NamedTuple, TypeVar

__all__ = ("FileState", "WatchedFile", "file_state")

T = TypeVar("T")


class FileState(NamedTuple):
    """What tells whether a path leads to another file than before, or it was written to."""

    device: int
    inode: int
    modified_ns: int
    size: int
    is_directory: bool


def file_state(path: str | PathLike[str]) -> FileState | None:
    """Return the state of a file or a directory; None if it is not there, or cannot be seen."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    is_directory = S_ISDIR(found.st_mode)
    return FileState(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, is_directory)


class WatchedFile(Generic[T]):
    """What a text file says, read anew when it is another file, or was written to.

    A file that is not there, or may not be read, says nothing, like one that is empty.

    Args:
        path: Which one; None is one that is never there.
        parse: Makes of its text what `get` returns.
    """

    def __init__(self, path: str | PathLike[str] | None, parse: Callable[[str], T]) -> None:
        self._path = path
        self._parse = parse
        # The two go together, also if several threads read the file at a time.
        self._known: tuple[FileState | None, T] = None, parse("")

    def get(self) -> T:
        """Return what the file says now."""
        known_state, value = self._known
        if self._path is None:
            return value
        state = file_state(self._path)
        if state == known_state:
            return value
        try:
            text = "" if state is None else self._text()
        except OSError:
            state, text = None, ""
        value = self._parse(text)
        self._known = state, value
        return value

    def _text(self) -> str:
        assert self._path is not None
        with open(self._path, encoding="utf-8", errors="replace") as file:
            return file.read()
