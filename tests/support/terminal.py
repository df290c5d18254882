"""Programs whose output goes to a terminal, or to nobody any more."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyte

from support.processes import ROOT, Program, example
from support.timing import PATIENCE

_TERMINAL = """
import os, pty, sys
settings, *program = sys.argv[1:]
shell = ["sh", "-c", f'stty {settings}; exec "$@"', "sh"]
sys.exit(os.waitstatus_to_exitcode(pty.spawn([*shell, *program])))
"""

ON_A_TERMINAL = (sys.executable, "-c", _TERMINAL, "-onlcr -echo")
"""A command that gives the program behind it a terminal, and passes on what is said there.

The terminal is told to leave what passes through it as it is, and not to show what is typed.
"""

AS_SOMEBODY_TYPES = (sys.executable, "-c", _TERMINAL, "cols 80 rows 24")
"""The same, with a terminal as people have them, which shows what is typed."""


class Terminal:
    """What the terminal of a program shows.

    Args:
        program: The program.

    Attributes:
        program: The program.
        screen: The screen, after all that was looked at.
    """

    def __init__(self, program: Program) -> None:
        self.screen = pyte.Screen(80, 24)
        self.program = program
        self._stream = pyte.Stream(self.screen)
        self._seen = 0

    def look(self) -> str:
        """Return the lines of the screen, after what the program has printed until now."""
        output = self.program.output
        self._stream.feed(output[self._seen :])
        self._seen = len(output)
        return "\n".join(line.rstrip() for line in self.screen.display)

    def wait_for(self, is_wanted: Callable[[str], object], goal: str = "show it") -> str:
        """Wait until the screen is as wanted, and return its lines."""

        def look() -> str | None:
            text = self.look()
            return text if is_wanted(text) else None

        return self.program.read_until_found(look, goal)

    def wait_for_lines(self, *lines: str) -> None:
        """Wait until the screen shows these lines from the top, and nothing below."""
        wanted = "\n".join(lines).rstrip()
        self.wait_for(lambda text: text.rstrip() == wanted, f"show {wanted!r}")


def process_on(program: Program) -> int:
    """Return the process that runs on the terminal of a program: what was started last there."""
    pid = program.process.pid
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


def on_a_terminal(name: str, *arguments: str) -> Program:
    """Return one of the example programs, to be run on a terminal of its own."""
    program = example(name, *arguments)
    program.argv = [*ON_A_TERMINAL, *program.argv]
    return program


def without_a_reader(name: str, *arguments: str, types: str = "") -> tuple[int, str]:
    """Run an example program whose output nobody reads; return its status and standard error."""
    program = example(name, *arguments)
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            program.argv,
            input=types.encode(),
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            timeout=PATIENCE,
        )
    finally:
        os.close(writing)
    return ended.returncode, ended.stderr.decode()
