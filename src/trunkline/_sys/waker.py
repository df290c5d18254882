"""Waking a thread that waits for descriptors, from other threads and from signal handlers."""

import _socket
import contextlib
import signal
import socket
from itertools import starmap
from typing import Self

from ..errors import SocketError
from .registration import Registration

__all__ = ("Waker",)


_make_pair = getattr(_socket, "socketpair", socket.socketpair)  # Windows has none of its own


class _End(socket.SocketType):
    """One end of the pair. Who has forgotten it has forgotten its owner, whom a warning names."""

    __slots__ = ()

    __del__ = socket.SocketType.close

    @classmethod
    def take(cls, end: socket.SocketType) -> Self:
        """Return one that has the descriptor instead; see `SocketDescriptor.accept` for the way."""
        number = starmap(socket.SocketType.detach, ((end,),))
        return next(map(cls, (end.family,), (end.type,), (0,), number))


class Waker(Registration):
    """A descriptor that becomes readable when somebody calls `wake`.

    Raises:
        TooManyOpenFiles: There are not two descriptors left.
    """

    __slots__ = ("_is_woken", "_reader", "_woken_before", "_writer")

    def __init__(self) -> None:
        try:
            reader, writer = _make_pair()
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="socketpair") from None
        self._reader, self._writer = _End.take(reader), _End.take(writer)
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        super().__init__(self._reader.fileno())
        self._is_woken = False  # it is readable already, because of us
        self._woken_before = -1  # whom signals woke before they woke us

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._reader.fileno()

    def wake(self) -> None:
        """Make the descriptor readable; may be called from anywhere, and any number of times."""
        if self._is_woken:
            return
        # First the mark, then the byte: the other way round the byte might be read in between, and
        # the mark would stay.
        try:
            self._is_woken = True
            self._writer.send(b"\0")
        except OSError:
            pass  # When the pair is full, it is readable already; when it is closed, nobody waits.
        except BaseException:  # a signal handler has raised it: perhaps the byte was not sent
            self._is_woken = False
            raise

    def wake_on_signals(self) -> None:
        """Let each signal that has a Python handler wake, too, until `ignore_signals`.

        The system interrupts a wait that has begun. A signal that comes after Python has looked for
        one, and before the wait begins, would have to wait, too; but the byte that it leaves here
        is seen. Only the main thread gets signals; in others, this does nothing.
        """
        ours = self._writer.fileno()
        with contextlib.suppress(ValueError):
            before = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
            if before != ours:
                self._woken_before = before

    def ignore_signals(self) -> None:
        """Undo `wake_on_signals`. May be repeated."""
        with contextlib.suppress(ValueError):
            now = signal.set_wakeup_fd(-1)
            if now == self._writer.fileno():
                now, self._woken_before = self._woken_before, -1
            with contextlib.suppress(OSError):  # whoever it was before may be gone
                signal.set_wakeup_fd(now, warn_on_full_buffer=False)

    def _handle_ready(self) -> None:
        """Make the descriptor unreadable again."""
        with contextlib.suppress(OSError):
            while len(self._reader.recv(4096)) == 4096:
                pass
        # Only now: whoever finds the mark until here has done before what the waking is for.
        self._is_woken = False

    @property
    def _handler_count(self) -> int:
        """It is nobody's handler."""
        return 0

    def close(self) -> None:
        """Give both descriptors back."""
        self.ignore_signals()
        self._reader.close()
        self._writer.close()
