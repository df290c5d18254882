"""The system calls of datagram sockets; see `socket_descriptor`."""

import errno
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any, Self, TypeAlias

from .._core.buffers import Buffer
from .._core.deadline import Deadline
from ..errors import SocketError, TimedOut
from .late_import import late_import
from .option_constants import constant
from .readiness import FAULTY, unread_count, wait_for_one
from .sockaddr import AF_INET6, AF_UNIX, Name, name_from_sockaddr, sockaddr_from_name
from .socket_descriptor import DATAGRAM, PEEK, SocketDescriptor

__all__ = ("CONFIRM", "PACKETS", "TRUNCATED", "ControlMessage", "DatagramDescriptor", "Message")

PACKETS = int(getattr(socket, "SOCK_SEQPACKET", -1))
"""The kind of socket that has connections of whole messages; -1 where there is none."""

CONFIRM = int(getattr(socket, "MSG_CONFIRM", 0))
TRUNCATED = int(socket.MSG_TRUNC)
_ERROR_QUEUE = getattr(socket, "MSG_ERRQUEUE", None)  # only Linux has one

ControlMessage: TypeAlias = tuple[int, int, bytes]
"""A level, a type and data; see cmsg(3)."""

Message: TypeAlias = tuple[Any, list[ControlMessage], int, Any]
"""What has come, or how many bytes of it; what the system says beside it; flags; and from whom."""

# struct sock_extended_err, see ip(7): an errno, where it comes from, and what is of no use here.
_EXTENDED_ERROR = struct.Struct("@IBBBBII")
_REPORTS = [
    (int(level), number)
    for level, name in ((socket.IPPROTO_IP, "IP_RECVERR"), (socket.IPPROTO_IPV6, "IPV6_RECVERR"))
    if (number := constant(name)) is not None
]
"""The options that ask for them, which is also what then comes; only Linux has them."""
_ROOM_FOR_REPORT = 512
_OURSELVES = 1  # SO_EE_ORIGIN_LOCAL
_FAMILIES_WITH_QUEUE = (int(socket.AF_INET), AF_INET6)  # others would receive a datagram instead

_TIMESTAMP = 29 if sys.platform == "linux" else None  # SO_TIMESTAMP, which Python lacks
_TIME_SIZE = struct.calcsize("@ll")  # of a struct timeval


class DatagramDescriptor(SocketDescriptor):
    """A socket whose calls send and receive whole messages.

    Attributes:
        postponed: Errors of earlier datagrams that were found out and are still to be told.
    """

    __slots__ = ("postponed",)

    def __init__(self, sock: socket.SocketType) -> None:
        super().__init__(sock)
        self.postponed: list[SocketError] = []

    def bind(self, name: Name, *, replaces_stale: bool = False) -> None:
        """See `SocketDescriptor.bind`."""
        super().bind(name, replaces_stale=replaces_stale)
        if self._file is not None and self.kind == DATAGRAM:
            self._file.show_life()  # it need not listen to be found alive

    @property
    def protocol(self) -> int:
        """The protocol that it was opened for; 0 is the family's own."""
        return int(self._socket.proto)

    def transfer(self) -> Self:
        """See `SocketDescriptor.transfer`."""
        heir = self._make_heir(type(self))
        heir.postponed = self.postponed
        return heir

    # -- data ------------------------------------------------------------------------------------

    def receive_message(self, size: int, room: int, flags: int) -> Message | None:
        """Return the next message, of which at most `size` bytes are kept; see recvmsg(2).

        Args:
            size: Bytes.
            room: How many bytes are kept of what the system says beside it.
            flags: Its flags.
        """
        try:
            return self._socket.recvmsg(size, room, flags)
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure_or_report(error, "receive") from None

    def receive_from(self, size: int, flags: int) -> tuple[bytes, Any] | None:
        """Do the same, but for what the system says beside the message; see recvfrom(2).

        Returns:
            The message, and whom it has come from.
        """
        try:
            return self._socket.recvfrom(size, flags)
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure_or_report(error, "receive") from None

    def next_size(self) -> int | None:
        """Return how many bytes the next message has at most, or None if there is none.

        The caller has the right to read, so that nobody else takes it away meanwhile. Where the
        system cannot tell, it is 0.
        """
        if self.family == AF_UNIX:
            size = unread_count(self._number)
            if size == 0:  # is there none, or an empty one?
                if self.receive_message(0, 0, PEEK) is None:
                    return None
                size = unread_count(self._number)  # or has a larger one come after asking?
            return size or 0
        try:
            return self._socket.recv_into(bytearray(1), 1, PEEK | TRUNCATED)
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure(error, "receive") from None

    def receive_message_into(self, buffer: Buffer, room: int, flags: int) -> Message | None:
        """Receive the next message into a writable buffer; see `receive_message`."""
        try:
            return self._socket.recvmsg_into([buffer], room, flags)
        except BlockingIOError:
            self.check_open("receive")
            return None
        except OSError as error:
            raise self.failure_or_report(error, "receive") from None

    # See `bare_receive` for what these are for.

    def bare_send_message(
        self, data: Buffer, flags: int, target: Any, control: Iterable[ControlMessage]
    ) -> int:
        """Send a message; see sendmsg(2).

        Args:
            data: All of it.
            flags: Its flags, with `NO_SIGNAL`.
            target: To whom, as the system calls have it; None is the peer.
            control: What the system is to be told beside it.
        """
        if control:
            return self._socket.sendmsg([data], control, flags, target)
        if target is None:
            return self._socket.send(data, flags)
        return self._socket.sendto(data, flags, target)

    @property
    def bare_receive_from(self) -> Callable[[int], tuple[bytes, Any]]:
        """recvfrom(2), of so many bytes at most: the message, and whom it has come from."""
        return self._socket.recvfrom

    @property
    def bare_send_to(self) -> Callable[[Any, Any], int]:
        """sendto(2), to somebody else than a peer: no signal can come of that."""
        return self._socket.sendto

    def mark_messages(self) -> int:
        """Have the system say something beside each message; return the bytes for that, or 0.

        What it says is the time, for which it has something in all messages. There must be no more
        room than that: the peer could fill it with descriptors.
        """
        if _TIMESTAMP is None:
            return 0
        self.set_option(socket.SOL_SOCKET, _TIMESTAMP, 1)
        return socket.CMSG_SPACE(_TIME_SIZE)

    # -- errors of earlier datagrams -------------------------------------------------------------

    def failure_or_report(self, error: OSError, operation: str, name: object = None) -> SocketError:
        """Return our error for one of the system's, which may be about an earlier datagram."""
        return self.told_by(error, operation, name)[0]

    def told_by(
        self, error: OSError, operation: str, name: object = None
    ) -> tuple[SocketError, bool]:
        """Do the same, and say whether it is an earlier one for sure.

        Where the system keeps a queue of such errors, it knows whom that datagram was for. What the
        call says is then what was queued last, and not what is first in the queue. Only a send may
        have failed by itself; what is in the queue is then postponed.
        """
        failure = self.failure(error, operation, name)
        report = self.take_report(operation)
        if report is None:
            return failure, False
        if report.errno == failure.errno or operation == "receive":
            return report, True
        self.postponed.append(report)
        return failure, False

    def take_report(self, operation: str) -> SocketError | None:
        """Return the first error in the system's queue, and take it out; None if there is none.

        There is a queue only where it was asked for (IP_RECVERR). What this machine itself has
        found out is left out: the call that has sent the datagram has said it, and to whom.
        """
        if _ERROR_QUEUE is None or self.family not in _FAMILIES_WITH_QUEUE:
            return None
        while True:
            try:
                _, control, _, target = self._socket.recvmsg(0, _ROOM_FOR_REPORT, _ERROR_QUEUE)
            except OSError:
                return None
            for level, kind, data in control:
                if (level, kind) in _REPORTS and len(data) >= _EXTENDED_ERROR.size:
                    code, origin, *_ = _EXTENDED_ERROR.unpack_from(data)
                    if origin == _OURSELVES:
                        continue
                    # An IPv6 socket's queue may have the errors of IPv4 in it.
                    family = AF_INET6 if target and len(target) == 4 else int(socket.AF_INET)
                    name = name_from_sockaddr(target, family) if target else self.where
                    return SocketError.from_errno(code, operation=operation, address=name)

    def _wait(self, interest: int, deadline: Deadline, operation: str) -> int:
        readiness = super()._wait(interest, deadline, operation)
        if readiness & FAULTY and not readiness & interest:
            # As long as something is in the queue, no wait ends otherwise.
            report = self.take_report(operation)
            if report is not None:
                raise report
        return readiness

    def pause(self, seconds: float, deadline: Deadline, operation: str) -> None:
        """Wait for some time, and for nothing but to be closed.

        Raises:
            TimedOut: The deadline has passed.
            SocketClosed: The descriptor was closed by somebody else.
        """
        remaining = deadline.remaining()
        if remaining == 0:
            raise TimedOut.expired(operation, self.where)
        wait_for_one(self._number, 0, seconds if remaining is None else min(seconds, remaining))
        self.check_open(operation)

    # -- peers -----------------------------------------------------------------------------------

    def disconnect(self) -> None:
        """Have no peer any more: connect(2) to an address of no family."""
        # Python's sockets cannot say that.
        with late_import("disconnect"):
            import ctypes

        nobody = (bytes([0, 0]) if sys.platform == "linux" else bytes([16, 0])).ljust(16, b"\0")
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.connect(self._number, nobody, len(nobody)) == 0:
            return
        code = ctypes.get_errno()
        if sys.platform != "linux" and code in (errno.EAFNOSUPPORT, errno.EINVAL):
            return  # BSDs say this when it is done
        raise self.failure(OSError(code, os.strerror(code)), "disconnect")

    def name_of(self, target: Any) -> Name | None:
        """Return the name of whom something is sent to; None is the peer."""
        return None if target is None else name_from_sockaddr(target, self.family)

    def sockaddr(self, name: Any, operation: str) -> Any:
        """Return what the system calls take for a name; see `sockaddr_from_name`."""
        return sockaddr_from_name(name, self.family, operation)
