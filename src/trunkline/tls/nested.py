"""TLS within TLS: one machine on top of another, still without I/O.

You meet it behind a proxy that is itself spoken to by TLS: there is a connection with the proxy,
and within it one with the server behind.
"""

import ssl
from collections.abc import Callable
from typing import Any

from .errors import TLSError, TLSTruncated
from .machine import MOST_PLAINTEXT, Machine

__all__ = ("NestedMachine", "new_machine")


class NestedMachine(Machine):
    """One end of a TLS connection within another one.

    What comes goes through the machine below, and what that makes of it is this one's ciphertext;
    what leaves goes the other way. Of what this one has to send, the machine below is given more
    only when all that it had before has left. So no more is kept by both than by two machines.

    `feed` takes what was read of the machine below before; `feed_from` takes what comes.

    Args:
        below: The machine of the connection that this one is within, whose handshake is over.
        context, server_side, server_name, session: As for `Machine`.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        below: Machine,
        server_side: bool,
        server_name: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        super().__init__(context, server_side=server_side, server_name=server_name, session=session)
        self._below = below
        self._failure_below: TLSError | None = None
        self.feed_size: int = below.feed_size

    # -- what comes ------------------------------------------------------------------------------

    def feed_from(self, receive: Callable[..., bytes], *arguments: Any) -> int:
        """Take what has come for the machine below; see `Machine.feed_from`."""
        count = self._below.feed_from(receive, *arguments)
        self.feed_size = self._below.feed_size
        return count

    def advance(self) -> bool:
        """Go on with the handshake; see `Machine.advance`."""
        self._take_from_below()
        return super().advance()

    def read(self, size: int) -> bytes | None:
        """Return plaintext; see `Machine.read`."""
        self._take_from_below()
        return super().read(size)

    def read_into(self, buffer: memoryview) -> int | None:
        """The same, into a buffer; see `Machine.read_into`."""
        self._take_from_below()
        return super().read_into(buffer)

    def _take_from_below(self) -> None:
        """Feed on what the machine below has made of what came, its end included.

        When that has ended, or failed, no more will come: only this one's own end is a good one.
        """
        below = self._below
        if self._is_cut or below.wants_input:
            return
        try:
            while data := below.read(MOST_PLAINTEXT):
                self.feed(data)
        except TLSError as error:
            if not isinstance(error, TLSTruncated):
                self._failure_below = error
            self.feed_eof()
        else:
            if below.has_ended:
                self.feed_eof()

    def _cut_off(self) -> TLSError:
        return self._failure_below or super()._cut_off()

    @property
    def has_pending(self) -> bool:
        """Whether something has come that no call has returned; see `Machine.has_pending`.

        That the connection below has ended is something, too, until it was told.
        """
        if super().has_pending:
            return True
        if self.has_failed or self.has_ended or self.is_stuck:
            return False
        return self._is_cut or not self._below.wants_input

    @property
    def is_stuck(self) -> bool:
        """Whether either has so much output that nothing is read before it was taken."""
        return super().is_stuck or self._below.is_stuck

    # -- what leaves -----------------------------------------------------------------------------

    @property
    def has_output(self) -> bool:
        """Whether anything has to be sent; see `Machine.has_output`."""
        below = self._below
        return below.has_output or (
            not below.has_failed and (super().has_output or self._has_to_end_below)
        )

    @property
    def _has_to_end_below(self) -> bool:
        return self.output_ended and not self._below.output_ended

    @property
    def output_size(self) -> int:
        """How many bytes have to be sent, before the machine below encrypts those of this one."""
        return super().output_size + self._below.output_size

    def send_output(self, send: Callable[..., int], *arguments: Any) -> int:
        """Have some of what has to be sent taken by a function; see `Machine.send_output`.

        Raises:
            TLSError: The connection below has failed.
        """
        below = self._below
        if not below.has_output:
            if super().has_output:
                super().send_output(below.write)
            elif self._has_to_end_below:
                below.end()
        return below.send_output(send, *arguments) if below.has_output else 0

    def drop_output(self) -> None:
        """Send nothing of it."""
        super().drop_output()
        self._below.drop_output()


def new_machine(
    context: ssl.SSLContext,
    *,
    below: Machine | None,
    server_side: bool,
    server_name: str | None = None,
    session: ssl.SSLSession | None = None,
) -> Machine:
    """Return a machine for a connection, or for one within another; see `NestedMachine`."""
    if below is None:
        return Machine(context, server_side=server_side, server_name=server_name, session=session)
    return NestedMachine(
        context, below=below, server_side=server_side, server_name=server_name, session=session
    )
