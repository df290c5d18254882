"""Many clients whose tasks are cancelled at random moments: nothing is lost, and nothing is left.

What is cancelled is begun again until it is done: connecting, TLS, reading, writing, the end, and
on our own loop accepting, too. Each client sends lines of all sizes, and looks whether it gets them
back. That no descriptor and no task is left, the tests' own plugin sees to.

The seed is named in a failure; give it to `TRUNKLINE_TEST_SEED` to meet the same moments again, as
far as the system allows.
"""

import asyncio
import os
import random
import secrets
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from aio.loops import LoopFactory, each_loop, run_on
from servers.serving import HOST
from support.certificates import Certificates
from support.timing import PATIENCE

from trunkline import aio
from trunkline.aio import AsyncStream, ServerStream, open_stream

T = TypeVar("T")

SEED = int(os.environ.get("TRUNKLINE_TEST_SEED") or secrets.randbits(32))

LONGEST = 10 * PATIENCE  # seconds
AT_ONCE = 50
SIZES = (0, 1, 10, 100, 10_000, 200_000)  # of lines; the last one is more than is buffered
WEIGHTS = (5, 5, 5, 5, 5, 1)

how_many = pytest.mark.parametrize(
    "clients",
    [
        20,
        pytest.param(1000, marks=[pytest.mark.thorough, pytest.mark.timeout(2 * LONGEST)]),
    ],
)


class Impatient:
    """Cancels what it awaits, at random moments, and begins it again."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cancelled: int = 0

    async def insist(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what comes of it in the end."""
        while True:
            task = asyncio.create_task(begin())
            turns = self.random.choice((0, 1, 1, 2, 3, 4, 6, 10, 30, None))
            if turns is None:
                await asyncio.wait([task])
            else:
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
            if not task.cancelled():
                return task.result()
            self.cancelled += 1


async def write(impatient: Impatient, stream: AsyncStream, data: bytes) -> None:
    """Write something, which is queued at once, and wait, impatiently, until there is room."""
    room = stream.write(data)

    async def wait() -> None:
        await room

    await impatient.insist(wait)


async def secure(impatient: Impatient, stream: AsyncStream, tls: Any, **options: Any) -> None:
    """Begin with TLS, and go on with what was begun."""

    async def go_on() -> None:
        if stream.speaks_tls:
            await stream.handshake()
        else:
            await stream.start_tls(tls, **options)

    await impatient.insist(go_on)


async def echo(impatient: Impatient, stream: AsyncStream, tls: Any) -> None:
    """Send back what comes, and begin with TLS where that is asked for."""
    if await impatient.insist(stream.read_line) == "TLS":
        await write(impatient, stream, b"TLS\n")
        await secure(impatient, stream, tls, server_side=True)
    while data := await impatient.insist(stream.read):
        await write(impatient, stream, data)
    await impatient.insist(stream.finish_output)


class Client:
    """One that sends lines, and looks whether they come back."""

    def __init__(self, impatient: Impatient, port: int, tls: Any) -> None:
        self._impatient = impatient
        self._port = port
        self._tls = tls
        self._sizes = impatient.random.choices(SIZES, WEIGHTS, k=impatient.random.randrange(4))

    async def talk(self) -> None:
        impatient = self._impatient
        stream = await impatient.insist(lambda: open_stream(HOST, self._port, timeout=PATIENCE))
        async with stream:
            if impatient.random.random() < 0.1:
                await write(impatient, stream, b"TLS\n")
                assert await impatient.insist(stream.read_line) == "TLS"
                await secure(impatient, stream, self._tls)
            else:
                await write(impatient, stream, b"plain\n")
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(stream))
                group.create_task(self._receive(stream))

    def _line(self, number: int, size: int) -> bytes:
        return b"%d " % number + bytes([48 + number]) * size + b"\n"

    async def _send(self, stream: AsyncStream) -> None:
        impatient = self._impatient
        for number, size in enumerate(self._sizes):
            await write(impatient, stream, self._line(number, size))
            if impatient.random.random() < 0.5:
                await impatient.insist(stream.finish_output)
        await impatient.insist(lambda: stream.shutdown(write=True))

    async def _receive(self, stream: AsyncStream) -> None:
        insist, random = self._impatient.insist, self._impatient.random
        for number, size in enumerate(self._sizes):
            expected = self._line(number, size)
            way = random.randrange(3)
            if way == 0:
                line = await insist(lambda: stream.read_line(limit=None))
                assert line.encode() + b"\n" == expected
            elif way == 1:
                assert await insist(lambda: stream.read_until(b"\n", limit=None)) == expected
            else:
                count = len(expected)
                assert await insist(lambda: stream.read_exactly(count)) == expected  # noqa: B023
        assert await insist(stream.read) == b""


async def all_of(clients: int, make: Callable[[], Client]) -> None:
    """Have so many clients talk, some at a time."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def talk() -> None:
        async with turn:
            await make().talk()

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(talk())


@each_loop
@how_many
def test_what_is_cancelled_loses_nothing(
    make_loop: LoopFactory, clients: int, certificates: Certificates
) -> None:
    impatient = Impatient(SEED)
    client_tls, server_tls = certificates.client_context(), certificates.server_context()

    async def handle(stream: ServerStream) -> None:
        await echo(impatient, stream, server_tls)

    async def main() -> None:
        async with aio.serve(handle, host=HOST) as server:
            await all_of(clients, lambda: Client(impatient, server.port, client_tls))
        assert impatient.cancelled > clients

    print(f"TRUNKLINE_TEST_SEED={SEED}")
    run_on(make_loop, main(), timeout=LONGEST)


def test_accepting_that_is_cancelled_loses_no_connection() -> None:
    """On our loop: asyncio's own loses one that it has accepted just then."""
    impatient = Impatient(SEED)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def connect(number: int) -> None:
            for _ in range(impatient.random.randrange(100)):
                await asyncio.sleep(0)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
            writer.close()
            await writer.wait_closed()

        async def answer(connection: socket.socket) -> None:
            with connection:
                data = b""
                while not data.endswith(b"\n"):
                    data += await impatient.insist(lambda: loop.sock_recv(connection, 100))
                await loop.sock_sendall(connection, data)

        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(connect(number))
            for _ in range(AT_ONCE):
                connection, _ = await impatient.insist(lambda: loop.sock_accept(listener))
                group.create_task(answer(connection))
        assert impatient.cancelled > 0

    print(f"TRUNKLINE_TEST_SEED={SEED}")
    with socket.create_server((HOST, 0)) as listener:
        listener.setblocking(False)
        run_on(aio.EventLoop, main())
