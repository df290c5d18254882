"""Connections: how they are made, what asyncio's transports do, and how they end."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, cast

import pytest
from support.peers import ELSEWHERE, PeerServer, has_ipv6
from support.timing import MS, PATIENCE

from trunkline import (
    AddressInUse,
    AddressNotAvailable,
    ConnectFailed,
    ConnectionRefused,
    Transport,
    aio,
)
from trunkline.aio import EventLoop, running_loop

variable: ContextVar[str] = ContextVar("variable", default="unset")


class Recorder(asyncio.Protocol):
    """A protocol that notes what it is called for, and can be waited for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.data = bytearray()
        self.lost: asyncio.Future[Exception | None] = running_loop().create_future()
        self.keeps_open = False
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.calls.append("data")
        self.data += data

    def eof_received(self) -> bool:
        self.calls.append("eof")
        return self.keeps_open

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")
        self.lost.set_result(exc)

    async def until(self, count: int) -> bytes:
        """Wait until so many bytes have come."""
        async with asyncio.timeout(PATIENCE):
            while len(self.data) < count:
                await asyncio.sleep(MS)
        return bytes(self.data)


Made = tuple[asyncio.Transport, Recorder, socket.socket]


@contextlib.asynccontextmanager
async def connected() -> Any:
    """Have a transport, its protocol and the socket at the other end."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        loop = running_loop()
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        try:
            yield transport, protocol, theirs
        finally:
            transport.abort()
            await protocol.lost


@pytest.fixture
def refused() -> Iterator[tuple[str, int]]:
    """An address where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()


# -- the transport ---------------------------------------------------------------------------------


def test_a_transport_is_asyncios_and_ours() -> None:
    async def main() -> None:
        async with connected() as (transport, protocol, _):
            assert isinstance(transport, asyncio.Transport)
            assert isinstance(transport, asyncio.WriteTransport)
            assert isinstance(transport, cast("Any", Transport))
            assert transport.get_protocol() is protocol
            assert protocol.calls == ["made"]
            assert transport.can_write_eof()
            assert not transport.is_closing()
            assert "open" in repr(transport)

    aio.run(main())


def test_bytes_go_both_ways_and_the_end_is_told_once() -> None:
    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, protocol, peer):
            transport.write(bytearray(b"one "))
            transport.writelines([b"two ", memoryview(b"three")])
            assert await loop.sock_recv(peer, 100) == b"one two three"
            await loop.sock_sendall(peer, b"answer")
            assert await protocol.until(6) == b"answer"
            peer.close()
            assert await protocol.lost is None
            assert protocol.calls == ["made", "data", "eof", "lost"]
            assert transport.is_closing()
            transport.write(b"dropped")

    aio.run(main())


def test_each_half_can_be_ended_by_itself() -> None:
    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, protocol, peer):
            protocol.keeps_open = True
            transport.write(b"last")
            transport.write_eof()
            with pytest.raises(RuntimeError, match="after write_eof"):
                transport.write(b"too late")
            assert await loop.sock_recv(peer, 100) == b"last"
            assert await loop.sock_recv(peer, 100) == b""
            await loop.sock_sendall(peer, b"still")
            await protocol.until(5)

    aio.run(main())


def test_writing_is_paused_and_resumed() -> None:
    async def main() -> None:
        async with connected() as (transport, protocol, peer):
            assert transport.get_write_buffer_limits() == (16384, 65536)
            transport.set_write_buffer_limits(low=10)
            assert transport.get_write_buffer_limits() == (10, 40)
            transport.set_write_buffer_limits(high=1000)
            assert transport.get_write_buffer_limits() == (250, 1000)
            with pytest.raises(ValueError, match="must be >="):
                transport.set_write_buffer_limits(high=1, low=2)
            size = 4_000_000
            transport.write(bytes(size))
            assert protocol.calls == ["made", "pause"]
            assert transport.get_write_buffer_size() > 1000
            received = 0
            loop = running_loop()
            while received < size:
                received += len(await loop.sock_recv(peer, 65536))
            assert protocol.calls == ["made", "pause", "resume"]
            assert transport.get_write_buffer_size() == 0

    aio.run(main())


def test_lower_limits_pause_at_once() -> None:
    async def main() -> None:
        async with connected() as (transport, protocol, _):
            transport.set_write_buffer_limits(high=8_000_000)
            transport.write(bytes(4_000_000))
            assert protocol.calls == ["made"]
            transport.set_write_buffer_limits(high=0)
            assert protocol.calls == ["made", "pause"]

    aio.run(main())


def test_reading_is_paused_and_resumed() -> None:
    async def main() -> None:
        async with connected() as (transport, protocol, peer):
            assert transport.is_reading()
            transport.pause_reading()
            transport.pause_reading()
            assert not transport.is_reading()
            peer.send(b"later")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert protocol.data == b""
            transport.resume_reading()
            transport.resume_reading()
            await protocol.until(5)

    aio.run(main())


def test_text_is_not_written() -> None:
    async def main() -> None:
        async with connected() as (transport, _, _):
            with pytest.raises(TypeError, match="bytes-like"):
                transport.write("text")
            with pytest.raises(TypeError, match="bytes"):
                transport.write(None)

    aio.run(main())


def test_closing_sends_what_is_queued() -> None:
    async def main() -> None:
        async with connected() as (transport, protocol, peer):
            transport.write(bytes(1_000_000))
            transport.close()
            loop = running_loop()
            received = 0
            while data := await loop.sock_recv(peer, 65536):
                received += len(data)
            assert received == 1_000_000
            assert await protocol.lost is None

    aio.run(main())


def test_another_protocol_may_take_over_with_a_buffer() -> None:
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.buffer = bytearray(4)
            self.data = bytearray()
            self.came = asyncio.Event()

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.buffer

        def buffer_updated(self, nbytes: int) -> None:
            self.data += self.buffer[:nbytes]
            if len(self.data) == 8:
                self.came.set()

    async def main() -> None:
        async with connected() as (transport, protocol, peer):
            peer.send(b"first")
            await protocol.until(5)
            buffered = Buffered()
            transport.set_protocol(buffered)
            assert transport.get_protocol() is buffered
            peer.send(b"buffered")
            await buffered.came.wait()
            assert buffered.data == b"buffered"
            transport.set_protocol(protocol)
            peer.send(b" again")
            assert await protocol.until(11) == b"first again"

    aio.run(main())


def test_a_protocol_may_lack_methods_and_have_others() -> None:
    class Odd:
        """No subclass of anything, with a name that is nearly another one."""

        def __init__(self) -> None:
            self.data = bytearray()

        def connection_mode(self) -> None:
            """Nobody calls this."""

        def data_received(self, data: bytes) -> None:
            self.data += data

    async def main() -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            loop = running_loop()
            transport, protocol = await loop.create_connection(Odd, sock=ours)  # type: ignore[type-var]
            theirs.send(b"x")
            while not protocol.data:
                await asyncio.sleep(0)
            transport.close()
            await asyncio.sleep(0)

    aio.run(main())


@pytest.mark.parametrize("kind", [LookupError, asyncio.CancelledError])
def test_an_exception_of_the_protocols_ends_its_connection_only(kind: type[BaseException]) -> None:
    told: list[dict[str, Any]] = []

    async def main() -> None:
        running_loop().set_exception_handler(lambda loop, context: told.append(context))
        async with connected() as (transport, protocol, peer):

            def fail(data: bytes) -> None:
                raise kind

            protocol.data_received = fail
            transport.set_protocol(protocol)
            peer.send(b"x")
            assert isinstance(await protocol.lost, kind)
            assert told[0]["transport"] is transport
            assert told[0]["protocol"] is protocol
            assert isinstance(told[0]["exception"], kind)

    aio.run(main())
    assert len(told) == 1


def test_exceptions_of_other_callbacks_are_reported_and_the_connection_lives_on() -> None:
    told: list[str] = []

    class Failing(Recorder):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            raise LookupError

        def pause_writing(self) -> None:
            raise LookupError

        def resume_writing(self) -> None:
            raise LookupError

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            raise LookupError

    async def main() -> None:
        loop = running_loop()
        loop.set_exception_handler(lambda loop, context: told.append(context["message"]))
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(False)
            transport, protocol = await loop.create_connection(Failing, sock=ours)
            transport.write(bytes(1_000_000))
            while transport.get_write_buffer_size():
                await loop.sock_recv(theirs, 65536)
            transport.close()
            assert await protocol.lost is None
            await asyncio.sleep(0)

    aio.run(main())
    names = ["connection_made", "pause_writing", "resume_writing", "connection_lost"]
    assert [text.split("protocol.")[1].split("(")[0] for text in told] == names


def test_a_protocol_is_called_in_the_context_of_its_maker() -> None:
    seen: list[str] = []

    class Looking(Recorder):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            seen.append(variable.get())

    async def main() -> None:
        variable.set("the maker's")
        ours, theirs = socket.socketpair()
        with theirs:
            loop = running_loop()
            transport, protocol = await loop.create_connection(Looking, sock=ours)
            variable.set("another")
            theirs.send(b"x")
            await protocol.until(1)
            transport.close()
            await protocol.lost

    aio.run(main())
    assert seen == ["the maker's"]


def test_it_becomes_a_blocking_socket_and_comes_back() -> None:
    async def main() -> None:
        async with connected() as (transport, protocol, peer):
            with transport.detach() as blocking:
                peer.send(b"line\n")
                assert blocking.read_line(timeout=PATIENCE) == "line"
            protocol.lost.set_result(None)

    aio.run(main())


# -- connecting ------------------------------------------------------------------------------------


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def test_names_are_connected_to_and_both_ends_have_names() -> None:
    async def main() -> None:
        loop = running_loop()
        host, port = server.address
        for name in (host, "localhost"):
            transport, protocol = await loop.create_connection(Recorder, name, port)
            assert transport.get_extra_info("peername") == (host, port)
            sock = transport.get_extra_info("socket")
            assert sock.getpeername() == (host, port)
            assert transport.get_extra_info("sockname") == sock.getsockname()
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert transport.get_extra_info("nothing like that", 7) == 7
            transport.write(b"hello")
            assert await protocol.until(5) == b"hello"
            transport.close()
            await protocol.lost
            assert sock.fileno() == -1
            assert transport.get_extra_info("peername") == (host, port)

    with PeerServer(echo) as server:
        aio.run(main())


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
def test_the_names_of_ipv6_have_four_parts() -> None:
    async def main() -> None:
        loop = running_loop()
        transport, protocol = await loop.create_connection(Recorder, *server.address)
        assert transport.get_extra_info("peername") == (*server.address, 0, 0)
        transport.close()
        await protocol.lost

    with PeerServer(echo, socket.AF_INET6) as server:
        aio.run(main())


@pytest.mark.parametrize("delay", [None, 0.25])
def test_a_failure_is_in_no_circle(refused: tuple[str, int], delay: float | None) -> None:
    async def main() -> None:
        try:
            await running_loop().create_connection(Recorder, *refused, happy_eyeballs_delay=delay)
        except ConnectionRefused as error:
            failure = error
        assert [one for one in gc.get_referrers(failure) if isinstance(one, list | tuple)] == []

    aio.run(main())


def test_a_failure_has_our_error(refused: tuple[str, int]) -> None:
    async def main() -> None:
        loop = running_loop()
        with pytest.raises(ConnectionRefused):
            await loop.create_connection(Recorder, *refused)
        with pytest.raises(ExceptionGroup) as group:
            await loop.create_connection(Recorder, *refused, all_errors=True)
        (error,) = group.value.exceptions
        assert isinstance(error, ConnectionRefused)
        with pytest.raises(socket.gaierror):
            await loop.create_connection(Recorder, "no-such-host.invalid", 1)

    aio.run(main())


class TwoAddresses(EventLoop):
    """A loop for which each name has these addresses."""

    addresses: tuple[tuple[str, int], ...] = ()

    async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, address) for address in self.addresses]


@pytest.mark.parametrize("delay", [None, 0, PATIENCE])
def test_the_next_address_is_tried(refused: tuple[str, int], delay: float | None) -> None:
    async def main() -> None:
        transport, protocol = await loop.create_connection(
            Recorder, "some-name", 1, happy_eyeballs_delay=delay
        )
        assert transport.get_extra_info("peername") == server.address
        transport.close()
        await protocol.lost

    with PeerServer(echo) as server, TwoAddresses() as loop:
        loop.addresses = (refused, server.address)
        loop.run_until_complete(main())
        loop.run_until_complete(asyncio.sleep(0))


@pytest.mark.parametrize("delay", [None, 0.0])
def test_all_errors_are_known(refused: tuple[str, int], delay: float | None) -> None:
    def connect(**options: Any) -> Any:
        return loop.create_connection(
            asyncio.Protocol, "some-name", 1, happy_eyeballs_delay=delay, **options
        )

    with TwoAddresses() as loop:
        loop.addresses = (refused, ("255.255.255.255", 1))
        with pytest.raises(ConnectFailed) as failed:
            loop.run_until_complete(connect())
        assert len(failed.value.attempts) == 2
        with pytest.raises(ExceptionGroup) as group:
            loop.run_until_complete(connect(all_errors=True))
        assert len(group.value.exceptions) == 2
        loop.addresses = (refused, refused)
        with pytest.raises(ConnectionRefused):
            loop.run_until_complete(connect())


def test_an_attempt_that_does_not_answer_is_overtaken() -> None:
    class Silent(TwoAddresses):
        async def sock_connect(self, sock: socket.socket, address: Any) -> None:
            if address[0] == ELSEWHERE:
                await self.create_future()
            await super().sock_connect(sock, address)

    async def main() -> None:
        transport, protocol = await loop.create_connection(
            Recorder, "some-name", 1, happy_eyeballs_delay=MS
        )
        assert transport.get_extra_info("peername") == server.address
        transport.close()
        await protocol.lost

    with PeerServer(echo) as server, Silent() as loop:
        loop.addresses = ((ELSEWHERE, 1), server.address)
        loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize("delay", [None, MS])
def test_connecting_can_be_cancelled(delay: float | None) -> None:
    class Silent(TwoAddresses):
        async def sock_connect(self, sock: socket.socket, address: Any) -> None:
            await self.create_future()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10 * MS):
                await loop.create_connection(Recorder, "some-name", 1, happy_eyeballs_delay=delay)
        await asyncio.sleep(0)

    with Silent() as loop:
        loop.addresses = (("127.0.0.1", 1), (ELSEWHERE, 1))
        loop.run_until_complete(main())


def test_the_families_take_turns_after_some_of_the_first() -> None:
    tried: list[str] = []

    class Noting(EventLoop):
        async def getaddrinfo(self, host: Any, port: Any, **options: Any) -> Any:
            kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
            return [
                *((socket.AF_INET, *kind, (f"127.0.0.{n}", 1)) for n in (1, 2, 3)),
                *((socket.AF_INET6, *kind, (f"::{n}", 1, 0, 0)) for n in (2, 3)),
            ]

        async def sock_connect(self, sock: socket.socket, address: Any) -> None:
            tried.append(address[0])
            raise ConnectionRefused(operation="connect")

    with Noting() as loop:
        for options in ({}, {"interleave": 1}, {"interleave": 2}, {"happy_eyeballs_delay": 0.0}):
            tried.clear()
            with contextlib.suppress(ConnectionRefusedError):
                loop.run_until_complete(loop.create_connection(Recorder, "name", 1, **options))
            order = {
                "{}": ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::2", "::3"],
                "{'interleave': 2}": ["127.0.0.1", "127.0.0.2", "::2", "127.0.0.3", "::3"],
            }
            turns = ["127.0.0.1", "::2", "127.0.0.2", "::3", "127.0.0.3"]
            assert tried == order.get(str(options), turns)


def test_it_may_be_connected_from_an_address() -> None:
    async def main() -> None:
        loop = running_loop()
        transport, protocol = await loop.create_connection(
            Recorder, *server.address, local_addr=(ELSEWHERE, 0)
        )
        assert transport.get_extra_info("sockname")[0] == ELSEWHERE
        transport.close()
        await protocol.lost
        with pytest.raises(AddressInUse, match="cannot bind"):
            await loop.create_connection(Recorder, *server.address, local_addr=server.address)
        with pytest.raises(AddressNotAvailable, match="no local address"):
            await loop.create_connection(Recorder, *server.address, local_addr=("::1", 0))

    with PeerServer(echo) as server:
        aio.run(main())


def test_local_sockets_are_connected_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("s") / "socket"

    async def main() -> None:
        loop = running_loop()
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        assert transport.get_extra_info("peername") == str(path)
        assert transport.get_extra_info("sockname", "") == ""
        transport.close()
        await protocol.lost

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        aio.run(main())


def test_an_accepted_connection_becomes_a_transport() -> None:
    async def main() -> None:
        loop = running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
            client.connect(listener.getsockname())
            accepted, _ = listener.accept()
            transport, protocol = await loop.connect_accepted_socket(Recorder, accepted)
            client.sendall(b"hello")
            await protocol.until(5)
            transport.abort()
            await protocol.lost

    aio.run(main())


def test_mistakes_are_told_before_anything_is_done() -> None:
    async def main() -> None:
        loop = running_loop()
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as stream:
            for arguments, options in (
                ((), {}),
                (("host", 1), {"sock": stream}),
                ((), {"sock": datagrams}),
                (("host", 1), {"server_hostname": "name"}),
                (("host", 1), {"ssl_handshake_timeout": 1.0}),
                ((None, 1), {"ssl": True}),
            ):
                with pytest.raises(ValueError, match=r"(?i)specified|expected|ssl"):
                    await loop.create_connection(Recorder, *arguments, **options)
            with pytest.raises(ValueError, match="UNIX Domain"):
                await loop.create_unix_connection(Recorder, sock=stream)
            with pytest.raises(ValueError, match="no path"):
                await loop.create_unix_connection(Recorder)

    aio.run(main())


def test_a_factory_that_fails_leaves_nothing_open() -> None:
    async def main() -> None:
        def fail() -> asyncio.Protocol:
            raise LookupError

        with pytest.raises(LookupError):
            await running_loop().create_connection(fail, *server.address)

    with PeerServer(echo) as server:
        aio.run(main())
