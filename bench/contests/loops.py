"""asyncio's own programs on event loops: protocols, and tasks that have nothing to wait for.

What the loops cost otherwise is in the contests that are not theirs alone: in calls and timers, in
lines, in bulk, in TLS and in connections.
"""

from bench.model import Contest, Load, Service, Task

TASKS: tuple[tuple[Service, str, str], ...] = (
    ("sleep", "turn", "A task that gives its turn away, over and over"),
    ("gather", "task", "Tasks that sleep, 10,000 of them gathered"),
)

CONTESTS = (
    Contest(
        name="loop-echo",
        title="Event loops: echo of {size}-byte messages, {connections} connections",
        message="message",
        service="protocol echo",
        limit="c-echo",
        load=Load(connections=50, size=1024),
    ),
    *(
        Contest(
            name=f"loop-{service}",
            title=title,
            message=message,
            service=service,
            limit="c-calls",
            load=Task(),
            quick=False,
        )
        for service, message, title in TASKS
    ),
)
