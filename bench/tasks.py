"""How a contestant that drives itself talks to the harness: in the load generator's three steps.

Its command line ends with the service that is wanted, the seconds of the warm-up and of the
measured part, and, if it has a partner, the partner's port. It does the task over and over in
turns; a turn ends when nothing is under way any more, so that none is half done when the clock is
read.
"""

import json
import sys
import time
from collections.abc import Callable

Turn = Callable[[], int]
"""Does the task a number of times, and returns that number."""


def perform(turn: Turn, *, warmup: float, duration: float) -> None:
    """Warm up, wait for the harness, do the measured part, and say how much that was."""
    _repeat(turn, warmup)
    print("ready", flush=True)
    if not sys.stdin.readline():
        sys.exit("nobody is there who measures")
    began = time.monotonic()
    count = _repeat(turn, duration)
    result = {"messages": count, "seconds": time.monotonic() - began}
    print(json.dumps(result), flush=True)
    sys.stdin.readline()  # nothing is taken down until the clock has been read


def _repeat(turn: Turn, seconds: float) -> int:
    end = time.monotonic() + seconds
    count = turn()
    while time.monotonic() < end:
        count += turn()
    return count
