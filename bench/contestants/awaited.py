"""Our streams to await, on our event loop and on others of asyncio's."""

from bench.builds import both_builds
from bench.model import Contestant, Service

PROGRAMS: tuple[tuple[str, Service, str], ...] = (
    ("echo", "awaited echo", "trunkline_await_echo"),
    ("lines", "awaited lines", "trunkline_await_lines"),
)
OTHER_LOOPS = ("asyncio", "uvloop")


def awaited(loop: str, name: str, service: Service, program: str) -> Contestant:
    """Return a contestant, from sources, whose tasks run on a loop of others."""
    return Contestant(
        library="trunkline",
        interface=f"await-{name}-on-{loop}",
        services=(service,),
        program=program,
        arguments=(loop,),
        requires=(loop,),
        environment=(("TRUNKLINE_IMPL", "pure"),),
    )


CONTESTANTS = (
    *(
        contestant
        for name, service, program in PROGRAMS
        for contestant in both_builds(
            interface=f"await-{name}",
            services=(service,),
            program=program,
            arguments=("trunkline",),
        )
    ),
    *(awaited(loop, *program) for loop in OTHER_LOOPS for program in PROGRAMS),
)
