"""Lines once more, among servers that give each connection a thread, which blocks."""

from bench.model import Contest, Load

CONTESTS = tuple(
    Contest(
        name=f"threads-{count}",
        title="A thread a connection: lines of {size} bytes, {lines} at once",
        message="line",
        service="threaded lines",
        limit="c-threads",
        load=Load(connections=16, size=64, lines=count),
        quick=count == 1,
    )
    for count in (1, 16)
)
