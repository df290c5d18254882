"""The backend on select(2), which every system has, with its limit of descriptors."""

import errno
import os
import select
import sys

from ...errors import SocketError, TooManyOpenFiles
from ..readiness import CLOSED, FAULTY, READABLE, WRITABLE

__all__ = ("BACKEND", "SelectBackend")

_FD_SETSIZE = 1024  # of glibc, musl, macOS and the BSDs; Windows counts, and takes any number
_LONGEST_WAIT = 86_400.0  # seconds: what a system takes is limited, and not by all alike


class SelectBackend:
    """See the package's text."""

    name = "select"
    readable = READABLE
    writable = WRITABLE
    faulty = FAULTY
    closed = CLOSED
    plain_read = READABLE
    unasked = 0
    reports_errors = False

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._readers: set[int] = set()
        self._writers: set[int] = set()

    def register(self, number: int, interest: int) -> None:
        if number >= _FD_SETSIZE and sys.platform != "win32":
            raise TooManyOpenFiles(
                errno.EMFILE,
                f"select takes descriptors below {_FD_SETSIZE} only",
                operation="select",
                address=f"descriptor {number}",
            )
        self._numbers.add(number)
        self.modify(number, interest)

    def modify(self, number: int, interest: int) -> None:
        for bit, numbers in ((READABLE, self._readers), (WRITABLE, self._writers)):
            if interest & bit:
                numbers.add(number)
            else:
                numbers.discard(number)

    def unregister(self, number: int) -> None:
        for numbers in (self._numbers, self._readers, self._writers):
            numbers.discard(number)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        if timeout is not None and timeout > _LONGEST_WAIT:
            timeout = _LONGEST_WAIT
        try:
            readable, writable, _ = select.select(self._readers, self._writers, (), timeout)
        except OSError as error:
            if error.errno == errno.EBADF:
                return self._closed_ones()
            raise SocketError.from_errno(error.errno or 0, operation="select") from None
        ready = dict.fromkeys(readable, READABLE)
        for number in writable:
            ready[number] = ready.get(number, 0) | WRITABLE
        return list(ready.items())

    def _closed_ones(self) -> list[tuple[int, int]]:
        """Return the descriptors that have been closed behind our back."""
        closed = []
        for number in tuple(self._numbers):  # which another thread may change
            try:
                os.fstat(number)
            except OSError:
                closed.append((number, CLOSED))
        return closed

    def rebuild(self) -> None:
        """The set is the process's own: there is nothing to do after a fork."""

    def close(self) -> None:
        """There is no descriptor to give back."""


BACKEND = SelectBackend
