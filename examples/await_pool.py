"""A pool of echo clients by await: many lines are asked of a server by a few connections.

Each line has a task, which waits for one of the connections, sends the line, and waits for what
comes back; for no longer than it is told. What goes wrong with one is told, and the others go on.

    .venv/bin/python examples/await_pool.py --lines 1000 --connections 10 --timeout 2

The exit status is 0 if every line came back as it was.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from supporting import PORT, add_address, parser_for, run, say
from supporting_await import add_loop, run_on, seconds

from trunkline import TrunklineError, aio


# [pool]
class Pool:
    """Connections to a server, which are used again and again.

    Args:
        host: The server.
        port: Its port.
        size: How many connections there are at once, at most.
        timeout: Seconds for connecting, for writing a line, and for reading one.
    """

    def __init__(self, host: str, port: int, *, size: int, timeout: float) -> None:
        self._host = host
        self._port = port
        self._timeout = timeout
        self._room = asyncio.Semaphore(size)
        self._idle: list[aio.AsyncStream] = []
        self.connected = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[aio.AsyncStream]:
        """Lend a connection, when one is free."""
        async with self._room:
            stream = self._idle.pop() if self._idle else await self._connect()
            try:
                yield stream
            except BaseException:
                stream.abort()  # an answer may still be on its way, and would be taken for the next
                raise
            self._idle.append(stream)

    async def _connect(self) -> aio.AsyncStream:
        stream = await aio.open_stream(
            self._host, self._port, external_format="utf-8/crlf", timeout=self._timeout
        )
        self.connected += 1
        return stream

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        while self._idle:
            await self._idle.pop().close()

    # [/pool]


# [ask]
async def ask(pool: Pool, line: str, good: list[str]) -> None:
    """Send a line, and add it to the good ones if it comes back as it was."""
    try:
        async with pool.connection() as stream:
            await stream.write_line(line)
            answer = await stream.read_line()
    except TrunklineError as error:
        say(f"{line}: {error}")
    else:
        if answer == line:
            good.append(line)
        else:
            say(f"{line}: the server has made {answer!r} of it")


async def ask_all(host: str, port: int, lines: int, connections: int, timeout: float) -> None:
    """Ask all lines, and tell how it went, also if this is cancelled before the end."""
    good: list[str] = []
    async with Pool(host, port, size=connections, timeout=timeout) as pool:
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(1, lines + 1):
                    tasks.create_task(ask(pool, f"line {number}", good))
        except ExceptionGroup as mistakes:
            raise mistakes.exceptions[0] from None  # a host without a name: all say the same
        finally:
            say(f"{len(good)} of {lines} lines came back, by {pool.connected} connections.")
    if len(good) < lines:
        sys.exit(1)


# [/ask]


# [entry]
def positive(text: str) -> int:
    """Return how many an argument says."""
    if not (text.isascii() and text.isdecimal() and 0 < len(text) <= 9 and int(text)):
        raise argparse.ArgumentTypeError(f"at least 1, not {text!r}")
    return int(text)


def await_pool(chosen: argparse.Namespace) -> None:
    """Do what the command line says."""
    run_on(
        chosen.loop,
        ask_all(chosen.host, chosen.port, chosen.lines, chosen.connections, chosen.timeout),
    )


# [/entry]

if __name__ == "__main__":
    parser = parser_for(await_pool)
    add_address(parser, PORT)
    parser.add_argument("--lines", type=positive, default=100, help="how many (%(default)s)")
    parser.add_argument(
        "--connections", type=positive, default=10, help="at most, at once (%(default)s)"
    )
    parser.add_argument(
        "--timeout", type=seconds, default=5.0, help="seconds for each step (%(default)s)"
    )
    add_loop(parser)
    run(parser, await_pool)
