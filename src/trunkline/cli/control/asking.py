"""The other end of the control socket: who looks at a server, and tells it what to do."""

import json
from pathlib import Path
from typing import Any

from ..._core.deadline import Deadline
from ..._sys.clock import monotonic
from ...addresses import LocalAddress
from ...errors import ProtocolError, SocketError
from ...sockets.active_socket import ActiveSocket
from ...sockets.make_socket import make_socket
from .place import control_path, pids
from .serving import LOOK
from .snapshot import Snapshot

__all__ = ("Asking", "servers_here")

_PATIENCE = 5.0  # seconds for an answer
_LONGEST_ANSWER = 1 << 24  # bytes: of a thousand workers


class Asking:
    """A connection to a control socket.

    Args:
        path: The socket.

    Raises:
        ConnectionRefused, PathNotFound, PermissionDenied, SocketError: It cannot be had.
    """

    def __init__(self, path: Path) -> None:
        address = LocalAddress(str(path))
        self._socket: ActiveSocket = make_socket(
            address_family="local", remote_filename=address, timeout=_PATIENCE
        )
        self._address = address

    def look(self) -> Snapshot:
        """Return how the server is.

        Raises:
            EndOfFile, ConnectionReset, SocketError: It has ended, or does not answer.
            ProtocolError: It is no server of ours.
        """
        try:
            return Snapshot.parse(self.ask(LOOK))
        except (KeyError, TypeError):
            raise ProtocolError(operation="look", address=self._address) from None

    def ask(self, what: str) -> dict[str, Any]:
        """Say a line, and return what is answered; see `look`."""
        deadline = Deadline(_PATIENCE, monotonic)
        self._socket.write_line(what)
        self._socket.finish_output(timeout=deadline.remaining())
        line = self._socket.read_line(limit=_LONGEST_ANSWER, timeout=deadline.remaining())
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise ProtocolError(operation=what, address=self._address)
        return told

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def servers_here() -> list[int]:
    """Return the processes of this user that have a control socket, and listen to it."""
    found = []
    for pid in pids():
        try:
            Asking(control_path(pid)).close()
        except SocketError:
            continue
        found.append(pid)
    return found
