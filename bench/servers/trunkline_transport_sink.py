"""Counting bytes by Trunkline's transport."""

from bench.numbered import MIB, line
from bench.servers import BACKLOG, HOST
from trunkline import EventBase, make_socket
from trunkline.multiplex.listener import listen
from trunkline.multiplex.protocol import TransportProtocol
from trunkline.multiplex.transport import Transport


class Sink(TransportProtocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self.count = self.answered = 0

    def data_received(self, data: bytes) -> None:
        self.count += len(data)
        while self.count >= MIB:
            self.count -= MIB
            self.transport.write(line(self.answered))
            self.answered += 1


with (
    make_socket(connect="passive", local_host=HOST, backlog=BACKLOG) as server,
    EventBase() as base,
    listen(base, server, Sink),
):
    print(server.local_port, flush=True)
    base.dispatch()
