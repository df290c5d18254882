"""Groups of receivers: joining and leaving them, and how what is sent to them travels."""

from typing import TYPE_CHECKING, Any

from ..._core.counts import check_count
from ..._sys.datagram_descriptor import DatagramDescriptor
from ..._sys.interfaces import interface_index, interface_name
from ..._sys.multicast import join, leave, send_by
from ..._sys.sockaddr import AF_UNIX
from ...addresses import AddressLike, IPAddress, ensure_address
from ..options import get_option, set_option

__all__ = ("Multicast",)


class Multicast:
    """What datagram sockets can do with groups, whose addresses are multicast addresses.

    Whoever wants to receive binds to the group's port and joins the group. Whoever sends need not
    be in it.
    """

    if TYPE_CHECKING:  # whoever derives from this has them
        _multicast_interface: str | None

        @property
        def _descriptor(self) -> DatagramDescriptor: ...

    else:
        __slots__ = ()

    def join(
        self,
        group: AddressLike,
        *,
        source: AddressLike | None = None,
        interface: str | int | None = None,
    ) -> None:
        """Join a group: what is sent to it, and to the socket's port, comes to the socket, too.

        A socket can be in several groups, and in one group on several interfaces. It leaves all of
        them when it is closed. What other sockets of this machine have joined does not come here.

        Args:
            group: The group's address.
            source: Receive only what comes from this address. Call it again for further ones.
            interface: The name, or number, of the network interface to receive from. Default: the
                one that the system would send to the group by. An IPv6 group may have it as its
                scope, as in ``"ff02::1%eth0"``.

        Raises:
            AddressInUse: The socket has joined already.
            NoSuchDevice: There is no such interface, or none that leads to the group.
            AddressFamilyNotSupported: The group is IPv6, and the socket is not.
            SocketClosed, SocketError: The system says no.
            TypeError: The socket is a local one.
            ValueError: The address is not that of a group; or the source is of another family.
        """
        join(self._descriptor, *self._membership("join", group, source, interface))

    def leave(
        self,
        group: AddressLike,
        *,
        source: AddressLike | None = None,
        interface: str | int | None = None,
    ) -> None:
        """Leave a group. The arguments are those that `join` had.

        Raises:
            AddressNotAvailable: The socket has not joined like that.
            Everything else that `join` raises.
        """
        leave(self._descriptor, *self._membership("leave", group, source, interface))

    def _membership(
        self, operation: str, group: Any, source: Any, interface: Any
    ) -> tuple[IPAddress, IPAddress | None, int]:
        self._check_internet(operation)
        address = ensure_address(group)
        if not address.is_multicast:
            raise ValueError(f"{address} is not the address of a group")
        from_whom = None if source is None else ensure_address(source)
        if from_whom is not None and from_whom.version != address.version:
            raise ValueError(f"{from_whom} is not of the family of {address}")
        if interface is None:
            interface = getattr(address, "scope_id", None)
        if isinstance(interface, str) and interface.isdecimal():
            interface = int(interface)
        number = 0 if interface is None else self._interface_number(interface, operation)
        return address, from_whom, number

    @property
    def multicast_interface(self) -> str | None:
        """The network interface by which the socket sends to groups; None is what the system says.

        It can be set to a name or a number. A scope in the receiver's address has precedence.

        Raises:
            NoSuchDevice: There is no such interface.
            TypeError: The socket is a local one.
            SocketClosed, SocketError: As the names say.
        """
        self._check_internet("multicast_interface")
        return self._multicast_interface

    @multicast_interface.setter
    def multicast_interface(self, interface: str | int | None) -> None:
        self._check_internet("multicast_interface")
        number = 0
        if interface is not None:
            number = self._interface_number(interface, "multicast_interface")
        name = interface_name(number, "multicast_interface", number) if number else None
        send_by(self._descriptor, number, "multicast_interface")
        self._multicast_interface = name

    @property
    def multicast_loop(self) -> bool:
        """Whether what the socket sends to groups comes to members on this machine, too.

        It can be set. Default: True.

        Raises:
            TypeError: The socket is a local one; or the value is not True or False.
            SocketClosed, SocketError: As the names say.
        """
        self._check_internet("multicast_loop")
        loop: bool = get_option(self._descriptor, "multicast_loop")
        return loop

    @multicast_loop.setter
    def multicast_loop(self, value: bool) -> None:
        self._check_internet("multicast_loop")
        set_option(self._descriptor, "multicast_loop", value)

    @property
    def multicast_hops(self) -> int:
        """How many routers what the socket sends to groups may pass, plus one; 0 is this machine.

        It can be set, to 255 at most. Default: 1, the networks that this machine is on.

        Raises:
            TypeError: The socket is a local one; or the value is no integer.
            ValueError: The value is out of range.
            SocketClosed, SocketError: As the names say.
        """
        self._check_internet("multicast_hops")
        hops: int = get_option(self._descriptor, "multicast_hops")
        return hops

    @multicast_hops.setter
    def multicast_hops(self, value: int) -> None:
        self._check_internet("multicast_hops")
        set_option(self._descriptor, "multicast_hops", value)

    def _check_internet(self, operation: str) -> None:
        if self._descriptor.family == AF_UNIX:
            raise TypeError(
                f"a local datagram socket does not take {operation}; it is for "
                "address_family='internet'"
            )

    @staticmethod
    def _interface_number(interface: str | int, operation: str) -> int:
        if isinstance(interface, str):
            return interface_index(interface, operation, interface)
        return check_count("the number of an interface", interface, most=2**31 - 1)
