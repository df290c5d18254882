"""The benchmark of timers does what it says, and shows it; how long it takes is not tested."""

import json
import random
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import timers
from bench.timers import OPERATIONS, Stopwatch
from trunkline import EventBase

TINY = (3, 10)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def few_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers, "LEAST_OPERATIONS", 5)


def test_all_operations_are_measured_with_all_numbers_of_timers_in_all_rounds() -> None:
    costs = timers.measure(TINY, rounds=3, seed=1)
    assert list(costs) == ["add", "add first", "remove", "remove and add", "fire"]
    for by_size in costs.values():
        assert list(by_size) == list(TINY)
        assert all(len(values) == 3 and min(values) > 0 for values in by_size.values())


@pytest.mark.parametrize(
    ("name", "added", "removed", "called"),
    [
        ("add", 70, 0, 0),
        ("add first", 70, 0, 0),
        ("remove", 70, 70, 0),
        ("remove and add", 70 + 340, 340, 0),
        ("fire", 70, 0, 70),
    ],
)
def test_an_operation_does_what_it_is_called(
    name: str, added: int, removed: int, called: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = dict.fromkeys(("added", "removed", "called"), 0)
    add_timer, remove_timer = EventBase.add_timer, EventBase.remove_timer

    def counting_add(base: EventBase, *arguments: object, **options: object) -> object:
        counts["added"] += 1
        return add_timer(base, *arguments, **options)  # type: ignore[arg-type]

    def counting_remove(base: EventBase, timer: object) -> bool:
        assert remove_timer(base, timer), "it removes what is there"  # type: ignore[arg-type]
        counts["removed"] += 1
        return True

    def call() -> None:
        counts["called"] += 1

    monkeypatch.setattr(EventBase, "add_timer", counting_add)
    monkeypatch.setattr(EventBase, "remove_timer", counting_remove)
    monkeypatch.setattr(timers, "do_nothing", call)
    watch = Stopwatch()
    done = OPERATIONS[name](70, random.Random(1), watch)
    assert done == max(counts["removed"], counts["called"]) or done == counts["added"]
    assert counts == {"added": added, "removed": removed, "called": called}
    assert watch.seconds > 0


def test_each_added_first_is_due_before_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    delays: list[float] = []
    monkeypatch.setattr(
        EventBase, "add_timer", lambda base, callback, delay, **options: delays.append(delay)
    )
    timers.add_first(50, random.Random(1), Stopwatch())
    assert delays == sorted(set(delays), reverse=True)


def test_a_table_shows_medians_and_their_growth() -> None:
    costs = {"add": {1000: [3.0, 1.0, 2.0], 100: [1.0, 0.5, 9.0]}}
    _, *rows, last = timers.table(costs).splitlines()
    cells = [row.split() for row in rows]
    assert cells == [["timers", "add"], ["100", "1.00"], ["1,000", "2.00"], ["growth", "x", "2.00"]]
    assert last == "From 100 to 1,000 timers, x 10, a logarithm grows x 1.50."


def test_from_the_command_line_to_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--rounds=2", "--seed=5", f"--output={tmp_path / 'results'}", "--sizes", "10", "3"]
    timers.main(arguments)
    printed = capsys.readouterr().out
    assert "remove and add" in printed
    assert "From 3 to 10 timers" in printed
    assert "seed: 5" in printed

    results = json.loads((tmp_path / "results" / "timers.json").read_text())
    assert (results["settings"]["seed"], results["settings"]["rounds"]) == (5, 2)
    assert set(results["operations"]) == set(OPERATIONS)
    for points in results["operations"].values():
        assert [point["timers"] for point in points] == [3, 10]
        for point in points:
            assert len(point["rounds"]) == 2
            assert point["low"] == min(point["rounds"]) <= point["median"] <= point["high"]
    chart = ElementTree.parse(tmp_path / "results" / "timers.svg").getroot()
    assert {*OPERATIONS, "3", "10"} <= {text.text for text in chart.iter(f"{SVG}text")}


@pytest.mark.parametrize("arguments", [["--sizes", "1"], ["--rounds", "0"]])
def test_what_has_no_curve_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        timers.main(arguments)
    assert "at least 2 timers" in capsys.readouterr().err


def test_a_logarithm_is_drawn_as_a_straight_line() -> None:
    costs = {"add": {10: [1.0], 100: [2.0], 1000: [3.0]}}
    (curve,) = re.findall(r'd="M(\S+) (\S+)L(\S+) (\S+)L(\S+) (\S+)"', str(timers.draw(costs)))
    x1, y1, x2, y2, x3, y3 = map(float, curve)
    assert x2 - x1 == pytest.approx(x3 - x2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)  # it is drawn to a tenth of a pixel
    assert y3 < y1
