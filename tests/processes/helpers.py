"""Programs for the tests: Python's own, and those that every system has."""

import os
import sys
from collections.abc import Callable

PYTHON = (sys.executable, "-I", "-S", "-c")


def python(code: str, *arguments: str) -> list[str]:
    """Return the command for a program in Python that loads little."""
    return [*PYTHON, code, *arguments]


def is_gone(pid: int) -> bool:
    """Say whether there is no such process, or only what is left of one that nobody waits for."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def descriptors() -> set[str]:
    """Return the numbers of our open descriptors."""
    return set(os.listdir("/proc/self/fd"))


Check = Callable[[], object]
