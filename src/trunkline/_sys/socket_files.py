"""The files that local sockets leave behind in the file system.

bind(2) makes a file of the socket and nothing ever removes it: the next server finds its address in
use by nobody. So the file goes when its socket is closed, and one that was left by a server which
could not do that any more is recognized by nobody's listening to it.
"""

import contextlib
import os
import socket
import stat
from typing import NamedTuple

from ..addresses import LocalAddress

__all__ = ("SocketFile", "remove_stale_file")


class SocketFile(NamedTuple):
    """A file that was made by binding a socket: its path, its identity, and who made it."""

    path: str
    device: int
    inode: int
    process: int

    @classmethod
    def of(cls, address: LocalAddress) -> "SocketFile | None":
        """Return the file of a socket that has just been bound, if it has one."""
        if address.abstract:
            return None
        with contextlib.suppress(OSError):
            status = os.lstat(address.path)
            return cls(os.path.abspath(address.path), status.st_dev, status.st_ino, os.getpid())
        return None

    def remove(self) -> None:
        """Remove the file, if it is still the same one, and not a fork's parent's."""
        if os.getpid() != self.process:
            return
        with contextlib.suppress(OSError):
            status = os.lstat(self.path)
            if (status.st_dev, status.st_ino) == (self.device, self.inode):
                os.unlink(self.path)


def remove_stale_file(address: LocalAddress) -> None:
    """Remove the file of a local socket to which nobody listens any more, if that is there."""
    if address.abstract:
        return
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.lstat(address.path).st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(address.path)
            except ConnectionRefusedError:
                os.unlink(address.path)
