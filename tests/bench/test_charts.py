"""A chart shows everybody, in the order of the result, and why others have failed."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from support.measurements import run

from bench.charts import draw, draw_contest, sentence
from bench.contests import all_contests
from bench.model import Contest
from bench.processes import ROOT
from bench.report import rank
from bench.summary import summarize
from bench.svg import WIDTH

SVG = "{http://www.w3.org/2000/svg}"
Costs = Mapping[str, Sequence[float | str]]

COSTS: Costs = {
    "c-echo": [1.0, 1.0],
    "trunkline-hand": [1.2, 1.3],
    "uvloop-streams": [1.5, 1.5],
    "rloop-echo": [1.0, "wrong <answer>"],
}


def result(contest: Contest, costs: Costs) -> dict[str, Any]:
    """Return what the results' file has of a contest."""
    outcomes = {
        key: [cost if isinstance(cost, str) else run(cost) for cost in values]
        for key, values in costs.items()
    }
    return {
        "title": contest.headline,
        "message": contest.message,
        "measure": contest.measure,
        "unit": contest.unit,
        "limit": contest.limit,
        **asdict(rank(contest, outcomes)),
        "summary": asdict(summarize(contest, outcomes, {})),
    }


def chart(contest: Contest, costs: Costs) -> ElementTree.Element:
    return ElementTree.fromstring(str(draw_contest(result(contest, costs))))


def texts(svg: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def test_everybody_is_shown_in_order_with_the_number_and_failures_with_the_reason(
    echo_contest: Contest,
) -> None:
    assert texts(chart(echo_contest, COSTS))[-7:] == [
        *("c-echo", "1.00 ×", "trunkline-hand", "1.25 ×", "uvloop-streams", "1.50 ×"),
        "rloop-echo failed in 1 round: wrong <answer>",
    ]


def test_a_bar_is_as_long_as_its_ratio_and_a_line_as_its_spread(echo_contest: Contest) -> None:
    svg = chart(echo_contest, {"c-echo": [1.0, 1.0], "slow-echo": [1.0, 3.0]})
    limit, slow = (float(bar.attrib["width"]) for bar in svg.iter(f"{SVG}rect"))
    assert slow == pytest.approx(2 * limit, abs=0.2)  # they are drawn to a tenth of a pixel
    *_, way = (path.attrib["d"] for path in svg.iter(f"{SVG}path"))
    low, high = (float(point.split()[0]) for point in way.removeprefix("M").split("L"))
    assert (low, high) == pytest.approx((limit, 3 * limit), abs=0.2)


def test_everything_stays_within_the_width_of_a_phone(echo_contest: Contest) -> None:
    long = {f"trunkline-{letter * 20}": [1.0, 999.0] for letter in "ab"}
    svg = chart(echo_contest, {"c-echo": [1.0, 1.0], **long, "uvloop-echo": ["failed " * 40, 1.0]})
    assert svg.attrib["viewBox"].split()[2] == str(WIDTH) == "360"
    for text in svg.iter(f"{SVG}text"):
        assert text.text is not None
        kinds = text.attrib.get("class", "")
        size = 12 if "small" in kinds else 15 if "title" in kinds else 14
        assert float(text.attrib["x"]) + len(text.text) * size * 0.54 < WIDTH, text.text
    lowest = max(float(text.attrib["y"]) for text in svg.iter(f"{SVG}text"))
    assert lowest < float(svg.attrib["height"])


def test_it_has_colours_for_dark_pages_and_no_background(echo_contest: Contest) -> None:
    svg = chart(echo_contest, COSTS)
    assert "prefers-color-scheme: dark" in (svg.findtext(f"{SVG}style") or "")
    assert len(list(svg.iter(f"{SVG}rect"))) == 3  # the bars


def test_it_has_a_description_for_those_who_cannot_see_it(echo_contest: Contest) -> None:
    contest = result(echo_contest, COSTS)
    description = ElementTree.fromstring(str(draw_contest(contest))).findtext(f"{SVG}title")
    assert description == f"Echo of 100 bytes. {sentence(contest)}."


def plain(contest: Contest, costs: Costs) -> str:
    return sentence(result(contest, costs)).replace("\N{NO-BREAK SPACE}", " ")


def test_the_title_is_ours_beside_the_limit_and_the_cheapest_others(echo_contest: Contest) -> None:
    assert plain(
        echo_contest,
        {
            "c-echo": [1.0, 2.0],
            "trunkline-slow": [9.0, 9.0],
            "trunkline-fast": [1.28, 2.56],
            "asyncio-echo": [14.6, 29.2],
            "uvloop-echo": [1.1, 2.2],
            "socketserver-echo": [200.0, 400.0],
            "makefile-text": [300.0, 600.0],
            "gevent-echo": [1.2, 2.4],
        },
    ) == ("Trunkline needs 1.28 × C's time, uvloop 1.10 ×, asyncio 14.6 ×, socketserver 200 ×")


def test_the_title_names_nobody_who_has_failed(echo_contest: Contest) -> None:
    costs: Costs = {"c-echo": [1.0], "trunkline-echo": [2.0], "uvloop-echo": ["died"]}
    assert plain(echo_contest, costs) == "Trunkline needs 2.00 × C's time"
    assert plain(echo_contest, {**costs, "trunkline-echo": ["died"]}) == "Trunkline has failed"


def test_memory_is_compared_with_the_others_and_not_with_next_to_nothing(
    echo_contest: Contest,
) -> None:
    contest = replace(echo_contest, measure="memory")
    costs = {"c-echo": [0.1], "trunkline-echo": [3.0], "uvloop-echo": [2.0], "asyncio-echo": [6.0]}
    assert plain(contest, costs) == "Trunkline needs 1.50 × uvloop's memory, 0.50 × asyncio's"
    assert "3.00 KiB" in texts(chart(contest, costs))


def test_without_a_limit_the_cost_itself_is_drawn(echo_contest: Contest) -> None:
    costs: Costs = {"c-echo": ["died"], "trunkline-echo": [3.0], "uvloop-echo": [2.0]}
    assert plain(echo_contest, costs) == "Trunkline needs 1.50 × uvloop's time"
    shown = texts(chart(echo_contest, costs))
    assert "3.00 µs" in shown
    assert "c-echo failed in 1 round: died" in shown


def test_if_all_have_failed_there_are_only_reasons(echo_contest: Contest) -> None:
    costs: Costs = {"c-echo": ["died"], "trunkline-echo": ["hung"]}
    svg = chart(echo_contest, costs)
    assert texts(svg)[-1] == "trunkline-echo failed in 1 round: hung"
    assert list(svg.iter(f"{SVG}rect")) == []


@pytest.fixture
def results(echo_contest: Contest, tmp_path: Path) -> Path:
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"contests": {"echo": result(echo_contest, COSTS)}}))
    return file


def test_from_the_command_line_charts_are_drawn_again_the_same(
    results: Path, tmp_path: Path
) -> None:
    (first,) = draw(results, tmp_path / "first")
    command = [sys.executable, "-m", "bench.charts", str(results), str(tmp_path / "second")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    second = Path(done.stdout.strip())
    assert (first.name, second.name) == ("echo.svg", "echo.svg")
    assert first.read_bytes() == second.read_bytes()


def test_every_contest_has_its_chart_on_the_page_and_there_is_no_other() -> None:
    docs = ROOT / "docs"
    shown = re.findall(r"\(speed/(.*?)\.svg\)", (docs / "speed.md").read_text())
    drawn = [file.stem for file in (docs / "speed").iterdir()]
    assert sorted(shown) == sorted(drawn) == sorted(contest.name for contest in all_contests())
