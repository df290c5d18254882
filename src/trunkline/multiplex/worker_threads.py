"""A few threads for calls that block. A thread ends as soon as there is nothing for it to do."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Protocol

__all__ = ("Job", "WorkerThreads")


class Job(Protocol):
    """Something that blocks."""

    def work(self) -> None:
        """Do it, in a thread of its own; it raises nothing."""

    def not_started(self, error: Exception) -> None:
        """There is no thread for it; this is called in the thread that gave the job."""


class WorkerThreads:
    """Does jobs in so many threads at most; what is too much for them waits for its turn.

    A blocked thread cannot be stopped: the threads are daemons, which a program that ends leaves
    behind.

    Args:
        limit: The most threads that there are at a time; the attribute can be set before there are
            any.
        call_soon: Has something called in the thread that gives the jobs.
    """

    def __init__(self, limit: int, call_soon: Callable[[Callable[[], object]], object]) -> None:
        self.limit = limit
        self._call_soon = call_soon
        self._lock = threading.Lock()
        self._waiting: dict[Job, None] = {}  # in order; a dictionary, since any may be taken out
        self._thread_count = 0
        self._open: dict[Job, None] = {}  # all that are not done; only the giver's thread looks
        _all_threads.add(self)

    def submit(self, job: Job) -> None:
        """Have a job done."""
        self._open[job] = None
        with self._lock:
            self._waiting[job] = None
        self._start_threads()

    def forget(self, job: Job) -> None:
        """Take note that a job is done; or is not wanted any more, and need not be begun."""
        self._open.pop(job, None)
        with self._lock:
            self._waiting.pop(job, None)

    def _start_threads(self) -> None:
        with self._lock:
            wanted = min(self.limit - self._thread_count, len(self._waiting))
            self._thread_count += wanted
        for _ in range(wanted):
            try:
                threading.Thread(target=self._work, name="trunkline-worker", daemon=True).start()
            except RuntimeError as error:  # the system gives no more threads
                self._thread_ended(error)

    def _thread_ended(self, error: RuntimeError) -> None:
        """Note that a thread could not be started; with no thread left, nobody does what waits."""
        with self._lock:
            self._thread_count -= 1
            stranded = [] if self._thread_count else list(self._waiting)
            for job in stranded:
                del self._waiting[job]
        for job in stranded:
            job.not_started(error)

    def _work(self) -> None:
        while (job := self._next_job()) is not None:
            job.work()

    def _next_job(self) -> Job | None:
        with self._lock:
            for job in self._waiting:
                del self._waiting[job]
                return job
            self._thread_count -= 1
            return None

    def _after_fork(self) -> None:
        """In the child, which has none of the threads: begin all again, if it goes on at all."""
        self._lock = threading.Lock()
        self._thread_count = 0
        self._waiting = dict(self._open)
        if self._waiting:
            self._call_soon(self._start_threads)


_all_threads: "weakref.WeakSet[WorkerThreads]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for threads in list(_all_threads):
        threads._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
