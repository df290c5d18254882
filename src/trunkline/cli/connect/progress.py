"""How far a long transfer is, in one line that is written over and over."""

from collections.abc import Callable
from typing import NamedTuple

from ...multiplex import EventBase
from ..sizes import amount

__all__ = ("Counts", "Progress")

_FIRST = 1.0  # seconds until a transfer is a long one
_INTERVAL = 0.25  # seconds between two looks at it
_ERASE = "\r\x1b[K"


class Counts(NamedTuple):
    """How many bytes have gone each way."""

    sent: int
    received: int


class Progress:
    """Shows progress on a terminal, once it is a long transfer.

    Args:
        event_base: Who calls for it.
        counts: Returns how far it is.
        show: Writes to the terminal.
    """

    def __init__(
        self,
        event_base: EventBase,
        counts: Callable[[], Counts],
        show: Callable[[str], object],
    ) -> None:
        self._event_base = event_base
        self._counts = counts
        self._show = show
        self._began_at = event_base.now()
        self._last = counts()
        self._last_at = self._began_at
        self._is_shown = False
        self._timer = event_base.add_timer(self._first, _FIRST, one_shot=True)

    def _first(self) -> None:
        self._timer = self._event_base.add_timer(self._update, _INTERVAL)
        self._update()

    def _update(self) -> None:
        counts, now = self._counts(), self._event_base.now()
        moved = sum(counts) - sum(self._last)
        rate = moved / max(now - self._last_at, 0.001)
        self._last, self._last_at = counts, now
        sent, received = map(amount, counts)
        passed = now - self._began_at
        self._show(f"{_ERASE}{sent} sent, {received} received, {amount(rate)}/s, {passed:.0f} s")
        self._is_shown = True

    def hide(self) -> None:
        """Take the line away, so that something else can be written."""
        if self._is_shown:
            self._is_shown = False
            self._show(_ERASE)

    def stop(self) -> None:
        """Take it away for good."""
        self._event_base.remove_timer(self._timer)
        self.hide()
