"""A file that is to be sent: where it is read, how much of it, and what can be done with it.

What the system is to send by itself has to be a file of its own. A file object may be more than
that: one that takes compressed data apart has the descriptor of the compressed file. So only
Python's plain files are taken for what their descriptor is; all others are read.
"""

import io
import os
import stat
from typing import IO, Any, TypeAlias

from .._core.counts import check_count
from .._core.uncopied import Uncopied
from ..errors import FileTooShort, SocketError
from .owned_number import OwnedNumber

__all__ = ("BinaryFile", "SourceFile")

BinaryFile: TypeAlias = IO[bytes] | io.RawIOBase | io.BufferedIOBase
"""A file that was opened in binary mode, or what is read like one."""


class SourceFile(Uncopied):
    """What is left to be sent of a file.

    Args:
        file: The file, open for reading in binary mode.
        offset: Where to begin. None is where the file is just now, and has it moved behind what
            was sent.
        count: How much to send; None is all that it has at this moment.

    Attributes:
        number: Its descriptor, if the system can read the file at any place by that; else None.
        position: Where to read next.
        left: How much is left, in bytes; None if nobody knows.
        sent: How much was sent.

    Raises:
        FileTooShort: It does not have that much.
        TypeError, ValueError: It is no such file, or not open for reading; or `offset` or `count`
            is none.
        SocketError: The system cannot tell where the file is.
    """

    def __init__(self, file: Any, offset: int | None, count: int | None) -> None:
        self._file = _checked(file)
        if offset is not None:
            check_count("offset", offset, least=0)
        if count is not None:
            check_count("count", count, least=0)
        self.number: int | None = None
        self.position: int = offset or 0
        self.left: int | None = count
        self.sent: int = 0
        self._moves = offset is None
        self._moved: Any = None  # the file, by `take`
        try:
            self._look(offset)
        except OSError as error:
            raise _file_error(error) from None

    def _look(self, offset: int | None) -> None:
        """Find out what kind of file it is, and how much it has."""
        number = _number_of_plain_file(self._file)
        status = None if number is None else os.fstat(number)
        if status is None or not (stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode)):
            if offset is not None:
                if not self._file.seekable():
                    raise ValueError("offset is for files that can be read at any place")
                self._file.seek(offset)
            return
        if getattr(self._file, "writable", bool)():
            self._file.flush()  # what was written to it belongs to it
            status = os.fstat(self._file.fileno())
        self.number = number
        if offset is None:
            self.position = self._file.tell()
        if status.st_size:  # else it is of those whose size the system does not tell
            self._limit(status.st_size - self.position)

    def _limit(self, available: int) -> None:
        wanted = max(0, available) if self.left is None else self.left
        if available < 0 or wanted > available:
            raise FileTooShort(0, wanted - available, operation="send_file")
        self.left = wanted

    def piece(self, most: int) -> int:
        """Return how much to read next, `most` at the most."""
        return most if self.left is None else min(self.left, most)

    def read(self, most: int) -> bytes:
        """Return what comes next, without going on to it; nothing at the end.

        Only of a file with a `number` the same can be read again.

        Raises:
            SocketError: The system says no.
            ValueError: The file was closed; or there is nothing in it yet, and it does not wait.
        """
        size = self.piece(most)
        if self.number is None:
            read = getattr(self._file, "read1", self._file.read)  # for what is there, of a pipe
            data = read(size)
            if data is None:
                raise ValueError("the file does not wait for what is not there yet")
            return bytes(data)
        try:
            return os.pread(self.number, size, self.position)
        except OSError as error:
            raise _file_error(error) from None

    def advance(self, count: int) -> None:
        """Take note that so much was sent."""
        self.position += count
        self.sent += count
        if self.left is not None:
            self.left -= count

    def check_end(self) -> None:
        """Raise `FileTooShort` if the file has ended and should not have."""
        if self.left:
            raise FileTooShort(self.sent, self.left, operation="send_file")

    def leave(self) -> None:
        """Move the file behind what was sent, if it is to be moved."""
        if self._moves and self.number is not None and not self._file.closed:
            self._file.seek(self.position)

    def take(self) -> None:
        """Have a descriptor of its own from now on, and the file moved behind all of it.

        Whoever has opened the file may then close it.

        Raises:
            TypeError: It is no file that can be read at any place.
            ValueError: Nobody knows how much of it there is.
            TooManyOpenFiles: No descriptor is left.
        """
        if self.number is None:
            raise TypeError(
                "who must not wait for a file sends those that are on a disk, not "
                f"{type(self._file).__name__}: read others, and write() what they have"
            )
        if self.left is None:
            self.left = 0 if self._is_empty() else None
        if self.left is None:
            raise ValueError("the system does not tell how large the file is: give a count")
        try:
            own = OwnedNumber.of(os.dup, self.number)
        except OSError as error:
            raise _file_error(error) from None
        if self._moves:
            self._file.seek(self.position + self.left)
            self._moved = self._file
        self._file, self.number, self._moves = own, own.fileno(), False

    def go_back(self) -> None:
        """Move the file that `take` has moved behind all of it behind what was sent of it."""
        if self._moved is not None and self.left and not self._moved.closed:
            self._moved.seek(self.position)

    def _is_empty(self) -> bool:
        return not self.read(1)

    def close(self) -> None:
        """Close the descriptor that `take` has made."""
        self._file.close()


def _checked(file: Any) -> Any:
    """Return a file if it is open for reading in binary mode."""
    if isinstance(file, io.TextIOBase):
        raise TypeError(
            "the file was opened for text: open it in binary mode, like open(path, 'rb')"
        )
    if not callable(getattr(file, "read", None)):
        raise TypeError(
            f"what is sent is a file that was opened in binary mode, like open(path, 'rb'), not "
            f"{type(file).__name__}"
        )
    if getattr(file, "closed", False):
        raise ValueError("the file is closed")
    readable = getattr(file, "readable", None)
    if readable is not None and not readable():
        raise ValueError("the file is not open for reading")
    return file


def _number_of_plain_file(file: Any) -> int | None:
    """Return the descriptor of a file that has nothing in it but what its descriptor has."""
    file = getattr(file, "file", file)  # as those of `tempfile` have it
    raw = file.raw if isinstance(file, io.BufferedReader | io.BufferedRandom) else file
    if type(raw) is not io.FileIO:
        return None
    return raw.fileno()


def _file_error(error: OSError) -> SocketError:
    return SocketError.from_errno(error.errno or 0, operation="send_file")
