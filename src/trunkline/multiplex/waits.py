"""Waiting for one descriptor, without an event base."""

from typing import Literal, NamedTuple, TypeAlias

from .._core.deadline import Deadline
from .._sys.clock import monotonic
from .._sys.identity import identify
from .._sys.readiness import FAULTY, NUMBER_CLOSED, READABLE, WRITABLE, wait_for_any, wait_for_one
from ..errors import SocketClosed, TimedOut
from ..sockets import Socket
from ..streams.stream import Stream
from .alarm import Alarm
from .descriptor_like import DescriptorLike, number_of

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
            A socket of Trunkline's may be closed by another thread meanwhile. Of plain numbers, and
            of other objects, that is not known.
        event: ``"read"``, ``"write"`` or ``"read_write"``, which waits for either.
        timeout: Seconds to wait; None is for ever, 0 only looks.

    Returns:
        A `Readiness`: whether it can be read, and whether it can be written.

    Raises:
        SocketClosed: There is no such descriptor; or it was closed while this waited.
        TimedOut: It is a connection of a `Server`, and one of its limits of time has passed.
        ValueError: It is a regular file or a directory; or there is no such event; or the timeout
            is negative.
        TypeError: An argument is of the wrong type.
        TooManyOpenFiles: It has to wait for a socket of Trunkline's, and there are not two
            descriptors left to be woken by.
    """
    if isinstance(descriptor, str) and not isinstance(event, str):
        raise TypeError("the descriptor comes first, and then the event")
    interest = interest_in(event)
    deadline = Deadline(timeout, monotonic)
    if isinstance(descriptor, Socket):
        readiness = _wait_for_socket(descriptor, interest, deadline)
    else:
        number = number_of(descriptor)
        if number < 0:
            raise SocketClosed(operation="wait", address=repr(descriptor))
        identify(number)
        if isinstance(descriptor, Stream) and interest & READABLE and _has_input(descriptor):
            readiness = READABLE | _wait(number, interest, Deadline(0, monotonic))
        else:
            readiness = _wait(number, interest, deadline)
    return Readiness(bool(readiness & READABLE), bool(readiness & WRITABLE))


def _has_input(stream: Stream) -> bool:
    """Return whether something can be read that has been received, more than half a character."""
    return stream._input_buffer.has_char()


def _wait(number: int, interest: int, deadline: Deadline) -> int:
    """Wait for a descriptor that nobody closes; return for what it is ready."""
    while True:
        remaining = deadline.remaining()
        readiness = _readiness(number, interest, wait_for_one(number, interest, remaining))
        if readiness or remaining == 0 or deadline.remaining() == 0:
            return readiness


def _wait_for_socket(socket: Socket, interest: int, deadline: Deadline) -> int:
    """Wait for a socket of ours, for no longer than it allows; return for what it is ready."""
    number = socket.fileno()
    buffered = 0
    if isinstance(socket, Stream) and _has_input(socket):
        buffered = interest & READABLE
    events = wait_for_one(number, interest, 0) if number >= 0 else 0
    socket._descriptor.check_open("wait")  # only now: the number may have become another file's
    readiness = buffered | _readiness(number, interest, events)
    if readiness or deadline.is_immediate:
        return readiness

    def wait(limit: Deadline, operation: str) -> int:
        readiness = _wait_while_open(socket, number, interest, limit)
        if not readiness:
            expired = _TimeIsUp if limit is deadline else TimedOut
            raise expired.expired(operation, socket._descriptor.where)
        return readiness

    try:
        return socket._wait_within_limits(wait, deadline, "wait")
    except _TimeIsUp:
        return 0


class _TimeIsUp(TimedOut):
    """The time that was given for a wait has passed, rather than a limit that the socket has."""


def _wait_while_open(socket: Socket, number: int, interest: int, deadline: Deadline) -> int:
    """Wait for a socket that another thread may close; return for what it is ready.

    Raises:
        SocketClosed: It has.
    """
    with Alarm([socket]) as alarm:
        while True:
            remaining = deadline.remaining()
            wanted = (number, interest), (alarm.waker.fileno(), READABLE)
            ready = dict(wait_for_any(wanted, remaining))
            if alarm.gone:  # it may not be closed yet, where it is handed on
                raise SocketClosed(operation="wait", address=socket._descriptor.where)
            socket._descriptor.check_open("wait")
            readiness = _readiness(number, interest, ready.get(number, 0))
            if readiness or remaining == 0 or deadline.remaining() == 0:
                return readiness
            if ready:
                alarm.waker._handle_ready()  # it was a signal


def _readiness(number: int, interest: int, events: int) -> int:
    """Return for which of the things that it is waited for a descriptor is ready."""
    if events & NUMBER_CLOSED:
        raise SocketClosed(operation="wait", address=f"descriptor {number}")
    return interest if events & FAULTY else events & interest


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
