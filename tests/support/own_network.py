"""Running tests on a network of their own, which nobody else is on."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import ROOT, Program
from support.programs import require
from support.timing import PATIENCE


def run_on_own_network(tests: Path, setup: str, tmp_path: Path, *, otherwise: str) -> None:
    """Run a file of tests in a network namespace; all of them have to pass.

    Args:
        tests: The file. It is a suite of its own.
        setup: The shell's commands that make the network, and then run what they are given.
        tmp_path: A directory for the suite's files.
        otherwise: Why the test is skipped where the commands fail.
    """
    command = [require("unshare"), "-rn", "sh", "-ec", setup, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, timeout=PATIENCE).returncode:
        pytest.skip(otherwise)
    running = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path}"]
    with Program([*command, sys.executable, *running, tests], cwd=ROOT) as program:
        program.read_to_end(timeout=5 * PATIENCE)
        assert program.wait() == 0, program.transcript
        assert "passed" in program.output
        assert "skipped" not in program.output
