"""The limit: what a C program must spend on the same work. Not a rival, but the scale."""

from bench.model import Contestant

CONTESTANTS = (
    Contestant(
        library="c",
        interface="echo",
        services=("echo", "protocol echo", "awaited echo"),
        program="epoll_echo.c",
    ),
    Contestant(
        library="c",
        interface="lines",
        services=("lines", "awaited lines"),
        program="epoll_lines.c",
    ),
    Contestant(library="c", interface="sink", services=("sink",), program="epoll_sink.c"),
    Contestant(library="c", interface="source", services=("source",), program="epoll_source.c"),
)
