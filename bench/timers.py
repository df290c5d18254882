"""What a timer costs if there are many: `python -m bench.timers`, from the root of the repository.

The event base promises that adding and removing a timer costs O(log n), with n timers pending. Here
is the curve. Over a logarithmic axis a logarithm is a straight line, and a cost that grew with n
would leave the chart: the last point has a thousand times as many timers as the first. The curves
rise a little more steeply than a logarithm, because many timers do not fit into the processor's
caches; the tests of `timer_queue` count comparisons, which know nothing of caches.

All of it goes through the event base, as in a program, with a clock that is set by hand. The unit
is CPU time for one operation. Rounds are the outermost loop, and in each the sizes and operations
come in a new random order, so that what happens to the machine meanwhile happens to all of them.
"""

import argparse
import gc
import json
import math
import platform
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.processes import ROOT
from bench.report import Spread
from bench.svg import WIDTH, Drawing
from trunkline import EventBase
from trunkline.testing.clock import ManualClock

SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)
LEAST_OPERATIONS = 6_000
"""How often an operation is measured at least in a round: with few timers, over and over."""

LONGEST = 3600.0  # seconds until a timer is due; they are spread evenly over that

# The place of the curves, in pixels; at their right stand their names.
LEFT, RIGHT, HEIGHT = 24, WIDTH - 108, 220

COLOURS = ("failed", "peer", "ours", "limit", "")

Costs = dict[str, dict[int, list[float]]]
"""By operation and number of timers: the microseconds of CPU time for one, in each round."""


class Stopwatch:
    """Adds up the CPU time of the blocks that it measures."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure the block."""
        before = time.process_time()
        yield
        self.seconds += time.process_time() - before


def do_nothing() -> None:
    """Be what is called when a timer is due."""


# -- the operations --------------------------------------------------------------------------------
#
# Each does something n times or more often, measures that, and returns how often it has done it.


def add(n: int, dice: random.Random, watch: Stopwatch) -> int:
    """Add timers, which are due in no order."""
    delays = _delays(n, dice)
    with EventBase(clock=ManualClock()) as base, watch.running():
        for delay in delays:
            base.add_timer(do_nothing, delay, one_shot=True)
    return n


def add_first(n: int, dice: random.Random, watch: Stopwatch) -> int:
    """Add timers, each of which is due before all others: nothing costs a heap more."""
    delays = sorted(_delays(n, dice), reverse=True)
    with EventBase(clock=ManualClock()) as base, watch.running():
        for delay in delays:
            base.add_timer(do_nothing, delay, one_shot=True)
    return n


def remove(n: int, dice: random.Random, watch: Stopwatch) -> int:
    """Remove all timers, in no order."""
    with EventBase(clock=ManualClock()) as base:
        timers = [base.add_timer(do_nothing, delay) for delay in _delays(n, dice)]
        dice.shuffle(timers)
        with watch.running():
            for timer in timers:
                base.remove_timer(timer)
    return n


def replace(n: int, dice: random.Random, watch: Stopwatch) -> int:
    """Remove a timer and add another, again and again: timeouts that hardly ever pass.

    What is removed stays in the heap until it is swept out with others. That happens twice here,
    and is part of the cost.
    """
    with EventBase(clock=ManualClock()) as base:
        timers = [base.add_timer(do_nothing, delay) for delay in _delays(n, dice)]
        count = 2 * n + 200  # no sweep is for fewer than 65
        changes = [(dice.randrange(n), delay) for delay in _delays(count, dice)]
        with watch.running():
            for index, delay in changes:
                base.remove_timer(timers[index])
                timers[index] = base.add_timer(do_nothing, delay)
    return count


def fire(n: int, dice: random.Random, watch: Stopwatch) -> int:
    """Let all timers be due, and call them in their order."""
    clock = ManualClock()
    with EventBase(clock=clock) as base:
        for delay in _delays(n, dice):
            base.add_timer(do_nothing, delay, one_shot=True)
        clock.advance(LONGEST)
        with watch.running():
            base.dispatch(timeout=0)
        assert base.is_empty
    return n


def _delays(n: int, dice: random.Random) -> list[float]:
    return [dice.uniform(0, LONGEST) for _ in range(n)]


Operation = Callable[[int, random.Random, Stopwatch], int]
OPERATIONS: dict[str, Operation] = {
    "add": add,
    "add first": add_first,
    "remove": remove,
    "remove and add": replace,
    "fire": fire,
}


# -- measuring -------------------------------------------------------------------------------------


def measure(sizes: Sequence[int], rounds: int, seed: int) -> Costs:
    """Measure all operations with all numbers of timers, and return what each has cost.

    The garbage collector rests meanwhile: what it costs depends on all objects that there are.
    """
    dice = random.Random(seed)
    costs: Costs = {name: {n: [] for n in sizes} for name in OPERATIONS}
    for _ in range(rounds):
        runs = [(name, n) for name in OPERATIONS for n in sizes]
        gc.collect()
        gc.disable()
        try:
            for name, n in dice.sample(runs, len(runs)):
                costs[name][n].append(_measure_once(OPERATIONS[name], n, dice))
        finally:
            gc.enable()
    return costs


def _measure_once(operation: Operation, n: int, dice: random.Random) -> float:
    watch, count = Stopwatch(), 0
    while count < LEAST_OPERATIONS:
        count += operation(n, dice, watch)
    return watch.seconds / count * 1e6


# -- showing it ------------------------------------------------------------------------------------


def table(costs: Costs) -> str:
    """Return the medians of the rounds as text, and how they grow."""
    names, sizes = list(costs), sorted(next(iter(costs.values())))
    rows = [["timers", *names]]
    rows += [
        [f"{n:,}", *(f"{Spread.of(costs[name][n]).median:.2f}" for name in names)] for n in sizes
    ]
    least, most = sizes[0], sizes[-1]
    growth = [
        Spread.of(costs[name][most]).median / Spread.of(costs[name][least]).median for name in names
    ]
    rows.append(["growth", *(f"x {factor:.2f}" for factor in growth)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["CPU time in µs for one operation, median of the rounds"]
    lines += ["  ".join(map(str.rjust, row, widths)) for row in rows]
    lines.append(
        f"From {least:,} to {most:,} timers, x {most / least:,.0f}, "
        f"a logarithm grows x {math.log(most) / math.log(least):.2f}."
    )
    return "\n".join(lines)


def write(file: Path, costs: Costs, settings: dict[str, Any]) -> None:
    """Write everything that was measured as JSON: the spread of the rounds, and each single one."""
    found = {
        name: [
            {"timers": n, **asdict(Spread.of(values)), "rounds": values}
            for n, values in by_size.items()
        ]
        for name, by_size in costs.items()
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    result = {"settings": settings, "unit": "µs of CPU time", "operations": found}
    file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def draw(costs: Costs) -> Drawing:
    """Draw the curves, over a logarithmic axis; an upright line is the spread of the rounds."""
    drawing = Drawing("What a timer costs, by the number of timers pending")
    drawing.paragraph("What a timer costs", "title", 21)
    drawing.paragraph("CPU time for one operation, µs, by timers pending", "small", 16)
    curves = {
        name: [(n, Spread.of(values)) for n, values in by_size.items()]
        for name, by_size in costs.items()
    }
    sizes = [n for n, _ in next(iter(curves.values()))]
    most = max(spread.high for curve in curves.values() for _, spread in curve)
    bottom = drawing.bottom + 24 + HEIGHT

    def place(n: int, cost: float) -> tuple[float, float]:
        along = math.log(n / sizes[0]) / math.log(sizes[-1] / sizes[0])
        return LEFT + along * (RIGHT - LEFT), bottom - cost / most * HEIGHT

    step = 10 ** math.floor(math.log10(most))
    for count in range(int(most / step) + 1):
        left, right = place(sizes[0], count * step), place(sizes[-1], count * step)
        drawing.line([left, right], "grid")
        drawing.text(LEFT - 6, left[1] + 4, f"{count * step:g}", "small", "end")
    for n, anchor in ((sizes[0], "start"), (sizes[-1], "end")):
        drawing.text(place(n, 0)[0], bottom + 18, f"{n:,}", "small", anchor)

    # The highest curve first, so that names that would lie upon each other can be pushed down.
    above = 0.0
    for number, name in enumerate(sorted(curves, key=lambda one: -curves[one][-1][1].median)):
        colour = COLOURS[number % len(COLOURS)]
        drawing.line([place(n, spread.median) for n, spread in curves[name]], colour)
        for n, spread in curves[name]:
            drawing.line([place(n, spread.low), place(n, spread.high)], colour)
        above = max(above + 16, place(*_end(curves[name]))[1] + 4)
        drawing.text(RIGHT + 6, above, name, f"small {colour}")
    drawing.bottom = max(bottom + 18, above)
    return drawing


def _end(curve: Sequence[tuple[int, Spread]]) -> tuple[int, float]:
    n, spread = curve[-1]
    return n, spread.median


# -- the command line ------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark.

    Args:
        arguments: The command line, by default the process's own.
    """
    parser = argparse.ArgumentParser(prog="python -m bench.timers", description="Measure timers.")
    add_option = parser.add_argument
    add_option("--sizes", type=int, nargs="+", default=SIZES, help="how many timers there are")
    add_option("--rounds", type=int, default=5, help="default: %(default)s")
    add_option("--seed", type=int, default=random.randrange(2**32), help="decides all orders")
    add_option("--output", type=Path, default=ROOT / "bench" / "results", help="%(default)s")
    options = parser.parse_args(arguments)
    if min(options.sizes) < 2 or options.rounds < 1:
        parser.error("it takes at least 2 timers, and a round")

    costs = measure(sorted(options.sizes), options.rounds, options.seed)
    print(table(costs))
    settings = {
        "rounds": options.rounds,
        "seed": options.seed,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "date": datetime.now(UTC).date().isoformat(),
    }
    write(options.output / "timers.json", costs, settings)
    (options.output / "timers.svg").write_text(str(draw(costs)))
    print(f"seed: {options.seed}; written: {options.output}")


if __name__ == "__main__":
    main()
