"""Netlink sockets: messages to and from the kernel of Linux, see netlink(7)."""

from typing import Any

from ..._core.buffers import Buffer, bytes_of, part_of
from ..._core.counts import check_count
from ..._sys.netlink import join_group, leave_group
from ...addresses import NetlinkAddress
from .message_socket import MessageSocket, deadline_in
from .received import Sender

__all__ = ("NetlinkSocket",)

_MOST = 2**32 - 1
_KERNEL = NetlinkAddress()


class NetlinkSocket(MessageSocket):
    """A socket that speaks with the kernel, or with other programs by it; see `make_socket`.

    You would want one to be told of what changes in the machine, its network interfaces for
    example, or to ask the kernel for what nothing else tells. What the messages consist of depends
    on the protocol, and is yours to make and to read. The kernel's port is 0: who takes orders, or
    news, looks whether ``sender.port`` is that, for other programs may send, too.

    Receiving and sending are those of `DatagramSocket`. When more has come than there was room for,
    the next call raises `NoBufferSpace`, and what has not been lost is still there.
    """

    _local_name: NetlinkAddress | None

    @property
    def protocol(self) -> int:
        """The number of the socket's protocol."""
        return self._descriptor.protocol

    def bind(self, port: int = 0, multicast_groups: int = 0) -> None:
        """Bind the socket, as `make_socket` has done already, to a port and to groups.

        Args:
            port: The port that others send to; 0 lets the kernel choose, and gives the first socket
                of a process the number of that.
            multicast_groups: Those of the first 32 groups whose messages are received, each by its
                bit; see also `join`.

        Raises:
            AddressInUse: Somebody else has the port.
            PermissionDenied: The groups are not for everybody.
            SocketClosed, SocketError: The system says no.
            TypeError, ValueError: An argument is not such a number, or the socket is bound already.
        """
        check_count("a port", port, least=0, most=_MOST)
        check_count("multicast_groups", multicast_groups, least=0, most=_MOST)
        if self._local_name is not None:
            raise ValueError(f"{self!r} is bound already")
        self._descriptor.bind(NetlinkAddress(port, multicast_groups))
        self._remember_local_name()

    @property
    def local_name(self) -> NetlinkAddress:
        """The name that this end is bound to; see `Socket.local_name`."""
        name = super().local_name
        assert isinstance(name, NetlinkAddress)
        return name

    @property
    def local_port(self) -> int:
        """The port that this end is bound to."""
        return self.local_name.port

    @property
    def multicast_groups(self) -> int:
        """The first 32 groups that the socket was bound to, each by its bit."""
        return self.local_name.groups

    def join(self, group: int) -> None:
        """Receive what is sent to a group, by its number, of which there are more than 32.

        Raises:
            PermissionDenied: The group is not for everybody.
            SocketClosed, SocketError: The system says no; there is no such group, for example.
            TypeError, ValueError: It is not a number of at least 1.
        """
        join_group(self._descriptor, check_count("a group", group, most=2**31 - 1))

    def leave(self, group: int) -> None:
        """Undo `join`, or what `bind` has done for a group. What has come stays."""
        leave_group(self._descriptor, check_count("a group", group, most=2**31 - 1))

    def send_to(
        self,
        data: Buffer,
        receiver: NetlinkAddress | Sender | None = None,
        *,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = 0,
    ) -> int:
        """Send a message to the kernel, or to somebody else. It does not wait unless told to.

        Args:
            data: Any object that has bytes.
            receiver: Who has sent a message, or a `NetlinkAddress`: a port, and groups that get it,
                too, which takes a privilege. Default: the kernel.
            start: Where to begin in `data`.
            end: Where to end; None is its end.
            timeout: Seconds to wait until there is room; None is for ever.

        Returns:
            How many bytes were sent, which are all of them.

        Raises:
            WouldBlock: There is no room, and `timeout` is 0.
            TimedOut: There was no room in time.
            ConnectionRefused: Nobody has that port, or the kernel does not speak the protocol.
            PermissionDenied: Not everybody may send there.
            SocketClosed, SocketError: As the names say.
            TypeError, ValueError: An argument is none, or the bounds are not within the data.
        """
        view = part_of(bytes_of(data), start, end)
        return self._send_one(self._outgoing(view, receiver), 0, deadline_in(timeout))

    def _outgoing(self, data: Buffer, to: Any) -> Any:
        return super()._outgoing(data, _KERNEL if to is None else to)

    # -- for people ------------------------------------------------------------------------------

    def _kind_text(self) -> str:
        return "netlink socket"

    def _state_text(self) -> str:
        return ", unbound" if self._local_name is None else f" bound to {self._local_name}"
