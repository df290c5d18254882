"""Run each test that failed once more, alone, where ``TRUNKLINE_TEST_AGAIN`` names a file.

A test that passes the second time is flaky, and that is a defect of the test or of the library. But
it should not hold up everything else; nor be forgotten. So the run is good if every one of them
passes, and the file gets their names, one a line, for whoever started the run to show.

Each has an interpreter of its own, without the tests that ran beside it and before it. Where many
fail it is no accident, and none is run again. Whatever else is wrong is final: an error while the
tests are collected, for instance, or a process of pytest-xdist that died.

What a test starts has no part in it, unless it is a run of tests that gets `for_inner_run`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

VARIABLE = "TRUNKLINE_TEST_AGAIN"

_OFFERED = "TRUNKLINE_TEST_AGAIN_WITHIN"

MOST = 10
"""How many failures may be accidents."""

_file = pytest.StashKey[str | None]()
_outcomes = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Take the file's name away from the environment: what tests start is no such run."""
    config.stash[_file] = file = os.environ.pop(VARIABLE, None)
    if file is not None:
        os.environ[_OFFERED] = file


def for_inner_run() -> dict[str, str]:
    """Return what to add to the environment of a run of tests that a test starts.

    With it what fails within is run again by itself, rather than all of that run.
    """
    file = os.environ.get(_OFFERED)
    return {} if file is None else {VARIABLE: file}


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Run again what failed; if all of it passes, so has the session."""
    config = session.config
    file = config.stash[_file]
    is_worker = hasattr(config, "workerinput")  # of pytest-xdist: its controller knows all failures
    if file is None or is_worker or exitstatus != pytest.ExitCode.TESTS_FAILED:
        return
    reporter = config.pluginmanager.getplugin("terminalreporter")
    bad = [*reporter.stats.get("failed", ()), *reporter.stats.get("error", ())]
    names = list(dict.fromkeys(report.nodeid for report in bad))
    if not all(map(is_of_a_test, bad)) or len(names) > MOST:
        return
    outcomes = {name: run_alone(name, config.rootpath) for name in names}
    config.stash[_outcomes] = outcomes
    faults = os.environ.get("TRUNKLINE_FAULTS")
    where = f" under {faults}" if faults else ""
    with open(file, "a") as out:
        out.writelines(f"{name}{where}\n" for name, complaint in outcomes.items() if not complaint)
    if outcomes and not any(outcomes.values()):
        session.exitstatus = pytest.ExitCode.OK


def is_of_a_test(report: object) -> bool:
    """Say whether a test failed, rather than being collected or the process that ran it.

    Of a process that died pytest-xdist makes a test's report, on no phase of it.
    """
    return isinstance(report, pytest.TestReport) and report.when in ("setup", "call", "teardown")


def run_alone(name: str, root: Path) -> str:
    """Run one test in an interpreter of its own; return "" if it passes, and else the output."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--", name],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return "" if run.returncode == pytest.ExitCode.OK else run.stdout or "nothing"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how they did."""
    outcomes = config.stash.get(_outcomes, {})
    if outcomes:
        terminalreporter.section("run once more, alone")
    for name, complaint in outcomes.items():
        if complaint:
            terminalreporter.line(f"failed again: {name}")
            terminalreporter.line(complaint)
        else:
            terminalreporter.line(f"passed only the second time: {name}")
