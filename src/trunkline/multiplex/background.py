"""Calling what blocks, and cannot be stopped, in a thread beside an event base.

The threads are few, start when there is something to do, and end when there is not. They are
daemons: a call that takes minutes, as looking up a name may, keeps no program from ending.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from ..errors import SocketClosed
from .event_base import EventBase

__all__ = ("MOST_THREADS", "call_in_background")

MOST_THREADS = 16
"""How many calls go on at a time; more than that wait for their turn."""

_HOLD_INTERVAL = 3600.0

T = TypeVar("T")


def call_in_background(
    event_base: EventBase,
    function: Callable[[], T],
    succeeded: Callable[[T], object],
    failed: Callable[[Exception], object],
) -> Callable[[], None]:
    """Call a function in another thread, and one of two callbacks in the event base's.

    Until then the event base is not empty, so that it does not leave because of `exit_when_empty`.

    Args:
        event_base: Who calls back. If it is closed before, what came of the call is dropped.
        function: Called without arguments, perhaps after it has waited for its turn.
        succeeded: Called with what the function has returned.
        failed: Called with what it has raised.

    Returns:
        A function that gives the call up: none of the two is called then. What has begun goes on to
        its end unheard.
    """
    call = _Call(event_base, function, succeeded, failed)
    _threads.submit(call.run)
    return call.give_up


class _Call:
    def __init__(
        self,
        event_base: EventBase,
        function: Callable[[], T],
        succeeded: Callable[[T], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self._event_base = event_base
        self._function = function
        self._succeeded = succeeded
        self._failed = failed
        self._is_over = False
        # It only has to be there.
        self._hold = event_base.add_timer(_nothing, _HOLD_INTERVAL)

    def run(self) -> None:
        """Do it, in whatever thread."""
        if self._is_over:
            return
        callback: Callable[[], object]
        try:
            result = self._function()
        except Exception as error:
            failure = error
            callback = lambda: self._failed(failure)  # noqa: E731
        else:
            callback = lambda: self._succeeded(result)  # noqa: E731
        with contextlib.suppress(SocketClosed):  # then so is whoever wanted to know
            self._event_base.call_soon_threadsafe(self._finish, callback)

    def _finish(self, callback: Callable[[], object]) -> None:
        if not self._is_over:
            self.give_up()
            callback()

    def give_up(self) -> None:
        """Want to know no more. May be repeated."""
        self._is_over = True
        self._event_base.remove_timer(self._hold)


def _nothing() -> None:
    """What a timer calls that only keeps an event base from being empty."""


class _Threads:
    """Threads that work off a queue of calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Callable[[], None]] = deque()
        self._count = 0

    def submit(self, call: Callable[[], None]) -> None:
        """Have something called; it raises nothing."""
        with self._lock:
            self._calls.append(call)
            if self._count == MOST_THREADS:
                return
            self._count += 1
        try:
            threading.Thread(target=self._work, name="trunkline-background", daemon=True).start()
        except RuntimeError:  # the system has no thread for us
            with self._lock:
                self._count -= 1
                if self._count:
                    return  # those that there are will do it
                calls, self._calls = self._calls, deque()
            for waiting in calls:
                waiting()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._count -= 1
                    return
                call = self._calls.popleft()
            call()


_threads = _Threads()


def _after_fork_in_child() -> None:
    global _threads
    _threads = _Threads()  # those of the parent have stayed there


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
