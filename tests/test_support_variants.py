"""A few variants of each test instead of all: which ones those are."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.timing import PATIENCE
from support.variants import OPTION, SOME, SOME_SLOW

TESTS = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_many(number): pass

@pytest.mark.parametrize("number", range(2))
class TestThese:
    def test_two(self, number): pass

def test_one(): pass

@pytest.mark.parametrize("number", range(16))
def test_very_many(number): pass

@pytest.mark.slow
@pytest.mark.parametrize("number", range(6))
def test_slow(number): pass

@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [0, *(pytest.param(number, marks=pytest.mark.thorough) for number in range(1, 6))]
)
def test_slow_by_itself(number): pass
"""


def names(many: str, two: str, very_many: str, slow: str, by_itself: str) -> list[str]:
    """Return the names of tests with these numbers."""
    numbers = {
        "test_many": many,
        "TestThese::test_two": two,
        "test_very_many": very_many,
        "test_slow": slow,
        "test_slow_by_itself": by_itself,
    }
    found = [f"{name}[{number}]" for name, text in numbers.items() for number in text.split()]
    return [*found, "test_one"]


SIX = "0 1 2 3 4 5"
SIXTEEN = " ".join(map(str, range(16)))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], names(SIX, "0 1", SIXTEEN, SIX, SIX)),
        (["-m", "not thorough"], names(SIX, "0 1", "0 2 4 6 8 10 12 14", "0 2 4", "0")),
        ([OPTION, "16", "-m", "not thorough"], names(SIX, "0 1", SIXTEEN, SIX, "0")),
        ([OPTION, "3"], names("0 2 4", "0 1", "0 5 10", "0 2 4", "0 2 4")),
        ([OPTION, "1"], names("0", "0", "0", "0", "0")),
    ],
)
def test_variants_that_lie_apart_are_run(
    tmp_path: Path, options: list[str], expected: list[str]
) -> None:
    (tmp_path / "test_inner.py").write_text(TESTS)
    plugins = ["-psupport.variants", "-pno:randomly", "-pno:cacheprovider", "-Wignore"]
    run = subprocess.run(
        [sys.executable, "-mpytest", *plugins, "--collect-only", "-q", *options],
        env={"PYTHONPATH": str(Path(__file__).parent)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    collected = [line.partition("::")[2] for line in run.stdout.splitlines() if "::" in line]
    assert sorted(collected) == sorted(expected)


def test_the_numbers_are_those_of_these_tests() -> None:
    assert (SOME, SOME_SLOW) == (8, 3)
