"""What `trunkline serve repl` does: Python's read-eval-print loop for each connection.

Whoever can connect can do whatever we can do. So it is for this machine, and at a local socket for
the user alone who serves.
"""

import os
import platform
import re
from collections.abc import Iterable

from ..._sys.sockaddr import AnyName
from ...addresses import Endpoint, LocalAddress
from ...dialects.lispworks.listener import Listener
from ...errors import OptionNotSupported
from ...sockets import ActiveSocket
from .connection_log import note

__all__ = ("converse", "within_reach_of_others")

# A page of a browser can have it send what somebody else wants evaluated, to any port of this
# machine; but never without such a line before it.
_REQUEST = re.compile(r"[A-Z]+ \S+ HTTP/\d")


class _REPL(Listener):
    def converse(self) -> None:
        """Greet, make sure that it is no browser, and evaluate the rest."""
        version = platform.python_version()
        line = self.ask(
            f"Python {version}, in process {os.getpid()}. End it with exit(), or the input.\n>>> "
        )
        if not _REQUEST.match(line):
            self.loop(line)


def converse(connection: ActiveSocket) -> None:
    """Evaluate what a client says, until it has no more; the variables are its own."""
    if not _is_ours(connection):
        note("is somebody else, and not let in", server="repl", peer=connection.remote_name)
        connection.close(abort=True)
        return
    _REPL(connection).run()


def _is_ours(connection: ActiveSocket) -> bool:
    """Whether a client may be let in: of a local socket, it is the user who serves, or root."""
    if not isinstance(connection.remote_name, LocalAddress):
        return True
    try:
        return connection.peer_credentials.uid in (0, os.geteuid())
    except OptionNotSupported:  # then it is for the permissions of the socket's file to say
        return True


def within_reach_of_others(names: Iterable[AnyName]) -> AnyName:
    """Return the first of some names to listen at that other machines can reach, or None."""
    for name in names:
        if isinstance(name, Endpoint) and not name.host.is_loopback:
            return name
    return None
