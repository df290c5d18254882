"""Runs the tests of `links.inside` on a network of its own, beside which they make another one."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import ROOT, Program
from support.programs import require
from support.timing import PATIENCE

SETUP = 'ip link set lo up && ip link add near type veth peer name far && ip link del near && "$@"'

pytestmark = [pytest.mark.needs_program("unshare", "ip", "tc"), pytest.mark.slow]


def test_datagrams_over_a_link(tmp_path: Path) -> None:
    command = [require("unshare"), "-rn", "sh", "-ec", SETUP, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, timeout=PATIENCE).returncode:
        pytest.skip("this user can make no network of its own, or no link in it")
    inside = Path(__file__).with_name("inside.py")
    running = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path}"]
    with Program([*command, sys.executable, *running, inside], cwd=ROOT) as program:
        program.read_to_end(timeout=5 * PATIENCE)
        assert program.wait() == 0, program.transcript
        assert "passed" in program.output
        assert "skipped" not in program.output
