"""Signals that end a process, for who has to put the terminal in order first."""

import signal
from collections.abc import Callable

from ..multiplex import EventBase

__all__ = ("handle_unless_ignored", "watch_ending")

_ENDING = (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM)  # Ctrl-C is Python's


def watch_ending(event_base: EventBase, ended: Callable[[int], object]) -> list[int]:
    """Have a signal that would end the process call something instead.

    When all is in order, take the handlers away, and raise the signal once more.

    Args:
        event_base: Who calls it.
        ended: Called with the signal.

    Returns:
        The signals that have handlers now; those that are ignored have none.
    """
    return [each for each in _ENDING if handle_unless_ignored(event_base, each, ended)]


def handle_unless_ignored(
    event_base: EventBase, number: int, callback: Callable[[int], object]
) -> bool:
    """Set a handler for a signal, and return whether that was done: not if it is ignored."""
    if signal.getsignal(number) == signal.SIG_IGN:
        return False
    event_base.set_signal_handler(number, callback)
    return True
