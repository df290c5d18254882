"""What to make of an error of accept(2), in one table that every server uses.

A server must not die of what its clients do, nor of a shortage that will pass; and while the
shortage lasts it must not spin, for the listening socket stays readable.
"""

import errno
from enum import Enum

from ..errors import SocketError
from .back_off import BackOff

__all__ = ("AcceptVerdict", "ShortageEpisodes", "accept_back_off", "accept_verdict")

EPISODE_GAP = 60.0
"""Seconds without a shortage after which the next one is worth telling again."""


class AcceptVerdict(Enum):
    """What a server does about an error of accept(2)."""

    IGNORE = "ignore"
    """The client is gone, or its network is: accept the next one."""
    BACK_OFF = "back off"
    """Something has run out: say so once, and try again when it may have come back."""
    RAISE = "raise"
    """The listening socket itself is at fault."""


# accept(2): Linux passes errors that are already pending on the new connection on to accept, and
# asks to treat them like EAGAIN. EPERM is a firewall's refusal.
_IGNORED = (
    "ECONNABORTED ECONNRESET EPROTO EPERM ENETDOWN ENETUNREACH ENONET EHOSTDOWN EHOSTUNREACH "
    "ENOPROTOOPT EOPNOTSUPP ETIMEDOUT EINTR"
)
_SHORTAGES = "EMFILE ENFILE ENOBUFS ENOMEM"

_VERDICTS = {
    getattr(errno, name): verdict
    for names, verdict in (
        (_IGNORED, AcceptVerdict.IGNORE),
        (_SHORTAGES, AcceptVerdict.BACK_OFF),
    )
    for name in names.split()
    if hasattr(errno, name)
}


def accept_verdict(error: SocketError) -> AcceptVerdict:
    """Return what a server should do about an error of its accepting."""
    return _VERDICTS.get(error.errno or 0, AcceptVerdict.RAISE)


def accept_back_off() -> BackOff:
    """Return the delays between attempts to accept while something is short."""
    return BackOff(first=0.01, factor=2.0, last=1.0)


class ShortageEpisodes:
    """Tells the shortage that begins an episode from those that go on with it.

    A server at its limit accepts one more connection whenever one is closed, and then is short
    again, some hundred times a second. That is one episode, and told once.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: float | None = None

    def begins(self, now: float) -> bool:
        """Take note of a shortage at a time, in seconds, and return whether an episode begins."""
        last, self._last = self._last, now
        return last is None or now - last > EPISODE_GAP
