"""Streams on pipes and terminals: what a program that was started reads and writes."""

import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

from .._core.deadline import Deadline, check_timeout
from .._core.external_format import ExternalFormat, ExternalFormatLike
from .._core.origin import origin
from .._printable import printable
from .._sys.pipe_descriptor import PipeDescriptor
from .._sys.readiness import READABLE, WRITABLE, wait_for_any
from ..errors import Busy, SocketClosed, SocketError, TimedOut
from .stream import DEFAULT_TIMEOUT, Stream, Timeout

__all__ = ("DetachedPipe", "PipeStream")

CLOSE_TIMEOUT = 10.0  # seconds for sending what is queued, where there is no other limit

_LOOK_UP_INTERVAL = 0.1  # seconds: how soon it is noticed that another thread has closed


class DetachedPipe(NamedTuple):
    """A pipe or a terminal that was taken out of its stream, and all that belongs to it.

    Attributes:
        descriptor: The pipe.
        external_format: That of the stream.
        unread: Bytes that were received, and that no read has returned.
        unsent: Bytes that were written, and are to be sent.
    """

    descriptor: PipeDescriptor
    external_format: ExternalFormat
    unread: bytes
    unsent: bytes


class PipeStream(Stream):
    """One end of a pipe, or the other side of a program's terminal; `create_process` makes them.

    It is a `Stream`; but a pipe goes one way, and the other way is a `TypeError`. It owns its
    descriptor: closing it closes that. It can be given to an event base as a descriptor, or turned
    into a transport by `adopt`. In a ``with`` statement it is closed at the end, after an exception
    with ``abort=True``.
    """

    def __init__(
        self,
        descriptor: PipeDescriptor,
        *,
        external_format: ExternalFormatLike = "utf-8",
        timeout: float | None = None,
    ) -> None:
        super().__init__(descriptor, external_format=external_format, timeout=timeout)
        self._descriptor = descriptor
        self._origin = origin()
        self._feeds: PipeStream | None = None  # what the program waits for before it answers here
        if not descriptor.reads:
            self._reading = _OtherWay(descriptor, "read", "written to")
        if not descriptor.writes:
            self._writing = _OtherWay(descriptor, "write", "read from")

    # -- life and death --------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the stream has been closed."""
        return self._descriptor.is_closed

    def fileno(self) -> int:
        """Return the number of the descriptor, or -1 when the stream is closed.

        It is for `select` and its like. The descriptor is non-blocking and stays the stream's.
        """
        return self._descriptor.number

    def watch_closing(self, callback: Callable[[int], None]) -> None:
        """Have `callback` called with the descriptor's number when it is about to be given back.

        Raises:
            SocketClosed: The stream is closed, or is being closed just now.
        """
        self._descriptor.watch_closing(callback)

    def unwatch_closing(self, callback: Callable[[int], None]) -> None:
        """Undo `watch_closing`, if that was done."""
        self._descriptor.unwatch_closing(callback)

    def close(self, *, abort: bool = False, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
        """Close the stream. May be repeated, and called from any thread.

        What is queued is sent first. For the program that reads it, this is the end of its input.
        Whoever waits in another thread for the stream gets `SocketClosed`. The stream is closed
        even if this raises.

        Args:
            abort: Drop what is queued, and close now.
            timeout: Seconds for sending what is queued. Default: the stream's `timeout`, or 10
                seconds if it has none.

        Raises:
            TimedOut: What was queued could not be sent in time; `unsent` is how much of it.
            Hangup: Nobody reads it.
            TypeError, ValueError: The time is not a number, or negative. Nothing is done.
        """
        if timeout is not DEFAULT_TIMEOUT:
            check_timeout(timeout)
        try:
            if not (abort or self.closed) and self._descriptor.writes:
                self._send_the_rest(timeout)
        finally:
            self._descriptor.close()
            self._input.stop_looking_ahead()

    def _send_the_rest(self, timeout: Timeout) -> None:
        if timeout is DEFAULT_TIMEOUT and self.timeout is None:
            timeout = CLOSE_TIMEOUT
        with suppress(Busy, SocketClosed), self._descriptor.writing:
            self._output += self._writer.finish()
            if not self._output:
                return
            try:
                self._flush("close", self._deadline(timeout))
            except TimedOut as error:
                raise TimedOut.expired(
                    "close", error.address, unsent=len(self._output), limit=str(error.strerror)
                ) from None

    def _detach(self, operation: str) -> DetachedPipe:
        """Take the pipe out of this stream, which is closed then; see `adopt`.

        Raises:
            Busy: Another thread is using the stream.
            SocketClosed: It is closed.
            ValueError: Text has been decoded and not been read, in a format that does not mix with
                bytes.
        """
        descriptor = self._descriptor
        with descriptor.reading, descriptor.writing:
            self._check_alive(operation)
            unread = self._input.take_rest()
            unsent = bytes(self._output + self._writer.finish())
            self._output.clear()
            return DetachedPipe(descriptor.transfer(), self.external_format, unread, unsent)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(abort=kind is not None)

    def __del__(self) -> None:
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is None or descriptor.is_closed or sys.is_finalizing():
            return
        text = f"unclosed {self!r}{self._origin}"
        warnings.warn(text, ResourceWarning, source=self, stacklevel=2)
        descriptor.close()

    # -- questions before answers ----------------------------------------------------------------

    def _receive_into(
        self, target: memoryview, operation: str, deadline: Deadline | None
    ) -> int | None:
        """Receive, and send first what the program has been told and has not got yet."""
        while (feeds := self._feeds) is not None and feeds.has_buffered_output:
            if not self.sends_before_waiting or not feeds._is_left_to_send(operation):
                break
            if self._has_obstacle:
                self._check_alive(operation)
            try:
                count = self._channel.receive_into(target)
            except SocketError as error:
                raise self._failed(error, operation) from None
            if count is not None or deadline is None:
                return count
            self._wait_for_both(feeds, deadline, operation)
        return super()._receive_into(target, operation, deadline)

    def _is_left_to_send(self, operation: str) -> bool:
        if self.closed:
            return False
        try:
            return super()._is_left_to_send(operation)
        except SocketError:
            return False  # who writes to it next is told

    def _wait_for_both(self, feeds: "PipeStream", deadline: Deadline, operation: str) -> None:
        remaining = deadline.remaining()
        if remaining == 0:
            raise TimedOut.expired(operation, self._channel.where)
        wanted = ((self.fileno(), READABLE), (feeds.fileno(), WRITABLE))
        self._descriptor.check_open(operation)
        longest = _LOOK_UP_INTERVAL if remaining is None else min(remaining, _LOOK_UP_INTERVAL)
        if feeds.fileno() >= 0:
            wait_for_any(wanted, longest)
        self._descriptor.check_open(operation)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<PipeStream, {printable(self._descriptor.where)}, {state}>"


class _OtherWay:
    """Stands where the right to read, or to write, is of a pipe that goes the other way."""

    def __init__(self, descriptor: PipeDescriptor, operation: str, way: str) -> None:
        self._descriptor = descriptor
        self._operation = operation
        self._way = way

    def __enter__(self) -> None:
        self._descriptor.check_open(self._operation)
        where = printable(self._descriptor.where)
        raise TypeError(f"{self._operation}: the {where} can only be {self._way}")

    def __exit__(self, *error: Any) -> None:
        """Nobody has entered."""
