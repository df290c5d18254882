"""asyncio and the event loops that replace its own: the same programs on each loop."""

from bench.model import Contestant, Service

LOOPS = ("asyncio", "uvloop", "rloop", "blazio")

PROGRAMS: tuple[tuple[str, Service, str], ...] = (
    ("protocol", "echo", "asyncio_protocol_echo"),
    ("streams", "echo", "asyncio_streams_echo"),
    ("splitter", "lines", "asyncio_protocol_lines"),
    ("gathering", "lines", "asyncio_protocol_gathering"),
    ("readline", "lines", "asyncio_streams_lines"),
    ("sink", "sink", "asyncio_protocol_sink"),
    ("source", "source", "asyncio_protocol_source"),
)

CONTESTANTS = tuple(
    Contestant(
        library=loop,
        interface=interface,
        services=(service,),
        program=program,
        arguments=(loop,),
        requires=(loop,),
    )
    for loop in LOOPS
    for interface, service, program in PROGRAMS
)
