"""What programs do with paths that `pathlib` does not do, or does not do like this.

Paths are `pathlib`'s, and its rules for parsing them stand: this is for what is at the end of a
path. All functions take text or anything with ``__fspath__``, and return `pathlib.Path`. Names that
are not valid in the file system's encoding are text with surrogates, as everywhere in Python.

Errors are Trunkline's, and Python's own, too: what is not there is a `PathNotFound`, which is a
`FileNotFoundError`.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from errno import ELOOP
from os import PathLike
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, get_args

from ._core.callbacks import call_plainly, check_callback, check_callback_or_none
from ._core.counts import check_count
from ._sys import directories
from ._sys.directories import Status
from .errors import PathNotDirectory, PathNotFound, SocketError

__all__ = (
    "FileKind",
    "Permission",
    "WalkEntry",
    "broken_symlink_exists",
    "delete_files",
    "expand_user",
    "file_kind",
    "file_permissions",
    "good_symlink_exists",
    "list_directory",
    "mode_of",
    "permissions_in",
    "resolve_path",
    "set_file_permissions",
    "walk_directory",
)

PathText: TypeAlias = str | PathLike[str]

FileKind: TypeAlias = Literal[
    "regular_file",
    "directory",
    "symbolic_link",
    "broken_link",
    "pipe",
    "socket",
    "character_device",
    "block_device",
]
"""What a file is. A link is a ``"broken_link"`` only where it was to be followed."""

Permission: TypeAlias = Literal[
    "user_read",
    "user_write",
    "user_exec",
    "group_read",
    "group_write",
    "group_exec",
    "other_read",
    "other_write",
    "other_exec",
    "set_user_id",
    "set_group_id",
    "sticky",
]
"""One of the bits of a file's mode, see chmod(2)."""

_BITS: dict[Permission, int] = dict(
    zip(
        get_args(Permission),
        (
            *(stat.S_IRUSR, stat.S_IWUSR, stat.S_IXUSR),
            *(stat.S_IRGRP, stat.S_IWGRP, stat.S_IXGRP),
            *(stat.S_IROTH, stat.S_IWOTH, stat.S_IXOTH),
            *(stat.S_ISUID, stat.S_ISGID, stat.S_ISVTX),
        ),
        strict=True,
    )
)

_KINDS: dict[int, FileKind] = {
    stat.S_IFREG: "regular_file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic_link",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character_device",
    stat.S_IFBLK: "block_device",
}

# -- what there is ---------------------------------------------------------------------------------


def file_kind(path: PathText, *, follow_symlinks: bool = False) -> FileKind | None:
    """Return what kind of file is at a path, or None if there is nothing.

    You would want it where several kinds are to be told apart, by one look; or where a broken link
    is to be told from nothing, which `pathlib` does not do.

    Args:
        path: Where to look.
        follow_symlinks: Tell of what a link leads to. If it leads nowhere, or to itself, it is a
            ``"broken_link"``. Otherwise a link is a ``"symbolic_link"``, wherever it leads.

    Raises:
        PermissionDenied: A directory on the way may not be searched, so that nobody can tell.
        SocketError: The system says no: the name is too long, for example.
        TypeError: It is no path.
    """
    text = _text(path)
    status = directories.status_of(text, follow=follow_symlinks)
    if status is not None:
        return _kind(status.mode)
    if follow_symlinks and directories.status_of(text, follow=False) is not None:
        return "broken_link"
    return None


def good_symlink_exists(path: PathText) -> bool:
    """Return whether there is a link at a path, and something where it leads; see `file_kind`."""
    is_link = file_kind(path) == "symbolic_link"
    return is_link and file_kind(path, follow_symlinks=True) != "broken_link"


def broken_symlink_exists(path: PathText) -> bool:
    """Return whether there is a link at a path that leads nowhere; see `file_kind`."""
    return file_kind(path, follow_symlinks=True) == "broken_link"


def _kind(mode: int) -> FileKind:
    return _KINDS.get(stat.S_IFMT(mode), "regular_file")


# -- permissions -----------------------------------------------------------------------------------


def file_permissions(path: PathText, *, follow_symlinks: bool = True) -> frozenset[Permission]:
    """Return the permissions of a file, as the names of those that are set.

    Args:
        path: The file.
        follow_symlinks: Those of what a link leads to, instead of its own.

    Raises:
        PathNotFound: There is nothing at the path.
        PermissionDenied, SocketError: The system does not tell.
    """
    text = _text(path)
    status = directories.status_of(text, follow=follow_symlinks)
    if status is None:
        raise PathNotFound(operation="stat", address=text)
    return permissions_in(status.mode)


def set_file_permissions(
    path: PathText, permissions: Iterable[Permission], *, follow_symlinks: bool = True
) -> None:
    """Give a file these permissions, and no others; see chmod(2).

    Args:
        path: The file.
        permissions: Their names, as `file_permissions` returns them.
        follow_symlinks: Those of what a link leads to, instead of its own, which few systems have.

    Raises:
        PathNotFound: There is nothing at the path.
        PermissionDenied: The file is somebody else's.
        OperationNotSupported: A link has none of its own here.
        ValueError: There is no such permission. Nothing is changed.
    """
    text, mode = _text(path), mode_of(permissions)
    directories.change_mode(text, mode, follow=follow_symlinks)


def permissions_in(mode: int) -> frozenset[Permission]:
    """Return the names of the permissions that are set in a mode, like that of `os.stat`."""
    check_count("a mode", mode, least=0)
    return frozenset(name for name, bit in _BITS.items() if mode & bit)


def mode_of(permissions: Iterable[Permission]) -> int:
    """Return the mode in which these permissions are set, for `os.open` and its like.

    Raises:
        ValueError: There is no such permission.
        TypeError: It is one text, and not several names.
    """
    if isinstance(permissions, str):
        raise TypeError("permissions are several names, in a set for example, and not one text")
    mode = 0
    for name in permissions:
        bit = _BITS.get(name)
        if bit is None:
            raise ValueError(f"a permission is one of {', '.join(_BITS)}, not {name!r}")
        mode |= bit
    return mode


# -- where a path leads ----------------------------------------------------------------------------


def expand_user(path: PathText) -> Path:
    """Return a path in which ``~`` or ``~name`` at the beginning is a home directory.

    Unlike `pathlib.Path.expanduser`, it leaves the path as it is where there is no such user: a
    file may well be called ``~backup``.
    """
    return Path(os.path.expanduser(Path(_text(path))))


def resolve_path(
    path: PathText,
    *,
    base: PathText | None = None,
    canonicalize: bool | Literal["strip_dots"] = True,
) -> Path:
    """Return the absolute path of a file.

    Args:
        path: The path; where it is relative, it begins at `base`.
        base: A directory. Default: the current one.
        canonicalize: True follows all links, and ``..`` leads from where they lead: it is the only
            path of what is there. ``"strip_dots"`` takes ``.`` and ``..`` out of the text, and
            looks at nothing, so that ``..`` after a link leads elsewhere than the system would go.
            False leaves ``..`` where it is.

    Raises:
        PathNotFound, PathNotDirectory: There is nothing at the path, and links were to be followed.
        PermissionDenied: A directory on the way may not be searched.
        SocketError: A link leads to itself.
        ValueError: It is none of the three.
    """
    if canonicalize not in (True, False, "strip_dots"):
        raise ValueError(f"canonicalize is True, False or 'strip_dots', not {canonicalize!r}")
    begins = Path.cwd() if base is None else Path.cwd() / _text(base)
    absolute = begins / _text(path)
    if canonicalize is True:
        return Path(directories.real_path(os.fspath(absolute)))
    return Path(os.path.normpath(absolute)) if canonicalize else absolute


# -- directories -----------------------------------------------------------------------------------


def list_directory(path: PathText) -> list[Path]:
    """Return the paths of all that is in a directory, sorted, each with the directory before it.

    Raises:
        PathNotFound, PathNotDirectory, PermissionDenied, SocketError: It cannot be listed.
    """
    directory = Path(_text(path))
    return [directory / name for name in sorted(directories.names_in(os.fspath(directory)))]


class WalkEntry(NamedTuple):
    """What `walk_directory` has come to.

    Attributes:
        path: Where it is.
        kind: What it is, see `file_kind`.
        depth: How many directories it is below the one where the walk began, which is at 0.
    """

    path: Path
    kind: FileKind
    depth: int

    @property
    def name(self) -> str:
        """Its name in the directory that it is in."""
        return self.path.name

    @property
    def parent(self) -> Path:
        """The directory that it is in."""
        return self.path.parent


class _Walk:
    """What a walk was told, see `walk_directory`."""

    def __init__(
        self,
        test: Callable[[WalkEntry], object],
        on_error: Callable[[SocketError], object] | None,
        follow_symlinks: bool,
        max_depth: int | None,
    ) -> None:
        self._test = test
        self._on_error = on_error
        self._follow = follow_symlinks
        self._max_depth = max_depth

    def entries_in(self, above: WalkEntry) -> Iterator[WalkEntry]:
        """Yield what is in a directory and passes the test, in the order of the names."""
        try:
            listed = directories.scan(os.fspath(above.path))
        except SocketError as error:
            self.tell(error)
            return
        for name, mode in sorted(listed):
            if mode is None:
                continue  # it has gone
            path, kind = above.path / name, _kind(mode)
            if self._follow and kind == "symbolic_link":
                try:
                    kind = file_kind(path, follow_symlinks=True) or kind
                except SocketError as error:
                    self.tell(error)
                    continue
            entry = WalkEntry(path, kind, above.depth + 1)
            if self._test(entry):
                yield entry

    def status_to_enter(self, entry: WalkEntry, above: list[Status]) -> Status | None:
        """Return the status of what is to be entered, or None if it is not to be."""
        if entry.kind != "directory" or entry.depth == self._max_depth:
            return None
        try:
            text = os.fspath(entry.path)
            status = directories.status_of(text, follow=self._follow, operation="list")
            if status is None or not stat.S_ISDIR(status.mode):
                return None  # it has gone, or was replaced
            if any(status[1:] == each[1:] for each in above):
                raise SocketError.from_errno(ELOOP, operation="list", address=text)
        except SocketError as error:
            self.tell(error)
            return None
        return status

    def tell(self, error: SocketError) -> None:
        """Tell of an error, after which the walk goes on."""
        if self._on_error is None:
            raise error
        call_plainly(self._on_error, error)


def walk_directory(
    directory: PathText,
    *,
    order: Literal["before", "after"] = "before",
    min_depth: int = 1,
    max_depth: int | None = None,
    test: Callable[[WalkEntry], object] | None = None,
    on_error: Callable[[SocketError], object] | None = None,
    follow_symlinks: bool = False,
) -> Iterator[WalkEntry]:
    """Iterate over all that is in a directory, and in the directories in it, and so on.

    You would want it for the depths, for the order in which directories come, for an end where
    links lead in a circle, and to hear of what cannot be read; `pathlib.Path.rglob` and `os.walk`
    pass over that in silence.

    What is in one directory comes in the order of the names. A directory is read when the iteration
    comes to it: so what you do to it before counts.

    Args:
        directory: Where to begin.
        order: Whether a directory comes before or after what is in it.
        min_depth: Entries less deep do not come; 0 has the directory itself come, too.
        max_depth: Entries deeper than that do not come, and are not looked for; None for no limit.
        test: Called with each `WalkEntry`. What it returns false for does not come, and is not
            entered.
        on_error: Called with the error of what cannot be read, after which the walk goes on with
            the rest. Without it the error is raised, and the walk is over.
        follow_symlinks: Enter directories that links lead to, and tell the kind of what they lead
            to. One that would be entered inside of itself is an error, ELOOP.

    Returns:
        An iterator of `WalkEntry`.

    Raises:
        PathNotFound, PathNotDirectory: There is no directory at the path. It is looked at at once;
            all else is raised by the iteration.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    if order not in ("before", "after"):
        raise ValueError(f"order is 'before' or 'after', not {order!r}")
    check_count("min_depth", min_depth, least=0)
    if max_depth is not None:
        check_count("max_depth", max_depth, least=0)
    check_callback_or_none(test, "entry", what="test")
    check_callback_or_none(on_error, "error", what="on_error")
    text = _text(directory)
    status = directories.status_of(text, follow=True, operation="list")
    if status is None:
        raise PathNotFound(operation="list", address=text)
    if not stat.S_ISDIR(status.mode):
        raise PathNotDirectory(operation="list", address=text)
    walk = _Walk(test or (lambda entry: True), on_error, follow_symlinks, max_depth)
    entries = _walked(WalkEntry(Path(text), "directory", 0), status, walk, order == "before")
    return (entry for entry in entries if entry.depth >= min_depth)


def _walked(top: WalkEntry, status: Status, walk: _Walk, is_before: bool) -> Iterator[WalkEntry]:
    """Yield all entries of a walk, the first one included."""
    if is_before:
        yield top
    levels = [(top, walk.entries_in(top) if walk._max_depth != 0 else iter(()))]
    above = [status]
    while levels:
        directory, entries = levels[-1]
        entry = next(entries, None)
        if entry is None:
            levels.pop()
            above.pop()
            if not is_before:
                yield directory
            continue
        if is_before or entry.kind != "directory":
            yield entry
        inside = walk.status_to_enter(entry, above)
        if inside is not None:
            levels.append((entry, walk.entries_in(entry)))
            above.append(inside)
        elif not is_before and entry.kind == "directory":
            yield entry


# -- deleting --------------------------------------------------------------------------------------


def delete_files(
    path: PathText,
    *,
    recursive: bool = False,
    on_error: Callable[[SocketError], object] | None = None,
) -> None:
    """Delete a file, an empty directory or, if asked to, a directory with all that is in it.

    A link is deleted itself, and never what it leads to. Nor can anybody who swaps a directory for
    a link, or moves it away, while this goes on make it delete something else: it goes from one
    open directory to the next. Directories may be nested as deep as can be.

    Args:
        path: What to delete.
        recursive: Delete what is in a directory first.
        on_error: With `recursive`, called with the error of what cannot be deleted, after which the
            rest is. Without it the error is raised.

    Raises:
        PathNotFound: There is nothing at the path.
        PermissionDenied, SocketError: It may not be deleted; or the directory is not empty.
        ValueError: The path ends in ``..``, or is ``/`` or the current directory.
    """
    plain = Path(_text(path))
    if plain.name in ("", ".."):
        raise ValueError(f"what is deleted needs a name of its own, which {str(plain)!r} is not")
    if on_error is not None:
        check_callback(on_error, "error", what="on_error")
    text = os.fspath(plain)
    if recursive:
        directories.delete_tree(text, _raise if on_error is None else on_error)
    else:
        directories.delete(text)


def _raise(error: SocketError) -> None:
    raise error


def _text(path: PathText) -> str:
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path is text or has __fspath__ of text, not {type(text).__name__}")
    return text
