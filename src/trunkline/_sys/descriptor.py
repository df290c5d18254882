"""A descriptor with users: one reader, one writer, and somebody who may close it at any time.

The number of a descriptor is dangerous once it has been closed, for the next thing that is opened
gets the same number. So a descriptor is only closed when nobody uses it: whoever closes it while it
is in use marks it closed and wakes the users, and the last of them closes it on the way out.
"""

import contextlib
import os
import threading
from collections.abc import Callable
from threading import get_ident
from types import TracebackType

from .._core.deadline import Deadline
from .._core.uncopied import Uncopied
from ..errors import Busy, SocketClosed, TimedOut
from .readiness import READABLE, WRITABLE, wait_for_one
from .shortage import descriptor_freed

__all__ = ("Descriptor", "Use")

# Where closing cannot wake a waiter, it looks up from time to time to see whether it has to go.
_LOOK_UP_INTERVAL = 0.1

# Python looks for signals before it begins to wait. One that comes after that look, and before the
# system waits, is noticed when the wait ends; so in the main thread, which gets them, none is long.
_LONGEST_WAIT_FOR_SIGNALS = 1.0

_HOLDER = "holder"  # the only key of who has a right
_UNUSED: dict[str, int] = {}  # what all have in common that were never used, and stays empty
_NEVER = -1  # no generation


# How often this process, or one that it comes from, has been forked; and a lock for the locks.
_generation = 0
_starting_over = threading.Lock()

# For the few instructions that change who is told of a closing. Signal handlers do that, too.
_watching = threading.RLock()


def _after_fork_in_child() -> None:
    global _generation, _starting_over, _watching
    _generation += 1
    _starting_over = threading.Lock()
    _watching = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def _is_main_thread() -> bool:
    return get_ident() == threading.main_thread().ident


class Use:
    """The right to read from a descriptor, or to write to it, which one thread has at a time.

    It is a context manager, whose entry raises `Busy` if another thread is inside, and
    `SocketClosed` if the descriptor is closed. In a process that was just forked nobody has it: the
    threads that had it are the parent's, and stayed there.
    """

    __slots__ = ("_descriptor", "_generation", "_holder", "_operation")

    def __init__(self, descriptor: "Descriptor", operation: str) -> None:
        self._descriptor: Descriptor | _Gone = descriptor
        # The thread that has the right, or nothing. Many descriptors are never read like this.
        self._holder: dict[str, int] = _UNUSED
        self._operation = operation
        self._generation = _NEVER

    def __enter__(self) -> None:
        # The same as `try_acquire`, for what is usual.
        if not self._holder and self._generation == _generation:
            thread = get_ident()
            try:
                has_it = self._holder.setdefault(_HOLDER, thread) == thread
            except BaseException:
                self._give_up(thread)
                raise
            if has_it and not self._descriptor.is_closed:
                return
            if has_it:
                self.release()
        if not self.try_acquire():
            self._descriptor.check_open(self._operation)
            raise Busy(operation=self._operation, address=self._descriptor.where)
        if self._descriptor.is_closed:
            self.release()
            # Whoever has closed it just now may have found the right taken.
            self._descriptor.close_if_unused()
            raise SocketClosed(operation=self._operation, address=self._descriptor.where)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._holder.clear()
        if self._descriptor.is_closed:
            self._descriptor.close_if_unused()

    def locked(self) -> bool:
        """Return whether somebody has the right."""
        return bool(self._holder)

    def try_acquire(self) -> bool:
        """Take the right for good if nobody has it; return whether that worked.

        A lock would not do. Python runs signal handlers when a call returns, also that which has
        just taken a lock; if the handler raises, as for Ctrl-C, nobody knows that it is taken, and
        it stays so for ever. A dictionary says who has taken it, and `setdefault` is as atomic.
        """
        if self._generation != _generation:
            self._start_over()
        if self._holder:
            return False
        thread = get_ident()
        try:
            return self._holder.setdefault(_HOLDER, thread) == thread
        except BaseException:
            self._give_up(thread)
            raise

    def _give_up(self, thread: int) -> None:
        """Release the right if the thread has it."""
        if self._holder.get(_HOLDER) == thread:
            self.release()

    def _start_over(self) -> None:
        """Begin in this process, where nobody has the right, whoever had it in the parent."""
        with _starting_over:
            if self._generation != _generation:
                self._generation = _generation
                self._holder = {}

    def release(self) -> None:
        """Give back what `try_acquire` took."""
        self._holder.clear()

    def forget(self, gone: "_Gone") -> None:
        """Let go of the descriptor, which nobody can use any more.

        The two know each other, and only the garbage collector would find them otherwise.
        """
        self._descriptor = gone


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
        reading: The right to read, see `Use`.
        writing: The right to write.
        close_wakes: Whether `_wake` reaches whoever waits; where not, waits are cut into pieces.
    """

    close_wakes: bool = False

    __slots__ = (
        "_closing",
        "_closing_callbacks",
        "_generation",
        "_number",
        "is_closed",
        "reading",
        "where",
        "writing",
    )

    def __init__(self, number: int) -> None:
        self._number = number
        self._generation = _generation
        self._closing = threading.RLock()  # a signal handler may close what is being closed
        self.is_closed: bool = False
        self._closing_callbacks: tuple[Callable[[int], None], ...] = ()
        self.where: object = None
        self.reading: Use = Use(self, "read")
        self.writing: Use = Use(self, "write")

    @property
    def number(self) -> int:
        """The descriptor's number, or -1 once it has been closed."""
        return -1 if self.is_closed else self._number

    def fileno(self) -> int:
        """Return the number, for whoever takes objects with `fileno`."""
        return self.number

    def watch_closing(self, callback: Callable[[int], None]) -> None:
        """Have `callback` called with the number when it is about to be given back."""
        with _watching:
            self._closing_callbacks += (callback,)

    def unwatch_closing(self, callback: Callable[[int], None]) -> None:
        """Undo `watch_closing`, if that was done."""
        with _watching:
            left = list(self._closing_callbacks)
            with contextlib.suppress(ValueError):
                left.remove(callback)
            self._closing_callbacks = tuple(left)

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

    def is_readable(self) -> bool:
        """Return, with the right to read, whether reading would not block."""
        return bool(wait_for_one(self._number, READABLE, 0))

    def is_writable(self) -> bool:
        """Return, with the right to write, whether writing would not block."""
        return bool(wait_for_one(self._number, WRITABLE, 0))

    def _wait(self, interest: int, deadline: Deadline, operation: str) -> None:
        while True:
            self.check_open(operation)
            remaining = deadline.remaining()
            if remaining == 0:
                raise TimedOut.expired(operation, self.where)
            longest = _LONGEST_WAIT_FOR_SIGNALS if _is_main_thread() else None
            if not self.close_wakes or self._is_inherited:
                longest = _LOOK_UP_INTERVAL
            if longest is not None and (remaining is None or remaining > longest):
                remaining = longest
            if wait_for_one(self._number, interest, remaining):
                self.check_open(operation)
                return

    # -- closing ---------------------------------------------------------------------------------

    @property
    def _is_inherited(self) -> bool:
        """Whether the process that has opened it was forked since, and this is the child."""
        return self._generation != _generation

    def _wake(self) -> None:
        """Wake whoever waits for the descriptor, or would."""

    def _close_number(self) -> None:
        """Give the number back to the operating system."""
        raise NotImplementedError

    def close(self) -> None:
        """Close, and wake whoever uses the descriptor; they get `SocketClosed`. May be repeated."""
        with self._closing:
            if self.is_closed:
                return
            self.is_closed = True
            try:
                for callback in self._closing_callbacks:
                    callback(self._number)
            finally:  # whatever they raise, nobody will close it again
                self._end()

    def _end(self) -> None:
        if not self.close_if_unused():
            # What wakes the users ends the connection, or the listening, for all processes.
            if not self._is_inherited:
                self._wake()
            # It wakes those who wait in `shortage` with nothing but a hope, too.
            descriptor_freed()

    def close_if_unused(self) -> bool:
        """Give the number back, unless somebody is using it; return whether that was done."""
        with self._closing:
            if self._number < 0:
                return True
            if not self.reading.try_acquire():
                return False
            if not self.writing.try_acquire():
                self.reading.release()
                return False
            # Both rights stay taken: nobody can use the descriptor again.
            self._close_number()
            self._number = -1
            gone = _Gone(self.where)
            self.reading.forget(gone)
            self.writing.forget(gone)
        descriptor_freed()
        return True
