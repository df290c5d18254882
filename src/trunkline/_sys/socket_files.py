"""The files that local sockets leave behind in the file system.

bind(2) makes a file of the socket and nothing ever removes it: the next server finds its address in
use by nobody. So the file goes when its socket is closed, and one that was left by a server which
could not do that any more is recognized by nobody's listening to it.

Nobody listens either to a socket that is about to, or never will. So whoever binds a socket to a
path claims it until the socket listens, or is closed: a second file beside it, which is locked. The
system gives up the lock of a process that has ended, whatever it has died of.
"""

import contextlib
import os
import socket
import stat
import sys
from collections.abc import Callable
from io import FileIO

from ..addresses import LocalAddress
from ..errors import AddressInUse

if sys.platform != "win32":
    import fcntl

__all__ = ("SocketFile", "bind_to_path")


class SocketFile:
    """The file that was made by binding a socket.

    Args:
        path: Where it is.
        claim: What keeps others from taking it for a file that was left behind.
    """

    __slots__ = ("_claim", "_identity", "_path", "_process")

    def __init__(self, path: str, claim: "PathClaim | None" = None) -> None:
        self._path = os.path.abspath(path)
        self._claim = claim
        self._identity = _identity(self._path)
        self._process = os.getpid()

    def show_life(self) -> None:
        """Take note that the socket listens: everybody can see now that it is alive."""
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def remove(self) -> None:
        """Remove the file, if it is still the same one, and not a fork's parent's."""
        if os.getpid() != self._process:
            return
        identity = _identity(self._path)
        if identity is not None and identity == self._identity:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        self.show_life()


def bind_to_path(
    address: LocalAddress, bind: Callable[[], object], *, replaces_stale: bool
) -> SocketFile | None:
    """Bind a socket to a local address; return the file that this has made, if there is one.

    Args:
        address: The address.
        bind: Binds the socket to it.
        replaces_stale: Remove first the file of a socket that nobody has any more.

    Raises:
        AddressInUse: Somebody else is binding a socket there, or has, and does not listen.
        Everything that `bind` raises.
    """
    if address.abstract:
        bind()
        return None
    claim = PathClaim.take(address)
    try:
        if replaces_stale:
            _remove_stale_file(address.path)
        bind()
        return SocketFile(address.path, claim)
    except BaseException:
        if claim is not None:
            claim.release()
        raise


def _remove_stale_file(path: str) -> None:
    """Remove the file of a local socket to which nobody listens any more, if that is there."""
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)


def _identity(path: str) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        return status.st_dev, status.st_ino
    return None


class PathClaim:
    """The right to bind a socket to a path, which one process has at a time.

    A signal handler may raise at any moment, as for Ctrl-C. So the descriptor belongs to an object
    from the beginning, and is not given back twice.
    """

    __slots__ = ("_file", "_path", "_process")

    def __init__(self, path: str, file: FileIO) -> None:
        self._path = path
        self._file = file
        self._process = os.getpid()

    @classmethod
    def take(cls, address: LocalAddress) -> "PathClaim | None":
        """Claim a path, or do without where no file can be made beside it.

        Raises:
            AddressInUse: Somebody else has claimed it.
        """
        if sys.platform == "win32":
            return None
        path = os.path.abspath(address.path) + ".lock"
        while True:
            try:
                file = _open_to_lock(path)
            except OSError:
                return None
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever had it may have removed the file since it was opened here.
                if _is_at(path, file):
                    return cls(path, file)
            except BlockingIOError:
                file.close()
                raise AddressInUse(operation="bind", address=address) from None
            except BaseException:
                file.close()
                raise
            file.close()

    def release(self) -> None:
        """Give the claim up; a forked child only closes what it has of it. May be repeated."""
        if self._file.closed:
            return
        if os.getpid() == self._process and _is_at(self._path, self._file):
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        self._file.close()


def _open_to_lock(path: str) -> FileIO:
    """Open a file, which is made if it is not there, and no link."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    # One call after the other, and no signal handler in between.
    return next(map(FileIO, map(os.open, (path,), (flags,), (0o600,)), ("r+",)))


def _is_at(path: str, file: FileIO) -> bool:
    status = os.fstat(file.fileno())
    return _identity(path) == (status.st_dev, status.st_ino)
