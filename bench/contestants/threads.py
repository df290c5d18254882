"""Servers with a thread for each connection, but for `socketserver`, which has its own file."""

from bench.builds import both_builds
from bench.model import Contestant

CONTESTANTS = (
    Contestant(
        library="c",
        interface="threads",
        services=("threaded lines",),
        program="threads_lines.c",
    ),
    *both_builds(
        interface="server",
        services=("threaded lines",),
        program="trunkline_server_lines",
    ),
    *both_builds(
        interface="server-flush",
        services=("threaded lines",),
        program="trunkline_server_lines",
        arguments=("flush",),
    ),
    Contestant(
        library="makefile",
        interface="threads",
        services=("threaded lines",),
        program="threads_makefile_lines",
    ),
)
