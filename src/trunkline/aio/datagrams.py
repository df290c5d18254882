"""Datagrams: asyncio's transports for them are the event base's endpoints, with asyncio's names."""

import asyncio
import logging
import sys
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .._core.buffers import Buffer
from .._core.log_record import about
from .._sys.loop_sockets import (
    DATAGRAM_KIND,
    LOCAL_FAMILY,
    bind_to,
    datagram_descriptor_of,
    is_stream,
    let_broadcast,
    names_of_socket,
    numeric_sockaddr,
    open_python_socket,
    peer_of_socket,
    share_port,
)
from .._sys.python_socket import PythonSocket
from ..errors import DestinationRequired
from ..multiplex.datagrams import DatagramEndpoint
from ..multiplex.datagrams.endpoint_core import CLOSING, OPENING
from ..sockets.datagrams import DatagramSocket
from .pipes import PipeLoop
from .serving import remove_stale_local_file
from .settling import succeed
from .sock_calls import check_not_tls
from .transports import water_marks

if TYPE_CHECKING:
    from .calling import CallingLoop

__all__ = ("DatagramLoop", "DatagramTransport")

P = TypeVar("P", bound=asyncio.BaseProtocol)
Address: TypeAlias = "tuple[str, int] | str | None"

_logger = logging.getLogger("asyncio")


class _LooksLike(asyncio.DatagramTransport, asyncio.Transport):
    """What a transport for datagrams is to `isinstance`: asyncio's own are both."""


class DatagramTransport(DatagramEndpoint):
    """A datagram socket of an `EventLoop`; see `asyncio.DatagramTransport`, and `DatagramEndpoint`.

    Args:
        loop: Who calls it.
        protocol: An asyncio protocol; any object will do.
        sock: The socket, which the transport owns once it has begun.
        address: The only one that may be sent to, if it was made for that.
    """

    __slots__ = ("_address", "_extra")

    __class__ = property(lambda self: _LooksLike)

    # Once more, for type checkers that want it in each class.
    sent: int
    failed: int

    def __init__(
        self, loop: "CallingLoop", protocol: Any, sock: PythonSocket, address: Any = None
    ) -> None:
        DatagramEndpoint.__init__(
            self, loop, protocol, queue_limit=sys.maxsize, context=copy_context()
        )
        local, peer = names_of_socket(sock)
        self._extra = {"socket": TransportSocket(sock), "sockname": local, "peername": peer}
        self._address = address

    def _begin_on(self, sock: PythonSocket) -> None:
        """Begin on a socket, which the transport owns from now on."""
        descriptor = datagram_descriptor_of(sock)
        self._attach(DatagramSocket(descriptor, remote_name=peer_of_socket(descriptor)))

    def _check_protocol(self, protocol: Any, delivery: Any) -> str:
        """Check nothing: asyncio takes any object for a protocol."""
        return "datagram_received"

    def _set_protocol(self, protocol: Any, delivery: Any, taker: str) -> None:
        """Call a protocol from now on, to which senders are what they are to Python's sockets."""
        DatagramEndpoint._set_protocol(self, protocol, delivery, taker)
        deliver = self._take_in
        self._take_in = lambda data, sender: deliver(data, sender._sockaddr)

    # -- asyncio's names -------------------------------------------------------------------------

    def sendto(self, data: Buffer, addr: Any = None) -> None:
        """Send a datagram; see the contract of `DatagramEndpoint`. Nothing is ever dropped.

        Args:
            data: Bytes, which may be changed as soon as this returns; none are a datagram, too.
            addr: The receiver, as Python's sockets take it; None is the peer.

        Raises:
            DestinationRequired: There is no peer, and no receiver was given.
            TypeError: It is not bytes.
            ValueError: The transport was made for another receiver.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            kind = type(data).__name__
            raise TypeError(f"data argument must be a bytes-like object, not {kind!r}")
        address = self._address
        if address is not None:
            if addr not in (None, address):
                raise ValueError(f"Invalid address: must be None or {address}")
            addr = address
        if self._state >= CLOSING:
            return
        if type(data) is not bytes:
            data = bytes(data)
        if self._has_peer:
            self._submit((data, None, ()))
            return
        if addr is None:
            raise DestinationRequired(operation="send", address=self._where)
        failure = None
        if self._plain_family >= 0:
            try:
                self._send(data, addr)
            except OSError as error:
                failure = error
            else:
                self.sent += 1
                return
        try:
            target = numeric_sockaddr(addr, self._family)
        except OSError as error:  # there is no such host
            self.failed += 1
            self.event_base.call_soon(self._call, "error_received", error)
            return
        self._submit((data, target, ()), failure)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return something about the socket, or the default.

        Args:
            name: ``"sockname"`` and ``"peername"`` are the names that both ends had at first, as
                Python's sockets say them; ``"socket"`` is the socket, for its options.
            default: What else to return.
        """
        found = self._extra.get(name)
        return default if found is None else found

    def is_closing(self) -> bool:  # type: ignore[override]  # asyncio's is a method
        """Return whether the transport is closed, or is being closed."""
        return self._state >= CLOSING

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._caller.protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the sizes of what is queued at which the protocol is to pause and to resume.

        Args:
            high: In bytes, of which a datagram counts 64 more than it has; by default four times
                `low`, or 64 KiB.
            low: Likewise; by default a quarter of `high`.

        Raises:
            ValueError: They are not ``0 <= low <= high``.
        """
        self.set_water_marks(*water_marks(high, low))

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return both sizes, the lower one first."""
        return self._low_water, self._high_water

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are queued, with 64 for each datagram."""
        return self._queue.size


class DatagramLoop(PipeLoop):
    """The part of an event loop that has datagrams; see `EventLoop`."""

    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], P],
        local_addr: Address = None,
        remote_addr: Address = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: PythonSocket | None = None,
    ) -> tuple[asyncio.DatagramTransport, P]:
        """Make a transport for datagrams.

        Args:
            protocol_factory: Called without arguments for the protocol.
            local_addr: What to be bound to: a host and a port, or a path.
            remote_addr: The only one to send to. Datagrams come from there alone, but for
                `allow_broadcast`.
            family, proto, flags: Of the look-up, see `socket.getaddrinfo`.
            reuse_port: Let other sockets of this user be bound to the same port.
            allow_broadcast: Let it send to all of a network.
            sock: A datagram socket, instead of all that.

        Raises:
            AddressInUse, AddressNotAvailable, SocketError: The system says no.
            OSError: A host was not found.
            TypeError, ValueError: Arguments are not what they can be, or do not go together.
        """
        address = None
        if sock is not None:
            check_not_tls(sock)
            if is_stream(sock):
                raise ValueError(f"A datagram socket was expected, got {sock!r}")
            _check_alone(
                local_addr=local_addr,
                remote_addr=remote_addr,
                family=family,
                proto=proto,
                flags=flags,
                reuse_port=reuse_port,
                allow_broadcast=allow_broadcast,
            )
            sock.setblocking(False)
        else:
            pairs = await self._datagram_addresses(local_addr, remote_addr, family, proto, flags)
            sock, address = await self._open_datagram_socket(
                pairs, reuse_port=bool(reuse_port), allow_broadcast=bool(allow_broadcast)
            )
        try:
            protocol = protocol_factory()
            transport = DatagramTransport(self, protocol, sock, address)
        except BaseException:
            sock.close()
            raise
        await self._until_open(transport, sock)
        if self._debug:
            _logger.debug("%r created: %r", transport, protocol, extra=about())
        return transport, protocol  # type: ignore[return-value]  # it says that it is one

    async def _datagram_addresses(
        self, local: Address, remote: Address, family: int, proto: int, flags: int
    ) -> list[tuple[int, int, Any, Any]]:
        """Return families and protocols, with the addresses of both ends in each."""
        if not (local or remote):
            if not family:
                raise ValueError("unexpected address family")
            return [(family, proto, None, None)]
        if family == LOCAL_FAMILY:
            for path in (local, remote):
                if not (path is None or isinstance(path, str)):
                    raise TypeError(f"string is expected, not {path!r}")
            return [(family, proto, local, remote)]
        found: dict[tuple[int, int], list[Any]] = {}
        for index, address in enumerate((local, remote)):
            if address is None:
                continue
            if not (isinstance(address, tuple) and len(address) == 2):
                raise TypeError(f"2-tuple is expected, not {address!r}")
            infos = await self._address_infos(
                address, family=family, type=DATAGRAM_KIND, proto=proto, flags=flags
            )
            for each_family, _, each_proto, _, sockaddr in infos:
                pair = found.setdefault((each_family, each_proto), [None, None])
                if pair[index] is None:
                    pair[index] = sockaddr
        pairs = [
            (*key, *pair)
            for key, pair in found.items()
            if not ((local and pair[0] is None) or (remote and pair[1] is None))
        ]
        if not pairs:
            raise ValueError("can not get address information")
        return pairs

    async def _open_datagram_socket(
        self, pairs: list[tuple[int, int, Any, Any]], *, reuse_port: bool, allow_broadcast: bool
    ) -> tuple[PythonSocket, Any]:
        """Return a socket with the first addresses that it can have, and who may be sent to."""
        failures: list[OSError] = []
        for family, proto, local, remote in pairs:
            sock: PythonSocket | None = None
            try:
                sock = open_python_socket(family, DATAGRAM_KIND, proto)
                if reuse_port:
                    share_port(sock)
                if allow_broadcast:
                    let_broadcast(sock)
                if local is not None:
                    if family == LOCAL_FAMILY:
                        remove_stale_local_file(local)
                    bind_to(sock, local)
                if remote is not None and not allow_broadcast:
                    await self.sock_connect(sock, remote)
            except BaseException as error:
                if sock is not None:
                    sock.close()
                if not isinstance(error, OSError):
                    raise
                failures.append(error)
            else:
                return sock, remote
        raise failures[0]

    async def _until_open(self, transport: DatagramTransport, sock: PythonSocket) -> None:
        """Begin with a socket, outside of any task, and wait for that."""
        made = self.create_future()

        def begin() -> None:
            transport._begin_on(sock)
            succeed(made, None)

        self.call_soon(begin)
        try:
            await made
        except BaseException:
            if transport._state == OPENING:
                transport._lose(None, tell=False)
            else:
                transport.close()
            raise


def _check_alone(**arguments: Any) -> None:
    """Raise `ValueError` for what only concerns sockets that are made."""
    given = ", ".join(f"{name}={value}" for name, value in arguments.items() if value)
    if given:
        raise ValueError(
            f"socket modifier keyword arguments can not be used when sock is specified. ({given})"
        )
