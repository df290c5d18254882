"""A socket of Python's whose descriptor belongs to somebody else."""

import socket

__all__ = ("BorrowedSocket",)


class BorrowedSocket(socket.SocketType):
    """The same socket of the system once more, which never closes it.

    That its end is not written in Python keeps it from swallowing what a signal handler raises, and
    makes it hold wherever a signal handler strikes.
    """

    __slots__ = ()

    __del__ = socket.SocketType.detach
    close = socket.SocketType.detach  # type: ignore[assignment]  # what it returns is no matter

    def setblocking(self, flag: bool, /) -> None:
        """Do nothing: whether calls block is a matter of all who have the socket."""
