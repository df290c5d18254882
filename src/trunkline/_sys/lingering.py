"""Closing connections whose peers are still sending, in the background.

If a socket is closed with input that was not received, the system resets the connection, and what
was sent last may be destroyed before the peer has read it. So the writing half is ended first, and
what still comes is thrown away for a while. Nobody waits for that but a thread, which is there as
long as there is such a connection; the process does not end before it.
"""

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
        self._thread: threading.Thread | None = None

    def add(self, descriptor: SocketDescriptor, seconds: float) -> None:
        with self._lock:
            while len(self._ends) >= MOST_LINGERING:
                oldest = next(iter(self._ends))
                del self._ends[oldest]
                oldest.close()
            self._ends[descriptor] = monotonic() + seconds
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="trunkline lingering", daemon=False)
        try:
            self._thread.start()
        except RuntimeError:  # there can be no more threads, or the interpreter is about to end
            self._thread = None
            self.close_all()

    def close_all(self) -> None:
        """Close all of them now."""
        for descriptor in self._ends:
            descriptor.close()
        self._ends.clear()

    def _run(self) -> None:
        while numbers := self._numbers():
            # One that was closed meanwhile is reported, and found closed.
            with contextlib.suppress(SocketError):
                wait_for_any(numbers, _LOOK_INTERVAL)
            self._look_after_all()

    def _numbers(self) -> list[tuple[int, int]]:
        """Return what to wait for; without anything the thread ends."""
        with self._lock:
            if not self._ends:
                self._thread = None
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
    else:
        _lingering.add(descriptor, seconds)


def _after_fork_in_child() -> None:
    """Leave the connections to the parent, whose thread looks after them."""
    global _lingering
    inherited, _lingering = _lingering, _Lingering()
    inherited.close_all()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
