"""The tests of servers with TLS once more, while the system's calls go wrong as they may.

Transfers are short, calls are interrupted, and what was ready is not. Nobody may notice. The seed
is printed, and named in a failure; give it to `TRUNKLINE_TEST_SEED` to meet the same faults again.
"""

import os
import secrets
from pathlib import Path

import pytest
from support.backends import wanted_backends
from support.under_faults import run_tests_under

from trunkline.testing import faults
from trunkline.testing.faults import Faults

SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20231"))
HAPPENED = ("recv short", "recv EAGAIN", "recv EINTR", "send short", "send EAGAIN", "wait EINTR")

pytestmark = pytest.mark.skipif(
    not faults.available(), reason="it takes Linux, glibc and a C compiler"
)


def run_under_faults(directory: Path, seed: int) -> None:
    """Run them, and check that all went well though faults have happened."""
    tests = os.fspath(Path(__file__).with_name("test_server_tls.py"))
    options = ["-m", "not soak and not slow and not exact_io", tests]
    backend = wanted_backends()[0]
    run_tests_under(Faults.benign(seed), directory, backend, *options, happened=HAPPENED)


@pytest.mark.thorough
@pytest.mark.timeout(120)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path) -> None:
    run_under_faults(tmp_path, SEED)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_nobody_ever_notices_the_faults_that_may_happen(tmp_path: Path) -> None:
    for _ in range(10):
        run_under_faults(tmp_path, secrets.randbits(32))
