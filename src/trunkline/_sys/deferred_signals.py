"""A stretch of a program that no signal handler interrupts.

Some things must be done to their end once they have begun: a program that has been started, and of
whose process nobody knows, would never be waited for.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

__all__ = ("DeferredSignals",)

_SIGNALS = tuple(map(int, signal.valid_signals()))


class DeferredSignals:
    """In a ``with`` block: signals that come inside are handled when it is left.

    Only Python's handlers are meant, which may raise, as that of Ctrl-C does. The signals are not
    blocked, so that programs that are started inside get theirs. Python calls handlers in the main
    thread only; in others this does nothing.
    """

    __slots__ = ("_come", "_former")

    def __init__(self) -> None:
        self._former: dict[int, Any] = {}
        self._come: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._former[number] = handler
                    signal.signal(number, self._note)
        except BaseException:  # of a handler that was not replaced yet
            self._put_back()
            raise

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._come.append((number, frame))

    def _put_back(self) -> None:
        while self._former:
            number, handler = next(iter(self._former.items()))
            signal.signal(number, handler)
            self._former.pop(number, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        handlers = dict(self._former)
        try:
            self._put_back()
        except BaseException:  # of a handler that was put back already: it is no reason to stop
            self._put_back()
            raise
        for number, frame in self._come:
            handlers[number](number, frame)
