"""The ends of pipes, terminals and other devices, with the calls that a transport makes."""

import os
import stat
from collections.abc import Callable
from typing import Any, Protocol

from .._core.buffers import Buffer
from ..errors import SocketClosed, SocketError
from .descriptor import Descriptor

__all__ = ("PipeFile", "PipedFile")


class PipeFile(Protocol):
    """A file object that has a pipe."""

    def fileno(self) -> int:
        """Return its descriptor."""

    def close(self) -> object:
        """Close it."""


class PipedFile(Descriptor):
    """Owns the file object of a pipe, a socket or a character device, and closes it.

    To a transport it is what a `SocketDescriptor` is, for one direction.

    Args:
        pipe: The file object. It becomes non-blocking.

    Raises:
        ValueError: It is something else, a regular file for example.
    """

    __slots__ = ("_pipe", "is_device")

    def __init__(self, pipe: PipeFile) -> None:
        number = pipe.fileno()
        mode = os.fstat(number).st_mode
        self.is_device: bool = stat.S_ISCHR(mode)
        """Whether it is a terminal, or another device."""
        if not (self.is_device or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            raise ValueError(f"{pipe!r} is neither a pipe, nor a socket, nor a character device")
        os.set_blocking(number, False)
        super().__init__(number)
        self._pipe = pipe

    def _close_number(self, number: int) -> None:
        self._pipe.close()

    def failure(self, error: OSError, operation: str) -> SocketError:
        """Return our error for one that a system call has raised."""
        if self.is_closed:
            return SocketClosed(operation=operation, address=self.where)
        return SocketError.from_errno(error.errno or 0, operation=operation, address=self.where)

    @property
    def bare_receive(self) -> Callable[[int], bytes]:
        """read(2), of so many bytes at most."""
        number = self._number
        return lambda size: os.read(number, size)

    @property
    def bare_send(self) -> Callable[[Any, int], int]:
        """write(2); there are no flags."""
        number = self._number
        return lambda data, flags: os.write(number, data)

    def receive_into(self, buffer: Buffer) -> int | None:
        """Read into a writable buffer, and return how many bytes came."""
        try:
            return os.readv(self._number, [buffer])
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure(error, "receive") from None

    def has_unread(self) -> bool:
        """Return False: closing an end destroys nothing at the other one."""
        return False

    def local_name(self) -> None:
        """Return None: it has no name."""
