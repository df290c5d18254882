"""Streams to await that speak TLS: what is told of their ends, and with whom they speak."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on, stream_and_peer, until_it_waits
from aio.test_streams import streams_with_tls
from sockets.tls_helpers import fill
from support.certificates import Certificates
from support.peers import socket_pair
from support.timing import MS, PATIENCE

from trunkline import EndOfFile, NotTLS, TimedOut, TLSError, TLSTruncated, aio, make_socket_from_fd
from trunkline.aio import AsyncStream

pytestmark = each_loop


async def spoil(server: AsyncStream, client: AsyncStream) -> None:
    """Have a stream find what is no record, when it has no room to say so."""
    server.write(bytes(3_000_000))
    finishing = asyncio.create_task(server.finish_output())
    await until_it_waits(finishing)
    data = b"no record of TLS"
    while data:
        with contextlib.suppress(BlockingIOError):  # an injected fault
            data = data[os.write(client.fileno(), data) :]
    for call in (server.read(), finishing):
        with pytest.raises(TLSError):
            await call


async def assert_told(client: AsyncStream) -> None:
    with pytest.raises(TLSError, match="the peer has ended the connection"):
        await client.read_exactly(10_000_000)


def test_closing_waits_until_an_alert_has_left(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            await spoil(server, client)
            closing = asyncio.create_task(server.close())
            await until_it_waits(closing)
            await assert_told(client)
            await closing

    run_on(make_loop, main())


def test_so_does_leaving_by_the_error(make_loop: LoopFactory, certificates: Certificates) -> None:
    async def serve(server: AsyncStream) -> None:
        async with server:
            await server.read_line()

    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            await spoil(server, client)
            serving = asyncio.create_task(serve(server))
            await until_it_waits(serving)
            await assert_told(client)
            with pytest.raises(TLSError):
                await serving

    run_on(make_loop, main())


def test_nobody_waits_for_long_for_who_does_not_take_it(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            await spoil(server, client)
            await server.close(linger=0.001)
            assert server.closed

    run_on(make_loop, main())


# -- with Python's own at the other end ------------------------------------------------------------


@contextlib.asynccontextmanager
async def stream_and_pythons(
    certificates: Certificates, role: str, version: str = "1.3", **attributes: Any
) -> AsyncIterator[tuple[AsyncStream, ssl.SSLSocket]]:
    """Yield a stream in a role, and Python's socket at the other end, which speaks one version."""
    is_server = role == "server"
    if is_server:
        tls = certificates.server.tls(**attributes)
        context = certificates.client_context(version)
    else:
        tls = certificates.authority.client_tls(**attributes)
        context = certificates.server_context(version)
    context.set_alpn_protocols(["coffee"])
    with socket_pair(socket.AF_INET) as (mine, theirs):
        peer = context.wrap_socket(
            theirs,
            server_side=not is_server,
            server_hostname="localhost" if is_server else None,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        stream = aio.adopt(make_socket_from_fd(mine.detach(), dup=False, timeout=PATIENCE))
        try:
            shaking = asyncio.create_task(asyncio.to_thread(peer.do_handshake))
            await stream.start_tls(
                tls, server_side=is_server, server_name=None if is_server else "localhost"
            )
            await shaking
            with peer:
                yield stream, peer
        finally:
            stream.abort()


each_role = pytest.mark.parametrize("role", ["client", "server"])
each_version = pytest.mark.parametrize("version", ["1.2", "1.3"])


@each_role
@each_version
def test_what_was_agreed_on_is_known(
    make_loop: LoopFactory, certificates: Certificates, role: str, version: str
) -> None:
    async def main() -> None:
        alpn = {"alpn": ("tea", "coffee")}
        async with stream_and_pythons(certificates, role, version, **alpn) as (stream, peer):
            assert stream.speaks_tls
            assert stream.tls_version == f"TLSv{version}" == peer.version()
            assert stream.cipher == (peer.cipher() or ("none",))[0]
            assert stream.alpn_protocol == "coffee" == peer.selected_alpn_protocol()
            assert (stream.remote_certificate is None) == (role == "server")
            assert not stream.session_reused

    run_on(make_loop, main())


@each_role
@each_version
def test_the_end_of_one_direction_leaves_the_other_one(
    make_loop: LoopFactory, certificates: Certificates, role: str, version: str
) -> None:
    much = "y" * 300_000

    def answer(peer: ssl.SSLSocket) -> bytes:
        asked = b"".join(iter(lambda: peer.recv(65_536), b""))
        peer.sendall(much.encode())
        with contextlib.suppress(ssl.SSLError):
            peer.unwrap()
        return asked

    async def main() -> None:
        async with stream_and_pythons(certificates, role, version) as (stream, peer):
            answering = asyncio.create_task(asyncio.to_thread(answer, peer))
            await stream.write_line("what is there?")
            await stream.shutdown(write=True)
            assert await stream.read_text(len(much) + 1) == much
            assert await answering == b"what is there?\n"

    run_on(make_loop, main())


@each_role
def test_what_follows_the_peers_end_arrives(
    make_loop: LoopFactory, certificates: Certificates, role: str
) -> None:
    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            one, other = (server, client) if role == "server" else (client, server)
            await other.write_line("all of it")
            await other.shutdown(write=True)
            assert await one.read_line() == "all of it"
            with pytest.raises(EndOfFile):
                await one.read_line()
            await one.write_line("and what I say")
            await one.close()
            assert await other.read_line() == "and what I say"
            assert await other.read() == b""

    run_on(make_loop, main())


@each_role
def test_a_connection_that_is_cut_off_is_no_end(
    make_loop: LoopFactory, certificates: Certificates, role: str
) -> None:
    async def main() -> None:
        async with stream_and_pythons(certificates, role) as (stream, peer):
            peer.sendall(b"a line\nand a half")
            peer.shutdown(socket.SHUT_RDWR)  # of the connection, and not of TLS
            assert await stream.read_line() == "a line"
            for _ in range(2):
                with pytest.raises(TLSTruncated) as caught:
                    await stream.read_line()
                assert caught.value.address == stream.remote_name
            with pytest.raises(TLSTruncated):
                await stream.write_line("data")

    run_on(make_loop, main())


@each_role
@each_version
def test_closing_says_so_and_waits_for_nobody(
    make_loop: LoopFactory, certificates: Certificates, role: str, version: str
) -> None:
    async def main() -> None:
        async with stream_and_pythons(certificates, role, version) as (stream, peer):
            stream.write_line("all of it")
            await stream.close()
            received = iter(partial(peer.recv, 65_536), b"")
            assert b"".join(received) == b"all of it\n"

    run_on(make_loop, main())


def test_a_peer_may_send_one_byte_at_a_time(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    """Each in a segment of its own, the handshake too."""

    async def main() -> None:
        with socket_pair(socket.AF_INET) as (mine, theirs):
            theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            peer = certificates.client_context().wrap_bio(
                incoming, outgoing, server_hostname="localhost"
            )

            def drip() -> None:
                while True:
                    try:
                        peer.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        send_all()
                        incoming.write(theirs.recv(65_536))
                peer.write(b"a line\n")
                send_all()

            def send_all() -> None:
                while byte := outgoing.read(1):
                    theirs.sendall(byte)

            stream = aio.adopt(make_socket_from_fd(mine.detach(), dup=False))
            dripping = asyncio.create_task(asyncio.to_thread(drip))
            await stream.start_tls(certificates.server_tls, server_side=True)
            assert await stream.read_line() == "a line"
            await dripping
            stream.abort()

    run_on(make_loop, main())


@pytest.mark.exact_io("who looks is counted")
def test_who_reads_waits_for_a_peer_that_takes_no_answers(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    """Nothing is read then, and to look again and again whether there is something is in vain."""

    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            channel: Any = server._socket._channel
            fill(channel)
            await client.write_line("a line")
            looks: list[object] = []

            def look(buffer: Any) -> int | None:
                looks.append(buffer)
                count: int | None = receive_into(buffer)
                return count

            receive_into, channel.receive_into = channel.receive_into, look
            with pytest.raises(TimedOut):
                await server.read_line(timeout=20 * MS)
            assert len(looks) < 10
            reading = asyncio.create_task(client.read_exactly(10_000_000))
            assert await server.read_line() == "a line"
            server.abort()
            with pytest.raises(TLSTruncated):
                await reading

    run_on(make_loop, main())


# -- beginning later ------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["client", "server"])
def test_plain_text_behind_the_word_to_begin_is_refused(
    make_loop: LoopFactory, certificates: Certificates, role: str
) -> None:
    options: dict[str, Any] = {"tls": certificates.client_tls, "server_name": "localhost"}
    if role == "server":
        options = {"tls": certificates.server_tls, "server_side": True}

    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, peer):
            peer.sendall(b"the word\ninjected")
            assert await stream.read_line() == "the word"
            with pytest.raises(NotTLS):
                await stream.start_tls(**options)
            with pytest.raises(NotTLS):
                await stream.read_line()
            with pytest.raises(NotTLS):
                await stream.write_line("go on")

    run_on(make_loop, main())


@pytest.mark.exact_io("what each says comes in one piece")
def test_a_handshake_behind_it_is_taken(make_loop: LoopFactory, certificates: Certificates) -> None:
    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, theirs):
            theirs.setblocking(False)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            peer = certificates.client_context().wrap_bio(
                incoming, outgoing, server_hostname="localhost"
            )
            with contextlib.suppress(ssl.SSLWantReadError):
                peer.do_handshake()
            theirs.sendall(b"STARTTLS\n" + outgoing.read())
            assert await stream.read_line() == "STARTTLS"
            starting = asyncio.create_task(
                stream.start_tls(certificates.server_tls, server_side=True)
            )
            loop = asyncio.get_running_loop()
            incoming.write(await loop.sock_recv(theirs, 65_536))
            peer.do_handshake()
            await loop.sock_sendall(theirs, outgoing.read())
            await starting
            assert stream.tls_version == "TLSv1.3"

    run_on(make_loop, main())
