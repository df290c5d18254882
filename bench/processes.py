"""The processes of a run: server and load, each on a core of its own, in a clean environment."""

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parent.parent

# With glibc's defaults, a receive into a large new object is a mmap, page faults and a munmap. Who
# allocates how much per receive would then decide the ranking, so everybody gets these, C included.
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
}

# What is passed on besides. Nothing else is: a PYTHONASYNCIODEBUG in somebody's shell would matter.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")


class Failed(Exception):
    """A server or the load generator did not do what it should; the message is the reason."""


class Program:
    """A child process that talks in lines, pinned to one core; leaving the `with` block ends it."""

    def __init__(
        self, command: Sequence[str], *, core: int, environment: Mapping[str, str]
    ) -> None:
        """Start it.

        Args:
            command: The program and its arguments.
            core: The number of the only core that it and its threads may run on.
            environment: All of its environment.
        """
        self._received = b""
        with tempfile.TemporaryFile() as errors, _pinned(core):
            self._process = subprocess.Popen(
                command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env=dict(environment),
            )
            # A file, because nobody reads a pipe meanwhile; a copy of it outlives the block.
            self._errors = os.fdopen(os.dup(errors.fileno()), "rb")
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.__exit__(exc_type, exc, traceback)  # closes the pipes and waits
        self._errors.close()

    def ends_within(self, timeout: float) -> bool:
        """Return whether the process ends by itself within so many seconds."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True

    def read_line(self, timeout: float) -> str:
        """Return the next line that it prints, without the newline.

        Args:
            timeout: Seconds to wait for it.

        Raises:
            Failed: It has ended, or has not printed a line in time.
        """
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        while b"\n" not in self._received:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._process.stdout], [], [], left)[0]:
                raise Failed(f"printed nothing for {timeout:g} s")
            chunk = os.read(self._process.stdout.fileno(), 65536)
            if not chunk:
                raise Failed(self.describe_end())
            self._received += chunk
        line, self._received = self._received.split(b"\n", 1)
        return line.decode()

    def read_rest(self) -> str:
        """Return what it has printed besides; it must have ended."""
        assert self._process.stdout is not None
        return (self._received + self._process.stdout.read()).decode()

    def write_line(self, line: str) -> None:
        """Send it a line.

        Raises:
            Failed: It has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            raise Failed(self.describe_end()) from None

    def describe_end(self) -> str:
        """Say how the process ended, with the last line of what it had to complain about."""
        status = self._process.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._errors.seek(0)
        complaint = self._errors.read().decode(errors="replace").strip()
        return f"{how}: {complaint.splitlines()[-1]}" if complaint else how


def make_environment(extra: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the environment that every server and the load generator run in.

    Args:
        extra: A contestant's own variables.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**inherited, **MALLOC, "PYTHONPATH": str(ROOT / "src"), **dict(extra)}


def choose_cores() -> tuple[int, int]:
    """Return two of the cores that this process may use, in different physical cores if possible.

    Raises:
        RuntimeError: There is only one.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        raise RuntimeError("the benchmark needs two cores, one for the server and one for the load")
    topology = Path(f"/sys/devices/system/cpu/cpu{first}/topology/core_cpus")
    siblings = int(topology.read_text().replace(",", ""), 16) if topology.exists() else 0
    return first, next((core for core in others if not siblings >> core & 1), others[0])


@contextmanager
def _pinned(core: int) -> Iterator[None]:
    """Run on one core for a moment, so that a child that is started meanwhile never leaves it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
