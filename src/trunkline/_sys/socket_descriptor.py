"""The system calls of sockets, each of which raises one of our errors and nothing else.

No call here waits, but for one that says so: every descriptor is non-blocking. What happens all
the time, that there is nothing to receive or accept, or no room to send, is the value None;
`WouldBlock` says it of others.
The `socket` module calls again by itself what a signal has interrupted.
"""

import _signal  # type: ignore[import-not-found]  # `signal` makes enumerations of all of it
import _socket
import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import starmap, tee
from operator import itemgetter
from typing import TYPE_CHECKING, Self, TypeVar

from .._core.buffers import Buffer
from .._core.deadline import Deadline
from ..addresses import LocalAddress
from ..errors import NotConnected, OperationNotSupported, SocketClosed, SocketError
from .bare_calls import make_receive, make_send
from .borrowed_socket import BorrowedSocket
from .descriptor import Descriptor
from .late_import import late_import
from .readiness import unread_count
from .sockaddr import KNOWN_FAMILIES, Name, name_from_sockaddr, sockaddr_from_name

if TYPE_CHECKING:
    from .file_descriptors import Arrivals
    from .socket_files import SocketFile

__all__ = (
    "DATAGRAM",
    "DONT_ROUTE",
    "MORE",
    "NO_SIGNAL",
    "OUT_OF_BAND",
    "PEEK",
    "RAW",
    "SOON",
    "STREAM",
    "SocketDescriptor",
)

# What `receive` and `send` take as flags. They are plain integers because those of the module are
# enumerations, whose arithmetic costs more than a send does.
OUT_OF_BAND = int(socket.MSG_OOB)
PEEK = int(socket.MSG_PEEK)
DONT_ROUTE = int(getattr(socket, "MSG_DONTROUTE", 0))
MORE = int(getattr(socket, "MSG_MORE", 0))

STREAM = int(socket.SOCK_STREAM)
DATAGRAM = int(socket.SOCK_DGRAM)
RAW = int(socket.SOCK_RAW)

# The class below `socket.socket`: what that adds, files and counting them, costs with each
# connection.
_Socket = socket.SocketType

_FIRST = itemgetter(0)

# The plain integers, again: the module's sockets make enumerations of them, each time.
_family = socket.SocketType.family.__get__
_kind = socket.SocketType.type.__get__

# A send to a peer that is gone is an error here, never a signal.
NO_SIGNAL = int(getattr(socket, "MSG_NOSIGNAL", 0))


_HAS_SENDFILE = hasattr(os, "sendfile") and hasattr(_signal, "SIGPIPE")

# What sendfile(2) says of a file that has to be read.
_NOT_THIS_FILE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)

# The largest C int. Whatever is more than the system allows, it takes for that.
_MOST_BACKLOG = 2**31 - 1

# Seconds: how long `receive_soon` waits at most, and does so only if there is as much time.
SOON = 1.0


D = TypeVar("D", bound="SocketDescriptor")


class SocketDescriptor(Descriptor):
    """A socket of the operating system.

    Attributes:
        family: One of `socket`'s ``AF_`` constants.
        kind: One of its ``SOCK_`` constants.
        arrived: The file descriptors that have come over it; None if it takes none in.
    """

    __slots__ = ("_file", "_receive_soon", "_socket", "family", "kind")

    arrived: "Arrivals | None" = None

    is_closed: bool  # once more, for type checkers that want it in each class

    # Linux wakes whoever waits for a socket that is shut down, even one that listens, or is being
    # connected. Others do not, for those.
    close_wakes: bool = sys.platform == "linux"

    def __init__(self, sock: socket.SocketType) -> None:
        sock.setblocking(False)
        super().__init__(sock.fileno())
        self._socket = sock
        self._file: SocketFile | None = None
        self._receive_soon: Callable[[Buffer], int] | None = None
        self.family: int = _family(sock)
        self.kind: int = _kind(sock)

    @classmethod
    def open(cls, family: int, kind: int, *, protocol: int = 0, address: object = None) -> Self:
        """Make a new socket; `address` is for the error's text."""
        try:
            return cls(_Socket(family, kind, protocol))
        except OSError as error:
            raise _typed(error, "socket", address) from None

    @classmethod
    def open_pair(cls, kind: int) -> tuple[Self, Self]:
        """Make two local sockets that are connected to each other; see socketpair(2)."""
        try:
            one, other = _socket.socketpair(socket.AF_UNIX, kind)
        except OSError as error:
            raise _typed(error, "socketpair", None) from None
        return cls(one), cls(other)

    @classmethod
    def borrow(cls, number: int) -> Self:
        """Return an object for a socket's descriptor that stays its owner's, and as it was.

        To close it closes nothing. It may block.
        """
        if number < 0:
            raise SocketClosed(operation="adopt")
        try:
            return cls(BorrowedSocket(fileno=number))
        except OSError as error:
            raise _typed(error, "adopt", None) from None

    def own(self, number: Callable[[], int]) -> None:
        """Own what was borrowed, or a duplicate of it: from now on, to close this closes it.

        Args:
            number: Called for the number, which has no other owner when it returns. If a signal
                handler raises, it was either not called, or the number is ours.
        """
        self._socket = _Socket.__new__(_Socket)
        try:
            given = starmap(number, ((),))  # it is called below, see `accept`
            next(map(_Socket.__init__, (self._socket,), (self.family,), (self.kind,), (0,), given))
        except OSError as error:
            raise _typed(error, "adopt", None) from None
        self._number = self._socket.fileno()
        self._socket.setblocking(False)

    def own_duplicate(self) -> None:
        """Own a duplicate of what was borrowed, see dup(2)."""
        self.own(partial(_socket.dup, self._number))

    def detach(self) -> int:
        """Give the number up without closing it, and return it; this object is closed then."""
        self.is_closed = True
        self._number = -1
        return self._socket.detach()

    def transfer(self) -> "SocketDescriptor":
        """Hand the socket over to a new object, and close this one, but not the socket.

        The caller has the rights to read and to write. Multiplexers let go of it, as they do when
        it is closed.
        """
        return self._make_heir(SocketDescriptor)

    def _make_heir(self, kind: type[D]) -> D:
        protocol = self._socket.proto
        number = self._let_go()
        heir = kind(next(map(_Socket, (self.family,), (self.kind,), (protocol,), number)))
        heir.where = self.where
        heir._file = self._file
        return heir

    def transfer_to(self, empty: socket.socket) -> None:
        """Hand the socket over to one of Python's, see `transfer` and `empty_socket`."""
        if self._file is not None:
            self._file.show_life()  # nobody removes the file any more
            self._file = None
        number = self._let_go()
        next(map(_Socket.__init__, (empty,), (self.family,), (self.kind,), (0,), number))

    def _let_go(self) -> Iterator[int]:
        """Close this object, but not the socket: whoever takes the number owns it."""
        self._tell_and_be_closed()
        self._number = -1
        return starmap(self._socket.detach, ((),))  # for one call with the taking, see `accept`

    def empty_socket(self) -> socket.socket:
        """Return a socket of Python's, of the same kind, that owns nothing."""
        try:
            empty = socket.socket(self.family, self.kind)
        except OSError as error:
            raise self.failure(error, "to_socket") from None
        _Socket.close(empty)  # Python's own method would let nobody use it any more
        return empty

    def check_kind(self, kind: int = STREAM) -> Name:
        """Return the local name of a socket of a kind, and of a family that we know.

        Raises:
            ValueError: It is another kind of socket.
        """
        if self.kind != kind or self.family not in KNOWN_FAMILIES:
            label = "stream" if kind == STREAM else "datagram"
            raise ValueError(
                f"not a {label} socket of a known family: family {self.family}, type {self.kind}"
            )
        return self.local_name()

    def _close_number(self, number: int) -> None:
        self._remove_file()
        # Whatever close(2) says, the descriptor is gone, and who reports an error is the peer.
        with contextlib.suppress(OSError):
            self._socket.close()

    def _wake(self) -> None:
        self._remove_file()
        # Linux wakes the waiters even where it reports an error; others look up by themselves.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _remove_file(self) -> None:
        if self._file is not None:
            self._file.remove()
            self._file = None

    def failure(self, error: OSError, operation: str, address: object = None) -> SocketError:
        """Return our error for one that a system call has raised."""
        if self.is_closed:
            return SocketClosed(operation=operation, address=self.where)
        return _typed(error, operation, self.where if address is None else address)

    # -- naming and connecting -------------------------------------------------------------------

    def bind(self, name: Name, *, replaces_stale: bool = False) -> None:
        """See bind(2). The file that this makes of a local socket is removed when it is closed.

        Args:
            name: Where to bind it.
            replaces_stale: Remove first the file of a local socket that nobody has any more.
        """
        sockaddr = sockaddr_from_name(name, self.family, "bind")
        try:
            if isinstance(name, LocalAddress):
                with late_import("bind"):
                    from .socket_files import bind_to_path

                self._file = bind_to_path(
                    name, lambda: self._socket.bind(sockaddr), replaces_stale=replaces_stale
                )
            else:
                self._socket.bind(sockaddr)
        except SocketError:
            raise
        except OSError as error:
            raise self.failure(error, "bind", name) from None

    def listen(self, backlog: int) -> None:
        """See listen(2)."""
        try:
            self._socket.listen(min(backlog, _MOST_BACKLOG))
        except OSError as error:
            raise self.failure(error, "listen") from None
        if self._file is not None:
            self._file.show_life()

    def accept(self) -> tuple[Self, Name] | None:
        """Return the next connection and its peer's name, or None if none waits; see accept(2)."""
        try:
            # A signal handler may raise when a call has returned, and a number that no object has
            # would stay open for ever. So it is made an object's before Python comes in between.
            ours, theirs = tee(starmap(self._socket._accept, ((),)))  # type: ignore[attr-defined]
            number = map(_FIRST, ours)
            sock = next(map(_Socket, (self.family,), (self.kind,), (0,), number))
            _, sockaddr = next(theirs)
        except BlockingIOError:
            self.check_open("accept")
            return None
        except OSError as error:
            raise self.failure(error, "accept") from None
        return type(self)(sock), name_from_sockaddr(sockaddr, self.family)

    def connect(self, name: Name) -> None:
        """Begin to connect; `ConnectionInProgress` says that it goes on. See connect(2)."""
        try:
            self._socket.connect(sockaddr_from_name(name, self.family, "connect"))
        except SocketError:
            raise
        except OSError as error:
            raise self.failure(error, "connect", name) from None

    def connect_error(self, name: Name) -> SocketError | None:
        """Return, and clear, the error that connecting has ended with (SO_ERROR)."""
        code = self.get_option(socket.SOL_SOCKET, socket.SO_ERROR)
        self.check_open("connect")  # else it may be closing that has ended it
        if code == 0:
            return None
        return SocketError.from_errno(code, operation="connect", address=name)

    def local_name(self) -> Name:
        """See getsockname(2)."""
        try:
            return name_from_sockaddr(self._socket.getsockname(), self.family)
        except OSError as error:
            raise self.failure(error, "getsockname") from None

    def remote_name(self) -> Name:
        """See getpeername(2); `NotConnected` where there is no peer, or not any more."""
        try:
            sockaddr = self._socket.getpeername()
        except OSError as error:
            failure = self.failure(error, "getpeername")
            if sys.platform != "linux" and not isinstance(failure, NotConnected | SocketClosed):
                failure = NotConnected(operation="getpeername")  # BSDs say EINVAL after a reset
            raise failure from None
        return name_from_sockaddr(sockaddr, self.family)

    # -- data ------------------------------------------------------------------------------------

    def receive(self, size: int, flags: int = 0) -> bytes | None:
        """Return up to `size` bytes, none at the end of a stream; see recv(2)."""
        try:
            data = self._socket.recv(size, flags)
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure(error, "receive") from None
        if not data:
            self._check_end()
        return data

    def receive_by(self, take: Callable[..., int], size: int) -> int | None:
        """Have what is there taken, which no signal handler interrupts; see `Machine.feed_from`."""
        try:
            count = take(self._socket.recv, size)
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure(error, "receive") from None
        if not count:
            self._check_end()
        return count

    def receive_into(self, buffer: Buffer, flags: int = 0) -> int | None:
        """Receive into a writable buffer, and return how many bytes came."""
        try:
            count = self._socket.recv_into(buffer, 0, flags)
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure(error, "receive") from None
        if not count:
            self._check_end()
        return count

    def receive_soon(self, buffer: Buffer, deadline: Deadline) -> int | None:
        """Wait for a while, with the right to read, and receive; see `receive_into`.

        For somebody who waits often and not for long: it is `wait_readable` and `receive_into` in
        one, for a fraction of their price.

        Returns:
            How many bytes came; None if none did, or there is less time left than a while.
        """
        remaining = deadline.remaining()
        if remaining is not None and remaining < SOON:
            return None
        if not self.close_wakes or self._is_inherited:
            return None  # it would not hear of a closing
        try:
            count = (self._receive_soon or self._make_receive_soon())(buffer)
        except OSError as error:
            if error.errno is None or isinstance(error, BlockingIOError):
                self.check_open("receive")
                return None
            raise self.failure(error, "receive") from None
        if not count:
            self._check_end()
        return count

    def _make_receive_soon(self) -> Callable[[Buffer], int]:
        # In Python a time limit belongs to the object: so this one has one, and the other has none.
        waiting = BorrowedSocket(self.family, self.kind, 0, self._number)
        waiting.settimeout(SOON)
        self._receive_soon = waiting.recv_into
        return waiting.recv_into

    def _check_end(self) -> None:
        """Raise `SocketClosed` if an end of file is not the peer's doing.

        Closing shuts the socket down to wake its users, and that looks the same from here.
        """
        self.check_open("receive")

    def has_unread(self) -> bool:
        """Return whether something has come that was not received; the end does not count."""
        count = unread_count(self._number)
        return self.is_readable() if count is None else count > 0

    def send(self, data: Buffer, flags: int = 0) -> int | None:
        """Send what can be sent at once, and return how many bytes that was; see send(2)."""
        try:
            return self._socket.send(data, flags | NO_SIGNAL)
        except BlockingIOError:
            self.check_open("send")
            return None
        except OSError as error:
            raise self.failure(error, "send") from None

    def send_by(self, give: Callable[..., int]) -> int | None:
        """Have what fits given away, which no signal handler interrupts; see `Unsent.send`."""
        try:
            return give(self._socket.send, NO_SIGNAL)
        except BlockingIOError:
            self.check_open("send")
            return None
        except OSError as error:
            raise self.failure(error, "send") from None

    def send_file(self, number: int, offset: int, count: int) -> int | None:
        """Send what fits of a file, by its descriptor; see sendfile(2).

        Returns:
            How many bytes; 0 if the file has ended, and None if nothing fits.

        Raises:
            OperationNotSupported: The system cannot do that with this file: read it, and `send`.
            ValueError: The file was closed, or not opened for reading.
        """
        # It cannot be told to send no signal, which without a handler would end the process.
        if not _HAS_SENDFILE or _signal.getsignal(_signal.SIGPIPE) == _signal.SIG_DFL:
            raise OperationNotSupported(operation="send_file", address=self.where)
        try:
            return os.sendfile(self._number, number, offset, count)
        except BlockingIOError:
            self.check_open("send_file")
            return None
        except OSError as error:
            if error.errno in _NOT_THIS_FILE:
                raise OperationNotSupported(operation="send_file", address=self.where) from None
            if error.errno == errno.EBADF and not self.is_closed:
                raise ValueError("the file is closed, or not open for reading") from None
            raise self.failure(error, "send_file") from None

    @property
    def bare_receive(self) -> Callable[[int], bytes]:
        """recv(2), of so many bytes at most; after b"", look whether the descriptor is closed.

        See `bare_calls` for what this and `bare_send` raise.
        """
        return make_receive(self)

    @property
    def bare_send(self) -> Callable[[Buffer, int], int]:
        """send(2), with flags: give it `NO_SIGNAL`."""
        return make_send(self)

    def shutdown(self, *, read: bool = False, write: bool = False) -> None:
        """End one direction, or both; see shutdown(2)."""
        how = socket.SHUT_WR if not read else socket.SHUT_RDWR if write else socket.SHUT_RD
        try:
            self._socket.shutdown(how)
        except OSError as error:
            raise self.failure(error, "shutdown") from None

    def reset_on_close(self) -> None:
        """Let closing reset the connection: lingering for no time asks for that, see socket(7)."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def set_blocking(self, blocks: bool) -> None:
        """Let calls wait for this connection, or not, those of all processes that have it.

        You would want it for a program that is given it. While calls wait, none is to be made here.
        """
        try:
            self._socket.setblocking(blocks)
        except OSError as error:
            raise self.failure(error, "fcntl") from None

    @property
    def listens(self) -> bool:
        """Whether the socket listens (SO_ACCEPTCONN)."""
        return bool(self.get_option(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    # -- options ---------------------------------------------------------------------------------

    def set_nodelay(self, value: bool) -> None:
        """Set TCP_NODELAY, which each connection has set: it is not to pay for a table."""
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, value)
        except OSError as error:
            raise self.failure(error, "setsockopt nodelay") from None

    def tcp_info(self, most: int) -> bytes:
        """Return Linux's ``struct tcp_info``, whatever size it has there."""
        try:
            return self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, most)
        except OSError as error:
            raise self.failure(error, "getsockopt tcp_info") from None

    def get_option(self, level: int, option: int) -> int:
        """Return an option that is an integer; see getsockopt(2)."""
        try:
            return self._socket.getsockopt(level, option)
        except OSError as error:
            raise self.failure(error, "getsockopt") from None

    def get_option_bytes(self, level: int, option: int, size: int) -> bytes:
        """Return an option that is a structure of at most `size` bytes."""
        try:
            return self._socket.getsockopt(level, option, size)
        except OSError as error:
            raise self.failure(error, "getsockopt") from None

    def set_option(self, level: int, option: int, value: int | bytes) -> None:
        """See setsockopt(2)."""
        try:
            self._socket.setsockopt(level, option, value)
        except OSError as error:
            raise self.failure(error, "setsockopt") from None


def _typed(error: OSError, operation: str, address: object) -> SocketError:
    return SocketError.from_errno(error.errno or 0, operation=operation, address=address)
