"""The event loops, when nothing comes and callbacks are to be called."""

from bench.builds import both_builds
from bench.contestants.asyncio_loops import LOOPS, on_loop
from bench.model import Contestant, Service

SERVICES: tuple[Service, ...] = (
    "soon-chained",
    "soon-queued",
    "soon-threadsafe",
    "timer-cancelled",
    "timer-pending",
    "timer-fired",
)

TASKS: tuple[Service, ...] = ("sleep", "gather")

CONTESTANTS = (
    Contestant(
        library="c",
        interface="calls",
        services=(*SERVICES, *TASKS),
        program="calls.c",
        folder="loops",
    ),
    *both_builds(interface="calls", services=SERVICES, program="trunkline_calls", folder="loops"),
    *(on_loop(loop, "calls", SERVICES, "asyncio_calls", "loops") for loop in ("trunkline", *LOOPS)),
    *(on_loop(loop, "tasks", TASKS, "asyncio_tasks", "loops") for loop in ("trunkline", *LOOPS)),
)
