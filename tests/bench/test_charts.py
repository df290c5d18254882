"""A chart shows everybody, in the order of the result, and those that have failed.

They are drawn in a process of their own, as `python -m bench.charts` does: matplotlib keeps its
fonts open for as long as it lives.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.processes import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("matplotlib") is None, reason="missing package: matplotlib"),
]


def draw(results: Path, directory: Path) -> list[Path]:
    command = [sys.executable, "-m", "bench.charts", str(results), str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


def standing(name: str, median: float) -> dict[str, Any]:
    spread = {"median": median, "low": median - 0.1, "high": median + 0.1}
    return {"contestant": name, "cost": spread, "ratio": spread}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    contest = {
        "title": "Echo of nothing",
        "message": "message",
        "measure": "cpu",
        "unit": "µs",
        "limit": "c-echo",
        "standings": [standing("c-echo", 1.0), standing("fast-echo", 1.25)],
        "failed": {"broken-echo": ["wrong answer"]},
    }
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"contests": {"echo": contest}}))
    return file


def test_a_chart_is_drawn_twice_the_same(results: Path, tmp_path: Path) -> None:
    first = draw(results, tmp_path / "first")
    second = draw(results, tmp_path / "second")
    assert [file.name for file in first] == ["echo.png", "echo.svg"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_everybody_is_shown_and_so_is_a_failure(results: Path, tmp_path: Path) -> None:
    _, svg = draw(results, tmp_path)
    text = svg.read_text()
    words = ["c-echo", "fast-echo", "broken-echo", "failed", "1.25", "Echo of nothing"]
    assert [word for word in words if word not in text] == []


def test_without_a_limit_the_cost_itself_is_drawn(results: Path, tmp_path: Path) -> None:
    everything = json.loads(results.read_text())
    for one in everything["contests"]["echo"]["standings"]:
        one["ratio"] = None
    results.write_text(json.dumps(everything))
    _, svg = draw(results, tmp_path)
    assert "times the C program" not in svg.read_text()
