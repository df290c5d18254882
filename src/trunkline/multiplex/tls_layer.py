"""TLS between a transport and its descriptor: what the transport calls in place of the system.

A transport receives and sends by two functions, which are the system's own. Those of a `TLSLayer`
have the same manners, so that all that a transport does holds with TLS, too: they raise
`BlockingIOError` when nothing goes, and an `OSError` for what is wrong.

`TLSLayer.send` says that plaintext has been sent when its ciphertext has left, all of it. Until
then it stays in the transport's queue, where it is counted for the water marks and waited for in
the end; the next call, which is given the same bytes again, goes on with the ciphertext.

What is received is read to the last record at once. Sometimes there is more to tell, without the
descriptor's being ready: an end or an error behind some data, or data for which the protocol's
buffer had no room. Then the layer has the transport ask again, a little later.
"""

from contextlib import suppress
from typing import TYPE_CHECKING

from .._core.buffers import Buffer, space_in
from .._sys.socket_descriptor import NO_SIGNAL, SocketDescriptor
from ..errors import OperationNotSupported, SocketError
from ..tls.description import TLSLike, note_session
from ..tls.errors import TLSError, TLSTruncated
from ..tls.intake import last_words, take_in
from ..tls.machine import Machine

if TYPE_CHECKING:
    from .transport_securing import SecuringTransport

__all__ = ("TLSLayer",)

_RECORD_BYTES = 16_384  # no record has more, RFC 8446, section 5.1


class TLSLayer:
    """What speaks TLS for a transport.

    Args:
        transport: Whose it is.
        descriptor: The connection.
        machine: What does the work.
        tls: How it speaks, for its session to be kept there.
        unsent: What is to be sent before TLS begins, as it is.
    """

    __slots__ = """
        _descriptor _encrypted _has_begun _is_asked _is_beginning _is_due _lost_by _moved
        _receive _send _tls _transport is_stuck machine
    """.split()  # noqa: SIM905 - as in `TransportCore`

    def __init__(
        self,
        transport: "SecuringTransport",
        descriptor: SocketDescriptor,
        machine: Machine,
        tls: TLSLike,
        unsent: bytes = b"",
    ) -> None:
        self._transport = transport
        self._descriptor = descriptor
        self._receive = descriptor.bare_receive
        self._send = descriptor.bare_send
        self._tls = tls
        self.machine: Machine = machine
        machine.send_first(unsent)
        self._moved = 0  # how many bytes the system has taken
        self._encrypted = 0  # of how much plaintext the ciphertext is that has not left
        self._has_begun = False  # with the handshake
        self._is_beginning = False  # what is due and what is left to be sent have their turn soon
        self._is_due = False  # there is something to tell without receiving
        self._is_asked = False  # the transport will be asked to ask
        self._lost_by: OSError | None = None  # what the system has told while nobody could hear it
        self.is_stuck: bool = False  # nothing is read before the peer has taken the answers

    # -- the handshake ---------------------------------------------------------------------------

    def advance(self) -> bool:
        """Go on with the handshake as far as it goes at once; return whether it is over.

        Then, something may be left to be sent: see `begin`. While output is held, nothing is, for
        what TLS has to say is not.

        Raises:
            TLSError: It has failed. The alert that tells the peer so has been sent if that went.
            OSError: The system says no.
        """
        machine = self.machine
        # A server has nothing to say before it has heard something.
        is_first = not self._has_begun and (machine.has_pending or not machine.server_side)
        self._has_begun = True
        is_held = self._transport._is_held
        if machine.is_established:  # and output is held
            return self.flush() or not is_held
        if not (is_first or take_in(machine, self._descriptor)):
            self.flush()
            return False
        try:
            is_over = machine.advance()
        except TLSError as error:
            raise self._with_alert(error) from None
        if is_over and not is_held:
            return True
        return self.flush() and is_over

    def begin(self) -> None:
        """Have the transport begin, and deliver what has come behind the handshake.

        What is left to be said of the handshake leaves together with what the protocol writes then.
        """
        transport = self._transport
        self._is_due = self.machine.has_pending
        self._is_beginning = True
        try:
            transport._begin_with_tls(self._descriptor, self)
            if self._is_due:
                transport._receive_again()
        finally:
            self._is_beginning = False
            if transport.descriptor is self._descriptor and self.machine.has_output:
                self._answer()
            self._go_on_later()

    def make_way(self, unsent: bytes) -> bytes:
        """Do nothing any more: another layer goes on with the machine, below one of its own.

        Args:
            unsent: What is queued.

        Returns:
            What of that the machine has not encrypted yet.
        """
        self._is_due = self.is_stuck = False
        return unsent[self._encrypted :]

    def last_words(self) -> TLSError | None:
        """Return the alert by which a peer has said why it takes no more, if there is one."""
        with suppress(SocketError):  # what had come before is what counts
            return last_words(self.machine, self._descriptor)
        return None

    # -- receiving -------------------------------------------------------------------------------

    def receive(self, size: int) -> bytes:
        """Return what has come, b"" at the peer's end, as recv(2) does; but all, whatever the size.

        That is no more than a little above `FEED_BYTES`.

        Raises:
            BlockingIOError: Nothing has.
            TLSTruncated, TLSError: What comes is not what the peer has sent; or it is cut off, or
                ended by an alert.
            OSError: The system says no.
        """
        if self._is_due:
            self._is_due = False
        else:
            self.machine.feed_from(self._receive, self.machine.feed_size)
        pieces: list[bytes] = []
        self._read_records(pieces)
        if self._is_due:
            self._go_on_later()
        if pieces:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self.machine.has_ended:
            return b""
        raise BlockingIOError

    def _read_records(self, pieces: list[bytes]) -> None:
        machine = self.machine
        try:
            while piece := machine.read(_RECORD_BYTES):
                pieces.append(piece)
                if not machine.has_pending:
                    break
            else:
                self._is_due = machine.has_ended and bool(pieces)
        except TLSError as error:
            told = self._told(error)
            if not pieces:
                raise told from None
            self._is_due = True
        if machine.has_output and not self._is_beginning:
            self._answer()

    def receive_into(self, buffer: Buffer) -> int | None:
        """Receive as much as a buffer takes; return None if nothing has come.

        Raises:
            TypeError: One cannot write to it.
            Everything that `receive` raises, but for `BlockingIOError`.
        """
        with space_in(buffer) as view:
            if not (self._is_due or take_in(self.machine, self._descriptor)):
                return None
            self._is_due = False
            count = self._read_into(view)
        self._go_on_later()
        if count:
            return count
        return 0 if self.machine.has_ended else None

    def _read_into(self, view: memoryview) -> int:
        machine = self.machine
        count = 0
        try:
            while more := machine.read_into(view[count:]):
                count += more
                if not machine.has_pending:
                    break
                if count == len(view):
                    self._is_due = True
                    break
            else:
                self._is_due = machine.has_ended and count > 0
        except TLSError as error:
            told = self._told(error)
            if not count:
                raise told from None
            self._is_due = True
        if machine.has_output and not self._is_beginning:
            self._answer()
        return count

    def _go_on_later(self) -> None:
        """Have the transport ask again, if there is more to tell."""
        base = self._transport.event_base
        if self._is_due and not (self._is_asked or self._is_beginning or base.closed):
            self._is_asked = True
            base.call_soon(self._ask)

    def _ask(self) -> None:
        self._is_asked = False
        if self._is_due:
            self._transport._receive_again()

    def reading_started(self) -> None:
        """Take note that the transport reads from now on, having paused perhaps."""
        self._go_on_later()

    # -- sending ---------------------------------------------------------------------------------

    def send(self, data: bytes | memoryview, flags: int = 0) -> int:
        """Send plaintext; return how much of it has left altogether, as send(2) does.

        What has not left has to be given again.

        Returns:
            The number of bytes; 0 if some ciphertext has left, but not all of it.

        Raises:
            BlockingIOError: There is no room.
            TLSError: The connection has failed.
            OSError: The system says no.
        """
        machine = self.machine
        before = self._moved
        left = 0
        while True:
            # What TLS has to say by itself is still there, and leaves together with that.
            if not self._encrypted:
                try:
                    self._encrypted = machine.write(memoryview(data)[left:] if left else data)
                except TLSError as error:
                    raise self._with_alert(error) from None
            if not (self.flush() and self._encrypted):
                break
            left += self._encrypted
            self._encrypted = 0
            if left == len(data):
                return left
        # What has left may have been sent before, when something was read.
        if not left and self._moved == before:
            raise BlockingIOError
        return left

    def send_file(self, number: int, offset: int, count: int) -> int:
        """Say that the system cannot do it: what is sent has to be encrypted."""
        raise OperationNotSupported(operation="send_file", address=self.where)

    @property
    def where(self) -> object:
        """The address that errors name."""
        return self._descriptor.where

    @property
    def holds_output(self) -> bool:
        """Whether there is something that has not left."""
        return self.machine.has_output

    def flush(self) -> bool:
        """Send the ciphertext that there is, as far as it goes; return whether all has left.

        Raises:
            OSError: The system says no.
        """
        machine = self.machine
        while machine.has_output:
            try:
                self._moved += machine.send_output(self._send, NO_SIGNAL)
            except BlockingIOError:
                return False
        self._read_on()
        return True

    def _read_on(self) -> None:
        """Read again, if there was too much to be sent for that."""
        if self.is_stuck:
            self.is_stuck = False
            self._transport._start_reading()

    def send_answers(self) -> bool:
        """Send what TLS has to say by itself; return whether nothing is left that could be.

        If the peer does not take it, reading will tell: the system tells an error once. Nothing is
        kept of it then, for nobody will have it, and where much is kept nothing is read. What is
        queued is encrypted anew when its turn comes, and found to be in vain.
        """
        try:
            return self.flush()
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self._lost_by = error
        self.machine.drop_output()
        self._encrypted = 0
        self._read_on()
        return True

    def _answer(self) -> None:
        """Send what reading has made, now or when there is room."""
        if self.send_answers():
            if self.machine.has_pending:  # reading has stopped for want of the room there is now
                self._is_due = True
            return
        self._transport._wait_to_write()
        if self.machine.is_stuck:
            self.is_stuck = self._is_due = True
            self._transport._stop_reading()

    def end(self) -> bool:
        """Say that this end sends no more; return whether that has left, or never will."""
        machine = self.machine
        with suppress(OSError):
            if not (machine.output_ended or machine.has_failed):
                machine.end()
                note_session(self._tls, machine)
            return self.flush()
        return True

    def _told(self, error: TLSError) -> OSError:
        """Return what to tell of an error, and let the peer know."""
        if self._lost_by is not None and isinstance(error, TLSTruncated):
            return self._lost_by
        return self._with_alert(error)

    def let_go(self) -> None:
        """Know the transport no more, now that all is over; what was agreed on is still known."""
        self._is_due = self.is_stuck = False
        del self._transport

    def _with_alert(self, error: TLSError) -> TLSError:
        """Send the alert that tells the peer of an error, if that goes at once."""
        with suppress(OSError):
            self.flush()
        error.address = self.where
        return error
