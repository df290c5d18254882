"""Moving what comes from one connection to another, as a proxy does."""

from threading import get_ident

from .._core.counts import check_count
from .._core.deadline import Deadline
from .._sys.pipe import MOST_BYTES, Pipe
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import Hangup, OperationNotSupported, SocketError
from ..streams.timeout import DEFAULT_TIMEOUT, Timeout
from .active_socket import ActiveSocket

__all__ = ("splice",)


def splice(
    source: ActiveSocket,
    target: ActiveSocket,
    *,
    count: int | None = None,
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> int:
    """Send to one connection what comes from another, until that ends.

    You would want it in a proxy, one thread for each direction. On Linux the bytes do not come into
    the program, see splice(2); elsewhere, and where a channel changes them, they are received and
    sent. What the source has buffered goes first, after what the target has queued. Nothing is
    ended: to hand the end on, too, call ``target.shutdown(write=True)`` next.

    Args:
        source: Where it comes from; nobody else can read it meanwhile.
        target: Where it goes; nobody else can write to it meanwhile.
        count: How many bytes at most. Default: all, up to the end.
        timeout: Seconds for the whole call. Default: the `timeout` of the source.

    Returns:
        How many bytes there were.

    Raises:
        Hangup: The peer of the target reads no more.
        TimedOut: The time is up. What has come is queued for the target, and counts as sent.
        ConnectionReset, SocketClosed, Busy, SocketError: As the names say, with the address of the
            connection that has failed.
            All of these have an attribute `sent`: how many bytes had gone to the target.
        TypeError: One of the two is no connection, or `count` no integer.
        ValueError: `count` is negative, both are one, or a format does not mix with bytes.
    """
    for end in (source, target):
        if not isinstance(end, ActiveSocket):
            raise TypeError(f"splice moves bytes between active sockets, not {end!r}")
    if source is target:
        raise ValueError("the source is the target: what comes would go back")
    if count is not None:
        check_count("count", count, least=0)
    deadline = source._deadline(timeout)
    moving = _Moving(source, target, count, deadline)
    with source._reading, target._writing:
        try:
            moving.move()
        except SocketError as error:
            error.sent = moving.moved
            raise
    return moving.moved


class _Moving:
    """One call of `splice`."""

    def __init__(
        self, source: ActiveSocket, target: ActiveSocket, count: int | None, deadline: Deadline
    ) -> None:
        self._source = source
        self._target = target
        self._count = count
        self._deadline = deadline
        self.moved = 0

    def _most(self) -> int:
        return MOST_BYTES if self._count is None else min(MOST_BYTES, self._count - self.moved)

    def move(self) -> None:
        source, target = self._source, self._target
        source._input.check_bytes()
        target._bytes_of(b"")
        target._flush("splice", self._deadline)
        while source._input and self._most():
            self._send(source._input.take_bytes(min(len(source._input), self._most())))
        ends = (source._channel, target._channel)
        if source._input.at_end or not self._most():
            return
        if all(isinstance(end, SocketDescriptor) for end in ends) and self._move_by_system():
            return
        self._receive_and_send()

    def _move_by_system(self) -> bool:
        """Have the system move all; return False where it cannot."""
        try:
            pipe = Pipe()
        except OperationNotSupported:
            return False
        try:
            while self._most():
                if not self._fill(pipe):
                    return True
                self._drain(pipe)
            return True
        except OperationNotSupported:
            return False
        except Hangup:
            pipe.close()  # nobody will ever get what is in it
            raise
        finally:
            self._keep(pipe.close())

    def _fill(self, pipe: Pipe) -> int:
        source = self._source
        source._check_alive("splice")
        while True:
            try:
                count = pipe.fill(source._descriptor, self._most())
            except OperationNotSupported:
                raise
            except SocketError as error:
                raise source._failed(error, "splice") from None
            if count is not None:
                if not count:
                    source._input.feed_eof()
                return count
            source._descriptor.wait_readable(self._deadline, "splice")

    def _drain(self, pipe: Pipe) -> None:
        target = self._target
        while pipe.held:
            try:
                sent = pipe.drain(target._descriptor)
            except OperationNotSupported:
                raise
            except SocketError as error:
                raise target._failed(error, "splice") from None
            if sent is None:
                target._descriptor.wait_writable(self._deadline, "splice")
            else:
                self.moved += sent

    def _receive_and_send(self) -> None:
        source = self._source
        buffer = memoryview(bytearray(MOST_BYTES))
        while most := self._most():
            count = source._receive_into(buffer[:most], "splice", self._deadline)
            if not count:
                source._input.feed_eof()
                return
            self._send(bytes(buffer[:count]))

    def _send(self, data: bytes) -> None:
        sent = 0
        try:
            while sent < len(data):
                with memoryview(data)[sent:] as rest:
                    sent += self._target._send(rest, "splice", self._deadline)
            self._target._flush("splice", self._deadline)  # a channel may hold something back
        except Hangup:
            raise
        except BaseException:
            self._keep(data[sent:])
            raise
        finally:
            self.moved += sent

    def _keep(self, rest: bytes) -> None:
        """Queue what has come and was not sent, unless there is nobody to get it."""
        if rest and self._target._fatal_error is None and not self._target.closed:
            self._target._written_by = get_ident()
            self._target._output += rest
            self.moved += len(rest)
