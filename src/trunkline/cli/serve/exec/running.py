"""A process that belongs to a connection.

When a connection is over its process is asked to end, by SIGTERM, and so is whatever that has
started in its group; what still runs `GRACE` seconds later is killed. An event base reaps what has
ended.
"""

import signal
from collections.abc import Callable, Sequence
from os import environ

from ...._core.timer_queue import Timer
from ...._sys.clock import monotonic
from ....errors import SocketError
from ....multiplex import EventBase, Transport
from ....processes import Process, create_process
from ....processes.options import StandardStream
from ..connection_log import note
from ..unfinished import Unfinished
from .environment import connection_environment

__all__ = ("GRACE", "Running")

GRACE = 3.0
"""Seconds between asking a process to end, whose connection is over, and killing it."""


class Running:
    """A process, and how it ends.

    Args:
        processes: Where it is remembered while it runs.
        transport: Its connection.
        command: The program, and its arguments.
        stream: What its standard input and output are.
        ended: Called when it has ended.

    Raises:
        SocketError: It cannot be started.
    """

    def __init__(
        self,
        processes: Unfinished,
        transport: Transport,
        command: Sequence[str],
        stream: StandardStream,
        ended: Callable[[], object],
    ) -> None:
        self._processes = processes
        self._event_base: EventBase = transport.event_base
        self._peer = transport.remote_name
        self._ended = ended
        self._timer: Timer | None = None
        self._began = monotonic()
        environment = connection_environment(environ, transport.remote_name, transport.local_name)
        self.process: Process = create_process(
            command,
            stdin=stream,
            stdout=stream,
            stderr="inherit",
            environment=environment,
            new_group=True,
        )
        self.has_ended: bool = False
        processes.add(self)
        self.process.set_exit_handler(self._event_base, self._has_ended)

    def end(self) -> None:
        """Ask it to end, and see to it that it does. May be repeated."""
        if not self.has_ended and self._timer is None:
            self._timer = self._event_base.add_timer(self._kill, GRACE, one_shot=True)
            self._send(signal.SIGTERM)

    def _kill(self) -> None:
        self._timer = None
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        try:
            self.process.kill(number, group=True)
        except SocketError as error:  # it runs as somebody else by now
            self._note(f"cannot be ended: {error}", error)

    def _has_ended(self, process: Process) -> None:
        self.has_ended = True
        if self._timer is not None:
            self._event_base.remove_timer(self._timer)
        status = process.status
        self._note(f"{status} after {monotonic() - self._began:.3f} s", None, status=str(status))
        self._ended()
        self._processes.discard(self)

    def _note(self, text: str, error: SocketError | None, **fields: object) -> None:
        pid = self.process.pid
        note(
            f"process {pid}: {text}",
            server="exec",
            peer=self._peer,
            error=error,
            child=pid,
            **fields,
        )
