"""A proxy: each client gets a connection of its own to a server, and bytes go both ways.

Each of the two sockets has the other one as its `data`. Neither side is read faster than the other
one takes it: what the proxy holds is limited, however much goes through.

    .venv/bin/python examples/evented_proxy.py --port 9998 --to-host localhost --to-port 9999

When one side has finished, so has the other one: who waits for an answer must not finish first.
"""

import sys

from supporting import HOST, PORT, parser_for, port_number, run

from trunkline.evented import (
    AsyncSocket,
    Event,
    EventKind,
    SocketServer,
    start_event_loop,
    tcp_connect,
    tcp_server,
)

HIGH_WATER = 65_536
"""How many bytes may wait for one side before nothing more is read from the other one."""


# [proxy]
class Proxy:
    """Connects whoever connects to it with a server.

    Args:
        host: The server.
        port: Its port.
    """

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.most_buffered = 0

    def listen(self, port: int) -> SocketServer:
        """Begin to accept clients, in the current loop."""
        return tcp_server(
            "127.0.0.1",
            port,
            self.on_data,
            self.on_event,
            connect_cb=self.on_client,
            write_cb=self.on_written,
        )

    def on_client(self, client: AsyncSocket) -> None:
        """Connect to the server; what the client says meanwhile is queued."""
        upstream = tcp_connect(
            self.host, self.port, self.on_data, self.on_event, write_cb=self.on_written
        )
        client.data, upstream.data = upstream, client

    # [/proxy]

    # [pressure]
    def on_data(self, source: AsyncSocket, data: bytes) -> None:
        """Hand it on, and wait if the other side does not keep up."""
        target: AsyncSocket = source.data
        # Without `enable=False`, writing to a side would begin to read from it again.
        target.write(data, enable=False)
        self.most_buffered = max(self.most_buffered, target.buffered_output)
        if target.buffered_output > HIGH_WATER:
            source.disable(read=True)

    def on_written(self, target: AsyncSocket) -> None:
        """All of it has been taken: read more from the other side."""
        source: AsyncSocket = target.data
        source.enable(read=True)

    # [/pressure]

    # [end]
    def on_event(self, event: Event) -> None:
        """One side has ended: so does the other one, when it has got everything."""
        if event.kind is EventKind.ACCEPT_ERROR:
            sys.exit(str(event))  # it is not a side, but the server itself
        other: AsyncSocket = event.source.data
        if not other.closed:
            other.close()

    # [/end]


# [entry]
def evented_proxy(port: int, host: str, to_port: int) -> None:
    proxy = Proxy(host, to_port)

    def main() -> None:
        server = proxy.listen(port)
        print(f"Listening at {server.local_name}, for {host}:{to_port}")

    try:
        start_event_loop(main)
    finally:
        print(f"Closed. At most {proxy.most_buffered} bytes were waiting.")


# [/entry]

if __name__ == "__main__":
    parser = parser_for(evented_proxy)
    parser.add_argument("--port", type=port_number, default=PORT - 1, help="(%(default)s)")
    parser.add_argument("--to-host", default=HOST, help="the server's name (%(default)s)")
    parser.add_argument("--to-port", type=port_number, default=PORT, help="(%(default)s)")
    run(parser, lambda chosen: evented_proxy(chosen.port, chosen.to_host, chosen.to_port))
