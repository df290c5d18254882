"""The part of the loop that connects: to names, to local sockets, and on sockets that are given."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, TypeVar

from .._core.connect_race import ConnectRace, interleave_families
from .._core.log_record import about
from .._sys.loop_sockets import (
    AddressInfo,
    bind_to,
    descriptor_of,
    is_local,
    is_stream,
    open_local_socket,
    open_stream_socket,
    send_soon,
)
from .._sys.python_socket import PythonSocket
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import AddressNotAvailable, ConnectFailed, SocketError
from .settling import succeed
from .sock_calls import SockLoop, check_not_tls
from .transports import StreamTransport

__all__ = ("ConnectingLoop", "check_local_stream", "check_stream", "check_tls_arguments")

P = TypeVar("P", bound=asyncio.BaseProtocol)

_logger = logging.getLogger("asyncio")


class ConnectingLoop(SockLoop):
    """The part of an event loop that connects; see `EventLoop`."""

    async def create_connection(
        self,
        protocol_factory: Callable[[], P],
        host: str | bytes | None = None,
        port: int | str | bytes | None = None,
        *,
        ssl: Any = None,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        sock: PythonSocket | None = None,
        local_addr: tuple[str, int] | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        happy_eyeballs_delay: float | None = None,
        interleave: int | None = None,
        all_errors: bool = False,
    ) -> tuple[asyncio.Transport, P]:
        """Connect to a server, and return the transport and its protocol.

        Args:
            protocol_factory: Called without arguments for the protocol.
            host, port: Where to connect to.
            ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout: Of TLS.
            family, proto, flags: Of the look-up, see `socket.getaddrinfo`.
            sock: A connected socket, instead of a host and a port.
            local_addr: A host and a port to connect from.
            happy_eyeballs_delay: Seconds after which the next address is tried, too, while one does
                not answer (RFC 8305); None is to try one after the other.
            interleave: How many addresses of the first family come first, before the families take
                turns. None: as they are; or 1 with `happy_eyeballs_delay`.
            all_errors: Raise an `ExceptionGroup` of what became of each address.

        Raises:
            SocketError: All addresses have failed alike, and this is how; see `ConnectFailed`.
            OSError: The host was not found.
            TypeError, ValueError: Arguments are not what they can be, or do not go together.
        """
        server_hostname = _server_name(ssl, host, server_hostname)
        check_tls_arguments(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if host is None and port is None:
            if sock is None:
                raise ValueError("host and port was not specified and no sock specified")
            check_stream(sock)
            return await self._connect_transport(sock, protocol_factory)
        if sock is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        infos = await self._address_infos((host, port), family=family, proto=proto, flags=flags)
        sources = None
        if local_addr is not None:
            sources = await self._address_infos(local_addr, family=family, proto=proto, flags=flags)
        if happy_eyeballs_delay is not None and interleave is None:
            interleave = 1
        if interleave:
            infos = _interleaved(infos, interleave)
        errors: list[SocketError] = []
        connected = await self._connect_to_one(infos, sources, happy_eyeballs_delay, errors)
        if connected is None:
            if all_errors:
                raise ExceptionGroup("create_connection failed", errors)
            raise ConnectFailed.from_attempts(tuple(errors), address=f"{host!r}:{port!r}")
        try:
            transport, protocol = await self._connect_transport(connected, protocol_factory)
        except BaseException:
            connected.close()
            raise
        if self._debug:
            _logger.debug(
                "%r connected to %s:%r: %r",
                connected,
                host,
                port,
                transport,
                extra=about(peer=transport.get_extra_info("peername")),
            )
        return transport, protocol

    async def _connect_to_one(
        self,
        infos: Sequence[AddressInfo],
        sources: Sequence[AddressInfo] | None,
        delay: float | None,
        errors: list[SocketError],
    ) -> PythonSocket | None:
        """Return a socket that is connected to the first address that answers, or None."""
        if delay is not None and len(infos) > 1:
            return await self._race(infos, sources, delay, errors)
        for info in infos:
            try:
                return await self._connect_to(info, sources)
            except SocketError as error:
                errors.append(error)
        return None

    async def _race(
        self,
        infos: Sequence[AddressInfo],
        sources: Sequence[AddressInfo] | None,
        delay: float,
        errors: list[SocketError],
    ) -> PythonSocket | None:
        """The same, the next address being tried while one does not answer."""
        race: ConnectRace[AddressInfo, SocketError] = ConnectRace(
            infos, delay=delay, family_of=lambda info: None
        )
        running: dict[asyncio.Task[PythonSocket], AddressInfo] = {}
        winner: PythonSocket | None = None
        try:
            while not race.is_over:
                while (info := race.due(self.time())) is not None:
                    running[self.create_task(self._connect_to(info, sources))] = info
                due = race.next_due
                await asyncio.wait(
                    running,
                    timeout=None if due is None else max(0.0, due - self.time()),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in [task for task in running if task.done()]:
                    info = running.pop(task)
                    try:
                        connected = task.result()
                    except SocketError as error:
                        errors.append(error)
                        race.failed(info, error)
                        continue
                    race.succeeded(info)
                    if winner is None:
                        winner = connected
                    else:
                        connected.close()
        except BaseException:
            if winner is not None:
                winner.close()
            raise
        finally:
            for task in running:
                task.cancel()
                task.add_done_callback(_close_what_came)
        return winner

    async def _connect_to(
        self, info: AddressInfo, sources: Sequence[AddressInfo] | None
    ) -> PythonSocket:
        """Return a socket that is connected to an address, and bound to another one before."""
        family, kind, protocol, _, sockaddr = info
        sock = open_stream_socket(family, kind, protocol)
        try:
            if sources is not None:
                _bind_to_one(sock, [each[4] for each in sources if each[0] == family])
            await self.sock_connect(sock, sockaddr)
        except BaseException:
            sock.close()
            raise
        return sock

    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], P],
        path: "str | bytes | os.PathLike[str] | None" = None,
        *,
        ssl: Any = None,
        sock: PythonSocket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Connect to a local socket; see `create_connection`.

        Args:
            protocol_factory: Called without arguments for the protocol.
            path: The path of the socket's file, or an abstract name, which begins with a NUL.
            sock: A connected local socket, instead of a path.
            ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout: Of TLS.
        """
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        check_tls_arguments(ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is None:
            if sock is None:
                raise ValueError("no path and sock were specified")
            check_local_stream(sock)
            return await self._connect_transport(sock, protocol_factory)
        if sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        own = open_local_socket()
        try:
            await self.sock_connect(own, os.fspath(path))
            return await self._connect_transport(own, protocol_factory)
        except BaseException:
            own.close()
            raise

    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], P],
        sock: PythonSocket,
        *,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Make a transport of a connection that somebody else has accepted."""
        check_stream(sock)
        check_tls_arguments(ssl, None, ssl_handshake_timeout, ssl_shutdown_timeout)
        return await self._connect_transport(sock, protocol_factory)

    async def _connect_transport(
        self, sock: PythonSocket, protocol_factory: Callable[[], P]
    ) -> tuple[asyncio.Transport, P]:
        """Make a transport of a connected socket, which it owns then."""
        protocol = protocol_factory()
        transport = StreamTransport(self, protocol)
        descriptor = descriptor_of(sock)
        send_soon(sock)
        await self._until_made(transport, descriptor)
        return transport, protocol  # type: ignore[return-value]  # it says that it is one

    async def _until_made(self, transport: StreamTransport, descriptor: SocketDescriptor) -> None:
        """Begin with a connection, outside of any task, and wait for that."""
        made = self.create_future()

        def begin() -> None:
            transport._begin_on(descriptor)
            succeed(made, None)

        self.call_soon(begin)
        try:
            await made
        except BaseException:
            transport._give_up()
            raise


def check_tls_arguments(
    ssl: Any,
    server_hostname: str | None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> None:
    """Raise `ValueError` for arguments of TLS without TLS."""
    if ssl:
        raise NotImplementedError("TLS is not a layer of these transports yet")
    for name, value in (
        ("server_hostname", server_hostname),
        ("ssl_handshake_timeout", handshake_timeout),
        ("ssl_shutdown_timeout", shutdown_timeout),
    ):
        if value is not None:
            raise ValueError(f"{name} is only meaningful with ssl")


def check_stream(sock: PythonSocket) -> None:
    """Raise `TypeError` or `ValueError` unless it is a stream socket, without TLS on it."""
    check_not_tls(sock)
    if not is_stream(sock):
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")


def check_local_stream(sock: PythonSocket) -> None:
    """The same, for a local one."""
    check_not_tls(sock)
    if not (is_local(sock) and is_stream(sock)):
        raise ValueError(f"A UNIX Domain Stream Socket was expected, got {sock!r}")


def _server_name(ssl: Any, host: Any, server_hostname: str | None) -> str | None:
    """Return the name that the server has to prove, by default that of the host."""
    if server_hostname is None and ssl:
        if not host:
            raise ValueError("You must set server_hostname when using ssl without a host")
        return host if isinstance(host, str) else host.decode("ascii")
    return server_hostname


def _interleaved(infos: list[AddressInfo], first_count: int) -> list[AddressInfo]:
    """Return addresses with the families taking turns, after some of the first family."""
    family = infos[0][0]
    first = [info for info in infos if info[0] == family][: first_count - 1]
    rest = [info for info in infos if info not in first]
    return first + interleave_families(rest, itemgetter(0))


def _bind_to_one(sock: PythonSocket, sockaddrs: list[Any]) -> None:
    """Bind a socket to the first address that it can be bound to."""
    failure: SocketError | None = None
    for sockaddr in sockaddrs:
        try:
            bind_to(sock, sockaddr)
            return
        except SocketError as error:
            failure = error
    if failure is None:
        reason = "no local address is of the family to connect to"
        raise AddressNotAvailable(strerror=reason, operation="bind")
    raise failure


def _close_what_came(task: "asyncio.Task[PythonSocket]") -> None:
    """Close the connection of an attempt that was given up when it had just succeeded."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
