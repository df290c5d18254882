"""Programs whose output goes to a terminal, or to nobody any more."""

import os
import subprocess
import sys

from support.processes import ROOT, Program, example
from support.timing import PATIENCE

# It is told to leave what passes through it as it is, and not to show what is typed.
_TERMINAL = """
import os, pty, sys
shell = ["sh", "-c", 'stty -onlcr -echo; exec "$@"', "sh"]
sys.exit(os.waitstatus_to_exitcode(pty.spawn([*shell, *sys.argv[1:]])))
"""

ON_A_TERMINAL = (sys.executable, "-c", _TERMINAL)
"""A command that gives the program behind it a terminal, and passes on what is said there."""


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
