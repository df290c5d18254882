"""Waiting once for descriptors, with poll(2), or with select(2) where there is no poll.

An interrupted wait goes on for what is left of its time, after Python has run its signal handlers:
a signal is invisible here unless its handler raises, as that of Ctrl-C does.
"""

import contextlib
import errno
import math
import os
import select
import socket
import stat
import sys
from collections.abc import Iterable
from typing import Any, Protocol

from ..errors import SocketError
from .borrowed_socket import BorrowedSocket

if sys.platform != "win32":
    import fcntl
    import termios

__all__ = (
    "ENDED",
    "FAULTY",
    "HUNG_UP",
    "LONGEST_WAIT",
    "NUMBER_CLOSED",
    "READABLE",
    "URGENT",
    "WRITABLE",
    "Interests",
    "is_at_end",
    "make_interests",
    "unread_count",
    "wait_for_any",
    "wait_for_one",
    "wait_for_registered",
)

READABLE = getattr(select, "POLLIN", 1)
WRITABLE = getattr(select, "POLLOUT", 4)
FAULTY = getattr(select, "POLLERR", 8)
HUNG_UP = getattr(select, "POLLHUP", 16)
NUMBER_CLOSED = getattr(select, "POLLNVAL", 32)
URGENT = getattr(select, "POLLPRI", 2)
ENDED = getattr(select, "POLLRDHUP", 0)  # the peer sends no more; only Linux tells it
"""What a descriptor is: several of these, added.

They are the bits of poll(2), which are those of epoll(7), too: most answers of the system need no
translation.
"""

LONGEST_WAIT = 86_400.0
"""Seconds that the system is asked to wait at most, at a time.

What it takes is limited, and not everywhere alike: a C int of milliseconds, for example.
"""

_NO_BYTES = bytes(4)  # an integer of C's, which is 0
_NO_WAIT = int(getattr(socket, "MSG_DONTWAIT", 0))
_NOT_CONNECTED = (errno.ENOTCONN, errno.EINVAL)  # the second is of local sockets
_LOOKS = 100  # at an end, before it is believed without one


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
    registered = make_interests()
    for descriptor, interest in interests:
        registered.register(descriptor, interest)
    return wait_for_registered(registered, timeout)


def wait_for_one(descriptor: int, interest: int, timeout: float | None) -> int:
    """Wait until a descriptor is ready, and return for what, or 0; see `wait_for_any`."""
    registered = make_interests()
    registered.register(descriptor, interest)
    ready = wait_for_registered(registered, timeout)
    return ready[0][1] if ready else 0


def unread_count(number: int) -> int | None:
    """Return how many bytes have come that were not read, or None where the system cannot tell.

    See ioctl_tty(2), FIONREAD. It cannot tell for what has no bytes, like a socket that listens, or
    for what is closed, whose number is -1.
    """
    if sys.platform == "win32" or number < 0:
        return None
    try:
        return int.from_bytes(fcntl.ioctl(number, termios.FIONREAD, _NO_BYTES), sys.byteorder)
    except OSError:
        return None


def is_at_end(number: int, events: int) -> bool | None:
    """Return whether the next read of a descriptor that is readable finds the end of file.

    None is that it finds an error, for example of a connection that has never been one.

    Args:
        number: The descriptor.
        events: What it was said to be, where `ENDED` was waited for, too.
    """
    if unread_count(number) != 0:
        return False
    if events & (ENDED | HUNG_UP):
        return _ends_here(number)
    # A socket that has not ended has a datagram without bytes, or urgent ones. All else that can be
    # read and has no bytes is at its end, a terminal for example.
    try:
        return not (ENDED and stat.S_ISSOCK(os.fstat(number).st_mode))
    except OSError:  # another thread has just closed it
        return False


def _ends_here(number: int) -> bool | None:
    """Return whether what has ended has nothing more; None if it has not even begun.

    Bytes behind the mark of an urgent one are not counted, and to look is the only way to know. An
    error that waits to be told is none that has ended, and is not taken away by it.
    """
    try:
        sock = BorrowedSocket(fileno=number)
    except OSError:  # it is no socket
        return True
    try:
        for _ in range(_LOOKS):
            with contextlib.suppress(BlockingIOError):  # in vain: there is something, or an end
                return not sock.recv(1, socket.MSG_PEEK | _NO_WAIT)
        return True
    except OSError as error:
        return None if error.errno in _NOT_CONNECTED else True


class Interests(Protocol):
    """Which descriptors are waited for, and for what."""

    def register(self, number: int, interest: int, /) -> None:
        """Wait for a descriptor, for this and for nothing that was said of it before."""


def wait_for_registered(interests: Interests, timeout: float | None) -> list[tuple[int, int]]:
    """Do what `wait_for_any` does, for descriptors that were registered one by one."""
    try:
        return _wait_for(interests, timeout)
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation="wait") from None


if hasattr(select, "poll"):

    def make_interests() -> Interests:
        """Return an empty set of descriptors to wait for."""
        return select.poll()

    def _wait_for(interests: Any, timeout: float | None) -> list[tuple[int, int]]:
        if timeout is not None:
            # Rounded up, or a wait for less than a millisecond would be a busy loop.
            timeout = math.ceil(min(timeout, LONGEST_WAIT) * 1000)
        ready: list[tuple[int, int]] = interests.poll(timeout)
        for _, events in ready:
            if events & HUNG_UP:
                return [(number, _readiness(events)) for number, events in ready]
        return ready

    def _readiness(events: int) -> int:
        return events | READABLE | WRITABLE if events & HUNG_UP else events

else:  # pragma: no cover - Windows

    class _SelectInterests(dict[int, int]):
        register = dict.__setitem__

    def make_interests() -> Interests:
        """Return an empty set of descriptors to wait for."""
        return _SelectInterests()

    def _wait_for(interests: Any, timeout: float | None) -> list[tuple[int, int]]:
        if timeout is not None:
            timeout = min(timeout, LONGEST_WAIT)
        readers = [number for number, interest in interests.items() if interest & READABLE]
        writers = [number for number, interest in interests.items() if interest & WRITABLE]
        readable, writable, faulty = select.select(readers, writers, [*interests], timeout)
        ready: dict[int, int] = {}
        for numbers, bit in ((readable, READABLE), (writable, WRITABLE), (faulty, FAULTY)):
            for number in numbers:
                ready[number] = ready.get(number, 0) | bit
        return list(ready.items())
