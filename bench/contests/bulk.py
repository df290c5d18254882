"""Much in one direction: what does a MiB cost a server that only counts it, or only sends it?

Four connections; each begins with its next MiB when the last one has been answered.
"""

from bench.model import Contest, Load

LINE, MIB = 64, 1024 * 1024

CONTESTS = (
    Contest(
        name="bulk-in",
        title="Bulk received, {connections} connections",
        message="MiB",
        service="sink",
        limit="c-sink",
        load=Load(mode="bulk", connections=4, size=MIB, answer=LINE),
    ),
    Contest(
        name="bulk-out",
        title="Bulk sent, {connections} connections",
        message="MiB",
        service="source",
        limit="c-source",
        load=Load(mode="bulk", connections=4, size=LINE, answer=MIB),
    ),
)
