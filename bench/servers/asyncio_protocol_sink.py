"""Counting bytes by an asyncio protocol, on the event loop that the command line names.

With a certificate behind it, over TLS.
"""

import asyncio
import sys
from typing import cast

from bench.certificate import server_context
from bench.event_loops import loop_factory
from bench.numbered import MIB, line
from bench.servers import BACKLOG, HOST


class Sink(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.count = self.answered = 0

    def data_received(self, data: bytes) -> None:
        self.count += len(data)
        while self.count >= MIB:
            self.count -= MIB
            self.transport.write(line(self.answered))
            self.answered += 1


async def main() -> None:
    loop = asyncio.get_running_loop()
    tls = server_context(sys.argv[2:])
    server = await loop.create_server(Sink, HOST, 0, backlog=BACKLOG, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()  # not serve_forever(): it starts rloop's server a second time


with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
    runner.run(main())
