"""asyncio and the event loops that replace its own: the same programs on each loop."""

from bench.builds import BUILDS, with_build
from bench.model import Contestant, Service

LOOPS = ("asyncio", "uvloop", "rloop", "blazio")

PROGRAMS: tuple[tuple[str, tuple[Service, ...], str], ...] = (
    ("protocol", ("echo", "protocol echo"), "asyncio_protocol_echo"),
    ("streams", ("echo", "awaited echo"), "asyncio_streams_echo"),
    ("splitter", ("lines",), "asyncio_protocol_lines"),
    ("gathering", ("lines",), "asyncio_protocol_gathering"),
    ("readline", ("lines", "awaited lines"), "asyncio_streams_lines"),
    ("sink", ("sink",), "asyncio_protocol_sink"),
    ("source", ("source",), "asyncio_protocol_source"),
)


def on_loop(
    loop: str,
    interface: str,
    services: tuple[Service, ...],
    program: str,
    folder: str = "servers",
    arguments: tuple[str, ...] = (),
) -> Contestant:
    """Return a contestant on a loop: of a peer, or of ours, which has other interfaces besides."""
    if loop in BUILDS:
        return with_build(
            loop,
            interface=f"aio-{interface}",
            services=services,
            program=program,
            folder=folder,
            arguments=("trunkline", *arguments),
        )
    return Contestant(
        library=loop,
        interface=interface,
        services=services,
        program=program,
        folder=folder,
        arguments=(loop, *arguments),
        requires=(loop,),
    )


CONTESTANTS = tuple(
    on_loop(loop, interface, services, program)
    for loop in (*BUILDS, *LOOPS)
    for interface, services, program in PROGRAMS
)
