"""Who looks names up: libraries that ask name servers, and the system in threads."""

from bench.builds import both_builds
from bench.model import Contestant, Service

SERVICES: tuple[Service, ...] = ("query", "host")

CONTESTANTS = (
    Contestant(
        library="c",
        interface="resolver",
        services=SERVICES,
        program="resolver.c",
        folder="resolvers",
    ),
    *both_builds(
        interface="resolver",
        services=SERVICES,
        program="trunkline_resolver",
        folder="resolvers",
    ),
    *(
        Contestant(
            library="aiodns",
            interface=loop,
            services=SERVICES,
            program="aiodns_resolver",
            folder="resolvers",
            arguments=(loop,),
            requires=("aiodns", loop),
        )
        for loop in ("asyncio", "uvloop")
    ),
    Contestant(
        library="getaddrinfo",
        interface="threads",
        services=("host",),
        program="getaddrinfo_threads",
        folder="resolvers",
    ),
)
