"""Looking names up: a hundred at a time, each of which nobody has asked for before.

The name server is a C program that never sleeps. What is measured is the asking, and not the
remembering, which would cost everybody next to nothing.
"""

from bench.model import Contest, Service, Task

TASKS: tuple[tuple[Service, str], ...] = (
    ("query", "Names: a record of each of 100 names at a time"),
    ("host", "Names: the IPv6 and IPv4 addresses of 100 hosts at a time"),
)

CONTESTS = tuple(
    Contest(
        name=f"names-{service}",
        title=title,
        message="look-up",
        service=service,
        limit="c-resolver",
        load=Task(names=True),
        quick=service == "host",
    )
    for service, title in TASKS
)
