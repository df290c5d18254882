"""What goes through a server: bytes, times and errors, of the connections that there are and were.

`ServerStatistics` counts connections, which costs nothing to ask for. This looks at each connection
that is open.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .._sys.sockaddr import AnyName

__all__ = ("OpenConnection", "Traffic", "TrafficCounts")

_MOST_LONGEST = 3  # connections that are named
_MOST_KINDS = 50  # of errors that are told apart: handlers may raise classes without end
_OTHERS = "others"


@dataclass(frozen=True, slots=True)
class OpenConnection:
    """A connection that is open.

    Attributes:
        peer: The name of its other end; text, if it is a connection of another process.
        seconds: For how long it has been open.
        bytes_received: How many bytes have come.
        bytes_sent: How many were sent.
        receptions: How many times something was received.
    """

    peer: AnyName | str
    seconds: float
    bytes_received: int
    bytes_sent: int
    receptions: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """What has gone through a server until it was asked, and what had ended its connections.

    Attributes:
        bytes_received: How many bytes have come from clients; with TLS, what has come over the
            network.
        bytes_sent: How many bytes were sent to them.
        receptions: How many times something was received. Where clients wait for answers, each is a
            message.
        ended: How many connections are over.
        seconds: How many seconds these lasted, all of them together.
        errors: How many of them were ended by an error, by the name of its class; those of the
            handlers, too. After fifty classes the rest are ``"others"``.
        refusals: How many clients were refused, by the reason: there were enough connections in
            all, ``"limit"``, or of their ``"address"``; none of the ``"threads"`` could be started;
            too many ``"handshakes"`` were slow; or the server was ``"draining"``.
        longest: Those connections that have been open for longest, three at most.
    """

    bytes_received: int = 0
    bytes_sent: int = 0
    receptions: int = 0
    ended: int = 0
    seconds: float = 0.0
    errors: Mapping[str, int] = field(default_factory=dict)
    refusals: Mapping[str, int] = field(default_factory=dict)
    longest: tuple[OpenConnection, ...] = ()


class TrafficCounts:
    """Counts what has gone through the connections that are over. It is not for several threads."""

    def __init__(self) -> None:
        self._received = 0
        self._sent = 0
        self._receptions = 0
        self._ended = 0
        self._seconds = 0.0
        self._errors: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()

    def note_end(
        self, connection: OpenConnection, error: type[BaseException] | None, how: str = ""
    ) -> None:
        """Count a connection that is over.

        Args:
            connection: How it was in the end.
            error: The class of what has ended it, if that was an error.
            how: The outcome, if it was shaking hands.
        """
        if how == "refused":
            self.note_refusal("handshakes")
        self._received += connection.bytes_received
        self._sent += connection.bytes_sent
        self._receptions += connection.receptions
        self._ended += 1
        self._seconds += connection.seconds
        if error is not None:
            kind = error.__name__
            is_known = kind in self._errors or len(self._errors) < _MOST_KINDS
            self._errors[kind if is_known else _OTHERS] += 1

    def note_refusal(self, why: str) -> None:
        """Count a client that was refused; see `Traffic.refusals`."""
        self._refusals[why] += 1

    def with_open(self, connections: Iterable[OpenConnection]) -> Traffic:
        """Return all of it, with the connections that are open."""
        is_open = list(connections)
        return Traffic(
            bytes_received=self._received + sum(each.bytes_received for each in is_open),
            bytes_sent=self._sent + sum(each.bytes_sent for each in is_open),
            receptions=self._receptions + sum(each.receptions for each in is_open),
            ended=self._ended,
            seconds=self._seconds,
            errors=dict(self._errors),
            refusals=dict(self._refusals),
            longest=tuple(heapq.nlargest(_MOST_LONGEST, is_open, key=lambda each: each.seconds)),
        )
