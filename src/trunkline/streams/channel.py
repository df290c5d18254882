"""What a stream needs of the thing that it reads from and writes to.

A socket's descriptor is one, and so is anything else that bytes go through: the stream does not
know which.
"""

from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from .._core.deadline import Deadline

__all__ = ("Channel", "RecordChannel", "SendsFromFiles")


class Channel(Protocol):
    """A non-blocking way for bytes, whose calls raise Trunkline's errors."""

    where: object
    """The address that errors name."""

    @property
    def reading(self) -> AbstractContextManager[None]:
        """The right to read, which one thread has at a time."""

    @property
    def writing(self) -> AbstractContextManager[None]:
        """The right to write."""

    def receive_into(self, buffer: memoryview, /) -> int | None:
        """Receive what is there, 0 bytes at the end; return None if nothing is."""

    def receive_soon(self, buffer: memoryview, deadline: Deadline, /) -> int | None:
        """Wait for a while and receive, if that costs less than `wait_readable` and `receive_into`.

        None says that nothing has come yet, or that it was not worth while.
        """

    def send(self, data: bytearray | memoryview, /) -> int | None:
        """Send what fits; return None if nothing does."""

    def wait_readable(self, deadline: Deadline, operation: str) -> None:
        """Wait until `receive_into` would not block."""

    def wait_writable(self, deadline: Deadline, operation: str) -> None:
        """Wait until `send` would not block."""

    def wait_ready(self, deadline: Deadline, operation: str) -> None:
        """Wait, with the right to read, until one of the two would not block."""


class RecordChannel(Channel, Protocol):
    """A channel with buffers of its own, because bytes go through it in records: that of TLS.

    `receive_into` may leave something behind that the system has no more. What `send` has taken
    waits for its turn: to send nothing is to send that.
    """

    @property
    def has_pending(self) -> bool:
        """Whether something has been received that no call has returned."""

    @property
    def holds_output(self) -> bool:
        """Whether something that `send` has taken has not left."""

    @property
    def unsent(self) -> int:
        """How many bytes `send` has taken that have not all left."""

    @property
    def is_stuck(self) -> bool:
        """Whether so much has not left that nothing is received before it has."""

    @property
    def is_established(self) -> bool:
        """Whether both ends have agreed on how to go on: before, nothing can be sent."""

    @property
    def has_ended(self) -> bool:
        """Whether the peer has said that it sends no more."""

    def receive_pending(self, buffer: memoryview, /) -> int:
        """Put what has been received into a buffer; return how many bytes, 0 when that is all.

        An end of file, or an error, is left for `receive_into` to tell.
        """

    def end_output(self) -> bool:
        """Say that nothing more will be sent, once all has been; return whether that has left.

        After an error, what is said is that.
        """


@runtime_checkable
class SendsFromFiles(Protocol):
    """What a channel has, too, whose bytes go out as they are: the system can read them itself.

    One that changes them has no such method, and is given what was read.
    """

    def send_file(self, number: int, offset: int, count: int, /) -> int | None:
        """Send what fits of a file; return None if nothing does, and 0 if the file has ended.

        Raises:
            OperationNotSupported: It cannot be done with this file: read it, and send that.
        """
