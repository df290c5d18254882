"""A client with one connection that waits for what it wants: the simplest way to use a socket.

A round trip is one line of 64 bytes, and its answer. In bulk, 256 KiB are asked for by one line, so
that what is measured is the taking of lines and bytes from a stream that has many, and not the
waiting for them; the same the other way round where lines are written.
"""

from bench.model import Contest, Service, Task

LINE, BULK = 64, 256 * 1024

TASKS: tuple[tuple[Service, str, str, Task], ...] = (
    ("round-trip", "round trip", "Blocking client: a line and its answer", Task(LINE, LINE)),
    ("read-line", "line", "Blocking client: lines read in bulk", Task(LINE, BULK)),
    ("iterate", "line", "Blocking client: lines in bulk, by iteration", Task(LINE, BULK)),
    ("read-exactly", "block", "Blocking client: blocks of 1 KiB read", Task(LINE, BULK)),
    ("read-into", "block", "Blocking client: blocks of 1 KiB read into a buffer", Task(LINE, BULK)),
    ("write-line", "line", "Blocking client: lines written in bulk", Task(BULK, LINE)),
)

CONTESTS = tuple(
    Contest(
        name=f"client-{service}",
        title=title,
        message=message,
        service=service,
        limit="c-client",
        load=task,
        quick=service in ("round-trip", "read-line", "iterate"),
    )
    for service, message, title, task in TASKS
)
