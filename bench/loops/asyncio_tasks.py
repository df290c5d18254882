"""Tasks on asyncio's event loop, or on that of the package that the command line names."""

import asyncio
import sys

from bench.event_loops import loop_factory
from bench.loops import CHAINED, GATHERED, NEAR
from bench.tasks import perform


async def sleep() -> int:
    """Give the turn away, over and over: an iteration of the loop each."""
    for _ in range(CHAINED):
        await asyncio.sleep(0)
    return CHAINED


async def gather() -> int:
    """Have very many tasks sleep, and wait for all of them."""
    await asyncio.gather(*(asyncio.sleep(NEAR) for _ in range(GATHERED)))
    return GATHERED


library, service, warmup, duration = sys.argv[1:]
turn = {"sleep": sleep, "gather": gather}[service]
with asyncio.Runner(loop_factory=loop_factory(library)) as runner:
    perform(lambda: runner.run(turn()), warmup=float(warmup), duration=float(duration))
