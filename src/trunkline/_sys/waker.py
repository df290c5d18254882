"""Waking a thread that waits for descriptors, from other threads and from signal handlers."""

import contextlib
import socket

from ..errors import SocketError

__all__ = ("Waker",)


class Waker:
    """A descriptor that becomes readable when somebody calls `wake`.

    Raises:
        TooManyOpenFiles: There are not two descriptors left.
    """

    def __init__(self) -> None:
        try:
            self._reader, self._writer = socket.socketpair()
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="socketpair") from None
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._reader.fileno()

    def wake(self) -> None:
        """Make the descriptor readable; may be called from anywhere, and any number of times."""
        # When the pair is full, it is readable already; when it is closed, nobody waits.
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def clear(self) -> None:
        """Make the descriptor unreadable again."""
        with contextlib.suppress(OSError):
            while len(self._reader.recv(4096)) == 4096:
                pass

    def close(self) -> None:
        """Give both descriptors back."""
        self._reader.close()
        self._writer.close()
