"""Our streams to await, on our event loop and on others of asyncio's."""

from bench.model import Contestant, Service

PROGRAMS: tuple[tuple[str, Service, str], ...] = (
    ("echo", "awaited echo", "trunkline_await_echo"),
    ("lines", "awaited lines", "trunkline_await_lines"),
)
OTHER_LOOPS = ("asyncio", "uvloop")


def awaited(loop: str, name: str, service: Service, program: str) -> Contestant:
    """Return a contestant whose tasks run on a loop."""
    is_ours = loop == "trunkline"
    return Contestant(
        library="trunkline",
        interface=f"await-{name}" if is_ours else f"await-{name}-on-{loop}",
        services=(service,),
        program=program,
        arguments=(loop,),
        requires=() if is_ours else (loop,),
        environment=(("TRUNKLINE_IMPL", "pure"),),
    )


CONTESTANTS = tuple(
    awaited(loop, *program) for loop in ("trunkline", *OTHER_LOOPS) for program in PROGRAMS
)
