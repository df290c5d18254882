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


@pytest.mark.slow
@pytest.mark.timeout(250)
@pytest.mark.skipif(not faults.available(), reason="it takes Linux, glibc and a C compiler")
@pytest.mark.parametrize(
    "which",
    [
        pytest.param("not thorough", id="on asyncio's loop and on ours"),
        pytest.param("thorough", id="on uvloop", marks=pytest.mark.thorough),
    ],
)
def test_nobody_notices_the_faults_that_may_happen(tmp_path: Path, which: str) -> None:
    here = Path(__file__)
    names = ("streams", "stream_tls", "stream_files", "serve", "async_datagrams", "cancelling")
    paths = [os.fspath(here.with_name(f"test_{name}.py")) for name in names]
    happened = ["recv EAGAIN", "recv short", "send short", "wait EINTR"]
    options = ["-m", f"not exact_io and {which}", "-k", "not 1000", *paths]
    run_tests_under(Faults.benign(SEED), tmp_path, "epoll", *options, happened=happened)
