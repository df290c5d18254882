"""Running a program to its end: it is fed, and both its outputs are read, at the same time."""

import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, Unpack, overload

from .._core.buffers import Buffer, bytes_of
from .._core.counts import check_count
from .._core.deadline import Deadline, check_seconds, check_timeout
from .._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from .._core.option_names import check_names_for
from .._core.text_collector import TextCollector
from .._core.text_writer import TextWriter
from .._sys.child import PATIENCE, Child
from .._sys.clock import monotonic
from .._sys.pipe_descriptor import PipeDescriptor
from .._sys.readiness import READABLE, WRITABLE, wait_for_any
from .._sys.starting import Started, start
from ..errors import (
    BrokenPipe,
    DecodingError,
    OutputTooLong,
    PermissionDenied,
    ProgramTimedOut,
)
from .options import Command, ProcessOptions, StandardStream, make_plan
from .status import ProcessStatus

__all__ = ("DEFAULT_GRACE", "DEFAULT_OUTPUT_LIMIT", "ProgramResult", "run_program")

DEFAULT_GRACE = 2.0
"""Seconds between asking a program to end, whose time is up, and killing it."""

DEFAULT_OUTPUT_LIMIT = 64 << 20
"""The most bytes of each output that `run_program` keeps, unless told otherwise."""

_RECEIVE_BYTES = 65_536  # as much as a pipe holds, mostly

# Python looks for signals before it begins to wait, and one that comes between is noticed when the
# wait ends. Without a descriptor of the process, that is also when its end is noticed.
_LONGEST_WAIT = 1.0
_LONGEST_WAIT_WITHOUT_DESCRIPTOR = 0.05

Output = TypeVar("Output", str, bytes)


@dataclass(frozen=True, slots=True)
class ProgramResult(Generic[Output]):
    """What came of a program; `run_program` returns it.

    Attributes:
        status: How it has ended.
        stdout: What it has written to its standard output; nothing where that is no pipe.
        stderr: The same for its standard error.
        dropped: How many bytes it has written beyond the limit, which were dropped.
    """

    status: ProcessStatus
    stdout: Output
    stderr: Output
    dropped: int = 0


@overload
def run_program(
    program_and_args: Command,
    *,
    input: str | Buffer | None = ...,
    stdin: StandardStream = ...,
    stdout: StandardStream = ...,
    stderr: StandardStream | Literal["stdout"] = ...,
    external_format: ExternalFormatLike = ...,
    timeout: float | None = ...,
    grace: float = ...,
    output_limit: int | None = ...,
    drop_excess: bool = ...,
    **options: Unpack[ProcessOptions],
) -> ProgramResult[str]: ...
@overload
def run_program(
    program_and_args: Command,
    *,
    input: str | Buffer | None = ...,
    stdin: StandardStream = ...,
    stdout: StandardStream = ...,
    stderr: StandardStream | Literal["stdout"] = ...,
    external_format: None,
    timeout: float | None = ...,
    grace: float = ...,
    output_limit: int | None = ...,
    drop_excess: bool = ...,
    **options: Unpack[ProcessOptions],
) -> ProgramResult[bytes]: ...
def run_program(
    program_and_args: Command,
    *,
    input: str | Buffer | None = None,  # noqa: A002 - as subprocess has it
    stdin: StandardStream = "null",
    stdout: StandardStream = "pipe",
    stderr: StandardStream | Literal["stdout"] = "pipe",
    external_format: ExternalFormatLike | None = "utf-8",
    timeout: float | None = None,
    grace: float = DEFAULT_GRACE,
    output_limit: int | None = DEFAULT_OUTPUT_LIMIT,
    drop_excess: bool = False,
    **options: Unpack[ProcessOptions],
) -> ProgramResult[Any]:
    """Run a program until it has ended and its outputs have, and return what came of it.

    It is fed, and both its outputs are read, at the same time: however much of either there is,
    nobody waits for the other one. What it does not read of its input is dropped.

    When time is up, when there is too much output, and when a signal handler raises, as that of
    Ctrl-C does, the program is ended, with its process group: it is asked to by SIGTERM, killed
    after the grace, and reaped. What has left the group, and keeps an output open, is not waited
    for; nor is a program that we may not end, because it runs as somebody else by now.

    Args:
        program_and_args: As for `create_process`.
        input: Text, or bytes, for its standard input, which is a pipe then.
        stdin, stdout, stderr: As for `create_process`, but for ``"pty"``.
        external_format: The format of text: the input and the outputs. None is for outputs that
            are bytes.
        timeout: Seconds for all of it; None is for ever.
        grace: Seconds between SIGTERM and SIGKILL.
        output_limit: The most bytes of each output; None for no limit.
        drop_excess: Go on at the limit, and drop what comes beyond it.
        **options: `environment`, `current_directory`, `shell`, `new_session`, `new_group`, `uid`,
            `gid`, `groups` and `reset_ids`, as for `create_process`. But `new_group` is True by
            default: False is for what asks somebody on our terminal, and then only the program
            itself can be ended.

    Returns:
        Its status, and what it has written.

    Raises:
        ProgramTimedOut: The time is up. Its `result` has what came until then, as bytes.
        OutputTooLong: There is more output than the limit. Its `result` has what came, too.
        DecodingError: An output is not text in the format; its `object` has the bytes.
        PathNotFound, PermissionDenied, TooManyOpenFiles, SocketError: As for `create_process`.
        TypeError, ValueError: An argument is none of those that it can be. Nothing is started.
    """
    check_names_for(run_program, options, ProcessOptions.__annotations__)
    text_format = None if external_format is None else ensure_external_format(external_format)
    given = _input_bytes(input, text_format)
    if given is not None and stdin != "null":
        raise TypeError("a program that is given input has a pipe for it: leave stdin out")
    if "pty" in (stdin, stdout, stderr):
        raise ValueError("run_program() has no terminal for a program: create_process() has")
    check_timeout(timeout)
    if check_seconds(grace, "grace") is None:
        raise TypeError("grace is a number of seconds, not None")
    if output_limit is not None:
        check_count("output_limit", output_limit, least=0)
    options.setdefault("new_group", True)
    plan = make_plan(
        program_and_args, stdin if given is None else "pipe", stdout, stderr, False, options
    )
    deadline = Deadline(timeout, monotonic)
    deadline.remaining()  # it counts from now on
    started = start(plan)
    try:
        run = _Run(started, given or b"", output_limit, drop_excess)
        is_done = run.to_the_end(deadline, grace)
        if run.excess:
            raise OutputTooLong(
                output_limit or 0,
                result=run.result(),
                operation="run_program",
                address=plan.command[0],
            )
        if not is_done:
            late = ProgramTimedOut.expired("run_program", plan.command[0])
            late.result = run.result()
            raise late
        result = run.result()
    finally:
        started.give_up()
    if text_format is None:
        return result
    stdout_text = _decoded(result.stdout, text_format, plan.command[0])
    stderr_text = _decoded(result.stderr, text_format, plan.command[0])
    return ProgramResult(result.status, stdout_text, stderr_text, result.dropped)


def _input_bytes(given: str | Buffer | None, text_format: ExternalFormat | None) -> bytes | None:
    if given is None:
        return None
    if not isinstance(given, str):
        return bytes(bytes_of(given, "input is text or"))
    if text_format is None:
        raise TypeError("input is bytes where there is no external format")
    writer = TextWriter(text_format)
    return writer.encode(given) + writer.finish()


def _decoded(data: bytes, text_format: ExternalFormat, program: str) -> str:
    try:
        return TextCollector(text_format).collect(data, final=True)
    except DecodingError as error:
        error.operation, error.address = "run_program", program
        raise


class _Output:
    """What is kept of an output."""

    def __init__(self, pipe: PipeDescriptor, limit: int | None) -> None:
        self.pipe = pipe
        self.has_ended = False
        self.kept = bytearray()
        self.dropped = 0
        self._limit = limit

    def read(self, buffer: memoryview) -> None:
        """Take in what there is."""
        count = self.pipe.receive_into(buffer)
        if count is None:
            return
        if not count:
            self.has_ended = True
            return
        room = count if self._limit is None else max(0, self._limit - len(self.kept))
        self.kept += buffer[: min(count, room)]
        self.dropped += max(0, count - room)


class _Run:
    """A program, and all that goes in and out of it.

    Attributes:
        excess: Whether it was ended for having written too much.
    """

    def __init__(
        self, started: Started, given: bytes, output_limit: int | None, drops: bool
    ) -> None:
        self._child: Child = started.child
        stdin, *outputs = started.pipes
        self._stdin = stdin
        self._rest = memoryview(given)
        self._outputs = [None if pipe is None else _Output(pipe, output_limit) for pipe in outputs]
        self._drops = drops
        self._buffer = memoryview(bytearray(_RECEIVE_BYTES))
        self._status = ProcessStatus(True)
        self.excess = False
        if not given and stdin is not None:
            stdin.close()

    def to_the_end(self, deadline: Deadline, grace: float) -> bool:
        """Exchange all there is, and reap the program; return whether it has ended by itself."""
        is_done = False
        try:
            is_done = self._exchange(deadline)
        finally:
            if not is_done:
                self._end(grace)
        if is_done:
            self._status = ProcessStatus._from_ending(self._child.poll())
        return is_done

    def _end(self, grace: float) -> None:
        """Ask the program to end, and kill it if it does not, and whatever is in its group."""
        child = self._child
        self._drops = True
        try:
            with suppress(PermissionDenied):  # it runs as somebody else by now
                child.kill(signal.SIGTERM, group=child.leads_group)
                child.kill(signal.SIGCONT, group=child.leads_group)  # it may have been stopped
            self._exchange(Deadline(grace, monotonic))
        finally:
            with suppress(PermissionDenied):
                child.end_now(Deadline(PATIENCE, monotonic))
            self._status = ProcessStatus._from_ending(child.poll())
            child.forget()

    def result(self) -> ProgramResult[bytes]:
        """Return what came of it until now."""
        stdout, stderr = (b"" if each is None else bytes(each.kept) for each in self._outputs)
        dropped = sum(each.dropped for each in self._outputs if each is not None)
        return ProgramResult(self._status, stdout, stderr, dropped)

    def _exchange(self, deadline: Deadline) -> bool:
        """Feed the program and read its outputs until all have ended; return whether they have."""
        has_ended = False
        while True:
            reading = {
                each.pipe.number: each
                for each in self._outputs
                if each is not None and not each.has_ended
            }
            has_ended = has_ended or (not reading and self._child.has_ended())
            if has_ended and not reading:
                return True
            remaining = deadline.remaining()
            if remaining == 0:
                return False
            ready = self._wait(reading, has_ended, remaining)
            for number, _ in ready:
                output = reading.get(number)
                if output is not None:
                    output.read(self._buffer)
                    if output.dropped and not self._drops:
                        self.excess = True
                        return False
                elif self._stdin is not None and number == self._stdin.number:
                    self._feed(self._stdin)
                else:
                    has_ended = True

    def _wait(
        self, reading: Mapping[int, _Output], has_ended: bool, remaining: float | None
    ) -> Sequence[tuple[int, int]]:
        wanted = [(number, READABLE) for number in reading]
        if self._stdin is not None and not self._stdin.is_closed:
            wanted.append((self._stdin.number, WRITABLE))
        longest = _LONGEST_WAIT
        descriptor = self._child.descriptor
        if descriptor is None:
            longest = _LONGEST_WAIT_WITHOUT_DESCRIPTOR
        elif not has_ended:
            wanted.append((descriptor.fileno(), READABLE))
        return wait_for_any(wanted, longest if remaining is None else min(remaining, longest))

    def _feed(self, stdin: PipeDescriptor) -> None:
        try:
            sent = stdin.send(self._rest)
        except BrokenPipe:  # what it does not read is its own affair
            stdin.close()
            return
        if sent:
            self._rest = self._rest[sent:]
        if not self._rest:
            stdin.close()
