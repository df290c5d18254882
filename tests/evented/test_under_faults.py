"""The tests of the callback shell once more, while the system's calls go wrong as they may.

Transfers are short, calls are interrupted, and what was ready is not. Nobody may notice. The tests
run in a process of their own, on the backend that is used where nobody chooses; the soak has all
backends, and other faults each time. The seed is printed, and named in a failure; give it to
`TRUNKLINE_TEST_SEED` to meet the same faults again.

When connections break, too, and there are no descriptors, that is noticed, and must be told once.
`turmoil` looks at that.
"""

import os
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from evented.helpers import UNDER_FAULTS
from support.backends import wanted_backends
from support.under_faults import LONGEST, run_tests_under, run_under

from trunkline.testing import faults
from trunkline.testing.faults import Faults

MODULES = (
    "app_errors",
    "async_socket",
    "conversations",
    "ending",
    "every_callback",
    "file_monitors",
    "handles",
    "lookups",
    "loop",
    "notifiers",
    "pollers",
    "proxy",
    "server",
    "signals",
    "socket_failures",
    "spawning",
    "stream",
    "timers",
)
SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20231"))

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(UNDER_FAULTS, reason="these are the faults"),
    pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler"),
]


def run_under_faults(
    directory: Path, backend: str, plan: Faults, modules: tuple[str, ...], faults_wanted: str
) -> None:
    """Run the tests on a backend, and check that all went well though faults have happened."""
    here = Path(__file__)
    paths = [os.fspath(here.with_name(f"test_{name}.py")) for name in modules]
    happened = faults_wanted.split(", ")
    run_tests_under(
        plan, directory, backend, "-m", "not soak and not slow", *paths, happened=happened
    )


def run_all_under_faults(directory: Path, backend: str, seed: int) -> None:
    """Run them all; and those that need all input to be seen with faults that hide none."""
    plan = Faults.benign(seed)
    run_under_faults(directory, backend, plan, MODULES, "recv EAGAIN, send EINTR, wait EINTR")
    plan = replace(plan, would_block=0)
    run_under_faults(directory, backend, plan, ("lingering",), "recv short, send short, wait EINTR")


@pytest.mark.timeout(4 * LONGEST)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path) -> None:
    run_all_under_faults(tmp_path, wanted_backends()[0], SEED)


@pytest.mark.soak
@pytest.mark.timeout(20 * LONGEST)
def test_nobody_ever_notices_the_faults_that_may_happen(tmp_path: Path, backend: str) -> None:
    for _ in range(10):
        run_all_under_faults(tmp_path, backend, secrets.randbits(32))


def run_turmoil(directory: Path, backend: str, seed: int) -> None:
    """Let callbacks do bad things while everything goes wrong, and check that nothing is left."""
    script = os.fspath(Path(__file__).with_name("turmoil.py"))
    argv = ["-X", "dev", script, backend, str(seed)]
    output, counts = run_under(Faults.hostile(seed), directory, backend, *argv)
    assert "Warning" not in output
    for kinds in ({"recv ECONNRESET", "send ECONNRESET"}, {"accept EMFILE", "accept ENFILE"}):
        assert kinds & {*counts}, f"none of {kinds} ever happened: {counts}"


@pytest.mark.timeout(2 * LONGEST)
def test_bad_callbacks_leave_nothing_where_everything_goes_wrong(tmp_path: Path) -> None:
    run_turmoil(tmp_path, wanted_backends()[0], SEED)


@pytest.mark.soak
@pytest.mark.timeout(20 * LONGEST)
def test_bad_callbacks_never_leave_anything(tmp_path: Path, backend: str) -> None:
    for _ in range(50):
        run_turmoil(tmp_path, backend, secrets.randbits(32))
