"""What is known of the peer of a socket: its name, and as whom it runs."""

from typing import TYPE_CHECKING

from .._sys.late_import import late_import
from .._sys.sockaddr import AF_UNIX, AnyName
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import IPAddress, LocalAddress
from .families import family_label
from .names import endpoint_of, local_address_of

if TYPE_CHECKING:
    from .passing import Credentials

__all__ = ("Peer",)


class Peer:
    """The part of a socket with a peer that tells who that is."""

    _descriptor: SocketDescriptor

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

    @property
    def peer_credentials(self) -> "Credentials":
        """The process at the other end of a local connection, and as whom it runs.

        You would want it to let in only those who may. The system vouches for it, and it is as it
        was when the peer has connected, or has begun to listen; a pair has been made by whoever has
        made it. The peer may have handed its end to another process since.

        Raises:
            TypeError: The socket is not a local one.
            NotConnected: There is no connection; datagrams have none, see `Sender.credentials`.
            OptionNotSupported: The platform does not tell; Linux does.
            SocketClosed, SocketError: As the names say.
        """
        descriptor = self._descriptor
        if descriptor.family != AF_UNIX:
            raise TypeError(
                f"the peer of this {family_label(descriptor.family)} socket may be on another "
                "machine, and has no credentials; those of address_family='local' have"
            )
        with late_import("getsockopt"):
            from .._sys.credentials import credentials_of_peer
        return credentials_of_peer(descriptor)
