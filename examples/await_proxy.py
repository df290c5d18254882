"""A proxy by await: each client gets a connection of its own to a server, and bytes go both ways.

Neither side is read faster than the other one takes it. What one side ends, the other one sees
ended, and may still answer; what one side breaks off is broken off for the other one, too.

    .venv/bin/python examples/await_proxy.py --port 9998 --to-host localhost --to-port 9999
"""

import asyncio
import sys

from supporting import HOST, PORT, add_listening_port, parser_for, port_number, run, say
from supporting_await import add_loop, run_on

from trunkline import AddressInUse, TrunklineError, aio

CONNECT_TIMEOUT = 10.0
"""So many seconds the server has to accept a connection."""


# [proxy]
async def pump(source: aio.AsyncStream, target: aio.AsyncStream) -> None:
    """Hand on what comes, until its end, and hand on that."""
    try:
        while data := await source.read():
            await target.write(data)  # which waits while too much is waiting already
        await target.shutdown(write=True)
    except BaseException:
        # Half of a conversation is no use: whoever is at either side is told.
        source.abort(reset=True)
        target.abort(reset=True)
        raise


async def join(client: aio.AsyncStream, host: str, port: int) -> None:
    """Connect a client with a server, until both have ended."""
    try:
        stream = await aio.open_stream(host, port, connect_timeout=CONNECT_TIMEOUT)
        async with stream as server, asyncio.TaskGroup() as directions:
            directions.create_task(pump(client, server))
            directions.create_task(pump(server, client))
    except* TrunklineError as group:
        say(f"{client.remote_name}: {group.exceptions[0]}")
        client.abort(reset=True)


# [/proxy]


# [entry]
async def serve(port: int, host: str, to_port: int) -> None:
    async def handle(client: aio.ServerStream) -> None:
        await join(client, host, to_port)

    async with aio.serve(handle, host="127.0.0.1", port=port) as server:
        say(f"Listening at {server.local_names[0]}, for {host}:{to_port}")
        await server.wait()


def await_proxy(loop: str, port: int, host: str, to_port: int) -> None:
    try:
        run_on(loop, serve(port, host, to_port))
    except AddressInUse:
        sys.exit("Bind: Address already in use")


# [/entry]

if __name__ == "__main__":
    parser = parser_for(await_proxy)
    add_listening_port(parser, PORT - 1)
    parser.add_argument("--to-host", default=HOST, help="the server's name (%(default)s)")
    parser.add_argument("--to-port", type=port_number, default=PORT, help="(%(default)s)")
    add_loop(parser)
    run(
        parser,
        lambda chosen: await_proxy(chosen.loop, chosen.port, chosen.to_host, chosen.to_port),
    )
