"""Forwarding streams: a connection to the target for each of a client's.

Neither side is read faster than the other one takes it. What one side ends, the other one sees
ended, and may still answer; what one side breaks off is broken off for the other one, too.
"""

from ...._sys.clock import monotonic
from ....addresses import Endpoint
from ....multiplex import Transport, TransportProtocol
from ...connect.dialling import Dialling
from ...connect.settings import Settings
from ...connect.telling import Teller
from ...sizes import amount
from ..connection_log import note
from ..unfinished import Unfinished

__all__ = ("ProxyProtocol",)

CLOSE_TIMEOUT = 10.0
"""Seconds in which a side takes nothing of the rest, after the other one has ended."""


class _End(TransportProtocol):
    """One of two connections that are one.

    Attributes:
        transport: The connection; None before it is there.
        other: The other one.
        has_finished: Whether the peer has ended its half.
        is_over: Whether the connection is.
    """

    other: "_End"

    def __init__(self) -> None:
        self.transport: Transport | None = None
        self.has_finished: bool = False
        self.is_over: bool = False

    def begin(self, transport: Transport) -> None:
        """Have a connection, which is watched for a peer that is gone without a word."""
        self.transport = transport
        if isinstance(transport.remote_name, Endpoint):
            transport.set_option("keepalive", True)

    def data_received(self, data: bytes) -> None:
        """Hand it on."""
        if self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """Hand on that there is no more."""
        self.has_finished = True
        if self.other.transport is not None:
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        """Read no more of what would come here."""
        if self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        if self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """End the other one in the same way."""
        self.is_over = True
        other = self.other.transport
        if other is None or self.other.is_over:
            return
        is_whole = self.has_finished and self.other.has_finished
        # Many servers that speak TLS just end, after everything has been said.
        if is_whole or _is_cut_off(error):
            other.set_timeouts(write=CLOSE_TIMEOUT)
            other.close()
        else:
            other.abort(reset=True)


class ProxyProtocol(_End):
    """A client's connection, which gets another one to the target.

    Args:
        settings: What to connect to, and how.
        unfinished: Where connections to the target are that are open.
    """

    def __init__(self, settings: Settings, unfinished: Unfinished) -> None:
        super().__init__()
        self._settings = settings
        self._unfinished = unfinished
        self._dialling: Dialling | None = None
        self._error: Exception | None = None
        self._began = monotonic()
        self.other: _End = _ToTarget(self)

    def connection_made(self, transport: Transport) -> None:
        """Connect to the target; what the client says meanwhile waits with the system."""
        self.begin(transport)
        transport.pause_reading()
        settings, base = self._settings, transport.event_base
        self._dialling = Dialling(
            base, settings, [settings.target], Teller(), self._made, self._failed, client=transport
        )

    def _made(self, transport: Transport) -> None:
        self._dialling = None
        assert self.transport is not None
        transport.set_protocol(self.other)
        self._unfinished.add(self.other)
        self.other.begin(transport)
        self.transport.resume_reading()

    def _failed(self, error: Exception) -> None:
        self._dialling = None
        self._error = error
        assert self.transport is not None
        self.transport.abort(reset=True)

    def connection_lost(self, error: Exception | None) -> None:
        """End the other one, or give it up."""
        if self._dialling is not None:
            self._dialling.give_up()
        super().connection_lost(error)
        self.note_end(error)

    def note_end(self, error: Exception | None) -> None:
        """Tell the log, when both are over."""
        self._error = self._error or error
        if self.other.is_over:
            self._unfinished.discard(self.other)
        target = self.other.transport
        if not self.is_over or not (target is None or self.other.is_over):
            return
        assert self.transport is not None
        sent, received = self.transport.bytes_received, 0
        if target is not None:
            received = target.bytes_received
        seconds = monotonic() - self._began
        note(
            f"to {self._settings.target}: {amount(sent)} sent, {amount(received)} received"
            f" in {seconds:.3f} s" + (f": {self._error}" if self._error is not None else ""),
            server="proxy",
            peer=self.transport.remote_name,
            error=self._error,
            target=str(self._settings.target),
            sent=sent,
            received=received,
            seconds=seconds,
        )


class _ToTarget(_End):
    """The connection to the target."""

    def __init__(self, client: ProxyProtocol) -> None:
        super().__init__()
        self.other: _End = client
        self._client = client

    def connection_lost(self, error: Exception | None) -> None:
        """End the client's, too."""
        super().connection_lost(error)
        self._client.note_end(error)


def _is_cut_off(error: Exception | None) -> bool:
    """Whether the peer has ended a connection without the end that TLS has for it."""
    if error is None:
        return False
    from ....tls.errors import TLSTruncated

    return isinstance(error, TLSTruncated)
