"""TLS without I/O: ciphertext goes in and comes out, and so does plaintext.

Python's `ssl` does the work, on buffers in memory. Here is what it takes to use them safely: how
much is kept, which end is which, and what becomes of the errors.

Whoever has a machine does, again and again: what has come goes into `feed`, when the machine wants
it; then `read` or `read_into` until there is nothing; and whatever was called, `send_output` has to
be called while there is any. All calls may be made before the handshake is over: they go on with
it.

A signal handler may raise wherever Python's code goes on. No ciphertext gets lost then, on the way
in or out, and none is taken twice: either end would take that for an attack.

One thread at a time may use it.
"""

import ssl
from collections.abc import Callable
from itertools import starmap
from typing import Any

from .._core.unsent import Unsent
from .errors import NotTLS, TLSError, TLSTruncated, from_ssl_error
from .other_protocols import OPENING_BYTES, alert_of, looks_like_tls, protocol_of

__all__ = ("FEED_BYTES", "MOST_PLAINTEXT", "MOST_UNTAKEN", "Machine", "not_tls", "plaintext_ahead")

FEED_BYTES = 262_144
"""How much ciphertext to feed at a time, at most: no more than that is kept of it.

It is what bulk costs least with: of 64 KiB each, what is done for each time takes a third of all.
"""

# Where there is less, room for so much costs more than all the rest of receiving: glibc has the
# system map what is that large, and touches it, each time.
_FEW_BYTES = 65_536

MOST_PLAINTEXT = 65_536
"""How much `write` takes at a time."""

MOST_UNTAKEN = 65_536
"""With more output than that, nothing is read.

What it has come from is what the peer makes us answer, and it does not take the answers.
"""

_RENEGOTIATES = "the peer renegotiates, and nothing can be written meanwhile"


class Machine:
    """One end of a TLS connection.

    Args:
        context: How to speak.
        server_side: Whether this end waits for the other one to begin.
        server_name: On the client's side, whom to ask for, and to expect.
        session: On the client's side, one of an earlier connection with the same context, to be
            gone on with.

    Attributes:
        context: That which was given.
        server_side: That which was given.
        server_name: That which was given.
        is_established: Whether the handshake is over.
        has_ended: Whether the peer has said that it sends no more.
        output_ended: Whether `end` was called.
        feed_size: How much ciphertext to receive for `feed_from`.

    Raises:
        ValueError: The context is for the other side, or needs a name to check.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_name: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._arrived: list[bytes | bytearray | memoryview] = []  # ciphertext, b"" for its end
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._unsent = Unsent()
        self.context: ssl.SSLContext = context
        self.server_side: bool = server_side
        self.server_name: str | None = server_name
        try:
            self._object = context.wrap_bio(
                self._incoming,
                self._outgoing,
                server_side=server_side,
                server_hostname=server_name,
                session=session,
            )
        except ssl.SSLError as error:
            raise from_ssl_error(error, "handshake", server_name=server_name) from None
        self.is_established: bool = False
        self.has_ended: bool = False
        self.output_ended: bool = False
        self.feed_size: int = _FEW_BYTES
        self._is_going = False  # the handshake is over, and nothing was wrong
        self._is_cut = False  # no more ciphertext will come
        self._failure: TLSError | None = None
        self._aside = b""  # plaintext that was in the way
        self._is_filled = False  # there was no room for more when it was read last
        self._opening: bytes | None = b""  # what the peer has begun with; None if it was TLS

    # -- ciphertext ------------------------------------------------------------------------------

    def send_first(self, data: bytes) -> None:
        """Have something sent as it is, before TLS begins."""
        self._unsent = Unsent(data)

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take ciphertext that has come. Give it no more before it wants more: see `wants_input`.

        What comes after the peer's end is dropped.
        """
        if data:
            self._arrived.append(data)
            self._take_arrived()

    def feed_eof(self) -> None:
        """Take note that no more will come. Whether that is an end, or a cut, `read` tells."""
        self._is_cut = True

    def feed_from(self, receive: Callable[..., bytes], *arguments: Any) -> int:
        """Take ciphertext from a function, b"" being its end; return how many bytes that were.

        Args:
            receive: A function not written in Python, like that of a socket.
            *arguments: What it is called with.

        Raises:
            Everything that `receive` raises.
        """
        arrived = self._arrived
        if arrived or self.has_ended or self._opening is not None:
            next(map(arrived.append, starmap(receive, (arguments,))))
            count = len(arrived[-1])
            self._take_arrived()
        else:
            count = next(map(self._incoming.write, starmap(receive, (arguments,))))
            self._is_cut = self._is_cut or not count
        self.feed_size = _FEW_BYTES if count < _FEW_BYTES else FEED_BYTES
        return count

    def _take_arrived(self) -> None:
        arrived = self._arrived
        while arrived:
            data = arrived[0]
            if self.has_ended:
                arrived.clear()
                return
            if not data:
                self._is_cut = True
            elif self._opening is not None:
                self._opening = (self._opening + data)[:OPENING_BYTES]
            next(map(self._incoming.write, starmap(arrived.pop, ((0,),))))

    @property
    def wants_input(self) -> bool:
        """Whether it can do nothing more with what it has been fed."""
        return not (self.has_pending or self._is_cut or self.has_ended or self.is_stuck)

    @property
    def has_output(self) -> bool:
        """Whether anything has to be sent: also after an error, for it may be an alert."""
        return bool(self._outgoing.pending or self._unsent.pieces)

    @property
    def output_size(self) -> int:
        """How many bytes have to be sent.

        There are never more than what three calls of `write` make, and a little.
        """
        return len(self._unsent) + self._outgoing.pending

    def send_output(self, send: Callable[..., int], *arguments: Any) -> int:
        """Have some of what has to be sent taken by a function; see `Unsent.send`."""
        unsent = self._unsent
        if not unsent.pieces:
            unsent.refill(self._outgoing.read)
        return unsent.send(send, *arguments)

    def drop_output(self) -> None:
        """Send nothing of it: nobody would have it."""
        self._outgoing.read()
        self._unsent.clear()

    @property
    def is_stuck(self) -> bool:
        """Whether there is so much output that nothing is read before it was taken."""
        return self._outgoing.pending > MOST_UNTAKEN

    # -- handshake -------------------------------------------------------------------------------

    def advance(self) -> bool:
        """Go on with the handshake, as far as what was fed goes; return whether it is over.

        Raises:
            TLSCertificateError: The peer is not who it shall be.
            TLSMismatch, NotTLS, TLSError: It cannot be.
            TLSTruncated: No more will come.
        """
        if self.is_established:
            return True
        self._check()
        self._take_arrived()
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            if self._is_cut:
                raise self._fail(self._cut_off()) from None
            return False
        except ssl.SSLError as error:
            raise self._fail(self._explained(error)) from None
        self.is_established = self._is_going = True
        self._opening = None
        return True

    # -- plaintext -------------------------------------------------------------------------------

    @property
    def has_pending(self) -> bool:
        """Whether something was fed that no call has returned: `read` may find it is not enough."""
        if self._failure is not None or self.has_ended or self._outgoing.pending > MOST_UNTAKEN:
            return bool(self._aside)
        # OpenSSL keeps something only if a record has not been read to its end.
        return bool(
            self._incoming.pending
            or self._arrived
            or self._aside
            or (self._is_filled and self._object.pending())
        )

    def read(self, size: int) -> bytes | None:
        """Return plaintext: at most `size` bytes, at least one, and no more than a record has.

        Returns:
            The bytes; b"" at the peer's end; None if more ciphertext is needed, or room for output
            (see `is_stuck`).

        Raises:
            TLSTruncated: No more will come, and the peer has not said that it ends.
            TLSError: What has come is not what the peer has sent; or it ends the connection by an
                alert. All calls raise it again.
        """
        if self._aside:
            data, self._aside = self._aside[:size], self._aside[size:]
            return data
        if (self._outgoing.pending or self._arrived or not self._is_going) and not self._can_read():
            return None
        try:
            data = self._object.read(size)
        except ssl.SSLError as error:
            return b"" if self._reading_failed(error) else None
        self._is_filled = len(data) == size
        if not data:
            self.has_ended = True
        return data

    def read_into(self, buffer: memoryview) -> int | None:
        """The same, into a buffer of at least one byte; return how many bytes that were."""
        if self._aside:
            count = min(len(self._aside), len(buffer))
            buffer[:count], self._aside = self._aside[:count], self._aside[count:]
            return count
        if (self._outgoing.pending or self._arrived or not self._is_going) and not self._can_read():
            return None
        try:
            count = self._object.read(len(buffer), buffer)  # type: ignore[assignment]
        except ssl.SSLError as error:
            return 0 if self._reading_failed(error) else None
        self._is_filled = count == len(buffer)
        if not count:
            self.has_ended = True
        return count

    def _can_read(self) -> bool:
        """Return whether OpenSSL can be asked: it can where nothing of this is in the way."""
        self._check()
        if self._arrived:
            self._take_arrived()
        return (self.is_established or self.advance()) and not self.is_stuck

    def _reading_failed(self, error: ssl.SSLError) -> bool:
        """Return True for the peer's end, and False for want of more."""
        if isinstance(error, ssl.SSLZeroReturnError):
            self.has_ended = True
            return True
        if not isinstance(error, ssl.SSLWantReadError):
            raise self._fail(self._explained(error)) from None
        if self._is_cut:
            raise self._fail(self._cut_off()) from None
        return False

    def failure_ahead(self) -> TLSError | None:
        """Look whether what was fed ends in an error, and return that; plaintext before it stays.

        You would want it where sending has failed: an alert may say why.
        """
        aside = self._aside
        try:
            self._aside = b""
            while len(aside) < FEED_BYTES and (data := self.read(FEED_BYTES)):
                aside += data
        except TLSError as error:
            return error
        finally:
            self._aside = aside
        return None

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take plaintext to be sent, `MOST_PLAINTEXT` bytes at most; return how many bytes it took.

        None are taken before the handshake is over, nor after `end`.

        Raises:
            TLSError: As for `read`; or the peer renegotiates, where a context that was given lets
                it.
        """
        if self.output_ended or not self._is_going:
            self._check()
            if self.output_ended or not self.advance():
                return 0
        try:
            if len(data) <= MOST_PLAINTEXT:
                return self._object.write(data)
            with memoryview(data) as view, view[:MOST_PLAINTEXT] as part:
                return self._object.write(part)
        except ssl.SSLWantReadError:
            # It takes a context of somebody else's to come here: see `Contexts`.
            raise self._fail(TLSError(strerror=_RENEGOTIATES, operation="write")) from None
        except ssl.SSLError as error:
            raise self._fail(self._explained(error)) from None

    def end(self) -> None:
        """Say that this end sends no more (close_notify), and read on. May be repeated.

        It says nothing before the handshake is over, and after an error: the other end is not
        listening.
        """
        if self.output_ended or not self.is_established or self._failure is not None:
            return
        # Saying so, OpenSSL would look for the other end's answer, and fail if it finds data. So it
        # shall find nothing.
        if pending := self._object.pending():
            self._aside += self._object.read(pending)
        self._take_arrived()
        if self._incoming.pending:
            next(map(self._arrived.append, starmap(self._incoming.read, ((),))))
        try:
            self._object.unwrap()
        except ssl.SSLWantReadError:
            pass  # it has not come yet
        except ssl.SSLError as error:
            raise self._fail(self._explained(error)) from None
        self.output_ended = True
        self._take_arrived()

    # -- errors ----------------------------------------------------------------------------------

    @property
    def has_failed(self) -> bool:
        """Whether an error was raised, which all calls raise again."""
        return self._failure is not None

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure._told_again(self._operation)

    @property
    def _operation(self) -> str:
        return "read" if self.is_established else "handshake"

    def _fail(self, failure: TLSError) -> TLSError:
        self._failure = failure
        self._is_going = False
        self._incoming.read()
        return failure._told_again(failure.operation or self._operation)

    def _explained(self, error: ssl.SSLError) -> TLSError:
        if self._opening is not None and not looks_like_tls(self._opening):
            return not_tls(self._opening, self._operation)
        return from_ssl_error(
            error,
            self._operation,
            server_name=self.server_name,
            first_alert=alert_of(self._opening or b""),
        )

    def _cut_off(self) -> TLSError:
        if self._opening is not None and not looks_like_tls(self._opening):
            return not_tls(self._opening, self._operation)
        return TLSTruncated(operation=self._operation)

    # -- what was agreed on ----------------------------------------------------------------------

    @property
    def ssl_object(self) -> ssl.SSLObject:
        """Python's own object, for code that wants to ask it: this one alone reads and writes."""
        return self._object

    @property
    def remote_certificate(self) -> bytes | None:
        """The peer's certificate (DER), or None if it has shown none."""
        return self._object.getpeercert(binary_form=True) if self.is_established else None

    @property
    def version(self) -> str | None:
        """The version of TLS, like ``"TLSv1.3"``; None before the handshake is over."""
        return self._object.version() if self.is_established else None

    @property
    def cipher(self) -> str | None:
        """The name of the cipher; None before the handshake is over."""
        cipher = self._object.cipher() if self.is_established else None
        return None if cipher is None else cipher[0]

    @property
    def alpn_protocol(self) -> str | None:
        """What the two have agreed to speak inside of TLS, if that was asked; see RFC 7301."""
        return self._object.selected_alpn_protocol() if self.is_established else None

    @property
    def session(self) -> ssl.SSLSession | None:
        """What another connection may go on with. With TLS 1.3, it comes when something is read."""
        return self._object.session if self.is_established else None

    @property
    def session_reused(self) -> bool:
        """Whether this connection goes on with the session of an earlier one."""
        return self.is_established and bool(self._object.session_reused)


def plaintext_ahead(unread: bytes, *, server_side: bool) -> NotTLS | None:
    """Return the error for what was received before a handshake and may not stand there, or None.

    For a server, it may be the beginning of the handshake.
    """
    if not unread or (server_side and looks_like_tls(unread)):
        return None
    error = not_tls(unread, "start_tls")
    error.strerror = f"{len(unread)} bytes have come before TLS began, as plain text"
    return error


def not_tls(opening: bytes, operation: str) -> NotTLS:
    """Return the error for a peer that begins with something else than TLS."""
    speaks = protocol_of(opening)
    told = f"the peer speaks {speaks}, not TLS" if speaks else "the peer does not speak TLS"
    error = NotTLS(strerror=told, operation=operation)
    error.speaks = speaks
    return error
