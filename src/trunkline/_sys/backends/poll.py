"""The backend on poll(2)."""

import math
import select

from ...errors import SocketError
from ..readiness import READABLE, WRITABLE

__all__ = ("BACKEND", "PollBackend")

_INTERESTS = {
    0: 0,
    READABLE: select.POLLIN,
    WRITABLE: select.POLLOUT,
    READABLE | WRITABLE: select.POLLIN | select.POLLOUT,
}
_LONGEST_WAIT = 86_400.0  # seconds: poll takes milliseconds, as a C int


class PollBackend:
    """See the package's text."""

    name = "poll"
    readable = select.POLLIN | select.POLLHUP
    writable = select.POLLOUT | select.POLLHUP
    faulty = select.POLLERR
    closed = select.POLLNVAL
    plain_read = select.POLLIN
    unasked = select.POLLHUP | select.POLLERR
    reports_errors = True

    def __init__(self) -> None:
        self._interests: dict[int, int] = {}
        self._poll = select.poll()

    def register(self, number: int, interest: int) -> None:
        self._poll.register(number, _INTERESTS[interest])
        self._interests[number] = interest

    def modify(self, number: int, interest: int) -> None:
        self.register(number, interest)

    def unregister(self, number: int) -> None:
        if self._interests.pop(number, None) is not None:
            self._poll.unregister(number)

    def wait(self, timeout: float | None) -> list[tuple[int, int]]:
        milliseconds = None
        if timeout is not None:
            milliseconds = math.ceil(min(timeout, _LONGEST_WAIT) * 1000)
        try:
            return self._poll.poll(milliseconds)
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="poll") from None

    def rebuild(self) -> None:
        """Watch the same descriptors with a new object.

        The set is the process's own, but the object of a parent in which another thread was waiting
        remembers that, and refuses to wait.
        """
        self._poll = select.poll()
        for number, interest in self._interests.items():
            self._poll.register(number, _INTERESTS[interest])

    def close(self) -> None:
        """There is no descriptor to give back."""


BACKEND = PollBackend
