"""One connection of a server whose handlers are tasks.

What is decided about a connection is decided by `Connection`, as for a handler in a thread; only
what waits, waits here.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..errors import SocketError
from ..servers.connection import Connection, Outcome
from ..servers.server_connection import ServerConnection
from ..streams.stream import DEFAULT_TIMEOUT
from .settling import fail, succeed
from .stream import AsyncStream

if TYPE_CHECKING:
    from ..tls.description import TLSLike
    from .task_server import AsyncServer
    from .thread_server import TaskServer

__all__ = ("ServerStream", "TaskConnection")

T = TypeVar("T")


class ServerStream(AsyncStream):
    """What a handler of `serve` is called with: an `AsyncStream`, and what is known of it.

    Attributes:
        server: The server. Its `draining` and `wait_for_input` are for handlers.
    """

    _socket: ServerConnection

    def __init__(self, socket: ServerConnection, server: "AsyncServer") -> None:
        super().__init__(socket)
        self._limited = socket._limited
        self._limits_calls = socket._limited.limits_calls
        self.server: AsyncServer = server

    @property
    def bytes_received(self) -> int:
        """How many bytes have come from the client; what was not read yet counts, too."""
        return self._socket.bytes_received

    @property
    def bytes_sent(self) -> int:
        """How many bytes the system has taken for the client."""
        return self._socket.bytes_sent

    @property
    def duration(self) -> float:
        """Seconds from being accepted until now, or until it was closed."""
        return self._socket.duration


class TaskConnection(Connection):
    """A connection that is being served by a task.

    Attributes:
        serving: The task that serves it, while there is one.
    """

    __slots__ = ("_has_begun", "serving")

    def __init__(self, socket: ServerConnection, tls: "TLSLike | None") -> None:
        super().__init__(socket, tls)
        self._has_begun = False  # its task
        self.serving: asyncio.Task[Any] | None = None

    @property
    def task(self) -> "TaskConnection":
        """What a runner is to begin with, on the loop."""
        return self

    @property
    def _server(self) -> "TaskServer":
        return cast("TaskServer", self.socket.server)

    def begin(self, name: str) -> "asyncio.Task[Any] | None":
        """Have the connection served by a task of that name, and return it.

        If no task can be made of it, as a factory of tasks raises, that is the connection's end.
        """
        self._has_begun = False
        serving = self.serve_in_task()
        try:
            return self._server.loop.create_task(serving, name=name)
        except Exception as error:
            if not self._has_begun:
                serving.close()
                self._count_out(self._end_by(error, Outcome.FAILED))
            return None

    def end_unbegun(self) -> None:
        """Make an end if the task was cancelled before it could begin."""
        if not self._has_begun:
            self.socket.close(abort=True)
            self._count_out(Outcome.CUT if self._is_cut else Outcome.FAILED)

    async def serve_in_task(self) -> None:
        """Do all that there is to do; see `Connection.serve`."""
        # It calls no other coroutine for the handler: each idle connection would hold that as well.
        self._has_begun = True
        self.serving = asyncio.current_task()
        outcome: Outcome | None = Outcome.FAILED
        stream: ServerStream | None = None
        try:
            try:
                goes_on, prepared = True, None
                if self.has_preamble:
                    goes_on, prepared = await self._prepare_in_task()
                if not goes_on:
                    outcome = prepared
                else:
                    self.socket.watch_closing(self._closing)
                    stream = ServerStream(self.socket, self._server.face)
                    await self._service.handler(stream)  # type: ignore[arg-type,misc]  # it takes streams
                    if self._service.close_connections:
                        await stream.close()
                    outcome = Outcome.CUT if self._is_cut else Outcome.FINISHED
            except Exception as error:
                how = self._judge(error)
                await self._close_in_task(stream, how)
                self._tell(error, how, stream or self.socket)
                outcome = how
            except asyncio.CancelledError:
                if not self._is_cut:
                    raise
                outcome = Outcome.CUT
        except BaseException:
            self.socket.close(abort=True)
            raise
        finally:
            self.serving = None
            self._count_out(outcome)
        self._hand_on(outcome)

    async def _prepare_in_task(self) -> tuple[bool, Outcome | None]:
        """Run the preamble; see `_prepare`."""
        # What follows from it is decided here: the task may be cancelled, and the thread not.
        error = await _in_thread(self._run_preamble, f"preamble for {self.peer}")
        return self._after_preamble(error)

    async def _close_in_task(self, stream: ServerStream | None, outcome: Outcome) -> None:
        """Close as it suits how the connection ended; see `_close_after`."""
        if stream is not None and outcome is Outcome.BROKEN:
            with suppress(SocketError):  # one of them is being told of already
                await stream.close(timeout=DEFAULT_TIMEOUT)
        else:
            self._close_after(outcome)

    def _closing(self, number: int) -> None:
        if asyncio.current_task(self._server.loop) is not self.serving:
            self._was_closed_elsewhere = True

    def cut(self) -> None:
        """Close the socket, whatever it is used for; from any thread."""
        try:
            self._server.loop.call_soon_threadsafe(super().cut)
        except RuntimeError:  # the loop is closed, and its tasks have ended
            super().cut()


async def _in_thread(function: Callable[[], T], name: str) -> T:
    """Return what a function returns that may block, in a thread of its own."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        tell: Callable[[], None]
        try:
            tell = partial(succeed, done, function())
        except BaseException as error:
            tell = partial(fail, done, error)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await done
