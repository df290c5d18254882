"""Servers whose handlers are tasks: limits, ends and what is counted are those of `Server`."""

import asyncio
import logging
import os
import socket
import threading
from contextvars import ContextVar
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on, until_it_waits
from servers.serving import HOST
from support.certificates import Certificates
from support.timing import MS, PATIENCE

from trunkline import (
    Busy,
    ConnectionReset,
    EndOfFile,
    ServerConnection,
    ServerStatistics,
    SocketClosed,
    SocketError,
    TimedOut,
    aio,
    make_socket,
    proxy_protocol,
)
from trunkline.aio import AsyncServer, AsyncStream, ServerStream, open_stream

pytestmark = each_loop


async def echo(stream: ServerStream) -> None:
    """Send each line back."""
    async for line in stream:
        await stream.write_line(line)


async def ask(server: AsyncServer, line: str = "hello", **options: Any) -> str:
    """Connect to a server that echoes, and return what it says to a line."""
    async with await open_stream(HOST, server.port, **options) as stream:
        return await talk(stream, line)


async def talk(stream: AsyncStream, line: str = "hello") -> str:
    await stream.write_line(line)
    return await stream.read_line()


async def until(server: AsyncServer, **counts: int) -> None:
    """Wait until a server has counted so many."""
    while any(getattr(server.statistics(), name) != count for name, count in counts.items()):
        await asyncio.sleep(MS)


def serve(handler: Any = echo, **options: Any) -> AsyncServer:
    if not {"host", "path", "sockets"} & set(options):
        options["host"] = HOST
    return aio.serve(handler, **options)


# -- serving --------------------------------------------------------------------------------------


def test_lines_are_echoed_to_many_at_once(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with serve() as server:
            lines = [str(number) for number in range(30)]
            assert await asyncio.gather(*(ask(server, line) for line in lines)) == lines
            await until(server, finished=30)
        assert server.closed
        statistics = server.statistics()
        assert statistics == ServerStatistics(accepted=30, finished=30, peak=statistics.peak)

    run_on(make_loop, main())


def test_the_handler_knows_its_client_and_its_server(make_loop: LoopFactory) -> None:
    seen: SimpleQueue[Any] = SimpleQueue()

    async def look(stream: ServerStream) -> None:
        await stream.write_line(await stream.read_line(), flush=True)
        task = asyncio.current_task()
        assert task is not None
        seen.put((stream.server, stream.remote_name, stream.bytes_received, stream.bytes_sent))
        seen.put(task.get_name())

    async def main() -> None:
        async with (
            serve(look, name="looking") as server,
            await open_stream(HOST, server.port) as stream,
        ):
            await talk(stream)
            name = stream.local_name
            with pytest.raises(EndOfFile):
                await stream.read_line()
        assert seen.get(timeout=PATIENCE) == (server, name, 6, 6)
        assert seen.get(timeout=PATIENCE) == f"looking: {name}"

    run_on(make_loop, main())


def test_handlers_run_in_the_context_that_the_server_was_made_in(make_loop: LoopFactory) -> None:
    name: ContextVar[str] = ContextVar("name")

    async def tell(stream: ServerStream) -> None:
        await stream.write_line(name.get())
        name.set("a handler's")

    async def main() -> None:
        name.set("the server's")
        server = serve(tell)
        name.set("another")
        async with server:
            for _ in range(2):
                async with await open_stream(HOST, server.port) as stream:
                    assert await stream.read_line() == "the server's"

    run_on(make_loop, main())


def test_it_serves_until_it_is_cancelled(make_loop: LoopFactory) -> None:
    async def main() -> None:
        server = serve()
        serving = asyncio.create_task(server.serve_forever())
        async with await open_stream(HOST, server.port) as stream:
            assert await talk(stream) == "hello"
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
            assert server.closed
            with pytest.raises((EndOfFile, ConnectionReset)):
                await stream.read_line()
        assert server.statistics() == ServerStatistics(accepted=1, peak=1, cut=1)

    run_on(make_loop, main())


def test_a_server_that_has_never_served_ends(make_loop: LoopFactory) -> None:
    async def main() -> None:
        server = serve()
        await server.shutdown()
        assert server.closed

    run_on(make_loop, main())


def test_at_a_path_and_on_sockets_that_are_there(make_loop: LoopFactory, tmp_path: Path) -> None:
    async def main() -> None:
        listener = make_socket(
            connect="passive", address_family="local", local_filename=tmp_path / "its", backlog=5
        )
        async with serve(path=tmp_path / "own", sockets=[listener]):
            for name in ("own", "its"):
                stream = await open_stream(address_family="local", remote_filename=tmp_path / name)
                async with stream:
                    assert await talk(stream) == "hello"

    run_on(make_loop, main())


# -- how connections end --------------------------------------------------------------------------


def test_what_a_handler_raises_goes_to_the_hook(make_loop: LoopFactory) -> None:
    faults: list[tuple[Exception, Any]] = []

    async def fail(stream: ServerStream) -> None:
        await stream.read_line()
        raise ZeroDivisionError

    def note(error: Exception, stream: ServerStream) -> None:
        faults.append((error, stream))

    async def main() -> None:
        async with serve(fail, exception_hook=note) as server:
            async with await open_stream(HOST, server.port) as stream:
                await stream.write_line("hello")
                assert await stream.read() == b""
            await until(server, failed=1)
        ((error, served),) = faults
        assert isinstance(error, ZeroDivisionError)
        assert isinstance(served, ServerStream)

    run_on(make_loop, main())


def test_a_client_that_breaks_off_costs_a_line_of_the_log(
    make_loop: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serve() as server:
            stream = await open_stream(HOST, server.port)
            await talk(stream)
            stream.abort(reset=True)
            await until(server, broken=1)

    with caplog.at_level(logging.INFO, "trunkline.servers"):
        run_on(make_loop, main())
    assert "is broken: read_line " in caplog.text


def test_a_client_that_breaks_off_the_tasks_of_a_handler_breaks_off_the_handler(
    make_loop: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trunkline.servers")

    async def read_in_a_task(stream: ServerStream) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stream.read_line())
            await stream.write_line("reading")

    async def fail_in_a_task(stream: ServerStream) -> None:
        try:
            await read_in_a_task(stream)
        except* ConnectionReset as group:
            raise ExceptionGroup("both", [group, ZeroDivisionError()]) from None

    async def main() -> None:
        for handler, count in ((read_in_a_task, "broken"), (fail_in_a_task, "failed")):
            async with serve(handler) as server:
                stream = await open_stream(HOST, server.port)
                assert await stream.read_line() == "reading"
                stream.abort(reset=True)
                await until(server, **{count: 1})

    run_on(make_loop, main())
    told, fault = caplog.records
    assert "is broken: read_line" in told.getMessage()
    assert fault.levelno == logging.ERROR


@pytest.mark.parametrize("limit", ["read_timeout", "idle_timeout", "lifetime"])
def test_a_silent_client_has_a_limit_of_time(make_loop: LoopFactory, limit: str) -> None:
    errors: list[Exception] = []

    async def wait(stream: ServerStream) -> None:
        try:
            await stream.read_line()
        except TimedOut as error:
            errors.append(error)
            raise

    async def main() -> None:
        options: dict[str, Any] = {limit: 10 * MS}
        async with serve(wait, **options) as server:
            async with await open_stream(HOST, server.port) as stream:
                assert await stream.read() == b""
            await until(server, timed_out=1)
        assert f"the {limit} has passed" in str(errors)

    run_on(make_loop, main())


def test_a_client_that_does_not_read_has_a_limit_of_time(make_loop: LoopFactory) -> None:
    async def pour(stream: ServerStream) -> None:
        while True:
            await stream.write(bytes(100_000))

    async def main() -> None:
        async with (
            serve(pour, write_timeout=10 * MS) as server,
            await open_stream(HOST, server.port),
        ):
            await until(server, timed_out=1)

    run_on(make_loop, main())


# -- limits on connections ------------------------------------------------------------------------


def test_who_comes_beyond_the_limit_waits(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with serve(max_connections=1) as server:
            first = await open_stream(HOST, server.port)
            assert await talk(first) == "hello"
            second = asyncio.create_task(ask(server, "second"))
            assert await talk(first) == "hello"
            assert not second.done()
            await first.close()
            assert await second == "second"
        assert server.statistics() == ServerStatistics(accepted=2, peak=1, finished=2)

    run_on(make_loop, main())


def test_who_comes_beyond_the_limit_is_refused(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with (
            serve(max_connections=1, at_limit="refuse", refusal=b"full\n") as server,
            await open_stream(HOST, server.port) as first,
        ):
            assert await talk(first) == "hello"
            async with await open_stream(HOST, server.port) as second:
                assert await second.read_line() == "full"
        assert server.statistics() == ServerStatistics(accepted=2, peak=1, finished=1, refused=1)

    run_on(make_loop, main())


def test_one_client_may_have_so_many_connections(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with (
            serve(max_connections_per_address=1, refusal=b"enough\n") as server,
            await open_stream(HOST, server.port) as first,
        ):
            assert await talk(first) == "hello"
            async with await open_stream(HOST, server.port) as second:
                assert await second.read_line() == "enough"
            assert await ask(server, local_host="127.0.0.2") == "hello"

    run_on(make_loop, main())


# -- the end --------------------------------------------------------------------------------------


def test_clients_finish_while_the_server_drains(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with serve() as server:
            stream = await open_stream(HOST, server.port)
            assert await talk(stream) == "hello"
            ending = asyncio.ensure_future(server.shutdown(PATIENCE))
            assert server.draining
            assert await talk(stream, "still there") == "still there"
            assert not ending.done()
            await stream.close()
            await ending
        assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)

    run_on(make_loop, main())


def test_clients_that_do_not_finish_are_cut(make_loop: LoopFactory) -> None:
    errors: list[BaseException] = []

    async def wait(stream: ServerStream) -> None:
        await stream.write_line("hello")
        try:
            await stream.read_line()
        except BaseException as error:
            errors.append(error)
            raise

    async def main() -> None:
        async with serve(wait) as server, await open_stream(HOST, server.port) as stream:
            await stream.read_line()
            await server.shutdown(10 * MS)
            assert await stream.read() == b""
        assert server.statistics() == ServerStatistics(accepted=1, peak=1, cut=1)
        assert [type(error) for error in errors] == [SocketClosed]

    run_on(make_loop, main())


def test_a_handler_that_waits_for_something_else_is_cancelled(
    make_loop: LoopFactory, caplog: pytest.LogCaptureFixture
) -> None:
    async def wait(stream: ServerStream) -> None:
        await stream.write_line("hello")
        await asyncio.Event().wait()

    async def main() -> None:
        async with serve(wait) as server, await open_stream(HOST, server.port) as stream:
            await stream.read_line()
            await server.shutdown(0, join_timeout=0)
            while asyncio.all_tasks() != {asyncio.current_task()}:
                if not server.statistics().active:
                    break
                await asyncio.sleep(0)
        assert server.statistics().cut == 1

    run_on(make_loop, main())
    assert "does not end, and is cancelled" in caplog.text
    assert "in the thread" not in caplog.text


def test_leaving_by_an_exception_cuts(make_loop: LoopFactory) -> None:
    async def fail(server: AsyncServer) -> None:
        async with server, await open_stream(HOST, server.port) as stream:
            await talk(stream)
            raise ZeroDivisionError

    async def main() -> None:
        server = serve()
        with pytest.raises(ZeroDivisionError):
            await fail(server)
        assert server.closed

    run_on(make_loop, main())


def test_between_two_requests_a_connection_ends_without_harm(make_loop: LoopFactory) -> None:
    async def answer(stream: ServerStream) -> None:
        while await stream.server.wait_for_input(stream):
            await stream.write_line(await stream.read_line())
            if not stream.server.draining:
                waiting.set()

    waiting = asyncio.Event()

    async def main() -> None:
        async with (
            serve(answer, read_timeout=PATIENCE) as server,
            await open_stream(HOST, server.port) as stream,
        ):
            assert await talk(stream) == "hello"
            await server.shutdown(None)
            assert await stream.read() == b""
        assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)

    run_on(make_loop, main())


def test_who_may_not_wait_leaves_who_waits_to_be_told_of_the_end(make_loop: LoopFactory) -> None:
    async def wait(stream: ServerStream) -> None:
        waiting = asyncio.create_task(stream.server.wait_for_input(stream))
        await until_it_waits(waiting)
        with pytest.raises(Busy):
            await stream.server.wait_for_input(stream)
        await stream.write_line("waiting")
        assert not await waiting

    async def main() -> None:
        async with serve(wait) as server, await open_stream(HOST, server.port) as stream:
            assert await stream.read_line() == "waiting"
            await server.shutdown(None)
        assert server.statistics().finished == 1

    run_on(make_loop, main())


def test_who_waits_is_told_of_an_end_that_nobody_has_asked_for(make_loop: LoopFactory) -> None:
    async def wait(stream: ServerStream) -> None:
        await stream.write_line("waiting")
        assert not await stream.server.wait_for_input(stream)

    async def main() -> None:
        listener = make_socket(connect="passive", local_host=HOST)
        server = serve(wait, sockets=[listener], drain_timeout=None).start()
        async with await open_stream(HOST, server.port) as stream:
            assert await stream.read_line() == "waiting"
            # Nobody can accept at a socket that does not listen any more.
            with socket.socket(fileno=os.dup(listener.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
            with pytest.raises(SocketError, match=r"^accept "):
                await server.wait()
        assert server.statistics().finished == 1

    run_on(make_loop, main())


def test_a_handler_that_ends_its_server_does_not_wait_for_itself(make_loop: LoopFactory) -> None:
    async def end(stream: ServerStream) -> None:
        await stream.server.shutdown(None)
        await stream.write_line("ended")

    async def main() -> None:
        async with serve(end) as server, await open_stream(HOST, server.port) as stream:
            assert await stream.read_line() == "ended"
            await server.wait()
        assert server.statistics().finished == 1

    run_on(make_loop, main())


def test_a_task_that_is_cancelled_before_it_begins_serves_nobody(make_loop: LoopFactory) -> None:
    served: list[ServerStream] = []

    async def serve_it(stream: ServerStream) -> None:
        served.append(stream)

    def make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
        if coroutine.__name__ == "serve_in_task":
            task.cancel()
        return task

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(make_task)
        async with serve(serve_it) as server, await open_stream(HOST, server.port) as stream:
            assert await stream.read() == b""
            await server.shutdown(None)
        assert server.statistics() == ServerStatistics(accepted=1, peak=1, failed=1)
        assert not served

    run_on(make_loop, main())


def test_a_task_that_cannot_be_made_gives_its_place_back(make_loop: LoopFactory) -> None:
    faults: list[Exception] = []

    def make_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> Any:
        if coroutine.__name__ == "serve_in_task" and not faults:
            raise ZeroDivisionError
        return asyncio.Task(coroutine, loop=loop, **options)

    def note(error: Exception, connection: Any) -> None:
        faults.append(error)

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(make_task)
        options: dict[str, Any] = {"max_connections": 1, "max_connections_per_address": 1}
        async with serve(exception_hook=note, **options) as server:
            async with await open_stream(HOST, server.port) as stream:
                assert await stream.read() == b""
            assert await ask(server) == "hello"
        assert server.statistics() == ServerStatistics(accepted=2, peak=1, failed=1, finished=1)
        assert [type(error) for error in faults] == [ZeroDivisionError]

    run_on(make_loop, main())


# -- what comes before the handler ----------------------------------------------------------------


@pytest.mark.parametrize("is_over", [False, True])
def test_a_task_that_is_cancelled_during_its_preamble_gives_its_place_back(
    make_loop: LoopFactory, is_over: bool
) -> None:
    """Also if the preamble succeeds at that moment."""
    threads: SimpleQueue[threading.Thread] = SimpleQueue()
    goes_on = threading.Event()

    def wait(connection: ServerConnection) -> None:
        if not goes_on.is_set():
            threads.put(threading.current_thread())
            goes_on.wait(PATIENCE)

    async def main() -> None:
        options: dict[str, Any] = {"max_connections": 1, "max_connections_per_address": 1}
        async with serve(preamble=wait, **options) as server:
            async with await open_stream(HOST, server.port) as stream:
                while threads.empty():
                    await asyncio.sleep(MS)
                thread = threads.get()
                (task,) = (each for each in asyncio.all_tasks() if "server: " in each.get_name())
                if is_over:
                    goes_on.set()
                    thread.join()
                task.cancel()
                with pytest.raises((EndOfFile, ConnectionReset)):
                    await stream.read_line()
                goes_on.set()
                thread.join()
            assert await ask(server) == "hello"
        assert server.statistics() == ServerStatistics(accepted=2, peak=1, failed=1, finished=1)

    run_on(make_loop, main())


def test_clients_speak_tls(make_loop: LoopFactory, certificates: Certificates) -> None:
    async def main() -> None:
        async with serve(tls=certificates.server_tls, max_connections=1) as server:
            silent = socket.create_connection((HOST, server.port))
            with silent:  # who does not shake hands keeps nobody waiting
                await until(server, shaking_hands=1)
                assert await ask(server, tls=certificates.client_tls) == "hello"
            await until(server, rejected=1)
        assert server.statistics() == ServerStatistics(accepted=2, peak=1, finished=1, rejected=1)

    run_on(make_loop, main())


@pytest.mark.exact_io("what was looked at is there, and is taken without waiting")
def test_a_proxy_says_who_its_client_is(make_loop: LoopFactory) -> None:
    async def tell(stream: ServerStream) -> None:
        await stream.write_line(f"{stream.remote_name} {await stream.read_line()}")

    async def main() -> None:
        async with serve(tell, preamble=proxy_protocol(["127.0.0.1"])) as server:
            async with await open_stream(HOST, server.port) as stream:
                stream.write("PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n")
                assert await talk(stream) == "192.0.2.7:50000 hello"
            async with await open_stream(HOST, server.port) as stream:
                await stream.write_line("nonsense")
                with pytest.raises((EndOfFile, ConnectionReset)):
                    await stream.read_line()
            await until(server, rejected=1)

    run_on(make_loop, main())


# -- what cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((print,), {}, "async function"),
        ((echo, ("127.0.0.1", 0)), {}, "takes its handler first"),
        ((echo,), {"threads": "pool"}, "threads"),
        ((echo,), {"max_connection": 1}, "max_connections"),
    ],
)
def test_what_a_server_does_not_take(
    make_loop: LoopFactory, arguments: Any, options: Any, error: str
) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match=error):
            aio.serve(*arguments, host=HOST, **options)

    run_on(make_loop, main())
