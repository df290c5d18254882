"""What a datagram endpoint calls."""

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from ...errors import SocketError
from ...sockets.datagrams import Received, Sender

if TYPE_CHECKING:
    from .endpoint import DatagramEndpoint

__all__ = ("DatagramDelivery", "DatagramProtocol", "DatagramProtocolLike")

DatagramDelivery: TypeAlias = Literal["one", "many"]
"""How datagrams are delivered: each by itself, to `datagram_received`; or all that have come
meanwhile, to `datagrams_received`.
"""


class TakesOne(Protocol):
    """What datagrams can be delivered to."""

    def datagram_received(self, data: bytes, sender: Sender, /) -> object:
        """See `DatagramProtocol`, as for the other one."""


class TakesMany(Protocol):
    """What several datagrams can be delivered to at a time."""

    def datagrams_received(self, received: list[Received[bytes]], /) -> object:
        """Datagrams have arrived."""


DatagramProtocolLike: TypeAlias = TakesOne | TakesMany
"""Whatever datagrams can be delivered to, a subclass of `DatagramProtocol` or not."""


class DatagramProtocol:
    """Whom a datagram endpoint calls. Subclass it, and override what you want to know.

    Any object will do, if it has the method that datagrams are delivered to; another one that it
    does not have is not called. The names are those of `asyncio.DatagramProtocol`, with a few more.
    """

    def connection_made(self, endpoint: "DatagramEndpoint") -> None:
        """The endpoint is open."""

    def datagram_received(self, data: bytes, sender: Sender) -> None:
        """A datagram has arrived (delivery as ``"one"``). No bytes are a datagram, too."""

    def datagrams_received(self, received: list[Received[bytes]]) -> None:
        """Datagrams have arrived, at least one (delivery as ``"many"``).

        They are what `DatagramSocket.receive_many` returns, and can be sent back as they are.
        """

    def truncated_received(self, data: bytes, sender: Sender) -> None:
        """A datagram has arrived that is larger than the `size` of the endpoint.

        The rest of it is lost. It is not delivered otherwise.
        """

    def error_received(self, error: SocketError) -> None:
        """A datagram could not be sent, or the network says that an earlier one was not delivered.

        Its `address` is the receiver, where that is known. The endpoint goes on.
        """

    def pause_writing(self) -> None:
        """More is queued than the high-water mark."""

    def resume_writing(self) -> None:
        """What is queued is down to the low-water mark."""

    def timed_out(self, which: Literal["idle"]) -> bool | None:
        """Nothing was received or sent for as long as the time limit is.

        Return True to go on. By default the endpoint is aborted, with `TimedOut`.
        """

    def connection_lost(self, error: Exception | None) -> None:
        """The endpoint is closed: in good order if there is no error."""
