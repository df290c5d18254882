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
from .._sys.socket_descriptor import NO_SIGNAL, PEEK, SOON, SocketDescriptor
from .._sys.waker import Waker
from ..errors import TimedOut

__all__ = ("LimitedChannel", "TimeLimits", "check_limit_of_time")

T = TypeVar("T")

# A handler that takes a passed limit for the time limit of its own call tries again, and would do
# so for ever, without a pause. After so many times the connection is closed.
_OFTEN_ENOUGH = 10

_NEVER = float("inf")


def check_limit_of_time(what: str, seconds: float | None) -> float | None:
    """Return a limit, if it is a positive number, or None for none; see `check_timeout`."""
    limit = check_timeout(seconds, what)
    if limit == 0:
        raise ValueError(f"{what} cannot be 0: that leaves no time at all")
    return limit


@dataclass(frozen=True)
class TimeLimits:
    """What a server allows each connection, in seconds; None is for ever.

    Attributes:
        read_timeout: For one reading call in all, a line for instance.
        write_timeout: For one writing call in all.
        idle_timeout: For nothing to move in either direction, while somebody waits for it; the
            waits of several calls add up.
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
        for what, seconds in list(vars(self).items()):
            object.__setattr__(self, what, check_limit_of_time(what, seconds))


class _Direction:
    """What the limits have to know of the waits for input, or for output.

    One limit is on a call, in whichever of its waits it is. A call is known by its deadline: all of
    its waits are given the same one, and no other call is.

    Attributes:
        name: What the limit on a call is called.
        seconds: How many seconds it leaves; None is for ever.
        end: When it passes, if there is one.
        heard_at: When it had moved last.
        told: How often it was told, since then, of a limit that had passed before.
    """

    __slots__ = ("_deadline", "end", "heard_at", "name", "seconds", "told")

    def __init__(self, name: str, seconds: float | None) -> None:
        self.name = name
        self.seconds = seconds
        self._deadline: Deadline | None = None
        self.end: float | None = None
        self.heard_at = 0.0
        self.told = 0

    def note_call(self, deadline: Deadline, now: float, seconds: float) -> None:
        """Take note of a wait of a call, which has so many seconds if it is another one."""
        if deadline is not self._deadline:
            self._deadline = deadline
            self.end = now + seconds


class LimitedChannel:
    """A connection's descriptor, for which nobody waits longer than the limits allow.

    Args:
        descriptor: The connection's.
        limits: Its limits; its life begins now.
        clock: The clock that the limits go by.
    """

    __slots__ = (
        "_bare_send",
        "_clock",
        "_descriptor",
        "_ends",
        "_idle",
        "_moved_at",
        "_read",
        "_silence",
        "_silent_since",
        "_write",
        "_write_timeout",
        "reading",
        "received",
        "receptions",
        "sent",
        "was_overstayed",
        "writing",
    )

    def __init__(
        self, descriptor: SocketDescriptor, limits: TimeLimits, clock: Clock = monotonic
    ) -> None:
        self._descriptor = descriptor
        self._bare_send = descriptor.bare_send
        self.reading: AbstractContextManager[None] = descriptor.reading
        self.writing: AbstractContextManager[None] = descriptor.writing
        self._clock = clock
        self._read = _Direction("read_timeout", limits.read_timeout)
        self._write: _Direction | None = None  # most connections never wait to write
        self._write_timeout = limits.write_timeout
        self._idle = limits.idle_timeout
        self._moved_at = clock()
        # Seconds that were waited since something had moved last, then, in whichever direction and
        # however many waits.
        self._silence = 0.0
        self._silent_since = self._moved_at
        self.received: int = 0
        """How many bytes were received."""
        self.receptions: int = 0
        """How many times something was received; an end of file is something, too."""
        self.sent: int = 0
        """How many bytes were sent."""
        self.was_overstayed: bool = False
        """Whether the connection was closed because a limit that had passed was ignored."""
        # Limits after which nothing is sent or received any more, by their names, if there are any.
        self._ends: dict[str, float] | None = None
        self.set_end("lifetime", limits.lifetime)

    @property
    def limits_calls(self) -> bool:
        """Whether there is a limit on each call, which is known by its deadline then."""
        return self._read.seconds is not None or self._write_timeout is not None

    @property
    def _writing(self) -> _Direction:
        if self._write is None:
            self._write = _Direction("write_timeout", self._write_timeout)
        return self._write

    def set_end(self, name: str, seconds: float | None) -> None:
        """Let a limit begin now, after which nothing moves any more; None takes it away."""
        if seconds is not None:
            self._ends = {**(self._ends or {}), name: self._clock() + seconds}
        elif self._ends is not None:
            self._ends.pop(name, None)

    # -- what a stream needs, see `Channel` ------------------------------------------------------

    @property
    def where(self) -> object:
        """The address that errors name."""
        return self._descriptor.where

    @where.setter
    def where(self, where: object) -> None:
        self._descriptor.where = where

    def receive_into(self, buffer: Any, flags: int = 0, /) -> int | None:
        """Receive what is there."""
        if self._ends:
            self._check_ends("receive", self._read)
        count = self._descriptor.receive_into(buffer, flags)
        if count is not None and not flags & PEEK:
            self.received += count
            self.receptions += 1
            self._moved_at = self._clock()
        return count

    def receive_soon(self, buffer: Any, deadline: Deadline, /) -> int | None:
        """Wait for a while and receive, unless a limit passes before."""
        direction = self._read
        now, quiet_since = self._begin_to_wait(direction, deadline)
        _, end = self._nearest_limit(direction, quiet_since, is_call=True)
        if end - now < SOON:
            return None
        count = self._descriptor.receive_soon(buffer, deadline)
        if count is not None:
            self.received += count
            self.receptions += 1
            self._moved_at = self._clock()
        else:
            self._note_silence(direction, quiet_since)
        return count

    def receive(self, size: int, flags: int = 0, /) -> bytes | None:
        """Receive what is there, as bytes."""
        if self._ends:
            self._check_ends("receive", self._read)
        data = self._descriptor.receive(size, flags)
        if data is not None:
            self._note_received(len(data), flags)
        return data

    def receive_by(self, take: Callable[..., int], size: int, /) -> int | None:
        """Have what is there taken; see `SocketDescriptor.receive_by`."""
        if self._ends:
            self._check_ends("receive", self._read)
        count = self._descriptor.receive_by(take, size)
        if count is not None:
            self._note_received(count, 0)
        return count

    def _note_received(self, count: int, flags: int) -> None:
        # Who looks at the same bytes again and again moves nothing.
        if not flags & PEEK:
            self.received += count
            self.receptions += 1
            self._moved_at = self._clock()

    def send(self, data: Any, flags: int = 0, /) -> int | None:
        """Send what fits."""
        if self._ends:
            self._check_ends("send", self._writing)
        try:
            count = self._bare_send(data, flags | NO_SIGNAL)
        except BlockingIOError:
            self._descriptor.check_open("send")
            return None
        except OSError as error:
            raise self._descriptor.failure(error, "send") from None
        self.sent += count
        self._moved_at = self._clock()
        return count

    def send_by(self, give: Callable[..., int], /) -> int | None:
        """Have what fits given away; see `SocketDescriptor.send_by`."""
        if self._ends:
            self._check_ends("send", self._writing)
        count = self._descriptor.send_by(give)
        if count is not None:
            self.sent += count
            self._moved_at = self._clock()
        return count

    def wait_readable(self, deadline: Deadline, operation: str) -> None:
        """Wait until `receive_into` would not block."""
        self._wait(self._descriptor.wait_readable, deadline, operation, self._read)

    def wait_writable(self, deadline: Deadline, operation: str) -> None:
        """Wait until `send` would not block."""
        self._wait(self._descriptor.wait_writable, deadline, operation, self._writing)

    def wait_ready(self, deadline: Deadline, operation: str) -> None:
        """Wait until one of the two would not block."""
        self._wait(self._descriptor.wait_ready, deadline, operation, self._read)

    def wait_urgent(self, deadline: Deadline, operation: str) -> bool:
        """Wait for urgent data; return whether there will be none."""
        return self._wait(self._descriptor.wait_urgent, deadline, operation, self._read)

    def wait_as(self, wait: Callable[[Deadline, str], T], deadline: Deadline, operation: str) -> T:
        """Wait for the client in a way that belongs to no reading or writing call.

        Args:
            wait: Waits until the deadline that it is given, and raises `TimedOut` then.
            deadline: The limit of the call.
            operation: What an error calls it.

        Raises:
            TimedOut: The deadline, or a limit other than those on calls, has passed.
        """
        return self._wait(wait, deadline, operation, self._read, is_call=False)

    # -- waiting for something else too ----------------------------------------------------------

    def wait_readable_or(
        self, waker: Waker, deadline: Deadline, operation: str, *, readable: bool, writable: bool
    ) -> bool | None:
        """Wait, with the right to read, until the client is ready, or `waker` was woken.

        Args:
            waker: Whose waking ends the wait.
            deadline: The limit of the whole call.
            operation: What an error calls the call.
            readable: Let it end when there is input.
            writable: Let it end when something can be sent.

        Returns:
            Whether there is input, the end included; None if all there is is room for output.

        Raises:
            TimedOut: The deadline, or a limit other than that on reading, has passed.
            SocketClosed: The connection was closed.
        """

        def wait(deadline: Deadline, operation: str) -> bool | None:
            interest = (READABLE if readable else 0) | (WRITABLE if writable else 0)
            return _wait_for_both(self._descriptor, interest, waker, deadline, operation)

        return self.wait_as(wait, deadline, operation)

    # -- the limits ------------------------------------------------------------------------------

    def _wait(
        self,
        wait: Callable[[Deadline, str], T],
        deadline: Deadline,
        operation: str,
        direction: _Direction,
        *,
        is_call: bool = True,
    ) -> T:
        """Wait for a direction, with its limit on a call if it is such a call that waits."""
        reads = direction is self._read
        quiet_since, seconds = self.begin_to_wait(deadline, operation, reads=reads, is_call=is_call)
        while True:
            remaining = deadline.remaining()
            is_limit = remaining is None or remaining > seconds
            try:
                return wait(Deadline(seconds, self._clock) if is_limit else deadline, operation)
            except BaseException as error:
                again = self.seconds_after(
                    error, quiet_since, operation, reads=reads, is_call=is_call, is_limit=is_limit
                )
                if again is None:
                    raise
                seconds = again

    def begin_to_wait(
        self, deadline: Deadline, operation: str, *, reads: bool, is_call: bool = True
    ) -> tuple[float, float]:
        """Begin to wait, in whatever way; an end that is an exception is for `seconds_after`.

        Args:
            deadline: The limit of the call, the same one for all of its waits.
            operation: What an error calls it.
            reads: Whether the wait is for input, or else for output.
            is_call: Whether the limit on reading, or writing, counts.

        Returns:
            Since when it is silent, for `seconds_after`; and the seconds that the limits leave,
            infinity if there is none.

        Raises:
            TimedOut: A limit has passed.
        """
        direction = self._read if reads else self._writing
        now, quiet_since = self._begin_to_wait(direction, deadline)
        name, end = self._nearest_limit(direction, quiet_since, is_call)
        if end <= now:
            if name != direction.name:
                self._note_told(direction, operation)
            self._note_silence(direction, quiet_since)
            raise self._passed(name, operation)
        return quiet_since, end - now

    def seconds_after(
        self,
        error: BaseException,
        quiet_since: float,
        operation: str,
        *,
        reads: bool,
        is_call: bool = True,
        is_limit: bool,
    ) -> float | None:
        """Return for how many seconds to wait again after an exception; None is not to.

        Args:
            error: What has ended the wait.
            quiet_since: What `begin_to_wait` has said.
            operation, reads, is_call: What it was called with.
            is_limit: Whether the wait was to end with one of the limits, or else with the call's.

        Raises:
            TimedOut: A limit has passed.
        """
        direction = self._read if reads else self._writing
        if is_limit and isinstance(error, TimedOut):
            # Unless something has moved in the other direction, the limit has passed.
            name, end = self._nearest_limit(direction, quiet_since, is_call)
            now = self._clock()
            if end > now:
                return end - now
            self._note_silence(direction, quiet_since)
            raise self._passed(name, operation) from None
        self._note_silence(direction, quiet_since)
        return None

    def note_vain_wait(self, quiet_since: float, *, reads: bool) -> None:
        """Take note of a wait that was given up; see `seconds_after` for the arguments."""
        self._note_silence(self._read if reads else self._writing, quiet_since)

    def _begin_to_wait(self, direction: _Direction, deadline: Deadline) -> tuple[float, float]:
        """Return the time, and since when it would be silent had all waits followed each other."""
        now, moved_at = self._clock(), self._moved_at
        if direction.seconds is not None:
            direction.note_call(deadline, now, direction.seconds)
        if moved_at != direction.heard_at:
            direction.heard_at = moved_at
            direction.told = 0
        if moved_at != self._silent_since:
            self._silent_since = moved_at
            self._silence = 0.0
        return now, now - self._silence

    def _note_silence(self, direction: _Direction, quiet_since: float) -> None:
        moved_at = direction.heard_at = self._moved_at
        silence = self._clock() - max(quiet_since, moved_at)
        # Two may wait at once, for one direction each: that is one silence.
        former = self._silence if moved_at == self._silent_since else 0.0
        self._silent_since = moved_at
        self._silence = max(silence, former)

    def _nearest_limit(
        self, direction: _Direction, quiet_since: float, is_call: bool
    ) -> tuple[str, float]:
        """Return the limit that passes next, and when, infinity for none."""
        name, end = "", _NEVER
        if is_call and direction.end is not None:
            name, end = direction.name, direction.end
        if self._idle is not None:
            moved_at = self._moved_at
            idle_end = (quiet_since if quiet_since > moved_at else moved_at) + self._idle
            if idle_end < end:
                name, end = "idle_timeout", idle_end
        if self._ends:
            for other, moment in self._ends.items():
                if moment < end:
                    name, end = other, moment
        return name, end

    def _check_ends(self, operation: str, direction: _Direction) -> None:
        now = self._clock()
        for name, end in (self._ends or {}).items():
            if end <= now:
                self._note_told(direction, operation)
                raise self._passed(name, operation)

    def _note_told(self, direction: _Direction, operation: str) -> None:
        """Take note that a call finds a limit passed, of which the one before was told."""
        direction.told += 1
        if direction.told > _OFTEN_ENOUGH:
            self.was_overstayed = True
            self._descriptor.close()
            self._descriptor.check_open(operation)

    def _passed(self, name: str, operation: str) -> TimedOut:
        return TimedOut.expired(operation, self.where, limit=f"the {name} has passed")


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
