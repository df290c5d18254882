"""gevent: greenlets that read from blocking-looking sockets."""

from bench.model import Contestant

CONTESTANTS = (
    Contestant(
        library="gevent",
        interface="echo",
        services=("echo",),
        program="gevent_echo",
        requires=("gevent",),
    ),
    Contestant(
        library="gevent",
        interface="readline",
        services=("lines",),
        program="gevent_lines",
        requires=("gevent",),
    ),
)
