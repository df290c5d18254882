"""A server whose handlers are tasks: `Server`, with somebody else who runs the handlers."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, Self, TypeAlias, Unpack

from .._core.deadline import Deadline
from .._core.external_format import ExternalFormatLike
from .._core.uncopied import Uncopied
from ..multiplex.listener import DEFAULT_DRAIN_TIMEOUT
from ..servers.binding import Hosts, Paths, ServerSocketOptions
from ..servers.connection import Preamble
from ..servers.places import Places
from ..servers.server import DEFAULT_IDLE_TIMEOUT, DEFAULT_MAX_CONNECTIONS
from ..servers.server_options import AtLimit, check_server_names
from ..servers.statistics import ServerStatistics
from ..servers.traffic import Traffic
from ..sockets.passive_socket import PassiveSocket
from ..streams.stream import DEFAULT_TIMEOUT, Timeout
from .loop import EventLoop
from .loop_server import LoopServer
from .stream import Later
from .task_connections import ServerStream
from .thread_server import TaskServer

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = ("AsyncServer", "StreamHandler", "serve")

StreamHandler: TypeAlias = Callable[[ServerStream], Coroutine[Any, Any, object]]
"""What a server calls with each connection, and awaits."""


class AsyncServer(Places, Uncopied):
    """What `serve` returns: it listens, and calls a handler, in a task, with each connection.

    It accepts from when an ``async with`` block begins, or `start` is called. Leaving the block
    shuts it down, and gives the clients `drain_timeout`; leaving it by an exception, also that of
    being cancelled, ends it at once.
    """

    def __init__(self, handler: StreamHandler, **options: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._waiting: set[ServerStream] = set()  # those whose handlers wait for input, or the end
        self._has_begun = False
        kind = LoopServer if isinstance(self._loop, EventLoop) else TaskServer
        self._server: TaskServer = kind(self, self._loop, handler, **options)
        self._sockets = self._server.sockets

    def start(self) -> Self:
        """Accept connections from now on, and return the server.

        Raises:
            RuntimeError: The server is serving already, or has been closed; or no thread can be
                started, and the server is closed now.
            Whatever `announce` raises.
        """
        self._has_begun = True
        self._server.start()
        return self

    async def wait(self) -> None:
        """Wait until the server has ended, in whatever way.

        Raises:
            SocketError: A listening socket was at fault.
        """
        await self._over.wait()
        self._server._raise_failure()

    async def serve_forever(self) -> None:
        """Accept and serve connections until the server is shut down, or this is cancelled.

        Raises:
            Everything that `start` and `wait` raise.
        """
        if not self._has_begun:
            self.start()
        try:
            await self.wait()
        except asyncio.CancelledError:
            await self.shutdown(0)
            raise

    def shutdown(
        self, timeout: Timeout = DEFAULT_TIMEOUT, *, join_timeout: Timeout = DEFAULT_TIMEOUT
    ) -> Awaitable[None]:
        """End the server: accept nobody any more, let the clients finish, and cut the others.

        It begins at once; to await what this returns is to wait until the server has ended. A
        handler's task, which would wait for itself, never does. See `Server.shutdown`. A handler
        learns from `draining` that it should come to an end, and `wait_for_input` waits for that
        too.

        Args:
            timeout: Seconds for the clients; 0 cuts them at once, None is for ever. Default: the
                server's `drain_timeout`.
            join_timeout: Seconds for handlers that go on after that; those that are left then are
                cancelled. Default: `JOIN_TIMEOUT`.
        """
        self._server.shutdown(timeout, join_timeout=join_timeout, wait=False)
        if not self._has_begun:
            self._has_begun = True
            self._server._end_unstarted()
        return Later(self._until_over)

    async def _until_over(self) -> None:
        if not self._server.serves_by_this_task():
            await self._over.wait()

    async def __aenter__(self) -> Self:
        if not self._has_begun:
            self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.shutdown(DEFAULT_TIMEOUT if kind is None else 0)
        except asyncio.CancelledError:
            # Whoever cannot wait shall not have to: the tasks are cancelled, too.
            await self.shutdown(0, join_timeout=0)
            raise

    # -- for handlers ----------------------------------------------------------------------------

    @property
    def draining(self) -> bool:
        """Whether the server is to end, or has ended: a handler should finish what it is doing."""
        return self._server.draining

    async def wait_for_input(self, stream: ServerStream, *, timeout: float | None = None) -> bool:
        """Wait, in a handler, until the client sends something, or the server is to end.

        You would want it between two requests of a client: there the connection can end without
        harm. The limit on reading does not count here, the others do::

            while await stream.server.wait_for_input(stream):
                await answer(await stream.read_line())

        Args:
            stream: The handler's.
            timeout: Seconds to wait; None is for ever.

        Returns:
            Whether something can be read, the end of file included; and False when nothing has come
            and the server is to end.

        Raises:
            TimedOut: The time is up, or a limit has passed.
            SocketClosed, Busy, SocketError: As the names say.
        """
        deadline = Deadline(timeout, self._loop.time)
        return await stream._wait_for_something(lambda: self.draining, self._waiting, deadline)

    def _wake_waiting(self) -> None:
        """Have those who wait for input look whether the server is to end."""
        for stream in self._waiting:
            stream._wake_reader()

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def drain_timeout(self) -> float | None:
        """Seconds that the clients get when the server ends; None is for ever."""
        return self._server.drain_timeout

    @property
    def closed(self) -> bool:
        """Whether the server has ended."""
        return self._server.closed

    def statistics(self) -> ServerStatistics:
        """Return what the server has counted until now."""
        return self._server.statistics()

    def traffic(self) -> Traffic:
        """Return what has gone through the server until now; it looks at all its connections."""
        return self._server.traffic()

    def __repr__(self) -> str:
        return repr(self._server).replace("<Server", "<AsyncServer", 1)


def serve(
    handler: StreamHandler,
    *misplaced: Never,
    host: Hosts = None,
    port: int | str = 0,
    path: Paths = None,
    sockets: Iterable[PassiveSocket] = (),
    tls: "TLSLike | None" = None,
    handshake_timeout: float | None = 10.0,
    external_format: ExternalFormatLike | None = None,
    backlog: int | None = None,
    reuse_port: bool = False,
    max_connections: int = DEFAULT_MAX_CONNECTIONS,
    max_connections_per_address: int | None = None,
    at_limit: AtLimit = "wait",
    refusal: bytes = b"",
    read_timeout: float | None = None,
    write_timeout: float | None = None,
    idle_timeout: float | None = DEFAULT_IDLE_TIMEOUT,
    lifetime: float | None = None,
    drain_timeout: float | None = DEFAULT_DRAIN_TIMEOUT,
    preamble: Preamble | None = None,
    preamble_timeout: float | None = 5.0,
    announce: Callable[[tuple[PassiveSocket, ...]], object] | None = None,
    exception_hook: Callable[[Exception, ServerStream], object] | None = None,
    close_connections: bool = True,
    name: str = "server",
    **socket_options: Unpack[ServerSocketOptions],
) -> AsyncServer:
    """Listen, and have a handler called, in a task of the running loop, with each connection.

    It listens as soon as this returns, and accepts from the beginning of an ``async with`` block::

        async def echo(stream):
            async for line in stream:
                await stream.write_line(line)

        async with serve(echo, host="127.0.0.1", port=7777) as server:
            await server.wait()

    The handler's return closes its connection in good order. An exception closes it at once, and
    goes to `exception_hook`, unless it says that the connection itself is over.

    Everything else is as for a `Server` with threads, because it is one. On a loop of ours that is
    what accepts, counts and refuses, shakes hands and ends; beside any other loop a thread does it.
    `on_loop` lets a `Supervisor` have several processes of it.

    Args:
        handler: An async function, called with each connection, a `ServerStream`.
        *misplaced: Nothing: all else is said by name.
        host, port, path, sockets, tls, handshake_timeout, external_format, backlog, reuse_port:
            Where to listen, and how; see `Server`.
        max_connections, max_connections_per_address, at_limit, refusal: How many are served at
            once, and what becomes of more; see there.
        read_timeout, write_timeout, idle_timeout, lifetime, drain_timeout: Limits of time, in
            seconds; see there. They hold for whatever is awaited of the stream.
        preamble, preamble_timeout: What is called, in a thread, with each connection as a socket
            that blocks, before the handler; see there. The PROXY protocol is one.
        announce: Called with a tuple of the listening sockets, when the server begins to accept.
        exception_hook: Called with an exception that the handler has raised, and the stream. By
            default it is logged, with its traceback.
        close_connections: Close a connection when its handler returns.
        name: What tasks and log messages call the server.
        **socket_options: Further options of `make_socket`; see there.

    Raises:
        RuntimeError: No loop is running.
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: It cannot listen there.
        TooManyOpenFiles: No descriptors are left.
        TypeError, ValueError: An argument is none of those that it can be.
    """
    if misplaced:
        raise TypeError(
            "a server takes its handler first, and says by name where it listens: "
            "serve(handler, host='127.0.0.1', port=7777)"
        )
    check_server_names(socket_options, serve.__kwdefaults__)
    return AsyncServer(
        handler,
        host=host,
        port=port,
        path=path,
        sockets=sockets,
        tls=tls,
        handshake_timeout=handshake_timeout,
        external_format=external_format,
        backlog=backlog,
        reuse_port=reuse_port,
        max_connections=max_connections,
        max_connections_per_address=max_connections_per_address,
        at_limit=at_limit,
        refusal=refusal,
        read_timeout=read_timeout,
        write_timeout=write_timeout,
        idle_timeout=idle_timeout,
        lifetime=lifetime,
        drain_timeout=drain_timeout,
        preamble=preamble,
        preamble_timeout=preamble_timeout,
        announce=announce,
        exception_hook=exception_hook,
        close_connections=close_connections,
        name=name,
        **socket_options,
    )
