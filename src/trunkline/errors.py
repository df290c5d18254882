"""Every error that Trunkline raises on purpose: one tree and, in it, one table.

::

    TrunklineError
    ├ SocketError (OSError)          the operating system, or the socket's state, said no
    │  ├ one class for each errno that somebody would branch on, see below
    │  ├ WouldBlock (BlockingIOError) · SocketClosed · Busy
    │  ├ TimedOut (TimeoutError) ─ ProgramTimedOut
    │  ├ BrokenPipe (BrokenPipeError) ─ Hangup
    │  └ ConnectFailed               several addresses, several reasons
    ├ ResolverError (socket.gaierror)
    │  ├ TryAgain
    │  ├ NoName ─ NoRecord
    │  └ ServerFailure ─ QueryRefused
    └ StreamError                    what arrived is not what was asked for
       ├ EndOfFile (EOFError) · LineTooLong · FrameTooLong · OutputTooLong · FileTooShort (EOFError)
       ├ DecodingError (UnicodeDecodeError)
       └ BadProxyHeader · BadDNSMessage

The table is the classes themselves: each names the errno values that it stands for and its
docstring says in one line what they mean. `SocketError.from_errno` looks a class up; an errno
without a class of its own becomes a plain `SocketError`, which keeps the number. Wherever Python
has an exception for an errno (`ConnectionRefusedError`, `TimeoutError`, …) our class is one of
those too, so that ``except`` clauses written for `socket` keep working.

One branch stands elsewhere: `trunkline.tls.errors` has `TLSError`, a `SocketError` that is Python's
`ssl.SSLError` too. Only who uses TLS loads that.

A caller's mistake is a `TypeError` or a `ValueError` instead and is raised before any system call.
"""

import errno as _errno
import os as _os
from socket import gaierror as _gaierror
from typing import Any, Self

from ._printable import printable

__all__ = (
    "AddressFamilyNotSupported",
    "AddressInUse",
    "AddressNotAvailable",
    "AlreadyConnected",
    "BadDNSMessage",
    "BadProxyHeader",
    "BrokenPipe",
    "Busy",
    "ConnectFailed",
    "ConnectionAborted",
    "ConnectionInProgress",
    "ConnectionRefused",
    "ConnectionReset",
    "DecodingError",
    "DestinationRequired",
    "EndOfFile",
    "EndpointShutdown",
    "FileTooShort",
    "FrameTooLong",
    "Hangup",
    "HostDown",
    "HostUnreachable",
    "Interrupted",
    "LineTooLong",
    "MessageTooLong",
    "NetworkDown",
    "NetworkReset",
    "NetworkUnreachable",
    "NoBufferSpace",
    "NoName",
    "NoNetwork",
    "NoRecord",
    "NoSuchDevice",
    "NotASocket",
    "NotConnected",
    "OperationNotSupported",
    "OptionNotSupported",
    "OutOfMemory",
    "OutputTooLong",
    "PathExists",
    "PathIsDirectory",
    "PathNotDirectory",
    "PathNotFound",
    "PermissionDenied",
    "ProcessNotChild",
    "ProcessNotFound",
    "ProgramTimedOut",
    "ProtocolError",
    "ProtocolNotSupported",
    "QueryRefused",
    "ResolverError",
    "ServerFailure",
    "SocketClosed",
    "SocketError",
    "StreamError",
    "TimedOut",
    "TooManyOpenFiles",
    "TrunklineError",
    "TryAgain",
    "WouldBlock",
)


class TrunklineError(Exception):
    """The root: anything that Trunkline raises on purpose."""


def _sentence(operation: str | None, address: object, reason: str) -> str:
    """Return the text that every error prints: what was tried, on what, and what came of it.

    Some of it others have chosen: names, and what resolvers and proxies say.
    """
    what = operation or ""
    if address is not None:
        what = f"{what} {address}".lstrip()
    return printable(f"{what}: {reason}" if what else reason)


# -- the operating system's errors ----

_CLASS_BY_ERRNO: dict[int, type["SocketError"]] = {}


class SocketError(TrunklineError, OSError):
    """An operation on a socket failed; a subclass says how, where that matters to anybody.

    Args:
        errno: The number the operating system gave. Default: the first errno of the class.
        strerror: The text that goes with it. Default: the operating system's.
        operation: What was tried, in one word, like ``"connect"``.
        address: On which address: an `Endpoint`, a `LocalAddress`, or None where there is none.
        attempts: The error of each address that was tried, where there were several.

    The arguments are attributes of the same names. `sent` is for those who send many datagrams in
    one call, or a file: how many, or how many bytes of it, had gone before. Errors survive pickling
    and copying.
    """

    _codes: tuple[int, ...] = ()
    _reason: str | None = None  # in place of the operating system's text
    # Whether a connection that this has befallen is over, in both directions. The system reports
    # such a thing once and says "end of file" afterwards, which would look like an orderly end.
    _ends_connection: bool = False
    operation: str | None = None
    address: object = None
    attempts: tuple["SocketError", ...] = ()
    sent: int = 0

    def __init_subclass__(cls, codes: tuple[str, ...] = (), **kwargs: Any) -> None:
        """Register the class for the errno names in `codes` that this platform has."""
        super().__init_subclass__(**kwargs)
        if codes:
            cls._codes = tuple(getattr(_errno, name) for name in codes if hasattr(_errno, name))
            for code in cls._codes:
                _CLASS_BY_ERRNO.setdefault(code, cls)

    def __init__(
        self,
        errno: int | None = None,
        strerror: str | None = None,
        *,
        operation: str | None = None,
        address: object = None,
        attempts: tuple["SocketError", ...] = (),
    ) -> None:
        if errno is None:
            errno = self._codes[0] if self._codes else 0
        super().__init__(errno, strerror or self._reason or _os.strerror(errno))
        if operation is not None:
            self.operation = operation
        if address is not None:
            self.address = address
        if attempts:
            self.attempts = attempts

    @classmethod
    def from_errno(
        cls,
        errno: int,
        *,
        operation: str | None = None,
        address: object = None,
    ) -> "SocketError":
        """Return the error, of the class that the table has for it, for an errno."""
        kind = _CLASS_BY_ERRNO.get(errno, SocketError)
        return kind(errno, operation=operation, address=address)

    def _told_again(self, operation: str) -> Self:
        """Return the same error for another operation, which has failed for the same reason."""
        twin = type(self)(*self.args)
        vars(twin).update(vars(self))
        twin.operation = operation
        return twin

    def __str__(self) -> str:
        name = _errno.errorcode.get(self.errno or 0)
        reason = f"{self.strerror} [{name}]" if name else str(self.strerror)
        if len(self.attempts) > 1:
            reason += " (" + "; ".join(str(attempt) for attempt in self.attempts) + ")"
        return _sentence(self.operation, self.address, reason)


class AddressInUse(SocketError, codes=("EADDRINUSE",)):
    """Somebody is bound to that address and port already."""


class AddressNotAvailable(SocketError, codes=("EADDRNOTAVAIL",)):
    """The address is not one of this machine's, or no local port is left."""


class AddressFamilyNotSupported(SocketError, codes=("EAFNOSUPPORT", "EPFNOSUPPORT")):
    """The system, or this socket, does not do that family of addresses."""


class NetworkDown(SocketError, codes=("ENETDOWN",)):
    """The network interface is down."""

    _ends_connection = True


class NetworkReset(SocketError, codes=("ENETRESET",)):
    """The network dropped the connection, or keep-alive found the peer gone."""

    _ends_connection = True


class NetworkUnreachable(SocketError, codes=("ENETUNREACH",)):
    """There is no route to the network of that address."""

    _ends_connection = True


class NoNetwork(SocketError, codes=("ENONET",)):
    """This machine is on no network."""


class HostDown(SocketError, codes=("EHOSTDOWN",)):
    """The host of that address is down."""

    _ends_connection = True


class HostUnreachable(SocketError, codes=("EHOSTUNREACH",)):
    """There is no route to the host, or nobody answers for it on its network."""

    _ends_connection = True


class ConnectionAborted(SocketError, ConnectionAbortedError, codes=("ECONNABORTED",)):
    """The connection was given up before it was accepted, or by this machine."""

    _ends_connection = True


class ConnectionRefused(SocketError, ConnectionRefusedError, codes=("ECONNREFUSED",)):
    """Nobody listens at that address and port."""


class ConnectionReset(SocketError, ConnectionResetError, codes=("ECONNRESET",)):
    """The peer threw the connection away; what was in flight is lost."""

    _ends_connection = True


class ConnectionInProgress(SocketError, BlockingIOError, codes=("EINPROGRESS", "EALREADY")):
    """The connection is still being made."""


class AlreadyConnected(SocketError, codes=("EISCONN",)):
    """The socket is connected already."""


class NotConnected(SocketError, codes=("ENOTCONN",)):
    """The socket is not connected, so that it has no peer."""


class BrokenPipe(SocketError, BrokenPipeError, codes=("EPIPE",)):
    """The peer reads no more."""


class Hangup(BrokenPipe):
    """The same on the stream layer: there is nobody left to write to."""


class EndpointShutdown(SocketError, BrokenPipeError, codes=("ESHUTDOWN",)):
    """This end has ended that direction of the connection, see `ActiveSocket.shutdown`."""


class WouldBlock(SocketError, BlockingIOError, codes=("EAGAIN", "EWOULDBLOCK")):
    """It cannot be done at once, and waiting was not asked for."""


class TimedOut(SocketError, TimeoutError, codes=("ETIMEDOUT",)):
    """Time ran out.

    `deadline` is True when the limit was ours, the caller's or a server's, and False when the
    operating system gave up on the peer. `unsent` is how many bytes a socket had not sent that was
    closed then.
    """

    _ends_connection = True
    deadline: bool = False
    unsent: int = 0

    @classmethod
    def expired(
        cls,
        operation: str,
        address: object = None,
        *,
        unsent: int = 0,
        limit: str = "time limit passed",
    ) -> Self:
        """Return the error for a limit that has passed, and that was ours: `limit` says which."""
        reason = f"{limit} with {unsent} bytes unsent" if unsent else limit
        error = cls(strerror=reason, operation=operation, address=address)
        error.deadline = True
        error.unsent = unsent
        return error


class ProgramTimedOut(TimedOut):
    """A program was ended, because it took longer than it was given.

    `result` is the `ProgramResult` of what came of it until then, in bytes.
    """

    result: Any = None


class SocketClosed(SocketError, codes=("EBADF",)):
    """The socket has been closed on this side."""

    _reason: str | None = "the socket is closed"


class Busy(SocketError, codes=("EBUSY",)):
    """Another thread is reading (or writing) this socket right now."""

    _reason: str | None = "another thread is using the socket"


class NotASocket(SocketError, codes=("ENOTSOCK",)):
    """The descriptor belongs to something else than a socket."""


class TooManyOpenFiles(SocketError, codes=("EMFILE", "ENFILE")):
    """The process (EMFILE) or the machine (ENFILE) has no descriptor left."""


class NoBufferSpace(SocketError, codes=("ENOBUFS",)):
    """The system has no room for the operation's buffers."""


class OutOfMemory(SocketError, codes=("ENOMEM",)):
    """The system has no memory for the operation."""


class MessageTooLong(SocketError, codes=("EMSGSIZE",)):
    """The datagram is larger than the transport takes."""


class DestinationRequired(SocketError, codes=("EDESTADDRREQ",)):
    """The socket is not connected and no destination was given."""


class OptionNotSupported(SocketError, codes=("ENOPROTOOPT",)):
    """This platform, or this kind of socket, does not have that option."""


class OperationNotSupported(SocketError, codes=("EOPNOTSUPP", "ENOTSUP")):
    """This kind of socket does not do that."""


class ProtocolNotSupported(SocketError, codes=("EPROTONOSUPPORT", "EPROTOTYPE", "ESOCKTNOSUPPORT")):
    """The system does not do that protocol, or not with that type of socket."""


class ProtocolError(SocketError, codes=("EPROTO",)):
    """The peer, or the network, broke the protocol."""


class PermissionDenied(SocketError, PermissionError, codes=("EACCES", "EPERM")):
    """The process may not do that: a privileged port, a path, a firewall's rule."""


class NoSuchDevice(SocketError, codes=("ENODEV", "ENXIO")):
    """There is no network interface (or device) of that name."""


class PathNotFound(SocketError, FileNotFoundError, codes=("ENOENT",)):
    """There is nothing at that path."""


class PathExists(SocketError, FileExistsError, codes=("EEXIST",)):
    """There is something at that path, or in that set, already."""


class PathNotDirectory(SocketError, NotADirectoryError, codes=("ENOTDIR",)):
    """A part of that path is not a directory."""


class PathIsDirectory(SocketError, IsADirectoryError, codes=("EISDIR",)):
    """There is a directory at that path."""


class ProcessNotFound(SocketError, ProcessLookupError, codes=("ESRCH",)):
    """There is no process (or no receiver) of that number."""


class ProcessNotChild(SocketError, ChildProcessError, codes=("ECHILD",)):
    """The process is not a child of this one, or has been waited for."""


class Interrupted(SocketError, InterruptedError, codes=("EINTR",)):
    """A signal interrupted the system call; Trunkline retries and does not let this one out."""


class ConnectFailed(SocketError):
    """Every address of the host failed, and not all for the same reason.

    `attempts` has the error of each. Where all of them failed alike, an error of that kind is
    raised instead, with the same `attempts`.
    """

    @classmethod
    def from_attempts(
        cls,
        attempts: tuple[SocketError, ...],
        *,
        address: object = None,
    ) -> SocketError:
        """Return the one error that says what became of all attempts."""
        first = attempts[0]
        if len(attempts) == 1:
            return first
        kinds = {_kind(attempt) for attempt in attempts}
        kind = type(first) if len(kinds) == 1 else cls
        reason = first.strerror if kind is not cls else "no address could be connected to"
        error = kind(first.errno, reason, operation="connect", address=address, attempts=attempts)
        if isinstance(error, TimedOut):
            error.deadline = all(getattr(attempt, "deadline", False) for attempt in attempts)
        return error


def _kind(error: SocketError) -> object:
    """Return what errors have in common that are alike; a plain `SocketError` is its errno."""
    return error.errno if type(error) is SocketError else type(error)


# -- name resolution ----


class ResolverError(TrunklineError, _gaierror):
    """A name could not be resolved; `host` is what was asked for.

    Args:
        errno: The resolver's code, one of `socket`'s ``EAI_`` constants: not an errno in spite of
            the name.
        strerror: The resolver's text for it.
        operation: What was tried: ``"resolve"``, ``"reverse"`` or ``"query"``.
        host: The name, or the address, that was asked for.
        record_type: The number of the type of records that it is about, if name servers were asked
            and it is one: that a host has no addresses of either family is about two.
        server: The name server that was asked last, if one was.
        ttl: For how many seconds the error may be remembered.
    """

    operation: str | None = None
    host: object = None
    record_type: int | None = None
    server: object = None
    ttl: float = 0
    _of_all_types: bool = False  # whether it holds for records of any type (RFC 2308, section 5)

    def __init__(
        self,
        errno: int = 0,
        strerror: str = "",
        *,
        operation: str | None = None,
        host: object = None,
        record_type: int | None = None,
        server: object = None,
        ttl: float = 0,
    ) -> None:
        super().__init__(errno, strerror)
        if operation is not None:
            self.operation = operation
        if host is not None:
            self.host = host
        if record_type is not None:
            self.record_type = record_type
        if server is not None:
            self.server = server
        if ttl:
            self.ttl = ttl

    def _told_of(self, operation: str, host: object, record_type: int | None) -> "Self":
        """Return the same error of another operation, of which the one that failed was a part."""
        return type(self)(
            self.errno or 0,
            self.strerror or "",
            operation=operation,
            host=host,
            record_type=record_type,
            server=self.server,
            ttl=self.ttl,
        )

    def __str__(self) -> str:
        told = str(self.strerror)
        if self.server is not None:
            told = f"{told} [{self.server}]"
        return _sentence(self.operation, self.host, told)


class TryAgain(ResolverError):
    """No name server answered; the same question may be answered later."""


class NoName(ResolverError):
    """The name does not exist, or has no address of the family that was asked for."""


class NoRecord(NoName):
    """The name exists, and has no record of the type that was asked for."""


class ServerFailure(ResolverError):
    """A name server answered that it cannot answer."""


class QueryRefused(ServerFailure):
    """A name server answered that it does not answer us."""


# -- streams ---------------------------------------------------------------------------------------


class StreamError(TrunklineError):
    """What arrived is not what the reader asked for.

    Args:
        *args: What the exception class beside this one wants; usually one sentence.
        operation: The reading call, like ``"read_line"``.
        address: The peer it was read from.
    """

    operation: str | None = None
    address: object = None

    def __init__(self, *args: Any, operation: str | None = None, address: object = None) -> None:
        super().__init__(*args)
        if operation is not None:
            self.operation = operation
        if address is not None:
            self.address = address

    def __str__(self) -> str:
        return _sentence(self.operation, self.address, super().__str__())


class EndOfFile(StreamError, EOFError):
    """The peer has finished, before all came that was asked for.

    `partial` has the bytes that did come.
    """

    def __init__(
        self,
        message: str = "end of file",
        partial: bytes = b"",
        *,
        operation: str | None = None,
        address: object = None,
    ) -> None:
        super().__init__(message, partial, operation=operation, address=address)
        self.partial = partial

    def __str__(self) -> str:
        reason = str(self.args[0])
        if self.partial:
            reason += f" after {len(self.partial)} bytes"
        return _sentence(self.operation, self.address, reason)


class LineTooLong(StreamError):
    """More than `limit` bytes came without the line's (or the block's) end.

    Nothing is lost: the bytes are still there to be read with a larger limit, or to be skipped.
    """

    def __init__(
        self,
        limit: int,
        *,
        operation: str | None = None,
        address: object = None,
    ) -> None:
        super().__init__(limit, operation=operation, address=address)
        self.limit = limit

    def __str__(self) -> str:
        reason = f"no end within the limit of {self.limit} bytes"
        return _sentence(self.operation, self.address, reason)


class FrameTooLong(StreamError):
    """A frame announces a length of `size` bytes, which is more than `limit`, or less than nothing.

    Nothing is lost: the length is still there to be read as bytes.
    """

    def __init__(
        self,
        size: int,
        limit: int,
        *,
        operation: str | None = None,
        address: object = None,
    ) -> None:
        super().__init__(size, limit, operation=operation, address=address)
        self.size = size
        self.limit = limit

    def __str__(self) -> str:
        reason = f"a frame of {self.size} bytes, where {self.limit} are the limit"
        return _sentence(self.operation, self.address, reason)


class OutputTooLong(StreamError):
    """A program was ended, because it wrote more than `limit` bytes.

    `result` is the `ProgramResult` of what came of it until then, in bytes.
    """

    def __init__(
        self,
        limit: int,
        result: object = None,
        *,
        operation: str | None = None,
        address: object = None,
    ) -> None:
        super().__init__(limit, result, operation=operation, address=address)
        self.limit = limit
        self.result: Any = result

    def __str__(self) -> str:
        reason = f"more than {self.limit} bytes of output"
        return _sentence(self.operation, self.address, reason)


class DecodingError(StreamError, UnicodeDecodeError):
    """The bytes are not text in the stream's encoding; they are still there to be read as bytes.

    Has the attributes of `UnicodeDecodeError`: `encoding`, `object`, `start`, `end` and `reason`.
    """

    @classmethod
    def from_unicode_error(cls, error: UnicodeDecodeError) -> Self:
        """Return the same complaint as one of ours."""
        return cls(error.encoding, error.object, error.start, error.end, error.reason)

    def __str__(self) -> str:
        return _sentence(self.operation, self.address, UnicodeDecodeError.__str__(self))


class FileTooShort(StreamError, EOFError):
    """The file has fewer bytes than were to be sent of it.

    `sent` is how many had gone, and `missing` how many there should have been after them.
    """

    def __init__(
        self,
        sent: int,
        missing: int,
        *,
        operation: str | None = None,
        address: object = None,
    ) -> None:
        super().__init__(sent, missing, operation=operation, address=address)
        self.sent = sent
        self.missing = missing

    def __str__(self) -> str:
        reason = f"the file has ended, {self.missing} bytes too early, after {self.sent} were sent"
        return _sentence(self.operation, self.address, reason)


class BadDNSMessage(StreamError):
    """What claims to be a message of the domain name system is none."""


class BadProxyHeader(StreamError):
    """What a proxy has to say first, in the PROXY protocol, is missing or malformed."""
