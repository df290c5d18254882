"""What local stream sockets pass along with their bytes: file descriptors."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._core.buffers import Buffer, bytes_of
from .._core.counts import check_count
from .._sys.late_import import late_import
from .._sys.sockaddr import AF_UNIX
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import SocketError
from ..streams.stream import DEFAULT_TIMEOUT, Timeout
from .families import family_label
from .secured import SecuredStream

if TYPE_CHECKING:
    from .passing import FileDescriptors

__all__ = ("LocalStream", "stream_descriptors")


class LocalStream(SecuredStream):
    """The part of a stream socket that passes file descriptors; see `ActiveSocket`.

    A descriptor belongs to a byte, that with which it was sent, and comes no later than that one
    does, whichever call of the stream receives it. So a protocol says in its bytes how many
    descriptors there are, and its reader takes them when it has read that.
    """

    _descriptor: SocketDescriptor

    def send_file_descriptors(
        self,
        descriptors: Iterable[Any],
        data: Buffer = b"\0",
        *,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> None:
        """Send file descriptors along with bytes, behind what is queued. The peer gets duplicates.

        You would want it to hand an open file, or a connection, to another process. Close your own
        one afterwards, if you do not need it any more; a connection with ``abort=True``, for to end
        it in good order would be to speak to whoever is at its other end.

        Args:
            descriptors: Numbers, or objects with `fileno`; at most `MOST_FILE_DESCRIPTORS`.
            data: At least one byte, for a descriptor cannot be sent without one.
            timeout: Seconds to wait until all bytes are sent. What was not sent in time is queued.
                The descriptors are sent with the first byte, and if it was not sent, they are not,
                and no byte is queued.

        Raises:
            TimedOut: The time is up.
            Hangup: The peer does not read any more.
            TooManyOpenFiles: More are on their way than this user may have open.
            NotConnected, ConnectionReset, SocketClosed, SocketError, Busy: As the names say; also
                `SocketClosed` for a number that is no descriptor.
            TypeError: The socket is not a local one; or an argument is of the wrong type.
            ValueError: There are too few or too many descriptors, or there is no byte; or the
                stream speaks TLS.
        """
        self._check_local("send_file_descriptors")
        with late_import("send"):
            from .._sys.file_descriptors import numbers_of, send_along
        numbers = numbers_of(descriptors)
        view = bytes_of(data)
        if not view:
            raise ValueError("file descriptors are sent along with data: give at least one byte")
        deadline = self._deadline(timeout)
        with self._writing:
            self._flush("send", deadline)
            try:
                while (sent := send_along(self._descriptor, view, numbers)) is None:
                    self._channel.wait_writable(deadline, "send")
            except SocketError as error:
                raise self._failed(error, "send") from None
            self._output += view[sent:]
            self._flush("send", deadline)

    def take_file_descriptors(self, count: int | None = None) -> "FileDescriptors":
        """Return file descriptors that have come along with what was received. It does not wait.

        What the system receives for a read may be more than the read returns, so that descriptors
        may come before the bytes that they were sent with are read; they never come later. At most
        `MOST_FILE_DESCRIPTORS` wait to be taken, and the system throws away what comes besides.

        Args:
            count: How many; those that have come first. Default: all that have come.

        Raises:
            ProtocolError: So many have not come: the peer has not sent them along.
            TooManyOpenFiles: Some have got lost, because this process may have no more, or had too
                many that were not taken. All that have come are closed.
            TypeError: The socket is not a local one, or the count is no number.
            ValueError: The socket was not made with ``file_descriptors=True``, or speaks TLS; or
                the count is not positive.
            SocketClosed: The socket is closed, and with it what has come.
            Busy: Another thread is reading.
        """
        self._check_local("take_file_descriptors")
        if count is not None:
            check_count("a count", count)
        descriptor = self._descriptor
        with descriptor.reading:
            if descriptor.arrived is None:
                raise ValueError("the socket was not made with file_descriptors=True")
            return descriptor.arrived.take(count, descriptor.where)

    def _check_local(self, operation: str) -> None:
        if self._descriptor.family != AF_UNIX:
            raise TypeError(
                f"this {family_label(self._descriptor.family)} stream socket does not "
                f"{operation}; it is for address_family='local'"
            )
        if self._machine is not None:
            raise ValueError("a stream that speaks TLS passes no file descriptors")

    def _check_descriptors_taken(self) -> None:
        """Raise if file descriptors would be lost with this object."""
        if self._descriptor.arrived:
            raise ValueError(
                "file descriptors have come that were not taken: take_file_descriptors() first"
            )


def stream_descriptors(take_others: bool) -> type[SocketDescriptor]:
    """Return the class of descriptors of streams, of those that take in others or of all."""
    if not take_others:
        return SocketDescriptor
    with late_import("socket"):
        from .._sys.file_descriptors import PassingDescriptor

    return PassingDescriptor
