"""What a connection's task awaits: bytes and lines, and the connections themselves.

These are streams alone, ours and asyncio's own, each on several event loops. Tasks come on top of
what a loop costs, which is in the contest `loop-echo`: the same programs without any.
"""

from bench.model import Contest, Load

CONTESTS = (
    Contest(
        name="await-echo",
        title="Awaited: echo of {size}-byte messages, {connections} connections",
        message="message",
        service="awaited echo",
        limit="c-echo",
        load=Load(connections=50, size=1024),
    ),
    *(
        Contest(
            name=f"await-lines-{count}",
            title="Awaited: lines of {size} bytes, {lines} at once, {connections} connections",
            message="line",
            service="awaited lines",
            limit="c-lines",
            load=Load(connections=16, size=64, lines=count),
            quick=count == 16,
        )
        for count in (1, 16, 128)
    ),
    Contest(
        name="await-churn",
        title="Awaited: connections accepted, served one {size}-byte message and closed",
        message="connection",
        service="awaited echo",
        limit="c-echo",
        load=Load(mode="churn", connections=16, size=1024, sources=32),
        quick=False,
    ),
    Contest(
        name="await-idle",
        title="Memory of an idle connection with its task, {connections:,} of them",
        message="connection",
        service="awaited echo",
        limit="c-echo",
        load=Load(mode="idle", connections=10_000, size=1024, sources=4),
        measure="memory",
        quick=False,
    ),
)
