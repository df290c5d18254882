"""The ends of pipes, and the masters of pseudo-terminals, on descriptors with users.

They are channels, as the descriptors of sockets are, and a transport can stand on one, too. What
differs: most of them go one way only. And a terminal has no end of file of its own: when the last
program has closed its side, Linux says EIO.
"""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from .._core.buffers import Buffer
from .._core.deadline import Deadline
from ..errors import OperationNotSupported, SocketClosed, SocketError
from .descriptor import Descriptor
from .owned_number import OwnedNumber
from .readiness import FAULTY, HUNG_UP, wait_for_one

__all__ = ("PipeDescriptor",)


class PipeDescriptor(Descriptor):
    """One end of a pipe, or the master of a pseudo-terminal.

    Attributes:
        reads: Whether something comes out of it.
        writes: Whether something can be written to it.

    Args:
        file: The descriptor, which this owns from now on. What is for both is a terminal.
        where: What errors call it.
    """

    __slots__ = ("_file", "reads", "writes")

    def __init__(self, file: OwnedNumber, *, where: object = None) -> None:
        super().__init__(file.fileno())
        os.set_blocking(self._number, False)
        self._file = file
        self.reads: bool = file.readable()
        self.writes: bool = file.writable()
        self.where = where

    @property
    def is_one_way(self) -> bool:
        """Whether it only reads, or only writes."""
        return not (self.reads and self.writes)

    def transfer(self) -> "PipeDescriptor":
        """Hand the file over to a new object, and close this one, but not the file.

        The caller has the rights to read and to write. Multiplexers let go of it, as they do when
        it is closed.
        """
        self._tell_and_be_closed()
        self._number = -1
        return PipeDescriptor(self._file, where=self.where)

    def _close_number(self, number: int) -> None:
        self._file.close()

    def failure(self, error: OSError, operation: str) -> SocketError:
        """Return our error for one that a system call has raised."""
        if self.is_closed:
            return SocketClosed(operation=operation, address=self.where)
        code = error.errno or 0
        if code == errno.EIO and operation == "send":
            code = errno.EPIPE  # of a terminal that nobody has open any more
        return SocketError.from_errno(code, operation=operation, address=self.where)

    # -- data ------------------------------------------------------------------------------------

    def receive_into(self, buffer: Buffer) -> int | None:
        """Receive what is there into a writable buffer, 0 bytes at the end; see read(2)."""
        try:
            count = self._file.readinto(buffer)
        except ValueError:
            self._say_closed("receive")
        except OSError as error:
            if self._is_end(error):
                return 0
            raise self.failure(error, "receive") from None
        if not count:
            self.check_open("receive")
        return count

    def receive_soon(self, buffer: memoryview, deadline: Deadline) -> None:
        """Nothing is gained by trying, see `Channel`."""

    def send(self, data: Buffer) -> int | None:
        """Send what fits, and return how many bytes that was; see write(2)."""
        try:
            sent = self._write(data)
        except ValueError:
            self._say_closed("send")
        except OSError as error:
            raise self.failure(error, "send") from None
        if sent is None:
            self.check_open("send")
        return sent

    def _write(self, data: Buffer) -> int | None:
        # Whoever wants to be ended by a pipe that nobody reads does not mean this one.
        if signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL:
            with _without_sigpipe():
                return self._file.write(data)
        return self._file.write(data)

    def _is_end(self, error: OSError) -> bool:
        return error.errno == errno.EIO and not self.is_one_way

    def _say_closed(self, operation: str) -> NoReturn:
        """Raise what it means that the file is closed, which Python says as a `ValueError`."""
        raise SocketClosed(operation=operation, address=self.where) from None

    # -- for transports, see `SocketDescriptor` --------------------------------------------------

    @property
    def bare_receive(self) -> Callable[[int], bytes]:
        """read(2), of so many bytes at most. Whoever only writes is told the end of the reader."""
        return self._receive_bytes if self.reads else self._receive_end

    @property
    def bare_send(self) -> Callable[[Any, int], int]:
        """write(2); the flags of send(2) mean nothing to it."""
        return self._send_bytes

    def _receive_bytes(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except ValueError:
            self._say_closed("receive")
        except OSError as error:
            if self._is_end(error):
                return b""
            raise
        if data is None:
            raise BlockingIOError
        return data

    def _receive_end(self, size: int) -> bytes:
        self.check_open("receive")
        if wait_for_one(self._number, 0, 0) & (FAULTY | HUNG_UP):
            return b""
        raise BlockingIOError

    def _send_bytes(self, data: Buffer, flags: int = 0) -> int:
        try:
            sent = self._write(data)
        except ValueError:
            self._say_closed("send")
        if sent is None:
            raise BlockingIOError
        return sent

    def shutdown(self, *, read: bool = False, write: bool = False) -> None:
        """Do nothing: what goes one way has no half that could be ended, but is closed.

        Raises:
            OperationNotSupported: A terminal has two, of which none can be ended alone.
        """
        if not self.is_one_way:
            raise OperationNotSupported(operation="shutdown", address=self.where)

    def reset_on_close(self) -> None:
        """Do nothing: there is no connection that could be reset."""

    def local_name(self) -> None:
        """Return None: it has no name."""


@contextmanager
def _without_sigpipe() -> Iterator[None]:
    """Let writing to a pipe that nobody reads send this thread no signal."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGPIPE,))
    if signal.SIGPIPE in blocked:  # it stays pending, as whoever has blocked it wants
        yield
        return
    try:
        yield
    finally:
        if signal.SIGPIPE in signal.sigpending():
            signal.sigwait((signal.SIGPIPE,))
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
