"""Child processes: asyncio's transports for them, whose pipes are transports of the loop."""

import asyncio
import contextlib
import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .._core.log_record import about
from .._sys.child import Child
from .._sys.python_process import PIPE, PythonProcess, start_python_process
from ..errors import ProcessNotFound
from ..processes.exit_handler import watch_exit
from .datagrams import DatagramLoop
from .settling import succeed

if TYPE_CHECKING:
    from .running import RunningLoop

__all__ = ("ProcessLoop", "ProcessTransport")

P = TypeVar("P", bound=asyncio.BaseProtocol)

_logger = logging.getLogger("asyncio")

_UNKNOWN_STATUS = 255  # as asyncio has it


class ProcessTransport(asyncio.SubprocessTransport):
    """A child process of an `EventLoop`; see `asyncio.SubprocessTransport`.

    Args:
        loop: Who calls the protocol.
        protocol: An asyncio protocol for processes; any object with its methods will do.
        process: The process, which the transport owns.
        program: What it is called in logs.
    """

    def __init__(
        self, loop: "RunningLoop", protocol: Any, process: PythonProcess, program: object
    ) -> None:
        super().__init__({"subprocess": process})
        self._loop = loop
        self._protocol = protocol
        self._process = process
        self._returncode: int | None = None
        self._is_closed = False
        self._is_finished = False  # the protocol knows that all is over, or is about to
        self._pipes: dict[int, _Pipe] = {}
        self._pending: list[tuple[Callable[..., object], tuple[Any, ...]]] | None = []
        self._waiters: list[asyncio.Future[int]] = []
        self._child = Child(process.pid, leads_group=False, where=program)
        self._child.kept = True
        watch_exit(loop, self._child, self._exited, None)

    async def _connect_pipes(self) -> None:
        """Make transports of our ends of the pipes, and begin."""
        loop = self._loop
        ends = [(_Pipe(self, number), file) for number, file in self._files()]
        self._pipes = {end.number: end for end, _ in ends}
        for end, file in ends:
            connect: Any = loop.connect_read_pipe if end.number else loop.connect_write_pipe
            await connect(partial(_itself, end), file)
        begun = loop.create_future()
        loop.call_soon(self._protocol.connection_made, self)
        pending, self._pending = self._pending or [], None
        for callback, args in pending:
            loop.call_soon(callback, *args)
        loop.call_soon(succeed, begun, None)
        await begun

    def _files(self) -> Iterator[tuple[int, Any]]:
        """Yield our ends of the pipes, with the numbers that they have in the process."""
        process = self._process
        for number, file in enumerate((process.stdin, process.stdout, process.stderr)):
            if file is not None:
                yield number, file

    # -- what happens ----------------------------------------------------------------------------

    def _call(self, callback: Callable[..., object], *args: Any) -> None:
        """Have something called, from outside of all else, once the protocol has begun."""
        if self._pending is None:
            self._loop.call_soon(callback, *args)
        else:
            self._pending.append((callback, args))

    def _exited(self, _: object) -> None:
        """Take note of the process's end."""
        ending, process = self._child.poll(), self._process
        assert ending is not None
        if process.returncode is None:  # else somebody else has waited for it
            if ending.signal is not None:
                process.returncode = -ending.signal
            elif ending.exit_code is not None:
                process.returncode = ending.exit_code
            else:
                process.returncode = _UNKNOWN_STATUS
                _logger.warning(
                    "How process %s has ended is not known: somebody else has waited for it",
                    process.pid,
                    extra=about(),
                )
        self._returncode = process.returncode
        self._call(self._protocol.process_exited)
        self._loop.call_soon(self._wake_waiters)
        self._finish_if_over()

    def _wake_waiters(self) -> None:
        waiters, self._waiters = self._waiters, []
        assert self._returncode is not None
        for waiter in waiters:
            succeed(waiter, self._returncode)

    def _pipe_lost(self, number: int, error: Exception | None) -> None:
        self._call(self._protocol.pipe_connection_lost, number, error)
        self._finish_if_over()

    def _finish_if_over(self) -> None:
        """Tell the protocol of the end, once the process and all pipes are gone."""
        is_over = self._returncode is not None and all(
            pipe.is_lost for pipe in self._pipes.values()
        )
        if is_over and not self._is_finished:
            self._is_finished = True
            self._call(self._tell_end)

    def _tell_end(self) -> None:
        protocol, self._protocol = self._protocol, None
        self._is_closed = True
        protocol.connection_lost(None)

    async def _wait(self) -> int:
        """Wait until the process has ended, and return its status; asyncio's `Process` asks so."""
        if self._returncode is None:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        assert self._returncode is not None
        return self._returncode

    # -- asyncio's names -------------------------------------------------------------------------

    def get_pid(self) -> int:
        """Return the number of the process."""
        return self._process.pid

    def get_returncode(self) -> int | None:
        """Return its exit status; that of one that a signal has ended is negative. None: it runs.

        Where somebody else has waited for it, so that nobody knows, it is 255.
        """
        return self._returncode

    def get_pipe_transport(self, fd: int) -> asyncio.BaseTransport | None:
        """Return the transport of one of its standard streams, or None if that is no pipe."""
        pipe = self._pipes.get(fd)
        return None if pipe is None else pipe.transport

    def send_signal(self, signal: int) -> None:
        """Send it a signal.

        Raises:
            ProcessLookupError: It has ended, and the protocol knows.
            PermissionError: It runs as somebody else.
        """
        if self._protocol is None:
            raise ProcessNotFound(operation="kill", address=self._child.where)
        self._child.kill(signal)

    def terminate(self) -> None:
        """Ask it to end (SIGTERM); see `send_signal`."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it (SIGKILL); see `send_signal`."""
        self.send_signal(signal.SIGKILL)

    def get_protocol(self) -> Any:
        """Return the protocol; None once all is over."""
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        """Call another protocol from now on."""
        self._protocol = protocol

    def is_closing(self) -> bool:
        """Return whether the transport is closed, or is being closed."""
        return self._is_closed

    def close(self) -> None:
        """Close the pipes, and kill the process if it runs. May be repeated."""
        if self._is_closed:
            return
        self._is_closed = True
        process = self._process
        for number, file in self._files():
            end = self._pipes.get(number)
            if end is not None and end.transport is not None:
                end.transport.close()
                continue
            file.close()
            if end is not None:
                end.is_lost = True
        if self._returncode is None and process.poll() is None:
            with contextlib.suppress(PermissionError):  # it runs as somebody else
                process.kill()

    def __del__(self) -> None:
        if not getattr(self, "_is_closed", True):
            text = f"unclosed transport {self!r}"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)
            self.close()

    def __repr__(self) -> str:
        state = "running" if self._returncode is None else f"returncode={self._returncode}"
        closed = " closed" if self._is_closed else ""
        return f"<ProcessTransport{closed} pid={self._process.pid} {state}>"


def _itself(end: "_Pipe") -> "_Pipe":
    return end


class _Pipe(asyncio.Protocol):
    """Our end of one of the pipes, for the process's transport."""

    def __init__(self, process: ProcessTransport, number: int) -> None:
        self._process = process
        self.number = number
        self.transport: Any = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        process = self._process
        process._call(process._protocol.pipe_data_received, self.number, data)

    def pause_writing(self) -> None:
        self._process._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._process._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._process._pipe_lost(self.number, exc)


class ProcessLoop(DatagramLoop):
    """The part of an event loop that has child processes; see `EventLoop`."""

    async def subprocess_exec(
        self,
        protocol_factory: Callable[[], P],
        program: Any,
        *args: Any,
        stdin: Any = PIPE,
        stdout: Any = PIPE,
        stderr: Any = PIPE,
        **options: Any,
    ) -> tuple[asyncio.SubprocessTransport, P]:
        """Start a program; `asyncio.create_subprocess_exec` is more convenient.

        Args:
            protocol_factory: Called without arguments for the protocol.
            program, args: The program, and its arguments.
            stdin, stdout, stderr: What it reads and writes, see `subprocess.Popen`. Default: pipes,
                whose other ends are transports.
            **options: As for `subprocess.Popen`, but for text and for buffers.

        Raises:
            PathNotFound, PermissionDenied, SocketError: It cannot be started.
            TypeError, ValueError: An argument is not what it can be.
        """
        _check_options(options, shell=False)
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        return await self._start_process(
            protocol_factory, (program, *args), program, shell=False, **streams, **options
        )

    async def subprocess_shell(
        self,
        protocol_factory: Callable[[], P],
        cmd: str | bytes,
        *,
        stdin: Any = PIPE,
        stdout: Any = PIPE,
        stderr: Any = PIPE,
        **options: Any,
    ) -> tuple[asyncio.SubprocessTransport, P]:
        """Have a shell run a command; see `subprocess_exec`."""
        if not isinstance(cmd, bytes | str):
            raise ValueError("cmd must be a string")
        _check_options(options, shell=True)
        streams = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        return await self._start_process(
            protocol_factory, cmd, "a shell", shell=True, **streams, **options
        )

    async def _start_process(
        self, protocol_factory: Callable[[], P], command: Any, program: object, **options: Any
    ) -> tuple[asyncio.SubprocessTransport, P]:
        protocol = protocol_factory()
        process = start_python_process(command, **options)
        transport = ProcessTransport(self, protocol, process, program)
        try:
            await transport._connect_pipes()
        except BaseException:
            transport.close()
            await transport._wait()
            raise
        if self._debug:
            _logger.info("%r has started %r", transport, program, extra=about())
        return transport, protocol


def _check_options(options: dict[str, Any], *, shell: bool) -> None:
    """Raise `ValueError` for options that ask for text, or for buffers; take them out."""
    for name, wanted in (
        ("universal_newlines", False),
        ("shell", shell),
        ("bufsize", 0),
        ("text", None),
        ("encoding", None),
        ("errors", None),
    ):
        given = options.pop(name, wanted)
        if given != wanted and (given or name == "shell"):
            raise ValueError(f"{name} must be {wanted}, not {given!r}")
