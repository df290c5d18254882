"""Lines by an asyncio protocol with a splitter written by hand, on the loop that is named."""

import asyncio
import sys
from typing import cast

from bench.event_loops import loop_factory
from bench.servers import BACKLOG, HOST


class EchoLines(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.partial = b""

    def data_received(self, data: bytes) -> None:
        *lines, self.partial = (self.partial + data).split(b"\n")
        for line in lines:
            self.line_received(line)

    def line_received(self, line: bytes) -> None:
        self.transport.write(line + b"\n")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(EchoLines, HOST, 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()  # not serve_forever(): it starts rloop's server a second time


with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
    runner.run(main())
