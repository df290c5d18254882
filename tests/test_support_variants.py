"""A few variants of each test instead of all: which ones those are."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.timing import PATIENCE
from support.variants import OPTION

TESTS = """
import pytest

@pytest.mark.parametrize("number", range(6))
def test_many(number): pass

@pytest.mark.parametrize("number", range(2))
class TestThese:
    def test_two(self, number): pass

def test_one(): pass
"""
ALL = [
    *(f"test_many[{number}]" for number in range(6)),
    *(f"TestThese::test_two[{number}]" for number in range(2)),
    "test_one",
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "left_out"),
    [
        ([], {}),
        ([OPTION, "6"], {}),
        ([OPTION, "3"], {"test_many[1]", "test_many[3]", "test_many[5]"}),
        ([OPTION, "1"], {*ALL} - {"test_many[0]", "TestThese::test_two[0]", "test_one"}),
    ],
)
def test_variants_that_lie_apart_are_run(
    tmp_path: Path, options: list[str], left_out: set[str]
) -> None:
    (tmp_path / "test_inner.py").write_text(TESTS)
    plugins = ["-psupport.variants", "-pno:randomly", "-pno:cacheprovider"]
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
    assert collected == [name for name in ALL if name not in left_out]
