"""Sends back what it receives, and reads no faster than its clients do.

Ctrl-C ends it.
"""

import sys

from supporting import PORT, run_server

from trunkline.evented import AsyncSocket, Event, EventKind, start_event_loop, tcp_server

HIGH_WATER = 65_536
"""How many bytes may wait to be taken by a client before nothing more is read from it."""


# [echo]
def on_connect(sock: AsyncSocket) -> None:
    print(f"Accepted {sock.remote_name}")


def on_data(sock: AsyncSocket, data: bytes) -> None:
    sock.write(data, enable=False)
    if sock.buffered_output > HIGH_WATER:
        sock.disable(read=True)


def on_written(sock: AsyncSocket) -> None:
    sock.enable(read=True)


def on_event(event: Event) -> None:
    if event.kind is EventKind.ACCEPT_ERROR:
        sys.exit(str(event))  # it is not a client's, but the server's own
    # What is still to be sent to a client that has finished is sent; then the socket is closed.
    print(f"{event.source.remote_name}: {event.kind.value}")


def evented_echo(port: int = PORT) -> None:
    def main() -> None:
        server = tcp_server(
            "127.0.0.1", port, on_data, on_event, connect_cb=on_connect, write_cb=on_written
        )
        print(f"Listening at {server.local_name}")

    start_event_loop(main)


# [/echo]

if __name__ == "__main__":
    run_server(evented_echo)
