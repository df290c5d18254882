"""Time limits of a connection, which hold whatever its handler asks for.

A stream waits through its channel. So this channel stands between a connection's stream and its
descriptor, and waits no longer than the server allows. A handler that is busy with something else
than its client is not interrupted: the limits are on the client.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from .._core.deadline import Deadline, check_timeout
from .._sys.clock import Clock, monotonic
from .._sys.descriptor import Descriptor
from .._sys.readiness import READABLE, WRITABLE, wait_for_any
from .._sys.socket_descriptor import SocketDescriptor
from .._sys.waker import Waker
from ..errors import TimedOut

__all__ = ("LimitedChannel", "TimeLimits", "check_limit_of_time")

T = TypeVar("T")


def check_limit_of_time(what: str, seconds: float | None) -> None:
    """Raise `TypeError` or `ValueError` unless a limit is a positive number, or None for none."""
    if check_timeout(seconds, what) == 0:
        raise ValueError(f"{what} cannot be 0: that leaves no time at all")


@dataclass(frozen=True)
class TimeLimits:
    """What a server allows each connection, in seconds; None is for ever.

    Attributes:
        read_timeout: For one reading call in all, a line for instance.
        write_timeout: For one writing call in all.
        idle_timeout: For nothing to move in either direction, while somebody waits for it.
        lifetime: For the whole connection.

    Raises:
        TypeError, ValueError: One of them is not a positive number.
    """

    read_timeout: float | None = None
    write_timeout: float | None = None
    idle_timeout: float | None = None
    lifetime: float | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        for what, seconds in vars(self).items():
            check_limit_of_time(what, seconds)


class _Call:
    """The limit on one call of the stream's, in whichever of its waits it is.

    A call is known by its deadline: all of its waits are given the same one, and no other call is.
    """

    __slots__ = ("_deadline", "_seconds", "end", "name")

    def __init__(self, name: str, seconds: float | None) -> None:
        self.name = name
        self._seconds = seconds
        self._deadline: Deadline | None = None
        self.end: float | None = None

    def note(self, deadline: Deadline, now: float) -> None:
        if self._seconds is not None and deadline is not self._deadline:
            self._deadline = deadline
            self.end = now + self._seconds


_NO_CALL = _Call("", None)


class LimitedChannel:
    """A connection's descriptor, for which nobody waits longer than the limits allow.

    Args:
        descriptor: The connection's.
        limits: Its limits; its life begins now.
        clock: The clock that the limits go by.
    """

    def __init__(
        self, descriptor: SocketDescriptor, limits: TimeLimits, clock: Clock = monotonic
    ) -> None:
        self._descriptor = descriptor
        self.reading: AbstractContextManager[None] = descriptor.reading
        self.writing: AbstractContextManager[None] = descriptor.writing
        self._clock = clock
        self._read = _Call("read_timeout", limits.read_timeout)
        self._write = _Call("write_timeout", limits.write_timeout)
        self._idle = limits.idle_timeout
        self._moved_at = clock()
        # Limits after which nothing is sent or received any more, by their names.
        self._ends: dict[str, float] = {}
        self.set_end("lifetime", limits.lifetime)

    def set_end(self, name: str, seconds: float | None) -> None:
        """Let a limit begin now, after which nothing moves any more; None takes it away."""
        if seconds is not None:
            self._ends[name] = self._clock() + seconds
        else:
            self._ends.pop(name, None)

    # -- what a stream needs, see `Channel` ------------------------------------------------------

    @property
    def where(self) -> object:
        """The address that errors name."""
        return self._descriptor.where

    @where.setter
    def where(self, where: object) -> None:
        self._descriptor.where = where

    def receive_into(self, buffer: Any, /) -> int:
        """Receive what is there."""
        if self._ends:
            self._check_ends("receive")
        count = self._descriptor.receive_into(buffer)
        if self._idle is not None:
            self._moved_at = self._clock()
        return count

    def send(self, data: Any, /) -> int:
        """Send what fits."""
        if self._ends:
            self._check_ends("send")
        count = self._descriptor.send(data)
        if self._idle is not None:
            self._moved_at = self._clock()
        return count

    def wait_readable(self, deadline: Deadline, operation: str) -> None:
        """Wait until `receive_into` would not block."""
        self._wait(self._descriptor.wait_readable, deadline, operation, self._read)

    def wait_writable(self, deadline: Deadline, operation: str) -> None:
        """Wait until `send` would not block."""
        self._wait(self._descriptor.wait_writable, deadline, operation, self._write)

    def wait_ready(self, deadline: Deadline, operation: str) -> None:
        """Wait until one of the two would not block."""
        self._wait(self._descriptor.wait_ready, deadline, operation, self._read)

    # -- waiting for something else too ----------------------------------------------------------

    def wait_readable_or(
        self, waker: Waker, deadline: Deadline, operation: str, *, writable: bool
    ) -> bool | None:
        """Wait, with the right to read, until there is input, or `waker` was woken.

        Args:
            waker: Whose waking ends the wait.
            deadline: The limit of the whole call.
            operation: What an error calls the call.
            writable: Let it end also when something can be sent.

        Returns:
            Whether there is input, the end included; None if all there is is room for output.

        Raises:
            TimedOut: The deadline, or a limit other than that on reading, has passed.
            SocketClosed: The connection was closed.
        """

        def wait(deadline: Deadline, operation: str) -> bool | None:
            interest = READABLE | WRITABLE if writable else READABLE
            return _wait_for_both(self._descriptor, interest, waker, deadline, operation)

        return self._wait(wait, deadline, operation, _NO_CALL)

    # -- the limits ------------------------------------------------------------------------------

    def _wait(
        self, wait: Callable[[Deadline, str], T], deadline: Deadline, operation: str, call: _Call
    ) -> T:
        began = self._clock()
        call.note(deadline, began)
        while True:
            name, left = self._nearest_limit(call, began)
            remaining = deadline.remaining()
            if remaining is not None and remaining <= left:
                return wait(deadline, operation)
            if left <= 0:
                raise self._passed(name, operation)
            try:
                return wait(Deadline(left, self._clock), operation)
            except TimedOut:
                # Unless something has moved in the other direction, it is a limit that has passed.
                continue

    def _nearest_limit(self, call: _Call, began: float) -> tuple[str, float]:
        """Return the limit that passes next, and the seconds that are left, infinity for none."""
        name, end = "", float("inf")
        if call.end is not None:
            name, end = call.name, call.end
        if self._idle is not None:
            idle_end = max(began, self._moved_at) + self._idle
            if idle_end < end:
                name, end = "idle_timeout", idle_end
        for other, moment in self._ends.items():
            if moment < end:
                name, end = other, moment
        return name, end - self._clock()

    def _check_ends(self, operation: str) -> None:
        now = self._clock()
        for name, end in self._ends.items():
            if end <= now:
                raise self._passed(name, operation)

    def _passed(self, name: str, operation: str) -> TimedOut:
        error = TimedOut(strerror=f"the {name} has passed", operation=operation, address=self.where)
        error.deadline = True
        return error


def _wait_for_both(
    descriptor: Descriptor, interest: int, waker: Waker, deadline: Deadline, operation: str
) -> bool | None:
    while True:
        descriptor.check_open(operation)
        remaining = deadline.remaining()
        number = descriptor.number
        ready = dict(wait_for_any(((number, interest), (waker.fileno(), READABLE)), remaining))
        descriptor.check_open(operation)
        if ready.get(number, 0) & ~WRITABLE:
            return True
        if ready:
            return None if number in ready else False
        if deadline.remaining() == 0:
            raise TimedOut.expired(operation, descriptor.where)
