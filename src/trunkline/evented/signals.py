"""Signals as callbacks on the loop, and what was there before put back."""

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, ClassVar

from ..errors import SocketClosed
from .events import EventCallback
from .handle import FreeableHandle
from .loop import EventLoop, check_callable

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
        check_callable(callback)
        self._number = number
        self._callback = callback
        former = _handler_of(signal.getsignal(number))
        self._previous: Any = signal.getsignal(number) if former is None else former._previous
        if self._previous is None:
            raise ValueError(
                f"signal {number} is handled by something else than Python, "
                "which could not be put back"
            )
        try:
            signal.signal(number, self._on_signal)
        except OSError:
            raise ValueError(f"signal {number} cannot be handled") from None
        self._loop._adopt(self)
        if former is not None:
            former.free()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Be called by Python, between any two of its instructions: so only pass it on."""
        with suppress(SocketClosed):  # the loop has ended, and is about to put things back
            self._loop.event_base.call_soon_threadsafe(self._fire)

    def _fire(self) -> None:
        if not self._is_freed:
            self._call(self._callback, self._number)

    def _stop(self) -> None:
        # Who has changed it meanwhile, another of these or the application itself, keeps it.
        if _handler_of(signal.getsignal(self._number)) is self:
            signal.signal(self._number, self._previous)


def _handler_of(installed: Any) -> SignalHandler | None:
    """Return the handler whose method is installed for a signal, if it is one of ours."""
    owner = getattr(installed, "__self__", None)
    return owner if isinstance(owner, SignalHandler) else None


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
    if not isinstance(number, int):
        raise TypeError(f"a signal is a number, not {type(number).__name__}")
    return SignalHandler(number, callback, event_cb, loop)
