"""recv(2) and send(2) for who makes a great many calls; it has a twin in `_native`."""

# They raise an `OSError`, and a `BlockingIOError` where there is nothing to be done, of which the
# caller makes our error by `SocketDescriptor.failure`. What a signal interrupts is called again.

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._core.buffers import Buffer

if TYPE_CHECKING:
    from .socket_descriptor import SocketDescriptor

__all__ = ("make_receive", "make_send")


def make_receive(descriptor: "SocketDescriptor") -> Callable[[int], bytes]:
    """Return what receives at most so many bytes from a socket, and none at the end of a stream."""
    return descriptor._socket.recv


def make_send(descriptor: "SocketDescriptor") -> Callable[[Buffer, int], int]:
    """Return what sends what it can of some bytes, with flags, and returns how many that was."""
    return descriptor._socket.send
