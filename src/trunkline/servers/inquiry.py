"""Asking all workers at once how they are, and telling it when all have answered, or time is up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .._core.deadline import Deadline
from .._sys.clock import monotonic
from .report import Answer
from .statistics import ServerStatistics
from .traffic import Traffic
from .worker import Worker, WorkerStatus

__all__ = ("Inquiry", "Tell", "WorkerReport")

_PATIENCE = 1.0  # seconds that workers get to answer


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker has told of itself, when it was asked.

    Attributes:
        status: Which worker it is, and its state.
        memory: How many bytes of memory its process has; None if it has not answered in time, or
            the system does not tell.
        statistics: What its server has counted; None if it has not answered in time, or its server
            has no `statistics`.
        traffic: What has gone through the server, likewise.
    """

    status: WorkerStatus
    memory: int | None = None
    statistics: ServerStatistics | None = None
    traffic: Traffic | None = None


Tell: TypeAlias = Callable[[tuple[WorkerReport, ...]], object]
"""What is called with the reports of all workers that there are then, in their order."""


class Inquiry:
    """What is being asked. Who asks while others wait is told what they are told."""

    def __init__(self) -> None:
        self._tell: list[Tell] = []
        self._waits_for: list[Worker] = []
        self._answers: dict[Worker, Answer] = {}
        self._deadline = Deadline(None, monotonic)

    def ask(self, workers: Sequence[Worker], tell: Tell) -> None:
        """Ask them; those that have not said that they are ready cannot answer yet."""
        self._tell.append(tell)
        if len(self._tell) > 1:
            return
        self._answers = {}
        self._waits_for = [each for each in workers if each.state != "starting"]
        self._deadline = Deadline(_PATIENCE, monotonic)
        for worker in self._waits_for:
            worker.ask()

    @property
    def waits_for(self) -> Sequence[Worker]:
        """Those that are still to answer, and can."""
        return [each for each in self._waits_for if not each.answers.closed]

    def time_left(self) -> float | None:
        """Return the seconds after which it is to be looked at; None is that nothing is asked."""
        if not self._tell:
            return None
        return self._deadline.remaining() if self.waits_for else 0.0

    def look(self, workers: Sequence[Worker]) -> None:
        """Take the answers that have come, and tell them if it is time for that.

        Args:
            workers: Those that there are, in their order.
        """
        if not self._tell:
            return
        for worker in self.waits_for:
            answer = worker.take_answer()
            if answer is not None:
                self._answers[worker] = answer
                self._waits_for.remove(worker)
        if self.waits_for and self._deadline.remaining():
            return
        tell, self._tell, self._waits_for = self._tell, [], []
        reports = tuple(self._report(worker) for worker in workers)
        for each in tell:
            each(reports)

    def _report(self, worker: Worker) -> WorkerReport:
        answer = self._answers.get(worker, Answer())
        return WorkerReport(worker.look(), answer.memory, answer.statistics, answer.traffic)
