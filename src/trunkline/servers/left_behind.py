"""Handlers that do not end although their server is to: cutting them off, and naming them."""

import threading
from collections.abc import Callable, Iterable

from .._core.log_record import about
from .._sys.latch import Latch
from .connection import Connection, logger
from .ending import Ending
from .threads import Runner

__all__ = ("name_those_left", "watch_handler_in_place")


def watch_handler_in_place(
    server: str,
    ending: Ending,
    ended: Latch,
    cut: Callable[[], object],
    leave_behind: Callable[[], object],
) -> list[threading.Thread]:
    """Cut the connection of a handler that keeps the accepting thread from doing it.

    If the handler goes on nevertheless, it is left behind, with the accepting thread.

    Args:
        server: The server's name.
        ending: When the clients' time is over, which is some day.
        ended: Set when the server has ended.
        cut: Closes the connections.
        leave_behind: Called if the handler does not end.

    Returns:
        The thread that does it, if one could be started.
    """
    remaining = ending.remaining()

    def watch() -> None:
        if ended.wait(max(0.0, remaining)):
            return
        cut()
        if not ended.wait(ending.join_timeout()):
            leave_behind()

    helper = threading.Thread(target=watch, name=f"{server}, draining", daemon=True)
    try:
        helper.start()
    except RuntimeError:  # no thread can be started: better too early than never
        cut()
        return []
    return [helper]


def name_those_left(server: str, connections: Iterable[Connection], runner: Runner) -> bool:
    """Name the handlers, and the threads, that have not ended; return whether there are any.

    Args:
        server: The server's name.
        connections: Those whose handlers have not returned.
        runner: Who runs the handlers.
    """
    serving = []
    for connection in connections:
        thread, peer = connection.thread, connection.peer
        where = "" if thread is None else f" in the thread {thread.name!r}"
        _warn_of(server, f"the handler for {peer}{where}", peer)
        serving.append(thread)
    # Of a thread for which Ctrl-C has ended the waiting, Python may believe that it has ended.
    idle = {*runner.running()}.difference(serving)
    for thread in idle:
        _warn_of(server, f"the thread {thread.name!r}", None)
    return bool(serving or idle)


def _warn_of(server: str, who: str, peer: object) -> None:
    extra = about(server=server, peer=peer)
    logger.warning("%s: %s does not end, and is left behind", server, who, extra=extra)
