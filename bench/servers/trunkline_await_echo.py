"""Echo by Trunkline's streams to await, on the event loop that the command line names."""

import asyncio
import sys

from bench.event_loops import loop_factory
from bench.servers import BACKLOG, CONNECTIONS, HOST
from trunkline.aio import ServerStream, serve


async def echo(stream: ServerStream) -> None:
    while data := await stream.read():
        await stream.write(data)


async def main() -> None:
    server = serve(
        echo, host=HOST, port=0, backlog=BACKLOG, max_connections=CONNECTIONS, nodelay=True
    )
    print(server.port, flush=True)
    await server.serve_forever()


with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
    runner.run(main())
