"""Watching a descriptor on any loop of asyncio's, and with less in between on ours."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias

from .._sys.readiness import READABLE, WRITABLE
from .._sys.registration import Registration
from .loop import EventLoop

__all__ = ("Ready", "Watch", "watch_on")

Ready: TypeAlias = Callable[[bool, bool], object]
"""What is called when a descriptor is ready: with whether it is for reading, and for writing.

What is wrong with it makes it ready for whatever is wanted, and is found out by trying.
"""


class Watch(Protocol):
    """What watches a descriptor."""

    def want(self, *, read: bool, write: bool) -> None:
        """Watch for these from now on, and for nothing else.

        Raises:
            TooManyOpenFiles, SocketError: It cannot be watched.
            NotImplementedError: The loop watches no descriptors at all.
        """

    def stop(self) -> None:
        """Watch it never again: its number is about to be free."""


def watch_on(loop: asyncio.AbstractEventLoop, number: int, ready: Ready) -> Watch:
    """Return what watches a descriptor, for nothing at first.

    Args:
        loop: Who watches.
        number: The descriptor's number.
        ready: Who is called.
    """
    if isinstance(loop, EventLoop):
        return _OwnWatch(loop, number, ready)
    return _ForeignWatch(loop, number, ready)


class _OwnWatch(Registration):
    """A registration of the event base's, which calls it as it calls its transports."""

    __slots__ = ("__weakref__", "_loop", "_ready")

    def __init__(self, loop: EventLoop, number: int, ready: Ready) -> None:
        super().__init__(number)
        self._loop = loop
        self._ready: Ready = ready

    def want(self, *, read: bool, write: bool) -> None:
        interest = (READABLE if read else 0) | (WRITABLE if write else 0)
        if interest == (self._interest or 0):
            return
        if interest:
            self._loop._watch(self, interest)
        else:
            self._loop._unwatch(self)

    def stop(self) -> None:
        self._loop._unwatch_for_good(self)

    def _handle_ready(self) -> None:
        """Tell for what it is ready."""
        self._loop._note_call()
        interest, events = self._interest or 0, self._events
        is_readable = interest & READABLE and events & ~WRITABLE
        is_writable = interest & WRITABLE and events & ~READABLE
        self._ready(bool(is_readable), bool(is_writable))


class _ForeignWatch:
    """The readers and writers that all loops have."""

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int, ready: Ready) -> None:
        self._loop = loop
        self._number = number
        self._ready = ready
        self._reads = self._writes = False

    def want(self, *, read: bool, write: bool) -> None:
        if read != self._reads:
            if read:
                self._loop.add_reader(self._number, self._ready, True, False)
            else:
                self._loop.remove_reader(self._number)
            self._reads = read
        if write != self._writes:
            if write:
                self._loop.add_writer(self._number, self._ready, False, True)
            else:
                self._loop.remove_writer(self._number)
            self._writes = write

    def stop(self) -> None:
        if not self._loop.is_closed():
            self.want(read=False, write=False)
