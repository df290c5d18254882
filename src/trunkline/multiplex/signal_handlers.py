"""Signals as callbacks of an event base's, and what was there before put back."""

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from .._core.callbacks import call_plainly
from .._core.counts import check_count, shown_number
from ..errors import SocketClosed

if TYPE_CHECKING:
    from .event_base import EventBase

__all__ = ("InstalledSignal", "check_signal")


def check_signal(number: int) -> None:
    """Raise `TypeError` or `ValueError` for what is not the number of any signal."""
    check_count("a signal", number)
    if number not in signal.valid_signals():
        raise ValueError(f"there is no signal {shown_number(number)}")


class InstalledSignal:
    """A callback for a signal, in place of what was there before.

    Args:
        event_base: Who calls it.
        number: The signal.
        callback: Called with the number, like a deferred call.
        replaced: Called without arguments if another one of these takes its place.

    Raises:
        TypeError: The number is none.
        ValueError: There is no such signal, or it cannot be handled; this is not the main thread;
            or the signal has a handler that could not be put back.
    """

    def __init__(
        self,
        event_base: "EventBase",
        number: int,
        callback: Callable[[int], object],
        replaced: Callable[[], object],
    ) -> None:
        check_signal(number)
        self._event_base = event_base
        self._number = number
        self._callback = callback
        self._replaced = replaced
        self._is_removed = False
        before = signal.getsignal(number)
        former = _ours(before)
        self._previous: Any = before if former is None else former._previous
        if self._previous is None:
            raise ValueError(
                f"signal {number} is handled by something else than Python, "
                "which could not be put back"
            )
        try:
            signal.signal(number, self._on_signal)
        except OSError:
            raise ValueError(f"signal {number} cannot be handled") from None
        if former is not None:
            former._replaced()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Be called by Python, between any two of its instructions: so only pass it on."""
        with suppress(SocketClosed):  # the event base is closed, and about to put things back
            self._event_base.call_soon_threadsafe(self._fire)

    def _fire(self) -> None:
        if not self._is_removed:
            call_plainly(self._callback, self._number)

    def remove(self) -> None:
        """Put back what was there before, and call nothing any more. May be repeated."""
        self._is_removed = True
        # Who has changed it meanwhile, another of these or the application itself, keeps it.
        if _ours(signal.getsignal(self._number)) is self:
            signal.signal(self._number, self._previous)


def _ours(installed: Any) -> InstalledSignal | None:
    """Return the object whose method is installed for a signal, if it is one of these."""
    owner = getattr(installed, "__self__", None)
    return owner if isinstance(owner, InstalledSignal) else None
