"""asyncio's event loop, or that of the package that the command line names."""

import asyncio
import sys
from operator import methodcaller

from bench.event_loops import loop_factory
from bench.loops import Loop, run

loop: asyncio.AbstractEventLoop = loop_factory(sys.argv[1])()
run(
    Loop(
        call_soon=loop.call_soon,
        call_soon_threadsafe=loop.call_soon_threadsafe,
        call_later=loop.call_later,
        cancel=methodcaller("cancel"),
        run=loop.run_forever,
        stop=loop.stop,
    )
)
