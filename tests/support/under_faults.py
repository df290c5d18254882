"""Running a Python program of its own while the system's calls go wrong."""

import sys
from collections.abc import Iterable
from pathlib import Path

from support.again import for_inner_run
from support.processes import ROOT, Program
from support.timing import PATIENCE
from trunkline.testing import faults
from trunkline.testing.faults import Faults

LONGEST = 20 * PATIENCE  # seconds, for all of the tests; a test that hangs ends much sooner


def run_under(
    plan: Faults, directory: Path, backend: str, *arguments: str, timeout: float = LONGEST
) -> tuple[str, dict[str, int]]:
    """Run Python under faults, and check that it ends well.

    Args:
        plan: The faults; it is printed, and named in a failure.
        directory: A place for the injector and its report.
        backend: The backend that tests run on.
        *arguments: What Python is given.
        timeout: Seconds for all of it.

    Returns:
        What was printed; and how often each fault has happened.
    """
    print(plan)
    report = directory / "report"
    report.unlink(missing_ok=True)
    environment = plan.environment(faults.build(directory), report=report)
    environment["TRUNKLINE_TEST_BACKENDS"] = backend
    environment |= for_inner_run()
    with Program([sys.executable, *arguments], env=environment, cwd=ROOT) as program:
        program.read_to_end(timeout=timeout)
        assert program.wait() == 0, f"on {backend} with {plan}:\n{program.transcript}"
        return program.output, faults.read_report(report)


def run_tests_under(
    plan: Faults, directory: Path, backend: str, *arguments: str, happened: Iterable[str]
) -> None:
    """Run pytest under faults, and check that all tests pass, though these faults have happened."""
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    _, counts = run_under(plan, directory, backend, *pytest, *arguments)
    for fault in happened:
        assert counts[fault] > 0, f"{fault} never happened: {counts}"
