"""Gets a page by HTTP, with callbacks: the request is given along with the address.

    .venv/bin/python examples/evented_get.py --host www.example.org --port 80

It ends well if the server has finished, and says what was wrong otherwise.
"""

import sys

from supporting import HOST, PORT, run_client, show

from trunkline.evented import AsyncSocket, Event, EventKind, start_event_loop, tcp_connect

READ_TIMEOUT = 10.0


# [get]
def evented_get(host: str = HOST, port: int = PORT) -> None:
    page = bytearray()
    ends: list[Event] = []

    def on_data(sock: AsyncSocket, data: bytes) -> None:
        page.extend(data)

    def main() -> None:
        # It returns at once. The name is looked up, and the request is sent, when it may be.
        tcp_connect(
            host,
            port,
            on_data,
            ends.append,
            data=f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n",
            read_timeout=READ_TIMEOUT,
        )

    start_event_loop(main)  # until nothing is open any more
    [end] = ends
    show([page])
    if end.kind is not EventKind.EOF:  # anything but that the server has finished
        sys.exit(f"{end.kind.value}: {end.error}")


# [/get]

if __name__ == "__main__":
    run_client(evented_get)
