"""The tests of the event base once more, while the system's calls go wrong as they may.

Transfers are short, calls are interrupted, and what was ready is not. Nobody may notice. The tests
run in a process of their own, on the backend that is used where nobody chooses; the soak has all
backends, and other faults each time. The seed is printed, and named in a failure; give it to
`TRUNKLINE_TEST_SEED` to meet the same faults again.

All tests beside this one take part, new ones too, except those that say why they cannot: single
tests are marked `exact_io`, because they count calls or iterations, because an injected fault looks
like something that matters to them, or because they have faults of their own; some skip themselves,
because they are about time, say.
"""

import os
import re
import secrets
from pathlib import Path

import pytest
from multiplex.helpers import UNDER_FAULTS
from support.backends import wanted_backends
from support.under_faults import LONGEST, run_tests_under

from trunkline.testing import faults
from trunkline.testing.faults import Faults

HERE = Path(__file__).parent
SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20231"))
FAULTS = (
    *("recv short", "recv EAGAIN", "recv EINTR", "read short", "wait EINTR"),
    *("send short", "send EAGAIN", "send EINTR", "accept EAGAIN", "accept EINTR"),
)

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(UNDER_FAULTS, reason="these are the faults"),
    pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler"),
]


def run_under_faults(directory: Path, backend: str, seed: int) -> None:
    """Run the tests on a backend, and check that all went well though faults have happened."""
    options = [
        "-m",
        "not soak and not slow and not exact_io",
        f"--hypothesis-seed={seed}",
        os.fspath(HERE),
    ]
    run_tests_under(Faults.benign(seed), directory, backend, *options, happened=FAULTS)


def test_whatever_is_left_out_says_why() -> None:
    without_reason = re.compile(r"mark\.exact_io(?!\(\s*\")")
    found = [path.name for path in HERE.glob("*.py") if without_reason.search(path.read_text())]
    assert found == []


@pytest.mark.timeout(2 * LONGEST)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path) -> None:
    run_under_faults(tmp_path, wanted_backends()[0], SEED)


@pytest.mark.soak
@pytest.mark.timeout(10 * LONGEST)
def test_nobody_ever_notices_the_faults_that_may_happen(tmp_path: Path, backend: str) -> None:
    for _ in range(10):
        run_under_faults(tmp_path, backend, secrets.randbits(32))
