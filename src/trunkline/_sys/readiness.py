"""Waiting once for descriptors, with poll(2), or with select(2) where there is no poll.

An interrupted wait goes on for what is left of its time, after Python has run its signal handlers:
a signal is invisible here unless its handler raises, as that of Ctrl-C does.
"""

import math
import select
from collections.abc import Iterable

from ..errors import SocketError

__all__ = (
    "CLOSED",
    "ENDED",
    "FAULTY",
    "HUNG_UP",
    "READABLE",
    "URGENT",
    "WRITABLE",
    "wait_for_any",
    "wait_for_one",
)

READABLE = getattr(select, "POLLIN", 1)
WRITABLE = getattr(select, "POLLOUT", 4)
FAULTY = getattr(select, "POLLERR", 8)
HUNG_UP = getattr(select, "POLLHUP", 16)
CLOSED = getattr(select, "POLLNVAL", 32)
URGENT = getattr(select, "POLLPRI", 2)
ENDED = getattr(select, "POLLRDHUP", 0)  # the peer sends no more; only Linux tells it
"""What a descriptor is: several of these, added.

They are the bits of poll(2), which are those of epoll(7), too: most answers of the system need no
translation.
"""

_LONGEST_WAIT = 86_400.0  # seconds: poll takes its time in milliseconds, as a C int


def wait_for_any(
    interests: Iterable[tuple[int, int]], timeout: float | None
) -> list[tuple[int, int]]:
    """Wait until one of several descriptors is ready, and return those that are, and for what.

    A descriptor with an error or a hang-up counts as ready, whatever it is waited for. One that is
    hung up is readable and writable, too.

    Args:
        interests: Pairs of a descriptor and of `READABLE`, `WRITABLE`, both added, or 0.
        timeout: Seconds; None is for ever. A wait of more than a day may end after a day.

    Raises:
        SocketError: The system call failed.
    """
    try:
        return _wait(interests, timeout)
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation="wait") from None


def wait_for_one(descriptor: int, interest: int, timeout: float | None) -> int:
    """Wait until a descriptor is ready, and return for what, or 0; see `wait_for_any`."""
    try:
        ready = _wait(((descriptor, interest),), timeout)
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation="wait") from None
    return ready[0][1] if ready else 0


if hasattr(select, "poll"):

    def _wait(interests: Iterable[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
        poll = select.poll()
        for descriptor, interest in interests:
            poll.register(descriptor, interest)
        if timeout is not None:
            # Rounded up, or a wait for less than a millisecond would be a busy loop.
            timeout = math.ceil(min(timeout, _LONGEST_WAIT) * 1000)
        ready = poll.poll(timeout)
        for _, events in ready:
            if events & HUNG_UP:
                return [(number, _readiness(events)) for number, events in ready]
        return ready

    def _readiness(events: int) -> int:
        return events | READABLE | WRITABLE if events & HUNG_UP else events

else:  # pragma: no cover - Windows

    def _wait(interests: Iterable[tuple[int, int]], timeout: float | None) -> list[tuple[int, int]]:
        pairs = list(interests)
        if timeout is not None:
            timeout = min(timeout, _LONGEST_WAIT)
        readers = [number for number, interest in pairs if interest & READABLE]
        writers = [number for number, interest in pairs if interest & WRITABLE]
        readable, writable, faulty = select.select(readers, writers, [n for n, _ in pairs], timeout)
        ready: dict[int, int] = {}
        for numbers, bit in ((readable, READABLE), (writable, WRITABLE), (faulty, FAULTY)):
            for number in numbers:
                ready[number] = ready.get(number, 0) | bit
        return list(ready.items())
