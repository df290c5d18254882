"""Real programs in processes of their own, and conversations with them.

A test reads what a program prints until something is there, and types into it. One select loop does
both directions: a program that fills one pipe while we fill the other would block for ever, and so
would we. Nothing polls and nothing sleeps; the end of the process is an event like the others. A
test that fails shows the whole output of every program that it started.
"""

import contextlib
import os
import re
import select
import selectors
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn, Self, TypeVar

import pytest

from support.received import Received
from support.timing import MS, PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CHUNK = 65536  # bytes: as much as a Linux pipe holds
FLOOD = 16 << 20  # characters: nobody means to print as much, so it must be an endless loop
_BUSY = re.compile(r"^State:\t[RD]", re.MULTILINE)  # running, waiting for its turn or for a disk

T = TypeVar("T")

_recent: list["Program"] = []  # those that the current test started, and older ones still running


class Program:
    """A program that runs from the start of a ``with`` block to its own end, or to the block's.

    Text goes both ways in UTF-8, with newlines as they are. Every wait is for `timeout` seconds and
    then an AssertionError that shows the output so far. Whatever still runs when the block ends is
    killed and reaped, with what it started.

    Args:
        argv: The program and its arguments.
        env: Its whole environment; None for ours.
        cwd: Where it runs; None for where we are.
        separate_errors: Keep its standard error apart, in `errors`, instead of in `output`.
    """

    process: subprocess.Popen[bytes]

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        separate_errors: bool = False,
    ) -> None:
        self.argv = list(map(str, argv))
        self._env = env
        self._cwd = cwd
        self._separate_errors = separate_errors
        self._output = Received()
        self._errors = Received()
        self._unwritten = b""
        self._pidfd = -1

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(
            self.argv,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if self._separate_errors else subprocess.STDOUT,
            env=self._env,
            cwd=self._cwd,
            process_group=0,  # so that we can end what it starts
        )
        self._selector = selectors.DefaultSelector()
        self._watch(self.process.stdout, self._output)
        self._watch(self.process.stderr, self._errors)
        os.set_blocking(self._stdin.fileno(), False)
        with contextlib.suppress(AttributeError, OSError):  # Not every system has it.
            self._pidfd = os.pidfd_open(self.process.pid)
            self._selector.register(self._pidfd, selectors.EVENT_READ)
        _recent.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self._kill_group()
        self.process.wait(PATIENCE)
        self._drain()
        if not self._output.ended:  # Its children hold the pipe, so the group is still theirs.
            self._kill_group()
            self._drain()
        self._selector.close()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)

    def __repr__(self) -> str:
        return f"<Program {shlex.join(self.argv)}>"

    @property
    def output(self) -> str:
        """What it has printed, as far as any call here has read it."""
        return self._output.text

    @property
    def errors(self) -> str:
        """What it has printed to its standard error, if that is kept apart."""
        return self._errors.text

    @property
    def transcript(self) -> str:
        """What it has printed until now, with a heading."""
        if self._selector.get_map():  # There is none once the block has ended.
            self._drain()
        status = self.process.poll()
        how = "still running" if status is None else f"exit status {status}"
        texts = [f"$ {shlex.join(self.argv)}  ({how})", self._output.shown(), self._errors.shown()]
        return "\n".join(filter(None, texts))

    def read_until(
        self, regex: str, timeout: float = PATIENCE, *, errors: bool = False
    ) -> re.Match[str]:
        r"""Read until the regex is found behind the last match, and return the match.

        It is looked for whenever something arrives, so `port (\d+)` may match half a number; let
        it end in something definite, or use `wait_for_line`.

        Args:
            regex: What to look for.
            timeout: Seconds.
            errors: Look in the standard error, which must be kept apart.
        """
        received, pattern = self._received(errors), re.compile(regex)
        return self._expect(lambda: received.find(pattern), received, timeout, f"print {regex!r}")

    def wait_for_line(
        self, regex: str, timeout: float = PATIENCE, *, errors: bool = False
    ) -> re.Match[str]:
        """Read until a line contains the regex, and return the match; lines before it are passed.

        Args:
            regex: What to look for in each whole line, without its newline.
            timeout: Seconds.
            errors: Look in the standard error, which must be kept apart.
        """
        received, pattern = self._received(errors), re.compile(regex)
        goal = f"print a line with {regex!r}"
        return self._expect(lambda: received.find_line(pattern), received, timeout, goal)

    def read_until_found(
        self, look: Callable[[], T | None], goal: str, timeout: float = PATIENCE
    ) -> T:
        """Read until something is found in what was printed, and return that.

        Args:
            look: Returns it, or None; called whenever something arrives.
            goal: What it is, for who reads that it was not there.
            timeout: Seconds.
        """
        return self._expect(look, self._output, timeout, goal)

    def read_to_end(self, timeout: float = PATIENCE) -> str:
        """Read until it closes its output; return what came behind the last match."""
        return self._pump(self._output.take_rest, timeout, "close its output")

    def send(self, text: str, timeout: float = PATIENCE) -> None:
        """Type a text into the program.

        Raises:
            BrokenPipeError: It does not read any more.
        """
        self._unwritten = text.encode()
        self._selector.register(self._stdin, selectors.EVENT_WRITE)
        try:
            self._pump(lambda: None if self._unwritten else True, timeout, "read its input")
        finally:
            self._selector.unregister(self._stdin)

    def close_stdin(self) -> None:
        """End the program's input."""
        self._stdin.close()

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait until it ends; return its exit status, negative for a signal."""
        deadline = time.monotonic() + timeout
        if self._pidfd >= 0:
            self._pump(self.process.poll, timeout, "end")
        else:
            self._pump(lambda: True if self._output.ended else None, timeout, "end")
        try:
            status = self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._fail(f"did not end within {timeout:g} s")
        self._drain()
        return status

    def interrupt(self) -> None:
        """Do what Ctrl-C does, once the program waits.

        Python's own waits, as that for a line of input, sleep through a signal that comes between
        the last look at signals and the start of the wait. Nobody types as fast after an output,
        but we do, and the program would never end.
        """
        self.wait_until_idle()
        self.process.send_signal(signal.SIGINT)

    def wait_until_idle(self, timeout: float = PATIENCE) -> None:
        """Wait until nothing is under way in it, see `is_idle`."""
        deadline = time.monotonic() + timeout
        while not self.is_idle():
            if time.monotonic() >= deadline:
                self._fail(f"was busy for {timeout:g} s")

    def is_idle(self) -> bool:
        """Look for a moment whether all of its threads wait, or it has ended.

        A program that has printed something has not done yet what comes next, and one that says
        nothing for a while may only have had no turn on a busy machine. Neither is idle. Where
        there is no Linux to tell, it is taken for idle.
        """
        before = self._states()
        select.select([], [], [], 1 * MS)
        # These texts also count the turns that each thread has had, so it has had none meanwhile.
        return before == self._states() and not any(map(_BUSY.search, before.values()))

    def _states(self) -> dict[Path, str]:
        """Return what the system says of each of its threads."""
        found = {}
        for status in Path(f"/proc/{self.process.pid}/task").glob("*/status"):
            with contextlib.suppress(OSError):  # The thread has just ended.
                found[status] = status.read_text()
        return found

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.terminate()

    def kill(self) -> None:
        """End it without asking."""
        self.process.kill()

    @property
    def _stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def _received(self, errors: bool) -> Received:
        assert self._separate_errors or not errors, "the standard error is part of the output"
        return self._errors if errors else self._output

    def _watch(self, pipe: IO[bytes] | None, received: Received) -> None:
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)  # Our end only; the program's own stays as it is.
            self._selector.register(pipe, selectors.EVENT_READ, received)

    def _expect(
        self, look: Callable[[], T | None], received: Received, timeout: float, goal: str
    ) -> T:
        def look_or_fail() -> T | None:
            found = look()
            if found is None and received.ended:
                self._fail(f"closed its output and did not {goal}")
            return found

        return self._pump(look_or_fail, timeout, goal)

    def _pump(self, goal_reached: Callable[[], T | None], timeout: float, goal: str) -> T:
        """Move text both ways until the goal is reached, and return what that gave."""
        deadline = time.monotonic() + timeout
        while (result := goal_reached()) is None:
            left = deadline - time.monotonic()
            if left <= 0:
                self._fail(f"did not {goal} within {timeout:g} s")
            if len(self.output) + len(self.errors) > FLOOD:
                self._fail("prints without end")
            self._serve_those_ready(left)
        return result

    def _drain(self) -> None:
        """Read what is there, without waiting, but no more than a pipe can have held."""
        for _ in range(16):  # An unprivileged program may have enlarged it to 1 MiB.
            self._serve_those_ready(0)

    def _serve_those_ready(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            with contextlib.suppress(BlockingIOError):  # an injected fault: it is ready again
                self._serve(key)

    def _serve(self, key: selectors.SelectorKey) -> None:
        if key.fileobj is self.process.stdin:
            self._unwritten = self._unwritten[os.write(key.fd, self._unwritten[:CHUNK]) :]
        elif key.fd == self._pidfd:
            self._selector.unregister(self._pidfd)
        else:
            data = os.read(key.fd, CHUNK)
            key.data.feed(data)
            if not data:
                self._selector.unregister(key.fileobj)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _fail(self, how: str) -> NoReturn:
        raise AssertionError(f"{self.argv[0]} {how}:\n{self.transcript}")


def example(name: str, *arguments: str, separate_errors: bool = False) -> Program:
    """Return the tutorial program `examples/NAME.py`, to run as a reader runs it.

    It finds the sources of this repository and nothing else by luck, buffers its output like any
    program in a pipe, and complains of everything that it forgets to close.
    """
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PYTHON")},
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONDEVMODE": "1",
        "PYTHONWARNINGS": "error::ResourceWarning",
    }
    argv = [sys.executable, f"examples/{name}.py", *arguments]
    return Program(argv, env=environment, cwd=ROOT, separate_errors=separate_errors)


def pytest_configure() -> None:
    """Let programs be interrupted: what runs in a shell's background inherits an ignored SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_logstart() -> None:
    """Forget the programs of earlier tests, except those that wider fixtures still run."""
    _recent[:] = [program for program in _recent if program.process.returncode is None]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with each failure what the programs have printed."""
    report = yield
    if report.failed:
        report.sections += [("output of a program", program.transcript) for program in _recent]
    return report
