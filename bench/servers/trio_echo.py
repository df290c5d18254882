"""Echo by trio, a task for each connection."""

# mypy: disable-error-code="import-not-found"

import trio

from bench.servers import BACKLOG, HOST, RECEIVE_LIMIT


async def echo(stream: trio.SocketStream) -> None:
    while data := await stream.receive_some(RECEIVE_LIMIT):
        await stream.send_all(data)


async def main() -> None:
    listeners = await trio.open_tcp_listeners(0, host=HOST, backlog=BACKLOG)
    print(listeners[0].socket.getsockname()[1], flush=True)
    await trio.serve_listeners(echo, listeners)


trio.run(main)
