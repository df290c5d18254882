"""Opening what lies beneath a directory, and nothing else, whatever links there are.

A path is never given to the system as a whole. It is walked name by name, from an open directory to
the next one, and the system is told to follow no link. A link is read instead, and what it says is
walked the same way, from the top if it goes up: so it leads to wherever it leads within the
directory, and nowhere else, also when somebody swaps a directory for a link meanwhile.
"""

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import NamedTuple

from ..errors import PathNotFound, SocketError
from .directories import Directory
from .typed_errors import typed

__all__ = ("Beneath", "Entry", "FileFacts", "OpenFile")

_NO_NAMES = ("", os.curdir, os.pardir)

_MOST_LINKS = 40  # as many as Linux follows, see path_resolution(7)

# Without waiting, for what is a file may have become a pipe.
_READ = os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class FileFacts(NamedTuple):
    """What the system tells of a file, see stat(2).

    Attributes:
        size: How many bytes it has.
        modified_ns: When its content was changed, in nanoseconds since 1970.
        inode: Which file it is.
    """

    size: int
    modified_ns: int
    inode: int


class Entry(NamedTuple):
    """Something in a directory.

    Attributes:
        name: What it is called there, also if it is a link to something else.
        is_directory: Whether it is one; else it is a file.
        facts: What the system tells of it.
    """

    name: str
    is_directory: bool
    facts: FileFacts


class OpenFile(NamedTuple):
    """A regular file; whoever gets it closes it."""

    file: io.FileIO
    facts: FileFacts


class _Found(NamedTuple):
    """What a walk has led to: something in a directory, or, without a name, that itself."""

    parent: Directory
    name: str
    status: os.stat_result
    way: tuple[str, ...]  # to the parent, from the top, without links


class Beneath:
    """A directory, and what lies beneath it.

    Args:
        path: The directory.
        hidden: Whether names that begin with a dot are there; otherwise nothing that has such a
            name, or lies in what has one, can be reached, by a link neither.

    Raises:
        PathNotFound, PathNotDirectory, PermissionDenied, SocketError: There is no such directory.
    """

    def __init__(self, path: str, *, hidden: bool = False) -> None:
        self._path = path
        self._hidden = hidden
        self._top = Directory.enter(path, lambda: path)
        with typed("resolve", path):
            # What links say that name a place from the root of the machine.
            self._own_paths = {os.path.realpath(path), os.path.abspath(path)}

    def open_file(self, names: Sequence[str]) -> OpenFile | None:
        """Open a regular file.

        Args:
            names: The names of the directories from the top down, and that of the file.

        Returns:
            The file, or None if it is a directory.

        Raises:
            PathNotFound: There is no such file here; what is there may lie outside, or be a device.
            PermissionDenied, TooManyOpenFiles, SocketError: As the names say.
        """
        with self._find(names) as found:
            if stat.S_ISDIR(found.status.st_mode):
                return None
            if not stat.S_ISREG(found.status.st_mode):
                raise self._not_there()
            with typed("open", self._path):
                number = os.open(found.name, _READ, dir_fd=found.parent)
                status = os.fstat(number)
            if not stat.S_ISREG(status.st_mode):  # it was swapped for something else
                os.close(number)
                raise self._not_there()
            return OpenFile(io.FileIO(number), _facts(status))

    def entries(self, names: Sequence[str]) -> list[Entry]:
        """Return what can be opened in a directory, in no order: files and directories.

        Raises:
            PathNotFound, PathNotDirectory, PermissionDenied, SocketError: As the names say.
        """
        with self._find(names) as found:
            if not found.name:
                return self._entries_of(found.parent, found.way)
            below = Directory.enter(found.name, lambda: self._path, found.parent)
            with closing(below):
                return self._entries_of(below, (*found.way, found.name))

    def _entries_of(self, directory: Directory, way: tuple[str, ...]) -> list[Entry]:
        with typed("list", self._path):
            names = os.listdir(directory)
        entries = []
        for name in names:
            # What has gone, may not be looked at, or leads out, is not there.
            with suppress(SocketError):
                status = self._status(name, directory)
                if stat.S_ISLNK(status.st_mode):
                    with self._find((*way, name)) as found:
                        status = found.status
                is_directory = stat.S_ISDIR(status.st_mode)
                if is_directory or stat.S_ISREG(status.st_mode):
                    entries.append(Entry(name, is_directory, _facts(status)))
        return entries

    def close(self) -> None:
        """Give the directory back. May be repeated; who forgets it has done so, too."""
        self._top.close()

    # -- walking ---------------------------------------------------------------------------------

    @contextmanager
    def _find(self, names: Sequence[str]) -> Iterator[_Found]:
        """Walk to what has these names, and is no link; yield it while its directory is open."""
        if any(name in _NO_NAMES or "/" in name or "\0" in name for name in names):
            raise self._not_there()
        here, way, links = self._top, list[str](), 0
        left = [*reversed(names)]
        found = None
        try:
            while left:
                name = left.pop()
                if name in ("", os.curdir):
                    continue
                status = None if name == os.pardir else self._status(name, here)
                if status is None or stat.S_ISLNK(status.st_mode):
                    links += 1
                    if links > _MOST_LINKS:
                        raise self._not_there()
                    steps = self._steps(name, here, way)
                    left += reversed(steps)
                    self._leave(here)
                    here, way = self._top, []
                elif left:
                    below = Directory.enter(name, lambda: self._path, here)
                    self._leave(here)
                    here = below
                    way.append(name)
                else:
                    found = _Found(here, name, status, tuple(way))
            yield found or _Found(here, "", os.fstat(here), tuple(way))
        finally:
            self._leave(here)

    def _leave(self, directory: Directory) -> None:
        if directory is not self._top:
            directory.close()

    def _status(self, name: str, here: Directory) -> os.stat_result:
        if name.startswith(".") and not self._hidden:
            raise self._not_there()
        with typed("stat", self._path):
            return os.stat(name, dir_fd=here, follow_symlinks=False)

    def _steps(self, name: str, here: Directory, way: list[str]) -> list[str]:
        """Return the way from the top to where a link leads, or the parent directory."""
        if name == os.pardir:
            if not way:
                raise self._not_there()
            return way[:-1]
        with typed("readlink", self._path):
            target = os.readlink(name, dir_fd=here)
        if not target.startswith("/"):
            return [*way, *target.split("/")]
        for path in self._own_paths:
            if f"{target}/".startswith(f"{path.rstrip('/')}/"):
                return target[len(path) :].split("/")
        raise self._not_there()

    def _not_there(self) -> SocketError:
        return PathNotFound(operation="open", address=self._path)


def _facts(status: os.stat_result) -> FileFacts:
    return FileFacts(status.st_size, status.st_mtime_ns, status.st_ino)
