"""What is known of the peer of a socket: its name, in parts."""

from .._sys.sockaddr import AnyName
from ..addresses import IPAddress, LocalAddress
from .names import endpoint_of, local_address_of

__all__ = ("Peer",)


class Peer:
    """The part of a socket with a peer that tells who that is."""

    @property
    def remote_name(self) -> AnyName:
        """The name of the peer: an `Endpoint` (address, port), or a `LocalAddress`."""
        raise NotImplementedError

    @property
    def remote_host(self) -> IPAddress:
        """The address of the peer.

        Raises:
            TypeError: The socket is a local one.
            NotConnected, SocketClosed: As for `remote_name`.
        """
        return endpoint_of(self.remote_name).host

    @property
    def remote_port(self) -> int:
        """The port of the peer; see `remote_host`."""
        return endpoint_of(self.remote_name).port

    @property
    def remote_filename(self) -> LocalAddress:
        """The local address of the peer.

        Raises:
            TypeError: The socket is not a local one.
            NotConnected, SocketClosed: As for `remote_name`.
        """
        return local_address_of(self.remote_name)
