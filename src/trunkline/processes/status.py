"""How a program is doing, and how it has ended."""

import signal
from dataclasses import dataclass

from .._sys.child import Ending

__all__ = ("ProcessStatus",)


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """Whether a program runs; if not, how it has ended.

    Attributes:
        running: Whether it runs.
        exit_code: What it has ended with, 0 for success; None if it runs, or a signal ended it.
        signal: The signal that has ended it, or None.
        core_dumped: Whether that left a core file.

    Where nothing of these tells how it has ended, somebody else in this process has waited for it,
    or SIGCHLD is ignored, so that the system keeps nothing.
    """

    running: bool
    exit_code: int | None = None
    signal: int | None = None
    core_dumped: bool = False

    @classmethod
    def _from_ending(cls, ending: Ending | None) -> "ProcessStatus":
        return cls(True) if ending is None else cls(False, *ending)

    @property
    def succeeded(self) -> bool:
        """Whether it has ended with the exit code 0."""
        return self.exit_code == 0

    def __str__(self) -> str:
        if self.running:
            return "running"
        if self.exit_code is not None:
            return f"exit code {self.exit_code}"
        if self.signal is None:
            return "ended, and nobody knows how"
        dumped = ", core dumped" if self.core_dumped else ""
        return f"ended by {signal_name(self.signal)}{dumped}"


def signal_name(number: int) -> str:
    """Return what a signal is called, or its number where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals
        return f"signal {number}"
