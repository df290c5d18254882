"""trio: tasks in nurseries. It has no readline, so the lines are split by hand."""

from bench.model import Contestant

CONTESTANTS = (
    Contestant(
        library="trio",
        interface="echo",
        services=("echo",),
        program="trio_echo",
        requires=("trio",),
    ),
    Contestant(
        library="trio",
        interface="splitter",
        services=("lines",),
        program="trio_lines",
        requires=("trio",),
    ),
)
