"""Feeding a machine from what receives, which is the same for whatever has a machine."""

from collections.abc import Callable
from typing import Protocol

from .errors import TLSError
from .machine import Machine

__all__ = ("last_words", "take_in")

# How often more is received for an alert. It may be behind data that nobody will read.
_MOST_RECEIVES = 16


class _Source(Protocol):
    """What ciphertext is received from."""

    @property
    def where(self) -> object:
        """The address that errors name."""

    def receive_by(self, take: Callable[..., int], size: int, /) -> int | None:
        """Have up to so many bytes taken by a function; see `SocketDescriptor.receive_by`."""


def take_in(machine: Machine, source: _Source) -> bool:
    """Receive ciphertext; return whether any was there, or its end.

    Raises:
        SocketError: The system says no.
    """
    return source.receive_by(machine.feed_from, machine.feed_size) is not None


def last_words(machine: Machine, source: _Source) -> TLSError | None:
    """Return the alert by which a peer has said why it takes no more, if there is one.

    Raises:
        SocketError: The system says no, behind all that had come.
    """
    error = None
    for _ in range(_MOST_RECEIVES):
        error = machine.failure_ahead()
        if error is not None or machine.has_ended or not take_in(machine, source):
            break
    if error is None or error.alert is None:
        return None
    error.address = source.where
    return error
