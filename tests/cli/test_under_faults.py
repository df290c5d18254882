"""Conversations and services once more, while the system's calls go wrong as they may.

Transfers are short, calls are interrupted, and what was ready is not. The tests of this directory
that run in one process take part, new ones too, except those that are marked `exact_io`, and say
why.
"""

import os
from pathlib import Path

import pytest
from support.backends import wanted_backends
from support.under_faults import LONGEST, run_tests_under

from trunkline.testing import faults
from trunkline.testing.faults import Faults

HERE = Path(__file__).parent
SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20231"))
FAULTS = ("recv short", "recv EAGAIN", "read short", "send short", "send EAGAIN", "write short")

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif("TRUNKLINE_FAULTS" in os.environ, reason="these are the faults"),
    pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler"),
]


@pytest.mark.timeout(2 * LONGEST)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path) -> None:
    options = ["-m", "not soak and not slow and not exact_io", os.fspath(HERE)]
    plan = Faults.benign(SEED)
    run_tests_under(plan, tmp_path, wanted_backends()[0], *options, happened=FAULTS)
