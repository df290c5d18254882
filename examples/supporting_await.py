"""What the programs with await have in common: on whose event loop they run."""

import argparse
import asyncio
from collections.abc import Coroutine
from typing import Any

from trunkline import aio

# [loop]
RUNNERS = {"trunkline": aio.run, "asyncio": asyncio.run}


def add_loop(parser: argparse.ArgumentParser) -> None:
    """Let a program be told on whose event loop to run."""
    parser.add_argument(
        "--loop", choices=RUNNERS, default="trunkline", help="whose event loop (%(default)s)"
    )


def run_on(loop: str, main: Coroutine[Any, Any, None]) -> None:
    """Run a program's coroutine on the loop that was chosen."""
    RUNNERS[loop](main)


# [/loop]


def seconds(text: str) -> float:
    """Return how long an argument says."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"seconds, more than 0, not {text!r}")
    return value
