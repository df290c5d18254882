"""Raw sockets: protocols below those of ports, whose messages one makes and reads oneself."""

from typing import Any

from ..._core.buffers import Buffer
from ..._sys.raw_descriptor import RawDescriptor
from ..._sys.sockaddr import Name
from ...addresses import AddressLike, Endpoint
from ..families import family_label
from .datagram_socket import DatagramSocket
from .message_socket import Receiver
from .received import Sender

__all__ = ("RawSocket",)


class RawSocket(DatagramSocket):
    """A datagram socket of an internet protocol that has no ports, like ICMP; see `make_socket`.

    You would want one for a protocol that the system leaves to programs: to ask by ICMP whether a
    host is there, or to speak a routing protocol. It takes a privilege (on Linux CAP_NET_RAW), and
    a copy of all messages of the protocol comes to it, whoever they were meant for. All is as for
    datagrams, but:

    * There are no ports: names have the port 0.
    * What is received by IPv4 begins with the header of IP, which `IPv4Header.split` takes off. By
      IPv6 it does not.
    * What is sent does not, unless the socket was made with ``include_headers=True``.
    * Of ICMP, the option ``"icmp_types"`` chooses what comes (on Linux). What has come before it
      was set is still there.
    """

    _descriptor: RawDescriptor

    @property
    def protocol(self) -> int:
        """The number of the socket's protocol, as in the header of IP."""
        return self._descriptor.protocol

    def bind(self, address: AddressLike) -> None:  # type: ignore[override]  # there are no ports
        """Bind the socket to an address of this machine: what comes to others is not for it.

        Args:
            address: An address, in any form that `ensure_address` takes.

        Raises:
            AddressNotAvailable, SocketError: The system says no.
            SocketClosed: The socket is closed.
            TypeError, ValueError: The address is none, or the socket is bound already.
        """
        super().bind(address)

    def connect(self, address: AddressLike) -> None:  # type: ignore[override]
        """Make somebody the peer, to whom all is sent, and from whom alone messages are received.

        See `DatagramSocket.connect`.
        """
        super().connect(address)

    def send_to(  # type: ignore[override]
        self,
        data: Buffer,
        remote_host: AddressLike | Receiver | None = None,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = 0,
        dont_route: bool = False,
        confirm: bool = False,
    ) -> int:
        """Send a message to the peer, or to somebody else.

        See `DatagramSocket.send_to` for the other arguments, and for what it returns and raises.

        Args:
            data: The message: what comes behind the header of IP, or with ``include_headers=True``
                that header too, of which the system then fills in the length and the checksum.
            remote_host: The receiver's address, in any form that `ensure_address` takes; or who has
                sent a message. Default: the peer.
        """
        has_port = remote_host is None or isinstance(remote_host, (Sender, Endpoint))
        arguments: Any = (data, remote_host, None if has_port else 0)
        return super().send_to(
            *arguments,
            start=start,
            end=end,
            timeout=timeout,
            dont_route=dont_route,
            confirm=confirm,
        )

    def _outgoing(self, data: Buffer, to: Any) -> Any:
        if isinstance(to, Sender) and to.port:
            to = to.name  # of a protocol with ports, where the system wants none
        return super()._outgoing(data, to)

    def _checked(self, name: Name) -> Name:
        checked = super()._checked(name)
        return checked._replace(port=0) if isinstance(checked, Endpoint) else checked

    # -- for people ------------------------------------------------------------------------------

    def _kind_text(self) -> str:
        return f"{family_label(self._descriptor.family)} raw socket"

    def _state_text(self) -> str:
        text = f" for protocol {self.protocol}"
        if self._remote_name is not None:
            return f"{text} connected to {self.remote_host}"
        if self._local_name is not None:
            return f"{text} bound to {self.local_host}"
        return text
