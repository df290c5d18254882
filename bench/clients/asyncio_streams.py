"""asyncio's streams, on the event loop of the package that the command line names."""

import asyncio
import sys
from collections.abc import Sequence

from bench.clients import HOST, Client, run, text_lines
from bench.event_loops import loop_factory


class Streams(Client[bytes]):
    def __init__(self, port: int) -> None:
        self.lines = [line.encode() for line in text_lines()]
        self.loop: asyncio.AbstractEventLoop = loop_factory(sys.argv[1])()
        self.reader, self.writer = self.loop.run_until_complete(asyncio.open_connection(HOST, port))

    def answers(self, lines: Sequence[bytes]) -> list[bytes]:
        return self.loop.run_until_complete(self._answers(lines))

    async def _answers(self, lines: Sequence[bytes]) -> list[bytes]:
        answers = []
        for line in lines:
            self.writer.write(line)
            await self.writer.drain()
            answers.append(await self.reader.readline())
        return answers


run(Streams)
