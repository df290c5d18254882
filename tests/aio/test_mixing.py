"""What stands on an event base and what stands on asyncio, on one loop at the same time."""

import asyncio
import socket
from typing import Any, cast

import pytest
from aio.loops import stream_and_peer
from aio.test_connections import connected
from aio.test_servers import Echo
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    Transport,
    TransportProtocol,
    adopt,
    aio,
    connect,
    from_socket,
    listen,
    make_socket,
    make_socket_pair,
)
from trunkline.aio import EventLoop, running_loop
from trunkline.multiplex.resolving import resolve_on
from trunkline.sockets.resolving import Resolution


class Lines(TransportProtocol):
    """A protocol of ours, whose lines can be awaited."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.lost: asyncio.Future[Exception | None] = running_loop().create_future()

    def line_received(self, line: str) -> None:
        self.lines.put_nowait(line)

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set_result(error)


def test_handlers_and_timers_are_called_beside_tasks() -> None:
    async def main() -> None:
        loop = running_loop()
        one, other = socket.socketpair()
        with one, other:
            readable: asyncio.Future[object] = loop.create_future()
            loop.set_io_handler(one, "read", lambda *args: readable.set_result(args), one_shot=True)
            fired: asyncio.Future[None] = loop.create_future()
            loop.add_timer(lambda: fired.set_result(None), MS, one_shot=True)
            other.send(b"x")
            assert await readable == (one.fileno(), "read", None)
            await fired

    aio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_transport_of_ours_talks_to_a_server_of_asyncios() -> None:
    async def main() -> None:
        loop = running_loop()
        async with await loop.create_server(Echo, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            lines = Lines()
            transport = connect(
                loop, lines, remote_host="127.0.0.1", remote_port=port, delivery="lines"
            )
            assert not isinstance(transport, cast("Any", asyncio.Transport))
            transport.write("one\ntwo\n")
            assert [await lines.lines.get(), await lines.lines.get()] == ["one", "two"]
            transport.close()
            assert await lines.lost is None

    aio.run(asyncio.wait_for(main(), PATIENCE))


def test_streams_of_asyncios_talk_to_a_listener_of_ours() -> None:
    class Shout(TransportProtocol):
        def connection_made(self, transport: Transport) -> None:
            self.transport = transport

        def line_received(self, line: str) -> None:
            self.transport.write(line.upper() + "\n")

    async def main() -> None:
        loop = running_loop()
        passive = make_socket(connect="passive", local_host="127.0.0.1", local_port=0)
        with listen(loop, passive, Shout, delivery="lines") as listener:
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.local_name.port)
            writer.write(b"hello\n")
            assert await reader.readline() == b"HELLO\n"
            writer.close()
            await writer.wait_closed()
            stopped: asyncio.Future[None] = loop.create_future()
            listener.stop(stopped=lambda: stopped.set_result(None))
            await stopped

    aio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_connection_goes_from_asyncio_to_a_blocking_socket_to_lines_of_ours() -> None:
    async def main() -> None:
        async with connected() as (transport, protocol, peer):
            peer.send(b"hello")
            await protocol.until(5)
            blocking = transport.detach()
            assert isinstance(blocking, ActiveSocket)
            lines = Lines()
            ours = adopt(running_loop(), lines, blocking, delivery="lines")
            peer.send(b"a line\n")
            assert await lines.lines.get() == "a line"
            ours.close()
            await lines.lost
            protocol.lost.set_result(None)

    aio.run(asyncio.wait_for(main(), PATIENCE))


def test_a_look_up_calls_back_on_the_loop() -> None:
    async def main() -> None:
        found: asyncio.Future[Any] = running_loop().create_future()
        resolve_on(running_loop(), None, "localhost", "ipv4", found.set_result, found.set_exception)
        answer = await found
        assert isinstance(answer, Resolution)
        assert str(answer.addresses[0]) == "127.0.0.1"

    aio.run(asyncio.wait_for(main(), PATIENCE))


def test_an_exception_of_a_protocol_of_ours_goes_to_asyncios_handler() -> None:
    told: list[dict[str, Any]] = []

    class Failing(TransportProtocol):
        def data_received(self, data: bytes) -> None:
            raise LookupError

    async def main() -> None:
        loop = running_loop()
        loop.set_exception_handler(lambda loop, context: told.append(context))
        one, other = socket.socketpair()
        with one, other:
            blocking = from_socket(one)
            assert isinstance(blocking, ActiveSocket)
            transport = adopt(loop, Failing(), blocking)
            other.send(b"x")
            while not transport.is_closing:
                await asyncio.sleep(0)

    aio.run(main())
    assert isinstance(told[0]["exception"], LookupError)


def test_the_event_bases_own_handler_comes_first() -> None:
    told: list[object] = []

    class Failing(TransportProtocol):
        def data_received(self, data: bytes) -> None:
            raise LookupError

    async def main() -> None:
        loop = running_loop()
        loop.exception_handler = lambda error, source: told.append(error)
        one, other = socket.socketpair()
        with one, other:
            blocking = from_socket(one)
            assert isinstance(blocking, ActiveSocket)
            transport = adopt(loop, Failing(), blocking)
            other.send(b"x")
            while not transport.is_closing:
                await asyncio.sleep(0)

    aio.run(main())
    assert isinstance(told[0], LookupError)


def test_what_a_handler_of_the_event_base_raises_comes_out(loop: EventLoop) -> None:
    def fail() -> None:
        raise LookupError("on purpose")

    loop.add_timer(fail, 0, one_shot=True)
    with pytest.raises(LookupError):
        loop.run_forever()
    assert loop.run_until_complete(asyncio.sleep(0, 5)) == 5


def test_a_transport_becomes_a_stream_and_a_transport_again() -> None:
    class Lines(TransportProtocol):
        def line_received(self, line: str) -> None:
            lines.put_nowait(line)

    lines: asyncio.Queue[str] = asyncio.Queue()

    async def main() -> None:
        loop = running_loop()
        one, other = make_socket_pair()
        with other:
            transport = adopt(loop, Lines(), one, delivery="lines")
            other.write("first\nsecond\nthird\n")
            other.finish_output()
            assert await lines.get() == "first"
            stream = aio.adopt(transport.detach())
            while lines.qsize():
                lines.get_nowait()
            await stream.write_line("by await")
            other.write_line("fourth", flush=True)
            assert await stream.read_line() == "fourth"
            transport = adopt(loop, Lines(), stream.detach(), delivery="lines")
            other.write_line("fifth", flush=True)
            assert await lines.get() == "fifth"
            assert other.read_line(timeout=PATIENCE) == "by await"
            transport.abort()

    aio.run(main())


@pytest.mark.exact_io("sends once, and an injected EAGAIN has it sent later")
def test_what_a_stream_is_given_leaves_before_the_turn_of_the_loop_ends() -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, _):
            queued: list[int] = []
            running_loop().call_soon(lambda: queued.append(stream.buffered_output))
            await stream.write_line("hello")
            assert stream.buffered_output == 6
            await asyncio.sleep(0)
            assert queued == [0]

    aio.run(asyncio.wait_for(main(), PATIENCE))
