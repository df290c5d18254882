"""What is below an awaited stream: who waits for its socket, and what leaves without being awaited.

An `AsyncStream` does what the socket's own stream does, and where that would wait, it waits here:
on a future, which is done when the loop has seen that the descriptor is ready.

Only a task that waits has something received for it. What comes while nobody reads stays with the
system, which tells the peer to wait. What is written leaves in the same turn of the loop, or when
there is room, whether somebody awaits that or not; and what becomes of it is told to whoever writes
next.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from contextvars import Context
from functools import partial
from threading import local
from typing import TYPE_CHECKING, Any, cast
from weakref import ref

from .._core.deadline import Deadline
from .._core.uncopied import Uncopied
from .._sys.clock import monotonic
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import Hangup, SocketError, TimedOut
from ..sockets.active_socket import ActiveSocket
from ..streams.stream import DEFAULT_BUFFER_SIZE, DEFAULT_TIMEOUT, Timeout
from .loop import EventLoop
from .watching import Watch, watch_on

if TYPE_CHECKING:
    from ..servers.limits import LimitedChannel

__all__ = ("NOTHING", "NOW", "StreamPump")

NOTHING = memoryview(b"")
"""To send this through TLS takes as long as the handshake, or what is held back."""

_SCRATCH_BYTES = 65_536  # how much is received at a time

# What a task may do without giving up the processor: so many lines, or so many receives.
_CREDIT = 1_024
_COST_OF_RECEIVING = 64

# How often more is received for who waits, before it is given it: a mebibyte at most.
_RECEIVES_AT_ONCE = 16

_NEVER = float("inf")

_NO_DEADLINE = Deadline(None, monotonic)


class _Now:
    """What takes no time to be awaited."""

    __await__: Callable[[], Iterator[Any]] = staticmethod(partial(iter, ()))


NOW = cast("Awaitable[None]", _Now())


class _Outgoing(deque["StreamPump"]):
    """Streams of a loop whose output is to leave in the same turn, by one call for them all."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        loop.call_soon(self.flush)

    def flush(self) -> None:
        try:
            while self:
                self.popleft()._flush_due()
        finally:
            if self:  # after what is not for a stream to catch, like Ctrl-C
                self.loop.call_soon(self.flush)


class _Shared(local):
    """What the streams of a thread have in common."""

    def __init__(self) -> None:
        # What is received into: an idle stream is to have nothing of its own.
        self.scratch: memoryview = memoryview(bytearray(_SCRATCH_BYTES))
        # What an alarm is called in: it is nobody's, and a copy for each would be one more object.
        self.context = Context()
        # A loop that is closed may never call what was to be called.
        self.outgoing: Callable[[], _Outgoing | None] = lambda: None

    def flush_soon(self, stream: "StreamPump") -> None:
        """Have a stream's output sent before long."""
        outgoing = self.outgoing()
        if not outgoing or outgoing.loop is not stream._loop:
            outgoing = _Outgoing(stream._loop)
            self.outgoing = ref(outgoing)
        outgoing.append(stream)


_shared = _Shared()


class StreamPump(Uncopied):
    """The part of an `AsyncStream` that waits.

    Args:
        socket: The connection, which is the stream's from now on.

    Raises:
        RuntimeError: No loop is running.
        SocketClosed: The socket is closed.
    """

    _limited: "LimitedChannel | None" = None  # what knows the limits of a server, if it has any
    _limits_calls = False  # one of them is on each call

    def __init__(self, socket: ActiveSocket) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = socket
        self._descriptor: SocketDescriptor = socket._descriptor
        socket.sends_before_waiting = False  # that is done here
        if socket._input_buffer_size == DEFAULT_BUFFER_SIZE:
            socket._received = _shared.scratch
        self._credit = _CREDIT
        # Reading.
        self._is_being_read = False  # by a task
        self._reader: asyncio.Future[None] | None = None  # what it waits for
        self._reader_until = _NEVER  # by the loop's time
        self._operation = ""  # what it does
        self._reads_until = _NO_DEADLINE  # that operation
        self._is_call = True  # to which a server's limit on reading counts
        self._quiet_since = 0.0  # for the limits of a server
        self._reads = False  # the loop watches for input
        # Writing. Those that wait, and until when; there are none where nobody has ever waited.
        self._writers: dict[asyncio.Future[bool], float] | None = None
        self._written = 0  # how many bytes, in all
        self._flush_is_due = False  # a deferred call will send what is queued
        self._sends_file = False  # a task, whose turn it is until all of it has left
        self._awaits_room = False  # that task
        self._hangup: Hangup | None = None  # what the peer has made of what was sent
        self._writes = False  # the loop watches for room
        # One timer serves many waits, most of which are over long before it is due.
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = _NEVER
        self._watch: Watch = watch_on(self._loop, socket.fileno(), self)
        socket.watch_closing(self._watch.closing)

    # -- the loop calls --------------------------------------------------------------------------

    def _on_ready(self, is_readable: bool, is_writable: bool) -> None:
        if is_writable:
            self._flush_in_background()
        if is_readable:
            socket = self._socket
            if socket._records is not None and self._is_shaking_hands:
                self._flush_in_background()
            if self._reader is None:
                self._reads = False
            else:
                self._receive_for_reader()
                if not is_writable and socket._records is None and not socket._has_obstacle:
                    return  # what is wanted has not changed
        self._update()

    def _receive_for_reader(self) -> None:
        """Receive what has come, for the task that waits for it."""
        socket = self._socket
        received = socket._input._data
        receive = socket._receive if socket._records is None else self._receive
        try:
            for _ in range(_RECEIVES_AT_ONCE):
                before = len(received)
                if not receive(self._operation, None):
                    return
                self._wake_reader()
                if len(received) - before < _SCRATCH_BYTES:
                    return
        except SocketError as error:
            self._wake_writers()
            self._wake_reader(error)  # or else the next call is told

    def _receive(self, operation: str, deadline: None = None) -> bool:
        """Receive what has come; return whether there was anything, the end included.

        What has waited for the handshake goes on if that is over now. Who waits for output is told
        of an error: it may be the end of that, too, and is told to nobody by the system again.
        """
        socket = self._socket
        was_shaking_hands = socket._records is not None and self._is_shaking_hands
        try:
            return socket._receive(operation, None)
        except SocketError:
            self._wake_writers()
            raise
        finally:
            if was_shaking_hands and not self._is_shaking_hands:
                self._flush_in_background()

    def _flush_soon(self) -> None:
        """Have what is queued sent before long, unless that is due already."""
        if not self._flush_is_due:
            self._flush_is_due = True
            loop = self._loop
            if isinstance(loop, EventLoop):
                loop._call_at_end(self._flush_due)
            else:
                _shared.flush_soon(self)

    def _flush_due(self) -> None:
        self._flush_is_due = False
        if self._socket._output and not self._socket.closed:
            self._flush_in_background()
            self._update()

    def _flush_in_background(self) -> None:
        """Send what goes. What fails is told to those who wait for it, or to who writes next."""
        try:
            self._flush_now("write")
        except SocketError:
            pass
        else:
            return
        records = self._socket._records
        if records is not None and self._holds_alert:
            with suppress(SocketError):
                records.end_output()

    def _wake_all(self) -> None:
        """Nobody is to wait any more for a descriptor that is being closed."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._wake_reader()
        self._wake_writers()

    # -- what the loop watches for ---------------------------------------------------------------

    @property
    def _is_shaking_hands(self) -> bool:
        machine = self._socket._machine
        return machine is not None and not (machine.is_established or machine.has_failed)

    @property
    def _holds_alert(self) -> bool:
        """Whether something is left to be sent of what tells the peer of an error."""
        machine = self._socket._machine
        return machine is not None and machine.has_failed and machine.has_output

    @property
    def _has_pending(self) -> bool:
        """Whether something has come that the system has no more: an end, too, or an error."""
        records = self._socket._records
        if records is None:
            return False
        machine = self._socket._machine
        return (
            records.has_pending or records.has_ended or (machine is not None and machine.has_failed)
        )

    def _update(self) -> None:
        """Have the loop watch for what is wanted just now.

        For input it watches until there is some that nobody wants: to stop before, for a moment,
        would cost more than it saves.
        """
        socket = self._socket
        if socket.closed:
            return
        reads = self._reads or self._reader is not None
        writes = bool(socket._output) or self._awaits_room
        records = socket._records
        if records is not None:
            is_shaking_hands = self._is_shaking_hands
            if is_shaking_hands:
                reads = reads or writes or bool(self._writers)
            writes = records.holds_output or (writes and not is_shaking_hands)
            # Nothing is read before the peer has taken some of what it was answered.
            reads = reads and not records.is_stuck
        if socket._fatal_error is not None:
            writes = self._holds_alert
        self._watch.want(read=reads, write=writes)
        self._reads, self._writes = reads, writes
        self._watch.kept = self if writes or self._reader or self._writers else None

    def _deadline(self, timeout: Timeout) -> Deadline:
        if timeout is DEFAULT_TIMEOUT and self._socket._timeout is None and not self._limits_calls:
            return _NO_DEADLINE
        seconds = self._socket._timeout if timeout is DEFAULT_TIMEOUT else timeout
        return Deadline(seconds, self._loop.time)

    # -- waiting, in a task ----------------------------------------------------------------------

    def _wait_for_input(
        self, deadline: Deadline, operation: str, is_call: bool
    ) -> "asyncio.Future[None]":
        """Return what is done when something was received, and fails when the time is up.

        It is awaited by the reading itself, which ends by `_end_reading`.

        Args:
            deadline: The limit of the whole call.
            operation: What an error calls it.
            is_call: Whether a server's limit on reading calls counts.

        Raises:
            TimedOut: The time is up already.
        """
        allowed = _NEVER
        if self._limited is not None:
            self._quiet_since, allowed = self._limited.begin_to_wait(
                deadline, operation, reads=True, is_call=is_call
            )
        seconds = deadline.remaining()
        if seconds is None or seconds > allowed:
            seconds = allowed
        reader: asyncio.Future[None] = asyncio.Future(loop=self._loop)
        self._reader_until = self._moment_after(seconds, operation)
        self._reads_until, self._operation, self._is_call = deadline, operation, is_call
        self._reader = reader
        self._credit = _CREDIT
        socket = self._socket
        if self._reads and not (
            socket._output or socket._records is not None or socket._has_obstacle
        ):
            self._watch.kept = self
        else:
            self._update()
        return reader

    def _end_reading(self) -> None:
        """Give back the right to read, see `_begin_to_read`; and wait no more, if cancelled."""
        self._is_being_read = False
        if self._reader is not None:
            self._give_up_waiting()

    def _give_up_waiting(self) -> None:
        """Have the task that has waited for input wait no more: it is cancelled."""
        if self._limited is not None:
            self._limited.note_vain_wait(self._quiet_since, reads=True)
        self._wake_reader()

    async def _wait_for_output(self, deadline: Deadline, operation: str) -> None:
        """Wait until something was sent, or may be; no longer than a server allows.

        Args:
            deadline: The limit of the whole call.
            operation: What an error calls it.

        Raises:
            TimedOut, SocketClosed, SocketError: As the names say.
        """
        limited = self._limited
        quiet_since, allowed = 0.0, _NEVER
        if limited is not None:
            quiet_since, allowed = limited.begin_to_wait(deadline, operation, reads=False)
        while True:
            seconds = deadline.remaining()
            is_limit = seconds is None or seconds > allowed
            try:
                await self._wait_for_room_until(
                    allowed if seconds is None or is_limit else seconds, operation
                )
            except BaseException as error:
                if limited is None:
                    raise
                again = limited.seconds_after(
                    error, quiet_since, operation, reads=False, is_limit=is_limit
                )
                if again is None:
                    raise
                allowed = again
            else:
                self._credit = _CREDIT
                return

    async def _wait_for_room_until(self, seconds: float, operation: str) -> None:
        writer: asyncio.Future[bool] = asyncio.Future(loop=self._loop)
        if self._writers is None:
            self._writers = {}
        writers = self._writers
        writers[writer] = self._moment_after(seconds, operation)
        try:
            self._update()
            is_ready = await writer
        finally:
            del writers[writer]
            if not (self._writes or self._reader or writers):
                self._watch.kept = None
        if self._descriptor.is_closed:
            self._descriptor.check_open(operation)
        if not is_ready:
            raise self._expired(operation)

    def _moment_after(self, seconds: float, operation: str) -> float:
        """Return when so many seconds have passed, by the loop's time, and be called then."""
        if seconds <= 0:
            raise self._expired(operation)
        if seconds == _NEVER:
            return _NEVER
        end = self._loop.time() + seconds
        if end < self._alarm_at or self._alarm is None:
            self._set_alarm(end)
        return end

    def _set_alarm(self, moment: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = moment
        # It may be due long after there is anybody who would keep this.
        self._alarm = self._loop.call_at(moment, _ring, ref(self), context=_shared.context)

    def _ring(self) -> None:
        """Tell those whose time is up, and be due again for the others."""
        now, self._alarm = self._alarm_at, None
        if self._reader is not None and self._reader_until <= now:
            self._end_time_of_reader()
        ends = [] if self._reader is None else [self._reader_until]
        for writer, end in (self._writers or {}).items():
            if end > now:
                ends.append(end)
            elif not writer.done():
                writer.set_result(False)
        if (nearest := min(ends, default=_NEVER)) != _NEVER:
            self._set_alarm(nearest)

    def _end_time_of_reader(self) -> None:
        """Have the task that waits for input told that its time is up, unless it has more."""
        operation = self._operation
        error = self._expired(operation)
        if self._limited is not None:
            left = self._reads_until.remaining()
            try:
                again = self._limited.seconds_after(
                    error,
                    self._quiet_since,
                    operation,
                    reads=True,
                    is_call=self._is_call,
                    is_limit=left != 0,
                )
            except TimedOut as passed:
                error = passed
            else:
                if again is not None:
                    seconds = again if left is None else min(again, left)
                    self._reader_until = self._loop.time() + seconds
                    return
        self._wake_reader(error)

    def _wake_reader(self, error: SocketError | None = None) -> None:
        """Have the task that waits for input go on, if there is one, or fail."""
        reader = self._reader
        if reader is None:
            return
        self._reader = None
        if not (self._writes or self._writers):
            self._watch.kept = None
        if reader.done():  # it is cancelled
            return
        if error is None:
            reader.set_result(None)
        else:
            reader.set_exception(error)

    def _wake_writers(self) -> None:
        """Have those who wait for output look how much is left of it."""
        for writer in self._writers or ():
            if not writer.done():
                writer.set_result(True)

    def _expired(self, operation: str) -> TimedOut:
        return TimedOut.expired(operation, self._descriptor.where)

    async def _take_turns(self) -> None:
        """Let others have the processor: this task has had it for long enough."""
        self._credit = _CREDIT
        await asyncio.sleep(0)

    # -- receiving, in a task --------------------------------------------------------------------

    def _receive_more(
        self, operation: str, deadline: Deadline, *, is_call: bool = True
    ) -> Awaitable[None]:
        """Receive something, or the end of file; or wait for it, see `_wait_for_input`.

        What is queued leaves first: the peer may wait for it. It begins at once, and what it
        returns is to be awaited; the stream may be closed then.

        Raises:
            TimedOut: The time is up.
            ConnectionReset, SocketClosed, SocketError: As the names say.
        """
        socket = self._socket
        if socket._output:
            self._flush_in_background()
            if socket._output or socket._records is not None or socket._has_obstacle:
                self._update()
        # While the loop watches, it would have told.
        has_pending = socket._records is not None and self._has_pending
        if not self._reads or deadline.is_immediate or has_pending:
            self._credit -= _COST_OF_RECEIVING
            if self._receive(operation):
                return NOW if self._credit > 0 else self._take_turns()
        elif socket._has_obstacle:
            socket._check_alive(operation)
        return self._wait_for_input(deadline, operation, is_call)

    # -- sending, in a task ----------------------------------------------------------------------

    def _check_output(self, operation: str) -> None:
        """Raise if nothing can be sent any more."""
        socket = self._socket
        if socket._has_obstacle:
            socket._check_alive(operation)
        if self._hangup is not None:
            raise self._hangup._told_again(operation)

    def _flush_now(self, operation: str) -> bool:
        """Send what goes at once; return whether nothing is left. Who waits looks at it again.

        While a file is being sent, nothing goes but that.

        Raises:
            Hangup, ConnectionReset, SocketClosed, SocketError: As the names say.
        """
        if self._sends_file:
            self._wake_writers()
            return not self._socket.has_buffered_output
        socket = self._socket
        try:
            if socket._has_obstacle or self._descriptor.is_closed:
                with socket._writing:  # to enter is what raises
                    pass
            return socket._flush_at_once(operation)
        except Hangup as error:
            self._hangup = error
            raise
        finally:
            if self._writers:
                self._wake_writers()
            if self._reader is not None and self._has_pending:
                self._receive_for_reader()  # the handshake has taken it in

    async def _flush(self, operation: str, deadline: Deadline) -> None:
        """Send what is queued by now, and wait until the system has it.

        Raises:
            TimedOut: The time is up.
            Hangup, ConnectionReset, SocketClosed, SocketError: As the names say.
        """
        socket = self._socket
        self._check_output(operation)
        end = self._written
        is_over = self._flush_now(operation)
        self._credit -= 1
        if is_over and self._credit <= 0:
            await self._take_turns()
        while not is_over:
            await self._wait_for_output(deadline, operation)
            self._check_output(operation)
            is_over = not socket.has_buffered_output or (
                socket._records is None and self._written - len(socket._output) >= end
            )

    async def _try_until_done(
        self, attempt: Callable[[], bool], deadline: Deadline, operation: str
    ) -> None:
        """Do what TLS has to do, which returns whether that was all, and wait in between."""
        socket = self._socket
        while True:
            try:
                if attempt():
                    return
            except SocketError as error:
                raise socket._failed(error, operation) from None
            await self._wait_for_output(deadline, operation)
            self._check_output(operation)


def _ring(stream: "ref[StreamPump]") -> None:
    pump = stream()
    if pump is not None:
        pump._ring()
