"""Processes that are forked, the pipes between them, and signals that arrive as bytes in a pipe."""

import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import FrameType
from typing import NoReturn

from ..errors import SocketError

__all__ = (
    "PipeEnd",
    "Signals",
    "flush_output",
    "fork",
    "keep_from_programs",
    "kill",
    "open_pipe",
    "reap",
)


def keep_from_programs(number: int) -> None:
    """Let programs that this process starts not inherit a descriptor."""
    os.set_inheritable(number, False)


class PipeEnd:
    """One end of a pipe between two processes, which no third program inherits.

    Neither end ever blocks. Closing may be repeated.
    """

    def __init__(self, number: int) -> None:
        os.set_blocking(number, False)
        self._number = number

    def fileno(self) -> int:
        """Return the descriptor, or -1 once it is closed."""
        return self._number

    @property
    def closed(self) -> bool:
        """Whether this end has been closed."""
        return self._number < 0

    def read(self) -> bytes | None:
        """Return what has come: b"" at the end, that is when the last other end is closed, and
        None when there is nothing yet.
        """
        with contextlib.suppress(BlockingIOError):
            return os.read(self._number, 4096)
        return None

    def write(self, data: bytes) -> None:
        """Write a few bytes, for somebody who may have gone, or may not have read in a while."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(self._number, data)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._number >= 0:
            number, self._number = self._number, -1
            os.close(number)


def open_pipe() -> tuple[PipeEnd, PipeEnd]:
    """Return the end to read from and the end to write to; see pipe(2).

    Raises:
        TooManyOpenFiles: There are not two descriptors left.
    """
    try:
        reader, writer = os.pipe()
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation="pipe") from None
    return PipeEnd(reader), PipeEnd(writer)


class Signals:
    """Signals as something to wait for: while this is open, they arrive here and do nothing else.

    The interpreter's part of a signal handler writes into a pipe. So a signal that comes just
    before a wait ends that wait, which one that only sets a flag would not. What has come is
    counted beside the pipe, which may be full: no signal is lost.

    Args:
        numbers: The signals to receive.

    Raises:
        ValueError: This is not the main thread, which alone may set signals.
        TooManyOpenFiles: There are not two descriptors left.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._pending: Counter[int] = Counter()
        self._reader, self._writer = open_pipe()
        try:
            self._former_pipe = signal.set_wakeup_fd(
                self._writer.fileno(), warn_on_full_buffer=False
            )
        except BaseException:
            self._reader.close()
            self._writer.close()
            raise
        self._former = {number: signal.signal(number, self._note) for number in numbers}

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._reader.fileno()

    def take(self) -> Counter[int]:
        """Return the signals that have come since the last time, and how often each was noticed."""
        # The pipe first: what comes in between leaves a byte there, and is taken the next time.
        while self._reader.read():
            pass
        taken, self._pending = self._pending, Counter()
        return taken

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pending[number] += 1

    def close(self) -> None:
        """Put back what was there before."""
        for number, handler in self._former.items():
            if handler is not None:  # None: something else than Python had set it
                signal.signal(number, handler)
        signal.set_wakeup_fd(self._former_pipe)
        self._reader.close()
        self._writer.close()


def fork(prepare: Callable[[], object], main: Callable[[], int]) -> int:
    """Fork a child, which calls two functions and ends with the status that the second returns.

    The parent must have one thread only: locks that others hold would stay locked in the child.
    What is registered with `atexit` belongs to the parent, and is not called in the child.

    Args:
        prepare: Called while no signal is delivered yet, so that the parent's handlers can be
            replaced before they handle what was meant for the child.
        main: Called then. An exception prints its traceback, and is status 1; `SystemExit` means
            what it means elsewhere.

    Returns:
        The child's process id; see fork(2).

    Raises:
        SocketError: The system has no room for another process.
    """
    flush_output()
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        try:
            pid = os.fork()
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="fork") from None
        if pid == 0:
            _be_child(prepare, main, former)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def _be_child(
    prepare: Callable[[], object], main: Callable[[], int], mask: Iterable[int]
) -> NoReturn:
    status = 1
    try:
        prepare()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        status = main()
    except SystemExit as end:
        status = _exit_status(end)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        flush_output()
        os._exit(status)


def _exit_status(end: SystemExit) -> int:
    """Return the status that Python would end with, and print what it would print."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    sys.stderr.write(f"{end.code}\n")
    return 1


def flush_output() -> None:
    """Write what the standard streams have gathered: a child would write its copy of it, too."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def kill(pid: int) -> None:
    """End a child at once. It must not have been reaped: its number would be another's."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def reap(pid: int, *, wait: bool = False) -> int | None:
    """Return the exit status of a child that has ended, negative for a signal; see waitpid(2).

    Args:
        pid: The child.
        wait: Wait for its end. Otherwise a child that runs has the status None.
    """
    try:
        found, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
    except ChildProcessError:  # somebody else has reaped it, and knows how it ended
        return 0
    return os.waitstatus_to_exitcode(status) if found else None
