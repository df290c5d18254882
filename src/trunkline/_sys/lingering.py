"""Closing connections whose peers are still sending, in the background.

If a socket is closed with input that was not received, the system resets the connection, and what
was sent last may be destroyed before the peer has read it. So the writing half is ended first, and
what still comes is thrown away for a while. Nobody waits for that but a thread, which is there as
long as there is such a connection; the process does not end before it.
"""

import _thread
import atexit
import contextlib
import os
import threading

from ..errors import SocketError
from .clock import monotonic
from .readiness import READABLE, wait_for_any
from .socket_descriptor import SocketDescriptor

__all__ = ("MOST_LINGERING", "linger")

MOST_LINGERING = 1000
"""How many connections linger at a time. For more than that, the oldest are closed."""

# How soon the thread looks for connections that were added. To wake it would take two descriptors,
# at a moment when there may be none left.
_LOOK_INTERVAL = 0.05

_RECEIVE_BYTES = 65_536
_RECEIVES_AT_ONCE = 16  # from one peer, which may send without end


class _Lingering:
    """The connections that linger, each with the time at which it is closed."""

    def __init__(self) -> None:
        self._ends: dict[SocketDescriptor, float] = {}  # the oldest first
        self._lock = threading.Lock()
        self._has_thread = False

    def add(self, descriptor: SocketDescriptor, seconds: float) -> None:
        with self._lock:
            while len(self._ends) >= MOST_LINGERING:
                oldest = next(iter(self._ends))
                del self._ends[oldest]
                oldest.close()
            self._ends[descriptor] = monotonic() + seconds
            if not self._has_thread:
                self._start()

    def drop(self, descriptor: SocketDescriptor) -> None:
        """Close one of them now."""
        with self._lock:
            self._ends.pop(descriptor, None)
            descriptor.close()

    def _start(self) -> None:
        # A signal handler may raise in the middle of `threading.Thread.start`, and leave a thread
        # that is known and never begins. This is one call, and the thread says itself that it runs.
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:  # there can be no more threads, or the interpreter is about to end
            self.close_all()

    def wait_for_all(self) -> None:
        """Wait until none is left."""
        while self._ends:
            wait_for_any((), _LOOK_INTERVAL)

    def close_all(self) -> None:
        """Close all of them now."""
        for descriptor in self._ends:
            descriptor.close()
        self._ends.clear()

    def _run(self) -> None:
        with self._lock:
            if self._has_thread:  # another one was faster
                return
            self._has_thread = True
        while numbers := self._numbers():
            # One that was closed meanwhile is reported, and found closed.
            with contextlib.suppress(SocketError):
                wait_for_any(numbers, _LOOK_INTERVAL)
            self._look_after_all()

    def _numbers(self) -> list[tuple[int, int]]:
        """Return what to wait for; without anything the thread ends."""
        with self._lock:
            if not self._ends:
                self._has_thread = False
            return [(descriptor.number, READABLE) for descriptor in self._ends]

    def _look_after_all(self) -> None:
        now = monotonic()
        with self._lock:
            for descriptor, end in list(self._ends.items()):
                if end <= now or _is_over(descriptor):
                    del self._ends[descriptor]
                    descriptor.close()


def _is_over(descriptor: SocketDescriptor) -> bool:
    """Throw away what has come, and return whether nothing more will."""
    try:
        for _ in range(_RECEIVES_AT_ONCE):
            data = descriptor.receive(_RECEIVE_BYTES)
            if not data:
                return data is not None
    except SocketError:  # nobody is there any more
        return True
    return False


_lingering = _Lingering()


def linger(descriptor: SocketDescriptor, seconds: float) -> None:
    """Close a connection whose input was not all received, in good order.

    Args:
        descriptor: The connection, which nobody else uses any more.
        seconds: For how long what the peer sends is thrown away.
    """
    try:
        descriptor.shutdown(write=True)
    except SocketError:  # nobody is there
        descriptor.close()
        return
    if _is_over(descriptor):
        descriptor.close()
        return
    try:
        _lingering.add(descriptor, seconds)
    except BaseException:  # a signal handler's; perhaps there is no thread
        _lingering.drop(descriptor)
        raise


def _before_exit() -> None:
    _lingering.wait_for_all()


atexit.register(_before_exit)


def _after_fork_in_child() -> None:
    """Leave the connections to the parent, whose thread looks after them."""
    global _lingering
    inherited, _lingering = _lingering, _Lingering()
    inherited.close_all()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
