"""The server's end of the control socket, on the event base beside a supervisor."""

import json
import os
import signal

from ..._sys.clock import monotonic
from ..._sys.credentials import credentials_of_peer
from ...addresses import LocalAddress
from ...errors import OptionNotSupported, SocketError
from ...multiplex import Transport, TransportProtocol
from ...servers import Supervisor, WorkerReport
from ...servers.binding import bind_all
from .place import control_path, make_directory
from .snapshot import Snapshot

__all__ = ("DRAIN", "LOOK", "RELOAD", "Control")

LOOK, DRAIN, RELOAD = "look", "drain", "reload"

_LONGEST_LINE = 100  # bytes
_MOST_CONNECTIONS = 20
_PATIENCE = 10.0  # seconds for somebody to take an answer

_SIGNALS = {DRAIN: "SIGTERM", RELOAD: "SIGHUP"}


class Control:
    """What somebody may want to know of a supervisor that runs, and to have it do.

    Args:
        supervisor: The supervisor, of this process.
        name: What it serves.
    """

    def __init__(self, supervisor: Supervisor, name: str) -> None:
        self._supervisor = supervisor
        self._name = name
        self._pid = os.getpid()
        self._began = monotonic()

    def listen(self) -> None:
        """Open the control socket.

        Raises:
            OSError: It cannot be opened, or others could use it.
        """
        make_directory()
        path = control_path(self._pid)
        (socket,) = bind_all(None, 0, LocalAddress(str(path)), (), {})
        path.chmod(0o600)
        self._supervisor.listen_beside(
            socket,
            lambda: _Asked(self),
            delivery="lines",
            line_limit=_LONGEST_LINE,
            write_timeout=_PATIENCE,
            max_connections=_MOST_CONNECTIONS,
        )

    def snapshot(self, reports: tuple[WorkerReport, ...]) -> Snapshot:
        """Return how the supervisor is, whose workers have told how they are."""
        return Snapshot.of(
            self._supervisor,
            reports,
            pid=self._pid,
            name=self._name,
            seconds=monotonic() - self._began,
        )

    def ask(self, transport: Transport) -> None:
        """Have a snapshot sent, when the workers have answered."""
        self._supervisor.ask_workers(
            lambda reports: _answer(transport, self.snapshot(reports).plain())
        )


class _Asked(TransportProtocol):
    """Somebody who asks."""

    transport: Transport

    def __init__(self, control: Control) -> None:
        self._control = control

    def connection_made(self, transport: Transport) -> None:
        """Somebody has connected."""
        self.transport = transport
        if not _is_allowed(transport):
            transport.abort()

    def line_received(self, line: str) -> None:
        """Do what is asked."""
        if line == LOOK:
            self._control.ask(self.transport)
        elif line in _SIGNALS:
            _answer(self.transport, {"done": line})
            # As if somebody had sent it: there is one way to end, and one to reload.
            os.kill(os.getpid(), signal.Signals[_SIGNALS[line]])
        else:
            _answer(self.transport, {"error": "unknown"})

    def stop_requested(self) -> None:
        """The supervisor has ended."""
        self.transport.abort()


def _answer(transport: Transport, told: object) -> None:
    if not transport.is_closing:
        transport.write(json.dumps(told) + "\n")


def _is_allowed(transport: Transport) -> bool:
    """Whether who has connected is our user, or root, as far as the system tells."""
    descriptor = transport.descriptor
    assert descriptor is not None
    try:
        return credentials_of_peer(descriptor).uid in (os.geteuid(), 0)
    except OptionNotSupported:  # the directory lets nobody else in
        return True
    except SocketError:
        return False
