"""The tests of programs once more, while the system's calls go wrong as they may.

Transfers are short, calls are interrupted, and what was ready is not. Nobody may notice. The seed
is printed, and named in a failure; give it to `TRUNKLINE_TEST_SEED` to meet the same faults again.
"""

import os
from pathlib import Path

import pytest
from support.backends import wanted_backends
from support.under_faults import LONGEST, run_tests_under

from trunkline.testing import faults
from trunkline.testing.faults import Faults

HERE = Path(__file__).parent
MODULES = ("test_event_base.py", "test_run_program.py")
SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20231"))
FAULTS = ("read short", "read EINTR", "read EAGAIN", "write short", "write EINTR", "wait EINTR")

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif("TRUNKLINE_FAULTS" in os.environ, reason="these are the faults"),
    pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler"),
]


@pytest.mark.timeout(2 * LONGEST)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path) -> None:
    backend = wanted_backends()[0]
    paths = [os.fspath(HERE / name) for name in MODULES]
    plan = Faults.benign(SEED)
    run_tests_under(plan, tmp_path, backend, "-m", "not soak", *paths, happened=FAULTS)
