"""File descriptors that are sent along with data over local sockets, see SCM_RIGHTS in unix(7).

What has come is this process's, and stays open for ever if nobody closes it. So from the system
call on each one is in an object that closes it: a signal handler may raise when a call has
returned, and what it returns is lost then (see `SocketDescriptor.accept`).
"""

import os
import socket
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import starmap
from types import TracebackType
from typing import Any, Self, SupportsIndex

from .._core.buffers import Buffer
from .._core.counts import check_count
from .._core.deadline import Deadline
from .._core.uncopied import Uncopied
from ..errors import OperationNotSupported, ProtocolError, SocketClosed, TooManyOpenFiles
from .datagram_descriptor import ControlMessage, DatagramDescriptor, Message
from .socket_descriptor import NO_SIGNAL, OUT_OF_BAND, PEEK, SocketDescriptor

__all__ = (
    "MOST_FILE_DESCRIPTORS",
    "Arrivals",
    "FileDescriptors",
    "PassingDatagramDescriptor",
    "PassingDescriptor",
    "numbers_of",
    "rights",
    "send_along",
)

MOST_FILE_DESCRIPTORS = 253
"""How many file descriptors can be sent at once, and wait to be taken (Linux's SCM_MAX_FD)."""

_RIGHTS = getattr(socket, "SCM_RIGHTS", None)
_CUT_OFF = int(getattr(socket, "MSG_CTRUNC", 0))
_CLOSED_BY_EXEC = int(getattr(socket, "MSG_CMSG_CLOEXEC", 0))
_ITEM_BYTES = array("i").itemsize


class _Numbers(list[int]):
    """Numbers of descriptors, which are closed when they are forgotten.

    A signal handler may raise in a destructor, too, which is over then. So there are two: this one
    comes after that of the object that has the numbers, for the case that it has not done it.
    """

    __slots__ = ()

    def close(self) -> None:
        while self:
            try:
                # Nothing comes between taking a number out and closing it.
                list(map(os.close, iter(self.pop, None)))
            except IndexError:  # that was the last one
                return
            except OSError:  # it is closed, whatever the system says
                continue

    def __del__(self) -> None:
        if self:
            self.close()


class FileDescriptors(Uncopied):
    """File descriptors that have come over a local socket, in the order in which they were sent.

    They are open in this process, and no other program that it starts has them. Whatever nobody has
    taken is closed with this object: by `close`, at the end of a ``with`` block, or when it is
    forgotten. Indexing and iterating tell the numbers, and leave the descriptors here; so make your
    own thing of a duplicate, or take what you make it of::

        with stream.take_file_descriptors(1) as descriptors:
            connection = make_socket_from_fd(descriptors[0])
    """

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._numbers = _Numbers(numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: SupportsIndex) -> int:
        return self._numbers[index]

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._numbers))

    def take(self) -> int:
        """Return the first one, which is yours to close from now on.

        Raises:
            ValueError: None is left.
        """
        if not self._numbers:
            raise ValueError("no file descriptor is left to be taken")
        return self._numbers.pop(0)

    def close(self) -> None:
        """Close those that nobody has taken. May be repeated."""
        self._numbers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_numbers", None):
            self.close()

    def __repr__(self) -> str:
        return f"<file descriptors {', '.join(map(str, self._numbers)) or 'none'}>"


# -- sending --------------------------------------------------------------------------------------


def numbers_of(descriptors: Iterable[Any]) -> list[int]:
    """Return the numbers of descriptors that are to be sent.

    Raises:
        SocketClosed: One is closed.
        TypeError: They are not several, or one is none.
        ValueError: There are too few, or too many of them.
    """
    if isinstance(descriptors, int) or hasattr(descriptors, "fileno"):
        raise TypeError("file descriptors are sent several at once: give a list, also of one")
    numbers = []
    for each in descriptors:
        fileno = getattr(each, "fileno", None)
        number = each if fileno is None else fileno()
        if fileno is not None and number < 0:
            raise SocketClosed(operation="send", address=repr(each))
        numbers.append(check_count("a file descriptor", number, least=0, most=2**31 - 1))
    if not 1 <= len(numbers) <= MOST_FILE_DESCRIPTORS:
        raise ValueError(
            f"from 1 to {MOST_FILE_DESCRIPTORS} file descriptors can be sent at once, "
            f"not {len(numbers)}"
        )
    return numbers


def rights(numbers: list[int]) -> ControlMessage:
    """Return what has the system send file descriptors along.

    Raises:
        OperationNotSupported: It cannot.
    """
    if _RIGHTS is None:  # pragma: no cover - Windows
        raise OperationNotSupported(operation="send file descriptors")
    return socket.SOL_SOCKET, _RIGHTS, array("i", numbers).tobytes()


def send_along(descriptor: SocketDescriptor, data: Buffer, numbers: list[int]) -> int | None:
    """Send what fits, and file descriptors with its first byte; return how many bytes that was.

    None is that nothing was sent, and no descriptor either.
    """
    try:
        return descriptor._socket.sendmsg([data], [rights(numbers)], NO_SIGNAL)
    except BlockingIOError:
        descriptor.check_open("send")
        return None
    except OSError as error:
        raise descriptor.failure(error, "send") from None


# -- receiving ------------------------------------------------------------------------------------


class Arrivals:
    """The file descriptors that have come, and that nobody has taken yet."""

    __slots__ = ("_are_lost", "_box", "_numbers")

    def __init__(self) -> None:
        self._numbers = _Numbers()
        self._are_lost = False  # whether some of those that were sent could not be received
        self._box: list[Message] = []  # what a system call has just returned

    def __len__(self) -> int:
        return len(self._numbers)

    def receive(
        self, call: Callable[..., Message], what: Any, room: int, flags: int = 0
    ) -> Message:
        """Call recvmsg(2), and keep what file descriptors come.

        Args:
            call: The socket's own.
            what: Its first argument.
            room: Bytes for what else the system says.
            flags: Its flags.

        Returns:
            What the call returns.
        """
        most = MOST_FILE_DESCRIPTORS - len(self._numbers)
        arguments = (what, room + socket.CMSG_LEN(most * _ITEM_BYTES), flags | _CLOSED_BY_EXEC)
        if self._box:
            self._close_box()
        try:
            self._box.extend(starmap(call, (arguments,)))
            message = self._box[0]
            numbers = _numbers_in(message[1])
            if message[2] & _CUT_OFF:
                self._are_lost = True
            # Between these two nothing is called, so that no signal handler comes in between.
            self._numbers += numbers
            self._box.clear()
        except BaseException:
            self._close_box()
            raise
        if not _CLOSED_BY_EXEC:  # pragma: no cover - macOS
            for number in numbers:
                os.set_inheritable(number, False)
        return message

    def _close_box(self) -> None:
        """Close what a system call has returned to nobody."""
        numbers = [each for message in self._box for each in _numbers_in(message[1])]
        self._box = []
        FileDescriptors(each for each in numbers if each not in self._numbers).close()

    def take(self, count: int | None, where: object) -> FileDescriptors:
        """Return the first ones, or all of them.

        Raises:
            TooManyOpenFiles: Some have got lost; then all are gone.
            ProtocolError: There are not so many.
        """
        if self._are_lost:
            self.close()
            raise TooManyOpenFiles(
                strerror="file descriptors that were sent here have got lost: there were too many",
                operation="receive",
                address=where,
            )
        if count is None:
            count = len(self._numbers)
        elif count > len(self._numbers):
            raise ProtocolError(
                strerror=f"of {count} file descriptors {len(self._numbers)} have come",
                operation="receive",
                address=where,
            )
        taken = FileDescriptors()
        # As above: these two are one.
        taken._numbers += self._numbers[:count]
        del self._numbers[:count]
        return taken

    def close(self) -> None:
        """Close those that nobody has taken."""
        self._are_lost = False
        self._numbers.close()
        self._close_box()


def _numbers_in(control: Iterable[ControlMessage]) -> list[int]:
    numbers = array("i")
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, _RIGHTS):
            numbers.frombytes(data[: len(data) - len(data) % _ITEM_BYTES])
    return numbers.tolist()


class PassingDescriptor(SocketDescriptor):
    """A local stream socket that takes in the file descriptors that come with its bytes."""

    __slots__ = ("arrived",)

    arrived: Arrivals

    def __init__(self, sock: socket.SocketType) -> None:
        self.arrived = Arrivals()
        super().__init__(sock)

    def receive(self, size: int, flags: int = 0) -> bytes | None:
        """See `SocketDescriptor.receive`."""
        if flags & (PEEK | OUT_OF_BAND):  # what is looked at does not come yet
            return super().receive(size, flags)
        data: bytes | None = self._receive_both(self._socket.recvmsg, size, flags)
        return data

    def receive_by(self, take: Callable[..., int], size: int) -> int | None:
        """See `SocketDescriptor.receive_by`; here, what comes with descriptors may be lost."""
        data = self.receive(size)
        return None if data is None else take(bytes, data)

    def receive_into(self, buffer: Buffer, flags: int = 0) -> int | None:
        """See `SocketDescriptor.receive_into`."""
        if flags & (PEEK | OUT_OF_BAND):
            return super().receive_into(buffer, flags)
        count: int | None = self._receive_both(self._socket.recvmsg_into, [buffer], flags)
        return count

    def receive_soon(self, buffer: Buffer, deadline: Deadline) -> int | None:
        """Receive what is there; see `SocketDescriptor.receive_soon`."""
        return self.receive_into(buffer)

    def _receive_both(self, call: Callable[..., Any], what: Any, flags: int) -> Any:
        try:
            received = self.arrived.receive(call, what, 0, flags)[0]
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure(error, "receive") from None
        if not received:
            self._check_end()
        return received

    def _close_number(self, number: int) -> None:
        super()._close_number(number)
        self.arrived.close()

    def _let_go(self) -> Iterator[int]:
        number = super()._let_go()
        self.arrived.close()
        return number


class PassingDatagramDescriptor(DatagramDescriptor):
    """A local socket that takes in the file descriptors that come with each message.

    Those of one message have to be taken before the next one is received.
    """

    __slots__ = ("arrived",)

    arrived: Arrivals

    def __init__(self, sock: socket.SocketType) -> None:
        self.arrived = Arrivals()
        super().__init__(sock)

    def receive_message(self, size: int, room: int, flags: int) -> Message | None:
        """See `DatagramDescriptor.receive_message`."""
        if flags & PEEK:
            return super().receive_message(size, room, flags)
        return self._receive_both(self._socket.recvmsg, size, room, flags)

    def receive_message_into(self, buffer: Buffer, room: int, flags: int) -> Message | None:
        """See `DatagramDescriptor.receive_message_into`."""
        if flags & PEEK:
            return super().receive_message_into(buffer, room, flags)
        return self._receive_both(self._socket.recvmsg_into, [buffer], room, flags)

    def _receive_both(
        self, call: Callable[..., Any], what: Any, room: int, flags: int
    ) -> Message | None:
        self.arrived.close()  # what belongs to a message that nobody has got
        try:
            return self.arrived.receive(call, what, room, flags)
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure_or_report(error, "receive") from None

    def _close_number(self, number: int) -> None:
        super()._close_number(number)
        self.arrived.close()
