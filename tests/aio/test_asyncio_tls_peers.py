"""All that speaks TLS here, with asyncio's own at the other end: much goes both ways at once."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from aio.loops import run_on
from multiplex.transport_helpers import run_until
from sockets.helpers import Call
from support.certificates import Certificates
from support.peers import socket_pair
from support.timing import PATIENCE

from trunkline import (
    TLS,
    ActiveSocket,
    EventBase,
    Transport,
    TransportProtocol,
    adopt,
    aio,
    make_socket_from_fd,
)

MUCH = bytes(range(256)) * 4_000

Options = dict[str, Any]
Echo = Callable[[ActiveSocket, Options, int | None], None]


def echo_by_blocking(sock: ActiveSocket, options: Options, most: int | None) -> None:
    with sock:
        sock.start_tls(**options)
        count = 0
        while count != most and (data := sock.read()):
            sock.write(data, flush=True)
            count += len(data)


def echo_by_callbacks(sock: ActiveSocket, options: Options, most: int | None) -> None:
    errors: list[Exception | None] = []

    class Protocol(TransportProtocol):
        count = 0

        def connection_made(self, transport: Transport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)
            self.count += len(data)
            if self.count == most:
                self.transport.close()

        def connection_lost(self, error: Exception | None) -> None:
            errors.append(error)

    with EventBase() as base:
        adopt(base, Protocol(), sock, **options)
        run_until(base, lambda: errors and not base._lingering)
    assert errors == [None]


def echo_by_awaiting(sock: ActiveSocket, options: Options, most: int | None) -> None:
    async def main() -> None:
        async with aio.adopt(sock) as stream:
            await stream.start_tls(**options)
            count = 0
            while count != most and (data := await stream.read()):
                await stream.write(data)
                count += len(data)

    run_on(aio.EventLoop, main())


WAYS = [echo_by_blocking, echo_by_callbacks, echo_by_awaiting]


async def opened(
    sock: socket.socket, context: ssl.SSLContext, *, server_side: bool
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return asyncio's streams for its end of a connection."""
    if not server_side:
        return await asyncio.open_connection(sock=sock, ssl=context, server_hostname="localhost")
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, protocol = await loop.connect_accepted_socket(
        lambda: asyncio.StreamReaderProtocol(reader), sock, ssl=context
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("role", ["client", "server"])
@pytest.mark.parametrize("who_ends", ["we", "asyncio"])
@pytest.mark.parametrize("echo", WAYS)
def test_asyncio_gets_back_what_it_sends(
    certificates: Certificates, echo: Echo, who_ends: str, role: str, version: str
) -> None:
    tls: TLS = certificates.server_tls if role == "server" else certificates.client_tls
    options: Options = {"tls": tls, "server_side": role == "server"}
    if role == "client":
        context = certificates.server_context(version)
        options["server_name"] = "localhost"
    else:
        context = certificates.client_context(version)

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(MUCH)
        await writer.drain()

    async def main(peer: socket.socket) -> None:
        reader, writer = await opened(peer, context, server_side=role == "client")
        sending = asyncio.create_task(send(writer))
        assert await reader.readexactly(len(MUCH)) == MUCH
        await sending
        if who_ends == "we":
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()

    with socket_pair(socket.AF_INET) as (mine, peer):
        sock = make_socket_from_fd(mine.detach(), dup=False, timeout=PATIENCE)
        with Call(echo, sock, options, len(MUCH) if who_ends == "we" else None):
            run_on(asyncio.SelectorEventLoop, main(peer))
