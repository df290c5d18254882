"""Who echoes datagrams: a C program, Python's own socket, event loops, and ours."""

from bench.builds import both_builds
from bench.contestants.asyncio_loops import LOOPS
from bench.model import Contestant

OURS = (
    ("endpoint", "trunkline_datagrams", "one"),
    ("endpoint-many", "trunkline_datagrams", "many"),
    ("blocking", "trunkline_datagram_socket", "one"),
    ("blocking-many", "trunkline_datagram_socket", "many"),
)

CONTESTANTS = (
    Contestant(
        library="c",
        interface="datagrams",
        services=("datagrams",),
        program="datagrams_echo.c",
    ),
    *(
        contestant
        for interface, program, how in OURS
        for contestant in both_builds(
            interface=interface,
            services=("datagrams",),
            program=program,
            arguments=(how,),
        )
    ),
    Contestant(
        library="socket",
        interface="datagrams",
        services=("datagrams",),
        program="raw_datagrams",
    ),
    *(
        Contestant(
            library=loop,
            interface="datagrams",
            services=("datagrams",),
            program="asyncio_datagrams",
            arguments=(loop,),
            requires=(loop,),
        )
        for loop in LOOPS
    ),
)
