"""A file of the system's that may change: read when it has."""

import os
from collections.abc import Callable
from os import PathLike
from typing import Generic, TypeVar

__all__ = ("WatchedFile",)

T = TypeVar("T")


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
        self._state: tuple[int, ...] | None = None
        self._value = parse("")

    def get(self) -> T:
        """Return what the file says now."""
        if self._path is None:
            return self._value
        try:
            status = os.stat(self._path)
            state = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
            if state != self._state:
                with open(self._path, encoding="utf-8", errors="replace") as file:
                    self._value = self._parse(file.read())
                self._state = state
        except OSError:
            if self._state is not None:
                self._state, self._value = None, self._parse("")
        return self._value
