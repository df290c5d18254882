"""What a stream needs of the thing that it reads from and writes to.

A socket's descriptor is one, and so is anything else that bytes go through: the stream does not
know which.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from .._core.deadline import Deadline

__all__ = ("Channel",)


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
