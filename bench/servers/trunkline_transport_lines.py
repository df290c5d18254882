"""Lines by Trunkline's transport, delivering them one by one."""

from bench.servers import BACKLOG, HOST
from trunkline import EventBase, make_socket
from trunkline.multiplex.listener import listen
from trunkline.multiplex.protocol import TransportProtocol
from trunkline.multiplex.transport import Transport


class EchoLines(TransportProtocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def line_received(self, line: str) -> None:
        self.transport.write(line + "\n")


with (
    make_socket(connect="passive", local_host=HOST, backlog=BACKLOG) as server,
    EventBase() as base,
    listen(base, server, EchoLines, delivery="lines"),
):
    print(server.local_port, flush=True)
    base.dispatch()
