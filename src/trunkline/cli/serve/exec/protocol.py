"""A connection, and the process that serves it.

Where the connection can be, it is the process's own standard input and output: nothing of what goes
over it comes here. Otherwise, as with TLS, the process has pipes.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from ...._core.timer_queue import Timer
from ...._sys.socket_descriptor import SocketDescriptor
from ....addresses import Endpoint
from ....errors import SocketError
from ....multiplex import Cause, Transport, TransportProtocol, adopt
from ....streams.pipe_stream import PipeStream
from ..connection_log import note
from ..unfinished import Unfinished
from .running import Running

__all__ = ("ExecProtocol",)

DRAIN_TIMEOUT = 1.0
"""Seconds for what a process has written, when it has ended and others have its output still."""


class ExecProtocol(TransportProtocol):
    """Starts a process for a connection, which ends with it.

    Args:
        command: The program, and its arguments.
        processes: Where the processes are that run.
    """

    def __init__(self, command: Sequence[str], processes: Unfinished) -> None:
        self._command = command
        self._processes = processes
        self._way: _Lent | _Piped | None = None

    def connection_made(self, transport: Transport) -> None:
        """Start the process."""
        if isinstance(transport.remote_name, Endpoint):
            transport.set_option("keepalive", True)
        make = _Piped if transport.speaks_tls else _Lent
        try:
            self._way = make(transport, self._command, self._processes)
        except SocketError as error:
            note(f"no process: {error}", server="exec", peer=transport.remote_name, error=error)
            transport.abort(reset=True)

    def data_received(self, data: bytes) -> None:
        """Give it to the process."""
        if isinstance(self._way, _Piped):
            self._way.input.write(data)

    def eof_received(self) -> bool:
        """The process gets the end, too, and may still answer."""
        if isinstance(self._way, _Piped):
            self._way.input.close()
        return True

    def pause_writing(self) -> None:
        """Take no more from the process."""
        if isinstance(self._way, _Piped):
            self._way.output.pause_reading()

    def resume_writing(self) -> None:
        """Take more."""
        if isinstance(self._way, _Piped):
            self._way.output.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """The process ends, too."""
        if self._way is not None:
            self._way.connection_lost()


class _Lent:
    """The process has the connection itself, and we have a duplicate, to know when that is over."""

    def __init__(self, transport: Transport, command: Sequence[str], processes: Unfinished) -> None:
        self._transport = transport
        transport.pause_reading()
        self._connection = connection = SocketDescriptor.borrow(transport.fileno())
        connection.own_duplicate()
        try:
            transport.event_base.set_io_handler(connection, "error", self._broken)
            connection.set_blocking(True)  # which is what programs expect
            self._running = Running(processes, transport, command, connection.number, self._ended)
        except BaseException:
            self._take_back()
            raise

    def _broken(self, number: int, event: str, cause: Cause | None) -> None:
        """The peer has reset the connection."""
        self._take_back()
        self._transport.abort()

    def _ended(self) -> None:
        """The process has: and so has the connection, whoever else has it."""
        if not self._connection.is_closed:
            with suppress(SocketError):  # it may be gone
                self._connection.shutdown(write=True)
            self._take_back()
            self._transport.close()

    def connection_lost(self) -> None:
        """End it for the process, too."""
        if not self._connection.is_closed:
            with suppress(SocketError):
                self._connection.shutdown(read=True, write=True)
            self._take_back()
        self._running.end()

    def _take_back(self) -> None:
        self._transport.event_base.remove_fd_handlers(self._connection)
        self._connection.set_blocking(False)
        self._connection.close()


class _Piped:
    """The process has pipes.

    Attributes:
        input: The transport to its standard input.
        output: The one from its standard output.
    """

    def __init__(self, transport: Transport, command: Sequence[str], processes: Unfinished) -> None:
        self._transport = transport
        self._timer: Timer | None = None
        self._running = running = Running(processes, transport, command, "pipe", self._ended)
        source, sink = running.process.stdout, running.process.stdin
        assert isinstance(source, PipeStream)
        assert isinstance(sink, PipeStream)
        base = transport.event_base
        self.input: Transport = adopt(base, _Input(transport), sink)
        self.output: Transport = adopt(base, _Output(transport, self._output_is_over), source)
        self._has_output = True

    def _ended(self) -> None:
        if self._has_output:
            base = self._transport.event_base
            self._timer = base.add_timer(self._transport.close, DRAIN_TIMEOUT, one_shot=True)
        else:
            self._transport.close()

    def _output_is_over(self) -> None:
        self._has_output = False
        if self._running.has_ended:
            self._transport.close()

    def connection_lost(self) -> None:
        """End the pipes, too."""
        if self._timer is not None:
            self._transport.event_base.remove_timer(self._timer)
        self.input.abort()
        self.output.abort()
        self._running.end()


class _Input(TransportProtocol):
    """Takes no more from the client than the process reads."""

    def __init__(self, client: Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        """Nothing comes from there."""

    def pause_writing(self) -> None:
        """It is full."""
        self._client.pause_reading()

    def resume_writing(self) -> None:
        """It is not any more."""
        self._client.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """The process reads no more: what the client says is dropped, until it ends."""
        self._client.resume_reading()


class _Output(TransportProtocol):
    """Gives to the client what the process writes."""

    def __init__(self, client: Transport, over: Callable[[], object]) -> None:
        self._client = client
        self._over = over

    def data_received(self, data: bytes) -> None:
        """Send it."""
        self._client.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        """The process has closed it, and all that it has started."""
        self._over()
