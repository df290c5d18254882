"""A program that was started: its streams, its status and its end."""

import signal as signals
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from .._core.deadline import Deadline, check_timeout
from .._core.external_format import ExternalFormatLike
from .._core.origin import origin
from .._core.uncopied import Uncopied
from .._printable import printable
from .._sys.child import PATIENCE, Child
from .._sys.clock import monotonic
from .._sys.starting import Started
from ..errors import Hangup, TimedOut
from ..multiplex import EventBase
from ..multiplex.signal_handlers import check_signal
from ..streams.pipe_stream import PipeStream
from .exit_handler import ExitHandler, watch_exit
from .status import ProcessStatus

__all__ = ("Process",)


class Process(Uncopied):
    """A program that runs, or has run; `create_process` makes it.

    It is a context manager: at the end of the ``with`` block its streams are closed, and its end is
    waited for; after an exception, it is killed. A program whose object is forgotten goes on, and a
    `ResourceWarning` says so. All methods may be called from any thread.

    Attributes:
        pid: The number of the process.
        stdin: A `PipeStream` to the program's standard input, if that is a pipe, or None.
        stdout: The one from its standard output. A read that has to wait sends first what was
            written to `stdin`.
        stderr: The same from its standard error.
        pty: The one to and from the program's terminal, if it has one. It ends when the program
            and all that it has started have closed theirs.
    """

    def __init__(
        self, started: Started, *, program: str, external_format: ExternalFormatLike
    ) -> None:
        self._child: Child = started.child
        self._program = program
        self._origin = origin()
        self._terminal_side = started.terminal_side
        self._may_be_forgotten = False  # nobody is to be warned
        streams = [
            None if each is None else PipeStream(each, external_format=external_format)
            for each in (*started.pipes, started.terminal)
        ]
        self.pid: int = self._child.pid
        self.stdin: PipeStream | None = streams[0]
        self.stdout: PipeStream | None = streams[1]
        self.stderr: PipeStream | None = streams[2]
        self.pty: PipeStream | None = streams[3]
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream._feeds = self.stdin
        self._child.kept = True

    @property
    def _streams(self) -> list[PipeStream]:
        every = (self.stdin, self.stdout, self.stderr, self.pty)
        return [each for each in every if each is not None]

    # -- how it is doing -------------------------------------------------------------------------

    @property
    def status(self) -> ProcessStatus:
        """How the program is doing just now.

        Raises:
            ProcessNotChild: This process was forked from the one whose child it is.
        """
        ending = self._child.poll()
        if ending is not None:
            self._close_terminal_side()
        return ProcessStatus._from_ending(ending)

    @property
    def is_running(self) -> bool:
        """Whether the program runs; see `status`."""
        return self.status.running

    def wait(self, *, timeout: float | None = None) -> ProcessStatus:
        """Wait until the program has ended, and return how.

        While you wait, nobody reads what it writes: a program that fills its pipes waits for you.
        Read to the end first, or let `run_program` do it.

        Args:
            timeout: Seconds to wait; None is for ever.

        Raises:
            TimedOut: It runs on.
            ProcessNotChild: This process was forked from the one whose child it is.
        """
        if self._child.wait(Deadline(timeout, monotonic)) is None:
            raise TimedOut.expired("wait", self._program)
        return self.status

    def set_exit_handler(
        self, event_base: EventBase, callback: Callable[["Process"], object]
    ) -> ExitHandler:
        """Have `callback` called with this object, by an event base, when the program has ended.

        Its `status` tells how. Until then, the event base is not empty. Output that was not read is
        still there.

        Args:
            event_base: Who calls it, never before this method returns.
            callback: Called once.

        Returns:
            The handler, which can be removed.

        Raises:
            SocketClosed: The event base is closed.
            ProcessNotChild: This process was forked from the one whose child it is.
            TypeError: An argument is of the wrong type.
        """
        return watch_exit(event_base, self._child, callback, self)

    # -- its end ---------------------------------------------------------------------------------

    def kill(self, number: int = signals.SIGTERM, *, group: bool = False) -> bool:
        """Send the program a signal; by default SIGTERM, which asks it to end.

        Args:
            number: The signal, of those in the `signal` module.
            group: Send it to all of the program's process group, which it has if it was started
                with `new_group`, `new_session` or a terminal. That works until the program's own
                end has been noticed, by `status` or `wait` for example.

        Returns:
            False if the program has ended, so that there is nobody to send it to.

        Raises:
            PermissionDenied: The program runs as somebody else.
            ProcessNotChild: This process was forked from the one whose child it is.
            TypeError, ValueError: There is no such signal; or the group is our own.
        """
        check_signal(number)
        if group and not self._child.leads_group:
            raise ValueError(
                "the program is in our own process group: start it with new_group=True"
            )
        return self._child.kill(number, group=group)

    def close(self, *, abort: bool = False, timeout: float | None = None) -> None:
        """Close the streams, and wait until the program has ended. May be repeated.

        What is queued for its input is sent first, if it still reads. Closing its input is what
        most programs end by.

        Args:
            abort: Kill it, and its process group if it leads one, instead of waiting for it.
            timeout: Seconds to wait for its end; None is for ever.

        Raises:
            TimedOut: It runs on, or it has not read its input. Its streams are closed; it may be
                waited for, or closed, once more.
            PermissionDenied: It is to be killed, and runs as somebody else.
            TypeError, ValueError: The time is not a number, or negative. Nothing is done.
        """
        deadline = Deadline(check_timeout(timeout), monotonic)
        try:
            with ExitStack() as closing:
                closing.callback(self._close_terminal_side)
                for stream in self._streams:
                    closing.callback(self._close_stream, stream, abort, deadline)
        finally:
            if abort:
                self._child.end_now_or_forget(PATIENCE)
        if not abort and self._child.wait(deadline) is None:
            raise TimedOut.expired("close", self._program)

    def forget(self) -> None:
        """Let the program go on, and want to know no more of it. May be repeated.

        You would want it for a program that shall outlive its object, or this one. Its streams are
        closed. When it ends, it is reaped as soon as another one is started; its status is not
        known any more.

        Raises:
            ProcessNotChild: This process was forked from the one whose child it is.
        """
        self._child.check_ours("forget")
        try:
            for stream in self._streams:
                stream.close(abort=True)
            self._close_terminal_side()
        finally:
            self._child.forget()

    @staticmethod
    def _close_stream(stream: PipeStream, abort: bool, deadline: Deadline) -> None:
        with suppress(Hangup):  # what it does not read is its own affair
            stream.close(abort=abort, timeout=deadline.remaining())

    def _close_terminal_side(self) -> None:
        side, self._terminal_side = self._terminal_side, None
        if side is not None:
            side.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.close(abort=True)
            return
        try:
            self.close()
        except BaseException:  # it was interrupted while it waited
            self.close(abort=True)
            raise

    def __del__(self) -> None:
        child = getattr(self, "_child", None)
        if child is None or self._may_be_forgotten or sys.is_finalizing():
            return
        if not child.is_ours or child.poll() is not None:
            return
        text = f"unclosed {self!r}{self._origin}"
        warnings.warn(text, ResourceWarning, source=self, stacklevel=2)

    def __repr__(self) -> str:
        state = self.status if self._child.is_ours else "of another process"
        return f"<Process {self.pid}, {printable(self._program)}, {state}>"
