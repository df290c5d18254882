"""Echo by Trunkline's transport, delivering bytes."""

from bench.servers import BACKLOG, HOST
from trunkline import EventBase, make_socket
from trunkline.multiplex.listener import listen
from trunkline.multiplex.protocol import TransportProtocol
from trunkline.multiplex.transport import Transport


class Echo(TransportProtocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


with (
    make_socket(connect="passive", local_host=HOST, backlog=BACKLOG) as server,
    EventBase() as base,
    listen(base, server, Echo),
):
    print(server.local_port, flush=True)
    base.dispatch()
