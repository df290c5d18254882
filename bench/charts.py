"""The charts: a bar for each contestant, as long as its ratio to the limit, or its memory.

`python -m bench.charts RESULTS.json DIRECTORY` draws them again from a result. Whoever is ahead
stands on top; whoever has failed stands at the bottom, with the word and no bar. The axes begin at
zero and are linear, so that a bar twice as long is twice the cost.
"""

# mypy: disable-error-code="import-not-found, import-untyped"

import json
import sys
from pathlib import Path
from typing import Any

INK = "#1f2937"
GRID = "#e5e7eb"
LIMIT = "#9ca3af"
OURS = "#0f766e"
PEER = "#7c9cc4"

BAR_INCHES = 0.32
WIDTH_INCHES = 8.0


def draw(results: Path, directory: Path) -> list[Path]:
    """Draw a chart of every contest, as PNG and as SVG.

    Args:
        results: The JSON file that a run of the benchmark has written.
        directory: Where the charts are put; it is made if need be.

    Returns:
        The files.

    Raises:
        ImportError: matplotlib is not installed.
    """
    # Imported here, so that the benchmark runs without it; Agg needs no screen.
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    style = {
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "svg.fonttype": "none",
        "svg.hashsalt": "bench",  # the same result gives the same file
    }
    directory.mkdir(parents=True, exist_ok=True)
    files = []
    for name, contest in json.loads(results.read_text())["contests"].items():
        bars = len(contest["standings"]) + len(contest["failed"])
        with pyplot.rc_context(style):
            size = (WIDTH_INCHES, 1.1 + BAR_INCHES * bars)
            figure, axes = pyplot.subplots(figsize=size, layout="constrained")
            _draw_contest(axes, contest)
            for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
                file = directory / f"{name}.{kind}"
                figure.savefig(file, dpi=160, metadata=metadata)
                files.append(file)
            pyplot.close(figure)
    return files


def _draw_contest(axes: Any, contest: dict[str, Any]) -> None:
    standings, failed = contest["standings"], list(contest["failed"])
    # A C program holds next to nothing for a connection: for memory a ratio to it says little.
    kind = "ratio" if contest["measure"] == "cpu" else "cost"
    if not all(standing[kind] for standing in standings):
        kind = "cost"  # the limit has failed
    values = [standing[kind] for standing in standings]
    names = [standing["contestant"] for standing in standings]

    axes.barh(
        range(len(names)),
        [value["median"] for value in values],
        color=[_colour(name, contest["limit"]) for name in names],
        xerr=[
            [value["median"] - value["low"] for value in values],
            [value["high"] - value["median"] for value in values],
        ],
        error_kw={"ecolor": INK, "elinewidth": 0.8, "capsize": 2},
    )
    for place, value in enumerate(values):
        label = f"  {value['median']:.2f}"
        axes.annotate(label, (value["high"], place), va="center")
    for place, name in enumerate(failed, len(names)):
        axes.annotate("  failed", (0, place), va="center", color="#b91c1c")
        names.append(name)
    _dress(axes, contest, names, kind)
    axes.set_xlim(0, 1.12 * max((value["high"] for value in values), default=1.0))


def _dress(axes: Any, contest: dict[str, Any], names: list[str], kind: str) -> None:
    what = "CPU time" if contest["measure"] == "cpu" else "memory"
    unit = "times the C program's" if kind == "ratio" else contest["unit"]
    axes.set_title(contest["title"], loc="left", fontweight="bold")
    axes.set_xlabel(f"server's {what} for a {contest['message']}, {unit} (less is better)")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)  # from the bottom to the top: the first is on top
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=GRID)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if kind == "ratio":
        axes.axvline(1.0, color=LIMIT, linewidth=1)


def _colour(contestant: str, limit: str) -> str:
    if contestant == limit:
        return LIMIT
    return OURS if contestant.startswith("trunkline") else PEER


if __name__ == "__main__":
    for drawn in draw(Path(sys.argv[1]), Path(sys.argv[2])):
        print(drawn)
