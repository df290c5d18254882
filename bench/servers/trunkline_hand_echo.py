"""Echo by hand on Trunkline's event base: receive into a buffer of one's own, and send.

It is the tutorial's ex8_server without what it prints. What the client does not take at once waits
in the connection's buffer, and nothing more is received meanwhile.
"""

from functools import partial
from typing import Any

from bench.servers import BACKLOG, HOST, RECEIVE_LIMIT
from trunkline import ActiveSocket, EventBase, PassiveSocket, SocketError, WouldBlock, make_socket

RECEIVED = bytearray(RECEIVE_LIMIT)


class Connection:
    def __init__(self, base: EventBase, client: ActiveSocket) -> None:
        self.base = base
        self.client = client
        self.waiting = b""
        base.set_io_handler(client, "read", self.on_readable)

    def on_readable(self, *_: Any) -> None:
        try:
            count, _ = self.client.receive_from(RECEIVED)
            if not count:
                self.client.close()
                return
            sent = self.client.send_to(RECEIVED, end=count)
        except WouldBlock:
            sent = 0
        except SocketError:
            self.client.close(abort=True)
            return
        if sent < count:
            self.waiting = bytes(RECEIVED[sent:count])
            self.base.remove_fd_handlers(self.client, read=True)
            self.base.set_io_handler(self.client, "write", self.on_writable)

    def on_writable(self, *_: Any) -> None:
        try:
            self.waiting = self.waiting[self.client.send_to(self.waiting) :]
        except WouldBlock:
            return
        except SocketError:
            self.client.close(abort=True)
            return
        if not self.waiting:
            self.base.remove_fd_handlers(self.client, write=True)
            self.base.set_io_handler(self.client, "read", self.on_readable)


def on_client(base: EventBase, server: PassiveSocket, *_: Any) -> None:
    if client := server.accept(timeout=0):
        Connection(base, client)


with (
    make_socket(connect="passive", local_host=HOST, backlog=BACKLOG) as server,
    EventBase() as base,
):
    print(server.local_port, flush=True)
    base.set_io_handler(server, "read", partial(on_client, base, server))
    base.dispatch()
