"""What nobody has any more: it is closed, and says so; but not while somebody waits for it."""

import asyncio
import gc
import socket
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on, stream_and_peer, until_it_waits
from support.peers import socket_pair
from support.timing import PATIENCE

from trunkline import aio, make_socket, make_socket_from_fd

pytestmark = each_loop


def adopted(mine: socket.socket) -> aio.AsyncStream:
    """Return a stream of one end of a connection."""
    return aio.adopt(make_socket_from_fd(mine.detach(), dup=False))


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_stream_that_is_forgotten_closes_itself_and_says_so(
    make_loop: LoopFactory, timeout: float | None
) -> None:
    async def main() -> None:
        with socket_pair() as (mine, peer):
            stream: Any = adopted(mine)
            # The loop has watched for input, and still does.
            reading = asyncio.create_task(stream.read_line(timeout=timeout))
            await until_it_waits(reading)
            peer.sendall(b"hello\n")
            assert await reading == "hello"
            del reading
            await asyncio.sleep(0)
            with pytest.warns(ResourceWarning, match="unclosed <active local stream socket"):
                del stream
            peer.settimeout(PATIENCE)
            assert peer.recv(100) == b""

    run_on(make_loop, main())


def test_a_stream_that_a_task_waits_for_is_kept(make_loop: LoopFactory) -> None:
    said: list[str] = []

    async def listen(stream: aio.AsyncStream) -> None:
        for _ in range(2):
            said.append(await stream.read_line())  # noqa: PERF401 - the first one is looked for
        await stream.close()

    async def main() -> None:
        with socket_pair() as (mine, peer):
            ended = asyncio.Event()
            task = asyncio.create_task(listen(adopted(mine)))
            task.add_done_callback(lambda task: ended.set())
            await until_it_waits(task)
            peer.sendall(b"hello\n")
            while not said:
                await asyncio.sleep(0)
            await until_it_waits(task)
            del task
            gc.collect()
            peer.sendall(b"again\n")
            await ended.wait()
        assert said == ["hello", "again"]

    run_on(make_loop, main())


def test_what_was_written_before_leaves(make_loop: LoopFactory) -> None:
    async def main() -> None:
        with socket_pair() as (mine, peer):
            stream: Any = adopted(mine)
            size = 4_000_000  # more than the system takes
            stream.write(bytes(size))
            await asyncio.sleep(0)
            assert stream.has_buffered_output
            del stream
            gc.collect()
            with pytest.warns(ResourceWarning, match="unclosed <active local stream socket"):
                assert await asyncio.to_thread(_count_to_the_end, peer) == size

    run_on(make_loop, main())


def _count_to_the_end(peer: socket.socket) -> int:
    peer.settimeout(PATIENCE)
    count = 0
    while data := peer.recv(1_000_000):
        count += len(data)
    return count


def test_waiting_in_vain_keeps_nothing(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, _):
            for _ in range(2):
                reading = asyncio.create_task(stream.read_line())
                await until_it_waits(reading)
                assert stream._watch.kept is stream
                reading.cancel()
                await asyncio.wait([reading])
                assert stream._watch.kept is None

    run_on(make_loop, main())


def test_datagrams_that_are_forgotten_close_themselves_and_say_so(make_loop: LoopFactory) -> None:
    async def main() -> None:
        with make_socket(type="datagram", local_host="127.0.0.1") as sender:
            options: dict[str, Any] = {"local_host": "127.0.0.1"}
            datagrams: Any = await aio.open_datagrams(**options)
            receiving = asyncio.create_task(datagrams.receive_from())
            await until_it_waits(receiving)
            gc.collect()
            sender.send_to(b"hello", datagrams.local_name, timeout=PATIENCE)
            assert (await receiving).data == b"hello"
            del receiving
            with pytest.warns(ResourceWarning, match="unclosed <IPv4 datagram socket"):
                del datagrams

    run_on(make_loop, main())
