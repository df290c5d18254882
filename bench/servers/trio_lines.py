"""Lines by trio, which has no `readline`: a splitter written by hand."""

# mypy: disable-error-code="import-not-found"

import trio

from bench.servers import BACKLOG, HOST, RECEIVE_LIMIT


async def echo_lines(stream: trio.SocketStream) -> None:
    partial = b""
    while data := await stream.receive_some(RECEIVE_LIMIT):
        *lines, partial = (partial + data).split(b"\n")
        for line in lines:
            await stream.send_all(line + b"\n")


async def main() -> None:
    listeners = await trio.open_tcp_listeners(0, host=HOST, backlog=BACKLOG)
    print(listeners[0].socket.getsockname()[1], flush=True)
    await trio.serve_listeners(echo_lines, listeners)


trio.run(main)
