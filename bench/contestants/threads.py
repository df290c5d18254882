"""Servers with a thread for each connection, but for `socketserver`, which has its own file."""

from bench.model import Contestant

CONTESTANTS = (
    Contestant(
        library="c",
        interface="threads",
        services=("threaded lines",),
        program="threads_lines.c",
    ),
    Contestant(
        library="trunkline",
        interface="server",
        services=("threaded lines",),
        program="trunkline_server_lines",
        environment=(("TRUNKLINE_IMPL", "pure"),),
    ),
    Contestant(
        library="trunkline",
        interface="server-flush",
        services=("threaded lines",),
        program="trunkline_server_lines",
        arguments=("flush",),
        environment=(("TRUNKLINE_IMPL", "pure"),),
    ),
    Contestant(
        library="makefile",
        interface="threads",
        services=("threaded lines",),
        program="threads_makefile_lines",
    ),
)
