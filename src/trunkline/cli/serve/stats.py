"""`trunkline serve --stats`: the table of `trunkline top`, where the server was started."""

import contextlib
from collections.abc import Iterator

from ...servers import Supervisor, WorkerReport
from ..control.serving import Control
from ..control.snapshot import Snapshot
from ..top.screen import Screen
from ..top.table import drawn

__all__ = ("showing_stats",)

_INTERVAL = 1.0  # seconds


@contextlib.contextmanager
def showing_stats(supervisor: Supervisor, control: Control) -> Iterator[None]:
    """Show how a supervisor and its workers are, while it runs."""
    with Screen() as screen:
        stats = _Stats(supervisor, control, screen)
        supervisor.event_base.add_timer(stats.ask, 0, one_shot=True)
        supervisor.event_base.add_timer(stats.ask, _INTERVAL)
        yield


class _Stats:
    """What has been seen, and what shows it."""

    def __init__(self, supervisor: Supervisor, control: Control, screen: Screen) -> None:
        self._supervisor = supervisor
        self._control = control
        self._screen = screen
        self._seen: Snapshot | None = None

    def ask(self) -> None:
        """Ask the workers, and show what they tell."""
        self._supervisor.ask_workers(self._show)

    def _show(self, reports: tuple[WorkerReport, ...]) -> None:
        now = self._control.snapshot(reports)
        self._screen.draw(drawn(now, self._seen, self._screen.width))
        self._seen = now
