"""What all handles have in common: a loop that they keep alive, and an end."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from .._core.callbacks import check_callback_or_none
from .._core.uncopied import Uncopied
from .events import EventCallback, HandleFreed
from .loop import EventLoop, loop_or_current

__all__ = ("FreeableHandle", "Handle")


class Handle(Uncopied, ABC):
    """Something that is open on a loop. Until told otherwise, it keeps the loop alive.

    A class of handles calls `EventLoop._adopt` once a handle is set up, and `EventLoop._release`
    when it is closed by anybody but the loop.

    Args:
        event_cb: Called with the events of the operation.
        loop: The loop; the current one by default.

    Raises:
        RuntimeError: No loop is running; or it has ended; or it is another thread's.
    """

    _kind: ClassVar[str]

    def __init__(self, event_cb: EventCallback | None, loop: EventLoop | None) -> None:
        self._loop = loop_or_current(loop)
        self._loop._check_usable()
        check_callback_or_none(event_cb, "event", what="event_cb")
        self._event_cb = event_cb
        self._is_referenced = True

    @property
    def loop(self) -> EventLoop:
        """The loop that it is open on."""
        return self._loop

    @property
    def is_referenced(self) -> bool:
        """Whether it keeps the loop alive."""
        return self._is_referenced

    def unref(self) -> None:
        """Let the loop end although this is still open.

        Raises:
            HandleFreed: It is not open any more.
        """
        self._check_open("unref")
        if self._is_referenced:
            self._is_referenced = False
            if self._loop._owns(self):
                self._loop._lose_reference()

    def ref(self) -> None:
        """Keep the loop alive again; it does so from the beginning.

        Raises:
            HandleFreed: It is not open any more.
        """
        self._check_open("ref")
        if not self._is_referenced:
            self._is_referenced = True
            if self._loop._owns(self):
                self._loop._gain_reference()

    @abstractmethod
    def _close_handle(self) -> None:
        """Give up everything at once, and call nobody: the loop has ended."""

    @abstractmethod
    def _check_open(self, operation: str) -> None:
        """Raise an error if it is not open any more."""


class FreeableHandle(Handle):
    """A handle that is open until it is freed, by `free` or when it has done its work."""

    def __init__(self, event_cb: EventCallback | None, loop: EventLoop | None) -> None:
        self._is_freed = False
        super().__init__(event_cb, loop)

    @property
    def freed(self) -> bool:
        """Whether it has been freed: nothing is called any more."""
        return self._is_freed

    def free(self) -> None:
        """Give it up: nothing is called any more. May be repeated."""
        if not self._is_freed:
            self._close_handle()
            self._loop._release(self)

    def _close_handle(self) -> None:
        """See `Handle._close_handle`."""
        self._is_freed = True
        self._stop()

    def _stop(self) -> None:
        """Undo what it has set up on the event base, or elsewhere."""

    def _call(self, callback: Callable[..., object], *args: Any) -> None:
        self._loop._call(callback, *args, event_cb=self._event_cb, source=self)

    def _check_open(self, operation: str) -> None:
        if self._is_freed:
            raise HandleFreed(f"{operation}: the {self._kind} has been freed")

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"<{name}, freed>" if self._is_freed else f"<{name}>"
