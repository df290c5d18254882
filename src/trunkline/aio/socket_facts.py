"""What is told of a socket by something to await that has it."""

from typing import TYPE_CHECKING

from .._sys.sockaddr import AnyName
from ..addresses import IPAddress, LocalAddress
from ..sockets.peer import Peer

if TYPE_CHECKING:
    from ..sockets.active_socket import ActiveSocket
    from ..sockets.datagrams import DatagramSocket

__all__ = ("SocketFacts",)


class SocketFacts(Peer):
    """The part of a stream, or of datagrams, that tells what the socket below is called."""

    if TYPE_CHECKING:  # whoever derives from this has it

        @property
        def _socket(self) -> "ActiveSocket | DatagramSocket": ...

    @property
    def closed(self) -> bool:
        """Whether it has been closed."""
        return self._socket.closed

    def fileno(self) -> int:
        """Return the number of the descriptor, or -1 when it is closed."""
        return self._socket.fileno()

    @property
    def remote_name(self) -> AnyName:
        """The name of the peer: an `Endpoint` (address, port), or a `LocalAddress`."""
        return self._socket.remote_name

    @property
    def local_name(self) -> AnyName:
        """The name of this end: an `Endpoint` (address, port), or a `LocalAddress`."""
        return self._socket.local_name

    @property
    def local_host(self) -> IPAddress:
        """The address of this end; see `remote_host`."""
        return self._socket.local_host

    @property
    def local_port(self) -> int:
        """The port of this end; see `remote_port`."""
        return self._socket.local_port

    @property
    def local_filename(self) -> LocalAddress:
        """The local address of this end; see `remote_filename`."""
        return self._socket.local_filename
