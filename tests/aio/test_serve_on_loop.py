"""Servers on a loop of ours, which accepts by itself: nothing is left on it."""

import asyncio
import contextlib
import gc
import logging
import socket
import sys
import threading
import tracemalloc
from typing import Any

import pytest
from aio.loops import run_on, until, until_it_waits
from servers.serving import HOST
from support.certificates import Certificates
from support.timing import MS, PATIENCE

from trunkline import ServerStatistics, aio
from trunkline.aio import AsyncServer, EventLoop, ServerStream, open_stream, running_loop


async def echo(stream: ServerStream) -> None:
    """Send each line back."""
    async for line in stream:
        await stream.write_line(line)


async def connected(server: AsyncServer) -> aio.AsyncStream:
    """Return a stream to a server that has answered there."""
    stream = await open_stream(HOST, server.port)
    await stream.write_line("hello")
    assert await stream.read_line() == "hello"
    return stream


def test_it_takes_no_thread() -> None:
    threads: list[int] = []

    async def count(stream: ServerStream) -> None:
        threads.append(threading.active_count())

    async def main() -> None:
        before = threading.active_count()
        async with (
            aio.serve(count, host=HOST) as server,
            await open_stream(HOST, server.port) as stream,
        ):
            assert await stream.read() == b""
        assert threads == [before]

    run_on(EventLoop, main())


async def held_by_idle_connections(port: int) -> int:
    """Return how many bytes are held for connections that were served once."""
    with contextlib.ExitStack() as clients:

        def connect(count: int) -> None:
            for _ in range(count):
                client = clients.enter_context(socket.create_connection((HOST, port), PATIENCE))
                client.sendall(b"hello\n")
                assert client.recv(6) == b"hello\n"

        await asyncio.to_thread(connect, 5)  # the first one has something made for all
        tracemalloc.start()
        try:
            await asyncio.to_thread(connect, 50)
            await asyncio.sleep(0)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()


@pytest.mark.alone
@pytest.mark.skipif(sys.flags.dev_mode, reason="it is remembered where all is made")
def test_an_idle_connection_holds_less_than_one_of_asyncio_does() -> None:
    served: set[asyncio.StreamWriter] = set()

    async def echo_by_asyncio(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.add(writer)
        async for line in reader:
            writer.write(line)
            await writer.drain()
        writer.close()
        served.discard(writer)

    async def held_by_ours() -> int:
        async with aio.serve(echo, host=HOST) as server:
            return await held_by_idle_connections(server.port)

    async def held_by_asyncio() -> int:
        async with await asyncio.start_server(echo_by_asyncio, HOST, 0) as server:
            held = await held_by_idle_connections(server.sockets[0].getsockname()[1])
            await until(lambda: not served)
            return held

    assert run_on(EventLoop, held_by_ours()) < run_on(asyncio.SelectorEventLoop, held_by_asyncio())


def test_nothing_of_it_is_left_on_the_loop(certificates: Certificates) -> None:
    """Neither of those who are served, nor of those who shake hands, are refused, or wait."""

    async def main() -> None:
        loop = running_loop()
        # What waits for this test is there before and after.
        before = loop.statistics()
        with contextlib.ExitStack() as clients:
            full = aio.serve(echo, host=HOST, max_connections=1, at_limit="refuse").start()
            secured = aio.serve(echo, host=HOST, tls=certificates.server_tls).start()
            served = await connected(full)
            for server in (full, secured):
                address = (HOST, server.port)
                clients.enter_context(socket.create_connection(address))
            await until(lambda: full.statistics().refused == 1)
            await until(lambda: secured.statistics().shaking_hands == 1)
            assert loop.statistics().timers > before.timers
            waiting = asyncio.ensure_future(full.shutdown(PATIENCE))
            await until_it_waits(waiting)
            await asyncio.gather(full.shutdown(0), secured.shutdown(0))
            served.abort()
        after = loop.statistics()
        assert (after.timers, after.handlers) == (before.timers, before.handlers)
        assert full.statistics() == ServerStatistics(accepted=2, peak=1, cut=1, refused=1)
        assert secured.statistics() == ServerStatistics(accepted=1, cut=1)

    run_on(EventLoop, main())


def test_it_ends_with_its_loop() -> None:
    async def main() -> tuple[AsyncServer, aio.AsyncStream]:
        server = aio.serve(echo, host=HOST).start()
        return server, await connected(server)

    loop = EventLoop()
    with contextlib.closing(loop):
        server, stream = loop.run_until_complete(main())
        (task,) = asyncio.all_tasks(loop)
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))
    assert server.closed
    assert all(each.closed for each in server.sockets)
    stream.abort()


def test_a_handler_that_takes_its_turns_to_end_is_waited_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def tidy_up(stream: ServerStream) -> None:
        await stream.write_line(await stream.read_line())
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(5 * MS)

    async def main() -> None:
        async with aio.serve(tidy_up, host=HOST) as server:
            stream = await connected(server)
            await server.shutdown(0, join_timeout=0)
            stream.abort()
        assert server.statistics() == ServerStatistics(accepted=1, peak=1, cut=1)

    run_on(EventLoop, main())
    assert "is cancelled" in caplog.text
    assert "left behind" not in caplog.text


def test_a_handler_that_goes_on_in_spite_of_all_is_left_behind(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.aio.loop_server._CANCELLED_TIMEOUT", 0.0)
    goes_on = asyncio.Event()

    async def resist(stream: ServerStream) -> None:
        await stream.write_line(await stream.read_line())
        while not goes_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await goes_on.wait()

    async def main() -> None:
        async with aio.serve(resist, host=HOST) as server:
            stream = await connected(server)
            ending = asyncio.ensure_future(server.shutdown(0, join_timeout=None))
            await until_it_waits(ending)
            assert not server.closed
            await server.shutdown(0, join_timeout=0)  # which is sooner
            await ending
            goes_on.set()
            stream.abort()
        assert server.closed

    run_on(EventLoop, main())
    assert "left behind" in caplog.text


def test_what_announces_it_may_fail() -> None:
    def fail(sockets: Any) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        server = aio.serve(echo, host=HOST, announce=fail)
        with pytest.raises(ZeroDivisionError):
            server.start()
        assert server.closed
        await server.wait()
        with pytest.raises(RuntimeError, match="cannot be started again"):
            server.start()

    run_on(EventLoop, main())


def test_another_thread_may_wait_for_its_end(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with aio.serve(echo, host=HOST) as server:
            stream = await connected(server)
            assert await asyncio.to_thread(server._server.shutdown, 0)
            stream.abort()
        assert server.statistics().cut == 1

    caplog.set_level(logging.WARNING)
    run_on(EventLoop, main())
    assert not caplog.records


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.12 has it")
def test_a_handler_that_begins_at_once_may_end_at_once() -> None:
    async def greet(stream: ServerStream) -> None:
        stream.write_line("hello")

    async def main() -> None:
        running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        async with (
            aio.serve(greet, host=HOST) as server,
            await open_stream(HOST, server.port) as stream,
        ):
            assert await stream.read_line() == "hello"
        assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)

    run_on(EventLoop, main())
