"""Sending files by an awaited stream: what arrives, who waits meanwhile, and what goes wrong."""

import asyncio
import contextlib
import io
import socket
from pathlib import Path
from typing import IO, Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on, stream_and_peer, until_it_waits
from servers.serving import HOST
from sockets.test_send_file import DATA, FAMILIES, KINDS
from support.certificates import Certificates
from support.peers import receive_exactly, reset
from support.timing import MS, PATIENCE

from trunkline import (
    Busy,
    ConnectionReset,
    FileTooShort,
    Hangup,
    SocketClosed,
    SocketError,
    TimedOut,
    aio,
)
from trunkline.aio import AsyncStream, ServerStream, open_stream

pytestmark = each_loop

ON_A_DISK = ["buffered", "unbuffered", "for writing, too", "not yet flushed", "temporary"]

LARGE = 20_000_000  # more than the system takes from one who does not read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


async def received(peer: socket.socket, count: int) -> bytes:
    """Receive exactly so much, in a thread."""
    return await asyncio.to_thread(receive_exactly, peer, count)


async def waits(stream: AsyncStream, file: IO[bytes], **options: Any) -> "asyncio.Task[int]":
    """Return a task that sends a file, and waits for the peer to receive."""
    task = asyncio.create_task(stream.send_file(file, **options))
    while not stream._writers and not task.done():
        await asyncio.sleep(0)
    return task


# -- what arrives ---------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("kind", ON_A_DISK)
def test_all_of_a_file_is_sent_between_what_is_written(
    make_loop: LoopFactory, family: socket.AddressFamily, kind: str, path: Path
) -> None:
    async def main() -> None:
        whole = b"before" + DATA + b"after"
        async with stream_and_peer(family) as (stream, peer):
            receiving = asyncio.create_task(received(peer, len(whole)))
            with KINDS[kind](path) as file:
                await stream.write("before")
                assert await stream.send_file(file) == len(DATA)
                await stream.write("after")
                assert file.read(1) == b""  # as if it had been read
            assert await receiving == whole

    run_on(make_loop, main())


@pytest.mark.parametrize("secured", [False, True])
def test_a_server_sends_it_within_its_limits(
    make_loop: LoopFactory, secured: bool, path: Path, certificates: Certificates
) -> None:
    async def send(stream: ServerStream) -> None:
        await stream.write("here it is: ")
        with path.open("rb") as file:
            assert await stream.send_file(file, offset=10) == len(DATA) - 10
            assert file.tell() == 0
        assert secured or stream.bytes_sent == len(b"here it is: ") + len(DATA) - 10

    async def main() -> None:
        options: dict[str, Any] = {"tls": certificates.server_tls} if secured else {}
        client: dict[str, Any] = {"tls": certificates.client_tls} if secured else {}
        async with (
            aio.serve(send, host=HOST, write_timeout=PATIENCE, **options) as server,
            await open_stream(HOST, server.port, **client) as stream,
        ):
            assert await stream.read_exactly(12) == b"here it is: "
            assert await stream.read_exactly(len(DATA) - 10) == DATA[10:]
            assert await stream.read() == b""
        assert server.statistics().finished == 1

    run_on(make_loop, main())


def test_progress_is_told_and_others_have_their_turns(make_loop: LoopFactory, large: Path) -> None:
    told: list[int] = []
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, peer):
            receiving = asyncio.create_task(received(peer, 3_000_000))
            counting = asyncio.create_task(count())
            with large.open("rb") as file:
                await stream.send_file(file, count=3_000_000, progress=told.append)
                assert file.tell() == 3_000_000
            counting.cancel()
            await receiving
        assert told == sorted(set(told))
        assert told[-1] == 3_000_000
        assert turns >= len(told) - 1 >= 3_000_000 // 262_144

    run_on(make_loop, main())


def test_the_file_may_be_closed_meanwhile(make_loop: LoopFactory, large: Path) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            with large.open("rb") as file:
                sending = await waits(stream, file)
            receiving = asyncio.create_task(received(peer, LARGE))
            assert await sending == LARGE
            await receiving

    run_on(make_loop, main())


# -- what others do meanwhile ---------------------------------------------------------------------


def test_what_others_write_meanwhile_comes_behind_it(make_loop: LoopFactory, large: Path) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            stream.write("before")
            with large.open("rb") as file:
                sending = await waits(stream, file)
                stream.write("behind")
                finishing = asyncio.ensure_future(stream.write("!", flush=True))
                with pytest.raises(Busy):
                    await stream.send_file(file)
                with pytest.raises(Busy):
                    stream.detach()
                assert not stream.force_output()
                whole = await received(peer, len("before") + LARGE + len("behind!"))
                assert await sending == LARGE
                await finishing
        assert whole[:6] == b"before"
        assert whole[6:-7].count(0) == LARGE
        assert whole[-7:] == b"behind!"

    run_on(make_loop, main())


def test_closing_waits_for_it(make_loop: LoopFactory, large: Path) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            with large.open("rb") as file:
                sending = await waits(stream, file)
                closing = asyncio.create_task(stream.close())
                await until_it_waits(closing)
                assert len(await received(peer, LARGE)) == LARGE
                assert await sending == LARGE
                await closing
                assert await asyncio.to_thread(peer.recv, 1) == b""

    run_on(make_loop, main())


def test_closing_does_not_wait_for_ever(make_loop: LoopFactory, large: Path) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, _):
            with large.open("rb") as file:
                sending = await waits(stream, file)
                with pytest.raises(TimedOut, match=r"^close "):
                    await stream.close(timeout=5 * MS)
                assert stream.closed
                with pytest.raises(SocketClosed) as caught:
                    await sending
                assert 0 <= caught.value.sent == file.tell() < LARGE

    run_on(make_loop, main())


# -- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["cancelling", "time"])
def test_who_gives_up_can_go_on_from_there(make_loop: LoopFactory, by: str, large: Path) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            with large.open("rb") as file:
                if by == "time":
                    with pytest.raises(TimedOut) as caught:
                        await stream.send_file(file, timeout=5 * MS)
                    assert caught.value.sent == file.tell()
                else:
                    sending = await waits(stream, file)
                    sending.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await sending
                assert 0 <= (sent := file.tell()) < LARGE
                receiving = asyncio.create_task(received(peer, LARGE))
                assert await stream.send_file(file) == LARGE - sent
                assert (await receiving).count(0) == LARGE

    run_on(make_loop, main())


def test_a_peer_that_goes_is_told_with_how_much_was_sent(
    make_loop: LoopFactory, large: Path
) -> None:
    async def main() -> None:
        async with stream_and_peer(socket.AF_INET) as (stream, peer):
            with large.open("rb") as file:
                sending = await waits(stream, file)
                reset(peer)
                with pytest.raises((Hangup, ConnectionReset)) as caught:
                    await sending
                assert caught.value.operation == "send_file"
                assert 0 <= caught.value.sent == file.tell() < LARGE
                with pytest.raises(SocketError):
                    await stream.send_file(file)

    run_on(make_loop, main())


def test_a_file_that_becomes_too_short_is_told(make_loop: LoopFactory, large: Path) -> None:
    async def main() -> None:
        async with stream_and_peer() as (stream, peer):
            with large.open("r+b") as file:
                sending = await waits(stream, file)
                file.truncate(LARGE // 2)
                receiving = asyncio.create_task(received(peer, LARGE // 2 + 3))
                with pytest.raises(FileTooShort) as caught:
                    await sending
                assert caught.value.sent == LARGE // 2
                await stream.write("end")  # the connection is still there
                assert (await receiving)[-3:] == b"end"
                with pytest.raises(FileTooShort) as caught:
                    await stream.send_file(file, offset=0, count=LARGE)
                assert caught.value.sent == 0

    run_on(make_loop, main())


def test_what_cannot_be_sent(make_loop: LoopFactory, path: Path) -> None:
    async def main() -> None:
        wrong: Any = path.as_posix()
        async with stream_and_peer() as (stream, _), contextlib.AsyncExitStack() as files:
            file = files.enter_context(path.open("rb"))
            with pytest.raises(TypeError, match="on a disk"):
                await stream.send_file(io.BytesIO(DATA))
            with pytest.raises(TypeError, match="binary mode"):
                await stream.send_file(wrong)
            with pytest.raises(ValueError, match="offset"):
                await stream.send_file(file, offset=-1)
            with pytest.raises(TypeError, match="progress"):
                await stream.send_file(file, progress=wrong)
            stream.external_format = "utf-16"
            with pytest.raises(ValueError, match="in the middle of utf-16"):
                await stream.send_file(file)
            stream.abort()
            with pytest.raises(SocketClosed):
                await stream.send_file(file)

    run_on(make_loop, main())
