"""What an import costs at the start of every program, and how much of Python it brings with it.

The limit is the module `socket`: nobody who talks to anybody imports less.
"""

from bench.model import Contest, Task

CONTESTS = (
    Contest(
        name="import-time",
        title="Time of an import",
        message="import",
        service="import",
        limit="socket-import",
        load=Task(),
    ),
    Contest(
        name="import-modules",
        title="Modules that an import loads",
        message="import",
        service="import",
        limit="socket-import",
        load=Task(),
        measure="modules",
    ),
)
