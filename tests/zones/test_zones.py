"""Runs the tests of `zones.inside` on a network where there is an address that has a zone."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import ROOT, Program
from support.programs import require
from support.timing import PATIENCE

SETUP = 'ip link set lo up && ip addr add fe80::1/64 dev lo nodad && exec "$@"'

pytestmark = [pytest.mark.needs_program("unshare", "ip"), pytest.mark.slow]


def test_every_place_that_takes_an_address_takes_its_zone(tmp_path: Path) -> None:
    command = [require("unshare"), "-rn", "sh", "-ec", SETUP, "sh"]
    if subprocess.run([*command, "true"], capture_output=True, timeout=PATIENCE).returncode:
        pytest.skip("this user can make no network of its own, or there is no IPv6 in it")
    inside = Path(__file__).with_name("inside.py")
    running = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path}"]
    with Program([*command, sys.executable, *running, inside], cwd=ROOT) as program:
        program.read_to_end(timeout=5 * PATIENCE)
        assert program.wait() == 0, program.transcript
        assert "passed" in program.output
        assert "skipped" not in program.output
