"""The tests of the callback shell once more, while the system's calls go wrong as they may.

Transfers are short, calls are interrupted, and what was ready is not. Nobody may notice. The tests
run in a process of their own for each backend. The seed is printed, and named in a failure; give it
to `TRUNKLINE_TEST_SEED` to meet the same faults again.
"""

import os
import secrets
import sys
from pathlib import Path

import pytest
from evented.helpers import UNDER_FAULTS
from support.processes import ROOT, Program

from trunkline.testing import faults
from trunkline.testing.faults import Faults

MODULES = (
    "app_errors",
    "async_socket",
    "conversations",
    "ending",
    "handles",
    "lookups",
    "loop",
    "notifiers",
    "pollers",
    "server",
    "signals",
    "socket_failures",
    "stream",
    "timers",
)
SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20231"))
FAULTS = ("recv EAGAIN", "send EINTR", "wait EINTR")

pytestmark = [
    pytest.mark.skipif(UNDER_FAULTS, reason="these are the faults"),
    pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler"),
]


def run_under_faults(directory: Path, backend: str, seed: int) -> None:
    """Run the tests on a backend, and check that all went well though faults have happened."""
    plan = Faults.benign(seed)
    print(plan)
    environment = plan.environment(faults.build(directory), report=directory / "report")
    environment["TRUNKLINE_TEST_BACKENDS"] = backend
    argv = [
        *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"),
        *("-p", "no:randomly", "-m", "not slow and not soak"),
        *(os.fspath(Path(__file__).with_name(f"test_{name}.py")) for name in MODULES),
    ]
    with Program(argv, env=environment, cwd=ROOT) as program:
        program.read_to_end(timeout=100)
        assert program.wait() == 0, f"on {backend} with {plan}:\n{program.transcript}"
    counts = faults.read_report(directory / "report")
    for fault in FAULTS:
        assert counts[fault] > 0, f"{fault} never happened: {counts}"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path, backend: str) -> None:
    run_under_faults(tmp_path, backend, SEED)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_nobody_ever_notices_the_faults_that_may_happen(tmp_path: Path, backend: str) -> None:
    for _ in range(10):
        run_under_faults(tmp_path, backend, secrets.randbits(32))
