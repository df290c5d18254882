"""The system calls of files and directories by their names; each raises one of our errors.

What is deleted as a tree is never reached by a path of more than one name, but from an open
directory to the next: so nobody who swaps a directory for a link meanwhile leads us elsewhere.
"""

import errno
import os
import secrets
import stat
import string
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from itertools import starmap
from typing import NamedTuple

from ..errors import PathNotFound, SocketError
from .typed_errors import typed

__all__ = (
    "Listed",
    "Status",
    "change_mode",
    "delete",
    "delete_tree",
    "make_temporary_directory",
    "names_in",
    "real_path",
    "scan",
    "status_of",
)

# Where there is nothing at a path: a part of it is missing, or is no directory.
_NOTHING = (errno.ENOENT, errno.ENOTDIR)

_ENTER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)

_LETTERS = string.ascii_letters + string.digits

ErrorHook = Callable[[SocketError], object]


class Status(NamedTuple):
    """What stat(2) tells that is of use here."""

    mode: int
    device: int
    inode: int


class Listed(NamedTuple):
    """Something in a directory."""

    name: str
    mode: int | None  # None if it has gone meanwhile


def status_of(path: str, *, follow: bool, operation: str = "stat") -> Status | None:
    """Return the status of what is at a path, or None if there is nothing; see stat(2).

    Args:
        path: Where to look.
        follow: Look at what a link leads to. One that leads nowhere, or to itself, is nothing.
        operation: What the error says was tried.
    """
    try:
        found = os.stat(path, follow_symlinks=follow)
    except OSError as error:
        if error.errno in _NOTHING or (follow and error.errno == errno.ELOOP):
            return None
        raise SocketError.from_errno(error.errno or 0, operation=operation, address=path) from None
    return Status(found.st_mode, found.st_dev, found.st_ino)


def change_mode(path: str, mode: int, *, follow: bool) -> None:
    """See chmod(2)."""
    with typed("chmod", path):
        if follow:
            os.chmod(path, mode)
        elif os.chmod in os.supports_follow_symlinks:
            os.chmod(path, mode, follow_symlinks=False)
        elif not stat.S_ISLNK(os.lstat(path).st_mode):
            os.chmod(path, mode)
        else:
            raise SocketError.from_errno(errno.EOPNOTSUPP, operation="chmod", address=path)


def names_in(path: str) -> list[str]:
    """Return the names in a directory, "." and ".." left out, in no order."""
    with typed("list", path):
        return os.listdir(path)


def scan(path: str) -> list[Listed]:
    """Return what is in a directory, with its mode, a link's own; in no order."""
    found = []
    with typed("list", path), os.scandir(path) as entries:
        for entry in entries:
            try:
                mode = entry.stat(follow_symlinks=False).st_mode
            except OSError as error:
                if error.errno not in _NOTHING:
                    raise
                mode = None
            found.append(Listed(entry.name, mode))
    return found


def real_path(path: str) -> str:
    """Return the path of what is there, without links; see realpath(3)."""
    with typed("resolve", path):
        return os.path.realpath(path, strict=True)


def make_temporary_directory(template: str, *, is_wanted: Callable[[], bool]) -> str:
    """Make a directory that only we may use, whose name nobody can guess; return its path.

    Args:
        template: The path, the last six characters of which become others.
        is_wanted: Whether somebody still wants to know. If not, it is removed.
    """
    with typed("mkdtemp", template):
        while True:
            path = template[:-6] + "".join(secrets.choice(_LETTERS) for _ in range(6))
            with suppress(FileExistsError):
                os.mkdir(path, 0o700)
                if not is_wanted():
                    os.rmdir(path)
                return path


class Directory(int):
    """The number of an open directory, which is closed when nobody has it any more."""

    _is_open = True

    @classmethod
    def enter(
        cls, name: str, where: Callable[[], str], parent: "Directory | None" = None
    ) -> "Directory":
        """Open a directory: from another one, if that is given, and then no link to one."""
        flags = _ENTER if parent is None else _ENTER | getattr(os, "O_NOFOLLOW", 0)
        opening = starmap(partial(os.open, name, flags, dir_fd=parent), ((),))
        with typed("open", where):
            return next(map(cls, opening))  # see `OwnedNumber`

    def close(self) -> None:
        """Give the number back. May be repeated."""
        if self._is_open:
            self._is_open = False
            os.close(self)

    def __del__(self) -> None:
        self.close()

    def identity(self) -> tuple[int, int]:
        """Return what tells it from others."""
        found = os.fstat(self)
        return found.st_dev, found.st_ino


# -- deleting --------------------------------------------------------------------------------------


class _Level:
    """A directory on the way down to where something is being deleted."""

    __slots__ = ("identity", "is_to_stay", "left", "name")

    def __init__(self, name: str, directory: Directory) -> None:
        self.name = name
        self.identity = directory.identity()
        self.left = os.listdir(directory)
        self.is_to_stay = False  # something in it could not be deleted


def delete(path: str) -> None:
    """Delete a file, a link itself, or an empty directory.

    Raises:
        SocketError: It is not there, may not be deleted, or is a directory that is not empty.
    """
    above, name = os.path.split(path)
    with closing(Directory.enter(above or os.curdir, lambda: above)) as parent:
        _delete_one(parent, name, lambda: path)


def delete_tree(path: str, on_error: ErrorHook) -> None:
    """Delete whatever is at a path, and all that is in it, without following any link.

    Only one directory of the tree is open at a time: so it may be as deep as can be.

    Args:
        path: What to delete.
        on_error: Called with what cannot be deleted. If it returns, the rest is deleted.
    """
    above, name = os.path.split(path)
    with closing(Directory.enter(above or os.curdir, lambda: above)) as parent:
        _Deleting(parent, path, on_error).run(name)


class _NoDirectoryError(Exception):
    """What was to be entered is no directory, or not any more."""


class _Deleting:
    """Goes down a tree, and deletes it on the way up."""

    def __init__(self, parent: Directory, path: str, on_error: ErrorHook) -> None:
        self._parent = parent  # of the whole, which stays
        self._path = path  # of the whole, for errors
        self._on_error = on_error
        self._here = parent
        self._levels: list[_Level] = []

    def run(self, name: str) -> None:
        """Delete what has this name in the parent."""
        try:
            self._delete_or_enter(name)
            while self._levels:
                left = self._levels[-1].left
                if left:
                    self._delete_or_enter(left.pop())
                else:
                    self._leave()
        finally:
            if self._here is not self._parent:
                self._here.close()

    def _path_of(self, *names: str) -> str:
        """Return the path of something here, or in what has this name here."""
        inside = [level.name for level in self._levels[1:]]
        return os.path.join(self._path, *inside, *(names if self._levels else names[1:]))

    def _delete_or_enter(self, name: str) -> None:
        where = partial(self._path_of, name)
        try:
            below = _enter_below(self._here, name, where)
        except _NoDirectoryError:
            self._try(partial(_delete_one, self._here, name, where))
            return
        except SocketError as error:
            # It may not be looked into. If it is empty, that does not matter.
            self._try(partial(_remove_directory, self._here, name, where), error)
            return
        try:
            with typed("list", where):
                level = _Level(name, below)
        except SocketError as error:
            below.close()
            self._failed(error)
            return
        left, self._here = self._here, below
        self._levels.append(level)
        if left is not self._parent:
            left.close()

    def _leave(self) -> None:
        """Go up, and delete the directory from there."""
        done = self._levels[-1]
        if len(self._levels) == 1:
            above = self._parent
        else:
            above = Directory.enter(os.pardir, self._path_of, self._here)
            if above.identity() != self._levels[-2].identity:
                above.close()
                # Somebody has moved it: we are no longer inside of what was to be deleted.
                raise SocketError.from_errno(
                    errno.ESTALE, operation="delete", address=self._path_of()
                )
        self._here.close()
        self._here = above
        self._levels.pop()
        if not done.is_to_stay:
            where = partial(self._path_of, done.name)
            self._try(partial(_remove_directory, above, done.name, where))
        elif self._levels:
            self._levels[-1].is_to_stay = True

    def _try(self, delete: Callable[[], None], cause: SocketError | None = None) -> None:
        """Delete something, or tell why that cannot be done."""
        try:
            delete()
        except SocketError as error:
            self._failed(cause or error)

    def _failed(self, error: SocketError) -> None:
        if self._levels:
            if isinstance(error, PathNotFound):  # somebody else deletes, too
                return
            self._levels[-1].is_to_stay = True
        self._on_error(error)


def _enter_below(parent: Directory, name: str, where: Callable[[], str]) -> Directory:
    with typed("delete", where):
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode):
        raise _NoDirectoryError
    try:
        return Directory.enter(name, where, parent)
    except SocketError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):  # it was swapped for a link, or a file
            raise _NoDirectoryError from None
        raise


def _delete_one(parent: Directory, name: str, where: Callable[[], str]) -> None:
    """Delete what may be a file, a link or an empty directory."""
    with typed("delete", where):
        try:
            os.unlink(name, dir_fd=parent)
            return
        except IsADirectoryError:
            pass
        except PermissionError:
            # Elsewhere than on Linux, that is what is said of a directory.
            if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                raise
        os.rmdir(name, dir_fd=parent)


def _remove_directory(parent: Directory, name: str, where: Callable[[], str]) -> None:
    with typed("delete", where):
        os.rmdir(name, dir_fd=parent)
