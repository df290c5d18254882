"""The backend on poll(2)."""

import math
import select

from ...errors import SocketError
from ..readiness import LONGEST_WAIT
from ..registration import Registration, ready_ones

__all__ = ("BACKEND", "PollBackend")


class PollBackend:
    """See the package's text."""

    name = "poll"

    def __init__(self) -> None:
        self.registered: dict[int, Registration] = {}
        self._poll = select.poll()

    def register(self, registration: Registration, interest: int) -> None:
        self._poll.register(registration._number, interest)
        self.registered[registration._number] = registration
        registration._interest = interest

    def modify(self, registration: Registration, interest: int) -> None:
        self.register(registration, interest)

    def unregister(self, registration: Registration) -> None:
        registration._interest = None
        number = registration._number
        if self.registered.get(number) is registration:
            del self.registered[number]
            self._poll.unregister(number)

    def wait(self, timeout: float | None) -> list[Registration]:
        milliseconds = None
        if timeout is not None:
            milliseconds = math.ceil(min(timeout, LONGEST_WAIT) * 1000)
        try:
            ready = self._poll.poll(milliseconds)
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="poll") from None
        return ready_ones(self.registered, ready)

    def rebuild(self) -> None:
        """Watch the same descriptors with a new object.

        The set is the process's own, but the object of a parent in which another thread was waiting
        remembers that, and refuses to wait.
        """
        self._poll = select.poll()
        for number, registration in self.registered.items():
            self._poll.register(number, registration._interest or 0)

    def close(self) -> None:
        """There is no descriptor to give back."""


BACKEND = PollBackend
