"""The command line, end to end."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import run
from bench.contests import all_contests
from bench.processes import ROOT

LOOPS = ("asyncio", "uvloop", "trunkline-aio")
KINDS = ("splitter", "gathering", "readline")

pytestmark = pytest.mark.alone


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.run", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> set[str]:
    """Return the keys of those who would take part."""
    run.main(["--list", *arguments])
    return {line.split()[0] for line in capsys.readouterr().out.split("\n\n")[1].splitlines()}


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
    assert "Trunkline's cost as a multiple of others'" in done.stdout
    assert [other["name"] for other in echo["summary"]["comparisons"]] == ["c", "asyncio"]


def test_the_list_names_everybody() -> None:
    done = bench("--list")
    assert done.returncode == 0, done.stderr
    for name in ("echo", "lines-128", "idle", "churn", "c-lines", "uvloop-readline", "trio-echo"):
        assert name in done.stdout.split()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--contest=chess", "no contest chess; there are: await-churn, await-echo"),
        ("--contestant=nobody", "no contestant nobody; there are: aiodns, aiodns-asyncio"),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_there_are(option: str, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        run.main([option, "--list"])


def test_a_library_stands_for_its_contestants_and_the_limit_always_plays(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ["--contest=lines-16", "--contestant=trio", "--contestant=uvloop-readline"]
    assert listed(capsys, *asked) == {"c-lines", "trio-splitter", "uvloop-readline"}


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


def test_quick_is_for_the_main_libraries_unless_somebody_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert listed(capsys, "--quick", "--contest=lines-1") == {
        "c-lines",
        "trunkline-lines",
        *(f"{loop}-{kind}" for loop in LOOPS for kind in KINDS),
        "socketserver-readline",
    }
    asked = listed(capsys, "--quick", "--contest=lines-1", "--contestant=trio")
    assert asked == {"c-lines", "trio-splitter"}


def test_quick_has_ours_and_a_peer_in_every_contest(capsys: pytest.CaptureFixture[str]) -> None:
    for contest in all_contests():
        libraries = {
            key.split("-")[0] for key in listed(capsys, "--quick", f"--contest={contest.name}")
        }
        assert "trunkline" in libraries, contest.name
        assert libraries & {"asyncio", "makefile", "aiodns"}, contest.name


def test_quick_measures_for_no_longer_than_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    # What it takes to start everybody comes on top of it, and is less than half of it.
    runs = sum(
        len(listed(capsys, "--quick", f"--contest={contest.name}"))
        for contest in all_contests()
        if contest.quick
    )
    seconds = run.QUICK["warmup"] + run.QUICK["duration"]
    assert 20 < runs * run.QUICK["rounds"] * seconds < 60


def test_a_quick_run_leaves_out_what_takes_long_unless_it_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert "c-tls-sink" not in listed(capsys, "--quick")
    assert "c-tls-echo" in listed(capsys, "--quick")
    assert "c-tls-sink" in listed(capsys, "--quick", "--contest=tls-bulk-in")
