"""Who runs the handlers of a server in tasks: for one that accepts in a thread, and on the loop."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from .._core.log_record import about
from ..servers.connection import logger

if TYPE_CHECKING:
    from .task_connections import TaskConnection

__all__ = ("LoopRunner", "TaskRunner")


class TaskRunner:
    """Runs handlers in tasks of a loop; see `Runner`.

    The tasks run in copies of the context that it is made in.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        self._loop = loop
        self._name = name
        self._context = copy_context()
        self._lock = threading.Lock()
        self._count = 0  # of tasks that have not ended, and that are to begin
        self._tasks: dict[asyncio.Task[Any], TaskConnection] = {}
        self._ended = self._end  # one object for all of them
        self._idle = threading.Event()
        self._idle.set()

    def run(self, task: Any, name: str) -> None:
        """Have the loop begin with a task.

        Args:
            task: The `TaskConnection` that makes the task.
            name: The task's.

        Raises:
            RuntimeError: The loop is closed.
        """
        self._note_begin()
        try:
            self._hand_over(task, name)
        except BaseException:
            self._note_end()
            raise

    def _hand_over(self, connection: "TaskConnection", name: str) -> None:
        self._loop.call_soon_threadsafe(self._begin, connection, name)

    def _begin(self, connection: "TaskConnection", name: str) -> None:
        task = self._context.copy().run(connection.begin, name)
        if task is None:
            self._note_end()
        else:
            self._tasks[task] = connection
            task.add_done_callback(self._ended, context=self._context)

    def _end(self, task: "asyncio.Task[Any]") -> None:
        try:
            self._tasks.pop(task).end_unbegun()
        finally:
            self._note_end()

    def _note_begin(self) -> None:
        with self._lock:
            self._count += 1
            self._idle.clear()

    def _note_end(self) -> None:
        with self._lock:
            self._count -= 1
            if not self._count:
                self._idle.set()

    @property
    def is_idle(self) -> bool:
        """Whether all tasks have ended."""
        return self._idle.is_set()

    def runs_this(self) -> bool:
        """Return whether the calling thread is the loop's, which is not to wait for itself."""
        return asyncio._get_running_loop() is self._loop

    def join(self, remaining: Callable[[], float]) -> list[threading.Thread]:
        """Wait for all tasks to end, and cancel those that have not when the time is up."""
        while not self.is_idle and not self._loop.is_closed():
            left = remaining()
            if left <= 0:
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self.cancel)
                break
            self._idle.wait(min(left, 0.05))
        return []

    def cancel(self) -> None:
        """Cancel the tasks that have not ended, on the loop."""
        for task in list(self._tasks):
            text = "%s: the task %r does not end, and is cancelled"
            logger.warning(text, self._name, task.get_name(), extra=about(server=self._name))
            task.cancel()

    def running(self) -> list[threading.Thread]:
        """Return the threads that have not ended: there are none."""
        return []


class LoopRunner(TaskRunner):
    """The same, called by the loop itself, which waits for nobody.

    Attributes:
        became_idle: Called whenever all tasks have ended.
    """

    became_idle: Callable[[], object] | None = None

    def _hand_over(self, connection: "TaskConnection", name: str) -> None:
        self._begin(connection, name)

    # Nobody else looks at this while it is changed, nor waits for it.

    def _note_begin(self) -> None:
        self._count += 1

    def _note_end(self) -> None:
        self._count -= 1
        if not self._count and self.became_idle is not None:
            self.became_idle()

    @property
    def is_idle(self) -> bool:
        """Whether all tasks have ended."""
        return not self._count

    def join(self, remaining: Callable[[], float]) -> list[threading.Thread]:
        """Wait for nothing: see `became_idle`."""
        return []
