"""A server whose handlers are tasks, while a thread accepts: `Server`, with another runner."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, cast

from ..servers.server import Server
from ..servers.threads import Runner, Threads
from .task_connections import TaskConnection
from .task_runners import TaskRunner

if TYPE_CHECKING:
    from .task_server import AsyncServer

__all__ = ("TaskServer",)


class TaskServer(Server):
    """A server whose handlers run in tasks of a loop, while a thread accepts.

    It works on any loop; `LoopServer` does without the thread.

    Attributes:
        face: What is shown of it.
        loop: The loop.
    """

    _connection_type = TaskConnection

    def __init__(
        self, face: "AsyncServer", loop: asyncio.AbstractEventLoop, *args: Any, **options: Any
    ) -> None:
        self.face: AsyncServer = face
        self.loop: asyncio.AbstractEventLoop = loop
        super().__init__(*args, **options)

    @staticmethod
    def _check_handler(handler: Any, misplaced: tuple[object, ...]) -> None:
        calls = type(handler).__call__ if callable(handler) else None
        if not (iscoroutinefunction(handler) or iscoroutinefunction(calls)):
            raise TypeError(f"a handler that is awaited is an async function, not {handler!r}")

    def _make_runner(self, threads: Threads, size: int, name: str) -> Runner:
        return TaskRunner(self.loop, name)

    def _drain(self) -> None:
        super()._drain()
        self._call_loop(self.face._wake_waiting)

    def _end(self) -> None:
        try:
            super()._end()
        finally:
            self._call_loop(self.face._over.set)

    def _call_loop(self, callback: Callable[[], object]) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self.loop.call_soon_threadsafe(callback)

    def serves_by_this_task(self) -> bool:
        """Return whether the task that runs is a handler's, which is not to wait for itself."""
        task = asyncio.current_task()
        with self._lock:
            connections = [*self._connections.values()]
        serving = {cast("TaskConnection", each).serving for each in connections}
        return task is not None and task in serving
