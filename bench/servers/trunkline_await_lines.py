"""Lines by Trunkline's streams to await, on the event loop that the command line names."""

import asyncio
import sys

from bench.event_loops import loop_factory
from bench.servers import BACKLOG, CONNECTIONS, HOST
from trunkline.aio import ServerStream, serve


async def echo_lines(stream: ServerStream) -> None:
    async for line in stream:
        await stream.write_line(line)


async def main() -> None:
    server = serve(
        echo_lines, host=HOST, port=0, backlog=BACKLOG, max_connections=CONNECTIONS, nodelay=True
    )
    print(server.port, flush=True)
    await server.serve_forever()


with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
    runner.run(main())
