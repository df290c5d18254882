"""The backend on kqueue(2) of the BSDs and macOS."""

import contextlib
import select
import sys
from typing import Any

from ...errors import SocketError
from ..readiness import FAULTY, READABLE, WRITABLE

__all__ = ("BACKEND", "KqueueBackend")

assert sys.platform != "linux" and sys.platform != "win32"  # noqa: PT018 - for type checkers

_LONGEST_WAIT = 86_400.0  # seconds: what a system takes is limited, and not by all alike
_FILTERS = ((READABLE, select.KQ_FILTER_READ), (WRITABLE, select.KQ_FILTER_WRITE))


class KqueueBackend:
    """See the package's text."""

    name = "kqueue"
    readable = READABLE
    writable = WRITABLE
    faulty = FAULTY
    closed = 0
    plain_read = READABLE
    unasked = 0
    reports_errors = True

    def __init__(self) -> None:
        self._interests: dict[int, int] = {}
        self._kqueue = self._make()

    @staticmethod
    def _make() -> Any:
        try:
            return select.kqueue()
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="kqueue") from None

    def register(self, number: int, interest: int) -> None:
        self._interests[number] = 0
        self.modify(number, interest)

    def modify(self, number: int, interest: int) -> None:
        before = self._interests[number]
        changes = [
            select.kevent(number, kind, select.KQ_EV_ADD if interest & bit else select.KQ_EV_DELETE)
            for bit, kind in _FILTERS
            if (before ^ interest) & bit
        ]
        try:
            if changes:
                self._kqueue.control(changes, 0, 0)
        except OSError as error:
            raise SocketError.from_errno(
                error.errno or 0, operation="kevent", address=f"descriptor {number}"
            ) from None
        self._interests[number] = interest

    def unregister(self, number: int) -> None:
        if number not in self._interests:
            return
        # Where the descriptor was closed, that has removed the filters already.
        with contextlib.suppress(SocketError):
            self.modify(number, 0)
        del self._interests[number]

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        most = max(1, 2 * len(self._interests))
        if timeout is not None and timeout > _LONGEST_WAIT:
            timeout = _LONGEST_WAIT
        try:
            events = self._kqueue.control(None, most, timeout)
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="kevent") from None
        ready: dict[int, int] = {}
        for event in events:
            bits = READABLE if event.filter == select.KQ_FILTER_READ else WRITABLE
            if event.flags & select.KQ_EV_EOF and event.fflags:
                bits |= FAULTY  # the socket's error is in fflags
            ready[event.ident] = ready.get(event.ident, 0) | bits
        return list(ready.items())

    def rebuild(self) -> None:
        """A kqueue is not inherited by a fork: make one, and watch the same descriptors."""
        self._kqueue = self._make()
        interests = self._interests
        self._interests = {}
        for number, interest in interests.items():
            try:
                self.register(number, interest)
            except SocketError:
                self._interests.pop(number, None)

    def close(self) -> None:
        self._kqueue.close()


BACKEND = KqueueBackend
