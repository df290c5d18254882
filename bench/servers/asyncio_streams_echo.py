"""Echo by asyncio streams, on the event loop of the package that the command line names."""

import asyncio
import sys

from bench.event_loops import loop_factory
from bench.servers import BACKLOG, HOST, RECEIVE_LIMIT


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(RECEIVE_LIMIT):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(echo, HOST, 0, backlog=BACKLOG, limit=RECEIVE_LIMIT)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()  # not serve_forever(): it starts rloop's server a second time


with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
    runner.run(main())
