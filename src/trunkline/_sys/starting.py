"""Starting a program, with pipes and a terminal, so that nothing is left if that fails half-way.

The forking and executing is the standard library's, which tells what the new process could not do.
All descriptors that are made here close when a program is executed, and none of them is 0, 1 or 2:
a process that has closed its own would give them away otherwise, as what they are not.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias

from ..errors import OperationNotSupported, SocketError
from .child import PATIENCE, Child, reap_forgotten
from .deferred_signals import DeferredSignals
from .late_import import late_import
from .owned_number import OwnedNumber
from .pipe_descriptor import PipeDescriptor
from .typed_errors import typed

__all__ = ("Plan", "Standard", "Started", "start")

Standard: TypeAlias = Literal["pipe", "null", "inherit", "pty", "stdout"] | int | os.PathLike[str]
"""What a program's standard input or output is. A number is a descriptor's, which stays open."""

_NAMES = ("stdin", "stdout", "stderr")
_FIRST_OTHER = 3  # the first number that is none of the three
_MODE = 0o666  # of a file that is made for output, less the umask


@dataclass(frozen=True)
class Plan:
    """What is to be started, and how.

    Attributes:
        command: The program and its arguments.
        standard: The standard input, output and error.
        has_terminal: Whether the program gets a terminal of its own, which controls its session.
        environment: All of its environment, or None for ours.
        directory: Where it begins, or None for where we are.
        new_session: Whether it leads a session of its own, see setsid(2).
        new_group: Whether it leads a process group of its own.
        user, group: As whom it runs, or None for as whom we do.
        groups: Its supplementary groups, or None for ours.
    """

    command: Sequence[str]
    standard: tuple[Standard, Standard, Standard]
    has_terminal: bool = False
    environment: Mapping[str, str] | None = None
    directory: str | None = None
    new_session: bool = False
    new_group: bool = False
    user: int | None = None
    group: int | None = None
    groups: Sequence[int] | None = None


@dataclass
class Started:
    """A program that runs, and our ends of its pipes.

    Attributes:
        child: The process. It is ended if this is forgotten, until `child.kept` is set.
        pipes: Those of its standard input, output and error that are pipes.
        terminal: The other side of its terminal, if it has one.
        terminal_side: The program's own side, where that is none of the three: while it is open,
            the terminal does not end.
    """

    child: Child
    pipes: tuple[PipeDescriptor | None, PipeDescriptor | None, PipeDescriptor | None]
    terminal: PipeDescriptor | None
    terminal_side: OwnedNumber | None

    def give_up(self) -> None:
        """Close our ends, and end the program, if it has not ended and nobody keeps it."""
        try:
            for pipe in (*self.pipes, self.terminal, self.terminal_side):
                if pipe is not None:
                    pipe.close()
        finally:
            if not self.child.kept:
                self.child.end_now_or_forget(PATIENCE)


def start(plan: Plan) -> Started:
    """Start a program.

    Raises:
        PathNotFound, PermissionDenied, PathNotDirectory, SocketError: It cannot be executed; or a
            file, or the directory, is not there. The error names which.
        TooManyOpenFiles: There are not enough descriptors left.
        ValueError: An argument, or the environment, cannot be given to a program.
    """
    reap_forgotten()
    starting = _Starting(plan)
    try:
        return starting.run()
    except BaseException:
        starting.give_up()
        raise


class _Starting:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._theirs = contextlib.ExitStack()  # what only the program needs
        self._ours = contextlib.ExitStack()  # what is closed if it cannot be started
        self._terminal: PipeDescriptor | None = None
        self._terminal_side: OwnedNumber | None = None
        self._pipes: list[PipeDescriptor | None] = []
        self._child: Child | None = None

    def run(self) -> Started:
        plan = self._plan
        with late_import("exec"):
            import subprocess  # noqa: F401 - not in the middle, where signals are held up
        with self._theirs:
            if plan.has_terminal or "pty" in plan.standard:
                self._open_terminal()
            numbers: list[int | None] = []
            for index, standard in enumerate(plan.standard):
                self._pipes.append(None)
                numbers.append(self._number(index, standard, numbers))
            with DeferredSignals():
                self._child = self._execute(numbers)
        if self._terminal_side is not None and "pty" in plan.standard:
            self._terminal_side.close()
            self._terminal_side = None
        stdin, stdout, stderr = self._pipes
        return Started(self._child, (stdin, stdout, stderr), self._terminal, self._terminal_side)

    def give_up(self) -> None:
        """Undo what has been done, if a signal handler has raised after that, too."""
        self._ours.close()
        if self._child is not None:
            self._child.end_now_or_forget(PATIENCE)

    # -- what it is given ------------------------------------------------------------------------

    def _number(self, index: int, standard: Standard, before: list[int | None]) -> int | None:
        """Return the descriptor that is to be one of the three, or None for ours."""
        if standard == "inherit":
            return None
        if standard == "pipe":
            return self._open_pipe(index)
        if standard == "pty":
            assert self._terminal_side is not None
            return self._terminal_side.fileno()
        if standard == "stdout":
            return 1 if before[1] is None else before[1]
        if isinstance(standard, int):
            with typed(_NAMES[index], f"descriptor {standard}"):
                os.fstat(standard)
            return standard
        path = os.devnull if isinstance(standard, str) else os.fspath(standard)
        flags = os.O_RDONLY if index == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with typed("open", path):
            return self._theirs.enter_context(_open(path, flags)).fileno()

    def _open_pipe(self, index: int) -> int:
        with typed("pipe", None):
            reader, writer = map(_above_the_three, OwnedNumber.several(os.pipe, ("r", "w")))
        ours, theirs = (writer, reader) if index == 0 else (reader, writer)
        self._theirs.callback(theirs.close)
        where = f"{_NAMES[index]} of {self._plan.command[0]}"
        pipe = PipeDescriptor(ours, where=where)
        self._ours.callback(pipe.close)
        self._pipes[index] = pipe
        return theirs.fileno()

    def _open_terminal(self) -> None:
        with typed("openpty", None):
            master, side = map(_above_the_three, OwnedNumber.several(os.openpty, ("r+", "r+")))
        self._ours.callback(side.close)
        self._terminal_side = side
        where = f"terminal of {self._plan.command[0]}"
        self._terminal = PipeDescriptor(master, where=where)
        self._ours.callback(self._terminal.close)

    # -- the program -----------------------------------------------------------------------------

    def _execute(self, numbers: list[int | None]) -> Child:
        import subprocess

        plan = self._plan
        program = plan.command[0]
        stdin, stdout, stderr = numbers
        options: dict[str, Any] = {}
        if self._terminal_side is not None:
            import fcntl
            import termios

            # In the new process: a function that is not written in Python, and takes no lock.
            options["preexec_fn"] = partial(
                fcntl.ioctl, self._terminal_side.fileno(), termios.TIOCSCTTY, 0
            )
        leads_session = plan.new_session or self._terminal_side is not None
        try:
            process = subprocess.Popen(
                plan.command,
                bufsize=0,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=plan.directory,
                env=plan.environment,
                start_new_session=leads_session,
                process_group=0 if plan.new_group and not leads_session else None,
                user=plan.user,
                group=plan.group,
                extra_groups=plan.groups,
                **options,
            )
        except subprocess.SubprocessError:
            raise OperationNotSupported(
                strerror="the terminal cannot be made that of a new session",
                operation="exec",
                address=program,
            ) from None
        except OSError as error:
            is_of_directory = plan.directory is not None and error.filename == plan.directory
            raise SocketError.from_errno(
                error.errno or 0,
                operation="chdir" if is_of_directory else "exec",
                address=plan.directory if is_of_directory else program,
            ) from None
        process.returncode = 0  # all else is done here: it is not to wait, or to warn
        return Child(process.pid, leads_group=leads_session or plan.new_group, where=program)


def _open(path: str, flags: int) -> OwnedNumber:
    return _above_the_three(OwnedNumber.of(os.open, path, flags | os.O_CLOEXEC, _MODE))


def _above_the_three(number: OwnedNumber) -> OwnedNumber:
    """Return the number, or another one for the same file, that is none of the first three."""
    if number.fileno() >= _FIRST_OTHER:
        return number
    import fcntl

    arguments = (number.fileno(), fcntl.F_DUPFD_CLOEXEC, _FIRST_OTHER)
    try:
        return OwnedNumber.of(fcntl.fcntl, *arguments, mode=number.mode)
    finally:
        number.close()
