"""Pipes as transports, and files that are sent."""

import asyncio
import os
import socket
import tempfile
from collections.abc import Iterator
from io import BytesIO, FileIO
from pathlib import Path
from typing import IO, Any

import pytest
from aio.test_connections import Recorder, connected
from support.timing import PATIENCE

from trunkline import aio
from trunkline.aio import EventLoop, running_loop

CONTENTS = bytes(range(256)) * 12_345


@pytest.fixture
def pipe() -> Iterator[tuple[FileIO, FileIO]]:
    """Both ends of a pipe."""
    numbers = os.pipe()
    with FileIO(numbers[0], "rb") as reader, FileIO(numbers[1], "wb") as writer:
        yield reader, writer


Pipe = tuple[FileIO, FileIO]


class Writing(asyncio.BaseProtocol):
    """A protocol for an end that is written to."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[Exception | None] = running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)


class Reading(Recorder):
    """A protocol for an end that is read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")


def test_a_pipe_is_read_until_its_end(pipe: Pipe) -> None:
    async def main() -> None:
        loop = running_loop()
        transport, protocol = await loop.connect_read_pipe(Reading, pipe[0])
        assert isinstance(transport, asyncio.ReadTransport)
        assert not isinstance(transport, asyncio.WriteTransport)
        assert transport.get_extra_info("pipe") is pipe[0]
        protocol.keeps_open = True  # which it cannot
        pipe[1].write(b"through the pipe")
        await protocol.until(16)
        pipe[1].close()
        assert await protocol.lost is None
        assert protocol.calls == ["made", "data", "eof", "lost"]
        assert pipe[0].closed

    aio.run(main())


def test_a_pipe_is_written_to(pipe: Pipe) -> None:
    async def main() -> None:
        loop = running_loop()
        transport, protocol = await loop.connect_write_pipe(Writing, pipe[1])
        assert isinstance(transport, asyncio.WriteTransport)
        assert not isinstance(transport, asyncio.ReadTransport)
        transport.write(CONTENTS)
        transport.write_eof()
        assert transport.is_closing()
        assert await loop.run_in_executor(None, pipe[0].read) == CONTENTS
        assert await protocol.lost is None
        assert pipe[1].closed

    aio.run(main())


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_that_nobody_reads_any_more_is_noticed(kind: str) -> None:
    async def main() -> None:
        loop = running_loop()
        if kind == "pipe":
            numbers = os.pipe()
        else:
            numbers = tuple(end.detach() for end in socket.socketpair())  # type: ignore[assignment]
        transport, protocol = await loop.connect_write_pipe(Writing, FileIO(numbers[1], "wb"))
        os.close(numbers[0])
        async with asyncio.timeout(PATIENCE):
            assert await protocol.lost is None
        assert transport.is_closing()

    aio.run(main())


def test_what_is_queued_then_is_an_error(pipe: Pipe) -> None:
    async def main() -> None:
        loop = running_loop()
        transport, protocol = await loop.connect_write_pipe(Writing, pipe[1])
        transport.write(CONTENTS)
        assert transport.get_write_buffer_size()
        pipe[0].close()
        async with asyncio.timeout(PATIENCE):
            assert isinstance(await protocol.lost, BrokenPipeError)

    aio.run(main())


def test_a_terminal_is_a_pipe_too() -> None:
    async def main() -> None:
        loop = running_loop()
        ours, theirs = os.openpty()
        writing, writer = await loop.connect_write_pipe(Writing, FileIO(os.dup(ours), "wb"))
        reading, reader = await loop.connect_read_pipe(Reading, FileIO(ours, "rb"))
        writing.write(b"typed\n")
        assert os.read(theirs, 100) == b"typed\n"
        os.write(theirs, b"shown")
        await reader.until(12)
        assert reader.data == b"typed\r\nshown"  # the terminal has echoed
        writing.close()
        reading.close()
        await writer.lost
        await reader.lost
        os.close(theirs)

    aio.run(main())


def test_a_file_is_no_pipe(loop: EventLoop) -> None:
    with tempfile.TemporaryFile() as file, pytest.raises(ValueError, match="neither a pipe"):
        loop.run_until_complete(loop.connect_read_pipe(asyncio.Protocol, file))


# -- files -----------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Iterator[IO[bytes]]:
    """A file with something in it."""
    path = tmp_path / "file"
    path.write_bytes(CONTENTS)
    with path.open("rb") as file:
        yield file


async def receive_all(peer: socket.socket) -> bytes:
    """Receive until the end."""
    received = bytearray()
    while data := await running_loop().sock_recv(peer, 65536):
        received += data
    return bytes(received)


class OnlyReads:
    """A file that the system does not know."""

    def __init__(self, contents: bytes) -> None:
        self._contents = BytesIO(contents)
        self.read, self.seek, self.tell = (
            self._contents.read,
            self._contents.seek,
            self._contents.tell,
        )


@pytest.mark.parametrize("is_real", [True, False])
@pytest.mark.parametrize(("offset", "count"), [(0, None), (1000, 2000), (5, 3_000_000)])
def test_a_file_is_sent_between_what_is_written(
    file: IO[bytes], is_real: bool, offset: int, count: int | None
) -> None:
    source: Any = file if is_real else OnlyReads(CONTENTS)
    part = CONTENTS[offset:][:count]

    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, protocol, peer):
            receiving = asyncio.create_task(receive_all(peer))
            transport.write(b"before" * 100_000)
            assert await loop.sendfile(transport, source, offset, count) == len(part)
            assert source.tell() == offset + len(part)
            transport.write(b"after")
            transport.close()
            assert await receiving == b"before" * 100_000 + part + b"after"
            assert await protocol.lost is None

    aio.run(main())


@pytest.mark.parametrize("is_real", [True, False])
def test_a_file_is_sent_to_a_socket(file: IO[bytes], is_real: bool) -> None:
    source: Any = file if is_real else OnlyReads(CONTENTS)

    async def main() -> None:
        loop = running_loop()
        one, other = socket.socketpair()
        with one, other:
            one.setblocking(False)
            other.setblocking(False)
            receiving = asyncio.create_task(receive_all(other))
            assert await loop.sock_sendfile(one, source, 10) == len(CONTENTS) - 10
            assert source.tell() == len(CONTENTS)
            one.close()
            assert await receiving == CONTENTS[10:]

    aio.run(main())


def test_nothing_is_written_or_read_meanwhile(file: IO[bytes]) -> None:
    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, _, peer):
            sending = asyncio.create_task(loop.sendfile(transport, file))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="sendfile is in progress"):
                transport.write(b"x")
            assert not transport.is_reading()
            with pytest.raises(ValueError, match="file is being sent"):
                transport.detach()
            receiving = asyncio.create_task(receive_all(peer))
            await sending
            assert transport.is_reading()
            transport.close()
            await receiving

    aio.run(main())


def test_output_that_is_held_meanwhile_goes_on_with_the_file(file: IO[bytes]) -> None:
    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, _, peer):
            transport.hold_output()
            sending = asyncio.create_task(loop.sendfile(transport, file))
            await asyncio.sleep(0)
            transport.release_output()
            receiving = asyncio.create_task(receive_all(peer))
            await sending
            assert transport.bytes_sent == len(CONTENTS)
            transport.close()
            assert await receiving == CONTENTS

    aio.run(main())


@pytest.mark.parametrize("is_real", [True, False])
def test_a_peer_that_goes_away_is_an_error(file: IO[bytes], is_real: bool) -> None:
    source: Any = file if is_real else OnlyReads(CONTENTS)

    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, protocol, peer):
            sending = asyncio.create_task(loop.sendfile(transport, source))
            await loop.sock_recv(peer, 1000)
            peer.close()
            with pytest.raises(ConnectionError):
                await sending
            assert transport.is_closing()
            assert "lost" in protocol.calls or not protocol.lost.done()

    aio.run(main())


@pytest.mark.parametrize("tries", [1, 2])
def test_what_sending_a_file_raises_is_told(
    file: IO[bytes], tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it raises need not be an `OSError`: some replace it by what knows no better."""
    outcomes: list[type[Exception]] = [BlockingIOError] * (tries - 1) + [NotImplementedError]

    def sendfile(*_: object) -> int:
        raise outcomes.pop(0)("no such thing")

    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, _, peer):
            with pytest.raises(NotImplementedError, match="no such thing"):
                await loop.sendfile(transport, file)
            assert not outcomes
            transport.write(b"and on")
            assert await loop.sock_recv(peer, 6) == b"and on"

    monkeypatch.setattr(os, "sendfile", sendfile)
    aio.run(main())


def test_closing_sends_the_rest_of_the_file_and_aborting_does_not(file: IO[bytes]) -> None:
    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, _, peer):
            sending = asyncio.create_task(loop.sendfile(transport, file))
            await asyncio.sleep(0)
            transport.close()
            assert await receive_all(peer) == CONTENTS
            assert await sending == len(CONTENTS)
        async with connected() as (transport, _, peer):
            sending = asyncio.create_task(loop.sendfile(transport, file))
            await asyncio.sleep(0)
            transport.abort()
            with pytest.raises(ConnectionError):
                await sending

    aio.run(main())


def test_without_the_system_it_may_be_refused() -> None:
    async def main() -> None:
        loop = running_loop()
        async with connected() as (transport, _, _):
            with pytest.raises(asyncio.SendfileNotAvailableError):
                await loop.sendfile(transport, OnlyReads(b"x"), fallback=False)
            with pytest.raises(ValueError, match="count"):
                await loop.sendfile(transport, OnlyReads(b"x"), 0, 0)
            with pytest.raises(TypeError, match="offset"):
                await loop.sendfile(transport, OnlyReads(b"x"), "0")  # type: ignore[arg-type]
            transport.close()
            with pytest.raises(RuntimeError, match="closing"):
                await loop.sendfile(transport, OnlyReads(b"x"))

    aio.run(main())
