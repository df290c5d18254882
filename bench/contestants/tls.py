"""Servers of TLS: those programs that also speak without, given a certificate.

Of the loops that replace asyncio's own, uvloop has a TLS of its own.
"""

from bench.builds import BUILDS, both_builds
from bench.certificate import CERTIFICATE
from bench.contestants.asyncio_loops import on_loop
from bench.model import Contestant, Service

SERVICES: tuple[tuple[str, Service], ...] = (
    ("echo", "tls echo"),
    ("sink", "tls sink"),
    ("source", "tls source"),
)
LOOPS = ("asyncio", "uvloop")
ARGUMENTS = (str(CERTIFICATE),)

CONTESTANTS = (
    *(
        Contestant(
            library="c",
            interface=f"tls-{name}",
            services=(service,),
            program=f"tls_{name}.c",
            arguments=ARGUMENTS,
        )
        for name, service in SERVICES
    ),
    *(
        contestant
        for name, service in SERVICES
        for contestant in both_builds(
            interface=f"tls-{name}",
            services=(service,),
            program=f"trunkline_transport_{name}",
            arguments=ARGUMENTS,
        )
    ),
    *(
        on_loop(loop, f"tls-{name}", (service,), f"asyncio_protocol_{name}", arguments=ARGUMENTS)
        for loop in (*BUILDS, *LOOPS)
        for name, service in SERVICES
    ),
)
