"""Datagram sockets: whole messages, each of which has a sender and a receiver of its own."""

from collections.abc import Iterable
from os import PathLike
from typing import Any, overload

from ..._core.buffers import Buffer, bytes_of, part_of
from ..._core.deadline import Deadline
from ..._sys.clock import monotonic
from ..._sys.datagram_descriptor import CONFIRM, DatagramDescriptor
from ..._sys.late_import import late_import
from ..._sys.packet_info import ROOM_FOR_INFO
from ..._sys.sockaddr import AF_UNIX, AnyName, Name
from ..._sys.socket_descriptor import DONT_ROUTE, MORE
from ...addresses import AddressLike, Endpoint, LocalAddress, ensure_address, how_to_take_apart
from ...errors import NotConnected
from ..families import family_label
from ..keywords import PathLikeName
from ..names import NameLike, endpoint_of, ensure_name
from ..peer import Peer
from ..socket import name_text
from .message_socket import WHOLE_NAMES, MessageSocket, Receiver, deadline_in
from .multicast import Multicast
from .received import Sender

__all__ = ("DatagramSocket",)


class DatagramSocket(MessageSocket, Peer, Multicast):
    """A socket that sends and receives datagrams: UDP, or local ones; see `make_socket`.

    A datagram arrives whole or not at all, and nobody tells its sender which. A socket that is
    *connected* sends to one peer and receives from that peer alone. One that is not sends to
    whoever it likes, and receives from everybody, if it is bound.

    One thread may receive while others send; they take turns, and a datagram is never torn. What
    the network says of datagrams that were sent earlier is raised by the next call of a connected
    socket: `ConnectionRefused` if nobody has the port, for example. One that is not connected
    hears nothing of that, if it was not made with ``report_errors=True``.
    """

    _descriptor: DatagramDescriptor  # once more, for type checkers

    def __init__(self, descriptor: DatagramDescriptor, *, remote_name: Name | None = None) -> None:
        super().__init__(descriptor)
        self._bound_to: Name | None = None
        self._multicast_interface = None
        if remote_name is not None:
            self._remote_name = descriptor.where = remote_name
            self._remember_local_name()

    # -- naming ----------------------------------------------------------------------------------

    def bind(
        self,
        address: NameLike,
        port: int | str = 0,
        *,
        reuse_address: bool = False,
        reuse_port: bool = False,
    ) -> None:
        """Bind the socket to an address and port of this machine, or to a local address.

        Args:
            address: An address of this machine, that of a group, or `IPV4_UNSPECIFIED` or
                `IPV6_UNSPECIFIED` for all of them; for a local socket a path or a `LocalAddress`.
                The file of a local socket that nobody has any more is removed first.
            port: A port, or the name of a UDP service; 0 lets the system choose, see `local_port`.
            reuse_address: Let other sockets be bound to the same port. What is sent to a group then
                comes to all of them, and anything else to one. It is for groups: there are no
                connections of a server before that would have to fade away.
            reuse_port: Let other sockets of this user be bound to the same port; the system spreads
                the senders.

        Raises:
            AddressInUse: Somebody else has that address and port.
            AddressNotAvailable, PermissionDenied, SocketError: The system says no.
            OptionNotSupported: The platform has no `reuse_port`.
            SocketClosed: The socket is closed.
            TypeError, ValueError: The address or the port is none, or the socket is bound already.
        """
        name = ensure_name(self._descriptor, address, port)
        if self._local_name is not None:
            raise ValueError(f"{self!r} is bound already")
        if not isinstance(name, LocalAddress):
            if reuse_address:
                self.set_option("reuse_address", True)
            if reuse_port:
                self.set_option("reuse_port", True)
        self._descriptor.bind(name, replaces_stale=isinstance(name, LocalAddress))
        self._remember_local_name()
        self._bound_to = self._local_name

    @overload
    def connect(self, address: LocalAddress | PathLike[str]) -> None: ...
    @overload
    def connect(self, address: AddressLike, port: int | str = 0) -> None: ...
    def connect(self, address: NameLike, port: int | str = 0) -> None:
        """Make somebody the peer, to whom all is sent, and from whom alone datagrams are received.

        Nothing is sent, so that nobody is asked whether the peer is there. What has come from
        others before can still be received. Another call chooses another peer. To connect to a host
        by name, see `make_socket`.

        Args:
            address: An address in any form that `ensure_address` takes; for a local socket a path
                or a `LocalAddress`.
            port: A port, or the name of a UDP service.

        Raises:
            NetworkUnreachable, HostUnreachable, SocketError: The system knows no way there.
            ConnectionRefused, PathNotFound: Nobody is bound to that local address.
            SocketClosed: The socket is closed.
            TypeError, ValueError: The address or the port is none.
        """
        name = ensure_name(self._descriptor, address, port)
        with self._descriptor.writing.in_turn(Deadline(None, monotonic)):
            self._descriptor.connect(name)
            self._remote_name = self._descriptor.where = name
            self._remember_local_name()

    def disconnect(self) -> None:
        """Have no peer any more: receive from everybody again. Without a peer it does nothing.

        A socket that is bound stays bound. One that was not gives back the port that connecting has
        got it.

        Raises:
            AddressInUse: The system has given the port up, which it had chosen, and another process
                has got it in that moment.
            SocketClosed, SocketError: As the names say.
        """
        self._descriptor.check_open("disconnect")
        with self._descriptor.writing.in_turn(Deadline(None, monotonic)):
            if self._remote_name is None:
                return
            self._descriptor.disconnect()
            self._remote_name = self._local_name = self._descriptor.where = None
            bound_to = self._bound_to
            if isinstance(bound_to, Endpoint) and endpoint_of(self.local_name).port == 0:
                # Linux keeps a port only if it was asked for by its number.
                self._descriptor.bind(bound_to)
            if bound_to is not None:
                self._remember_local_name()

    def _take_state(self, local_name: Name) -> None:
        """Take note of what was done to the descriptor before it was ours."""
        if local_name.path if isinstance(local_name, LocalAddress) else local_name.port:
            self._local_name = local_name
            if self._remote_name is None:
                self._bound_to = self._descriptor.where = local_name

    def _move(self, operation: str) -> "DatagramSocket":
        """Close this object, but not the socket, which lives on in another one.

        Raises:
            Busy: Another thread is using it.
            SocketClosed: It is closed.
        """
        descriptor = self._descriptor
        descriptor.check_open(operation)
        with descriptor.reading, descriptor.writing:
            heir = DatagramSocket(descriptor.transfer())
        heir._remote_name, heir._local_name = self._remote_name, self._local_name
        heir._bound_to, heir._room = self._bound_to, self._room
        heir._multicast_interface = self._multicast_interface
        return heir

    @property
    def is_connected(self) -> bool:
        """Whether the socket is open and has a peer, who need not be there."""
        return self._remote_name is not None and not self.closed

    @property
    def remote_name(self) -> AnyName:
        """The name of the peer: an `Endpoint` (address, port), or a `LocalAddress`.

        Raises:
            NotConnected: The socket has no peer.
        """
        if self._remote_name is None:
            self._descriptor.check_open("getpeername")
            raise NotConnected(operation="getpeername", address=self._descriptor.where)
        return self._remote_name

    def _ask_for_credentials(self) -> None:
        """Have the sender of each datagram be known as the process that it is."""
        with late_import("setsockopt"):
            from ..._sys.credentials import ROOM_FOR_CREDENTIALS, ask_for_credentials

        ask_for_credentials(self._descriptor)
        self._room += ROOM_FOR_CREDENTIALS

    def _option_was_set(self, name: str, value: object) -> None:
        if name == "packet_info":
            self._room = ROOM_FOR_INFO if value else 0

    # -- sending ---------------------------------------------------------------------------------

    @overload
    def send_to(
        self,
        data: Buffer,
        remote_host: Receiver = ...,
        *,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
        dont_route: bool = ...,
        more: bool = ...,
        confirm: bool = ...,
    ) -> int: ...
    @overload
    def send_to(
        self,
        data: Buffer,
        remote_host: AddressLike,
        remote_port: int | str,
        *,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
        dont_route: bool = ...,
        more: bool = ...,
        confirm: bool = ...,
    ) -> int: ...
    @overload
    def send_to(
        self,
        data: Buffer,
        *,
        remote_filename: PathLikeName,
        start: int = ...,
        end: int | None = ...,
        timeout: float | None = ...,
    ) -> int: ...
    def send_to(
        self,
        data: Buffer,
        remote_host: AddressLike | Receiver | None = None,
        remote_port: int | str | None = None,
        *,
        remote_filename: PathLikeName | None = None,
        start: int = 0,
        end: int | None = None,
        timeout: float | None = 0,
        dont_route: bool = False,
        more: bool = False,
        confirm: bool = False,
    ) -> int:
        """Send a datagram to the peer, or to somebody else; see send(2).

        It does not wait unless it is told to, and rarely has to. Success means that the system has
        the datagram. Answer whoever has sent one like this::

            for data, sender in socket:
                socket.send_to(data.upper(), sender)

        On a socket that was made with ``packet_info=True`` such an answer leaves from the address
        that the datagram has come to.

        Args:
            data: Any object that has bytes; no bytes are a datagram, too.
            remote_host: The receiver's address, in any form that `ensure_address` takes; or who has
                sent a datagram, or a name, without a port beside it. Default: the peer.
            remote_port: The receiver's port, or the name of a UDP service.
            remote_filename: Local: the receiver's path or `LocalAddress`.
            start: Where to begin in `data`.
            end: Where to end; None is its end.
            timeout: Seconds to wait until there is room; None is for ever.
            dont_route: Send only to networks that this machine is on.
            more: The next call sends more of the same datagram (Linux).
            confirm: The receiver has answered lately, so that nobody need ask whether it is still
                on this network (Linux).

        Returns:
            How many bytes were sent, which are all of them.

        Raises:
            WouldBlock, NoBufferSpace: There is no room here, or none in the network interface, and
                `timeout` is 0.
            TimedOut: There was no room in time.
            MessageTooLong: No datagram can be that large. Nothing was sent.
            DestinationRequired: The socket has no peer, and no receiver was given.
            PermissionDenied: All are to receive it, and the socket was not made with
                ``broadcast=True``; or a firewall says no.
            ConnectionRefused, PathNotFound: Nobody is bound to that local address.
            ConnectionRefused, HostUnreachable, SocketError: The peer did not get an earlier
                datagram. This one was not sent.
            NetworkUnreachable, SocketError: The system knows no way there.
            SocketClosed: The socket is closed, or is being closed by another thread.
            TypeError, ValueError: An argument is none, or not for this kind of socket; or the
                bounds are not within the data.
        """
        view = data if isinstance(data, bytes) else bytes_of(data)
        if start != 0 or end is not None:
            view = part_of(memoryview(view), start, end)
        if remote_port is None is remote_filename and (
            remote_host is None or type(remote_host) is Sender
        ):
            outgoing = self._outgoing(view, remote_host)  # without looking at it from all sides
        else:
            to = self._named_receiver(remote_host, remote_port, remote_filename)
            outgoing = self._outgoing(view, to)
        flags = 0
        if dont_route or more or confirm:
            flags = DONT_ROUTE * dont_route | MORE * more | CONFIRM * confirm
        return self._send_one(outgoing, flags, deadline_in(timeout))

    def send_file_descriptors(
        self,
        descriptors: Iterable[Any],
        data: Buffer = b"\0",
        receiver: Sender | PathLikeName | None = None,
        *,
        timeout: float | None = 0,
    ) -> int:
        """Send a datagram, and file descriptors along with it; its receiver gets duplicates.

        Args:
            descriptors: Numbers, or objects with `fileno`; at most `MOST_FILE_DESCRIPTORS`.
            data: The datagram.
            receiver: A path, a `LocalAddress`, or who has sent a datagram. Default: the peer.
            timeout: Seconds to wait until there is room; None is for ever.

        Returns:
            How many bytes were sent, which are all of them.

        Raises:
            Everything that `send_to` raises; `SocketClosed` also for a number that is none.
            TooManyOpenFiles: More are on their way than this user may have open.
            TypeError: The socket is not a local one; or an argument is of the wrong type.
            ValueError: There are too few or too many descriptors.
        """
        if self._descriptor.family != AF_UNIX:
            raise self._wrong_kind("take send_file_descriptors", "address_family='local'")
        with late_import("send"):
            from ..._sys.file_descriptors import numbers_of, rights
        numbers = numbers_of(descriptors)
        to = receiver
        if to is not None and not isinstance(to, (Sender, *WHOLE_NAMES)):
            to = ensure_address(to, "local")
        view, target, control = self._outgoing(bytes_of(data), to)
        outgoing = view, target, [*control, rights(numbers)]
        return self._send_one(outgoing, 0, deadline_in(timeout))

    def _named_receiver(self, host: Any, port: Any, filename: Any) -> Any:
        """Return the receiver that the arguments of `send_to` name."""
        if isinstance(host, (Sender, *WHOLE_NAMES)) and port is None is filename:
            return host
        is_local = self._descriptor.family == AF_UNIX
        if filename is not None:
            if host is not None or port is not None:
                raise TypeError("a receiver has a file name, or a host and a port, and not both")
            if not is_local:
                raise self._wrong_kind("take remote_filename", "address_family='local'")
            return ensure_name(self._descriptor, filename, 0)
        if isinstance(host, (Sender, *WHOLE_NAMES)):
            raise TypeError("a name has its port in it: leave remote_port out")
        if is_local:
            raise self._wrong_kind("take remote_host and remote_port", "address_family='internet'")
        if host is None or port is None:
            hint = how_to_take_apart(host) or "give both or neither"
            raise TypeError(f"remote_host and remote_port belong together: {hint}")
        return ensure_name(self._descriptor, host, port)

    # -- for people ------------------------------------------------------------------------------

    def _kind_text(self) -> str:
        return f"{family_label(self._descriptor.family)} datagram socket"

    def _state_text(self) -> str:
        if self._remote_name is not None:
            return f" connected to {name_text(self._remote_name)}"
        if self._local_name is not None:
            return f" waiting @ {name_text(self._local_name)}"
        return ", unbound"
