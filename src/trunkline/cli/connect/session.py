"""A conversation between the standard streams and a peer, in both directions at once.

What is read from one side is given to the other, and no more is read while that one has no room:
however much goes through, what is kept is a few buffers. The end of the input ends our half of the
connection, and what the peer still has to say is printed. The peer's end is the end of all where
somebody types, who would wait for nothing; a pipeline goes on to send what it has, for as long as
the peer takes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..._sys.owned_number import OwnedNumber
from ...multiplex import EventBase
from .hex_dump import Direction, HexDump
from .progress import Counts, Progress
from .streams import Input, Output, open_input, open_output
from .text_filters import Filter

if TYPE_CHECKING:
    from .history import History

__all__ = ("OutputGone", "Peer", "Session", "StandardStreams")


class OutputGone(BrokenPipeError):
    """Nobody reads our output any more."""


class Peer(Protocol):
    """The other end, a connection or what looks like one."""

    def write(self, data: bytes, /) -> object:
        """Send something."""

    def write_eof(self) -> object:
        """Say that there is no more."""

    def pause_reading(self) -> object:
        """Tell nothing that it says, until `resume_reading`."""

    def resume_reading(self) -> object:
        """Undo that."""

    def close(self) -> object:
        """End it, after what was written has been sent."""

    def abort(self) -> object:
        """End it now."""


@dataclass(frozen=True)
class StandardStreams:
    """Where to read from and to write to.

    Attributes:
        input: What is read; None if there is nothing.
        output: Where to print.
        is_typed: Whether somebody types it.
        show_progress: Writes to the terminal that the error stream is; None if it is none.
        history: What was typed earlier, if somebody types on the terminal that the output goes to;
            else None.
    """

    input: OwnedNumber | None
    output: OwnedNumber
    is_typed: bool
    show_progress: Callable[[str], object] | None
    history: "History | None" = None


class Session:
    """Moves everything both ways, from when there is a connection to the end of it.

    Args:
        event_base: Who does it, and what is left with `exit` when it is over.
        streams: The standard streams.
        outgoing: What goes to the peer goes through this.
        incoming: And this is for what comes.
        dump: Shows what goes both ways, instead of what comes; or None.
        tells_end: Whether the peer is told of the end of the input.

    Attributes:
        error: What has ended it, if it has not ended in good order.
        counts: How many bytes have gone each way.
        began_at: When there was a connection, by the event base's clock.
    """

    def __init__(
        self,
        event_base: EventBase,
        streams: StandardStreams,
        outgoing: Filter,
        incoming: Filter,
        dump: HexDump | None,
        *,
        tells_end: bool = True,
    ) -> None:
        self._event_base = event_base
        self._tells_end = tells_end
        self._streams = streams
        self._outgoing = outgoing
        self._incoming = incoming
        self._dump = dump
        self._peer: Peer | None = None
        self._input: Input | None = None
        self._output: Output | None = None
        self._progress: Progress | None = None
        self._input_is_over = self._peer_is_over = self._is_ending = False
        self._peer_is_full = self._output_is_full = False
        self.counts: Counts = Counts(0, 0)
        self.error: Exception | None = None
        self.began_at: float = event_base.now()

    def begin(self, peer: Peer) -> None:
        """Begin, with a connection that can be used."""
        self._peer = peer
        self.began_at = self._event_base.now()
        streams = self._streams
        if streams.history is not None and self._open_console(streams.history):
            return
        self._output = open_output(self._event_base, streams.output, self)
        if streams.show_progress is not None:
            self._progress = Progress(self._event_base, lambda: self.counts, streams.show_progress)
        if streams.input is None:
            self.input_ended(None)
        else:
            self._input = open_input(self._event_base, streams.input, self)

    def _open_console(self, history: "History") -> bool:
        """Let lines be edited, and return whether they can be."""
        from .console import open_console

        opened = open_console(self._event_base, self._streams.output, history, self, self)
        if opened is not None:
            self._input, self._output = opened
        return opened is not None

    # -- from the input to the peer --------------------------------------------------------------

    def input_received(self, data: bytes) -> None:
        """Send what was typed."""
        self._send(lambda: self._outgoing.feed(data))

    def input_ended(self, error: Exception | None) -> None:
        """Send what is left, and say that this was all."""
        if self._input_is_over or self._is_ending:
            return
        if error is not None:
            self.fail(error)
            return
        self._input_is_over = True
        self._send(self._outgoing.finish)
        if self._peer is not None and not self._is_ending and self._tells_end:
            self._peer.write_eof()
        if self._peer is not None and self._peer_is_over and not self._tells_end:
            self._peer.close()

    def _send(self, make: Callable[[], bytes]) -> None:
        try:
            data = make()
        except Exception as error:
            self.fail(error)
            return
        if data and self._peer is not None and not self._is_ending:
            self.counts = Counts(self.counts.sent + len(data), self.counts.received)
            self._show("sent", data)
            self._peer.write(data)

    def peer_full(self) -> None:
        """Read no more until there is room."""
        self._peer_is_full = True
        self._steer_input()

    def peer_has_room(self) -> None:
        """Read on."""
        self._peer_is_full = False
        self._steer_input()

    def _steer_input(self) -> None:
        """Read what there is room for: where all is shown, what is sent is printed, too."""
        if self._input is None or self._input_is_over:
            return
        if self._peer_is_full or (self._output_is_full and self._dump is not None):
            self._input.pause_reading()
        else:
            self._input.resume_reading()

    # -- from the peer to the output -------------------------------------------------------------

    def peer_received(self, data: bytes) -> None:
        """Print what has come."""
        self.counts = Counts(self.counts.sent, self.counts.received + len(data))
        self._show("received", data)
        if self._dump is None:
            self._print(lambda: self._incoming.feed(data))

    def peer_finished(self) -> None:
        """Print what is left. Who types has nothing more to say to it."""
        if self._peer_is_over:
            return
        self._peer_is_over = True
        if self._dump is None:
            self._print(self._incoming.finish)
        is_all = self._input_is_over and not self._tells_end
        if (self._streams.is_typed or is_all) and self._peer is not None:
            self._peer.close()

    def peer_lost(self, error: Exception | None) -> None:
        """End; the connection is over."""
        self._peer = None
        if error is not None:
            self.error = self.error or error
        self.peer_finished()
        self._end()

    def _print(self, make: Callable[[], bytes]) -> None:
        try:
            self._write(make())
        except Exception as error:
            self.fail(error)

    def _write(self, data: bytes) -> None:
        if not data or self._output is None:
            return
        if self._progress is not None:
            self._progress.hide()
        self._output.write(data)

    def _show(self, direction: Direction, data: bytes) -> None:
        if self._dump is not None:
            seconds = self._event_base.now() - self.began_at
            self._print(lambda: self._dump.lines(direction, seconds, data))  # type: ignore[union-attr]

    def output_full(self) -> None:
        """Receive no more until there is room."""
        self._output_is_full = True
        self._steer_input()
        if self._peer is not None:
            self._peer.pause_reading()

    def output_has_room(self) -> None:
        """Receive on."""
        self._output_is_full = False
        self._steer_input()
        if self._peer is not None:
            self._peer.resume_reading()

    # -- the end ---------------------------------------------------------------------------------

    def fail(self, error: Exception) -> None:
        """End with an error; what was received before is printed."""
        self.error = self.error or error
        self._end()

    def _end(self) -> None:
        """Print what is queued, and then leave."""
        if self._is_ending:
            return
        self._is_ending = True
        if self._progress is not None:
            self._progress.stop()
        if self._input is not None:
            self._input.abort()
        if self._peer is not None and self.error is not None:
            self._peer.abort()
        if self._output is None:
            self._event_base.exit()
        else:
            self._output.finish()

    def output_closed(self, error: Exception | None) -> None:
        """Leave: everything is printed, or cannot be."""
        self._output = None
        if not self._is_ending or error is not None:
            is_gone = error is None or isinstance(error, BrokenPipeError)
            self.error = self.error or (OutputGone("nobody reads it") if is_gone else error)
            self._end()
        self._event_base.exit()

    def close(self) -> None:
        """Let go of everything, whatever is still going on."""
        if self._progress is not None:
            self._progress.stop()
        for each in (self._input, self._peer, self._output):
            if each is not None:
                each.abort()
