"""Waiting for one descriptor, without an event base."""

from typing import Literal, NamedTuple, TypeAlias

from .._core.deadline import Deadline
from .._sys.clock import monotonic
from .._sys.identity import identify
from .._sys.readiness import CLOSED, FAULTY, READABLE, WRITABLE, wait_for_one
from ..errors import SocketClosed
from ..streams.stream import Stream
from .handler_registration import DescriptorLike, number_of

__all__ = (
    "Readiness",
    "WaitEvent",
    "fd_readable",
    "fd_writable",
    "interest_in",
    "wait_until_fd_ready",
)

WaitEvent: TypeAlias = Literal["read", "write", "read_write"]

_INTERESTS = {"read": READABLE, "write": WRITABLE, "read_write": READABLE | WRITABLE}


class Readiness(NamedTuple):
    """For what a descriptor is ready. It is false if it is ready for nothing: the time is up.

    Attributes:
        readable: Whether it can be read without waiting.
        writable: Whether it can be written without waiting.
    """

    readable: bool
    writable: bool

    def __bool__(self) -> bool:
        return self.readable or self.writable


def wait_until_fd_ready(
    descriptor: DescriptorLike, event: WaitEvent = "read", *, timeout: float | None = None
) -> Readiness:
    """Wait until a descriptor is ready.

    A descriptor with an error counts as ready for what it was waited for: the next operation on it
    will raise the error.

    Args:
        descriptor: A number, or any object with `fileno`. A stream with buffered input is readable.
        event: ``"read"``, ``"write"`` or ``"read_write"``, which waits for either.
        timeout: Seconds to wait; None is for ever, 0 only looks.

    Returns:
        A `Readiness`: whether it can be read, and whether it can be written.

    Raises:
        SocketClosed: There is no such descriptor.
        ValueError: It is a regular file or a directory; or there is no such event; or the timeout
            is negative.
        TypeError: An argument is of the wrong type.
    """
    interest = interest_in(event)
    deadline = Deadline(timeout, monotonic)
    number = number_of(descriptor)
    if number < 0:
        raise SocketClosed(operation="wait", address=repr(descriptor))
    identify(number)
    is_buffered = isinstance(descriptor, Stream) and descriptor.has_buffered_input
    has_buffered = bool(interest & READABLE) and is_buffered
    while True:
        remaining = 0.0 if has_buffered else deadline.remaining()
        readiness = wait_for_one(number, interest, remaining)
        if readiness & CLOSED:
            raise SocketClosed(operation="wait", address=f"descriptor {number}")
        if readiness & FAULTY:
            readiness |= interest
        if has_buffered:
            readiness |= READABLE
        readiness &= interest
        if readiness or remaining == 0 or deadline.remaining() == 0:
            return Readiness(bool(readiness & READABLE), bool(readiness & WRITABLE))


def interest_in(event: WaitEvent) -> int:
    """Return what is to be waited for.

    Raises:
        ValueError: There is no such event.
    """
    interest = _INTERESTS.get(event)
    if interest is None:
        raise ValueError(f"the event is one of {', '.join(_INTERESTS)}, not {event!r}")
    return interest


def fd_readable(descriptor: DescriptorLike) -> bool:
    """Return whether a descriptor can be read at once; see `wait_until_fd_ready`."""
    return wait_until_fd_ready(descriptor, "read", timeout=0).readable


def fd_writable(descriptor: DescriptorLike) -> bool:
    """Return whether a descriptor can be written at once; see `wait_until_fd_ready`."""
    return wait_until_fd_ready(descriptor, "write", timeout=0).writable
