"""System programs that tests talk to: skip where one is missing, or fail where none may be.

A test against `nc` or `openssl` proves something that no test against ourselves can. But a test
that skips itself silently proves nothing, so every run says which programs it missed and how often,
and with TRUNKLINE_REQUIRE_PROGRAMS in the environment a missing program is a failure.
"""

import glob
import os
import shutil
from collections import Counter

import pytest

MISSING = "missing program: "

# Debian keeps servers and network tools where only root's PATH leads, and some where none does.
_OTHERS = ["/usr/sbin", "/sbin", *glob.glob("/usr/lib/postgresql/*/bin")]
PLACES = os.pathsep.join([os.environ.get("PATH", os.defpath), *_OTHERS])


def require(name: str) -> str:
    """Return the path of a program; without it, skip the test, or fail it if that was asked for."""
    found = shutil.which(name, path=PLACES)
    if found is not None:
        return found
    if os.environ.get("TRUNKLINE_REQUIRE_PROGRAMS"):
        pytest.fail(f"{MISSING}{name} (TRUNKLINE_REQUIRE_PROGRAMS is set)", pytrace=False)
    pytest.skip(f"{MISSING}{name}", allow_module_level=True)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    line = "needs_program(name, ...): the test talks to system programs, see support/programs.py"
    config.addinivalue_line("markers", line)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Require what `@pytest.mark.needs_program("nc", ...)` names, before any fixture runs."""
    for marker in item.iter_markers("needs_program"):
        for name in marker.args:
            require(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the skipped tests by missing program."""
    reports = terminalreporter.getreports("skipped")
    reasons = [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]
    missing = Counter(reason.partition(MISSING)[2] for reason in reasons if MISSING in reason)
    if missing:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(missing.items()))
        terminalreporter.write_line(f"skipped for missing programs: {counts}", yellow=True)
