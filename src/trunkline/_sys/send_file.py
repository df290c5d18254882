"""Sending files to sockets without reading them, see sendfile(2)."""

import io
import os
from typing import Any

__all__ = ("CanNotSendFile", "FilePart")

_MOST_AT_ONCE = 1 << 30  # what the system takes everywhere


class CanNotSendFile(Exception):
    """The system does not send this file by itself."""


class FilePart:
    """A part of a file that is being sent.

    Args:
        file: The file, which stays its owner's.
        offset: Where the part begins.
        count: How many bytes it has at most; None is to the file's end.

    Attributes:
        sent: How many of them have been sent.

    Raises:
        CanNotSendFile: It is no file of the system's, or the system has no sendfile.
    """

    def __init__(self, file: Any, offset: int, count: int | None) -> None:
        if not hasattr(os, "sendfile"):
            raise CanNotSendFile("this system has no sendfile")
        try:
            self._number: int = file.fileno()
            size = os.fstat(self._number).st_size
        except (AttributeError, io.UnsupportedOperation, OSError):
            raise CanNotSendFile("not a regular file") from None
        self._offset = offset
        self._count = size if count is None and not size else count
        self.sent: int = 0

    def send_to(self, number: int) -> int:
        """Send to a socket what it takes; return how many bytes that were, none at the end.

        Raises:
            CanNotSendFile: The system cannot send this one.
            OSError: Whatever else sendfile(2) says.
        """
        left = _MOST_AT_ONCE if self._count is None else self._count - self.sent
        if not left:
            return 0
        try:
            sent = os.sendfile(
                number, self._number, self._offset + self.sent, min(left, _MOST_AT_ONCE)
            )
        except (BlockingIOError, InterruptedError, ConnectionError):
            raise
        except OSError:
            if self.sent:
                raise
            raise CanNotSendFile("the system cannot send this file") from None
        self.sent += sent
        return sent

    def show_position(self) -> None:
        """Set the file's position behind what was sent, if anything was."""
        if self.sent:
            os.lseek(self._number, self._offset + self.sent, os.SEEK_SET)
