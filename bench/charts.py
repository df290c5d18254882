"""The charts: a bar for each contestant, as long as its ratio to the limit, or its memory.

`python -m bench.charts RESULTS.json DIRECTORY` draws them again from a result. Whoever is ahead
stands on top; whoever has failed stands at the bottom, with the reason and no bar. Bars begin at
zero, so that one twice as long is twice the cost. The title says how it came out, in ratios.
"""

import json
import sys
from pathlib import Path
from typing import Any

from bench.report import describe_failure
from bench.summary import OURS
from bench.svg import WIDTH, Drawing

LONGEST = WIDTH - 76
"""How long a bar may be, with its spread: the number has to fit beside it."""

NAMED = 3
"""How many others a title names: of those with whom ours is compared, the cheapest."""

NOUNS = {"cpu": "time", "memory": "memory", "modules": "modules"}


def draw(results: Path, directory: Path) -> list[Path]:
    """Draw a chart of every contest, as SVG.

    Args:
        results: The JSON file that a run of the benchmark has written.
        directory: Where the charts are put; it is made if need be.

    Returns:
        The files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for name, contest in json.loads(results.read_text())["contests"].items():
        file = directory / f"{name}.svg"
        file.write_text(str(draw_contest(contest)))
        files.append(file)
    return files


def draw_contest(contest: dict[str, Any]) -> Drawing:
    """Draw a contest."""
    outcome = sentence(contest)
    drawing = Drawing(f"{contest['title']}. {outcome}.")
    drawing.paragraph(outcome, "title", 21)
    drawing.bottom += 4
    drawing.paragraph(contest["title"], "small", 16)
    kind = _kind(contest)
    drawing.paragraph(_explanation(contest, kind), "small", 16)
    drawing.bottom += 8

    values = [standing[kind] for standing in contest["standings"]]
    scale = LONGEST / max((value["high"] for value in values), default=1.0)
    for standing, value in zip(contest["standings"], values, strict=True):
        _draw_bar(drawing, contest, standing["contestant"], kind, value, scale)
    for name, reasons in contest["failed"].items():
        drawing.bottom += 8
        drawing.paragraph(f"{name} failed {describe_failure(reasons)}", "small failed", 16)
    return drawing


def _draw_bar(
    drawing: Drawing,
    contest: dict[str, Any],
    name: str,
    kind: str,
    value: dict[str, float],
    scale: float,
) -> None:
    """Draw a contestant: its name, and below that its bar, spread and number."""
    low, median, high = (scale * value[end] for end in ("low", "median", "high"))
    group = _group(name, contest["limit"])
    top = drawing.bottom
    drawing.text(0, top + 14, name, "ours strong" if group == "ours" else "")
    drawing.bar(top + 19, median, 10, group)
    drawing.line([(low, top + 24), (high, top + 24)])
    number = _digits(value["median"])
    label = f"{number} ×" if kind == "ratio" else f"{number} {_short_unit(contest)}".strip()
    drawing.text(high + 6, top + 29, label, "strong" if group == "ours" else "")
    drawing.bottom = top + 39


def sentence(contest: dict[str, Any]) -> str:
    """Return how a contest came out, as ratios: "Trunkline needs 1.28 × C's time, asyncio 1.46 ×".

    Where a ratio to the limit says little, as of memory, it is taken to the others. No line ends
    between a name and its number.
    """
    summary = contest["summary"]
    noun = NOUNS[contest["measure"]]
    ratios = {one["name"]: one["ratio"]["median"] for one in summary["comparisons"] if one["ratio"]}
    limit = summary["comparisons"][0]["name"]
    to_limit = ratios.pop(limit, None)
    # Ours is the greatest multiple of the cheapest.
    others = sorted(ratios, key=lambda name: ratios[name], reverse=True)[:NAMED]
    if summary["ours"] is None:
        return "Trunkline has failed"
    if to_limit is not None and contest["measure"] != "memory":
        standings = {one["contestant"]: one["ratio"] for one in contest["standings"]}
        keys = {one["name"]: one["contestant"] for one in summary["comparisons"]}
        parts = [f"{_digits(to_limit)} × {_named(limit)}'s {noun}"]
        parts += [f"{name} {_digits(standings[keys[name]]['median'])} ×" for name in others]
    else:
        parts = [f"{_digits(ratios[name])} × {name}'s" for name in others]
        parts[:1] = [f"{part} {noun}" for part in parts[:1]]
    bound = [part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts]
    return f"Trunkline needs {', '.join(bound)}" if parts else contest["title"]


def _explanation(contest: dict[str, Any], kind: str) -> str:
    noun = {"cpu": "CPU time", "memory": "Memory", "modules": "Modules"}[contest["measure"]]
    what = noun if contest["message"] == "import" else f"{noun} for a {contest['message']}"
    if kind == "ratio":
        limit = contest["summary"]["comparisons"][0]["name"]
        what = f"{what}, × {_named(limit)}'s"
    return f"{what}; less is better"


def _kind(contest: dict[str, Any]) -> str:
    """Return what the bars show: ratios, or what was spent if the limit has failed.

    A C program holds next to nothing for a connection: for memory a ratio to it says little.
    """
    standings = contest["standings"]
    ratios = contest["measure"] == "cpu" and all(standing["ratio"] for standing in standings)
    return "ratio" if ratios else "cost"


def _group(contestant: str, limit: str) -> str:
    if contestant == limit:
        return "limit"
    return "ours" if contestant.partition("-")[0] == OURS else "peer"


def _named(limit: str) -> str:
    return "C" if limit == "c" else limit


def _short_unit(contest: dict[str, Any]) -> str:
    return "" if contest["measure"] == "modules" else str(contest["unit"])


def _digits(value: float) -> str:
    """Return a number with three digits, which is all that a chart can show."""
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


if __name__ == "__main__":
    for drawn in draw(Path(sys.argv[1]), Path(sys.argv[2])):
        print(drawn)
