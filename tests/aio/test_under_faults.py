"""Awaited streams, servers and datagrams, while the system's calls go wrong. Nobody may notice.

The seed is printed, and named in a failure; give it to `TRUNKLINE_TEST_SEED` to meet the same
faults again.
"""

import os
from pathlib import Path

import pytest
from support.under_faults import run_tests_under

from trunkline.testing import faults
from trunkline.testing.faults import Faults

SEED = int(os.environ.get("TRUNKLINE_TEST_SEED", "20261"))

FAULTS = ("recv EAGAIN", "recv short", "send short", "wait EINTR")


def paths_of(*names: str) -> list[str]:
    """Return the paths of modules beside this one."""
    return [os.fspath(Path(__file__).with_name(f"test_{name}.py")) for name in names]


@pytest.mark.thorough
@pytest.mark.timeout(250)
@pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler")
@pytest.mark.parametrize(
    "which",
    [
        pytest.param("not thorough", id="what the suite runs"),
        pytest.param("thorough", id="the rest, on uvloop too"),
    ],
)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path, which: str) -> None:
    modules = ("streams", "stream_tls", "stream_files", "serve", "async_datagrams", "cancelling")
    options = ["-m", f"not exact_io and {which}", "-k", "not 1000", *paths_of(*modules)]
    run_tests_under(Faults.benign(SEED), tmp_path, "epoll", *options, happened=FAULTS)


@pytest.mark.thorough
@pytest.mark.timeout(250)
@pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler")
def test_what_others_have_written_does_not_notice_them_on_our_loop(tmp_path: Path) -> None:
    options = ["-k", "ours", *paths_of("libraries", "databases")]
    run_tests_under(Faults.benign(SEED), tmp_path, "epoll", *options, happened=FAULTS)
