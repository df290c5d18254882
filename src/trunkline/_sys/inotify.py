"""Being told of changes to files by the system: inotify(7), which is Linux's.

Python has no name for it, so that the three functions of the C library are called by `ctypes`.
"""

import errno
import os
import struct
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..errors import OperationNotSupported, SocketError
from .late_import import late_import
from .owned_number import OwnedNumber

__all__ = ("CHANGES", "OVERFLOW", "FileEvent", "Inotify")

# See inotify(7).
_MODIFY = 0x2
_ATTRIB = 0x4
_MOVED_FROM = 0x40
_MOVED_TO = 0x80
_CREATE = 0x100
_DELETE = 0x200
_DELETE_SELF = 0x400
_MOVE_SELF = 0x800
_UNMOUNT = 0x2000
OVERFLOW = 0x4000
"""That so much has happened that some of it was lost."""
_IGNORED = 0x8000

CHANGES = _MODIFY | _ATTRIB
"""What happens to what is in a file, or to what the system knows about it."""

_RENAMES = _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF

_HEADER = struct.Struct("iIII")
_READ_BYTES = 65_536


class FileEvent(NamedTuple):
    """Something that has happened to what is watched.

    Attributes:
        watch: The number of the watch, -1 if it is of all.
        mask: What has happened: several bits.
        name: In a directory that is watched, of what is in it; else "".
    """

    watch: int
    mask: int
    name: str

    @property
    def is_last(self) -> bool:
        """Whether nothing comes of the watch any more, because there is nothing to watch."""
        return bool(self.mask & (_IGNORED | _UNMOUNT))

    @property
    def is_news(self) -> bool:
        """Whether something has happened to a file."""
        return bool(self.mask & (CHANGES | _RENAMES | OVERFLOW | _UNMOUNT))


class Inotify:
    """Watches, and a descriptor that is readable when something has happened.

    Raises:
        OperationNotSupported: The system has nothing like it.
        TooManyOpenFiles: No descriptor is left, or the user has too many of these.
    """

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OperationNotSupported(
                strerror="changes to files are told on Linux only", operation="watch"
            )
        with late_import("watch"):
            import ctypes

        self._get_errno = ctypes.get_errno
        self._library: Any = ctypes.CDLL(None, use_errno=True)
        try:
            self._number = OwnedNumber.of(self._open)
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="watch") from None

    def _open(self) -> int:
        number: int = self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if number < 0:
            raise OSError(self._get_errno(), "inotify_init1")
        return number

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._number.fileno()

    def watch(self, path: str) -> int:
        """Watch what is at a path, a link itself not; return the number of the watch.

        What is watched already, by whatever path, has the same number.

        Raises:
            PathNotFound, PermissionDenied, SocketError: It cannot be watched.
        """
        number: int = self._library.inotify_add_watch(
            self.fileno(), os.fsencode(path), CHANGES | _RENAMES
        )
        if number < 0:
            code = self._get_errno()
            # It is not the disk that is full: the user has too many watches.
            text = "too many files are watched" if code == errno.ENOSPC else None
            error = SocketError.from_errno(code, operation="watch", address=path)
            raise (
                error if text is None else SocketError(code, text, operation="watch", address=path)
            )
        return number

    def unwatch(self, number: int) -> None:
        """Watch something no more. That it is not watched any more is no error."""
        self._library.inotify_rm_watch(self.fileno(), number)

    def events(self) -> Iterator[FileEvent]:
        """Yield what has happened, as much of it as is read at once."""
        try:
            data = os.read(self._number.fileno(), _READ_BYTES)
        except BlockingIOError:
            return
        at = 0
        while at < len(data):
            watch, mask, _, size = _HEADER.unpack_from(data, at)
            at += _HEADER.size
            name = data[at : at + size].partition(b"\0")[0]
            at += size
            yield FileEvent(watch, mask, os.fsdecode(name))

    def close(self) -> None:
        """Close the descriptor, and with it all watches."""
        self._number.close()
