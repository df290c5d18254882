"""Much output by an asyncio protocol, which pauses when it is told to.

With a certificate behind the event loop, over TLS.
"""

import asyncio
import sys
from typing import cast

from bench.certificate import server_context
from bench.event_loops import loop_factory
from bench.numbered import LINE, PIECES
from bench.servers import BACKLOG, HOST


class Source(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.asked = self.written = 0
        self.may_write = True

    def data_received(self, data: bytes) -> None:
        self.asked += len(data)
        self.write_pieces()

    def pause_writing(self) -> None:
        self.may_write = False

    def resume_writing(self) -> None:
        self.may_write = True
        self.write_pieces()

    def write_pieces(self) -> None:
        while self.may_write and self.written < self.asked // LINE * len(PIECES):
            self.written += 1
            self.transport.write(PIECES[(self.written - 1) % len(PIECES)])


async def main() -> None:
    loop = asyncio.get_running_loop()
    tls = server_context(sys.argv[2:])
    server = await loop.create_server(Source, HOST, 0, backlog=BACKLOG, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()  # not serve_forever(): it starts rloop's server a second time


with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
    runner.run(main())
