"""How a running server is: what its supervisor and its workers have counted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..._printable import printable
from ...servers import Supervisor, SupervisorStatistics, WorkerReport, WorkerStatus
from ...servers.report import Answer, answer_of, made, plain_answer

__all__ = ("Snapshot",)


@dataclass(frozen=True)
class Snapshot:
    """A look at a running server.

    Attributes:
        pid: The process of the supervisor.
        name: What it serves.
        addresses: Where it listens.
        seconds: For how long it has been running.
        supervisor: What its supervisor has counted.
        workers: What its workers have told.
    """

    pid: int
    name: str
    addresses: tuple[str, ...]
    seconds: float
    supervisor: SupervisorStatistics
    workers: tuple[WorkerReport, ...]

    @classmethod
    def of(
        cls,
        supervisor: Supervisor,
        reports: tuple[WorkerReport, ...],
        *,
        pid: int,
        name: str,
        seconds: float,
    ) -> "Snapshot":
        """Return how a supervisor is, whose workers have told how they are."""
        places = [str(each.local_name) for each in supervisor.sockets if not each.closed]
        return cls(pid, name, tuple(places), seconds, supervisor.statistics(), reports)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "pid": self.pid,
            "name": self.name,
            "addresses": [*self.addresses],
            "seconds": round(self.seconds, 3),
            "supervisor": asdict(self.supervisor),
            "workers": [
                {
                    **asdict(each.status),
                    **plain_answer(Answer(each.memory, each.statistics, each.traffic)),
                }
                for each in self.workers
            ],
        }

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> "Snapshot":
        """Return the snapshot that JSON has.

        Raises:
            TypeError, KeyError: There is none.
        """
        workers = []
        for each in told["workers"]:
            answer = answer_of(each)
            status = made(WorkerStatus, each)
            workers.append(WorkerReport(status, answer.memory, answer.statistics, answer.traffic))
        return cls(
            told["pid"],
            printable(told["name"]),
            tuple(map(printable, told["addresses"])),
            told["seconds"],
            made(SupervisorStatistics, told["supervisor"]),
            tuple(workers),
        )
