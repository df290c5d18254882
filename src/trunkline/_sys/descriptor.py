"""A descriptor with users: one reader, one writer, and somebody who may close it at any time.

The number of a descriptor is dangerous once it has been closed, for the next thing that is opened
gets the same number. So a descriptor is only closed when nobody uses it: whoever closes it while it
is in use marks it closed and wakes the users, and the last of them closes it on the way out.
"""

import os
import threading
from collections.abc import Callable
from functools import partial
from threading import get_ident

from .._core.deadline import Deadline
from .._core.uncopied import Uncopied
from ..errors import Busy, SocketClosed, TimedOut
from .readiness import ENDED, READABLE, URGENT, WRITABLE, wait_for_one
from .shortage import descriptor_freed

__all__ = ("Descriptor", "Turn", "Use")

# Where closing cannot wake a waiter, it looks up from time to time to see whether it has to go.
_LOOK_UP_INTERVAL = 0.1

# Python looks for signals before it begins to wait. One that comes after that look, and before the
# system waits, is noticed when the wait ends; so in the main thread, which gets them, none is long.
_LONGEST_WAIT_FOR_SIGNALS = 1.0

_A_MOMENT = 0.01  # seconds

_main_thread = threading.main_thread().ident

# How often this process, or one that it comes from, has been forked.
_generation = 0

# For the few instructions that change who has rights, or who is told of a closing. Signal handlers
# do that, too.
_changing = threading.RLock()


def _after_fork_in_child() -> None:
    global _generation, _main_thread, _changing
    _generation += 1
    _main_thread = get_ident()
    _changing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class Use:
    """The right to read from a descriptor, or to write to it, which one thread has at a time.

    It is a context manager, whose entry raises `Busy` if another thread is inside, or this one is
    already, and `SocketClosed` if the descriptor is closed. In a process that was just forked
    nobody has it: the threads that had it are the parent's, and stayed there.

    A signal handler may raise, as for Ctrl-C, and Python runs it when a function written in Python
    begins, or when a call has returned. The right must not stay taken for ever by that. So leaving
    is a function that is not written in Python: `__exit__` is an attribute, and the lock's own. And
    the lock is one that knows its owner, for who is interrupted while taking it is not told whether
    that worked.

    It begins as an `_UntakenUse`.
    """

    __slots__ = ("_descriptor", "_generation", "_leave", "_lock", "_operation")

    _generation: int
    _leave: partial[None]
    _lock: threading.RLock
    __exit__: partial[None]  # which is `_leave`

    def __init__(self, descriptor: "Descriptor | _Gone", operation: str) -> None:
        self._descriptor = descriptor
        self._operation = operation

    def __enter__(self) -> None:
        descriptor = self._descriptor
        lock = self._lock
        if self._generation == _generation and not lock._is_owned():  # type: ignore[attr-defined]
            # The same as `try_acquire`, for what is usual.
            try:
                if lock.acquire(False):
                    if not descriptor.is_closed:
                        return
                    self.release()
            except BaseException:
                self.give_up()
                raise
        if not self.try_acquire():
            descriptor.check_open(self._operation)
            raise Busy(operation=self._operation, address=descriptor.where)
        if descriptor.is_closed:
            self.release()
            # Whoever has closed it just now may have found the right taken.
            descriptor.close_if_unused()
            raise SocketClosed(operation=self._operation, address=descriptor.where)

    def in_turn(self, deadline: Deadline) -> "Turn":
        """Return what has the right, in a ``with`` statement, as soon as nobody else has it.

        It is for what lasts a moment and can be done by several threads, one after the other. Who
        is inside already, in a signal handler for example, gets `Busy` nevertheless.

        Raises:
            TimedOut: Another thread had it until the deadline.
        """
        return Turn(self, deadline)

    def wait_for_turn(self, deadline: Deadline) -> None:
        """Take the right as `in_turn` does."""
        while True:
            try:
                self.__enter__()
                return
            except Busy:
                remaining = deadline.remaining()
                if self.is_ours():
                    raise
            longest = _LOOK_UP_INTERVAL
            if remaining is not None:
                # Who does not wait gives others the moment that they need.
                longest = min(longest, remaining or _A_MOMENT)
            lock = self._lock
            try:
                if lock.acquire(timeout=longest):
                    lock.release()
                elif remaining == 0 or deadline.remaining() == 0:
                    raise TimedOut.expired(self._operation, self._descriptor.where)
            except BaseException:
                self.give_up()
                raise

    def try_acquire(self) -> bool:
        """Take the right for good if nobody has it; return whether that worked."""
        if self._generation != _generation:
            self._start_over()
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]  # as `threading.Condition` asks it
            return False
        try:
            return lock.acquire(False)
        except BaseException:
            self.give_up()
            raise

    def is_ours(self) -> bool:
        """Return whether this thread has the right."""
        is_owned: bool = self._lock._is_owned()  # type: ignore[attr-defined]
        return is_owned and self._generation == _generation

    def give_up(self) -> None:
        """Release the right if this thread has it."""
        if self.is_ours():
            self.release()

    def release(self) -> None:
        """Give back what `try_acquire` took."""
        self._lock.release()

    def _start_over(self) -> None:
        """Begin in this process, where nobody has the right, whoever had it in the parent."""
        with _changing:
            if self._generation != _generation:
                self._lock = threading.RLock()
                self._leave_by(self._lock.__exit__)
                self._generation = _generation

    def _leave_by(self, leave: Callable[..., None]) -> None:
        """Have leaving call something else, also for whoever is inside.

        A ``with`` statement looks `__exit__` up when it begins: so it stays the `partial` that it
        is, and gets other contents.
        """
        self._leave.__setstate__((leave, (), {}, None))  # type: ignore[attr-defined]

    def close_on_leaving(self) -> None:
        """Have whoever is inside close the descriptor on the way out, if nobody else uses it."""
        if self._generation == _generation:
            self._leave_by(self._leave_closed)

    def _leave_closed(self, *error: object) -> None:
        # The only way to leave that a signal handler can interrupt before it has begun. Then the
        # number is given back when the descriptor is collected.
        self._lock.release()
        self._descriptor.close_if_unused()

    def forget(self, gone: "_Gone") -> None:
        """Let go of the descriptor, which nobody can use any more.

        The two know each other, and only the garbage collector would find them otherwise.
        """
        self._descriptor = gone
        self._leave_by(self._lock.__exit__)


Use.__exit__ = Use._leave  # type: ignore[misc]  # a second name


class _UntakenUse(Use):
    """A right that nobody has taken yet: a `Use` from when somebody does, which is with its lock.

    Each stream has two, and one on a loop takes neither. Whoever takes a right asks for its
    `__exit__` first.
    """

    __slots__ = ()

    @property
    def __exit__(self) -> partial[None]:  # type: ignore[override]
        """What is called on leaving."""
        lock = threading.RLock()
        leave = partial(lock.__exit__)
        with _changing:
            # Nothing is called here: no signal handler comes in between.
            if self.__class__ is _UntakenUse:
                self._lock, self._leave, self._generation = lock, leave, _generation
                self.__class__ = Use  # type: ignore[assignment]
        return self._leave

    def forget(self, gone: "_Gone") -> None:
        self._descriptor = gone


class Turn:
    """A right that somebody waits for; see `Use.in_turn`."""

    __slots__ = ("__exit__", "_deadline", "_use")

    __exit__: partial[None]

    def __init__(self, use: Use, deadline: Deadline) -> None:
        self._use = use
        self._deadline = deadline
        self.__exit__ = use.__exit__

    def __enter__(self) -> None:
        self._use.wait_for_turn(self._deadline)


class _Gone:
    """What stands in for a descriptor that has been closed, for those who still ask for a right."""

    __slots__ = ("where",)

    is_closed: bool = True

    def __init__(self, where: object) -> None:
        self.where: object = where

    def check_open(self, operation: str) -> None:
        raise SocketClosed(operation=operation, address=self.where)

    def close_if_unused(self) -> bool:
        return True


class Descriptor(Uncopied):
    """Owns an operating system's descriptor; closing this closes it.

    Attributes:
        where: The address that errors name: the peer's, or the local one if there is no peer.
        close_wakes: Whether `_wake` reaches whoever waits; where not, waits are cut into pieces.
    """

    close_wakes: bool = False

    __slots__ = (
        "_closing_callbacks",
        "_generation",
        "_is_told",
        "_number",
        "_reading",
        "_writing",
        "is_closed",
        "where",
    )

    def __init__(self, number: int) -> None:
        self._number = number
        self._generation = _generation
        self.is_closed: bool = False
        self._closing_callbacks: tuple[Callable[[int], None], ...] = ()
        self._is_told = False  # whether those have been called that want to know of the closing
        self.where: object = None
        # Made when they are asked for: most of what a multiplexer serves is never read like this.
        self._reading: Use | None = None
        self._writing: Use | None = None

    @property
    def number(self) -> int:
        """The descriptor's number, or -1 once it has been closed."""
        return -1 if self.is_closed else self._number

    @property
    def reading(self) -> Use:
        """The right to read."""
        return self._reading or self._make_use("_reading", "read")

    @property
    def writing(self) -> Use:
        """The right to write."""
        return self._writing or self._make_use("_writing", "write")

    def _make_use(self, name: str, operation: str) -> Use:
        with _changing:
            if self._number < 0:
                return _UntakenUse(_Gone(self.where), operation)
            use: Use = getattr(self, name) or _UntakenUse(self, operation)
            setattr(self, name, use)
            return use

    def fileno(self) -> int:
        """Return the number, for whoever takes objects with `fileno`."""
        return self.number

    def watch_closing(self, callback: Callable[[int], None]) -> None:
        """Have `callback` called with the number when it is about to be given back.

        Raises:
            SocketClosed: It is closed, or is being closed just now: that may be too late.
        """
        with _changing:
            self._closing_callbacks += (callback,)
        if self.is_closed:  # looked at last, as closing looks at the callbacks last
            self.unwatch_closing(callback)
            self.check_open("watch_closing")

    def unwatch_closing(self, callback: Callable[[int], None]) -> None:
        """Undo `watch_closing`, if that was done."""
        with _changing:
            callbacks = self._closing_callbacks
            if callback in callbacks:
                index = callbacks.index(callback)
                self._closing_callbacks = callbacks[:index] + callbacks[index + 1 :]

    def check_open(self, operation: str) -> None:
        """Raise `SocketClosed` if the descriptor has been closed."""
        if self.is_closed:
            raise SocketClosed(operation=operation, address=self.where)

    # -- waiting ---------------------------------------------------------------------------------

    def wait_readable(self, deadline: Deadline, operation: str) -> None:
        """Wait, with the right to read, until reading would not block.

        Raises:
            TimedOut: The deadline passed.
            SocketClosed: The descriptor was closed by somebody else.
        """
        self._wait(READABLE, deadline, operation)

    def wait_writable(self, deadline: Deadline, operation: str) -> None:
        """Wait, with the right to write, until writing would not block; see `wait_readable`."""
        self._wait(WRITABLE, deadline, operation)

    def wait_ready(self, deadline: Deadline, operation: str) -> None:
        """Wait, with the right to read, until reading or writing would not block."""
        self._wait(READABLE | WRITABLE, deadline, operation)

    def wait_urgent(self, deadline: Deadline, operation: str) -> bool:
        """Wait, with the right to read, for urgent data; return whether there will be none."""
        readiness = self._wait(URGENT | ENDED, deadline, operation)
        return not readiness & URGENT

    def is_readable(self) -> bool:
        """Return, with the right to read, whether reading would not block."""
        return bool(wait_for_one(self._number, READABLE, 0))

    def is_writable(self) -> bool:
        """Return, with the right to write, whether writing would not block."""
        return bool(wait_for_one(self._number, WRITABLE, 0))

    def _wait(self, interest: int, deadline: Deadline, operation: str) -> int:
        while True:
            if self.is_closed:
                self.check_open(operation)
            remaining = deadline.remaining()
            if remaining == 0:
                raise TimedOut.expired(operation, self.where)
            longest = None
            if not self.close_wakes or self._generation != _generation:
                longest = _LOOK_UP_INTERVAL
            elif get_ident() == _main_thread:
                longest = _LONGEST_WAIT_FOR_SIGNALS
            if longest is not None and (remaining is None or remaining > longest):
                remaining = longest
            readiness = wait_for_one(self._number, interest, remaining)
            if readiness:
                if self.is_closed:
                    self.check_open(operation)
                return readiness

    # -- closing ---------------------------------------------------------------------------------

    @property
    def _is_inherited(self) -> bool:
        """Whether the process that has opened it was forked since, and this is the child."""
        return self._generation != _generation

    def _wake(self) -> None:
        """Wake whoever waits for the descriptor, or would."""

    def _close_number(self, number: int) -> None:
        """Give the number back to the operating system. After an exception, it is called again."""
        raise NotImplementedError

    def close(self) -> None:
        """Close, and wake whoever uses the descriptor; they get `SocketClosed`. May be repeated."""
        # Nothing is called here: no other thread, and no signal handler, comes in between.
        was_closed, self.is_closed = self.is_closed, True
        if was_closed:
            self.close_if_unused()  # if an exception has ended the closing
            return
        try:
            for callback in self._closing_callbacks:
                callback(self._number)
        finally:  # whatever they raise, nobody will close it again
            self._is_told = True
            self._end()

    def _tell_and_be_closed(self) -> None:
        """Tell who wants to know of the closing, while this is still in use; then be closed."""
        told = self._closing_callbacks
        for callback in told:
            callback(self._number)
        try:
            with _changing:  # who comes after this finds it closed
                late = [each for each in self._closing_callbacks if each not in told]
                self.is_closed = True
            for callback in late:
                callback(self._number)
        finally:  # after an exception, whoever closes it again gives the number back
            self._is_told = self.is_closed

    def _end(self) -> None:
        if self.close_if_unused():
            return
        for use in self._uses():
            use.close_on_leaving()
        if self.close_if_unused():  # they have left just before
            return
        # What wakes the users ends the connection, or the listening, for all processes.
        if not self._is_inherited:
            self._wake()
        # It wakes those who wait in `shortage` with nothing but a hope, too.
        descriptor_freed()

    def close_if_unused(self) -> bool:
        """Give the number back, unless somebody is using it; return whether that was done."""
        if not self._is_told:  # the number is still somebody's; who is closing it gives it back
            return self._number < 0
        # A right that is taken for the first time from now on is refused, because this is closed.
        uses = self._uses()
        if any(use.is_ours() for use in uses):
            return self._number < 0  # what calls this has interrupted the user, or is called by it
        try:
            if not all(use.try_acquire() for use in uses):
                return self._number < 0
            # The rights stay taken: nobody can use the descriptor again.
            self._give_number_back()
            gone = _Gone(self.where)
            for use in (self._reading, self._writing):
                if use is not None:
                    use.forget(gone)
        finally:
            if self._number >= 0:
                for use in uses:
                    use.give_up()
        return True

    def _give_number_back(self) -> None:
        number, self._number = self._number, -1  # nothing is called, see above
        if number < 0:
            return
        try:
            self._close_number(number)
        except BaseException:
            self._number = number
            raise
        descriptor_freed()

    def _uses(self) -> list[Use]:
        """Return the rights that somebody has ever taken."""
        return [use for use in (self._reading, self._writing) if type(use) is Use]
