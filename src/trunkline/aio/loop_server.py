"""A server whose handlers are tasks of a loop of ours, where the loop accepts, too."""

from typing import Self

from .._core.timer_queue import Timer
from .._sys.clock import monotonic
from ..multiplex.event_base import EventBase
from ..servers.threads import Threads
from .loop import EventLoop
from .task_runners import LoopRunner
from .thread_server import TaskServer

__all__ = ("LoopServer",)

# Seconds for handlers that have been cancelled to do what they have to do then.
_CANCELLED_TIMEOUT = 1.0


class LoopServer(TaskServer):
    """A server that accepts on the loop of its handlers, which is an event base: without a thread.

    Whatever a thread would wait for, in the end, is told of by the tasks, or by a timer.
    """

    loop: EventLoop
    _runner: LoopRunner
    _is_leaving = False
    _left_at = 0.0  # when that was, once all connections are closed
    _cancelled_at: float | None = None  # the handlers
    _patience_timer: Timer | None = None

    def _open_event_base(self) -> EventBase:
        return self.loop

    def _close_event_base(self) -> None:
        """Leave the loop as if nothing had been there."""
        self.loop._do_not_call_at_close(self._finish)
        for timer in (self._cut_timer, self._patience_timer):
            if timer is not None:
                self.loop.remove_timer(timer)

    def _make_runner(self, threads: Threads, size: int, name: str) -> LoopRunner:
        return LoopRunner(self.loop, name)

    def start(self) -> Self:
        """Accept connections from now on; see `Server.start`."""
        self._begin()
        try:
            self._call_announce()
            self._begin_to_accept()
        except BaseException:
            self._finish()
            raise
        self.loop._call_at_close(self._finish)
        return self

    # -- the end ---------------------------------------------------------------------------------

    def _drain(self) -> None:
        if not self.closed:
            super()._drain()
            self._look_whether_over()

    def _stop_dispatching(self) -> None:
        if not self._is_leaving:
            self._is_leaving = True
            self.loop.call_soon(self._leave)

    def _leave(self) -> None:
        """Close everything, and go on when the handlers have ended."""
        self._close_everything()
        self._left_at = monotonic()
        self._runner.became_idle = self._look_whether_over
        self._look_whether_over()

    def _look_whether_over(self) -> None:
        """End if the handlers have, or have had enough time; else look again in time."""
        if self._runner.became_idle is None or self.closed:
            return
        left = self._patience_left()
        if left <= 0 and self._cancelled_at is None:
            self._cancelled_at = monotonic()
            self._runner.cancel()
            left = self._patience_left()
        if left <= 0 or self._runner.is_idle:
            self._end()
            return
        if self._patience_timer is not None:
            self.loop.remove_timer(self._patience_timer)
            self._patience_timer = None
        if left < float("inf"):
            self._patience_timer = self.loop.add_timer(self._look_whether_over, left, one_shot=True)

    def _patience_left(self) -> float:
        """Return the seconds that handlers have before they are cancelled, or left behind."""
        if self._cancelled_at is not None:
            return self._cancelled_at + _CANCELLED_TIMEOUT - monotonic()
        return self._left_at + self._ending.join_timeout() - monotonic()
