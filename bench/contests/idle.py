"""Ten thousand connections on which nothing happens: how much memory does each one hold?"""

from bench.model import Contest, Load

CONTESTS = (
    Contest(
        name="idle",
        title="Memory of an idle connection, {connections:,} of them",
        message="connection",
        service="echo",
        limit="c-echo",
        load=Load(mode="idle", connections=10_000, size=1024, sources=4),
        measure="memory",
    ),
)
