"""The command line, end to end."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import run
from bench.processes import ROOT

pytestmark = pytest.mark.alone


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.run", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.needs_program("cc")
def test_one_contest_from_the_command_line_to_the_results(tmp_path: Path) -> None:
    options = ["--rounds=2", "--duration=0.2", "--warmup=0.05", "--seed=5", "--no-charts"]
    options += ["--contest=echo", "--contestant=asyncio", f"--output={tmp_path}"]
    done = bench(*options)
    assert done.returncode == 0, done.stderr
    assert "Echo of 1024-byte messages, 16 connections" in done.stdout
    assert "seed: 5" in done.stdout

    results: dict[str, Any] = json.loads((tmp_path / "results.json").read_text())
    assert results["settings"]["MALLOC_MMAP_THRESHOLD_"] == "4194304"
    assert list(results["contests"]) == ["echo"]
    echo = results["contests"]["echo"]
    standings = {standing["contestant"]: standing for standing in echo["standings"]}
    assert set(standings) == {"c-echo", "asyncio-protocol", "asyncio-streams"}
    assert standings["c-echo"]["ratio"] == {"median": 1.0, "low": 1.0, "high": 1.0}
    assert all(len(runs) == 2 for runs in echo["runs"].values())
    assert all(one["messages"] > 0 for runs in echo["runs"].values() for one in runs)
    assert not echo["failed"]


def test_the_list_names_everybody() -> None:
    done = bench("--list")
    assert done.returncode == 0, done.stderr
    for name in ("echo", "lines-128", "idle", "churn", "c-lines", "uvloop-readline", "trio-echo"):
        assert name in done.stdout.split()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--contest=chess", "no contest chess; there are: bulk-in, bulk-out, churn"),
        ("--contestant=nobody", "no contestant nobody; there are: asyncio, asyncio-calls"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_there_are(option: str, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        run.main([option, "--list"])


def test_a_library_stands_for_its_contestants_and_the_limit_always_plays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run.main(["--list", "--contest=lines-16", "--contestant=trio", "--contestant=uvloop-readline"])
    keys = [line.split()[0] for line in capsys.readouterr().out.split("\n\n")[1].splitlines()]
    assert sorted(keys) == ["c-lines", "trio-splitter", "uvloop-readline"]


def test_idle_connections_are_what_the_command_line_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run.main(["--list", "--contest=idle", "--idle-connections=77"])
    assert "77 of them" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "count"), [([], "1,000"), (["--idle-connections=5"], "5")])
def test_quick_gives_defaults_and_what_is_given_counts(
    capsys: pytest.CaptureFixture[str], arguments: list[str], count: str
) -> None:
    run.main(["--list", "--contest=idle", "--quick", *arguments])
    assert f"{count} of them" in capsys.readouterr().out
