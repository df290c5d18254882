"""A pipe between two sockets, through which the system moves bytes by itself; see splice(2)."""

import _signal  # type: ignore[import-not-found]
import errno
import os

from .._core.uncopied import Uncopied
from ..errors import OperationNotSupported, SocketError
from .owned_number import OwnedNumber
from .socket_descriptor import SocketDescriptor

__all__ = ("Pipe",)

MOST_BYTES = 65_536
"""How much a pipe holds, unless it is told otherwise."""

_FLAGS = getattr(os, "SPLICE_F_NONBLOCK", 2) | getattr(os, "SPLICE_F_MOVE", 1)
_NOT_THESE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class Pipe(Uncopied):
    """A pipe of the system's. Close it in the end.

    Attributes:
        held: How many bytes are in it.

    Raises:
        OperationNotSupported: The system does not move bytes through pipes.
        TooManyOpenFiles: There are not two descriptors left.
    """

    def __init__(self) -> None:
        self.held: int = 0
        # As with sendfile(2), a peer that is gone would be told by a signal.
        if not hasattr(os, "splice") or _signal.getsignal(_signal.SIGPIPE) == _signal.SIG_DFL:
            raise OperationNotSupported(operation="splice")
        try:
            self._out, self._into = OwnedNumber.several(os.pipe, ("r", "w"))
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="splice") from None

    def fill(self, source: SocketDescriptor, most: int) -> int | None:
        """Move what a socket has received into the pipe, which is empty.

        Returns:
            How many bytes; 0 at the end, and None if nothing is there.

        Raises:
            OperationNotSupported: It cannot be done with this socket.
            SocketError: Receiving has failed.
        """
        try:
            self.held = os.splice(
                source.number, self._into.fileno(), min(most, MOST_BYTES), flags=_FLAGS
            )
        except BlockingIOError:
            source.check_open("splice")
            return None
        except OSError as error:
            raise _failure(source, error) from None
        if not self.held:
            source.check_open("splice")
        return self.held

    def drain(self, target: SocketDescriptor) -> int | None:
        """Send what is in the pipe, as far as it fits; return how much, or None if nothing does.

        Raises:
            OperationNotSupported: It cannot be done with this socket.
            SocketError: Sending has failed.
        """
        try:
            sent = os.splice(self._out.fileno(), target.number, self.held, flags=_FLAGS)
        except BlockingIOError:
            target.check_open("splice")
            return None
        except OSError as error:
            raise _failure(target, error) from None
        self.held -= sent
        return sent

    def close(self) -> bytes:
        """Close the pipe, and return what was in it.

        A signal handler that has raised may have kept this object from taking note of what was
        moved. So the pipe itself is asked.
        """
        self._into.close()
        rest = b"" if self._out.closed else self._out.readall()
        self._out.close()
        return rest


def _failure(descriptor: SocketDescriptor, error: OSError) -> SocketError:
    if error.errno in _NOT_THESE and not descriptor.is_closed:
        return OperationNotSupported(operation="splice", address=descriptor.where)
    return descriptor.failure(error, "splice")
