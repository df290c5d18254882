"""The backend on kqueue(2) of the BSDs and macOS."""

import contextlib
import select
import sys
from typing import Any

from ...errors import OperationNotSupported, SocketError
from ..readiness import FAULTY, LONGEST_WAIT, READABLE, URGENT, WRITABLE
from ..registration import Registration, ready_ones

__all__ = ("BACKEND", "KqueueBackend")

assert sys.platform != "linux" and sys.platform != "win32"  # noqa: PT018 - for type checkers

_FILTERS = ((READABLE, select.KQ_FILTER_READ), (WRITABLE, select.KQ_FILTER_WRITE))


class KqueueBackend:
    """See the package's text."""

    name = "kqueue"

    def __init__(self) -> None:
        self.registered: dict[int, Registration] = {}
        self._kqueue = self._make()

    @staticmethod
    def _make() -> Any:
        try:
            return select.kqueue()
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="kqueue") from None

    def register(self, registration: Registration, interest: int) -> None:
        self._change(registration._number, 0, interest)
        self.registered[registration._number] = registration
        registration._interest = interest

    def modify(self, registration: Registration, interest: int) -> None:
        self._change(registration._number, registration._interest or 0, interest)
        registration._interest = interest

    def _change(self, number: int, before: int, interest: int) -> None:
        if interest & URGENT:
            raise OperationNotSupported(
                strerror="kqueue does not tell what is urgent; the backends poll and select do",
                operation="kevent",
                address=f"descriptor {number}",
            )
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

    def unregister(self, registration: Registration) -> None:
        before, registration._interest = registration._interest or 0, None
        number = registration._number
        if self.registered.get(number) is registration:
            del self.registered[number]
            # Where the descriptor was closed, that has removed the filters already.
            with contextlib.suppress(SocketError):
                self._change(number, before, 0)

    def wait(self, timeout: float | None) -> list[Registration]:
        most = max(1, 2 * len(self.registered))
        if timeout is not None and timeout > LONGEST_WAIT:
            timeout = LONGEST_WAIT
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
        return ready_ones(self.registered, ready.items())

    def rebuild(self) -> None:
        """A kqueue is not inherited by a fork: make one, and watch the same descriptors."""
        self._kqueue = self._make()
        for number, registration in list(self.registered.items()):
            try:
                self._change(number, 0, registration._interest or 0)
            except SocketError:
                del self.registered[number]
                registration._interest = None

    def close(self) -> None:
        self._kqueue.close()


BACKEND = KqueueBackend
