"""The standard library's socketserver: a thread for each connection."""

from bench.model import Contestant

CONTESTANTS = (
    Contestant(
        library="socketserver",
        interface="echo",
        services=("echo",),
        program="socketserver_echo",
        requires=("socketserver",),
    ),
    Contestant(
        library="socketserver",
        interface="readline",
        services=("lines", "threaded lines"),
        program="socketserver_lines",
        requires=("socketserver",),
    ),
)
