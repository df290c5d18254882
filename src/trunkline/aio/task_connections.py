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

    serving: "asyncio.Task[Any] | None" = None
    _has_begun = False  # its task

    @property
    def task(self) -> Callable[..., object]:
        """What a runner is to call for it, on the loop; see `begin`."""
        return self.begin

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
            task = self._server.loop.create_task(serving, name=name)
        except Exception as error:
            if not self._has_begun:
                serving.close()
                self._count_out(self._end_by(error, Outcome.FAILED))
            return None
        task.add_done_callback(self._end_unbegun)
        return task

    def _end_unbegun(self, task: "asyncio.Task[Any]") -> None:
        """Make an end if the task was cancelled before it could begin."""
        if not self._has_begun:
            self.socket.close(abort=True)
            self._count_out(Outcome.CUT if self._is_cut else Outcome.FAILED)

    async def serve_in_task(self) -> None:
        """Do all that there is to do; see `Connection.serve`."""
        outcome: Outcome | None = Outcome.FAILED
        self._has_begun = True
        self.serving = asyncio.current_task()
        try:
            outcome = await self._serve_in_task()
        except BaseException:
            self.socket.close(abort=True)
            raise
        finally:
            self.serving = None
            self._count_out(outcome)
        self._hand_on(outcome)

    async def _serve_in_task(self) -> Outcome | None:
        if self.has_preamble:
            # What follows from it is decided here: the task may be cancelled, and the thread not.
            error = await _in_thread(self._run_preamble, f"preamble for {self.peer}")
            goes_on, outcome = self._after_preamble(error)
            if not goes_on:
                return outcome
        stream: ServerStream | None = None
        try:
            self.socket.watch_closing(self._closing)
            stream = ServerStream(self.socket, self._server.face)
            await self._service.handler(stream)  # type: ignore[arg-type,misc]  # it takes streams
            if self._service.close_connections:
                await stream.close()
        except Exception as error:
            outcome = self._judge(error)
            await self._close_in_task(stream, outcome)
            self._tell(error, outcome, stream or self.socket)
            return outcome
        except asyncio.CancelledError:
            if not self._is_cut:
                raise
        return Outcome.CUT if self._is_cut else Outcome.FINISHED

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
