"""Running a server and a client of the demonstration, and showing what they are and do."""

import inspect
import textwrap
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

from ..._sys.clock import monotonic
from ...servers import Server
from ...servers.binding import bind_all
from ...servers.worker import Supervised
from ...sockets.passive_socket import PassiveSocket
from ..bench.result import time_text
from ..serve.supervised import AwaitedServer, EventedServer
from .programs import LINES, Echo, echo, echo_awaited, talk

__all__ = ("WAYS", "demonstrate")

_HOST = "127.0.0.1"


def _by_threads(sockets: list[PassiveSocket]) -> Supervised:
    return Server(echo, sockets=sockets)


def _by_callbacks(sockets: list[PassiveSocket]) -> Supervised:
    return EventedServer(sockets, Echo, delivery="lines", max_connections=10)


def _by_tasks(sockets: list[PassiveSocket]) -> Supervised:
    return AwaitedServer(echo_awaited, sockets=sockets)


WAYS: dict[str, tuple[Any, Callable[[list[PassiveSocket]], Supervised]]] = {
    "threads": (echo, _by_threads),
    "callbacks": (Echo, _by_callbacks),
    "await": (echo_awaited, _by_tasks),
}
"""The ways to serve: what serves, and what makes a server of that."""


def demonstrate(way: str, tell: Callable[[str], object], lines: Iterable[str] = LINES) -> bool:
    """Run a server and a client, and return whether all has come back as it went.

    Args:
        way: One of `WAYS`.
        tell: Called with each line of what there is to be told.
        lines: What is sent.
    """
    served, make_server = WAYS[way]
    sockets = bind_all(_HOST, 0, None, (), {})
    server = make_server(sockets)
    tell("A server that sends back what it gets:\n")
    tell(_source(served))
    tell(f"is called with each connection at {sockets[0].local_name}. A client:\n")
    tell(_source(talk))
    tell("says hello, and this comes back:\n")
    server.start()
    try:
        sent = [*lines]
        came = []
        before = monotonic()
        for line in talk(_HOST, sockets[0].local_port, sent):
            came.append(line)
            tell(f"    {line}")
        seconds = monotonic() - before
    finally:
        server.shutdown(0)
    is_same = came == sent
    how = "as they went" if is_same else "changed"
    tell(
        f"\n{len(came)} lines in {len(_scripts(came))} scripts came back {how}, "
        f"in {time_text(seconds)}."
    )
    return is_same


def _source(thing: Any) -> str:
    return textwrap.indent(inspect.getsource(thing), "    ")


def _scripts(lines: Iterable[str]) -> set[str]:
    """Return the scripts of all letters: the first word of their names."""
    letters = (character for line in lines for character in line if character.isalpha())
    return {unicodedata.name(letter).partition(" ")[0] for letter in letters}
