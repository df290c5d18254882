"""Sleep sort: prints numbers in order, by a program for each that sleeps for as long.

    .venv/bin/python examples/evented_sleep_sort.py 3 1 2

It takes as long as the largest number says, in seconds, and not as long as all of them together.
"""

import argparse

from supporting import parser_for, run, say

from trunkline.evented import SpawnedProcess, spawn, start_event_loop


# [sleep]
def evented_sleep_sort(numbers: list[float]) -> None:
    waiting: dict[SpawnedProcess, float] = {}

    def on_exit(process: SpawnedProcess, status: int, signal: int) -> None:
        number = waiting.pop(process)
        say(f"{number:g}" if status == signal == 0 else f"{number:g} could not be slept for")

    def main() -> None:
        for number in numbers:  # each returns at once, and its program sleeps beside the others
            waiting[spawn("sleep", [f"{number:g}"], exit_cb=on_exit)] = number

    try:
        start_event_loop(main)  # until the last program has ended
    finally:
        for process in waiting:  # after Ctrl-C
            process.kill()


# [/sleep]


def seconds(text: str) -> float:
    """Return the number that an argument is, if one can sleep for as long."""
    number = float(text)
    if not 0 <= number < 1e6:
        raise argparse.ArgumentTypeError(f"nobody can sleep for {text} seconds")
    return number


if __name__ == "__main__":
    parser = parser_for(evented_sleep_sort)
    parser.add_argument("numbers", nargs="+", type=seconds, help="what to sort, in seconds")
    run(parser, lambda chosen: evented_sleep_sort(chosen.numbers))
