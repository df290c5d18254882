"""How the command line ends: one table of statuses, and which error leads to which.

Scripts branch on these numbers, so that they do not change. What is not in the table of errors is
in that of `trunkline.errors`, and is `FAILED`.
"""

import sys
from enum import IntEnum

from ..errors import (
    AddressInUse,
    AddressNotAvailable,
    ConnectFailed,
    ConnectionAborted,
    ConnectionRefused,
    ConnectionReset,
    EndOfFile,
    HostDown,
    HostUnreachable,
    NetworkDown,
    NetworkReset,
    NetworkUnreachable,
    NoBufferSpace,
    NoName,
    NoNetwork,
    OutOfMemory,
    PathIsDirectory,
    PathNotDirectory,
    PathNotFound,
    PermissionDenied,
    ProtocolError,
    ResolverError,
    SocketError,
    StreamError,
    TimedOut,
    TooManyOpenFiles,
)

__all__ = ("ExitStatus", "status_of")


class ExitStatus(IntEnum):
    """With what number a command ends, and what that means."""

    meaning: str

    def __new__(cls, number: int, meaning: str) -> "ExitStatus":
        """Make a member of a number and its meaning."""
        status = int.__new__(cls, number)
        status._value_ = number
        status.meaning = meaning
        return status

    DONE = 0, "All went well."
    FAILED = 1, "Something else went wrong; the error stream says what."
    BAD_USAGE = 2, "The command line is not as it should be."
    NOT_INSTALLED = 3, "A package that the command line needs is not installed."
    NO_SUCH_NAME = 4, "There is no such name, or it has no record of that type."
    NOT_RESOLVED = 5, "No name server could tell."
    REFUSED = 6, "Nobody listens there."
    TIMED_OUT = 7, "It took too long."
    UNREACHABLE = 8, "There is no way to the network, or to the host."
    BROKEN_OFF = 9, "The connection was broken off."
    TLS_FAILED = 10, "TLS failed: a certificate was not good, say."
    BAD_ANSWER = 11, "The peer has said something that it may not say, or has said no."
    LOCAL = 12, "This machine does not let us: a permission, a file, an address, a limit."
    INTERRUPTED = 130, "Ctrl-C."
    NO_READER = 141, "Nobody reads the output any more."
    TERMINATED = 143, "A signal asked it to end; other signals have 128 and their number."


# The first that fits counts.
_BY_ERROR: tuple[tuple[tuple[type[Exception], ...], ExitStatus], ...] = (
    ((NoName,), ExitStatus.NO_SUCH_NAME),
    ((ResolverError,), ExitStatus.NOT_RESOLVED),
    ((ConnectionRefused, PathNotFound), ExitStatus.REFUSED),
    ((TimedOut,), ExitStatus.TIMED_OUT),
    (
        (HostDown, HostUnreachable, NetworkDown, NetworkUnreachable, NoNetwork),
        ExitStatus.UNREACHABLE,
    ),
    (
        (BrokenPipeError, ConnectionAborted, ConnectionReset, EndOfFile, NetworkReset),
        ExitStatus.BROKEN_OFF,
    ),
    ((StreamError, ProtocolError), ExitStatus.BAD_ANSWER),
    (
        (
            AddressInUse,
            AddressNotAvailable,
            NoBufferSpace,
            OutOfMemory,
            PathIsDirectory,
            PathNotDirectory,
            PermissionDenied,
            TooManyOpenFiles,
        ),
        ExitStatus.LOCAL,
    ),
)

_LOCAL_OPERATIONS = ("bind", "load")  # an address or a path of ours; a certificate, or a key


def status_of(error: BaseException) -> ExitStatus:
    """Return the status to end with for an error.

    Where several addresses have failed for different reasons, it is that of the reason that stands
    first in the table: that somebody has refused tells more than that another one was silent.
    """
    if isinstance(error, ConnectFailed) and error.attempts:
        return min(map(status_of, error.attempts))
    if isinstance(error, SocketError) and error.operation in _LOCAL_OPERATIONS:
        return ExitStatus.LOCAL
    # Whoever has not loaded it has met none of its errors.
    tls = sys.modules.get("trunkline.tls.errors")
    if tls is not None and isinstance(error, tls.TLSError):
        return ExitStatus.TLS_FAILED
    for kinds, status in _BY_ERROR:
        if isinstance(error, kinds):
            return status
    return ExitStatus.LOCAL if _is_of_the_machine(error) else ExitStatus.FAILED


def _is_of_the_machine(error: BaseException) -> bool:
    """Whether it is an error of Python's about a file."""
    return isinstance(error, OSError) and not isinstance(error, SocketError)
