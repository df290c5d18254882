"""The blocking clients, and asyncio's streams where one question after the other is asked."""

from bench.builds import BUILDS, both_builds
from bench.contestants.asyncio_loops import LOOPS, on_loop
from bench.model import Contestant, Service

BYTES: tuple[Service, ...] = ("read-exactly", "read-into")
LINES: tuple[Service, ...] = ("round-trip", "read-line", "iterate", "write-line")
BY_HAND: tuple[Service, ...] = ("round-trip", "read-line", "write-line")

CONTESTANTS = (
    Contestant(
        library="c",
        interface="client",
        services=(*LINES, *BYTES),
        program="client.c",
        folder="clients",
    ),
    *both_builds(
        interface="stream",
        services=(*LINES, *BYTES),
        program="trunkline_stream",
        folder="clients",
    ),
    Contestant(
        library="makefile",
        interface="text",
        services=LINES,
        program="makefile",
        folder="clients",
        arguments=("text",),
    ),
    Contestant(
        library="makefile",
        interface="binary",
        services=(*LINES, *BYTES),
        program="makefile",
        folder="clients",
        arguments=("binary",),
    ),
    Contestant(
        library="socket",
        interface="raw",
        services=(*BY_HAND, *BYTES),
        program="raw_socket",
        folder="clients",
    ),
    *(
        on_loop(loop, "client", ("round-trip",), "asyncio_streams", "clients")
        for loop in (*BUILDS, *LOOPS)
    ),
)
