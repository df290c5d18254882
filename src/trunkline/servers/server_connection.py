"""What a server's handler is called with: a connection that knows its server."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar, Unpack

from .._core.deadline import Deadline
from .._sys.clock import monotonic
from .._sys.socket_descriptor import SocketDescriptor
from ..sockets.active_socket import ActiveSocket
from ..sockets.keywords import ConnectionOptions
from .limits import LimitedChannel

if TYPE_CHECKING:
    from ..tls.description import TLSLike
    from .server import Server

__all__ = ("ServerConnection",)

T = TypeVar("T")


class ServerConnection(ActiveSocket):
    """A connection that a `Server` has accepted: an `ActiveSocket`, and what is known of it.

    Servers make them.

    Attributes:
        server: The server. Its `draining` and `wait_for_input` are for handlers.
    """

    def __init__(
        self,
        server: "Server",
        channel: LimitedChannel,
        descriptor: SocketDescriptor,
        **options: Unpack[ConnectionOptions],
    ) -> None:
        super().__init__(descriptor, **options)
        self.server: Server = server
        self._limited = channel
        self._go_through(channel)
        self._began = monotonic()
        self._ended: float | None = None
        self.watch_closing(self._note_closing)

    def _note_closing(self, number: int) -> None:
        self._ended = monotonic()

    def _shake_hands(self, tls: "TLSLike") -> bool:
        """Begin with TLS, or go on, as far as it goes at once; return whether that is done."""
        if self._machine is None:
            self._put_in_tls(tls, server_side=True)
        return self._handshake_at_once()

    def _wait_within_limits(
        self, wait: Callable[[Deadline, str], T], deadline: Deadline, operation: str
    ) -> T:
        """See `Socket._wait_within_limits`."""
        return self._limited.wait_as(wait, deadline, operation)

    @property
    def bytes_received(self) -> int:
        """How many bytes have come from the client; what was not read yet counts, too."""
        return self._limited.received

    @property
    def bytes_sent(self) -> int:
        """How many bytes the system has taken for the client."""
        return self._limited.sent

    @property
    def duration(self) -> float:
        """Seconds from being accepted until now, or until it was closed."""
        return (monotonic() if self._ended is None else self._ended) - self._began
