"""Echo by `trunkline.evented`: the example of that name, without what it prints."""

import sys

from bench.servers import BACKLOG, HOST
from trunkline.evented import AsyncSocket, Event, EventKind, start_event_loop, tcp_server

HIGH_WATER = 65_536


def on_data(sock: AsyncSocket, data: bytes) -> None:
    sock.write(data, enable=False)
    if sock.buffered_output > HIGH_WATER:
        sock.disable(read=True)


def on_written(sock: AsyncSocket) -> None:
    sock.enable(read=True)


def on_event(event: Event) -> None:
    if event.kind is EventKind.ACCEPT_ERROR:
        sys.exit(str(event))


def main() -> None:
    server = tcp_server(
        HOST, 0, on_data, on_event, write_cb=on_written, backlog=BACKLOG, nodelay=True
    )
    print(server.local_name.port, flush=True)


start_event_loop(main)
