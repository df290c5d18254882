"""What a program imports before it can talk to anybody: a library, or a part of ours.

Ours loads a part when it is asked for, so it is asked for a name of that part.
"""

from bench.builds import both_builds
from bench.contestants.asyncio_loops import LOOPS
from bench.model import Contestant

OURS = (
    ("import-sockets", "trunkline:make_socket"),
    ("import-base", "trunkline:EventBase"),
    ("import-servers", "trunkline.servers:Server"),
    ("import-evented", "trunkline.evented:start_event_loop"),
    ("import-aio", "trunkline.aio:EventLoop"),
)
OTHERS = ("socket", "socketserver", *LOOPS, "gevent", "trio")

CONTESTANTS = (
    *(
        contestant
        for interface, module in OURS
        for contestant in both_builds(
            interface=interface,
            services=("import",),
            program="import_module.py",
            folder="imports",
            arguments=(module,),
        )
    ),
    *(
        Contestant(
            library=library,
            interface="import",
            services=("import",),
            program="import_module.py",
            folder="imports",
            arguments=(library,),
            requires=(library,),
        )
        for library in OTHERS
    ),
)
