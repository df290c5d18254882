"""Programs with callbacks: their pipes are sockets of the loop, and their end is called back."""

import signal as signals
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar, Literal, TypeAlias

from .._core.callbacks import check_callback_or_none
from .._core.external_format import ExternalFormatLike
from ..multiplex import adopt
from ..processes import ExitHandler, Process, ProcessStatus, create_process
from ..streams.pipe_stream import PipeStream
from .async_socket import AsyncSocket, ReadCallback, SocketCallback
from .events import EventCallback
from .handle import FreeableHandle
from .loop import EventLoop
from .stream import SocketStream

__all__ = ("ExitCallback", "Piped", "SpawnedProcess", "spawn")

ExitCallback: TypeAlias = Callable[["SpawnedProcess", int, int], object]
"""Called with the process, its exit code, and the signal that has ended it; one of them is 0."""


@dataclass(frozen=True, kw_only=True)
class Piped:
    """A pipe to or from a program that is spawned, and the callbacks of our end.

    Attributes:
        read_cb: As for `tcp_connect`: called with what comes out of the program.
        event_cb: Called with the `Event` that ends the pipe; that of the process by default.
        write_cb: As for `tcp_connect`: called when all that was written has gone.
        stream: Have a `SocketStream` in place of an `AsyncSocket`, here and in `read_cb`.
        external_format: The format of text that is written, and of the stream.
    """

    read_cb: ReadCallback | None = None
    event_cb: EventCallback | None = None
    write_cb: SocketCallback | None = None
    stream: bool = False
    external_format: ExternalFormatLike = "utf-8"


Standard: TypeAlias = Literal["ignore", "inherit"] | Piped

_WORDS: dict[str, Literal["null", "inherit"]] = {"ignore": "null", "inherit": "inherit"}


class _PipeSocket(AsyncSocket):
    _kind: ClassVar[str] = "pipe"

    def take(self, stream: PipeStream) -> None:
        """Begin, on a pipe, which this owns from now on."""
        adopt(self._loop.event_base, self._protocol(), stream, high_water=0)


class SpawnedProcess(FreeableHandle):
    """A program that runs, or has run; `spawn` makes it.

    It is freed when the program has ended. Freeing it before, and the end of the loop, leave the
    program alone: it goes on, and nobody is told of its end. `kill` works then, too.

    Attributes:
        input: Our end of its standard input, an `AsyncSocket` or a `SocketStream`, if that is a
            pipe, or None. Closing it is the end of the program's input.
        output: The same for its standard output.
        error_output: The same for its standard error.
    """

    _kind: ClassVar[str] = "process"

    def __init__(
        self,
        exit_cb: ExitCallback | None,
        event_cb: EventCallback | None,
        loop: EventLoop | None,
        standard: Mapping[str, Standard],
    ) -> None:
        super().__init__(event_cb, loop)
        check_callback_or_none(exit_cb, "process", "status", "signal", what="exit_cb")
        self._exit_cb = exit_cb
        self._words: dict[str, Any] = {}
        self._pipes: dict[str, _PipeSocket] = {}
        for name, each in standard.items():
            self._prepare(name, each)
        ends = {name: pipe._for_application() for name, pipe in self._pipes.items()}
        self.input: AsyncSocket | SocketStream | None = ends.get("input")
        self.output: AsyncSocket | SocketStream | None = ends.get("output")
        self.error_output: AsyncSocket | SocketStream | None = ends.get("error_output")
        self._process: Process
        self._exit: ExitHandler | None = None

    def _prepare(self, name: str, each: Standard) -> None:
        if isinstance(each, Piped):
            self._words[name] = "pipe"
            self._pipes[name] = _PipeSocket(
                each.read_cb,
                self._event_cb if each.event_cb is None else each.event_cb,
                self._loop,
                stream=each.stream,
                write_cb=each.write_cb,
                external_format=each.external_format,
            )
            return
        if not isinstance(each, str):
            kind = type(each).__name__  # type: ignore[unreachable]
            raise TypeError(f"{name} is 'ignore', 'inherit' or a Piped, not {kind}")
        if each not in _WORDS:
            raise ValueError(f"{name} is 'ignore', 'inherit' or a Piped, not {each!r}")
        self._words[name] = _WORDS[each]

    def _start(
        self,
        command: Sequence[str | PathLike[str]],
        env: Mapping[str, str] | None,
        working_directory: str | PathLike[str] | None,
    ) -> None:
        process = self._process = create_process(
            command,
            stdin=self._words["input"],
            stdout=self._words["output"],
            stderr=self._words["error_output"],
            environment=env,
            current_directory=working_directory,
        )
        process._may_be_forgotten = True
        try:
            self._exit = process.set_exit_handler(self._loop.event_base, self._ended)
            self._loop._adopt(self)
            streams = (process.stdin, process.stdout, process.stderr)
            for name, stream in zip(("input", "output", "error_output"), streams, strict=True):
                if stream is not None:
                    self._pipes[name].take(stream)
        except BaseException:
            self._exit_cb = None
            self.free()
            for pipe in self._pipes.values():
                pipe.abort()
            process.close(abort=True)
            raise

    def _ended(self, process: Process) -> None:
        self.free()
        if self._exit_cb is not None:
            status = process.status
            self._call(self._exit_cb, self, status.exit_code or 0, status.signal or 0)

    def _stop(self) -> None:
        if self._exit is not None:
            self._exit.remove()

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def status(self) -> ProcessStatus:
        """How the program is doing, as far as the loop has noticed."""
        return self._process.status

    def kill(self, number: int = signals.SIGTERM) -> bool:
        """Send the program a signal; by default SIGTERM, which asks it to end.

        Returns:
            False if the program has ended, so that there is nobody to send it to.

        Raises:
            PermissionDenied: The program runs as somebody else.
            TypeError, ValueError: There is no such signal.
        """
        return self._process.kill(number)

    def __repr__(self) -> str:
        return f"<SpawnedProcess {self.pid}, {self.status}>"


def spawn(
    path: str | PathLike[str],
    args: Sequence[str | PathLike[str]] = (),
    *,
    exit_cb: ExitCallback | None = None,
    event_cb: EventCallback | None = None,
    input: Standard = "ignore",  # noqa: A002 - cl-async's word for it
    output: Standard = "ignore",
    error_output: Standard = "ignore",
    env: Mapping[str, str] | None = None,
    working_directory: str | PathLike[str] | None = None,
    loop: EventLoop | None = None,
) -> SpawnedProcess:
    """Start a program, and have callbacks called for what it says, and for its end.

    It keeps the loop alive until it has ended; if it should not, call its `unref`. Its pipes keep
    it alive, too, until they are closed: its outputs are when the program has closed them, and its
    input when nobody reads it any more. `exit_cb` may be called before the last of its output has
    come.

    Args:
        path: The program. It is looked for in the PATH of its environment, unless there is a ``/``
            in its name.
        args: Its arguments.
        exit_cb: Called once, when it has ended, with the process, the exit code, and the signal
            that has ended it: 0 where it was the other one.
        event_cb: Called with the events of its pipes that have no `event_cb` of their own; and with
            what `exit_cb` raises, if the loop catches errors.
        input, output, error_output: ``"ignore"``: there is none. ``"inherit"``: what we have
            ourselves. A `Piped`: a pipe with these callbacks.
        env: All of its environment; None for ours.
        working_directory: Where it begins; None for where we are.
        loop: The loop; the current one by default.

    Returns:
        The process, which has our ends of its pipes.

    Raises:
        PathNotFound: There is no such program, or directory: the error says which.
        PermissionDenied, TooManyOpenFiles, SocketError: It cannot be started.
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        TypeError, ValueError: An argument is none of those that it can be. Nothing is started.
    """
    standard = {"input": input, "output": output, "error_output": error_output}
    spawned = SpawnedProcess(exit_cb, event_cb, loop, standard)
    if isinstance(args, str):
        raise TypeError("args is a sequence of arguments, and not one text")
    spawned._start((path, *args), env, working_directory)
    return spawned
