"""What a datagram socket has received, and from whom."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ..._sys.datagram_descriptor import ControlMessage
from ..._sys.interfaces import interface_name
from ..._sys.packet_info import arrived_at
from ..._sys.sockaddr import Name, name_from_sockaddr
from ...addresses import Endpoint, IPAddress, LocalAddress, NetlinkAddress
from ...errors import DestinationRequired, SocketError
from ..names import endpoint_of, local_address_of

if TYPE_CHECKING:
    from ..passing import Credentials, FileDescriptors

__all__ = ("Received", "Sender", "sender_of")

T = TypeVar("T")

Sockaddr: TypeAlias = tuple[Any, ...] | str | bytes | None
"""A name as the system calls return it."""


class Sender:
    """Who has sent a datagram: where an answer goes, as `DatagramSocket.send_to` takes it.

    A server may have to look at none of its senders, and to make an address of each would take
    longer than to receive the datagram. So that is done when somebody looks. A sender is equal to
    its `name`, has the same hash, and prints like it; that of an internet datagram is a pair of an
    address and a port, and so is its sender: ``host, port = sender``.

    Attributes:
        name: Its name, an `Endpoint`, a `LocalAddress` or a `NetlinkAddress`; that of a local
            sender without a name is empty.
    """

    # Whoever receives sets them, as `sender_of` does. A constructor would take as long again.
    __slots__ = ("_control", "_family", "_name", "_sockaddr")

    _sockaddr: Sockaddr
    _family: int
    _control: list[ControlMessage] | None
    _name: Name | None

    @property
    def name(self) -> Any:
        if self._name is None:
            self._name = name_from_sockaddr(self._sockaddr, self._family)
        return self._name

    @property
    def host(self) -> IPAddress:
        """The sender's address.

        Raises:
            TypeError: It is a local one, or one of netlink.
        """
        return endpoint_of(self.name).host

    @property
    def port(self) -> int:
        """The sender's port, also that of netlink; see `host`."""
        name = self.name
        return name.port if isinstance(name, NetlinkAddress) else endpoint_of(name).port

    @property
    def filename(self) -> LocalAddress:
        """The sender's local address.

        Raises:
            TypeError: It is not a local one.
        """
        return local_address_of(self.name)

    @property
    def local_host(self) -> IPAddress | None:
        """The address to which it has sent: this machine's, or that of a group, or of all.

        None if the socket was not made with ``packet_info=True``.
        """
        arrival = arrived_at(self._control or ())
        return None if arrival is None else arrival[0]

    @property
    def interface(self) -> str | None:
        """The name of the network interface that the datagram has come by; see `local_host`.

        Of an interface that is gone it is the number.
        """
        arrival = arrived_at(self._control or ())
        if arrival is None:
            return None
        try:
            return interface_name(arrival[1], "interface", arrival[1])
        except SocketError:
            return str(arrival[1])

    @property
    def credentials(self) -> "Credentials | None":
        """The process that has sent it, and as whom that runs; the system vouches for it.

        None if the socket was not made with ``credentials=True``.
        """
        if not self._control:
            return None
        from ..._sys.credentials import credentials_in

        return credentials_in(self._control)

    def _target_for(self, family: int) -> Any:
        """Return what the system calls take to send to it, if they do on a socket of a family."""
        if self._family != family:
            return None
        if not self._sockaddr:
            raise DestinationRequired(
                strerror="the sender has no name to answer to",
                operation="send",
                address=self.name,
            )
        return self._sockaddr

    def __iter__(self) -> Iterator[Any]:
        return iter(endpoint_of(self.name))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sender):
            return bool(self.name == other.name)
        if isinstance(other, (Endpoint, LocalAddress, NetlinkAddress)):
            return bool(self.name == other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> tuple[Any, ...]:
        return sender_of, (self._sockaddr, self._family, self._control)

    def __str__(self) -> str:
        return str(self.name)

    def __repr__(self) -> str:
        return f"<sender {self.name}>"


def sender_of(
    sockaddr: Sockaddr, family: int, control: list[ControlMessage] | None = None
) -> Sender:
    """Return who has sent a datagram.

    Args:
        sockaddr: Its name, as the system calls return it.
        family: The family of the socket that has received it.
        control: What the system has said beside it.
    """
    sender = Sender()
    sender._sockaddr = sockaddr
    sender._family = family
    sender._control = control
    sender._name = None
    return sender


class Received(tuple[T, Sender]):
    """What `DatagramSocket.receive_from` returns: a pair, ``data, sender``.

    Attributes:
        truncated: Whether the datagram was larger than the room for it. The rest is lost.
        descriptors: The file descriptors that have come along, `FileDescriptors`, perhaps none; or
            None if the socket was not made with ``file_descriptors=True``. What you do not take is
            closed with them.
    """

    truncated: bool = False
    descriptors: "FileDescriptors | None" = None

    @property
    def data(self) -> T:
        """The bytes, or how many there are in the buffer that they were received into."""
        return self[0]

    @property
    def sender(self) -> Sender:
        """The `Sender`."""
        return self[1]

    def __repr__(self) -> str:
        return f"Received({self.data!r}, {self.sender!r})"
