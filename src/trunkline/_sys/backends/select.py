"""The backend on select(2), which every system has, with its limit of descriptors."""

import errno
import os
import select
import sys

from ...errors import SocketError, TooManyOpenFiles
from ..readiness import LONGEST_WAIT, NUMBER_CLOSED, READABLE, URGENT, WRITABLE
from ..registration import Registration, ready_ones

__all__ = ("BACKEND", "SelectBackend")

_FD_SETSIZE = 1024  # of glibc, musl, macOS and the BSDs; Windows counts, and takes any number


class SelectBackend:
    """See the package's text."""

    name = "select"

    def __init__(self) -> None:
        self.registered: dict[int, Registration] = {}
        # In the order in which select(2) takes them; what is exceptional there is what is urgent.
        self._sets: tuple[tuple[int, set[int]], ...] = (
            (READABLE, set()),
            (WRITABLE, set()),
            (URGENT, set()),
        )

    def register(self, registration: Registration, interest: int) -> None:
        number = registration._number
        if number >= _FD_SETSIZE and sys.platform != "win32":
            raise TooManyOpenFiles(
                errno.EMFILE,
                f"select takes descriptors below {_FD_SETSIZE} only",
                operation="select",
                address=f"descriptor {number}",
            )
        self.registered[number] = registration
        self.modify(registration, interest)

    def modify(self, registration: Registration, interest: int) -> None:
        for bit, numbers in self._sets:
            if interest & bit:
                numbers.add(registration._number)
            else:
                numbers.discard(registration._number)
        registration._interest = interest

    def unregister(self, registration: Registration) -> None:
        registration._interest = None
        number = registration._number
        if self.registered.get(number) is registration:
            del self.registered[number]
            for _, numbers in self._sets:
                numbers.discard(number)

    def wait(self, timeout: float | None) -> list[Registration]:
        if timeout is not None and timeout > LONGEST_WAIT:
            timeout = LONGEST_WAIT
        try:
            # Other threads may change the sets while it goes through them.
            readers, writers, urgent = (tuple(numbers) for _, numbers in self._sets)
            found = select.select(readers, writers, urgent, timeout)
        except OSError as error:
            if error.errno == errno.EBADF:
                return self._closed_ones()
            raise SocketError.from_errno(error.errno or 0, operation="select") from None
        ready = dict.fromkeys(found[0], READABLE)
        for (bit, _), numbers in zip(self._sets[1:], found[1:], strict=True):
            for number in numbers:
                ready[number] = ready.get(number, 0) | bit
        return ready_ones(self.registered, ready.items())

    def _closed_ones(self) -> list[Registration]:
        """Return those whose descriptors have been closed behind our back."""
        closed = []
        for number, registration in tuple(self.registered.items()):
            try:
                os.fstat(number)
            except OSError:
                registration._events = NUMBER_CLOSED
                closed.append(registration)
        return closed

    def rebuild(self) -> None:
        """The set is the process's own: there is nothing to do after a fork."""

    def close(self) -> None:
        """There is no descriptor to give back."""


BACKEND = SelectBackend
