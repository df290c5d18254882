"""How much memory what a test does holds, whatever else the process is doing."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ("memory_held",)

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def memory_held() -> Iterator[Callable[[], int]]:
    """Yield what tells how many bytes are held that were allocated in the block.

    Only those count that code of the library, or of the tests, has asked for: the threads of
    whoever runs the tests allocate at any time. Python before 3.12.9 may even crash then, when it
    stops to trace: a test that uses this is marked `alone`.
    """
    ours = [tracemalloc.Filter(True, f"{ROOT / folder}/*") for folder in ("src", "tests")]

    def held() -> int:
        snapshot = tracemalloc.take_snapshot().filter_traces(ours)
        return sum(trace.size for trace in snapshot.traces)

    tracemalloc.start()
    try:
        yield held
    finally:
        tracemalloc.stop()
