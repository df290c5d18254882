"""Much output by Trunkline's transport, which pauses when it is told to.

With a certificate on the command line, over TLS.
"""

import sys

from bench.numbered import LINE, PIECES
from bench.servers import BACKLOG, HOST
from trunkline import TLS, EventBase, make_socket
from trunkline.multiplex.listener import listen
from trunkline.multiplex.protocol import TransportProtocol
from trunkline.multiplex.transport import Transport


class Source(TransportProtocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self.asked = self.written = 0
        self.may_write = True

    def data_received(self, data: bytes) -> None:
        self.asked += len(data)
        self.write_pieces()

    def pause_writing(self) -> None:
        self.may_write = False

    def resume_writing(self) -> None:
        self.may_write = True
        self.write_pieces()

    def write_pieces(self) -> None:
        while self.may_write and self.written < self.asked // LINE * len(PIECES):
            self.written += 1
            self.transport.write(PIECES[(self.written - 1) % len(PIECES)])


tls = TLS(certificate=sys.argv[1]) if sys.argv[1:] else None
with (
    make_socket(connect="passive", local_host=HOST, backlog=BACKLOG) as server,
    EventBase() as base,
    listen(base, server, Source, tls=tls),
):
    print(server.local_port, flush=True)
    base.dispatch()
