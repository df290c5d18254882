"""TLS before a stream: the machine, and a channel below through which its ciphertext goes.

A stream has one reader and one writer, in two threads perhaps. A machine takes one thread at a
time, and while it shakes hands who reads may have to send, and who writes to receive. So there are
two locks. The first is held while the machine is used, which never waits for anything. The second
is for waiting while there is a handshake: only one thread waits for the peer then, and goes on with
what comes; the other one waits for that thread, since what has come would be gone when it looks.
After the handshake, only the reader receives.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, Protocol

from .._core.deadline import Deadline
from ..errors import BrokenPipe, ConnectionReset, EndpointShutdown, SocketError, TimedOut
from ..streams.channel import Channel
from .errors import TLSError, TLSTruncated
from .intake import last_words, take_in
from .machine import Machine

__all__ = ("TLSChannel",)

# How often more is received for one call, where what comes is nothing for the reader. Whoever calls
# looks at the time then.
_MOST_RECEIVES = 16


class _ChannelBelow(Channel, Protocol):
    """A channel that can move bytes in such a way that none are lost if a signal handler raises."""

    def receive_by(self, take: Callable[..., int], size: int, /) -> int | None:
        """Have a function take what is there; see `SocketDescriptor.receive_by`."""

    def send_by(self, give: Callable[..., int], /) -> int | None:
        """Send what a function gives; see `SocketDescriptor.send_by`."""


class TLSChannel:
    """A channel for plaintext.

    Args:
        below: The channel for ciphertext.
        machine: The machine.
        ended: Called with the machine when nothing more will be written.

    Attributes:
        machine: The same.
        unsent: How many bytes `send` has taken that have not all left.
    """

    def __init__(
        self, below: _ChannelBelow, machine: Machine, ended: Callable[[Machine], object]
    ) -> None:
        self._below = below
        self.machine: Machine = machine
        self._ended = ended
        self._lock = threading.RLock()
        self._handshake_turn = threading.RLock()
        self._kept: SocketError | None = None  # an error that the next call is to raise
        self._lost_by: SocketError | None = None  # an error for who has read all that came before
        self._hangup: BrokenPipe | None = None  # what who sends is to be told: a read has found it
        self.unsent: int = 0  # how many bytes of who sends may not have left

    @property
    def where(self) -> object:
        """The address that errors name."""
        return self._below.where

    @where.setter
    def where(self, where: object) -> None:
        self._below.where = where

    @property
    def reading(self) -> AbstractContextManager[None]:
        """The right to read."""
        return self._below.reading

    @property
    def writing(self) -> AbstractContextManager[None]:
        """The right to write."""
        return self._below.writing

    # -- receiving -------------------------------------------------------------------------------

    def receive_into(self, buffer: Any, /) -> int | None:
        """Receive what is there, 0 bytes at the end; return None if nothing is."""
        with self._lock:
            if not self._advance():
                return None
            return self._read_into(buffer)

    def receive_soon(self, buffer: Any, deadline: Deadline, /) -> int | None:
        """Receive what is there: it pays to wait in the other way."""
        return self.receive_into(buffer)

    def _read_into(self, buffer: Any) -> int | None:
        machine = self.machine
        for _ in range(_MOST_RECEIVES):
            try:
                count = machine.read_into(buffer)
            except TLSError as error:
                if self._lost_by is not None and isinstance(error, TLSTruncated):
                    raise self._lost_by from None
                raise self._with_alert(error) from None
            self._answer()
            if count is not None:
                return count
            # Who has looked for an alert may have taken something in.
            if machine.is_stuck or not (machine.has_pending or take_in(machine, self._below)):
                return None
        return None

    @property
    def has_pending(self) -> bool:
        """Whether something has been received that no call has returned."""
        return self.machine.is_established and self.machine.has_pending

    def receive_pending(self, buffer: memoryview, /) -> int:
        """Put what has been received into a buffer; return how many bytes, 0 when that is all."""
        with self._lock, suppress(TLSError):  # which the next call raises again
            return self.machine.read_into(buffer) or 0
        return 0

    # -- sending ---------------------------------------------------------------------------------

    def send(self, data: Any, /) -> int | None:
        """Take what is to be sent, if what was taken before has left; return None if it has not.

        What is taken leaves with the next call: until the caller knows that it was taken, nothing
        is done here that takes long, where a signal handler might raise.

        Raises:
            EndpointShutdown: `end_output` was called, so that nothing can be sent any more.
        """
        with self._lock:
            if not self._advance():
                return None
            self._check_hangup()
            if not self._flush():
                return None
            if not len(data):
                return 0
            if self.machine.output_ended:
                reason = "the writing was ended"
                raise EndpointShutdown(strerror=reason, operation="write", address=self.where)
            self.unsent = len(data)  # that at most
            try:
                self.unsent = self.machine.write(data)
            except TLSError as error:
                raise self._with_alert(error) from None
            return self.unsent

    @property
    def holds_output(self) -> bool:
        """Whether something that `send` has taken has not left."""
        return self.machine.has_output or self._hangup is not None

    def end_output(self) -> bool:
        """Say that nothing more will be sent, once all has been; return whether that has left."""
        with self._lock:
            if self.machine.has_failed:
                return self._flush()  # the alert
            if not self._advance():
                return False
            self._check_hangup()
            if not self.machine.output_ended:
                try:
                    self.machine.end()
                except TLSError as error:
                    raise self._with_alert(error) from None
                self._ended(self.machine)
            return self._flush()

    def _flush(self) -> bool:
        """Send what there is to be sent, as far as it goes; return whether nothing is left."""
        machine = self.machine
        while machine.has_output:
            try:
                if self._below.send_by(machine.send_output) is None:
                    return False
            except (BrokenPipe, ConnectionReset) as error:
                machine.drop_output()  # nobody will have it
                raise self._last_words() or error from None
        self.unsent = 0
        return True

    def _last_words(self) -> TLSError | None:
        """Return the alert by which a peer has said why it takes no more, if there is one."""
        try:
            return last_words(self.machine, self._below)
        except SocketError as error:
            self._lost_by = error  # the system tells it once, and then of an end
            return None

    def _answer(self) -> None:
        """Send what the peer wants to hear, or what was left, for one who reads.

        If the peer takes no more, that is for the next one who sends; the system tells it again,
        but for what has been taken already.
        """
        try:
            self._flush()
        except BrokenPipe as error:
            if self.unsent:
                self._hangup = error

    def _check_hangup(self) -> None:
        """Raise what a read has found, if that was that the peer takes no more."""
        if self._hangup is not None:
            error, self._hangup = self._hangup, None
            raise error

    @property
    def is_stuck(self) -> bool:
        """Whether so much has not left that nothing is received before it has."""
        return self.machine.is_stuck

    # -- handshake -------------------------------------------------------------------------------

    @property
    def is_established(self) -> bool:
        """Whether the handshake is over."""
        return self.machine.is_established

    @property
    def has_ended(self) -> bool:
        """Whether the peer has said that it sends no more."""
        return self.machine.has_ended

    def _advance(self) -> bool:
        """Go on with the handshake as far as it goes at once; return whether it is over."""
        if self._kept is not None:
            error, self._kept = self._kept, None
            raise error
        machine = self.machine
        while not machine.is_established:
            try:
                is_over = machine.advance()
            except TLSError as error:
                raise self._with_alert(error) from None
            if is_over:
                self._answer()
                break
            self._flush()
            if not take_in(machine, self._below):
                return False
        return True

    def _with_alert(self, error: TLSError) -> TLSError:
        """Send the alert that tells the peer of an error, if that goes at once."""
        with suppress(SocketError):
            self._flush()
        error.address = self.where
        return error

    def _wait_for_handshake(self, deadline: Deadline, operation: str) -> None:
        """Go on with the handshake until it is over, or fails: the next call then tells how."""
        remaining = deadline.remaining()
        longest = -1 if remaining is None else remaining
        if not self._handshake_turn.acquire(timeout=longest):
            raise TimedOut.expired(operation, self.where)
        try:
            while True:
                with self._lock:
                    try:
                        if self._advance():
                            return
                    except SocketError as error:
                        self._kept = error
                        return
                self._wait_for_input(deadline, operation)
        finally:
            self._handshake_turn.release()

    # -- waiting ---------------------------------------------------------------------------------

    def wait_readable(self, deadline: Deadline, operation: str) -> None:
        """Wait until `receive_into` would not block."""
        with self._lock:
            is_established, has_pending = self.is_established, self.has_pending
        if not is_established:
            self._wait_for_handshake(deadline, operation)
        elif not has_pending:
            self._wait_for_input(deadline, operation)

    def _wait_for_input(self, deadline: Deadline, operation: str) -> None:
        """Wait until more has come, or what is left can be sent."""
        if self.machine.is_stuck:  # and nothing is read before there is room for that
            self._below.wait_writable(deadline, operation)
        elif self.machine.has_output:
            self._below.wait_ready(deadline, operation)
        else:
            self._below.wait_readable(deadline, operation)

    def wait_writable(self, deadline: Deadline, operation: str) -> None:
        """Wait until `send` would not block."""
        if not (self.is_established or self.machine.has_failed):
            self._wait_for_handshake(deadline, operation)
        elif self.machine.has_output:
            self._below.wait_writable(deadline, operation)

    def wait_ready(self, deadline: Deadline, operation: str) -> None:
        """Wait, with the right to read, until one of the two would not block."""
        with self._lock:
            is_established, has_pending = self.is_established, self.has_pending
        if not is_established:
            self._wait_for_handshake(deadline, operation)
        elif not has_pending:
            wait = self._below.wait_writable if self.machine.is_stuck else self._below.wait_ready
            wait(deadline, operation)
