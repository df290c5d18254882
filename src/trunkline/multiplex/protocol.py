"""What a transport calls."""

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from .._core.buffers import Buffer
from ..errors import StreamError

if TYPE_CHECKING:
    from .transport import Transport

__all__ = ("ProtocolLike", "TimeLimit", "TransportProtocol")

TimeLimit: TypeAlias = Literal["idle", "read", "write"]
"""The time limits of a transport."""


class TakesBytes(Protocol):
    """What bytes can be delivered to."""

    def data_received(self, data: bytes, /) -> object:
        """See `TransportProtocol`, as for the others."""


class TakesText(Protocol):
    """What text can be delivered to."""

    def text_received(self, text: str, /) -> object:
        """Text has arrived."""


class TakesLines(Protocol):
    """What lines can be delivered to."""

    def line_received(self, line: str, /) -> object:
        """A line has arrived."""


class LendsBuffer(Protocol):
    """What has a buffer to receive into."""

    def get_buffer(self, size_hint: int, /) -> Buffer:
        """Return the buffer."""

    def buffer_updated(self, count: int, /) -> object:
        """So many bytes have arrived in it."""


class TakesBlocks(Protocol):
    """What blocks can be delivered to."""

    def block_received(self, block: bytes, /) -> object:
        """A block has arrived."""


class TakesFrames(Protocol):
    """What frames can be delivered to."""

    def frame_received(self, frame: bytes, /) -> object:
        """A frame has arrived."""


ProtocolLike: TypeAlias = (
    TakesBytes | TakesText | TakesLines | LendsBuffer | TakesBlocks | TakesFrames
)
"""Whatever a transport can deliver to, a subclass of `TransportProtocol` or not."""


class TransportProtocol:
    """Whom a transport calls. Subclass it, and override what you want to know.

    Any object will do, if it has the method that input is delivered to; another one that it does
    not have is not called. The names are those of `asyncio.Protocol` and
    `asyncio.BufferedProtocol`, with a few more.
    """

    def connection_made(self, transport: "Transport") -> None:
        """The connection is there."""

    def tls_started(self, transport: "Transport") -> None:
        """The handshake is over that `Transport.start_tls` has begun."""

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived (delivery as ``"bytes"``)."""

    def text_received(self, text: str) -> None:
        """Text has arrived (delivery as ``"text"``)."""

    def line_received(self, line: str) -> None:
        """A line has arrived; it is given without its newline (delivery as ``"lines"``)."""

    def block_received(self, block: bytes) -> None:
        """A block has arrived (delivery in `Blocks`)."""

    def frame_received(self, frame: bytes) -> None:
        """A frame has arrived; it is given without its length (delivery in `Frames`)."""

    def get_buffer(self, size_hint: int) -> Buffer:
        """Return a writable buffer, not empty, to receive into (delivery as ``"buffer"``)."""
        raise NotImplementedError

    def buffer_updated(self, count: int) -> None:
        """So many bytes have arrived in the buffer."""

    def input_failed(self, transport: "Transport", error: StreamError) -> None:
        """What has arrived is not text, or a line is too long. Reading is paused.

        What was good before it has been delivered.

        By default the transport is closed, after what is queued has been sent. An override may
        call `Transport.set_delivery` and `Transport.resume_reading` instead, and take the same
        input in another form.
        """
        transport.close_with(error)

    def eof_received(self) -> bool | None:
        """The peer has finished. Return True to keep the writing half open."""

    def pause_writing(self) -> None:
        """More is queued than the high-water mark."""

    def resume_writing(self) -> None:
        """What is queued is down to the low-water mark."""

    def timed_out(self, which: TimeLimit) -> bool | None:
        """A time limit has passed: ``"idle"``, ``"read"`` or ``"write"``.

        Return True to go on. By default the connection is aborted, with `TimedOut`.
        """

    def stop_requested(self) -> None:
        """The listener that has accepted the connection stops, see `Listener.stop`.

        An override says what is still to be said, and calls `Transport.close` when that is all. By
        default the connection goes on until it ends by itself, or the time is up.
        """

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is over: in good order if there is no error."""
