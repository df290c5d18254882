"""Packet sockets: connections of whole messages, within a machine (SOCK_SEQPACKET)."""

from collections.abc import Iterator
from os import PathLike
from typing import Any, cast, overload

from ..._core.deadline import Deadline
from ..._sys.clock import monotonic
from ..._sys.datagram_descriptor import DatagramDescriptor
from ..._sys.sockaddr import Name
from ...addresses import LocalAddress
from ...errors import AlreadyConnected, EndOfFile, NotConnected, SocketClosed
from ..connecting import start_in_turn
from ..families import family_label
from ..listening_socket import ListeningSocket
from ..names import ensure_name
from .datagram_socket import DatagramSocket
from .python_names import PythonPacketNames
from .received import Received

__all__ = ("PacketSocket", "PassivePacketSocket")


class PacketSocket(PythonPacketNames, DatagramSocket):
    """A datagram socket with a connection: nothing gets lost, and the peer's end is noticed.

    `make_socket` and `PassivePacketSocket.accept` make them, of local sockets only, and where the
    system has them. All is as for datagrams, but that there is no receiver to name, and:

    * The peer's end is `EndOfFile`, where nothing is left to be received; and of an iteration, the
      end. Sending to a peer that is gone is `BrokenPipe`. What has thrown away what was sent to it
      is `ConnectionReset`.
    * Sending waits for the peer to receive, if `timeout` allows it.
    """

    def __init__(self, descriptor: DatagramDescriptor, *, remote_name: Name | None = None) -> None:
        super().__init__(descriptor, remote_name=remote_name)
        # An empty message looks like the end. But the system can be made to say something beside
        # each message, and beside the end it says nothing.
        self._room = descriptor.mark_messages()

    def connect(  # type: ignore[override]  # a connection takes its time
        self, address: LocalAddress | PathLike[str] | str | bytes, *, timeout: float | None = None
    ) -> None:
        """Connect to whoever listens at a local address.

        Args:
            address: A path or a `LocalAddress`.
            timeout: Seconds to wait until there is room in the backlog; None is for ever.

        Raises:
            ConnectionRefused, PathNotFound: Nobody listens there.
            TimedOut: There was no room in time.
            AlreadyConnected: The socket is connected.
            SocketClosed, SocketError: As the names say.
            TypeError, ValueError: The address is none.
        """
        name = ensure_name(self._descriptor, address, 0)
        deadline = Deadline(timeout, monotonic)
        with self._descriptor.writing.in_turn(deadline):
            if self._remote_name is not None:
                raise AlreadyConnected(operation="connect", address=name)
            start_in_turn(self._descriptor, name, deadline)
            self._remote_name = self._descriptor.where = name
            self._remember_local_name()

    def disconnect(self) -> None:
        """Raise `TypeError`: a connection ends with its socket."""
        raise self._wrong_kind("disconnect", "type='datagram'")

    def _outgoing(self, data: Any, to: Any) -> Any:
        if to is not None:
            raise self._wrong_kind("take a receiver", "type='datagram'")
        if self._remote_name is None:
            self._descriptor.check_open("send")
            raise NotConnected(operation="send", address=self._descriptor.where)
        return super()._outgoing(data, None)

    def _receive(self, into: Any, flags: int, deadline: Deadline) -> Received[Any]:
        if self._remote_name is None:
            self._descriptor.check_open("receive")
            raise NotConnected(operation="receive", address=self._descriptor.where)
        received = super()._receive(into, flags, deadline)
        if not (received.data or received.sender._control):
            self._descriptor.check_open("receive")  # which looks like the peer's end
            raise EndOfFile(operation="receive", address=self._descriptor.where)
        return received

    def __iter__(self) -> Iterator[Received[bytes]]:
        """Receive messages until the peer has ended, or the socket is closed."""
        while True:
            try:
                received = self.receive_from(timeout=None)
            except (EndOfFile, SocketClosed):
                return
            yield received

    def _kind_text(self) -> str:
        return f"{family_label(self._descriptor.family)} packet socket"


class PassivePacketSocket(ListeningSocket):
    """A socket that listens for connections, and makes a `PacketSocket` of each."""

    _descriptor: DatagramDescriptor

    @overload
    def accept(self, *, timeout: None = None) -> PacketSocket: ...
    @overload
    def accept(self, *, timeout: float | None) -> PacketSocket | None: ...
    def accept(self, *, timeout: float | None = None) -> PacketSocket | None:
        """Wait for a connection, and accept it; see `PassiveSocket.accept`.

        Args:
            timeout: Seconds to wait; None is for ever, 0 does not wait.

        Returns:
            The socket of the connection, or None when the time is up.

        Raises:
            Everything that `PassiveSocket.accept` raises.
        """
        deadline = Deadline(timeout, monotonic)
        self._descriptor.check_open("accept")
        with self._descriptor.reading:
            accepted = self._accept(deadline)
        if accepted is None:
            return None
        descriptor = cast("DatagramDescriptor", accepted[0])
        try:
            return PacketSocket(descriptor, remote_name=accepted[1])
        except BaseException:
            descriptor.close()
            raise

    def __iter__(self) -> Iterator[PacketSocket]:
        """Accept connections until the socket is closed."""
        while True:
            try:
                connection = self.accept()
            except SocketClosed:
                return
            yield connection

    def _kind_text(self) -> str:
        return f"passive {family_label(self._descriptor.family)} packet socket"
