"""A program that was started: its process, and how that ended.

The number of a process is dangerous like that of a descriptor: once somebody has waited for it, it
may be another's. So all that sends a signal or waits is done here, under one lock. Where the system
has descriptors of processes, as Linux has (pidfd_open(2)), they tell the end without SIGCHLD, and
without waiting for it in a thread.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from itertools import starmap
from typing import NamedTuple

from .._core.deadline import Deadline
from ..errors import ProcessNotChild, SocketError
from .clock import monotonic
from .owned_number import OwnedNumber
from .readiness import READABLE, wait_for_one

__all__ = ("PATIENCE", "Child", "Ending", "reap_forgotten", "wait_for_end")

# Python looks for signals before it begins to wait, and one that comes between is noticed when the
# wait ends; so none is long. It is also how soon somebody else's waiting for the child is noticed.
_LONGEST_WAIT = 1.0

PATIENCE = 2.0
"""Seconds after which a process that was killed is gone, if its disk lets it."""

# Children that nobody wanted to know of any more while they were running.
_forgotten: set[int] = set()


class Ending(NamedTuple):
    """How a process has ended; nothing at all is known of one that somebody else has waited for."""

    exit_code: int | None
    signal: int | None
    core_dumped: bool


_UNKNOWN = Ending(None, None, False)


def reap_forgotten() -> None:
    """Wait for those of the forgotten children that have ended."""
    for pid in [*_forgotten]:
        try:
            found, _ = os.waitpid(pid, os.WNOHANG)
        except OSError:
            found = pid
        if found:
            _forgotten.discard(pid)


class Child:
    """A child process.

    Until it is `kept`, forgetting this object ends the process: it is for who is interrupted while
    starting it.

    Attributes:
        pid: Its number.
        leads_group: Whether it is the first of a process group of its own.
        kept: Whether the process goes on when this object is forgotten.
        descriptor: What is readable when it has ended, or None if there is nothing like that.

    Args:
        pid: The number of a child that nobody has waited for.
        leads_group: See above.
        where: What errors call it.
    """

    def __init__(self, pid: int, *, leads_group: bool, where: object) -> None:
        self.pid = pid
        self.leads_group = leads_group
        self.where = where
        self.kept = False
        self._parent = os.getpid()
        self._waited: list[tuple[int, int]] = []  # what waitpid(2) has said
        self._ending: Ending | None = None
        self._lock = threading.RLock()
        self._noticed: threading.Event | None = None  # set by a thread that waits
        _forgotten.discard(pid)  # somebody else has waited for that one
        self.descriptor: OwnedNumber | None = self.open_descriptor()

    def open_descriptor(self) -> OwnedNumber | None:
        """Return a descriptor that is readable when the process has ended, if there can be one."""
        with self._lock:
            if self._ending is not None:
                return None
            return open_process(self.pid)

    @property
    def is_ours(self) -> bool:
        """Whether it is a child of this process, and not of the one that we were forked from."""
        return os.getpid() == self._parent

    def check_ours(self, operation: str) -> None:
        """Raise `ProcessNotChild` in a process that was forked since."""
        if not self.is_ours:
            raise ProcessNotChild(operation=operation, address=self.where)

    # -- its end ---------------------------------------------------------------------------------

    def poll(self) -> Ending | None:
        """Return how it has ended, and reap it then; or None while it runs.

        Raises:
            ProcessNotChild: This process was forked from the one whose child it is.
        """
        if self._ending is not None:
            return self._ending
        self.check_ours("wait")
        with self._lock:
            if self._ending is None:  # nobody has been faster
                self._reap()
        return self._ending

    def _reap(self) -> None:
        """Ask the system how it has ended, with the lock; a signal handler may do so meanwhile."""
        try:
            # Into the list before a signal handler can come in between: it is told only once.
            self._waited.extend(starmap(os.waitpid, ((self.pid, os.WNOHANG),)))
        except ChildProcessError:
            if self._ending is None and not any(pid for pid, _ in self._waited):
                self._ending = _UNKNOWN
        for pid, status in self._waited:
            if pid:
                self._ending = _ending_of(status)
        self._waited.clear()
        if self._ending is not None:
            self.descriptor = None  # whoever waits on it still has it

    def wait(self, deadline: Deadline) -> Ending | None:
        """Wait until it has ended, and reap it; return None if the deadline comes first."""
        while (ending := self.poll()) is None:
            if not self._wait_a_while(deadline):
                return self.poll()
        return ending

    def wait_ended(self, deadline: Deadline) -> bool:
        """Wait until it has ended and leave it to be reaped, so that its number stays its own."""
        self.check_ours("wait")
        while not self.has_ended():
            if not self._wait_a_while(deadline):
                return self.has_ended()
        return True

    def has_ended(self) -> bool:
        """Return whether it has ended, and leave it to be reaped."""
        descriptor = self.descriptor
        if self._ending is not None:
            return True
        if descriptor is not None:
            return bool(wait_for_one(descriptor.fileno(), READABLE, 0))
        return self._waiting_thread().is_set()

    def _wait_a_while(self, deadline: Deadline) -> bool:
        """Wait for its end; return whether there is time left."""
        remaining = deadline.remaining()
        if remaining == 0:
            return False
        longest = _LONGEST_WAIT if remaining is None else min(remaining, _LONGEST_WAIT)
        descriptor = self.descriptor
        if descriptor is not None:
            wait_for_one(descriptor.fileno(), READABLE, longest)
        elif self._ending is None:
            self._waiting_thread().wait(longest)
        return True

    def _waiting_thread(self) -> threading.Event:
        """Return what a thread sets that waits for the end: the way without a descriptor."""
        with self._lock:
            if self._noticed is None:
                self._noticed = threading.Event()
                thread = threading.Thread(
                    target=wait_for_end, args=(self.pid, self._noticed.set), daemon=True
                )
                thread.start()
            return self._noticed

    # -- signals ---------------------------------------------------------------------------------

    def kill(self, number: int, *, group: bool = False) -> bool:
        """Send it a signal, or its process group; return False if it has been reaped.

        Raises:
            PermissionDenied: It runs as somebody else.
            ProcessNotChild: This process was forked from the one whose child it is.
        """
        self.check_ours("kill")
        with self._lock:
            if self._ending is not None or (not group and self.poll() is not None):
                return False
            try:
                if group:
                    os.killpg(self.pid, number)
                elif self.descriptor is not None:
                    signal.pidfd_send_signal(self.descriptor.fileno(), number)
                else:
                    os.kill(self.pid, number)
            except ProcessLookupError:
                return False
            except OSError as error:
                raise SocketError.from_errno(
                    error.errno or 0, operation="kill", address=self.where
                ) from None
            return True

    def end_now(self, deadline: Deadline) -> Ending | None:
        """Kill it, and its group if it leads one, and reap it, if that comes to pass in time."""
        try:
            self.kill(signal.SIGKILL, group=self.leads_group)
        finally:
            ending = self.wait(deadline)
        return ending

    def end_now_or_forget(self, patience: float) -> None:
        """The same, and if it does not come to pass in so many seconds, forget it."""
        try:
            self.end_now(Deadline(patience, monotonic))
        finally:
            self.forget()

    def forget(self) -> None:
        """Want to know no more of it: it goes on, and is reaped when there is an occasion."""
        if self.is_ours and self.poll() is None:
            _forgotten.add(self.pid)
            self._ending = _UNKNOWN
            self.descriptor = None

    def __del__(self) -> None:
        if self._ending is not None or not self.is_ours:
            return
        if self.kept:
            self.forget()
        else:
            self.end_now_or_forget(PATIENCE)


def open_process(pid: int) -> OwnedNumber | None:
    """Return a descriptor of a process, or None where the system has none, or none left."""
    opening = getattr(os, "pidfd_open", None)
    if opening is None or not hasattr(signal, "pidfd_send_signal"):
        return None
    try:
        return OwnedNumber.of(opening, pid)
    except OSError:
        return None


def wait_for_end(pid: int, then: Callable[[], object]) -> None:
    """Wait until a child has ended, leave it to be reaped, and call `then`: for a thread."""
    with contextlib.suppress(OSError):  # somebody else has waited for it
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    then()


def _ending_of(status: int) -> Ending:
    if os.WIFSIGNALED(status):
        return Ending(None, os.WTERMSIG(status), os.WCOREDUMP(status))
    return Ending(os.waitstatus_to_exitcode(status), None, False)
