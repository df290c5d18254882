"""Running again, alone, what failed: what passes then is named, and what does not is a failure."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from support.again import MOST, VARIABLE
from support.timing import PATIENCE

pytestmark = pytest.mark.thorough

# It fails the first time that it runs, in whichever process.
FLAKY = """
import pathlib

def fails_once(name):
    seen = pathlib.Path(__file__).with_name(name + ".seen")
    first_time = not seen.exists()
    seen.touch()
    assert not first_time, "the first time"
"""


class Run(NamedTuple):
    """What a run of pytest came to, and which tests are named as flaky."""

    status: int
    output: str
    flaky: list[str]


def run_pytest(directory: Path, tests: str, *options: str, again: bool = True) -> Run:
    """Run pytest on one file of tests, with nothing of ours but the plugin."""
    (directory / "test_inner.py").write_text(FLAKY + tests)
    (directory / "conftest.py").write_text('pytest_plugins = ("support.again",)\n')
    flaky = directory / "flaky"
    environment = {name: value for name, value in os.environ.items() if "TRUNKLINE" not in name}
    environment["PYTHONPATH"] = str(Path(__file__).parent)
    if again:
        environment[VARIABLE] = str(flaky)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:randomly", *options],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=8 * PATIENCE,
        check=False,
    )
    return Run(run.returncode, run.stdout, flaky.read_text().split() if flaky.exists() else [])


BESIDE = pytest.mark.parametrize("options", [(), ("-n2",)], ids=["one by one", "side by side"])


@BESIDE
def test_what_passes_the_second_time_is_named_and_fails_nothing(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    run = run_pytest(
        tmp_path,
        "import pytest\n"
        "def test_steady(): pass\n"
        "@pytest.mark.parametrize('name', ['a b', 'c'])\n"
        "def test_flaky(name): fails_once(name)\n",
        *options,
    )
    assert run.status == 0
    assert sorted(run.flaky) == [
        "b]",
        "test_inner.py::test_flaky[a",
        "test_inner.py::test_flaky[c]",
    ]
    assert "passed only the second time: test_inner.py::test_flaky[a b]" in run.output
    assert "2 failed, 1 passed" in run.output


@BESIDE
def test_what_fails_twice_fails_the_run_and_shows_why(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    run = run_pytest(
        tmp_path,
        "def test_flaky(): fails_once('a')\ndef test_bad(): assert 'bad' == 'good'\n",
        *options,
    )
    assert run.status == 1
    assert run.flaky == ["test_inner.py::test_flaky"]
    assert "failed again: test_inner.py::test_bad" in run.output
    assert run.output.count("AssertionError: assert 'bad' == 'good'") >= 2


def test_a_fixture_that_fails_once_is_the_tests_trouble(tmp_path: Path) -> None:
    run = run_pytest(
        tmp_path,
        "import pytest\n@pytest.fixture\ndef weak(): fails_once('a')\ndef test_it(weak): pass\n",
    )
    assert (run.status, run.flaky) == (0, ["test_inner.py::test_it"])


def test_where_many_fail_none_is_run_again(tmp_path: Path) -> None:
    tests = "\n".join(f"def test_{n}(): fails_once('{n}')" for n in range(MOST + 1))
    run = run_pytest(tmp_path, tests)
    assert (run.status, run.flaky) == (1, [])


@BESIDE
def test_an_error_while_collecting_is_final(tmp_path: Path, options: tuple[str, ...]) -> None:
    run = run_pytest(tmp_path, "def test_steady(): pass\nfails_once('a')\n", *options)
    assert run.status == (1 if options else 2)
    assert run.flaky == []


def test_no_tests_at_all_are_no_success(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, "").status == 5


def test_a_process_that_dies_is_final(tmp_path: Path) -> None:
    run = run_pytest(
        tmp_path,
        "import os\n"
        "def test_it():\n"
        "    try: fails_once('a')\n"
        "    except AssertionError: os._exit(3)\n"
        "def test_other(): pass\n",
        "-n2",
    )
    assert (run.status, run.flaky) == (1, [])
    assert "crashed while running 'test_inner.py::test_it'" in run.output


def test_what_a_test_starts_is_not_run_again(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, f"import os\ndef test_it(): assert {VARIABLE!r} not in os.environ\n")
    assert run.status == 0


def test_a_run_within_a_run_names_its_own(tmp_path: Path) -> None:
    inner = tmp_path / "within"
    inner.mkdir()
    (inner / "conftest.py").touch()
    (inner / "test_within.py").write_text(FLAKY + "def test_flaky(): fails_once('a')\n")
    run = run_pytest(
        tmp_path,
        "import os, subprocess, sys\n"
        "from support.again import for_inner_run\n"
        "def test_it():\n"
        "    environment = {**os.environ, **for_inner_run(), 'TRUNKLINE_FAULTS': 'some'}\n"
        "    pytest = [sys.executable, '-m', 'pytest', '-p', 'no:randomly', 'within']\n"
        "    subprocess.run(pytest, env=environment, check=True)\n",
        "test_inner.py",
    )
    assert run.status == 0
    assert run.flaky == ["within/test_within.py::test_flaky", "under", "some"]


def test_nothing_is_run_again_unless_it_is_asked_for(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, "def test_flaky(): fails_once('a')\n", again=False)
    assert run.status == 1
    assert "second time" not in run.output
