"""Who runs the handlers: a thread for each, threads that are used again, or nobody else."""

import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Literal, Protocol, TypeAlias

__all__ = ("Runner", "Task", "Threads", "make_runner")

Threads: TypeAlias = Literal["per_connection", "pool", "none"]

Task: TypeAlias = Callable[[], object]

_LONGEST_WAIT = 0.05  # seconds until it is looked whether there is still so much time


class Runner(Protocol):
    """Runs tasks; only the accepting thread may call it, unless it says otherwise."""

    def run(self, task: Task, name: str) -> None:
        """Run a task, in a thread of that name if it gets one of its own.

        Raises:
            RuntimeError, MemoryError: No thread can be started. The task was not run.
        """

    def runs_this(self) -> bool:
        """Return whether the calling thread, which may be any, is one of the runner's."""

    def join(self, remaining: Callable[[], float]) -> list[threading.Thread]:
        """Wait for all threads to end, and return those that have not.

        Args:
            remaining: Returns the seconds that are left, which a signal handler may shorten.
        """

    def running(self) -> list[threading.Thread]:
        """Return the threads that have not ended."""


def make_runner(threads: Threads, size: int, name: str) -> Runner:
    """Return the runner for a way of using threads.

    Args:
        threads: Which way.
        size: The most threads of a pool.
        name: What the threads of a pool are called.

    Raises:
        ValueError: There is no such way.
    """
    if threads == "per_connection":
        return _ThreadPerTask()
    if threads == "pool":
        return _Pool(size, name)
    if threads == "none":
        return _InPlace()
    raise ValueError(f"threads is 'per_connection', 'pool' or 'none', not {threads!r}")


class _InPlace:
    def run(self, task: Task, name: str) -> None:
        task()

    def runs_this(self) -> bool:
        return False  # the accepting thread is the server's own

    def join(self, remaining: Callable[[], float]) -> list[threading.Thread]:
        return []

    def running(self) -> list[threading.Thread]:
        return []


class _ThreadPerTask:
    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()
        self._tidy_at = 16

    def run(self, task: Task, name: str) -> None:
        # Threads do not take themselves off the list, or `join` would miss those that are about to
        # end. Those that have ended are dropped when they may be as many as those that have not.
        if len(self._threads) >= self._tidy_at:
            self._threads = {thread for thread in self._threads if thread.is_alive()}
            self._tidy_at = 2 * len(self._threads) + 16
        _start(task, name, self._threads)

    def runs_this(self) -> bool:
        return threading.current_thread() in self._threads

    def join(self, remaining: Callable[[], float]) -> list[threading.Thread]:
        return _join(self._threads, remaining)

    def running(self) -> list[threading.Thread]:
        return _running(self._threads)


class _Pool:
    """Threads that are started when they are needed, and used again until the end.

    `_free` is how many threads wait for a task, less the tasks that are queued. It is negative for
    the moment in which a thread has finished its connection and not come back for the next, or has
    been started and not come for its first.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._lock = threading.Lock()
        self._free = 0
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: set[threading.Thread] = set()

    def run(self, task: Task, name: str) -> None:
        with self._lock:
            must_start = self._free <= 0 and len(self._threads) < self._size
        if must_start:
            _start(self._work, f"{self._name}, thread {len(self._threads) + 1}", self._threads)
        with self._lock:
            self._free -= 1
        self._tasks.put(task)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._free += 1
            task = self._tasks.get()
            if task is None:
                return
            try:
                task()
            except BaseException:
                # It has no caller. A thread of its own would end here, by the same hook.
                arguments = (*sys.exc_info(), threading.current_thread())
                threading.excepthook(threading.ExceptHookArgs(arguments))
                del arguments
            del task  # a connection must not live on in a thread that waits for the next one

    def runs_this(self) -> bool:
        return threading.current_thread() in self._threads

    def join(self, remaining: Callable[[], float]) -> list[threading.Thread]:
        for _ in self._threads:
            self._tasks.put(None)
        return _join(self._threads, remaining)

    def running(self) -> list[threading.Thread]:
        return _running(self._threads)


def _start(task: Task, name: str, threads: set[threading.Thread]) -> None:
    # A daemon, so that a handler which never returns cannot keep the process from ending. In an
    # orderly end of the server they are all waited for.
    thread = threading.Thread(target=task, name=name, daemon=True)
    threads.add(thread)  # first, since the task may ask at once whether it is in one of them
    try:
        thread.start()
    except Exception:  # after Ctrl-C it may well run
        threads.discard(thread)
        raise


def _join(threads: set[threading.Thread], remaining: Callable[[], float]) -> list[threading.Thread]:
    for thread in _running(threads):
        while thread.is_alive() and (left := remaining()) > 0:
            thread.join(min(left, _LONGEST_WAIT))
    return _running(threads)


def _running(threads: set[threading.Thread]) -> list[threading.Thread]:
    # One that Ctrl-C has kept from being started is not alive either.
    return [thread for thread in threads if thread.is_alive()]
