"""Servers whose handlers are tasks, as the workers of a `Supervisor`: each has a loop in a thread.

The supervisor's part of a worker has the main thread, where the signals come. It knows servers as
something to start, to wait for and to shut down; how these are to be told is decided there, whether
threads serve or tasks.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

from .._core.callbacks import check_callback
from .._sys.latch import Latch
from ..servers.ending import JOIN_TIMEOUT
from ..servers.statistics import ServerStatistics
from ..servers.traffic import Traffic
from ..servers.worker import MakeServer, Supervised
from ..sockets.passive_socket import PassiveSocket
from .loop import EventLoop
from .task_server import AsyncServer

__all__ = ("MakeAsyncServer", "on_loop")

MakeAsyncServer: TypeAlias = Callable[
    [Sequence[PassiveSocket]], AbstractAsyncContextManager[AsyncServer]
]
"""Makes the server of a worker, on its loop; or what makes it, and tidies up after it."""


def on_loop(
    make_server: MakeAsyncServer,
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = EventLoop,
) -> MakeServer:
    """Let a `Supervisor` have servers that `serve` makes: return what it takes.

    ::

        def make_server(sockets):
            return aio.serve(echo, sockets=sockets)

        with Supervisor(aio.on_loop(make_server), host="127.0.0.1", port=7777) as supervisor:
            supervisor.run()

    Each worker has a loop, in a thread of its own. What the handlers have in common, a pool of
    connections for instance, an asynchronous context manager opens before, and closes afterwards::

        @contextlib.asynccontextmanager
        async def make_server(sockets):
            async with open_pool() as pool:
                async with aio.serve(partial(answer, pool), sockets=sockets) as server:
                    yield server

    Args:
        make_server: Called in each worker, while its loop is running, with the listening sockets;
            returns what an ``async with`` block gets an `AsyncServer` of, as of one itself.
        loop_factory: Makes the loop.

    Raises:
        TypeError: One of the two cannot be called.
    """
    check_callback(make_server, "sockets", what="make_server")
    check_callback(loop_factory, what="loop_factory")

    def make(sockets: Sequence[PassiveSocket]) -> Supervised:
        return _LoopThread(make_server, sockets, loop_factory)

    return make


class _LoopThread:
    """A loop in a thread, with a server; see `Supervised`."""

    def __init__(
        self,
        make_server: MakeAsyncServer,
        sockets: Sequence[PassiveSocket],
        loop_factory: Callable[[], asyncio.AbstractEventLoop],
    ) -> None:
        self._make_server = make_server
        self._sockets = sockets
        self._loop_factory = loop_factory
        self._server: AsyncServer | None = None
        self._failure: BaseException | None = None
        self._began = Latch()
        self._ended = Latch()

    def start(self) -> None:
        """Have the loop begin, and wait until the server accepts.

        Raises:
            Whatever has kept it from that.
        """
        threading.Thread(target=self._run, name="worker, serving", daemon=True).start()
        self._began.wait()
        if self._server is None and self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=self._loop_factory) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            self._began.set()
            self._ended.set()

    async def _serve(self) -> None:
        async with self._make_server(self._sockets) as server:
            if not server._has_begun:
                server.start()
            self._server = server
            self._began.set()
            await server.wait()

    @property
    def drain_timeout(self) -> float | None:
        """Seconds that the server would give its clients, when it ends."""
        assert self._server is not None
        return self._server.drain_timeout

    def statistics(self) -> ServerStatistics:
        """Return what the server has counted."""
        assert self._server is not None
        return self._server.statistics()

    def traffic(self) -> Traffic:
        """Return what has gone through the server."""
        assert self._server is not None
        return self._server.traffic()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the server has ended, and what belongs to it; return whether it has.

        Raises:
            Whatever was the reason, if that was an error.
        """
        has_ended = self._ended.wait(timeout)
        if has_ended and self._failure is not None:
            raise self._failure
        return has_ended

    def shutdown(self, timeout: float | None) -> bool:
        """End the server, and return whether it has ended, with its loop; see `Server.shutdown`."""
        assert self._server is not None
        has_ended = self._server._server.shutdown(timeout)
        return has_ended and self._ended.wait(JOIN_TIMEOUT)
