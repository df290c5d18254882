"""Echo of datagrams by Trunkline's endpoint, which delivers one at a time, or many."""

import sys

from bench.servers import HOST
from trunkline import (
    DatagramEndpoint,
    DatagramProtocol,
    EventBase,
    Received,
    Sender,
    open_datagrams,
)


class Echo(DatagramProtocol):
    def connection_made(self, endpoint: DatagramEndpoint) -> None:
        self.endpoint = endpoint

    def datagram_received(self, data: bytes, sender: Sender) -> None:
        self.endpoint.send_to(data, sender)

    def datagrams_received(self, received: list[Received[bytes]]) -> None:
        self.endpoint.send_many(received)


with EventBase() as base:
    endpoint = open_datagrams(
        base, Echo(), local_host=HOST, delivery="many" if sys.argv[1] == "many" else "one"
    )
    print(endpoint.local_name.port, flush=True)
    base.dispatch()
