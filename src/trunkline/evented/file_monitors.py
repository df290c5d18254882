"""Callbacks for changes to files and directories, and a directory that is made meanwhile.

All monitors of a loop share one descriptor, for the system lets a user have a hundred or so.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from os import PathLike
from typing import ClassVar, TypeAlias

from .._core.callbacks import check_callback
from .._printable import printable
from .._sys.directories import make_temporary_directory
from .._sys.inotify import CHANGES, OVERFLOW, FileEvent, Inotify
from .._sys.readiness import READABLE
from .._sys.registration import Registration
from ..errors import SocketClosed
from ..multiplex import EventBase
from ..multiplex.background import call_in_background
from .events import Event, EventCallback
from .handle import FreeableHandle
from .loop import EventLoop

__all__ = ("FsMonitor", "MonitorCallback", "TemporaryDirectory", "fs_watch", "mkdtemp")

MonitorCallback: TypeAlias = Callable[["FsMonitor", str, bool, bool], object]
"""Called with the monitor, a path, whether something was renamed, made or deleted, and whether
something was changed."""


class _Watcher(Registration):
    """What watches for all monitors of a loop."""

    __slots__ = ("_event_base", "_inotify", "_monitors")

    def __init__(self, event_base: EventBase) -> None:
        self._inotify = Inotify()
        super().__init__(self._inotify.fileno())
        self._event_base = event_base
        self._monitors: dict[int, list[FsMonitor]] = {}
        try:
            event_base._watch(self, READABLE)
        except BaseException:
            self._inotify.close()
            raise

    def add(self, monitor: "FsMonitor", path: str) -> int:
        """Watch a path for a monitor; return the number of the watch."""
        number = self._inotify.watch(path)
        self._monitors.setdefault(number, []).append(monitor)
        return number

    def remove(self, monitor: "FsMonitor", number: int) -> None:
        """Watch for a monitor no more."""
        others = self._monitors.get(number, [])
        if monitor in others:
            others.remove(monitor)
            if not others:
                del self._monitors[number]
                self._inotify.unwatch(number)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is watched."""
        return not self._monitors

    def _handle_ready(self) -> None:
        self._event_base._note_call()
        for event in self._inotify.events():
            told = self._monitors.get(event.watch, [])
            if event.mask & OVERFLOW:
                told = [each for several in self._monitors.values() for each in several]
            for monitor in [*told]:
                monitor._happened(event)

    def close(self) -> None:
        """Stop watching."""
        self._event_base._unwatch(self)
        self._inotify.close()


_watchers: dict[EventLoop, _Watcher] = {}  # of the loops with monitors


class FsMonitor(FreeableHandle):
    """A callback for changes to a file or a directory; `fs_watch` makes it.

    It is freed when what it watches is deleted, or its file system taken away.
    """

    _kind: ClassVar[str] = "monitor"

    def __init__(
        self,
        path: str | PathLike[str],
        callback: MonitorCallback,
        event_cb: EventCallback | None,
        loop: EventLoop | None,
    ) -> None:
        super().__init__(event_cb, loop)
        check_callback(callback, "monitor", "path", "rename", "change")
        self.path: str = _text(path)
        """What is watched."""
        self._callback = callback
        watcher = _watchers.get(self._loop)
        if watcher is None:
            watcher = _watchers[self._loop] = _Watcher(self._loop.event_base)
        self._watcher = watcher
        try:
            self._number = watcher.add(self, self.path)
            self._loop._adopt(self)
        except BaseException:
            self._close_if_idle()
            raise

    def _happened(self, event: FileEvent) -> None:
        if self._is_freed:
            return
        if event.is_last:
            self.free()
        if event.is_news:
            path = os.path.join(self.path, event.name) if event.name else self.path
            is_overflow = bool(event.mask & OVERFLOW)
            is_change = bool(event.mask & CHANGES)
            self._call(
                self._callback, self, path, not is_change or is_overflow, is_change or is_overflow
            )

    def _stop(self) -> None:
        self._watcher.remove(self, self._number)
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._watcher.is_idle and _watchers.get(self._loop) is self._watcher:
            del _watchers[self._loop]
            self._watcher.close()

    def __repr__(self) -> str:
        return f"<FsMonitor of {printable(self.path)}{', freed' if self._is_freed else ''}>"


def fs_watch(
    path: str | PathLike[str],
    callback: MonitorCallback,
    *,
    event_cb: EventCallback | None = None,
    loop: EventLoop | None = None,
) -> FsMonitor:
    """Have `callback` called whenever a file changes, or something in a directory does.

    You would want it to read a file again, or to take what others put into a directory. It tells
    that something has happened, and seldom all of it one by one: look at what is there then.
    Editors mostly put a new file in the place of the old one, so watch the directory for those.
    What is in the directories of a directory is not watched.

    It works on Linux only, see inotify(7).

    Args:
        path: What to watch. Of a link, what it leads to.
        callback: Called with the monitor; the path, which is that of what is in the directory if
            one is watched; whether something was renamed, made or deleted; and whether its contents
            or what is known about it, like its permissions, was changed. If both are true, some of
            what has happened could not be told.
        event_cb: Called with what the callback raises, if the loop catches errors.
        loop: The loop; the current one by default.

    Returns:
        The monitor, which can be freed. It keeps the loop alive; if it should not, call its
        `unref`.

    Raises:
        PathNotFound: There is nothing at the path.
        PermissionDenied: It may not be read.
        OperationNotSupported: The system does not tell of changes.
        TooManyOpenFiles, SocketError: The user watches too much.
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError: An argument is of the wrong type.
    """
    return FsMonitor(path, callback, event_cb, loop)


class TemporaryDirectory(FreeableHandle):
    """A directory that is being made; `mkdtemp` makes it. It is freed when that is done."""

    _kind: ClassVar[str] = "temporary directory"

    def __init__(
        self,
        template: str | PathLike[str],
        callback: Callable[[str], object],
        event_cb: EventCallback | None,
        loop: EventLoop | None,
    ) -> None:
        super().__init__(event_cb, loop)
        check_callback(callback, "path")
        text = _text(template)
        if not text.endswith("XXXXXX"):
            raise ValueError(f"a template ends in XXXXXX, which {text!r} does not")
        self._callback = callback
        self._loop._adopt(self)
        self._give_up = call_in_background(
            self._loop.event_base,
            lambda: make_temporary_directory(text, is_wanted=lambda: not self._is_freed),
            self._made,
            self._failed,
            operation="mkdtemp",
            host=text,
        )

    def _made(self, path: str) -> None:
        self.free()
        self._call(self._callback, path)

    def _failed(self, error: Exception) -> None:
        self.free()
        self._loop._report(Event._from_error(error, self), self._event_cb)

    def _stop(self) -> None:
        with suppress(SocketClosed):
            self._give_up()


def mkdtemp(
    template: str | PathLike[str],
    callback: Callable[[str], object],
    *,
    event_cb: EventCallback | None = None,
    loop: EventLoop | None = None,
) -> TemporaryDirectory:
    """Make a directory that nobody else has, and have `callback` called with its path.

    It is made in a thread, for a disk may take its time; only we may read it and write to it. It is
    yours to delete, as with `tempfile.mkdtemp`.

    Args:
        template: Its path, which ends in ``XXXXXX``: these become something else.
        callback: Called with the path. It is never called before this function returns.
        event_cb: Called, once, if it cannot be made: with `PathNotFound`, for example.
        loop: The loop; the current one by default.

    Returns:
        A handle that can be freed, and then nothing is called.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        ValueError: The template does not end in ``XXXXXX``.
        TypeError: An argument is of the wrong type.
    """
    return TemporaryDirectory(template, callback, event_cb, loop)


def _text(path: str | PathLike[str]) -> str:
    if not isinstance(path, str | PathLike):
        raise TypeError(f"a path is text or has __fspath__, not {type(path).__name__}")
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"a path is text, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"a path cannot have a NUL in it: {text!r}")
    return text
