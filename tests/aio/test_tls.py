"""TLS on the loop: both roles, upgrades, what is told of it, and how it fails."""

import asyncio
import contextlib
import gc
import random
import socket
import ssl
import threading
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from support.certificates import Certificates
from support.peers import PeerServer, connect
from support.processes import Program
from support.programs import require
from support.timing import MS, PATIENCE

from trunkline import aio
from trunkline.aio import running_loop
from trunkline.errors import ConnectionAborted, NotConnected, TimedOut
from trunkline.tls import NotTLS, TLSCertificateError, TLSError

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])

# More than the buffers of both systems hold.
LARGE = b"abcdefgh" * 500_000

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def server_context(certificates: Certificates) -> ssl.SSLContext:
    """What a server speaks."""
    return certificates.server_context()


@pytest.fixture
def client_context(certificates: Certificates) -> ssl.SSLContext:
    """What a client speaks that believes it."""
    return certificates.client_context()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, until it ends."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def serving(handler: Handler, tls: Any, **options: Any) -> AsyncIterator[tuple[str, int]]:
    """Have a server of the loop's at an address."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=tls, **options)
    async with server:
        yield server.sockets[0].getsockname()


class Noting(asyncio.Protocol):
    """Notes what it is called for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.received = b""
        self.lost: asyncio.Future[Exception | None] = running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.received += data

    def eof_received(self) -> bool:
        self.calls.append("eof")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")
        self.lost.set_result(exc)


# -- both roles ------------------------------------------------------------------------------------


@VERSIONS
def test_streams_echo(certificates: Certificates, version: str) -> None:
    async def main() -> None:
        async with serving(echo, certificates.server_context(version)) as address:
            reader, writer = await asyncio.open_connection(
                *address, ssl=certificates.client_context(version)
            )
            writer.write(LARGE)
            answer, _ = await asyncio.gather(reader.readexactly(len(LARGE)), writer.drain())
            assert answer == LARGE
            writer.close()
            await writer.wait_closed()

    aio.run(main())


@VERSIONS
def test_a_client_of_pythons_is_served(certificates: Certificates, version: str) -> None:
    context = certificates.client_context(version)

    def ask(address: tuple[str, int]) -> bytes:
        secure = context.wrap_socket(connect(address), server_hostname="localhost")
        with secure:
            secure.sendall(b"hello\n")
            answer = secure.recv(100)
            secure.unwrap().close()
            return answer

    async def main() -> None:
        async with serving(echo, certificates.server_context(version)) as address:
            assert await asyncio.to_thread(ask, address) == b"hello\n"

    aio.run(main())


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_server_of_pythons_is_read_to_its_end(
    certificates: Certificates, client_context: ssl.SSLContext, ends_well: bool
) -> None:
    """To asyncio's streams, a server that ends without saying so has ended, too."""
    context = certificates.server_context()

    def answer(plain: socket.socket) -> None:
        with context.wrap_socket(plain, server_side=True) as secure:
            line = secure.recv(100)
            secure.sendall(line.upper())
            if ends_well:
                secure.unwrap().close()

    async def main() -> None:
        with PeerServer(answer) as server:
            reader, writer = await asyncio.open_connection(*server.address, ssl=client_context)
            writer.write(b"hello\n")
            assert await reader.read() == b"HELLO\n"
            writer.close()
            await writer.wait_closed()

    aio.run(main())


@pytest.mark.needs_program("openssl")
def test_openssl_is_served(certificates: Certificates, server_context: ssl.SSLContext) -> None:
    def ask(address: str) -> None:
        argv = [require("openssl"), "s_client", "-quiet", "-verify_return_error"]
        argv += ["-CAfile", str(certificates.authority.certificate), "-connect", address]
        with Program(argv) as program:
            program.send("hello\n")
            program.read_until("hello")

    async def main() -> None:
        async with serving(echo, server_context) as (host, port):
            await asyncio.to_thread(ask, f"{host}:{port}")

    aio.run(main())


def test_our_own_description_of_tls_will_do(certificates: Certificates) -> None:
    async def main() -> None:
        async with serving(echo, certificates.server_tls) as address:
            reader, writer = await asyncio.open_connection(*address, ssl=certificates.client_tls)
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            writer.close()

    aio.run(main())


def test_a_local_socket_speaks_it(
    tmp_path: Path, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        path = str(tmp_path / "s")
        server = await asyncio.start_unix_server(echo, path, ssl=server_context)
        async with server:
            reader, writer = await asyncio.open_unix_connection(
                path, ssl=client_context, server_hostname="localhost"
            )
            writer.write(b"hello\n")
            assert await reader.readline() == b"hello\n"
            writer.close()

    aio.run(main())


def test_an_accepted_connection_speaks_it(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        loop = running_loop()
        ours, theirs = socket.socketpair()
        (_, server), (transport, _) = await asyncio.gather(
            loop.connect_accepted_socket(Noting, ours, ssl=server_context),
            loop.create_connection(
                Noting, sock=theirs, ssl=client_context, server_hostname="localhost"
            ),
        )
        transport.write(b"hello")
        transport.close()
        assert await server.lost is None
        assert server.received == b"hello"
        assert server.calls == ["made", "eof", "lost"]

    aio.run(main())


# -- what is told ----------------------------------------------------------------------------------


def test_what_was_agreed_on_is_told(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        async with serving(echo, server_context) as address:
            _, writer = await asyncio.open_connection(*address, ssl=client_context)
            told = writer.get_extra_info
            assert told("sslcontext") is client_context
            assert told("ssl_object").version() == "TLSv1.3"
            assert ("IP Address", "127.0.0.1") in told("peercert")["subjectAltName"]
            assert told("cipher")[1] == "TLSv1.3"
            assert told("compression") is None
            assert told("peername") == address
            assert not writer.can_write_eof()
            transport = writer.transport
            assert isinstance(transport, asyncio.Transport)
            writer.close()
            await writer.wait_closed()
            assert told("cipher")[1] == "TLSv1.3"

    aio.run(main())


def test_without_tls_nothing_is_told_of_it() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            transport, _ = await running_loop().create_connection(Noting, sock=ours)
            assert transport.get_extra_info("sslcontext") is None
            assert transport.get_extra_info("ssl_object", "no") == "no"
            transport.abort()

    aio.run(main())


def test_nothing_is_left_for_the_collector(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        async with serving(echo, server_context) as address:
            transport, protocol = await running_loop().create_connection(
                Noting, *address, ssl=client_context
            )
            vars(protocol)["transport"] = transport
            transport.close()
            await protocol.lost
            del protocol
            left = weakref.ref(transport)
            del transport
            await asyncio.sleep(0)
            assert left() is None

    gc.disable()
    try:
        aio.run(main())
    finally:
        gc.enable()


# -- upgrades --------------------------------------------------------------------------------------


@VERSIONS
def test_streams_are_upgraded(certificates: Certificates, version: str) -> None:
    server_context = certificates.server_context(version)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go on\n")
        await writer.start_tls(server_context)
        writer.write((await reader.readline()).upper())
        writer.close()

    async def main() -> None:
        async with serving(serve, None) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"go on\n"
            assert writer.get_extra_info("sslcontext") is None
            context = certificates.client_context(version)
            await writer.start_tls(context, server_hostname="localhost")
            assert writer.get_extra_info("sslcontext") is context
            writer.write(b"hello\n")
            assert await reader.read() == b"HELLO\n"
            writer.close()

    aio.run(main())


def test_an_upgrade_may_be_over_at_once(
    certificates: Certificates, server_context: ssl.SSLContext
) -> None:
    """A client that answers while the loop is at it, and a transport that was paused for it."""
    context = certificates.client_context()

    def talk(address: tuple[str, int]) -> bytes:
        secure = context.wrap_socket(connect(address), server_hostname="localhost")
        with secure:
            secure.sendall(b"hello\n")
            return secure.recv(100)

    class Upgrading(asyncio.StreamReaderProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            transport.pause_reading()
            upgrade = asyncio.ensure_future(
                running_loop().start_tls(transport, self, server_context, server_side=True)
            )
            made = super().connection_made
            upgrade.add_done_callback(lambda done: made(done.result()))

    async def main() -> None:
        server = await running_loop().create_server(
            lambda: Upgrading(asyncio.StreamReader(), echo), "127.0.0.1", 0
        )
        async with server:
            address = server.sockets[0].getsockname()
            for _ in range(10):
                assert await asyncio.to_thread(talk, address) == b"hello\n"

    aio.run(main())


def test_what_was_queued_before_goes_before(
    certificates: Certificates, client_context: ssl.SSLContext
) -> None:
    context = certificates.server_context()

    def serve(plain: socket.socket) -> None:
        left = len(LARGE)
        while left:
            left -= len(plain.recv(min(left, 65536)))
        with context.wrap_socket(plain, server_side=True) as secure:
            secure.sendall(b"all\n")
            secure.unwrap().close()

    async def main() -> None:
        loop = running_loop()
        with PeerServer(serve) as server:
            transport, protocol = await loop.create_connection(Noting, *server.address)
            transport.write(LARGE)
            secured = await loop.start_tls(
                transport, protocol, client_context, server_hostname="localhost"
            )
            assert secured is transport
            await protocol.lost
            assert protocol.received == b"all\n"

    aio.run(main())


def test_the_protocol_given_is_the_one_that_is_called(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        loop = running_loop()
        ours, theirs = socket.socketpair()
        one, before = await loop.create_connection(Noting, sock=ours)
        other, server = await loop.create_connection(Noting, sock=theirs)
        other.pause_reading()
        after = Noting()
        await asyncio.gather(
            loop.start_tls(one, after, client_context, server_hostname="localhost"),
            loop.start_tls(other, server, server_context, server_side=True),
        )
        other.write(b"hello")
        other.close()
        assert await after.lost is None
        assert (after.received, after.calls) == (b"hello", ["eof", "lost"])
        assert before.calls == ["made"]

    aio.run(main())


@pytest.mark.parametrize("context", [None, True, "context"])
def test_only_contexts_start_tls(context: Any) -> None:
    async def main() -> None:
        loop = running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await loop.create_connection(Noting, sock=ours)
            with pytest.raises(TypeError, match=r"SSLContext, got"):
                await loop.start_tls(transport, protocol, context)
            transport.abort()

    aio.run(main())


def test_pipes_do_not_start_tls(client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        loop = running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await loop.connect_write_pipe(Noting, ours.makefile("wb"))
            ours.close()
            with pytest.raises(TypeError, match="is not supported"):
                await loop.start_tls(transport, protocol, client_context, server_hostname="x")
            transport.abort()
            await protocol.lost

    aio.run(main())


def test_a_closed_connection_does_not_start_tls(client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        loop = running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await loop.create_connection(Noting, sock=ours)
            transport.close()
            with pytest.raises(NotConnected):
                await loop.start_tls(transport, protocol, client_context, server_hostname="x")

    aio.run(main())


def test_an_upgrade_given_up_closes_the_connection(client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        loop = running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            transport, protocol = await loop.create_connection(Noting, sock=ours)
            upgrade = asyncio.ensure_future(
                loop.start_tls(transport, protocol, client_context, server_hostname="x")
            )
            await asyncio.sleep(0)
            upgrade.cancel()
            with pytest.raises(asyncio.CancelledError):
                await upgrade
            await protocol.lost
            assert transport.is_closing()

    aio.run(main())


# -- failures --------------------------------------------------------------------------------------


def test_a_strangers_certificate_is_refused(
    certificates: Certificates, server_context: ssl.SSLContext
) -> None:
    protocols: list[Noting] = []

    def make() -> Noting:
        protocols.append(Noting())
        return protocols[-1]

    async def main() -> None:
        loop = running_loop()
        server = await loop.create_server(make, "127.0.0.1", 0, ssl=server_context)
        address = server.sockets[0].getsockname()
        with pytest.raises(ssl.SSLCertVerificationError) as caught:
            await loop.create_connection(
                make, *address, ssl=certificates.stranger.client_tls(resume=False)
            )
        assert isinstance(caught.value, TLSCertificateError)
        server.close()
        await server.wait_closed()  # the connection of the server's is over, too
        assert [each.calls for each in protocols] == [[], []]

    aio.run(main())


def test_another_name_is_refused(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    async def main() -> None:
        async with serving(echo, server_context) as address:
            with pytest.raises(ssl.CertificateError, match="mismatch"):
                await asyncio.open_connection(
                    *address, ssl=client_context, server_hostname="elsewhere.example"
                )

    aio.run(main())


def test_pythons_defaults_do_not_believe_a_stranger(server_context: ssl.SSLContext) -> None:
    async def main() -> None:
        async with serving(echo, server_context) as address:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(*address, ssl=True)

    aio.run(main())


def serve_silently(connection: socket.socket) -> None:
    """Answer nothing."""
    while connection.recv(65536):
        pass


def test_a_handshake_takes_no_longer_than_it_may(client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        with PeerServer(serve_silently) as server:
            with pytest.raises(ConnectionAbortedError, match="taking longer than") as caught:
                await running_loop().create_connection(
                    Noting, *server.address, ssl=client_context, ssl_handshake_timeout=10 * MS
                )
            assert isinstance(caught.value, ConnectionAborted)
            assert isinstance(caught.value, TimedOut)
            assert isinstance(caught.value, TimeoutError)

    aio.run(main())


def test_a_server_gives_up_who_says_nothing(server_context: ssl.SSLContext) -> None:
    async def main() -> None:
        async with serving(echo, server_context, ssl_handshake_timeout=10 * MS) as address:
            with connect(address) as silent:
                assert await asyncio.to_thread(silent.recv, 100) == b""

    aio.run(main())


def test_a_peer_that_goes_during_the_handshake(client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        loop = running_loop()
        with PeerServer(lambda connection: None) as server, pytest.raises(ConnectionResetError):
            await loop.create_connection(Noting, *server.address, ssl=client_context)

    aio.run(main())


def test_a_peer_that_speaks_something_else(client_context: ssl.SSLContext) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        serve_silently(connection)

    async def main() -> None:
        with PeerServer(serve) as server:
            with pytest.raises(ssl.SSLError) as caught:
                await running_loop().create_connection(Noting, *server.address, ssl=client_context)
            assert isinstance(caught.value, NotTLS)

    aio.run(main())


def test_a_connection_given_up_during_the_handshake(client_context: ssl.SSLContext) -> None:
    greeted = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        greeted.set()
        serve_silently(connection)

    async def main() -> None:
        with PeerServer(serve) as server:
            connecting = asyncio.ensure_future(
                asyncio.open_connection(*server.address, ssl=client_context)
            )
            assert await asyncio.to_thread(greeted.wait, PATIENCE)
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting

    aio.run(main())


def test_closing_takes_no_longer_than_it_may(
    certificates: Certificates, client_context: ssl.SSLContext
) -> None:
    """A peer that reads nothing does not keep a connection that is being closed."""
    context = certificates.server_context()
    is_over = threading.Event()

    def serve(plain: socket.socket) -> None:
        with context.wrap_socket(plain, server_side=True):
            is_over.wait(PATIENCE)

    async def main() -> None:
        with PeerServer(serve) as server:
            transport, protocol = await running_loop().create_connection(
                Noting, *server.address, ssl=client_context, ssl_shutdown_timeout=10 * MS
            )
            shrunk = transport.get_extra_info("socket")
            shrunk.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            transport.write(LARGE)
            transport.close()
            assert isinstance(await protocol.lost, TimeoutError)
            is_over.set()

    aio.run(main())


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["server_hostname", "ssl_handshake_timeout", "ssl_shutdown_timeout"]
)
def test_what_belongs_to_tls_needs_it(name: str) -> None:
    async def main() -> None:
        arguments: dict[str, Any] = {name: 1}
        with pytest.raises(ValueError, match="only meaningful with ssl"):
            await running_loop().create_connection(Noting, "127.0.0.1", 1, **arguments)

    aio.run(main())


@pytest.mark.parametrize("name", ["ssl_handshake_timeout", "ssl_shutdown_timeout"])
def test_times_are_positive(name: str, client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        arguments: dict[str, Any] = {name: 0}
        with pytest.raises(ValueError, match="should be a positive number"):
            await running_loop().create_connection(
                Noting, "127.0.0.1", 1, ssl=client_context, **arguments
            )

    aio.run(main())


def test_a_server_needs_a_certificate() -> None:
    async def main() -> None:
        loop = running_loop()
        with pytest.raises(TypeError, match="must be an SSLContext"):
            await loop.create_server(Noting, "127.0.0.1", 0, ssl=True)
        with socket.socket() as sock, pytest.raises(ValueError, match="certificate"):
            await loop.connect_accepted_socket(Noting, sock, ssl=True)

    aio.run(main())


def test_a_client_without_a_host_says_whom_it_expects(client_context: ssl.SSLContext) -> None:
    async def main() -> None:
        with socket.socket() as sock, pytest.raises(ValueError, match="server_hostname"):
            await running_loop().create_connection(Noting, sock=sock, ssl=client_context)

    aio.run(main())


def test_files_are_read_where_the_system_cannot_encrypt_them(
    tmp_path: Path, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    path = tmp_path / "file"
    path.write_bytes(LARGE)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with path.open("rb") as file:
            with pytest.raises(RuntimeError, match="fallback is disabled"):
                await running_loop().sendfile(writer.transport, file, fallback=False)
            await running_loop().sendfile(writer.transport, file)
        writer.close()

    async def main() -> None:
        async with serving(serve, server_context) as address:
            reader, writer = await asyncio.open_connection(*address, ssl=client_context)
            assert await reader.read() == LARGE
            writer.close()

    aio.run(main())


# -- TLS within TLS --------------------------------------------------------------------------------


async def upgraded(writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
    """Ask a client to begin anew, and do so."""
    writer.write(b"go on\n")
    await writer.start_tls(context)


@contextlib.asynccontextmanager
async def nested_streams(
    certificates: Certificates, inner: str, outer: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, Streams]]:
    """Yield a client of asyncio's streams that speaks TLS twice, and those of its server."""
    accepted: asyncio.Future[Streams] = running_loop().create_future()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgraded(writer, certificates.server_context(inner))
        accepted.set_result((reader, writer))

    async with serving(accept, certificates.server_context(outer)) as address:
        reader, writer = await asyncio.open_connection(
            *address, ssl=certificates.client_context(outer)
        )
        assert await reader.readline() == b"go on\n"
        outer_object = writer.get_extra_info("ssl_object")
        await writer.start_tls(certificates.client_context(inner), server_hostname="localhost")
        assert writer.get_extra_info("ssl_object") is not outer_object
        assert writer.get_extra_info("cipher") is not None
        theirs = await accepted
        try:
            yield reader, writer, theirs
        finally:
            for one in (writer, theirs[1]):
                one.close()
                with contextlib.suppress(ConnectionError):
                    await one.wait_closed()


NESTED = pytest.mark.parametrize(
    ("inner", "outer"), [("1.3", "1.3"), ("1.2", "1.3"), ("1.3", "1.2")]
)


@NESTED
def test_much_goes_both_ways_within_another_connection(
    certificates: Certificates, inner: str, outer: str
) -> None:
    async def main() -> None:
        async with nested_streams(certificates, inner, outer) as (reader, writer, theirs):
            echoing = asyncio.create_task(echo(*theirs))
            writer.write(LARGE)
            answer, _ = await asyncio.gather(reader.readexactly(len(LARGE)), writer.drain())
            assert answer == LARGE
            writer.close()
            await writer.wait_closed()
            await echoing

    aio.run(main())


def test_who_does_not_read_is_waited_for_within_another_connection(
    certificates: Certificates,
) -> None:
    async def main() -> None:
        async with nested_streams(certificates, "1.3", "1.3") as (_, writer, (their_reader, _)):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            writer.write(LARGE)
            draining = asyncio.create_task(writer.drain())
            await asyncio.sleep(0)
            assert not draining.done()
            assert await their_reader.readexactly(len(LARGE)) == LARGE
            await draining

    aio.run(main())


def test_what_was_queued_before_goes_before_within_the_outer_connection(
    certificates: Certificates,
) -> None:
    """Some of it has been encrypted, and has not left."""
    queued = random.Random(1).randbytes(4_000_000)

    async def upgrade(writer: asyncio.StreamWriter, *args: Any, **options: Any) -> None:
        transport = writer.transport
        await running_loop().start_tls(transport, transport.get_protocol(), *args, **options)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(len(queued)) == queued
        await upgrade(writer, certificates.client_context(), server_hostname="localhost")
        writer.write(b"within\n")
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        async with serving(accept, certificates.server_context()) as address:
            reader, writer = await asyncio.open_connection(
                *address, ssl=certificates.client_context()
            )
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            writer.write(queued)
            assert writer.transport.get_write_buffer_size() > 0
            await upgrade(writer, certificates.server_context(), server_side=True)
            assert await reader.readline() == b"within\n"
            writer.close()
            await writer.wait_closed()

    aio.run(main())


def test_the_end_within_another_connection_is_told(certificates: Certificates) -> None:
    async def main() -> None:
        async with nested_streams(certificates, "1.3", "1.3") as (reader, writer, theirs):
            their_reader, their_writer = theirs
            their_writer.write(b"the last")
            their_writer.close()
            assert await reader.read() == b"the last"
            writer.close()
            await writer.wait_closed()
            assert await their_reader.read() == b""

    aio.run(main())


def test_an_upgrade_within_another_connection_may_be_refused(certificates: Certificates) -> None:
    async def main() -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with pytest.raises(TLSError) as caught:
                await upgraded(writer, certificates.server_context())
            refused.set_result(caught.value)

        refused: asyncio.Future[TLSError] = running_loop().create_future()
        async with serving(accept, certificates.server_context()) as address:
            reader, writer = await asyncio.open_connection(
                *address, ssl=certificates.client_context()
            )
            assert await reader.readline() == b"go on\n"
            with pytest.raises(TLSCertificateError):
                await writer.start_tls(certificates.client_context(), server_hostname="elsewhere")
            assert (await refused).alert is not None

    aio.run(main())


def test_plain_text_is_no_tls_within_another_connection(certificates: Certificates) -> None:
    async def main() -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with pytest.raises(NotTLS):
                await upgraded(writer, certificates.server_context())
            done.set()

        done = asyncio.Event()
        async with serving(accept, certificates.server_context()) as address:
            reader, writer = await asyncio.open_connection(
                *address, ssl=certificates.client_context()
            )
            assert await reader.readline() == b"go on\n"
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await done.wait()
            await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    aio.run(main())
