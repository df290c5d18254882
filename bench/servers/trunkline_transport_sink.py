"""Counting bytes by Trunkline's transport.

With a certificate on the command line, over TLS.
"""

import sys

from bench.numbered import MIB, line
from bench.servers import BACKLOG, HOST
from trunkline import TLS, EventBase, make_socket
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


tls = TLS(certificate=sys.argv[1]) if sys.argv[1:] else None
with (
    make_socket(connect="passive", local_host=HOST, backlog=BACKLOG) as server,
    EventBase() as base,
    listen(base, server, Sink, tls=tls),
):
    print(server.local_port, flush=True)
    base.dispatch()
