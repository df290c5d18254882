"""Making what serves in worker processes, of what the user has said."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...multiplex.protocol_check import check_factory
from ...servers import Server, Supervisor, activated_sockets, proxy_protocol
from ...servers.proxy import Preamble
from ...servers.server_options import check_handler
from ...servers.worker import Supervised
from ...sockets.passive_socket import PassiveSocket
from ..binding import bind_place
from ..target import Target
from .handlers import Found, find_handler
from .reloading import forget_modules, own_modules, watch_and_tell
from .supervised import AwaitedServer, EventedServer

if TYPE_CHECKING:
    from ...tls import TLS

__all__ = ("Plan", "make_supervisor")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the user has said of a server.

    Attributes:
        found: What serves.
        places: Where to listen.
        activate: Whether to take the sockets that a service manager has opened.
        workers: How many processes.
        threads: How many threads a process has, for handlers of threads; None is one for each
            connection.
        max_connections: How many connections a process serves at once.
        drain: Seconds that the clients get in the end; None is for ever.
        tls: How to speak TLS.
        proxies: The networks of the proxies that say for whom they connect.
        reload: Whether to look for the handler anew in each worker, and to replace these when its
            files change.
    """

    found: Found
    places: Sequence[Target]
    activate: bool
    workers: int
    threads: int | None
    max_connections: int
    drain: float | None
    tls: "TLS | None"
    proxies: Sequence[str]
    reload: bool = False


def make_supervisor(plan: Plan) -> Supervisor:
    """Return what serves, and listens already.

    Raises:
        AddressInUse, PermissionDenied, SocketError: It cannot listen there.
        ValueError, TypeError: The handler, or something else, is not as it should be.
    """
    make_server = _MAKERS[plan.found.kind](plan)
    return Supervisor(
        _reloading(plan) if plan.reload else make_server,
        sockets=_sockets(plan),
        workers=plan.workers,
        tls=plan.tls,
        drain_timeout=plan.drain,
    )


def _sockets(plan: Plan) -> list[PassiveSocket]:
    """Return the sockets to listen at."""
    sockets: list[PassiveSocket] = []
    if plan.activate:
        sockets += [each for several in activated_sockets().values() for each in several]
        if not sockets:
            raise ValueError("no service manager has opened a socket for this process")
    try:
        for place in plan.places:
            sockets += bind_place(place)
    except BaseException:
        for socket in sockets:
            socket.close()
        raise
    return sockets


MakeServer = Callable[[Sequence[PassiveSocket]], Supervised]


def _reloading(plan: Plan) -> MakeServer:
    supervisor, modules = os.getpid(), own_modules()

    def make_server(sockets: Sequence[PassiveSocket]) -> Supervised:
        forget_modules(modules)
        found = find_handler(plan.found.name)
        server = _MAKERS[found.kind](replace(plan, found=found))(sockets)
        watch_and_tell(supervisor)
        return server

    return make_server


def _by_threads(plan: Plan) -> MakeServer:
    check_handler(plan.found.handler, ())
    options = _options(plan)
    if plan.threads is not None:
        options |= {"threads": "pool", "max_connections": plan.threads}

    def make_server(sockets: Sequence[PassiveSocket]) -> Supervised:
        return Server(plan.found.handler, sockets=sockets, **options)

    return make_server


def _by_tasks(plan: Plan) -> MakeServer:
    options = _options(plan)

    def make_server(sockets: Sequence[PassiveSocket]) -> Supervised:
        return AwaitedServer(plan.found.handler, sockets=sockets, **options)

    return make_server


def _by_callbacks(plan: Plan) -> MakeServer:
    found = plan.found
    check_factory(found.handler, found.delivery)
    preamble = _preamble(plan)

    def make_server(sockets: Sequence[PassiveSocket]) -> Supervised:
        return EventedServer(
            sockets,
            found.handler,
            delivery=found.delivery,
            max_connections=plan.max_connections,
            preamble=preamble,
            finish=found.finish,
        )

    return make_server


def _options(plan: Plan) -> dict[str, Any]:
    """Return what servers with threads and with tasks both take."""
    return {
        "max_connections": plan.max_connections,
        "drain_timeout": plan.drain,
        "preamble": _preamble(plan),
        "name": plan.found.name,
    }


def _preamble(plan: Plan) -> Preamble | None:
    if not plan.proxies:
        return None
    made = proxy_protocol(plan.proxies)
    assert isinstance(made, Preamble)
    return made


_MAKERS: dict[str, Callable[[Plan], MakeServer]] = {
    "threads": _by_threads,
    "callbacks": _by_callbacks,
    "await": _by_tasks,
}
