"""The part of the loop that connects: to names, to local sockets, and on sockets that are given."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
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
    open_python_socket,
    send_soon,
)
from .._sys.python_socket import PythonSocket
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import AddressNotAvailable, ConnectFailed, SocketError
from .securing import Securing, make_securing
from .settling import succeed_or_fail
from .sock_calls import SockLoop, check_not_tls
from .transports import StreamTransport

__all__ = ("ConnectingLoop", "check_local_stream", "check_stream")

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
            ssl: Speak TLS: a context of Python's, or a `TLS`, or True for Python's defaults.
            server_hostname: Whom to ask for, and to expect. Default: the host; ``""`` is nobody.
            ssl_handshake_timeout: Seconds for the handshake. Default: 60.
            ssl_shutdown_timeout: Seconds for closing in good order. Default: 30.
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
            TLSError, ConnectionError: The handshake has failed, or was not over in time.
            OSError: The host was not found.
            TypeError, ValueError: Arguments are not what they can be, or do not go together.
        """
        securing = make_securing(
            ssl,
            server_hostname=_server_name(ssl, host, server_hostname),
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        if host is None and port is None:
            if sock is None:
                raise ValueError("host and port was not specified and no sock specified")
            check_stream(sock)
            return await self._connect_transport(sock, protocol_factory, securing)
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
            try:
                if all_errors:
                    raise ExceptionGroup("create_connection failed", errors)
                raise ConnectFailed.from_attempts(tuple(errors), address=f"{host!r}:{port!r}")
            finally:
                errors.clear()  # whose tracebacks have frames that have this list
        try:
            transport, protocol = await self._connect_transport(
                connected, protocol_factory, securing
            )
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
        sock = open_python_socket(family, kind, protocol)
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
            ssl, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout: Of TLS; there is no
                default for whom to expect.
        """
        if ssl and server_hostname is None:
            raise ValueError("you have to pass server_hostname when using ssl")
        securing = make_securing(
            ssl,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        if path is None:
            if sock is None:
                raise ValueError("no path and sock were specified")
            check_local_stream(sock)
            return await self._connect_transport(sock, protocol_factory, securing)
        if sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        own = open_local_socket()
        try:
            await self.sock_connect(own, os.fspath(path))
            return await self._connect_transport(own, protocol_factory, securing)
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
        """Make a transport of a connection that somebody else has accepted.

        Args:
            protocol_factory: Called without arguments for the protocol.
            sock: The connection.
            ssl, ssl_handshake_timeout, ssl_shutdown_timeout: As for `create_server`.

        Raises:
            TLSError, ConnectionError: The handshake has failed, or was not over in time.
            TypeError, ValueError: An argument is not what it can be.
        """
        check_stream(sock)
        securing = make_securing(
            ssl,
            server_side=True,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        return await self._connect_transport(sock, protocol_factory, securing)

    async def _connect_transport(
        self, sock: PythonSocket, protocol_factory: Callable[[], P], securing: Securing | None
    ) -> tuple[asyncio.Transport, P]:
        """Make a transport of a connected socket, which it owns then."""
        protocol = protocol_factory()
        transport = StreamTransport(self, protocol)
        descriptor = descriptor_of(sock)
        send_soon(sock)
        await self._until_made(transport, descriptor, securing)
        return transport, protocol  # type: ignore[return-value]  # it says that it is one

    async def _until_made(
        self,
        transport: StreamTransport,
        descriptor: SocketDescriptor,
        securing: Securing | None = None,
    ) -> None:
        """Begin with a connection, outside of any task, and wait for that.

        Raises:
            TLSError, ConnectionError: The handshake has failed.
        """
        made = self.create_future()
        transport._will_begin(partial(succeed_or_fail, made))
        self.call_soon(transport._begin_on, descriptor, securing)
        try:
            await made
        except BaseException:
            transport._give_up()
            raise

    async def start_tls(
        self,
        transport: asyncio.WriteTransport,
        protocol: asyncio.BaseProtocol,
        sslcontext: Any,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport:
        """Speak TLS from now on, on a connection that has begun; return its transport.

        That is the same one. It may speak TLS already: then there is TLS within TLS, and what is
        told of it is told of the inner one. What was written before goes before, as it is. If a
        client has received something that was not delivered, that is refused, since anybody in
        between may have put it there; a server takes it for the beginning of the handshake.

        Args:
            transport: The connection.
            protocol: Whom it calls from now on.
            sslcontext: A context of Python's, or a `TLS`.
            server_side: Whether this end waits for the other one to begin.
            server_hostname: Whom a client asks for, and expects.
            ssl_handshake_timeout: Seconds for the handshake. Default: 60.
            ssl_shutdown_timeout: Seconds for closing in good order. Default: 30.

        Raises:
            TLSError, ConnectionError: The handshake has failed, and the connection is closed.
            NotConnected: It is closed already.
            TypeError, ValueError: An argument is not what it can be, or the transport is none that
                can speak TLS.
        """
        if sslcontext is True or not sslcontext:
            raise TypeError(f"start_tls() takes a TLS or an ssl.SSLContext, got {sslcontext!r}")
        securing = make_securing(
            sslcontext,
            server_side=server_side,
            server_hostname=server_hostname,
            handshake_timeout=ssl_handshake_timeout,
            shutdown_timeout=ssl_shutdown_timeout,
        )
        assert securing is not None
        target: Any = transport  # to type checkers it cannot be both
        if not (isinstance(target, StreamTransport) and target._can_speak_tls):
            raise TypeError(f"transport {transport!r} is not supported by start_tls()")
        begun = self.create_future()
        target._secure(securing, protocol, partial(succeed_or_fail, begun))
        try:
            await begun
        except BaseException:
            target.abort()
            raise
        return transport  # type: ignore[return-value]  # it is the other one, too


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
