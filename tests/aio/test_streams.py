"""Streams to await: tasks that wait, are cancelled, get in each other's way, and take turns."""

import asyncio
import contextlib
import errno
import os
import random
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on, stream_and_peer, until_it_waits
from sockets.helpers import listening
from support.certificates import Certificates
from support.peers import (
    PeerServer,
    echo_server,
    receive_all,
    receive_exactly,
    refusing_port,
    reset,
    socket_pair,
)
from support.timing import MS, PATIENCE

from trunkline import (
    Busy,
    ConnectionRefused,
    ConnectionReset,
    EndOfFile,
    EndpointShutdown,
    Hangup,
    LineTooLong,
    NoName,
    SocketClosed,
    TimedOut,
    TLSCertificateError,
    TLSError,
    aio,
    make_socket,
    make_socket_from_fd,
)
from trunkline.aio import AsyncStream, open_stream
from trunkline.sockets.resolving import Resolution

pytestmark = each_loop


# -- lines there and back -------------------------------------------------------------------------


def test_lines_go_there_and_back(make_loop: LoopFactory) -> None:
    async def main() -> None:
        host, port = server.address
        async with await open_stream(host, port, external_format="utf-8/crlf") as stream:
            for line in ("Grüße", "", "世界"):
                await stream.write_line(line)
                assert await stream.read_line() == line
            assert str(stream.remote_host) == host
            assert stream.remote_port == port
            await stream.write("the last")
            await stream.shutdown(write=True)
            assert [line async for line in stream] == ["the last"]
            assert stream.missing_newline
            with pytest.raises(EndOfFile, match=f"^read_line {host}:{port}: end of file$"):
                await stream.read_line()
        assert stream.closed

    with echo_server() as server:
        run_on(make_loop, main())


def test_bytes_are_read_in_every_way(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            peer.sendall(b"head\r\n\r\n12345678rest")
            assert await stream.read_until(b"\r\n\r\n") == b"head\r\n\r\n"
            assert await stream.read_exactly(4) == b"1234"
            buffer = bytearray(4)
            assert await stream.read_into(buffer) == 4
            assert buffer == b"5678"
            peer.close()
            assert await stream.read(1) == b"r"
            assert b"".join([await stream.read_exactly(1) for _ in "est"]) == b"est"
            assert await stream.read() == b""

    run_on(make_loop, main())


def test_what_is_written_leaves_by_itself(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            stream.write("never ")
            await stream.write_line("awaited")
            assert await asyncio.to_thread(receive_exactly, peer, 14) == b"never awaited\n"

    run_on(make_loop, main())


@pytest.mark.exact_io("sends once, and an injected EAGAIN has it sent later")
def test_what_is_written_in_one_turn_leaves_in_one_piece(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            for number in range(10):
                await stream.write_line(str(number))
            assert stream.has_buffered_output
            assert not stream.closed
            await asyncio.sleep(0)
            assert peer.recv(100) == b"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"

    run_on(make_loop, main())


@pytest.mark.exact_io("an injected EAGAIN is not the system's having no room")
def test_who_does_not_await_knows_how_much_is_queued(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            assert stream.buffered_output == 0
            size = 0
            while not stream.buffered_output:  # until the system takes no more
                stream.write(bytes(100_000))
                size += 100_000
                stream.force_output()
            waiting = stream.buffered_output
            stream.write(bytes(100_000))
            assert stream.buffered_output == waiting + 100_000
            reading = asyncio.create_task(asyncio.to_thread(receive_exactly, peer, size + 100_000))
            await stream.finish_output()
            assert stream.buffered_output == 0
            await reading

    run_on(make_loop, main())


def test_much_is_written_as_fast_as_the_peer_reads(make_loop: LoopFactory) -> None:
    data = bytes(range(256)) * 8192

    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, peer):
            reading = asyncio.create_task(asyncio.to_thread(receive_exactly, peer, len(data)))
            for start in range(0, len(data), 50_000):
                await stream.write(data[start : start + 50_000])
                assert len(stream._socket._output) <= 16_384
            await stream.finish_output()
            assert not stream.has_buffered_output
            assert await reading == data

    run_on(make_loop, main())


def test_text_in_a_format_with_state_is_brought_to_its_end(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer(external_format="iso2022_jp") as (stream, peer):
            await stream.write("日本")
            await stream.close()
            expected = "日本".encode("iso2022_jp")
            assert receive_exactly(peer, len(expected)) == expected

    run_on(make_loop, main())


# -- connecting -----------------------------------------------------------------------------------


def test_a_name_is_looked_up_and_its_addresses_race(make_loop: LoopFactory) -> None:
    class Book:
        def resolve(self, host: str, *, family: Any = "internet", timeout: Any = None) -> Any:
            assert host == "both"
            return Resolution(tuple(map(ip_address, ("::1", "127.0.0.1"))), None)

    book: Any = Book()

    async def main() -> None:
        async with await open_stream("both", server.address[1], resolver=book) as stream:
            await stream.write_line("hello")
            assert await stream.read_line() == "hello"

    with echo_server() as server:
        run_on(make_loop, main())


def test_nobody_listens(make_loop: LoopFactory) -> None:
    async def main() -> None:
        with pytest.raises(ConnectionRefused, match=r"^connect 127\.0\.0\.1:\d+: ") as caught:
            await open_stream("127.0.0.1", port)
        assert caught.value.operation == "connect"

    with refusing_port() as port:
        run_on(make_loop, main())


def test_connecting_that_cannot_be_watched_leaves_nothing_watched(
    make_loop: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main(port: int) -> None:
        loop = asyncio.get_running_loop()
        add_writer = loop.add_writer
        numbers: list[int] = []

        def fail(number: int, *arguments: Any) -> None:
            add_writer(number, *arguments)
            numbers.append(number)
            raise OSError(errno.ENOSPC, "no watch is left")

        with monkeypatch.context() as patching:
            patching.setattr(loop, "add_writer", fail)
            with pytest.raises(OSError, match="no watch is left"):
                await open_stream("127.0.0.1", port)
        assert not loop.remove_writer(numbers.pop())

    with listening() as listener:
        run_on(make_loop, main(listener.local_port))


def test_a_name_that_there_is_not(make_loop: LoopFactory) -> None:
    class Empty:
        def resolve(self, host: str, *, family: Any = "internet", timeout: Any = None) -> Any:
            raise NoName(host=host)

    empty: Any = Empty()

    async def main() -> None:
        with pytest.raises(NoName):
            await open_stream("nobody", 1, resolver=empty)

    run_on(make_loop, main())


def test_a_local_socket(make_loop: LoopFactory, tmp_path: Path) -> None:
    path = tmp_path / "socket"

    async def main() -> None:
        stream = await open_stream(address_family="local", remote_filename=path)
        async with stream:
            accepted = await asyncio.to_thread(listener.accept, timeout=PATIENCE)
            assert accepted is not None
            with accepted:
                await stream.write_line("hello", flush=True)
                assert accepted.read_line(timeout=PATIENCE) == "hello"
            assert stream.remote_filename.path == str(path)

    with make_socket(
        connect="passive", address_family="local", local_filename=path, backlog=5
    ) as listener:
        run_on(make_loop, main())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"remote_host": "127.0.0.1"}, "needs a remote_port"),
        ({"address_family": "local"}, "needs a remote_filename"),
        ({"remote_host": "127.0.0.1", "remote_port": 1, "backlog": 5}, "backlog"),
    ],
)
def test_what_is_needed_to_connect(
    make_loop: LoopFactory, options: dict[str, Any], error: str
) -> None:
    with pytest.raises(TypeError, match=error):
        run_on(make_loop, open_stream(**options))


# -- cancelling -----------------------------------------------------------------------------------

READS: dict[str, Callable[[AsyncStream], Awaitable[Any]]] = {
    "read_line": lambda stream: stream.read_line(),
    "read_text": lambda stream: stream.read_text(5),
    "read_exactly": lambda stream: stream.read_exactly(5),
    "read_until": lambda stream: stream.read_until(b"|"),
    "read_into": lambda stream: stream.read_into(bytearray(5)),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_that_is_cancelled_loses_nothing(make_loop: LoopFactory, read: Any) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            for piece in (b"1", b"2", b"3"):
                peer.sendall(piece)
                task = asyncio.ensure_future(read(stream))
                await until_it_waits(task)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            peer.sendall(b"4|\n")
            assert await stream.read_line() == "1234|"

    run_on(make_loop, main())


def test_a_read_that_is_cancelled_when_its_line_has_just_come_leaves_it(
    make_loop: LoopFactory,
) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            task = asyncio.create_task(stream.read_line())
            await until_it_waits(task)
            peer.sendall(b"it\n")
            while not stream.has_buffered_input and not task.done():
                await asyncio.sleep(0)
            if task.cancel():
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await stream.read_line() == "it"
            else:
                assert await task == "it"

    run_on(make_loop, main())


async def converse(stream: AsyncStream, chance: random.Random) -> None:
    """Have lines echoed, and cancel whatever waits for them, again and again."""
    sent = read = 0
    while read < 20:
        if sent == read or (sent < 20 and chance.random() < 0.6):
            await stream.write_line(f"{sent} " + "x" * chance.choice((1, 100, 30_000)))
            sent += 1
            continue
        reads = chance.random() < 0.8
        task = asyncio.ensure_future(stream.read_line() if reads else stream.finish_output())
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        if chance.random() < 0.5:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            line = await task
            if line is not None:
                assert line.startswith(f"{read} ")
                read += 1


def test_clients_that_are_cancelled_at_random_moments_lose_nothing(
    make_loop: LoopFactory,
) -> None:
    seed = int(os.environ.get("TRUNKLINE_TEST_SEED", secrets.randbits(32)))
    print(f"TRUNKLINE_TEST_SEED={seed}")
    chance = random.Random(seed)

    async def echo(stream: AsyncStream) -> None:
        async for line in stream:
            await stream.write_line(line)

    async def client(port: int) -> None:
        async with await open_stream("127.0.0.1", port) as stream:
            await converse(stream, chance)

    async def main() -> None:
        async with aio.serve(echo, host="127.0.0.1") as server:
            await asyncio.gather(*(client(server.port) for _ in range(10)))
        assert server.statistics().finished == 10

    run_on(make_loop, main())


def test_finishing_that_is_cancelled_loses_nothing(make_loop: LoopFactory) -> None:
    data = b"x" * 1_000_000 + b"end"

    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            stream.write(data)
            task = asyncio.create_task(stream.finish_output())
            await until_it_waits(task)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(receive_exactly, peer, len(data)) == data

    run_on(make_loop, main())


def test_a_time_limit_loses_nothing(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer(timeout=5 * MS) as (stream, peer):
            peer.sendall(b"half ")
            with pytest.raises(TimedOut) as caught:
                await stream.read_line()
            assert caught.value.deadline
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(5 * MS):
                    await stream.read_line(timeout=None)
            stream.write(b"x" * 1_000_000)
            with pytest.raises(TimedOut):
                await stream.finish_output()
            peer.sendall(b"a line\n")
            assert await stream.read_line() == "half a line"
            size = await asyncio.to_thread(receive_exactly, peer, 1_000_000)
            assert len(size) == 1_000_000

    run_on(make_loop, main())


def test_each_wait_ends_at_its_own_time(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            stream.write(bytes(1 << 24))  # more than there is room for
            far = asyncio.create_task(stream.finish_output(timeout=PATIENCE / 2))
            await until_it_waits(far)
            # One that comes later may be over sooner, in either direction, and again.
            for _ in range(2):
                near = asyncio.create_task(stream.finish_output(timeout=2 * MS))
                with pytest.raises(TimedOut):
                    await stream.read(timeout=MS)
                with pytest.raises(TimedOut):
                    await near
            assert not far.done()
            peer.send(b"x")
            assert await stream.read(timeout=PATIENCE) == b"x"
            stream.clear_output()
            await far

    run_on(make_loop, main())


# -- several tasks --------------------------------------------------------------------------------


def test_two_tasks_cannot_read_at_once(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            first = asyncio.create_task(stream.read_line())
            await until_it_waits(first)
            with pytest.raises(Busy, match="another task is reading"):
                await stream.read_line()
            with pytest.raises(Busy):
                stream.detach()
            peer.sendall(b"for the first\nfor all\n")
            assert await first == "for the first"
            assert await stream.read_line() == "for all"

    run_on(make_loop, main())


def test_one_task_reads_and_others_write(make_loop: LoopFactory) -> None:
    async def write(stream: AsyncStream, name: str) -> None:
        for _ in range(200):
            await stream.write_line(name * 100)
        await stream.finish_output()

    async def main() -> None:
        host, port = server.address
        async with await open_stream(host, port) as stream, asyncio.TaskGroup() as group:
            for name in "abc":
                group.create_task(write(stream, name))
            lines = sorted([await stream.read_line() for _ in range(600)])
        assert lines == sorted([name * 100 for name in "abc" for _ in range(200)])

    with echo_server() as server:
        run_on(make_loop, main())


@pytest.mark.parametrize("how", ["write", "force_output", "clear_output"])
def test_who_waits_for_output_is_told_that_another_task_has_sent_it(
    make_loop: LoopFactory, how: str
) -> None:
    async def main() -> None:
        async with stream_and_peer(output_buffer_size=1) as (stream, peer):
            stream.write(b"x" * 1_000_000)
            task = asyncio.create_task(stream.finish_output())
            await until_it_waits(task)
            while stream.has_buffered_output:  # in one turn of the loop
                receive_exactly(peer, 1_000)
                if how == "write":
                    stream.write(b"y")
                elif how == "force_output":
                    stream.force_output()
                else:
                    stream.clear_output()
            await task

    run_on(make_loop, main())


def test_who_always_finds_something_lets_others_have_their_turns(make_loop: LoopFactory) -> None:
    async def main() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        async with stream_and_peer() as (stream, peer):
            counting = asyncio.create_task(count())
            peer.sendall(b"\n" * 30_000)
            await stream.peek_char()
            before = turns
            for _ in range(10_000):
                await stream.read_line()
            assert 0 < turns - before < 1000
            before = turns
            buffer = bytearray(1)
            for _ in range(10_000):
                await stream.read_into(buffer)
            assert 0 < turns - before < 1000
            before = turns
            for _ in range(10_000):
                await stream.write(b"")
            assert 0 < turns - before < 1000
            before = turns
            for _ in range(10_000):
                await stream.finish_output()
            assert 0 < turns - before < 1000
            counting.cancel()

    run_on(make_loop, main())


def test_who_is_sent_more_than_it_can_read_lets_others_have_their_turns(
    make_loop: LoopFactory,
) -> None:
    size = 10_000_000

    def send(peer: socket.socket) -> None:
        for _ in range(size // 1_000_000):
            peer.sendall(bytes(1_000_000))

    async def main() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        host, port = server.address
        async with await open_stream(host, port) as stream:
            counting = asyncio.create_task(count())
            assert len(await stream.read_exactly(size)) == size
            counting.cancel()
            assert turns > size // 2_000_000

    with PeerServer(send) as server:
        run_on(make_loop, main())


# -- the end --------------------------------------------------------------------------------------


def test_leaving_by_an_exception_aborts(make_loop: LoopFactory) -> None:
    async def fail(stream: AsyncStream) -> None:
        async with stream:
            stream.write("dropped")
            raise ZeroDivisionError

    async def main() -> None:
        with socket_pair() as (mine, peer):
            stream = aio.adopt(make_socket_from_fd(mine.detach(), dup=False))
            with pytest.raises(ZeroDivisionError):
                await fail(stream)
            assert stream.closed
            assert peer.recv(100) == b""

    run_on(make_loop, main())


def test_closing_sends_what_is_queued(make_loop: LoopFactory) -> None:
    data = b"x" * 3_000_000

    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, peer):
            reading = asyncio.create_task(asyncio.to_thread(receive_exactly, peer, len(data)))
            stream.write(data)
            await stream.close()
            await stream.close()
            assert await reading == data

    run_on(make_loop, main())


def test_closing_has_a_limit_of_time(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, _):
            stream.write(b"x" * 3_000_000)
            with pytest.raises(TimedOut, match=r"^close .* bytes unsent") as caught:
                await stream.close(timeout=5 * MS)
            assert caught.value.unsent > 1_000_000
            assert stream.closed

    run_on(make_loop, main())


def test_closing_that_is_cancelled_closes(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, _):
            stream.write(b"x" * 3_000_000)
            task = asyncio.create_task(stream.close())
            await until_it_waits(task)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert stream.closed

    run_on(make_loop, main())


def test_closing_that_another_task_comes_before_is_over(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, _):
            stream.write(b"x" * 3_000_000)
            task = asyncio.create_task(stream.close())
            await until_it_waits(task)
            stream.abort()
            await task

    run_on(make_loop, main())


def test_a_time_that_is_none_closes_nothing(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, _):
            for wrong in ({"linger": -1.0}, {"timeout": -1.0}):
                with pytest.raises(ValueError, match="negative"):
                    await stream.close(**wrong)
            with pytest.raises(TypeError, match="linger is a number"):
                await stream.close(linger=None)  # type: ignore[arg-type]
            assert not stream.closed

    run_on(make_loop, main())


@pytest.mark.parametrize("end", ["shutdown", "close"])
def test_what_is_written_while_the_writing_is_being_ended_is_sent_before(
    make_loop: LoopFactory, end: str
) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            stream.write(b"x" * 1_000_000)
            how = {"write": True} if end == "shutdown" else {}
            ending = asyncio.create_task(getattr(stream, end)(**how))
            await until_it_waits(ending)
            stream.write(b"y" * 1_000_000)
            received = await asyncio.to_thread(receive_all, peer)
            await ending
            assert received == b"x" * 1_000_000 + b"y" * 1_000_000
            assert not stream.has_buffered_output

    run_on(make_loop, main())


def test_who_waits_for_a_stream_that_is_aborted_is_told(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, _):
            stream.write(b"x" * 3_000_000)
            reading = asyncio.create_task(stream.read_line())
            writing = asyncio.create_task(stream.finish_output())
            await until_it_waits(reading)
            await until_it_waits(writing)
            stream.abort()
            for task, operation in ((reading, "read_line"), (writing, "finish_output")):
                with pytest.raises(SocketClosed) as caught:
                    await task
                assert caught.value.operation == operation
            with pytest.raises(SocketClosed):
                await stream.read()
            with pytest.raises(SocketClosed):
                stream.write("more")

    run_on(make_loop, main())


def test_a_reset_is_told_in_both_directions(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, peer):
            peer.sendall(b"half")
            assert await stream.read_char() == "h"
            reset(peer)
            with pytest.raises(ConnectionReset) as caught:
                await stream.read_line()
            assert (caught.value.operation, caught.value.address) == (
                "read_line",
                stream.remote_name,
            )
            with pytest.raises(ConnectionReset):
                await stream.write_line("more")

    run_on(make_loop, main())


def test_a_reset_is_told_also_after_what_has_come_before_it(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer(socket.AF_INET, input_buffer_size=16) as (stream, peer):
            reading = asyncio.create_task(stream.read_exactly(1))
            await until_it_waits(reading)
            peer.sendall(bytes(40))
            reset(peer)
            assert await reading == bytes(1)
            assert await stream.read_exactly(39) == bytes(39)
            with pytest.raises(ConnectionReset):
                await stream.read()

    run_on(make_loop, main())


def test_a_peer_that_is_gone_is_told_also_if_nothing_could_be_sent_first(
    make_loop: LoopFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, peer):
            stream.write(bytes(10_000_000))
            finishing = asyncio.create_task(stream.finish_output())
            await until_it_waits(finishing)
            tries = []

            def flush_at_once(operation: str) -> bool:
                tries.append(operation)
                return len(tries) > 1 and really_flush(operation)

            really_flush = stream._socket._flush_at_once
            monkeypatch.setattr(stream._socket, "_flush_at_once", flush_at_once)
            reset(peer)
            with pytest.raises(ConnectionReset):
                await finishing
            assert len(tries) > 1

    run_on(make_loop, main())


def test_a_reset_is_told_to_who_reads_and_to_who_waits_for_output(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, peer):
            stream.write(bytes(10_000_000))
            finishing = asyncio.create_task(stream.finish_output())
            reading = asyncio.create_task(stream.read())
            await until_it_waits(finishing)
            await until_it_waits(reading)
            reset(peer)
            for task in (reading, finishing):
                with pytest.raises(ConnectionReset):
                    await task

    run_on(make_loop, main())


def test_a_peer_that_is_gone_is_told_to_who_writes_next(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            peer.sendall(b"bye\n")
            peer.close()
            stream.write_line("to nobody")
            await asyncio.sleep(0)
            assert await stream.read_line() == "bye"
            for operation, call in (("write", stream.write_line), ("finish_output", None)):
                with pytest.raises(Hangup) as caught:
                    await (stream.finish_output() if call is None else call("more"))
                assert caught.value.operation == operation

    run_on(make_loop, main())


def test_a_direction_that_was_ended_says_so(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            await stream.shutdown(write=True)
            await stream.shutdown(write=True)
            assert peer.recv(1) == b""
            with pytest.raises(EndpointShutdown):
                stream.write("more")
            peer.sendall(b"there\n")
            assert await stream.read_line() == "there"
            assert stream.is_input_open
            assert not stream.is_output_open
            reading = asyncio.create_task(stream.read())
            await until_it_waits(reading)
            await stream.shutdown(read=True)
            assert await reading == b""
            with pytest.raises(EndpointShutdown):
                await stream.read()

    run_on(make_loop, main())


def test_a_loop_may_end_before_the_stream_does(make_loop: LoopFactory) -> None:
    async def main() -> AsyncStream:
        stream = aio.adopt(make_socket_from_fd(mine.detach(), dup=False))
        with pytest.raises(TimedOut):
            await stream.read_line(timeout=0)
        task = asyncio.create_task(stream.read_line())
        await until_it_waits(task)
        return stream

    with socket_pair() as (mine, peer):
        stream = run_on(make_loop, main())
        stream.abort()
        assert peer.recv(1) == b""


# -- from one way to another ----------------------------------------------------------------------


def test_what_was_received_and_not_read_comes_along_both_ways(make_loop: LoopFactory) -> None:
    async def main() -> None:
        with socket_pair() as (mine, peer):
            socket = make_socket_from_fd(mine.detach(), dup=False, external_format="utf-8/crlf")
            peer.sendall(b"one\r\ntwo\r\nthree\r\nfour\r\n")
            assert socket.read_line() == "one"
            socket.write("unsent ")
            stream = aio.adopt(socket)
            assert socket.closed
            assert await stream.read_line() == "two"
            await stream.write("as well ")
            back = stream.detach()
            assert stream.closed
            with back:
                assert back.read_line(timeout=PATIENCE) == "three"
                back.write_line("at last")
                back.finish_output()
                assert receive_exactly(peer, 24) == b"unsent as well at last\r\n"
                assert back.read_line(timeout=PATIENCE) == "four"

    run_on(make_loop, main())


def test_only_connections_are_adopted(make_loop: LoopFactory) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match="active socket"):
            aio.adopt(socket.socket)  # type: ignore[arg-type]

    run_on(make_loop, main())


def test_without_a_loop_nothing_is_lost(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with aio.adopt(blocking) as stream:
            assert await stream.read_line() == "hello"

    with socket_pair() as (mine, peer):
        peer.sendall(b"hello\n")
        with make_socket_from_fd(mine.detach(), dup=False) as blocking:
            with pytest.raises(RuntimeError, match="no running event loop"):
                aio.adopt(blocking)
            run_on(make_loop, main())


# -- TLS ------------------------------------------------------------------------------------------


def tls_echo(certificates: Certificates) -> PeerServer:
    """Return a server that echoes, by TLS."""
    context = certificates.server_context()

    def echo(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            while data := secured.recv(65_536):
                secured.sendall(data)
            secured.unwrap()

    return PeerServer(echo)


@pytest.mark.exact_io("the peer is Python's own TLS, which a fault may end")
def test_lines_go_there_and_back_by_tls(make_loop: LoopFactory, certificates: Certificates) -> None:
    async def main() -> None:
        host, port = server.address
        async with await open_stream(host, port, tls=certificates.client_tls) as stream:
            assert stream.speaks_tls
            assert stream.tls_version == "TLSv1.3"
            await stream.write_line("x" * 100_000)
            assert await stream.read_line(limit=None) == "x" * 100_000
            await stream.shutdown(write=True)
            assert await stream.read() == b""

    with tls_echo(certificates) as server:
        run_on(make_loop, main())


def test_connecting_that_is_cancelled_in_the_handshake_leaves_nothing(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    async def main(port: int) -> None:
        opening = asyncio.create_task(
            open_stream("127.0.0.1", port, tls=certificates.client_tls, timeout=PATIENCE)
        )
        accepted = await asyncio.to_thread(listener.accept, timeout=PATIENCE)
        assert accepted is not None
        with accepted:
            assert await asyncio.to_thread(accepted.read, timeout=PATIENCE)  # its first words
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            while accepted.read(timeout=PATIENCE):
                pass  # the rest of them

    with listening(external_format="latin-1") as listener:
        run_on(make_loop, main(listener.local_port))


def test_a_stranger_is_not_believed(make_loop: LoopFactory, certificates: Certificates) -> None:
    async def main() -> None:
        host, port = server.address
        with pytest.raises(TLSCertificateError):
            await open_stream(host, port, tls=certificates.stranger.client_tls())

    def shake(connection: socket.socket) -> None:
        with pytest.raises(ssl.SSLError):
            certificates.server_context().wrap_socket(connection, server_side=True)

    with PeerServer(shake) as server:
        run_on(make_loop, main())


def test_both_ends_begin_with_tls_later(make_loop: LoopFactory, certificates: Certificates) -> None:
    async def serve(stream: AsyncStream) -> None:
        assert await stream.read_line() == "STARTTLS"
        await stream.write_line("go on")
        await stream.start_tls(certificates.server_tls, server_side=True)
        await stream.write_line(await stream.read_line())
        await stream.close()

    async def main() -> None:
        with socket_pair(socket.AF_INET) as (mine, other):
            one, two = (
                aio.adopt(make_socket_from_fd(each.detach(), dup=False)) for each in (mine, other)
            )
            serving = asyncio.create_task(serve(two))
            async with one:
                await one.write_line("STARTTLS")
                assert await one.read_line() == "go on"
                await one.start_tls(certificates.client_tls, server_name="localhost")
                await one.write_line("secret")
                assert await one.read_line() == "secret"
                with pytest.raises(EndOfFile):
                    await one.read_line()
                with pytest.raises(ValueError, match="speaks TLS"):
                    one.detach()
            await serving

    run_on(make_loop, main())


@contextlib.asynccontextmanager
async def streams_with_tls(
    certificates: Certificates,
) -> AsyncIterator[tuple[AsyncStream, AsyncStream]]:
    """Yield the two ends of a connection that speaks TLS, the server's first."""
    async with contextlib.AsyncExitStack() as aborting:
        pair = aborting.enter_context(socket_pair())
        server, client = (aio.adopt(make_socket_from_fd(each.detach(), dup=False)) for each in pair)
        aborting.callback(server.abort)
        aborting.callback(client.abort)
        beginning = asyncio.create_task(server.start_tls(certificates.server_tls, server_side=True))
        await client.start_tls(certificates.client_tls, server_name="localhost")
        await beginning
        yield server, client


@pytest.mark.exact_io("the two are sent by one call")
def test_the_end_may_come_together_with_what_is_before_it(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            reading = asyncio.create_task(server.read_exactly(100))
            await until_it_waits(reading)
            records = client._socket._records
            assert records is not None
            assert records.send(memoryview(b"the last")) == 8  # which leaves with what comes next
            assert records.end_output()
            with pytest.raises(EndOfFile) as caught:
                await reading
            assert caught.value.partial == b"the last"

    run_on(make_loop, main())


@pytest.mark.exact_io("the end is sent by one call")
def test_nothing_is_written_after_the_end_though_that_has_not_left(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            records = server._socket._records
            assert records is not None
            assert records.end_output()  # as who shuts down, and waits then
            with pytest.raises(EndpointShutdown, match=r"^write .*ended"):
                server.write(b"late")
            assert not server.has_buffered_output
            await server.shutdown(write=True)
            assert await client.read() == b""
            with pytest.raises(EndpointShutdown, match=r"^write .*ended"):
                records.send(memoryview(b"late"))

    run_on(make_loop, main())


def test_an_alert_waits_for_room(make_loop: LoopFactory, certificates: Certificates) -> None:
    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
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
            with pytest.raises(TLSError, match="the peer has ended the connection"):
                await client.read_exactly(10_000_000)

    run_on(make_loop, main())


def test_a_handshake_has_a_limit_of_time_and_can_go_on(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        with socket_pair(socket.AF_INET) as (mine, other):
            one, two = (
                aio.adopt(make_socket_from_fd(each.detach(), dup=False)) for each in (mine, other)
            )
            with pytest.raises(TimedOut):
                await one.start_tls(
                    certificates.client_tls, server_name="localhost", timeout=5 * MS
                )
            # Who writes and who reads shake hands as well.
            one.write_line("to begin with")
            reading = asyncio.create_task(one.read_line())
            await two.start_tls(certificates.server_tls, server_side=True)
            assert await two.read_line() == "to begin with"
            await two.write_line("and to end")
            assert await reading == "and to end"
            one.abort()
            two.abort()

    run_on(make_loop, main())


# -- the limit of a line --------------------------------------------------------------------------


def test_a_line_that_is_too_long_stays(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            peer.sendall(b"x" * 100 + b"\nnext\n")
            with pytest.raises(LineTooLong, match=r"^read_line "):
                await stream.read_line(limit=10)
            assert await stream.skip_line() == 101
            assert [await anext(stream)] == ["next"]

    run_on(make_loop, main())
