"""The tests of names once more, while the system's calls go wrong as they may.

No answer is lost, and none is given twice: all tests beside this one pass, except those marked
`exact_io`, which say why. See `multiplex.test_under_faults` for how.
"""

import os
import secrets
from pathlib import Path

import pytest
from multiplex.helpers import UNDER_FAULTS
from support.under_faults import LONGEST, run_tests_under

from trunkline.testing import faults
from trunkline.testing.faults import Faults

HERE = Path(__file__).parent
SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20231"))
FAULTS = ("recv EAGAIN", "recv EINTR", "send EAGAIN", "send EINTR", "wait EINTR", "recv short")

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(UNDER_FAULTS, reason="these are the faults"),
    pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler"),
]


def run_under_faults(directory: Path, seed: int) -> None:
    options = ["-m", "not soak and not exact_io", f"--hypothesis-seed={seed}", os.fspath(HERE)]
    run_tests_under(Faults.benign(seed), directory, "best", *options, happened=FAULTS)


@pytest.mark.timeout(2 * LONGEST)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path) -> None:
    run_under_faults(tmp_path, SEED)


@pytest.mark.soak
@pytest.mark.timeout(10 * LONGEST)
def test_nobody_ever_notices_the_faults_that_may_happen(tmp_path: Path) -> None:
    for _ in range(10):
        run_under_faults(tmp_path, secrets.randbits(32))
