"""Signals as callbacks on the loop, and what was there before put back."""

from collections.abc import Callable
from typing import ClassVar

from .._core.callbacks import check_callback
from ..multiplex.signal_handlers import InstalledSignal
from .events import EventCallback
from .handle import FreeableHandle
from .loop import EventLoop

__all__ = ("SignalHandler", "signal_handler")


class SignalHandler(FreeableHandle):
    """A callback for a signal; `signal_handler` makes it."""

    _kind: ClassVar[str] = "signal handler"

    def __init__(
        self,
        number: int,
        callback: Callable[[int], object],
        event_cb: EventCallback | None,
        loop: EventLoop | None,
    ) -> None:
        super().__init__(event_cb, loop)
        check_callback(callback, "number")
        self._callback = callback
        self._installed = InstalledSignal(self._loop.event_base, number, self._fire, self.free)
        self._loop._adopt(self)

    def _fire(self, number: int) -> None:
        if not self._is_freed:
            self._call(self._callback, number)

    def _stop(self) -> None:
        self._installed.remove()


def signal_handler(
    number: int,
    callback: Callable[[int], object],
    *,
    event_cb: EventCallback | None = None,
    loop: EventLoop | None = None,
) -> SignalHandler:
    """Have `callback` called by the loop, like any other callback, when a signal comes.

    Another handler for the same signal replaces it, which frees it. When it is freed, or the loop
    ends, what was there before is put back: for `signal.SIGINT`, usually the `KeyboardInterrupt`.

    Args:
        number: The signal, of those in the `signal` module.
        callback: Called with the number.
        event_cb: Called with what the callback raises, if the loop catches errors.
        loop: The loop; the current one by default. It has to be the main thread's.

    Returns:
        The handler, which can be freed. It keeps the loop alive; if it should not, call its
        `unref`.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        ValueError: There is no such signal, or it cannot be handled; this is not the main thread;
            or the signal has a handler that could not be put back.
        TypeError: An argument is of the wrong type.
    """
    return SignalHandler(number, callback, event_cb, loop)
