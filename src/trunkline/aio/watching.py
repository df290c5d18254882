"""Watching a descriptor on any loop of asyncio's, and with less in between on ours.

A loop keeps what it watches. So that a stream is not kept for ever that nobody has any more, it is
kept only while somebody waits for it: then it is closed, and a warning says so, as with all others.
"""

import asyncio
import weakref
from typing import Protocol

from .._sys.readiness import READABLE, WRITABLE
from .._sys.registration import Registration
from .loop import EventLoop

__all__ = ("Watch", "Watched", "watch_on")


class Watched(Protocol):
    """Whose descriptor is watched."""

    def _on_ready(self, is_readable: bool, is_writable: bool) -> object:
        """The descriptor is ready for what was wanted.

        What is wrong with it makes it ready for whatever that is, and is found out by trying.
        """

    def _wake_all(self) -> object:
        """The descriptor is being closed: nobody is to wait for it any more."""


class Watch(Protocol):
    """What watches a descriptor.

    Attributes:
        kept: Whose descriptor it is, while it is to be kept although nobody else has it.
    """

    kept: Watched | None

    def want(self, *, read: bool, write: bool) -> None:
        """Watch for these from now on, and for nothing else.

        Raises:
            TooManyOpenFiles, SocketError: It cannot be watched.
            NotImplementedError: The loop watches no descriptors at all.
        """

    def closing(self, number: int) -> None:
        """Watch it never again: its number is about to be free."""


def watch_on(loop: asyncio.AbstractEventLoop, number: int, owner: Watched) -> Watch:
    """Return what watches a descriptor, for nothing at first.

    Args:
        loop: Who watches.
        number: The descriptor's number.
        owner: Whose it is.
    """
    if isinstance(loop, EventLoop):
        return _OwnWatch(loop, number, owner)
    if isinstance(loop, asyncio.BaseEventLoop):
        return _ForeignWatch(loop, number, owner)
    return _RenewedWatch(loop, number, owner)


class _OwnWatch(Registration):
    """A registration of the event base's, which calls it as it calls its transports."""

    __slots__ = ("__weakref__", "_loop", "_owner", "kept")

    def __init__(self, loop: EventLoop, number: int, owner: Watched) -> None:
        super().__init__(number)
        self._loop = loop
        self._owner = weakref.ref(owner)
        self.kept: Watched | None = None

    def want(self, *, read: bool, write: bool) -> None:
        interest = (READABLE if read else 0) | (WRITABLE if write else 0)
        if interest == (self._interest or 0):
            return
        if interest:
            self._loop._watch(self, interest)
        else:
            self._loop._unwatch(self)

    def closing(self, number: int) -> None:
        self._loop._unwatch_for_good(self)
        _tell_of_closing(self._owner(), self._loop)

    def _handle_ready(self) -> None:
        """Tell for what it is ready."""
        self._loop._note_call()
        interest, events = self._interest or 0, self._events
        owner = self._owner()
        if owner is not None:
            is_readable = interest & READABLE and events & ~WRITABLE
            is_writable = interest & WRITABLE and events & ~READABLE
            owner._on_ready(is_readable != 0, is_writable != 0)


class _ForeignWatch:
    """The readers and writers that all loops have."""

    def __init__(self, loop: asyncio.AbstractEventLoop, number: int, owner: Watched) -> None:
        self._loop = loop
        self._number = number
        self._owner = weakref.ref(owner)
        self._reads = self._writes = False
        self.kept: Watched | None = None

    def want(self, *, read: bool, write: bool) -> None:
        if read != self._reads:
            if read:
                self._loop.add_reader(self._number, self._on_ready, True, False)
            else:
                self._loop.remove_reader(self._number)
            self._reads = read
        if write != self._writes:
            if write:
                self._loop.add_writer(self._number, self._on_ready, False, True)
            else:
                self._loop.remove_writer(self._number)
            self._writes = write

    def closing(self, number: int) -> None:
        if not self._loop.is_closed():
            self.want(read=False, write=False)
        _tell_of_closing(self._owner(), self._loop)

    def _on_ready(self, is_readable: bool, is_writable: bool) -> None:
        owner = self._owner()
        if owner is not None:
            owner._on_ready(is_readable, is_writable)


class _RenewedWatch(_ForeignWatch):
    """Readers and writers that are asked for again after each event, which may have been the last.

    At an error, uvloop calls them, and watches no more; then it takes no others for that number
    until it has been told to remove those. If it still watches, asking again costs it little.
    """

    _is_in_doubt = False

    def want(self, *, read: bool, write: bool) -> None:
        try:
            super().want(read=read, write=write)
        except RuntimeError:
            if self._loop.is_closed():
                raise
            self._loop.remove_reader(self._number)  # and with it the whole watching, which is over
            self._reads = self._writes = False
            super().want(read=read, write=write)

    def _on_ready(self, is_readable: bool, is_writable: bool) -> None:
        if not self._is_in_doubt:
            self._is_in_doubt = True
            self._loop.call_soon(self._renew)  # it ends only after this call
        super()._on_ready(is_readable, is_writable)

    def _renew(self) -> None:
        reads, writes = self._reads, self._writes
        self._is_in_doubt = self._reads = self._writes = False
        self.want(read=reads, write=writes)


def _tell_of_closing(owner: Watched | None, loop: asyncio.AbstractEventLoop) -> None:
    if owner is not None and not loop.is_closed():
        owner._wake_all()
