"""Servers of the loop's: where they listen, whom they serve, and how they end."""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

import pytest
from support.peers import has_ipv6
from support.timing import PATIENCE

from trunkline import AddressInUse, aio
from trunkline.aio import EventLoop, Server, StreamTransport, running_loop

variable: ContextVar[str] = ContextVar("variable", default="unset")


class Echo(asyncio.Protocol):
    """Sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@contextlib.asynccontextmanager
async def serving(protocol_factory: Any = Echo, **options: Any) -> AsyncIterator[Server]:
    """Have a server, and wait for its end."""
    loop = running_loop()
    server = await loop.create_server(protocol_factory, "127.0.0.1", 0, **options)
    async with asyncio.timeout(PATIENCE), server:
        yield server


async def talk(server: Server, text: bytes = b"hello") -> None:
    """Connect to a server, and have a few bytes sent back."""
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(text)
    assert await reader.readexactly(len(text)) == text
    writer.close()
    await writer.wait_closed()


def test_clients_are_served_until_the_server_is_closed() -> None:
    async def main() -> None:
        async with serving() as server:
            assert server.is_serving()
            assert server.get_loop() is running_loop()
            assert isinstance(server, asyncio.AbstractServer)
            address = server.sockets[0].getsockname()
            await asyncio.gather(*(talk(server, bytes([n]) * 1000) for n in range(10)))
        assert not server.is_serving()
        assert server.sockets == ()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        server.close()
        await server.wait_closed()

    aio.run(main())


def test_it_begins_when_it_is_told() -> None:
    async def main() -> None:
        async with serving(start_serving=False) as server:
            assert not server.is_serving()
            with pytest.raises(ConnectionRefusedError):
                await talk(server)
            await server.start_serving()
            await server.start_serving()
            await talk(server)
        async with serving(start_serving=False):
            pass  # one that has never listened is closed, too

    aio.run(main())


def test_serving_for_ever_ends_by_being_cancelled() -> None:
    async def main() -> None:
        async with serving(start_serving=False) as server:
            task = asyncio.create_task(server.serve_forever())
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="already being awaited"):
                await server.serve_forever()
            await talk(server)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not server.is_serving()
            with pytest.raises(RuntimeError, match="is closed"):
                await server.serve_forever()

    aio.run(main())


@pytest.mark.parametrize("way", ["close_clients", "abort_clients"])
def test_its_clients_can_be_closed(way: str) -> None:
    async def main() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            await reader.readexactly(1)
            server.close()
            waiting = asyncio.create_task(server.wait_closed())
            await asyncio.sleep(0)
            assert not waiting.done()
            getattr(server, way)()
            await waiting
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()

    aio.run(main())


def test_connections_outlive_the_listening_and_are_waited_for() -> None:
    async def main() -> None:
        async with serving() as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"x")
            await reader.readexactly(1)
            server.close()
            writer.write(b"y")
            assert await reader.readexactly(1) == b"y"
            writer.close()
            await server.wait_closed()

    aio.run(main())


def test_several_addresses_are_one_server() -> None:
    async def main() -> None:
        loop = running_loop()
        hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.1"]
        async with await loop.create_server(Echo, hosts, 0) as server:
            found = sorted(sock.getsockname()[0] for sock in server.sockets)
            assert found == ["127.0.0.1", "127.0.0.2"]
            await talk(server)

    aio.run(main())


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
def test_all_addresses_are_both_families() -> None:
    async def main() -> None:
        loop = running_loop()
        async with await loop.create_server(Echo, "", 0) as server:
            families = {sock.family for sock in server.sockets}
            assert families == {socket.AF_INET, socket.AF_INET6}

    aio.run(main())


def test_a_port_that_is_taken_leaves_nothing_open() -> None:
    async def main() -> None:
        loop = running_loop()
        with (
            socket.create_server(("127.0.0.1", 0)) as taken,
            pytest.raises(AddressInUse, match="cannot bind"),
        ):
            await loop.create_server(Echo, ["127.0.0.2", "127.0.0.1"], taken.getsockname()[1])

    aio.run(main())


def test_a_socket_that_is_given_is_listened_at_and_closed() -> None:
    async def main() -> None:
        loop = running_loop()
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        async with await loop.create_server(Echo, sock=sock) as server:
            assert server.sockets[0].fileno() == sock.fileno()
            await talk(server)
        assert sock.fileno() == -1

    aio.run(main())


def test_options_are_those_of_the_socket() -> None:
    async def main() -> None:
        options = {"reuse_port": True, "keep_alive": True, "reuse_address": False}
        async with serving(**options) as server:
            level, sock = socket.SOL_SOCKET, server.sockets[0]
            assert sock.getsockopt(level, socket.SO_REUSEPORT)
            assert sock.getsockopt(level, socket.SO_KEEPALIVE)
            assert not sock.getsockopt(level, socket.SO_REUSEADDR)
        async with serving() as server:
            assert server.sockets[0].getsockopt(level, socket.SO_REUSEADDR)

    aio.run(main())


def test_accepted_connections_send_at_once_and_have_the_servers_context() -> None:
    seen: list[object] = []

    class Looking(Echo):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            assert isinstance(transport, cast("Any", StreamTransport))
            sock = transport.get_extra_info("socket")
            seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) > 0)
            seen.append(variable.get())
            variable.set("of this connection")
            with sock.dup() as duplicate:
                seen.append(duplicate.getpeername() == transport.get_extra_info("peername"))

    async def main() -> None:
        variable.set("the server's")
        async with serving(Looking) as server:
            await talk(server)
            await talk(server)

    aio.run(main())
    assert seen == [True, "the server's", True] * 2


def test_a_factory_that_fails_is_reported_and_the_server_goes_on() -> None:
    told: list[dict[str, Any]] = []
    failures = [LookupError("on purpose")]

    def make() -> asyncio.Protocol:
        if failures:
            raise failures.pop()
        return Echo()

    async def main() -> None:
        running_loop().set_exception_handler(lambda loop, context: told.append(context))
        async with serving(make) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()
            await talk(server)

    aio.run(main())
    assert isinstance(told[0]["exception"], LookupError)


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short one, for a local socket."""
    return tmp_path_factory.mktemp("s") / "socket"


def test_the_file_of_a_local_socket_comes_and_goes(path: Path) -> None:
    async def main() -> None:
        loop = running_loop()
        for _ in range(2):
            async with await loop.create_unix_server(Echo, path):
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
                writer.close()
                await writer.wait_closed()
            assert not path.exists()

    aio.run(main())


def test_a_file_is_replaced_and_left_if_it_is_to_stay(path: Path) -> None:
    async def main(loop: EventLoop) -> None:
        async with await loop.create_unix_server(Echo, path, cleanup_socket=False):
            pass
        assert path.exists()
        async with await loop.create_unix_server(Echo, path):
            os.unlink(path)
            path.write_text("somebody else's")
        assert path.exists()
        with pytest.raises(AddressInUse, match="cannot bind"):
            await loop.create_unix_server(Echo, path)

    with EventLoop() as loop:
        loop.run_until_complete(main(loop))


def test_an_abstract_name_has_no_file(loop: EventLoop, path: Path) -> None:
    name = f"\0{path}"

    async def main() -> None:
        async with await loop.create_unix_server(Echo, name) as server:
            assert server.sockets[0].getsockname() == name.encode()
            _, writer = await asyncio.open_unix_connection(name)
            assert writer.get_extra_info("peername") == name.encode()
            writer.close()
            await writer.wait_closed()

    loop.run_until_complete(main())


def test_mistakes_are_told(loop: EventLoop) -> None:
    async def main() -> None:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            for options, kind in (
                ({}, ValueError),
                ({"sock": datagrams}, ValueError),
                ({"sock": stream, "port": 0}, ValueError),
                ({"port": 0, "ssl": True}, TypeError),
                ({"port": 0, "ssl_shutdown_timeout": 1}, ValueError),
            ):
                with pytest.raises(kind):
                    await loop.create_server(Echo, **options)
            with pytest.raises(ValueError, match="at the same time"):
                await loop.create_unix_server(Echo, "/nowhere", sock=stream)
            with pytest.raises(ValueError, match="no sock"):
                await loop.create_unix_server(Echo)
            with pytest.raises(ValueError, match="UNIX Domain"):
                await loop.create_unix_server(Echo, sock=stream)

    loop.run_until_complete(main())


def test_the_loop_may_be_closed_before_its_server() -> None:
    async def main() -> Server:
        loop = running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", 0)
        return server

    server = aio.run(main())
    server.close()
    assert server.sockets == ()
