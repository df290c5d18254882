"""The part of the loop that listens, and the servers that it makes."""

import asyncio
import itertools
import logging
import os
from asyncio.trsock import TransportSocket
from collections.abc import Callable, Iterable
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Self

from .._core.log_record import about
from .._sys.loop_sockets import (
    PASSIVE,
    bind_to,
    descriptor_of,
    open_local_socket,
    open_python_socket,
    own_file,
    prepare_server,
    remove_stale_file,
)
from .._sys.python_socket import PythonSocket
from ..errors import AddressNotAvailable, SocketError
from ..multiplex.listener import Listener
from ..multiplex.protocol import ProtocolLike
from ..multiplex.transport import Transport
from ..sockets.passive_socket import PassiveSocket
from .connecting import ConnectingLoop, check_local_stream, check_stream
from .securing import Securing, make_securing
from .settling import succeed
from .transports import StreamTransport

__all__ = ("Server", "ServingLoop", "remove_stale_local_file")

_logger = logging.getLogger("asyncio")

ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class _Listener(Listener):
    """A listener of a server: its connections are asyncio's, and the server waits for them."""

    def __init__(
        self, server: "Server", socket: PassiveSocket, factory: ProtocolFactory, context: Context
    ) -> None:
        self._server = server
        self._context = context
        securing = server._securing
        super().__init__(
            server.get_loop(),
            socket,
            partial(context.run, factory),  # type: ignore[arg-type]
            None,
            {},
            tls=None if securing is None else securing.tls,
            handshake_timeout=None if securing is None else securing.handshake_timeout,
        )

    def _make_transport(self, protocol: ProtocolLike) -> Transport:
        transport = StreamTransport(self._event_base, protocol, self._context.copy())  # type: ignore[arg-type]
        transport._securing = self._server._securing
        return transport

    def _connection_ended(self, transport: Transport) -> None:
        super()._connection_ended(transport)
        self._server._look_whether_over()


class Server(asyncio.AbstractServer):
    """What `EventLoop.create_server` returns; see `asyncio.Server`."""

    def __init__(
        self,
        loop: "ServingLoop",
        sockets: list[PythonSocket],
        protocol_factory: ProtocolFactory,
        backlog: int,
        *,
        securing: Securing | None = None,
        removes_file: bool = False,
    ) -> None:
        self._loop = loop
        self._securing = securing
        self._python_sockets = sockets
        self._sockets: list[PassiveSocket] | None = [_passive(each) for each in sockets]
        if removes_file:
            for socket in self._sockets:
                own_file(socket._descriptor)
        self._protocol_factory = protocol_factory
        self._backlog = backlog
        self._listeners: list[_Listener] = []
        self._waiters: list[asyncio.Future[None]] | None = []
        self._serving_forever: asyncio.Future[None] | None = None

    @property
    def sockets(self) -> tuple[TransportSocket, ...]:
        """The sockets that listen, none once the server is closed."""
        if self._sockets is None:
            return ()
        return tuple(map(TransportSocket, self._python_sockets))

    def get_loop(self) -> "ServingLoop":
        """Return the loop."""
        return self._loop

    def is_serving(self) -> bool:
        """Return whether connections are accepted."""
        return bool(self._listeners) and self._sockets is not None

    def _listen(self) -> None:
        """Begin to accept connections, unless that is done already."""
        if self._listeners or self._sockets is None:
            return
        context = copy_context()
        for socket in self._sockets:
            socket.listen(self._backlog)
            listener = _Listener(self, socket, self._protocol_factory, context)
            self._listeners.append(listener)

    async def start_serving(self) -> None:
        """Accept connections from now on. May be repeated."""
        self._listen()
        await asyncio.sleep(0)

    async def serve_forever(self) -> None:
        """Accept connections until this is cancelled; the server is closed then.

        Raises:
            RuntimeError: The server is closed, or is serving for ever already.
        """
        if self._serving_forever is not None:
            raise RuntimeError(f"{self!r} is already being awaited on serve_forever()")
        if self._sockets is None:
            raise RuntimeError(f"{self!r} is closed")
        self._listen()
        self._serving_forever = self._loop.create_future()
        try:
            await self._serving_forever
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise
        finally:
            self._serving_forever = None

    def close(self) -> None:
        """Stop listening; connections that were accepted live on. May be repeated."""
        if self._sockets is None:
            return
        sockets, self._sockets = self._sockets, None
        for listener in self._listeners:
            listener.close()
        for socket in sockets:  # those that have not listened yet, too
            socket.close()
        if self._serving_forever is not None and not self._serving_forever.done():
            self._serving_forever.cancel()
        self._look_whether_over()

    def close_clients(self) -> None:
        """Close all connections, after what is queued has been sent."""
        for listener in self._listeners:
            for transport in listener.connections:
                transport.close()

    def abort_clients(self) -> None:
        """Close all connections now, and drop what is queued."""
        for listener in self._listeners:
            for transport in listener.connections:
                transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the server is closed, and its connections are."""
        if self._waiters is None:
            return
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _look_whether_over(self) -> None:
        """Wake who waits for the end if this is it."""
        if self._sockets is not None or self._waiters is None or self._loop.closed:
            return
        if any(listener.connections for listener in self._listeners):
            return
        waiters, self._waiters = self._waiters, None
        for waiter in waiters:
            succeed(waiter, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()
        await self.wait_closed()

    def __repr__(self) -> str:
        return f"<Server sockets={self.sockets!r}>"


class ServingLoop(ConnectingLoop):
    """The part of an event loop that listens; see `EventLoop`."""

    async def create_server(  # type: ignore[override]
        self,
        protocol_factory: ProtocolFactory,
        host: str | Iterable[str] | None = None,
        port: int | str | None = None,
        *,
        family: int = 0,
        flags: int = PASSIVE,
        sock: PythonSocket | None = None,
        backlog: int = 100,
        ssl: Any = None,
        reuse_address: bool | None = None,
        reuse_port: bool | None = None,
        keep_alive: bool | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
    ) -> Server:
        """Listen for connections, and make a transport of each.

        Args:
            protocol_factory: Called without arguments for the protocol of each connection.
            host: A name or an address to listen at, or several; None or ``""`` is all of them.
            port: The port.
            family, flags: Of the look-up, see `socket.getaddrinfo`.
            sock: A bound stream socket, instead of a host and a port.
            backlog: How many connections may wait to be accepted.
            ssl: Speak TLS: a context of Python's, or a `TLS`, with a certificate.
            ssl_handshake_timeout: Seconds for each handshake. Default: 60.
            ssl_shutdown_timeout: Seconds for closing in good order. Default: 30.
            reuse_address: Do not wait for old connections of the port to fade away, by default.
            reuse_port: Let other sockets of this user listen at the same port.
            keep_alive: Ask peers that are silent for long whether they are still there.
            start_serving: Begin at once, not by `Server.start_serving`.

        Raises:
            AddressInUse, AddressNotAvailable, SocketError: The system says no.
            OSError: The host was not found.
            TypeError, ValueError: Arguments are not what they can be, or do not go together.
        """
        securing = _server_securing(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if host is None and port is None:
            if sock is None:
                raise ValueError("Neither host/port nor sock were specified")
            check_stream(sock)
            sockets = [sock]
        elif sock is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        else:
            infos = await self._server_infos(host, port, family, flags)
            sockets = _bound_sockets(
                infos,
                reuse_address=reuse_address is not False,
                reuse_port=bool(reuse_port),
                keep_alive=bool(keep_alive),
            )
        server = Server(self, sockets, protocol_factory, backlog, securing=securing)
        return await self._start_server(server, start_serving)

    async def _server_infos(self, host: Any, port: Any, family: int, flags: int) -> list[Any]:
        """Return the addresses to listen at, each once."""
        if host == "":
            hosts: Iterable[Any] = [None]
        elif isinstance(host, str) or not isinstance(host, Iterable):
            hosts = [host]
        else:
            hosts = host
        looked_up = [
            self._address_infos((each, port), family=family, flags=flags) for each in hosts
        ]
        found = await asyncio.gather(*looked_up)
        return list(dict.fromkeys(itertools.chain.from_iterable(found)))

    async def create_unix_server(  # type: ignore[override]
        self,
        protocol_factory: ProtocolFactory,
        path: "str | bytes | os.PathLike[str] | None" = None,
        *,
        sock: PythonSocket | None = None,
        backlog: int = 100,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
        start_serving: bool = True,
        cleanup_socket: bool = True,
    ) -> Server:
        """Listen at a local socket; see `create_server`.

        Args:
            protocol_factory: Called without arguments for the protocol of each connection.
            path: The path of the socket's file, or an abstract name, which begins with a NUL. A
                file of another socket is removed before.
            sock: A bound local socket, instead of a path.
            backlog: How many connections may wait to be accepted.
            ssl, ssl_handshake_timeout, ssl_shutdown_timeout: Of TLS.
            start_serving: Begin at once, not by `Server.start_serving`.
            cleanup_socket: Remove the file when the server is closed, if it is still the same one.
        """
        securing = _server_securing(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        if path is None:
            if sock is None:
                raise ValueError("path was not specified, and no sock specified")
            check_local_stream(sock)
        elif sock is not None:
            raise ValueError("path and sock can not be specified at the same time")
        else:
            sock = _bound_local_socket(os.fspath(path))
        server = Server(
            self,
            [sock],
            protocol_factory,
            backlog,
            securing=securing,
            removes_file=cleanup_socket,
        )
        return await self._start_server(server, start_serving)

    async def _start_server(self, server: Server, starts: bool) -> Server:
        if starts:
            try:
                await server.start_serving()
            except BaseException:
                server.close()
                raise
        if self._debug:
            _logger.info("%r is serving", server, extra=about())
        return server

    def _stop_serving(self, sock: PythonSocket) -> None:
        """Accept nothing any more, and close the socket; what is built on asyncio's loops asks."""
        self.remove_reader(sock)
        sock.close()


def _server_securing(
    ssl: Any, handshake_timeout: float | None, shutdown_timeout: float | None
) -> Securing | None:
    if isinstance(ssl, bool):
        raise TypeError("ssl argument must be an SSLContext or None")
    return make_securing(
        ssl,
        server_side=True,
        handshake_timeout=handshake_timeout,
        shutdown_timeout=shutdown_timeout,
    )


def _passive(sock: PythonSocket) -> PassiveSocket:
    """Return a passive socket that owns the same socket of the system's."""
    descriptor = descriptor_of(sock)
    made = PassiveSocket(descriptor)
    made._take_state(descriptor.local_name(), listens=descriptor.listens)
    return made


def _bound_sockets(infos: list[Any], **options: bool) -> list[PythonSocket]:
    """Return a socket for each address that there is on this machine.

    Raises:
        SocketError: One of them cannot be bound to, or none is there.
    """
    sockets: list[PythonSocket] = []
    missing: SocketError | None = None
    try:
        for family, kind, protocol, _, sockaddr in infos:
            try:
                sock = open_python_socket(family, kind, protocol)
            except SocketError as error:  # the system has no such family
                missing = error
                continue
            sockets.append(sock)
            prepare_server(sock, **options)
            try:
                bind_to(sock, sockaddr)
            except AddressNotAvailable as error:  # IPv6 is not enabled, for example
                missing = error
                sockets.pop().close()
        if not sockets:
            raise missing or OSError("there is no address to listen at")
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    return sockets


def _bound_local_socket(path: str | bytes) -> PythonSocket:
    sock = open_local_socket()
    try:
        remove_stale_local_file(path)
        bind_to(sock, path)
    except BaseException:
        sock.close()
        raise
    return sock


def remove_stale_local_file(path: str | bytes) -> None:
    """Remove the file of a local socket, so that another one can be bound there."""
    if path[:1] in ("\0", b"\0"):
        return
    try:
        remove_stale_file(path)
    except OSError as error:  # the directory lets us make files, perhaps, and not see them
        _logger.error(
            "Unable to check or remove stale UNIX socket %r: %r",
            path,
            error,
            extra=about(error=error),
        )
